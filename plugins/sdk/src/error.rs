//! Why a probe has no verdict. Owns the kinds and their numbers; a storage fault is a verdict, not an error.

use std::fmt;
use storewarden_plugin_abi::{
    SWP_E_CANCELLED, SWP_E_CONFIG, SWP_E_FAILED, SWP_E_INTERNAL, SWP_E_UNSUPPORTED,
};

/// The kinds of failure that a host tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The configuration cannot work.
    Config,
    /// Gave up because [`Cx::cancelled`](crate::Cx::cancelled) said so.
    Cancelled,
    /// The probe has no meaning for this target (an NFS probe on ext4): skipped, no alarm.
    Unsupported,
    /// Could not measure.
    Failed,
    /// A fault of the probe itself.
    Internal,
}

impl ErrorKind {
    pub(crate) const fn number(self) -> i32 {
        match self {
            Self::Config => SWP_E_CONFIG,
            Self::Cancelled => SWP_E_CANCELLED,
            Self::Unsupported => SWP_E_UNSUPPORTED,
            Self::Failed => SWP_E_FAILED,
            Self::Internal => SWP_E_INTERNAL,
        }
    }
}

/// Why there is no verdict. `?` turns any error into one of kind [`ErrorKind::Failed`], with its chain of causes as
/// text. (Like `anyhow::Error` it is no `std::error::Error` itself; the two cannot be had together.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

impl Error {
    /// Of a given kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Could not measure.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, message)
    }

    /// The configuration cannot work.
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Config, message)
    }

    /// The probe has no meaning for this target.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }

    /// Gave up because it was asked to.
    #[must_use]
    pub fn cancelled() -> Self {
        Self::new(ErrorKind::Cancelled, "cancelled")
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message.push_str(": ");
            message.push_str(&cause.to_string());
            source = cause.source();
        }
        Self::failed(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_of_causes_becomes_one_line() {
        #[derive(Debug)]
        struct Outer(std::io::Error);
        impl fmt::Display for Outer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("reading the table")
            }
        }
        impl std::error::Error for Outer {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                Some(&self.0)
            }
        }
        let error = Error::from(Outer(std::io::Error::other("torn")));
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (ErrorKind::Failed, "reading the table: torn")
        );
    }
}
