//! Exit codes: what each means, and which stable code or gRPC status leads to which. Owns that table.
//!
//! What this version does not know is a failure: an unknown code falls back on its gRPC status, and no error whatever
//! maps to [`Exit::Done`].

use std::process::ExitCode;
use storewarden_types::Code;

/// The exit codes, for `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
  0  done; preflight: admitted; deletion track --wait: every one is CONFIRMED
  1  failed, or the answer holds a state that this version does not know
  2  usage: the request makes no sense as written, here or to the controller
  3  denied by preflight
  4  not found: no such store or deletion
  5  not verified: deletion track --wait, one did not end CONFIRMED
  6  not allowed
  7  the controller is unreachable, or the time ran out
  8  conflict: KEY_REUSED, DELETION_ENDED
A code, decision or state that this version does not know is never success.
Output cut short by its reader (such as | head) is no failure; preflight and
deletion track --wait keep their exit code even then.
";

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Done = 0,
    Failed = 1,
    Usage = 2,
    Denied = 3,
    NotFound = 4,
    NotVerified = 5,
    NotAllowed = 6,
    Unreachable = 7,
    Conflict = 8,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The exit code of an error: by its stable code where this version knows it, else by its gRPC status.
pub(crate) fn of_error(code: &str, status: tonic::Code) -> Exit {
    match code.parse() {
        Ok(code) => of_code(code),
        Err(_) => of_status(status),
    }
}

fn of_code(code: Code) -> Exit {
    match code {
        Code::StoreUnknown | Code::DeletionUnknown => Exit::NotFound,
        Code::InvalidArgument
        | Code::StoreAmbiguous
        | Code::PathInvalid
        | Code::PathOutsideStore
        | Code::PathReserved
        | Code::BatchTooLarge
        | Code::DeadlineExpired
        | Code::DeadlineTooFar
        | Code::CursorInvalid => Exit::Usage,
        Code::PermissionDenied => Exit::NotAllowed,
        Code::TimedOut | Code::ShuttingDown => Exit::Unreachable,
        Code::KeyReused | Code::DeletionEnded => Exit::Conflict,
        _ => Exit::Failed,
    }
}

fn of_status(status: tonic::Code) -> Exit {
    use tonic::Code as Status;
    match status {
        Status::NotFound => Exit::NotFound,
        Status::InvalidArgument => Exit::Usage,
        Status::PermissionDenied | Status::Unauthenticated => Exit::NotAllowed,
        Status::Unavailable | Status::DeadlineExceeded => Exit::Unreachable,
        Status::AlreadyExists => Exit::Conflict,
        // Also Ok: an error that calls itself OK is one.
        _ => Exit::Failed,
    }
}

/// The name of a gRPC status as its specification spells it.
pub(crate) const fn status_name(status: tonic::Code) -> &'static str {
    use tonic::Code as Status;
    match status {
        Status::Ok => "OK",
        Status::Cancelled => "CANCELLED",
        Status::Unknown => "UNKNOWN",
        Status::InvalidArgument => "INVALID_ARGUMENT",
        Status::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Status::NotFound => "NOT_FOUND",
        Status::AlreadyExists => "ALREADY_EXISTS",
        Status::PermissionDenied => "PERMISSION_DENIED",
        Status::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Status::FailedPrecondition => "FAILED_PRECONDITION",
        Status::Aborted => "ABORTED",
        Status::OutOfRange => "OUT_OF_RANGE",
        Status::Unimplemented => "UNIMPLEMENTED",
        Status::Internal => "INTERNAL",
        Status::Unavailable => "UNAVAILABLE",
        Status::DataLoss => "DATA_LOSS",
        Status::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_error_is_success() {
        for status in (0..=16).map(tonic::Code::from_i32) {
            for code in Code::ALL {
                assert_ne!(of_error(code.as_str(), status), Exit::Done, "{code} {status:?}");
            }
            for code in ["", "A_CODE_OF_NEXT_YEAR"] {
                assert_ne!(of_error(code, status), Exit::Done, "{code} {status:?}");
            }
        }
    }

    #[test]
    fn the_code_is_asked_first_then_the_status() {
        use tonic::Code as Status;
        assert_eq!(of_error("KEY_REUSED", Status::InvalidArgument), Exit::Conflict);
        assert_eq!(of_error("LEDGER_UNAVAILABLE", Status::Unavailable), Exit::Failed);
        assert_eq!(of_error("A_CODE_OF_NEXT_YEAR", Status::NotFound), Exit::NotFound);
        assert_eq!(of_error("", Status::Unauthenticated), Exit::NotAllowed);
        assert_eq!(of_error("", Status::Ok), Exit::Failed);
    }

    #[test]
    fn help_names_every_exit_code() {
        for exit in 0..=8 {
            assert!(HELP.contains(&format!("\n  {exit}  ")), "{exit}");
        }
    }
}
