//! What happens to a controller and what it does about it: the closed vocabulary between the core and its driver.
//!
//! The order of actions is a promise: the driver commits every `Persist` of a turn, in order and in one transaction,
//! before it performs anything else of that turn. When the commit fails it performs nothing of the turn, refuses the
//! waiting replies with LEDGER_UNAVAILABLE, closes every session, and starts a new core from the ledger.

use storewarden_types::{
    AgentMessage, Code, ControllerMessage, DeletionId, KnownKey, Mono, Record, Refusal, SessionId, StoreId,
    StorePath, Wall,
};

/// The two clocks as the driver read them, together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// This process's monotonic clock. Decides.
    pub mono: Mono,
    /// Wall clock. For people, and for deadlines across a restart.
    pub wall: Wall,
}

/// A caller that waits for an answer, numbered by the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplyId(pub u64);

/// A request to track deletions, already well-formed: bounds checked, paths parsed, ids made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackOrder {
    /// On which store.
    pub store: StoreId,
    /// Ids (fresh) and paths (distinct), in the caller's order.
    pub paths: Vec<(DeletionId, StorePath)>,
    /// How long they may take, in milliseconds; more than 0.
    pub deadline_ms: u64,
    /// Idempotency key; empty: none.
    pub key: String,
    /// SHA-256 of the request.
    pub fingerprint: [u8; 32],
    /// What the ledger knows of this key.
    pub known: Option<KnownKey>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// An agent said something on a session; its first message (Hello) opens it.
    Agent {
        /// Which session; numbers are never reused and grow.
        session: SessionId,
        /// What.
        message: AgentMessage,
    },
    /// A session's stream ended.
    SessionGone(SessionId),
    /// A client wants deletions tracked.
    Track {
        /// Who waits.
        reply: ReplyId,
        /// For what.
        order: TrackOrder,
    },
    /// A client withdraws a request.
    Cancel {
        /// Who waits.
        reply: ReplyId,
        /// Which.
        deletion: DeletionId,
    },
    /// A client wants every probe of a store run. No answer: the caller watches the evidence grow younger.
    Probe(StoreId),
    /// Time passed; nothing else happened.
    Wake,
}

/// What a waiting caller is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// These are tracked (or were, when `replayed`). Read them from the ledger.
    Tracked {
        /// In the caller's order.
        deletions: Vec<DeletionId>,
        /// Whether the key was known and nothing new was tracked.
        replayed: bool,
    },
    /// It has ended now. Read it from the ledger.
    Cancelled(DeletionId),
    /// Turned down; nothing changed.
    Refused(Refusal),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Durable: append to the ledger.
    Persist(Record),
    /// Say something to an agent; ignored when the session is gone.
    Send {
        /// On which session.
        session: SessionId,
        /// What.
        message: ControllerMessage,
    },
    /// End a session, after what was sent.
    Close {
        /// Which.
        session: SessionId,
        /// Why.
        code: Code,
        /// In words.
        message: String,
    },
    /// Answer a caller.
    Reply {
        /// Who waits.
        to: ReplyId,
        /// With what.
        answer: Answer,
    },
    /// Worth a line in the log.
    Note {
        /// Whether a human should look.
        warn: bool,
        /// Code, when there is one.
        code: Option<Code>,
        /// The line.
        message: String,
    },
}
