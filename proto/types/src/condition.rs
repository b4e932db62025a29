//! The judged state of mounts and stores. Owns the words and shapes; the cores do the judging.

use crate::{AgentId, Code, Mono, MountIdentity, MountKind, Observation, StoreId};

/// How a mount or store stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// Proven and answering.
    Available,
    /// Answering, with something that some operations must not meet.
    Degraded,
    /// Proven not to be usable.
    Unavailable,
    /// Not examined, disputed, or examined too long ago. Silence is not health.
    Unknown,
}

impl Condition {
    /// The word for people and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Available => "Available",
            Self::Degraded => "Degraded",
            Self::Unavailable => "Unavailable",
            Self::Unknown => "Unknown",
        }
    }

    /// How loudly it should be said when several compete: Unavailable, Unknown, Degraded, Available.
    #[must_use]
    pub const fn weight(self) -> u8 {
        match self {
            Self::Available => 0,
            Self::Degraded => 1,
            Self::Unknown => 2,
            Self::Unavailable => 3,
        }
    }
}

/// One reason for a condition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reason {
    /// What was found.
    pub code: Code,
    /// One sentence for people, naming the thing.
    pub message: String,
}

impl Reason {
    /// A reason from its parts.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// How far the watch of a mount reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WatchState {
    /// Not started yet, or its worker is gone.
    #[default]
    Off,
    /// Directories are being added.
    Starting,
    /// Every directory is watched.
    Watching,
    /// Some directories are not watched (budget or errors): deletions there are found by verification only.
    Partial,
}

/// The watch of a mount.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchStatus {
    /// How far it reaches.
    pub state: WatchState,
    /// Directories watched.
    pub directories: u64,
    /// Names remembered, so that a rescan can say what went.
    pub indexed: u64,
    /// Queue overflows since the worker started; each led to a rescan.
    pub overflows: u64,
    /// Why it is not `Watching`; empty when it is.
    pub message: String,
}

/// A mount as its agent judges it. A state: the latest wins.
#[derive(Clone, Debug, PartialEq)]
pub struct MountReport {
    /// Absolute path on the agent's host.
    pub mount_point: String,
    /// Source as mountinfo writes it.
    pub source: String,
    /// File-system type as mountinfo writes it.
    pub fs_type: String,
    /// How it is proven.
    pub kind: MountKind,
    /// The pinned marks, once pinned.
    pub identity: Option<MountIdentity>,
    /// The judgement.
    pub condition: Condition,
    /// Why; empty exactly when Available. Worst first.
    pub reasons: Vec<Reason>,
    /// The oldest evidence that the judgement rests on, on the *controller's* clock and never younger than it truly
    /// is. `None`: no evidence yet.
    pub evidence: Option<Mono>,
    /// Newest observation of each probe, by name; `began` on the controller's clock.
    pub observations: Vec<Observation>,
    /// The watch.
    pub watch: WatchStatus,
    /// Worker processes that could not be killed and are still there.
    pub stuck_workers: u32,
}

/// A store as the controller judges it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoreStatus {
    /// Its id.
    pub id: StoreId,
    /// Where it comes from.
    pub source: String,
    /// File-system type.
    pub fs_type: String,
    /// How it is proven.
    pub kind: MountKind,
    /// The judgement over all observers.
    pub condition: Condition,
    /// Why; empty exactly when Available.
    pub reasons: Vec<Reason>,
    /// The oldest evidence among the mounts that the judgement rests on, on the controller's clock.
    pub evidence: Option<Mono>,
    /// Every mount of it that is known, by agent.
    pub mounts: Vec<(AgentId, MountStanding)>,
    /// Grows by one whenever anything above changes, across all stores.
    pub version: u64,
}

/// One observer's mount of a store.
#[derive(Clone, Debug, PartialEq)]
pub struct MountStanding {
    /// Whether its agent has a session now.
    pub connected: bool,
    /// The last report; `None` when it is known from the ledger only.
    pub report: Option<MountReport>,
    /// Where it is mounted.
    pub mount_point: String,
}
