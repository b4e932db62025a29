//! The way of messages to one connection: a bounded queue, and the means to hang up.
//! Must not know: how connections come about.

use storewarden_agent_core::ConnectionId;
use storewarden_proto::v1::{self, session_request};
use storewarden_types::AgentMessage;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;

/// Messages waiting for the stream. A controller that lets so many pile up does not read; the session then starts over.
const QUEUE_MAX: usize = 1024;
/// Facts of one message are split beyond this many bytes, well under what either side accepts.
const FACTS_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Our end of one connection. Dropping it hangs up.
#[derive(Debug)]
pub(crate) struct Line {
    connection: ConnectionId,
    messages: mpsc::Sender<v1::SessionRequest>,
    _hang_up: oneshot::Sender<()>,
}

/// The session's end of it.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) stream: ReceiverStream<v1::SessionRequest>,
    /// Ends when the line is dropped.
    pub(super) hung_up: oneshot::Receiver<()>,
}

/// The controller does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overrun;

pub(super) fn open(connection: ConnectionId) -> (Line, Outgoing) {
    let (messages, queue) = mpsc::channel(QUEUE_MAX);
    let (hang_up, hung_up) = oneshot::channel();
    (
        Line { connection, messages, _hang_up: hang_up },
        Outgoing { stream: ReceiverStream::new(queue), hung_up },
    )
}

impl Line {
    /// Which connection this is.
    pub(crate) const fn connection(&self) -> ConnectionId {
        self.connection
    }

    /// Puts a message into the queue without waiting. A connection that is gone takes it and forgets it: the session says
    /// that it is gone.
    ///
    /// # Errors
    /// When the queue is full; the line should be dropped.
    pub(crate) fn send(&self, message: &AgentMessage) -> Result<(), Overrun> {
        for wire in split(message.into()) {
            match self.messages.try_send(wire) {
                Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => {}
                Err(mpsc::error::TrySendError::Full(_)) => return Err(Overrun),
            }
        }
        Ok(())
    }
}

/// One message, or several when its facts are too many bytes for one.
fn split(wire: v1::SessionRequest) -> Vec<v1::SessionRequest> {
    use prost::Message as _;
    let facts = match wire.message {
        Some(session_request::Message::Facts(facts)) if facts.encoded_len() > FACTS_BYTES_MAX => facts,
        message => return vec![v1::SessionRequest { message }],
    };
    let (mut messages, mut first_seq, mut items, mut bytes) = (Vec::new(), facts.first_seq, Vec::new(), 0);
    let mut close = |first_seq: &mut u64, items: &mut Vec<v1::Fact>| {
        let part = v1::Facts { first_seq: *first_seq, items: std::mem::take(items) };
        *first_seq += part.items.len() as u64;
        messages.push(v1::SessionRequest { message: Some(session_request::Message::Facts(part)) });
    };
    for fact in facts.items {
        let size = fact.encoded_len();
        if bytes + size > FACTS_BYTES_MAX && !items.is_empty() {
            close(&mut first_seq, &mut items);
            bytes = 0;
        }
        bytes += size;
        items.push(fact);
    }
    close(&mut first_seq, &mut items);
    messages
}

#[cfg(test)]
mod tests {
    use super::*;
    use storewarden_types::{Fact, Gap, GapCause, Seq, Wall};

    fn facts(count: usize, bytes: usize) -> AgentMessage {
        let gap = Gap {
            mount_point: "/m".into(),
            cause: GapCause::Error,
            complete: false,
            missing: 0,
            present: 0,
            at: Wall(1),
            message: "x".repeat(bytes),
        };
        AgentMessage::Facts { first: Seq(7), items: vec![Fact::Gap(gap); count] }
    }

    #[test]
    fn many_bytes_of_facts_are_several_messages_without_holes() {
        let parts = split((&facts(10, 1024 * 1024)).into());
        let mut next = 7;
        for part in &parts {
            let Some(session_request::Message::Facts(part)) = &part.message else { panic!("facts only") };
            assert_eq!(part.first_seq, next);
            assert!(part.items.len() <= 3);
            next += part.items.len() as u64;
        }
        assert_eq!(next, 17);
        assert_eq!(split((&facts(10, 10)).into()).len(), 1);
    }

    #[test]
    fn a_controller_that_does_not_read_is_told_apart_from_one_that_is_gone() {
        let (line, outgoing) = open(ConnectionId(1));
        for _ in 0..QUEUE_MAX {
            assert_eq!(line.send(&AgentMessage::Heartbeat), Ok(()));
        }
        assert_eq!(line.send(&AgentMessage::Heartbeat), Err(Overrun));
        drop(outgoing);
        assert_eq!(line.send(&AgentMessage::Heartbeat), Ok(()));
    }
}
