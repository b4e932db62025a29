//! What can go wrong with the outbox, said with the file's name and the way out.

use std::path::PathBuf;
use storewarden_types::Seq;
use thiserror::Error;

/// Why the outbox could not do something.
#[derive(Debug, Error)]
pub enum OutboxError {
    /// The directory could not be synced.
    #[error("cannot sync the data directory {}", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Could not be opened or read.
    #[error("cannot read the outbox {}", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// A change could not be made durable.
    #[error("cannot write the outbox {}: nothing of this change counts as recorded", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// Damaged.
    #[error(
        "the outbox {} is damaged ({what}). Way out: move it and its -wal file aside (keep them: they may hold facts \
         that no controller has yet) and start again; the agent then begins a new outbox under a new epoch",
        path.display()
    )]
    Corrupt {
        /// Which file.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// Made by a newer agent.
    #[error(
        "the outbox {} has tables of version {found}, this agent knows {known}. Way out: run the agent that made it, \
         or give this one a --data of its own",
        path.display()
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: i32,
        /// Ours.
        known: i32,
    },
    /// Another program's database.
    #[error("{} is a database, but not an outbox. Way out: give the agent a --data of its own", path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
    },
    /// It belongs to an agent of another name.
    #[error(
        "the outbox {} belongs to agent {kept}, the configuration says {wanted}. Way out: configure {kept}, or give \
         {wanted} a --data of its own",
        path.display()
    )]
    OtherAgent {
        /// Which file.
        path: PathBuf,
        /// The id kept in it.
        kept: String,
        /// The id configured.
        wanted: String,
    },
    /// Facts would leave a hole or take a place twice.
    #[error("fact {got} came where fact {expected} is next")]
    OutOfOrder {
        /// The next place.
        expected: Seq,
        /// The place told.
        got: Seq,
    },
    /// Facts asked for were acknowledged and trimmed.
    #[error("fact {first} was asked for, but facts through {acked} are trimmed")]
    Missing {
        /// The place asked for.
        first: Seq,
        /// The mark.
        acked: Seq,
    },
    /// The thread that owns the file is gone, or does not keep up.
    #[error("the outbox's thread does not answer")]
    Stopped,
    /// The thread could not be started.
    #[error("cannot start the outbox's thread")]
    Thread(#[source] std::io::Error),
}

impl OutboxError {
    /// Whether trying again, even later, cannot help: a person is needed.
    #[must_use]
    pub const fn is_permanent(&self) -> bool {
        matches!(
            self,
            Self::Corrupt { .. } | Self::Newer { .. } | Self::Foreign { .. } | Self::OtherAgent { .. }
        )
    }
}
