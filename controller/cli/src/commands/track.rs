//! `deletion track`: the request, and what becomes of it without a wait. The wait is in `wait`.

use super::deletion::understood;
use super::wait::Wait;
use crate::args::TrackArgs;
use crate::connect::{ANSWER_WITHIN, Controller};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::out::Out;
use crate::render;
use storewarden_proto::v1::TrackRequest;
use storewarden_proto::v1::track_request::Deadline;

/// Tracks the paths of the arguments (those of `--paths-from` are among them by now), and waits for their ends where
/// that was asked for.
pub(super) async fn track(controller: &Controller, out: &mut Out, args: TrackArgs) -> Result<Exit, Failure> {
    let asked = args.paths.len();
    let deadline = Some(Deadline::DeadlineInMs(args.deadline_ms()));
    let key = args.key.unwrap_or_default();
    let request = TrackRequest { store: args.store, paths: args.paths, key: key.clone(), deadline };
    let answer = controller
        .answer(ANSWER_WITHIN, controller.deletions().track(request))
        .await
        .map_err(|failure| unsure(failure, &key))?;
    if answer.deletions.len() != asked {
        let got = answer.deletions.len();
        return Err(Failure::Nonsense(format!("{asked} paths were sent, {got} deletions came back")));
    }
    if !args.wait {
        out.answer(&answer, render::tracked)?;
        return Ok(understood(&answer.deletions));
    }
    Wait::new(controller, out, &answer, &key)?.until_ended(&answer, args.deadline).await
}

/// After a lost answer nobody knows whether the request was accepted; a key makes it safe to send it again.
fn unsure(failure: Failure, key: &str) -> Failure {
    match (&failure, key) {
        (Failure::Lost { .. } | Failure::TimedOut { .. }, "") => failure.resumable(
            "it may have been accepted or not: see `storewarden deletion list`; with a --key it can be sent again safely",
        ),
        (Failure::Lost { .. } | Failure::TimedOut { .. }, _) => {
            failure.resumable("run the same command again: the key makes it one request")
        }
        _ => failure,
    }
}
