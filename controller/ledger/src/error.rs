//! Why the ledger did not do what was asked. Owns the sorting of the engine's errors into what a person can act on.

use rusqlite::ErrorCode;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// What went wrong with the ledger. Every variant names the file and, in its text, the next step.
#[derive(Debug, Error)]
pub enum LedgerError {
    /// Another process owns the directory.
    #[error(
        "data directory in use: {path} is locked by {holder}; stop that controller, or give this one a \
         directory of its own"
    )]
    InUse {
        /// The lock file.
        path: PathBuf,
        /// Who says that it holds it.
        holder: String,
    },
    /// The directory cannot be made, entered or locked.
    #[error("data directory {path} cannot be used; make it a directory that this user owns and may write")]
    Directory {
        /// What was touched.
        path: PathBuf,
        /// How it failed.
        #[source]
        source: io::Error,
    },
    /// The directory has had a ledger, and it is gone or empty.
    #[error(
        "the ledger {path} is missing or empty, but this directory has had one: restore it from a backup (with \
         its -wal file), or empty the directory to begin anew and lose the record"
    )]
    Lost {
        /// Where it should be.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{path} is not a Storewarden ledger ({found}); move it away, or name another data directory")]
    NotALedger {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        found: String,
    },
    /// The file was written by a newer version.
    #[error(
        "the ledger {path} has schema {found}, this version knows up to {known}; run the newer version that wrote \
         it, or restore the backup made before the upgrade"
    )]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema known here.
        known: i64,
    },
    /// The file is damaged.
    #[error(
        "the ledger {path} is damaged: {detail}; stop, keep a copy of the directory, restore from a backup"
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// No space.
    #[error("no space left for the ledger {path}; free space on its file system, nothing else is needed")]
    Full {
        /// The file.
        path: PathBuf,
        /// The engine's word.
        #[source]
        source: rusqlite::Error,
    },
    /// Reading, writing, syncing or locking failed.
    #[error("the ledger {path} cannot be {operation}; look at the kernel log, its disk and its permissions")]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried, as a participle.
        operation: &'static str,
        /// The engine's word.
        #[source]
        source: rusqlite::Error,
    },
    /// An earlier commit failed and the ledger was not opened again since.
    #[error("the ledger {path} was closed after a failed write; it is opened again first")]
    Closed {
        /// The file.
        path: PathBuf,
    },
    /// A record contradicts the ledger: a fault of the controller, not of the storage.
    #[error(
        "the ledger {path} refuses a record: {what}; this is a fault of the controller, please report it"
    )]
    Broken {
        /// The file.
        path: PathBuf,
        /// Which promise it would break.
        what: String,
    },
}

impl LedgerError {
    /// Sorts an error of the engine that met `operation` (a participle) on `path`.
    pub(crate) fn sort(path: &Path, operation: &'static str, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full { path, source },
            Some(ErrorCode::NotADatabase) => Self::NotALedger {
                path,
                found: "not an SQLite database, or its first bytes are damaged".into(),
            },
            Some(ErrorCode::DatabaseCorrupt) => Self::Corrupt { path, detail: source.to_string() },
            Some(ErrorCode::ConstraintViolation) => Self::Broken { path, what: source.to_string() },
            _ => Self::Io { path, operation, source },
        }
    }

    /// The same error after the directory was locked and its ledger known to be one: foreign bytes are damage then.
    pub(crate) fn in_service(self) -> Self {
        match self {
            Self::NotALedger { path, found } => Self::Corrupt { path, detail: found },
            other => other,
        }
    }

    /// Whether the record was at fault, so that the storage may be fine.
    #[must_use]
    pub const fn is_broken_promise(&self) -> bool {
        matches!(self, Self::Broken { .. })
    }
}

/// What can go wrong inside one read or commit, before the path is added.
#[derive(Debug, Error)]
pub(crate) enum Fault {
    /// The engine.
    #[error(transparent)]
    Engine(#[from] rusqlite::Error),
    /// A stored value that this version never wrote.
    #[error("{0}")]
    Value(String),
    /// A record that contradicts the ledger.
    #[error("{0}")]
    Broken(String),
}

impl Fault {
    /// A stored value that this version never wrote.
    pub(crate) fn value(what: &str, why: impl std::fmt::Display) -> Self {
        Self::Value(format!("{what}: {why}"))
    }

    /// As the ledger's error; `operation` is a participle.
    pub(crate) fn at(self, path: &Path, operation: &'static str) -> LedgerError {
        match self {
            Self::Engine(source) => LedgerError::sort(path, operation, source).in_service(),
            Self::Value(detail) => LedgerError::Corrupt { path: path.to_owned(), detail },
            Self::Broken(what) => LedgerError::Broken { path: path.to_owned(), what },
        }
    }
}
