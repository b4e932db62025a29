//! What the rest of the process asks of the driver, and the queue it goes through. Owns that queue's bounds.

use crate::outbox::Outbox;
use crate::status::{refuse, refused};
use std::sync::Arc;
use storewarden_controller_core::TrackOrder;
use storewarden_proto::v1;
use storewarden_types::{AgentMessage, Code, DeletionId, Refusal, SessionId, StoreId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tonic::Status;

/// Asks that wait for the driver: some turns of them, so that a commit gathers many; whoever meets a full queue waits,
/// and is not read from meanwhile.
const QUEUE_MAX: usize = 4096;
/// Size on the wire of all agents' messages that wait for the driver, in bytes: the queue's count alone would let each
/// be as big as a message may be.
const INTAKE_BYTES: usize = 64 * 1024 * 1024;

/// One thing asked of the driver.
#[derive(Debug)]
pub(crate) enum Ask {
    /// A session's stream is there.
    Opened(SessionId, Outbox),
    /// An agent said something on it.
    Said(SessionId, AgentMessage, OwnedSemaphorePermit),
    /// The stream has ended.
    Gone(SessionId),
    /// A client wants deletions tracked.
    Track(Box<TrackOrder>, oneshot::Sender<Result<Granted, Refusal>>),
    /// A client withdraws a request.
    Cancel(DeletionId, oneshot::Sender<Result<Granted, Refusal>>),
    /// A client wants every probe of a store run.
    Probe(StoreId),
}

/// A request that was done, and is durable.
#[derive(Debug)]
pub(crate) struct Granted {
    /// The deletions it was about, in the caller's order.
    pub(crate) ids: Vec<DeletionId>,
    /// The same as they were committed; `None` when they were committed earlier and are to be read.
    pub(crate) rows: Option<Vec<Arc<v1::Deletion>>>,
    /// Whether the key was known and nothing new was tracked.
    pub(crate) replayed: bool,
}

/// A caller that waits for its answer.
#[derive(Debug)]
pub(crate) struct Waiting(pub(crate) oneshot::Sender<Result<Granted, Refusal>>);

impl Waiting {
    /// Turns it down. A caller that has gone is nobody to tell.
    pub(crate) fn refuse(self, refusal: &Refusal) {
        let _ = self.0.send(Err(refusal.clone()));
    }
}

impl Ask {
    /// Turns it down without the core ever seeing it.
    pub(crate) fn refuse(self, refusal: &Refusal) {
        match self {
            Self::Opened(_, outbox) => outbox.end(Err(refused(refusal))),
            Self::Track(_, answer) | Self::Cancel(_, answer) => Waiting(answer).refuse(refusal),
            // Their session was ended, or ends by itself; a probe that is not run is seen by its caller's deadline.
            Self::Said(..) | Self::Gone(_) | Self::Probe(_) => {}
        }
    }
}

/// The way to the driver.
#[derive(Clone, Debug)]
pub(crate) struct DriverHandle {
    queue: mpsc::Sender<Ask>,
    intake: Arc<Semaphore>,
}

impl DriverHandle {
    /// The two ends of the queue.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Ask>) {
        let (queue, receiver) = mpsc::channel(QUEUE_MAX);
        (Self { queue, intake: Arc::new(Semaphore::new(INTAKE_BYTES)) }, receiver)
    }

    /// Asks, waiting for a place in the queue.
    pub(crate) async fn ask(&self, ask: Ask) -> Result<(), Status> {
        self.queue.send(ask).await.map_err(|_| stopping())
    }

    /// Hands on what an agent said, of this size on the wire, waiting for room.
    pub(crate) async fn said(
        &self,
        session: SessionId,
        message: AgentMessage,
        bytes: usize,
    ) -> Result<(), Status> {
        let bytes = u32::try_from(bytes.clamp(1, INTAKE_BYTES)).unwrap_or(1);
        let room = Arc::clone(&self.intake).acquire_many_owned(bytes).await.map_err(|_| stopping())?;
        self.ask(Ask::Said(session, message, room)).await
    }

    /// Asks for something and waits for the answer.
    pub(crate) async fn answer(
        &self,
        ask: impl FnOnce(oneshot::Sender<Result<Granted, Refusal>>) -> Ask,
    ) -> Result<Granted, Status> {
        let (sender, answer) = oneshot::channel();
        self.ask(ask(sender)).await?;
        match answer.await {
            Ok(Ok(granted)) => Ok(granted),
            Ok(Err(refusal)) => Err(refused(&refusal)),
            // Dropped unanswered: only a driver that died does that.
            Err(_) => Err(refuse(Code::Internal, "the controller's driver failed; its log says more")),
        }
    }
}

fn stopping() -> Status {
    refuse(Code::ShuttingDown, "the controller is stopping")
}
