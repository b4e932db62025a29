//! Everything that can keep a command from its answer. Owns the kinds, and what each says to people and programs; what
//! to do next is in `hint`.

use crate::exit::{self, Exit};
use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use storewarden_types::Code;
use thiserror::Error as ThisError;
use tonic::Status;
use tonic_types::StatusExt;

/// The domain under which the controller's ErrorInfo carries stable codes.
const DOMAIN: &str = "storewarden";

/// Why a command has no answer.
#[derive(Debug, ThisError)]
pub(crate) enum Failure {
    /// The controller answered with an error.
    #[error("{message}")]
    Refused {
        /// The stable code as it came, perhaps of a newer version; empty: none came.
        code: String,
        status: tonic::Code,
        message: String,
        metadata: BTreeMap<String, String>,
    },
    /// No connection came about.
    #[error("cannot reach the controller at {url}: {why}")]
    Unreachable { url: String, why: String },
    /// The connection broke before the answer was whole.
    #[error("lost the controller at {url}: {why}")]
    Lost { url: String, why: String },
    /// The connection stands, the answer does not come.
    #[error("the controller at {url} did not answer within {}", humantime::format_duration(*.within))]
    TimedOut { url: String, within: Duration },
    /// The controller answered, but not what was asked.
    #[error("the controller's answer makes no sense: {0}")]
    Nonsense(String),
    /// More than one request may hold; refused before anything was sent.
    #[error("{0}")]
    BatchTooLarge(String),
    /// An argument that only shows its fault when it is read.
    #[error("{0}")]
    Argument(String),
    /// The list of paths cannot be read.
    #[error("cannot read paths from {}", .file.display())]
    PathsUnread { file: PathBuf, source: io::Error },
    /// The answer cannot be written.
    #[error("cannot write the answer")]
    Unwritten { source: io::Error },
    /// The operating system gives no event loop or signal handler.
    #[error("cannot start")]
    Runtime { source: io::Error },
    /// SIGINT during a wait.
    #[error("interrupted; the deletions are still tracked")]
    Interrupted,
    /// What failed while something durable stands, and how to go on.
    #[error("{failure}")]
    Resumable { failure: Box<Self>, next: String },
}

impl Failure {
    /// What a gRPC status says. One that was made on this side (it has a source) tells of a broken connection.
    pub(crate) fn of_status(status: &Status, url: &str) -> Self {
        if let Some(source) = status.source() {
            return Self::Lost { url: url.to_owned(), why: deepest(source) };
        }
        let info = status.get_details_error_info().filter(|info| info.domain == DOMAIN);
        let (code, metadata) = info.map_or_else(Default::default, |info| (info.reason, info.metadata));
        let message = match status.message() {
            "" => "the controller refused without saying why".to_owned(),
            message => message.to_owned(),
        };
        Self::Refused { code, status: status.code(), message, metadata: metadata.into_iter().collect() }
    }

    /// This failure, with how to go on from it.
    pub(crate) fn resumable(self, next: impl Into<String>) -> Self {
        Self::Resumable { failure: Box::new(self), next: next.into() }
    }

    /// The stable code; empty where there is none.
    pub(crate) fn code(&self) -> &str {
        match self {
            Self::Refused { code, .. } => code,
            Self::TimedOut { .. } => Code::TimedOut.as_str(),
            Self::BatchTooLarge(_) => Code::BatchTooLarge.as_str(),
            Self::Argument(_) => Code::InvalidArgument.as_str(),
            Self::Resumable { failure, .. } => failure.code(),
            _ => "",
        }
    }

    /// The gRPC status, or the one that says the same of a failure on this side.
    pub(crate) fn status(&self) -> tonic::Code {
        match self {
            Self::Refused { status, .. } => *status,
            Self::Unreachable { .. } | Self::Lost { .. } => tonic::Code::Unavailable,
            Self::TimedOut { .. } => tonic::Code::DeadlineExceeded,
            Self::BatchTooLarge(_) | Self::Argument(_) | Self::PathsUnread { .. } => {
                tonic::Code::InvalidArgument
            }
            Self::Nonsense(_) | Self::Unwritten { .. } | Self::Runtime { .. } => tonic::Code::Internal,
            Self::Interrupted => tonic::Code::Cancelled,
            Self::Resumable { failure, .. } => failure.status(),
        }
    }

    /// What came with the error, such as a cursor.
    pub(crate) fn metadata(&self) -> BTreeMap<String, String> {
        match self {
            Self::Refused { metadata, .. } => metadata.clone(),
            Self::Resumable { failure, .. } => failure.metadata(),
            _ => BTreeMap::new(),
        }
    }

    /// How the program ends because of it.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::PathsUnread { .. } => Exit::Failed,
            Self::Resumable { failure, .. } => failure.exit(),
            _ => exit::of_error(self.code(), self.status()),
        }
    }

    /// Whether a wait should ask again: the controller is away, stopping, or let this client go.
    pub(crate) fn may_pass(&self) -> bool {
        self.exit() == Exit::Unreachable
            || matches!(
                self.code().parse(),
                Ok(Code::SlowConsumer | Code::Overloaded | Code::LedgerUnavailable)
            )
    }

    /// The whole story in one sentence: this failure and what caused it.
    pub(crate) fn story(&self) -> String {
        let mut story = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            story.push_str(": ");
            story.push_str(&error.to_string());
            cause = error.source();
        }
        story
    }
}

/// What a chain of errors ends in: "Connection refused", not "transport error".
pub(crate) fn deepest(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic_types::{ErrorDetails, StatusExt};

    fn refused(domain: &str) -> Failure {
        let details =
            ErrorDetails::with_error_info("KEY_REUSED", domain, [("key".to_owned(), "k".to_owned())]);
        Failure::of_status(
            &Status::with_error_details(tonic::Code::AlreadyExists, "used", details),
            "http://c",
        )
    }

    #[test]
    fn the_stable_code_comes_from_our_domain_only() {
        let ours = refused("storewarden");
        assert_eq!((ours.code(), ours.exit()), ("KEY_REUSED", Exit::Conflict));
        assert_eq!(ours.metadata()["key"], "k");
        let proxy = refused("proxy.example");
        assert_eq!((proxy.code(), proxy.exit()), ("", Exit::Conflict));
        assert!(proxy.metadata().is_empty());
    }

    #[test]
    fn a_status_made_on_this_side_is_a_broken_connection() {
        let status = Status::from_error(Box::new(io::Error::other("reset by peer")));
        let failure = Failure::of_status(&status, "http://c");
        assert_eq!(failure.to_string(), "lost the controller at http://c: reset by peer");
        assert_eq!(failure.exit(), Exit::Unreachable);
        assert!(failure.may_pass());
    }

    #[test]
    fn a_story_is_told_once() {
        let failure = Failure::PathsUnread { file: "list".into(), source: io::Error::other("gone") };
        assert_eq!(failure.story(), "cannot read paths from list: gone");
        assert_eq!(failure.exit(), Exit::Failed);
        let failure = Failure::Interrupted.resumable("go on");
        assert_eq!(failure.story(), "interrupted; the deletions are still tracked");
        assert_eq!(failure.exit(), Exit::Failed);
    }
}
