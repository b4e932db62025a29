//! The agent's durable memory: facts that no controller has acknowledged yet, and the mounts it expects.
//!
//! Owns the thread that owns the file: SQLite blocks, the driver must not. Requests go through a bounded queue and are
//! answered in order; those that wait together are committed together. Must not know: sessions, workers, what facts say.

mod codec;
mod error;
mod store;

pub use error::OutboxError;
pub use store::{OUTBOX_FILE, Store, Write};

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::Duration;
use storewarden_agent_core::Restored;
use storewarden_types::{AgentId, Fact, Seq};
use tokio::sync::{oneshot, watch};

/// Requests waiting for the thread. The driver awaits each durable one, so more than a few never wait; a full queue
/// means that the thread is stuck.
const QUEUE_MAX: usize = 64;
/// Most requests committed together.
const GROUP_MAX: usize = 64;
/// How long an acknowledgement may wait for company before facts are deleted: losing one in a crash costs a resend.
const TRIM_LAZY: Duration = Duration::from_millis(200);
/// The gate for sightings opens again below this share of the bound, so that it does not flutter.
const REOPEN_SHARE: (u64, u64) = (7, 8);

type Reply<T> = oneshot::Sender<Result<T, OutboxError>>;

enum Request {
    Commit {
        writes: Vec<Write>,
        reply: Reply<()>,
    },
    /// The mark has moved. At most a few of these wait, however fast acknowledgements come.
    Trim,
    Load {
        first: Seq,
        max: usize,
        reply: Reply<Vec<Fact>>,
    },
}

/// The way to the outbox's thread. Dropping it lets the thread finish what waits and close the file.
#[derive(Debug)]
pub struct Outbox {
    requests: SyncSender<Request>,
    trim_mark: Arc<AtomicU64>,
    used_bytes: Arc<AtomicU64>,
    gate: watch::Receiver<Gate>,
    closed: oneshot::Receiver<()>,
}

/// Whether there is room for sightings. Verdicts are taken beyond the bound: there are at most a few for each of the
/// pending deletions, which the core bounds, and while no controller is there no new ones come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// There is.
    Open,
    /// The bound is reached: whoever reads sightings from workers must stop.
    Full,
}

/// An outbox just opened.
#[derive(Debug)]
pub struct Opened {
    /// The way to it.
    pub outbox: Outbox,
    /// Who the agent is.
    pub agent: AgentId,
    /// What a core starts from.
    pub restored: Restored,
}

impl Outbox {
    /// Opens or makes the outbox in `directory` and starts its thread. `max_bytes` of facts close the gate for sightings.
    ///
    /// Blocks while the file is checked (about a second for 256 MiB); meant for the start, before anything else runs.
    ///
    /// # Errors
    /// See [`OutboxError`].
    pub fn open(
        directory: &Path,
        agent: Option<&AgentId>,
        fresh_id: impl FnOnce() -> AgentId,
        max_bytes: u64,
    ) -> Result<Opened, OutboxError> {
        let store = Store::open(directory, agent, fresh_id)?;
        let (agent, restored) = (store.agent().clone(), store.restored()?);
        let (requests, waiting) = sync_channel(QUEUE_MAX);
        let used_bytes = Arc::new(AtomicU64::new(store.used_bytes()));
        let trim_mark = Arc::new(AtomicU64::new(0));
        let (gate_sender, gate) = watch::channel(Gate::Open);
        let (closing, closed) = oneshot::channel();
        let mut keeper = Keeper {
            store,
            waiting,
            trim_mark: Arc::clone(&trim_mark),
            broken: None,
            used_bytes: Arc::clone(&used_bytes),
            gate: gate_sender,
            max_bytes,
        };
        keeper.publish_usage();
        std::thread::Builder::new()
            .name("outbox".into())
            .spawn(move || {
                keeper.run();
                // The file must be closed before anyone hears that it is.
                drop(keeper);
                let _ = closing.send(());
            })
            .map_err(OutboxError::Thread)?;
        Ok(Opened { outbox: Self { requests, trim_mark, used_bytes, gate, closed }, agent, restored })
    }

    /// Makes all of `writes` durable, in order, or none.
    ///
    /// # Errors
    /// After any error the outbox is closed: what it holds is known only by opening it again.
    pub async fn commit(&self, writes: Vec<Write>) -> Result<(), OutboxError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::Commit { writes, reply })?;
        answer.await.unwrap_or(Err(OutboxError::Stopped))
    }

    /// Facts through this place may go; they do so with the next commit or a moment later.
    ///
    /// # Errors
    /// `Stopped`.
    pub fn trim(&self, through: Seq) -> Result<(), OutboxError> {
        // A mark that waits already will be taken up with the new value.
        match self.trim_mark.fetch_max(through.0, Ordering::Relaxed) {
            0 => self.ask(Request::Trim),
            _ => Ok(()),
        }
    }

    /// Facts from `first` on; see [`Store::load`].
    ///
    /// # Errors
    /// As [`Store::load`], and `Stopped`.
    pub async fn load(&self, first: Seq, max: usize) -> Result<Vec<Fact>, OutboxError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::Load { first, max, reply })?;
        answer.await.unwrap_or(Err(OutboxError::Stopped))
    }

    /// Bytes that facts take.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.used_bytes.load(Ordering::Relaxed)
    }

    /// Tells whether there is room for sightings, and every change of it.
    #[must_use]
    pub fn gate(&self) -> watch::Receiver<Gate> {
        self.gate.clone()
    }

    /// Lets the thread finish and waits until the file is closed; the caller bounds the wait.
    pub async fn close(self) {
        let Self { requests, closed, .. } = self;
        drop(requests);
        let _ = closed.await;
    }

    fn ask(&self, request: Request) -> Result<(), OutboxError> {
        self.requests.try_send(request).map_err(|_| OutboxError::Stopped)
    }
}

/// What runs on the thread.
struct Keeper {
    store: Store,
    waiting: Receiver<Request>,
    /// Through where facts may go; 0 when nothing new may.
    trim_mark: Arc<AtomicU64>,
    /// A trim that nobody awaits went wrong: told to whoever asks next.
    broken: Option<OutboxError>,
    used_bytes: Arc<AtomicU64>,
    gate: watch::Sender<Gate>,
    max_bytes: u64,
}

impl Keeper {
    /// Serves until the handle is gone or a write has failed.
    fn run(&mut self) {
        while let Some(request) = self.next() {
            let done = match request {
                Request::Trim => Ok(()),
                Request::Load { first, max, reply } => {
                    let outcome = self.broken.take().map_or_else(|| self.store.load(first, max), Err);
                    // Whoever asked may be gone; then nobody misses the answer.
                    let _ = reply.send(outcome);
                    Ok(())
                }
                Request::Commit { reply, .. } if self.broken.is_some() => {
                    let _ = reply.send(self.broken.take().map_or(Ok(()), Err));
                    Err(OutboxError::Stopped)
                }
                Request::Commit { writes, reply } => self.commit_group(writes, reply),
            };
            if done.is_err() {
                return;
            }
        }
        // What is left of a trim when the handle is gone only saves a resend: its failure changes nothing.
        let _ = self.trim_now();
    }

    /// The next request; trims when none comes for a moment. `None`: stop.
    fn next(&mut self) -> Option<Request> {
        if self.trim_mark.load(Ordering::Relaxed) == 0 {
            return self.waiting.recv().ok();
        }
        match self.waiting.recv_timeout(TRIM_LAZY) {
            Ok(request) => Some(request),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                self.broken = self.trim_now().err();
                self.waiting.recv().ok()
            }
        }
    }

    /// Commits `writes` together with whatever commits wait behind it. Requests of another kind end the group and are
    /// served by themselves after it.
    fn commit_group(&mut self, writes: Vec<Write>, reply: Reply<()>) -> Result<(), OutboxError> {
        let (mut group, mut replies, mut after) = (writes, vec![reply], None);
        while replies.len() < GROUP_MAX && after.is_none() {
            match self.waiting.try_recv() {
                Ok(Request::Commit { writes, reply }) => {
                    group.extend(writes);
                    replies.push(reply);
                }
                Ok(Request::Trim) => {}
                Ok(Request::Load { first, max, reply }) => after = Some((first, max, reply)),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        let trim = self.take_trim();
        let outcome = self.store.commit(&group, trim);
        self.publish_usage();
        match outcome {
            Ok(()) => {
                for reply in replies {
                    let _ = reply.send(Ok(()));
                }
                if let Some((first, max, reply)) = after {
                    let _ = reply.send(self.store.load(first, max));
                }
                Ok(())
            }
            Err(error) => {
                // One says why; the others learn that the outbox has stopped when their replies are dropped.
                let mut replies = replies.into_iter();
                if let Some(first) = replies.next() {
                    let _ = first.send(Err(error));
                }
                Err(OutboxError::Stopped)
            }
        }
    }

    fn trim_now(&mut self) -> Result<(), OutboxError> {
        if let Some(through) = self.take_trim() {
            self.store.commit(&[], Some(through))?;
            self.store.shrink()?;
            self.publish_usage();
        }
        Ok(())
    }

    fn take_trim(&self) -> Option<Seq> {
        Some(Seq(self.trim_mark.swap(0, Ordering::Relaxed))).filter(|mark| mark.0 > 0)
    }

    fn publish_usage(&self) {
        let used = self.store.used_bytes();
        self.used_bytes.store(used, Ordering::Relaxed);
        let reopen = self.max_bytes / REOPEN_SHARE.1 * REOPEN_SHARE.0;
        self.gate.send_if_modified(|gate| {
            let now = match *gate {
                Gate::Open if used >= self.max_bytes => Gate::Full,
                Gate::Full if used < reopen => Gate::Open,
                same => same,
            };
            std::mem::replace(gate, now) != now
        });
    }
}
