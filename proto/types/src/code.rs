//! The stable codes: one word each, the same in API, logs, metrics, CLI and docs. Owns the list and its grading.
//!
//! A code is never renamed or reused. docs/codes.md says what each means and what to do; a test holds the two together.

use crate::condition::Condition;
use std::fmt;
use std::str::FromStr;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal),+ $(,)?) => {
        /// What was found, or why something was refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[$doc])* $variant),+ }

        impl Code {
            /// Every code, in the order of docs/codes.md.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word itself.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl FromStr for Code {
            type Err = UnknownCode;
            fn from_str(s: &str) -> Result<Self, UnknownCode> {
                match s { $($text => Ok(Self::$variant),)+ _ => Err(UnknownCode) }
            }
        }
    };
}

/// A word that is no code of this version. Treat it as a failure, never as success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownCode;

codes! {
    // --- what a look at a mount found
    /// Everything asked was answered as it should be.
    Ok = "OK",
    /// The server no longer knows the file handle (ESTALE, errno(3)).
    StaleHandle = "STALE_HANDLE",
    /// A call did not come back by its deadline and grace.
    Hung = "HUNG",
    /// Nothing is mounted where the store is expected.
    NotMounted = "NOT_MOUNTED",
    /// Something is mounted, but it is not the store that was pinned.
    WrongStore = "WRONG_STORE",
    /// Writing is refused by the server or the mount (EROFS).
    ReadOnly = "READ_ONLY",
    /// No space left (ENOSPC), or the free share is under its floor.
    NoSpace = "NO_SPACE",
    /// No inodes left, or the free share is under its floor.
    NoInodes = "NO_INODES",
    /// Looking is refused (EACCES, EPERM).
    PermissionDenied = "PERMISSION_DENIED",
    /// Any other input/output error (EIO and what has no code of its own).
    IoError = "IO_ERROR",
    /// The file system's server went away (ENOTCONN, ECONNREFUSED, ETIMEDOUT, EHOSTDOWN, EHOSTUNREACH).
    Disconnected = "DISCONNECTED",
    /// Answers come, but later than the threshold.
    Slow = "SLOW",
    /// The probe's own code failed or its process died. A fault of the probe, not of the storage.
    ProbeCrashed = "PROBE_CRASHED",
    /// The probe ran and could not tell.
    ProbeFailed = "PROBE_FAILED",
    /// No probe that proves the mount has answered yet.
    NotYetProbed = "NOT_YET_PROBED",
    /// The store alternates too often to be trusted.
    Flapping = "FLAPPING",
    /// The mount's options let the kernel answer from cache when the server is dead (softreval, softerr).
    CacheAnswers = "CACHE_ANSWERS",

    // --- what the controller concludes
    /// The agent that saw the mount is not connected.
    AgentLost = "AGENT_LOST",
    /// The newest evidence is older than its time to live.
    EvidenceExpired = "EVIDENCE_EXPIRED",
    /// Agents that see the store disagree.
    Partial = "PARTIAL",
    /// No connected agent sees the store.
    Unobserved = "UNOBSERVED",

    // --- how a deletion stands
    /// The path was absent between two proofs of the mount.
    Absent = "ABSENT",
    /// The path is still there, and it is the file that was tracked.
    StillPresent = "STILL_PRESENT",
    /// The path is there again, but it is another file than the one tracked.
    Replaced = "REPLACED",
    /// The name is gone, the bytes are not: the NFS client renamed an open file to `.nfsXXXX`.
    SillyRenamed = "SILLY_RENAMED",
    /// A component of the path is a symbolic link; Storewarden follows none.
    SymlinkInPath = "SYMLINK_IN_PATH",
    /// The path crosses into another mount.
    CrossesMount = "CROSSES_MOUNT",
    /// The mount changed between the two proofs.
    MountChanged = "MOUNT_CHANGED",
    /// The caller withdrew the request before it ended.
    Cancelled = "CANCELLED",
    /// No verifying agent reported before the deadline.
    NoVerdict = "NO_VERDICT",

    // --- why a request was refused
    /// The request makes no sense as sent; the message names the field.
    InvalidArgument = "INVALID_ARGUMENT",
    /// No store goes by this name.
    StoreUnknown = "STORE_UNKNOWN",
    /// Several stores go by this name; the message lists them.
    StoreAmbiguous = "STORE_AMBIGUOUS",
    /// The path is empty, too long, or has an empty, `.` or `..` component or a NUL.
    PathInvalid = "PATH_INVALID",
    /// The absolute path is not under a mount point of the store.
    PathOutsideStore = "PATH_OUTSIDE_STORE",
    /// The path is Storewarden's own directory.
    PathReserved = "PATH_RESERVED",
    /// Too many paths or bytes in one request.
    BatchTooLarge = "BATCH_TOO_LARGE",
    /// The deadline has already passed.
    DeadlineExpired = "DEADLINE_EXPIRED",
    /// The deadline is further away than allowed.
    DeadlineTooFar = "DEADLINE_TOO_FAR",
    /// The idempotency key was used before with another request.
    KeyReused = "KEY_REUSED",
    /// No deletion has this id.
    DeletionUnknown = "DELETION_UNKNOWN",
    /// The deletion has ended and cannot be changed.
    DeletionEnded = "DELETION_ENDED",
    /// The cursor is not one of this ledger's.
    CursorInvalid = "CURSOR_INVALID",
    /// The client read too slowly and was let go; resume from the cursor in the details.
    SlowConsumer = "SLOW_CONSUMER",
    /// A bound was reached; try again later.
    Overloaded = "OVERLOADED",
    /// The ledger cannot be written; nothing was accepted.
    LedgerUnavailable = "LEDGER_UNAVAILABLE",
    /// The controller is stopping.
    ShuttingDown = "SHUTTING_DOWN",
    /// The time the caller gave ran out before an answer was known.
    TimedOut = "TIMED_OUT",
    /// A fault of the controller itself; its log says more.
    Internal = "INTERNAL",

    // --- why a session ended
    /// A newer session of the same agent took over.
    SessionSuperseded = "SESSION_SUPERSEDED",
    /// The peer broke the session protocol; the message says how.
    ProtocolViolation = "PROTOCOL_VIOLATION",
    /// The outbox is older than what the ledger already holds of it: restored from an old image.
    OutboxRolledBack = "OUTBOX_ROLLED_BACK",
}

impl Code {
    /// How bad it is for a mount to be found so.
    #[must_use]
    pub const fn grade(self) -> Condition {
        match self {
            Self::Ok => Condition::Available,
            Self::Slow | Self::ReadOnly | Self::NoSpace | Self::NoInodes | Self::CacheAnswers => {
                Condition::Degraded
            }
            Self::StaleHandle
            | Self::Hung
            | Self::NotMounted
            | Self::WrongStore
            | Self::PermissionDenied
            | Self::IoError
            | Self::Disconnected
            | Self::Flapping
            | Self::MountChanged => Condition::Unavailable,
            _ => Condition::Unknown,
        }
    }

    /// Whether asking again cannot help, so that a deletion that meets it ends at once.
    #[must_use]
    pub const fn is_permanent(self) -> bool {
        matches!(self, Self::SymlinkInPath | Self::CrossesMount)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back_and_is_spelled_once() {
        let mut seen = std::collections::BTreeSet::new();
        for code in Code::ALL {
            assert_eq!(code.as_str().parse(), Ok(*code));
            assert!(seen.insert(code.as_str()), "{code} twice");
            assert!(code.as_str().bytes().all(|b| b.is_ascii_uppercase() || b == b'_'));
        }
        assert_eq!("NOPE".parse::<Code>(), Err(UnknownCode));
    }

    #[test]
    fn only_ok_is_available() {
        for code in Code::ALL {
            assert_eq!(code.grade() == Condition::Available, *code == Code::Ok, "{code}");
        }
    }
}
