//! What happens to an agent and what it does about it: the closed vocabulary between the core and its driver.
//!
//! The order of actions is a promise: whoever performs them goes through them in order and awaits each durable one
//! (`Persist`, `Remember`, `Forget`, `Trim`) before the next, so that nothing is told before it is kept.

use storewarden_types::mountinfo::MountEntry;
use storewarden_types::{
    AgentMessage, Code, ControllerMessage, Epoch, Fact, Hello, Mono, MountExpectation, Seq, Wall, WorkerOp,
    WorkerReport, WorkerStart,
};

/// The two clocks as the driver read them, together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// This process's monotonic clock. Decides.
    pub mono: Mono,
    /// Wall clock. For people.
    pub wall: Wall,
}

/// One run of a worker: grows with every spawn, never reused, so that a late word of an old one is known as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u64);

/// One connection to a controller, numbered by the driver, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// mountinfo was read: at start, at every change, and every few seconds besides.
    Mounts(Vec<MountEntry>),
    /// A worker said something.
    Worker {
        /// On which mount.
        mount_point: String,
        /// Which run of it.
        generation: Generation,
        /// What.
        report: WorkerReport,
    },
    /// A worker is gone *and reaped*.
    WorkerGone {
        /// On which mount.
        mount_point: String,
        /// Which run of it.
        generation: Generation,
        /// How it ended, in words: exit code, signal, last words; or why it could not be started.
        how: String,
    },
    /// What a killed worker was found doing just before the kill: threads, wchan, kernel stack where readable.
    WorkerInspected {
        /// On which mount.
        mount_point: String,
        /// Which run of it.
        generation: Generation,
        /// In words.
        found: String,
    },
    /// A connection stands and awaits Hello.
    Connected(ConnectionId),
    /// A connection is gone.
    Disconnected(ConnectionId),
    /// The controller said something.
    Controller {
        /// On which connection.
        connection: ConnectionId,
        /// The controller's clock as it sent.
        clock: Mono,
        /// What.
        message: ControllerMessage,
    },
    /// Facts read back from the outbox, as asked by `LoadFacts`; empty when there are none.
    FactsLoaded {
        /// Place of the first.
        first: Seq,
        /// The facts, without holes.
        items: Vec<Fact>,
    },
    /// An operator wants a mount forgotten.
    ForgetMount(String),
    /// Time passed; nothing else happened.
    Wake,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Durable: append to the outbox. On failure the driver stops everything and starts anew from what is durable.
    Persist {
        /// Place of the first.
        first: Seq,
        /// The facts.
        facts: Vec<Fact>,
    },
    /// Durable, may be lazy: facts through this place are acknowledged and may go.
    Trim {
        /// The place.
        through: Seq,
    },
    /// Durable: remember (or replace) an expected mount.
    Remember(MountExpectation),
    /// Durable: no longer expect a mount there.
    Forget {
        /// Where.
        mount_point: String,
    },
    /// Read facts back from the outbox; answered by `FactsLoaded` with at most `max` of them, fewer when they weigh more
    /// than [`storewarden_types::limits::FACTS_BYTES_MAX`] together, but at least one if there is one.
    LoadFacts {
        /// First place wanted.
        first: Seq,
        /// Most facts wanted.
        max: usize,
    },
    /// Start a worker process and say `start` to it.
    Spawn {
        /// On which mount.
        mount_point: String,
        /// Which run this is.
        generation: Generation,
        /// The first word.
        start: WorkerStart,
    },
    /// Ask a worker.
    Request {
        /// On which mount.
        mount_point: String,
        /// Which run of it.
        generation: Generation,
        /// Comes back in the response.
        id: u64,
        /// What.
        op: WorkerOp,
    },
    /// Inspect (answered by `WorkerInspected` when anything was found), then SIGKILL; never wait for it. `WorkerGone`
    /// follows if and when it is reaped.
    Kill {
        /// On which mount.
        mount_point: String,
        /// Which run of it.
        generation: Generation,
    },
    /// Say something to the controller.
    Send {
        /// On which connection; ignored when that is gone.
        connection: ConnectionId,
        /// What.
        message: AgentMessage,
    },
    /// Close a connection and make a new one, later.
    Disconnect {
        /// Which.
        connection: ConnectionId,
        /// Why.
        code: Code,
        /// In words.
        message: String,
    },
    /// Worth a line in the log.
    Note {
        /// How loud.
        level: Level,
        /// What it is about: a mount point, or empty.
        about: String,
        /// Code, when there is one.
        code: Option<Code>,
        /// The line.
        message: String,
    },
}

/// How loud a note is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// One line per event or action.
    Debug,
    /// Life-cycle.
    Info,
    /// Surprising, nothing lost.
    Warn,
    /// A human is needed.
    Error,
}

/// What a core starts from: what the outbox held.
#[derive(Clone, Debug, PartialEq)]
pub struct Restored {
    /// The outbox's life.
    pub epoch: Epoch,
    /// Place the next fact takes.
    pub next_seq: Seq,
    /// Through which place facts were acknowledged and trimmed.
    pub acked: Seq,
    /// Expected mounts.
    pub mounts: Vec<MountExpectation>,
}

/// The part of Hello that never changes in one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Who the agent is.
    pub agent: storewarden_types::AgentId,
    /// This run of the process.
    pub instance: storewarden_types::InstanceId,
    /// Host name.
    pub host: String,
    /// Version.
    pub version: String,
}

impl Identity {
    /// The Hello of this agent with the changing parts filled in.
    #[must_use]
    pub(crate) fn hello(
        &self,
        epoch: Epoch,
        next_seq: Seq,
        mounts: Vec<storewarden_types::MountReport>,
    ) -> Hello {
        Hello {
            agent: self.agent.clone(),
            instance: self.instance,
            epoch,
            next_seq,
            host: self.host.clone(),
            version: self.version.clone(),
            mounts,
        }
    }
}
