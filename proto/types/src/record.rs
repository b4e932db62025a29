//! What the ledger keeps: one record, one event, one cursor. Owns the shapes; the ledger stores and the event feed
//! serves them in order.

use crate::{
    AgentId, Code, Condition, DeletionEnd, DeletionId, DeletionState, Epoch, Evidence, Fact, FileIdentity,
    MountKind, Reason, Seq, StoreId, StorePath, Wall,
};

/// A deletion as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackedDeletion {
    /// Its id.
    pub id: DeletionId,
    /// On which store.
    pub store: StoreId,
    /// Relative to the store's root.
    pub path: StorePath,
    /// The caller's idempotency key; empty when it gave none. One key covers one request, perhaps of many paths.
    pub key: String,
    /// Place in the request, from 0.
    pub index: u32,
    /// When the request was accepted, wall clock of the controller.
    pub tracked_at: Wall,
    /// How long it was given, in milliseconds.
    pub deadline_ms: u64,
}

/// One record of the ledger.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// An agent came for the first time, or with a new epoch.
    AgentSeen {
        /// Who.
        agent: AgentId,
        /// Its outbox.
        epoch: Epoch,
        /// Host name.
        host: String,
        /// Version.
        version: String,
        /// When.
        at: Wall,
    },
    /// A mount of a store was seen for the first time.
    MountSeen {
        /// By whom.
        agent: AgentId,
        /// Where.
        mount_point: String,
        /// Of which store.
        store: StoreId,
        /// Source.
        source: String,
        /// File-system type.
        fs_type: String,
        /// How it is proven.
        kind: MountKind,
        /// When.
        at: Wall,
    },
    /// An operator had a mount forgotten.
    MountForgotten {
        /// By whom it was seen.
        agent: AgentId,
        /// Where.
        mount_point: String,
        /// When.
        at: Wall,
    },
    /// An agent's fact, exactly once.
    FactAccepted {
        /// Whose.
        agent: AgentId,
        /// Which outbox.
        epoch: Epoch,
        /// Which place.
        seq: Seq,
        /// The store it speaks of, where the agent's mount of it is known.
        store: Option<StoreId>,
        /// What it says.
        fact: Fact,
        /// When it was accepted.
        at: Wall,
    },
    /// An idempotency key was used. Comes right before the deletions it covers, in the same commit.
    KeyUsed {
        /// The key.
        key: String,
        /// What for.
        known: KnownKey,
    },
    /// A deletion was asked for.
    DeletionTracked(Box<TrackedDeletion>),
    /// A deletion moved between the two pending states, or its baseline became known.
    DeletionMoved {
        /// Which.
        id: DeletionId,
        /// On which store.
        store: StoreId,
        /// Pending or PendingSillyRename.
        state: DeletionState,
        /// What the latest look found; a record is made only when this, the state or the baseline changes.
        code: Option<Code>,
        /// One sentence on it.
        message: String,
        /// The file that is owed, once known.
        baseline: Option<FileIdentity>,
        /// When.
        at: Wall,
    },
    /// A deletion ended. Never followed by another end of the same id.
    DeletionEnded {
        /// Which.
        id: DeletionId,
        /// On which store.
        store: StoreId,
        /// How.
        end: Box<DeletionEnd>,
    },
    /// Proof of absence came after the deletion had ended without it. The end stands; the evidence is kept beside it.
    LateEvidence {
        /// Which.
        id: DeletionId,
        /// On which store.
        store: StoreId,
        /// What came.
        evidence: Box<Evidence>,
        /// When.
        at: Wall,
    },
    /// A store's condition or its reasons changed.
    ConditionChanged {
        /// Which.
        store: StoreId,
        /// Before.
        from: Condition,
        /// Now.
        to: Condition,
        /// Why now.
        reasons: Vec<Reason>,
        /// When.
        at: Wall,
    },
}

/// A deletion as a reader finds it in the ledger.
#[derive(Clone, Debug, PartialEq)]
pub struct DeletionRow {
    /// As it was asked for.
    pub tracked: TrackedDeletion,
    /// Where it stands.
    pub state: DeletionState,
    /// Why; `None` while no look was reported.
    pub code: Option<Code>,
    /// One sentence on it.
    pub message: String,
    /// The file that is owed, once known.
    pub baseline: Option<FileIdentity>,
    /// When it ended.
    pub ended_at: Option<Wall>,
    /// Present exactly when Confirmed.
    pub evidence: Option<Evidence>,
    /// What came after the end.
    pub late_evidence: Option<Evidence>,
}

/// An agent as the ledger knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownAgent {
    /// Who.
    pub agent: AgentId,
    /// Its newest epoch.
    pub epoch: Epoch,
    /// Host name.
    pub host: String,
    /// Version.
    pub version: String,
    /// Through which place the ledger holds its facts, for every epoch it ever had.
    pub marks: Vec<(Epoch, Seq)>,
}

/// A mount as the ledger knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownMount {
    /// Seen by whom.
    pub agent: AgentId,
    /// Where.
    pub mount_point: String,
    /// Of which store.
    pub store: StoreId,
    /// Source.
    pub source: String,
    /// File-system type.
    pub fs_type: String,
    /// How it is proven.
    pub kind: MountKind,
}

/// Everything a controller core needs of the ledger to go on where it stopped.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Restored {
    /// Agents.
    pub agents: Vec<KnownAgent>,
    /// Mounts that were not forgotten.
    pub mounts: Vec<KnownMount>,
    /// Deletions that have not ended.
    pub pending: Vec<DeletionRow>,
    /// The newest deletions that ended without proof (Failed or Unknown), at most
    /// [`crate::limits::UNPROVEN_REMEMBERED_MAX`]: late evidence may still come for them.
    pub unproven: Vec<(DeletionId, StoreId)>,
    /// The last condition recorded of each store.
    pub conditions: Vec<(StoreId, Condition)>,
}

/// What an idempotency key was used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownKey {
    /// SHA-256 of the request it was used with.
    pub fingerprint: [u8; 32],
    /// The deletions it made, in order.
    pub deletions: Vec<DeletionId>,
}
