//! Facts: what an agent has durably recorded and the ledger must hold exactly once. Owns their shapes.
//!
//! A fact has a place (epoch, seq), is resent until acknowledged, and is never dropped. Contrast with states
//! (`MountReport`), of which the latest wins.

use crate::{DeletionId, Evidence, FileIdentity, Wall};

/// What a file event said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SightingKind {
    /// The name went by unlink or rmdir.
    Deleted,
    /// The name went by a rename to elsewhere.
    MovedAway,
    /// The name was there before an event-queue overflow and was not there at the rescan.
    MissingAtRescan,
}

/// Where sightings came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SightingSource {
    /// inotify(7) events, as they came.
    Watch,
    /// The rescan after an overflow.
    Rescan,
}

/// One name that went.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sighting {
    /// Path relative to the store's root. Bytes that are not UTF-8 are written as `\xNN`, a backslash as `\\`.
    pub path: String,
    /// What was said.
    pub kind: SightingKind,
    /// Whether it was a directory.
    pub directory: bool,
}

/// Names that went, on one mount, in the order seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sightings {
    /// Mount point on the agent's host.
    pub mount_point: String,
    /// Where they came from.
    pub source: SightingSource,
    /// 1 to [`crate::limits::SIGHTINGS_PER_FACT_MAX`].
    pub items: Vec<Sighting>,
    /// When the batch was closed, wall clock of the agent's host.
    pub at: Wall,
}

/// Why sightings may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GapCause {
    /// The kernel's event queue overflowed (IN_Q_OVERFLOW).
    Overflow,
    /// The worker was not there: start, kill, crash.
    WorkerAbsent,
    /// Directories or names beyond the budget are not watched or remembered.
    Budget,
    /// A directory could not be read.
    Error,
}

/// A stretch in which the watch was blind, and what the rescan that closed it found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Mount point on the agent's host.
    pub mount_point: String,
    /// Why.
    pub cause: GapCause,
    /// Whether the rescan read the whole tree and remembered names covered it, so that the sightings are whole again.
    pub complete: bool,
    /// Names that the rescan found missing (each also told as a sighting).
    pub missing: u64,
    /// Names present after the rescan.
    pub present: u64,
    /// When the gap was closed, wall clock of the agent's host.
    pub at: Wall,
    /// One sentence for people.
    pub message: String,
}

/// One durable fact.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// Names went.
    Sightings(Sightings),
    /// The watch was blind for a while.
    Gap(Gap),
    /// The tracked path was there at a first look: this is the file whose deletion is owed.
    Baseline {
        /// Which deletion.
        deletion: DeletionId,
        /// What was there.
        file: FileIdentity,
    },
    /// The tracked path is absent from the proven store.
    Absent {
        /// Which deletion.
        deletion: DeletionId,
        /// What it rests on.
        evidence: Box<Evidence>,
    },
}

impl Fact {
    /// About how many bytes it takes on the wire: for cutting messages, not for accounting.
    #[must_use]
    pub fn weight(&self) -> usize {
        match self {
            Self::Sightings(s) => 64 + s.items.iter().map(|i| i.path.len() + 12).sum::<usize>(),
            Self::Gap(g) => 64 + g.message.len() + g.mount_point.len(),
            Self::Baseline { .. } => 128,
            Self::Absent { evidence, .. } => {
                let words = |w: &[String]| w.iter().map(String::len).sum::<usize>();
                512 + evidence.how.len() + words(&evidence.proof.before) + words(&evidence.proof.after)
            }
        }
    }
}
