//! What one agent's session is still to be told: the driver puts in, the session's stream takes out. Owns the bound of
//! that queue, and how a session ends; knows nothing of what the messages mean.

use crate::clock::Clock;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use storewarden_proto::convert::encode_response;
use storewarden_proto::v1;
use storewarden_types::limits::PENDING_DELETIONS_MAX;
use storewarden_types::{Code, ControllerMessage};
use tokio::sync::Notify;
use tokio_stream::Stream;
use tonic::Status;

/// Most that waits for one agent: an order weighs 1, any other message 1. At its Hello an agent may be told to look for
/// every pending deletion at once, which must fit or it could never come back; anything above is an agent that does
/// not read.
const WEIGHT_MAX: usize = PENDING_DELETIONS_MAX + 100_000;

/// The driver's side of a session.
#[derive(Clone, Debug)]
pub(crate) struct Outbox(Arc<Shared>);

/// The stream's side; one for each session.
#[derive(Debug)]
pub(crate) struct OutboxStream {
    shared: Arc<Shared>,
    clock: Clock,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// Told once when nothing more will be taken in.
    ended: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    messages: VecDeque<ControllerMessage>,
    weight: usize,
    /// What the stream ends with after the messages.
    end: Option<Result<(), Status>>,
    over: bool,
    waker: Option<Waker>,
}

/// The agent does not read: its queue was full. The session is over.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotReading;

impl Outbox {
    /// Both sides of a new session.
    pub(crate) fn new(clock: Clock) -> (Self, OutboxStream) {
        let shared = Arc::new(Shared::default());
        (Self(Arc::clone(&shared)), OutboxStream { shared, clock })
    }

    /// Puts one message in. After the end it is dropped.
    pub(crate) fn send(&self, message: ControllerMessage) -> Result<(), NotReading> {
        let weight = weight_of(&message);
        let mut queue = self.0.lock();
        if queue.over {
            return Ok(());
        }
        if queue.weight + weight > WEIGHT_MAX {
            // What waits would be stale before it is read; the agent resumes from what was acknowledged.
            queue.messages.clear();
            queue.weight = 0;
            drop(queue);
            let words = "the agent does not read its session; it resumes where it was";
            self.end(Err(crate::status::refuse(Code::Overloaded, words)));
            return Err(NotReading);
        }
        queue.weight += weight;
        queue.messages.push_back(message);
        queue.wake();
        Ok(())
    }

    /// Ends the session after what was put in. The first end stands.
    pub(crate) fn end(&self, with: Result<(), Status>) {
        let mut queue = self.0.lock();
        if !queue.over {
            queue.over = true;
            queue.end = Some(with);
            queue.wake();
            self.0.ended.notify_one();
        }
    }

    /// Comes back when the session is over. For one waiter.
    pub(crate) async fn ended(&self) {
        self.0.ended.notified().await;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Stream for OutboxStream {
    type Item = Result<v1::SessionResponse, Status>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut queue = self.shared.lock();
        if let Some(message) = queue.messages.pop_front() {
            queue.weight -= weight_of(&message);
            drop(queue);
            // The clock as it is sent, not as it was queued: the agent ties its own clock to it.
            return Poll::Ready(Some(Ok(encode_response(self.clock.mono(), &message))));
        }
        if queue.over {
            return Poll::Ready(match queue.end.take() {
                Some(Err(status)) => Some(Err(status)),
                Some(Ok(())) | None => None,
            });
        }
        queue.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for OutboxStream {
    /// The client went: whoever reads from it stops too.
    fn drop(&mut self) {
        Outbox(Arc::clone(&self.shared)).end(Ok(()));
    }
}

fn weight_of(message: &ControllerMessage) -> usize {
    match message {
        ControllerMessage::Verify(orders) => orders.len().max(1),
        ControllerMessage::Release(ids) => ids.len().max(1),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use storewarden_types::Seq;
    use tokio_stream::StreamExt;

    fn ack(through: u64) -> ControllerMessage {
        ControllerMessage::Ack { through: Seq(through) }
    }

    #[tokio::test]
    async fn messages_come_in_order_then_the_end() {
        let (outbox, mut stream) = Outbox::new(Clock::start());
        outbox.send(ack(1)).unwrap();
        outbox.send(ack(2)).unwrap();
        outbox.end(Err(Status::aborted("enough")));
        outbox.end(Ok(()));
        outbox.send(ack(3)).unwrap();
        outbox.ended().await;
        let acks: Vec<_> = [stream.next().await, stream.next().await]
            .into_iter()
            .map(|m| match m.unwrap().unwrap().message {
                Some(v1::session_response::Message::Ack(ack)) => ack.through_seq,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(acks, [1, 2]);
        assert_eq!(stream.next().await.unwrap().unwrap_err().code(), tonic::Code::Aborted);
        assert!(stream.next().await.is_none());
    }

    #[tokio::test]
    async fn an_agent_that_does_not_read_is_let_go_with_nothing_kept() {
        let (outbox, mut stream) = Outbox::new(Clock::start());
        for through in 0..WEIGHT_MAX {
            outbox.send(ack(through as u64)).unwrap();
        }
        assert_eq!(outbox.send(ack(0)), Err(NotReading));
        assert_eq!(stream.next().await.unwrap().unwrap_err().code(), tonic::Code::ResourceExhausted);
        assert!(stream.next().await.is_none());
    }

    #[tokio::test]
    async fn a_client_that_goes_ends_the_session() {
        let (outbox, stream) = Outbox::new(Clock::start());
        drop(stream);
        outbox.ended().await;
    }
}
