//! From stable codes to gRPC. Owns the one table of which status a code travels under, and the shape of an error:
//! google.rpc.ErrorInfo with domain "storewarden", the code as reason, and metadata.

use std::collections::HashMap;
use std::time::Duration;
use storewarden_ledger::LedgerError;
use storewarden_types::{Code, Refusal, limits};
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt};

/// Domain of every ErrorInfo.
pub(crate) const DOMAIN: &str = "storewarden";
/// Longest text of an error, in bytes: it travels as a header, percent-encoded, and headers are bounded by peers.
const TEXT_BYTES_MAX: usize = 1024;
/// When a client may try again what was refused for a passing reason.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The gRPC status that a code travels under. `None`: this code never ends a call (it is a finding, not a refusal).
pub(crate) const fn status_of(code: Code) -> Option<tonic::Code> {
    use tonic::Code as Grpc;
    Some(match code {
        // As sent it can never be done.
        Code::InvalidArgument
        | Code::PathInvalid
        | Code::PathOutsideStore
        | Code::PathReserved
        | Code::BatchTooLarge
        | Code::DeadlineExpired
        | Code::DeadlineTooFar
        | Code::ProtocolViolation => Grpc::InvalidArgument,
        Code::StoreUnknown | Code::DeletionUnknown => Grpc::NotFound,
        // It could be done if something else were otherwise.
        Code::StoreAmbiguous | Code::DeletionEnded | Code::OutboxRolledBack => Grpc::FailedPrecondition,
        Code::KeyReused => Grpc::AlreadyExists,
        Code::CursorInvalid => Grpc::OutOfRange,
        Code::SlowConsumer | Code::Overloaded => Grpc::ResourceExhausted,
        Code::LedgerUnavailable | Code::ShuttingDown => Grpc::Unavailable,
        Code::TimedOut => Grpc::DeadlineExceeded,
        Code::SessionSuperseded => Grpc::Aborted,
        Code::Internal => Grpc::Internal,
        _ => return None,
    })
}

/// Whether the same request may succeed a moment later.
const fn is_passing(code: Code) -> bool {
    matches!(code, Code::Overloaded | Code::LedgerUnavailable | Code::ShuttingDown | Code::SlowConsumer)
}

/// An error for a client.
pub(crate) fn refuse(code: Code, message: impl AsRef<str>) -> Status {
    refuse_with(code, message, HashMap::new())
}

/// An error for a client, with metadata.
pub(crate) fn refuse_with(code: Code, message: impl AsRef<str>, metadata: HashMap<String, String>) -> Status {
    let mut details = ErrorDetails::with_error_info(code.as_str(), DOMAIN, metadata);
    if is_passing(code) {
        details.set_retry_info(Some(RETRY_AFTER));
    }
    let text = limits::clip(message.as_ref(), TEXT_BYTES_MAX);
    Status::with_error_details(status_of(code).unwrap_or(tonic::Code::Unknown), text, details)
}

/// A refusal of the core, as an error for a client.
pub(crate) fn refused(refusal: &Refusal) -> Status {
    refuse(refusal.code, &refusal.message)
}

/// A failure of the ledger, as an error for a client. The path and the cause stay in the log.
pub(crate) fn ledger_failed(error: &LedgerError) -> Status {
    tracing::error!(error = crate::telemetry::chain(error), "the ledger could not be read");
    refuse(Code::LedgerUnavailable, "the controller's ledger cannot be read now; nothing was changed")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The codes from `first` to `last` in the order of their list.
    fn group(first: Code, last: Code) -> impl Iterator<Item = Code> {
        let place = |code| Code::ALL.iter().position(|c| *c == code).unwrap();
        Code::ALL[place(first)..=place(last)].iter().copied()
    }

    #[test]
    fn every_refusal_has_its_status() {
        let refusals: Vec<Code> = group(Code::InvalidArgument, Code::OutboxRolledBack).collect();
        assert!(refusals.len() >= 22, "the list was reordered");
        for code in Code::ALL {
            assert_eq!(status_of(*code).is_some(), refusals.contains(code), "{code}");
        }
        assert!(
            group(Code::InvalidArgument, Code::Internal)
                .all(|code| status_of(code) != Some(tonic::Code::Unknown))
        );
    }

    #[test]
    fn an_error_carries_code_domain_and_metadata() {
        let status = refuse_with(Code::SlowConsumer, "slow", HashMap::from([("cursor".into(), "7".into())]));
        assert_eq!(status.code(), tonic::Code::ResourceExhausted);
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("SLOW_CONSUMER", "storewarden"));
        assert_eq!(info.metadata["cursor"], "7");
        assert!(details.retry_info().is_some());
        assert!(refuse(Code::KeyReused, "k").get_details_retry_info().is_none());
        assert_eq!(refuse(Code::KeyReused, "é".repeat(4000)).message().len(), TEXT_BYTES_MAX);
    }
}
