//! What to do next after a failure, in one line. Owns these sentences.

use crate::failure::Failure;
use storewarden_types::Code;

/// What helps, where something does.
pub(crate) fn next(failure: &Failure) -> Option<String> {
    match failure {
        Failure::Resumable { next, .. } => Some(next.clone()),
        Failure::Unreachable { .. } => Some(
            "is it running? try `storewarden-controller --data DIR`, or set STOREWARDEN_CONTROLLER or --controller to \
             where it listens"
                .into(),
        ),
        Failure::Lost { .. } | Failure::TimedOut { .. } => {
            Some("is it still running? `storewarden stores` asks it again".into())
        }
        Failure::Refused { status: tonic::Code::Unimplemented, .. } => {
            Some("the controller is older than this program, or something else listens there".into())
        }
        _ => of_code(failure.code().parse().ok()?).map(str::to_owned),
    }
}

fn of_code(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::StoreUnknown => "`storewarden stores` lists the stores that are known",
        Code::StoreAmbiguous => "name the store by its source or id; `storewarden stores` lists both",
        Code::DeletionUnknown => "`storewarden deletion list` lists the deletions",
        Code::DeletionEnded => "`storewarden deletion show ID` says how it ended",
        Code::KeyReused => "give another --key, or repeat the first request exactly",
        Code::BatchTooLarge => "split the list into several calls, each with a --key of its own",
        Code::PathOutsideStore => "write the path relative to the store's root",
        Code::DeadlineExpired => "give a longer --deadline",
        Code::DeadlineTooFar => "give a --deadline of at most 7d",
        Code::CursorInvalid => "leave --since out, or give a cursor of this controller's ledger",
        Code::Overloaded => "nothing was accepted; try again later",
        Code::LedgerUnavailable => "nothing was accepted; see the controller's log and its disk",
        Code::Internal => "the controller's log says more",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreachable_controller_teaches_how_to_reach_one() {
        let failure = Failure::Unreachable { url: "http://c".into(), why: "refused".into() };
        let next = next(&failure).expect("a hint");
        assert!(
            next.contains("storewarden-controller --data DIR") && next.contains("STOREWARDEN_CONTROLLER")
        );
    }

    #[test]
    fn an_unknown_code_has_no_hint() {
        let failure = Failure::Refused {
            code: "A_CODE_OF_NEXT_YEAR".into(),
            status: tonic::Code::Internal,
            message: "m".into(),
            metadata: Default::default(),
        };
        assert_eq!(next(&failure), None);
    }
}
