//! Sessions of agents: a stream in, a stream out, the driver between them. Owns what a session must begin with, and the
//! bound on sessions.

use crate::context::Context;
use crate::driver::Ask;
use crate::outbox::{Outbox, OutboxStream};
use crate::status::refuse;
use prost::Message;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context as Poller, Poll};
use std::time::Duration;
use storewarden_proto::v1;
use storewarden_proto::v1::agent_service_server::AgentService;
use storewarden_types::limits::AGENTS_MAX;
use storewarden_types::{AgentMessage, Code, ControllerMessage, SessionId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_stream::Stream;
use tonic::{Code as Grpc, Request, Response, Status, Streaming};
use tracing::Instrument;

/// Sessions at the same time. An agent that comes back before its old session is found dead has two for a moment.
const SESSIONS_MAX: usize = AGENTS_MAX + AGENTS_MAX / 10;
/// How long a session may say nothing before its Hello.
const HELLO_WAIT: Duration = Duration::from_secs(10);

/// `storewarden.v1.AgentService`.
#[derive(Debug)]
pub(crate) struct AgentApi {
    context: Context,
    room: Arc<Semaphore>,
    last_session: AtomicU64,
}

impl AgentApi {
    pub(crate) fn new(context: Context) -> Self {
        Self { context, room: Arc::new(Semaphore::new(SESSIONS_MAX)), last_session: AtomicU64::new(0) }
    }
}

/// What an agent is told, and its place among the sessions.
#[derive(Debug)]
pub(crate) struct SessionStream {
    told: OutboxStream,
    _place: OwnedSemaphorePermit,
}

impl Stream for SessionStream {
    type Item = Result<v1::SessionResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.told).poll_next(poller)
    }
}

#[tonic::async_trait]
impl AgentService for AgentApi {
    type SessionStream = SessionStream;

    async fn session(
        &self,
        request: Request<Streaming<v1::SessionRequest>>,
    ) -> Result<Response<SessionStream>, Status> {
        let place = Arc::clone(&self.room).try_acquire_owned().map_err(|_| {
            refuse(Code::Overloaded, format!("{SESSIONS_MAX} sessions are open; come back later"))
        })?;
        let session = SessionId(self.last_session.fetch_add(1, Ordering::Relaxed) + 1);
        let peer = request.remote_addr().map(|address| address.to_string()).unwrap_or_default();
        let (outbox, told) = Outbox::new(self.context.clock);
        self.context.driver.ask(Ask::Opened(session, outbox.clone())).await?;
        let reader = Reader { context: self.context.clone(), session, outbox, heard: request.into_inner() };
        let span = tracing::info_span!("session", session.id = session.0, peer);
        tokio::spawn(reader.run().instrument(span));
        Ok(Response::new(SessionStream { told, _place: place }))
    }
}

/// Reads what one agent says until either side ends the session.
struct Reader {
    context: Context,
    session: SessionId,
    outbox: Outbox,
    heard: Streaming<v1::SessionRequest>,
}

/// Why reading ended.
enum End {
    /// The stream, or the session.
    Over,
    /// The agent broke the protocol; how.
    Violation(String),
}

impl Reader {
    async fn run(mut self) {
        tracing::debug!("a session begins");
        let outbox = self.outbox.clone();
        let end = tokio::select! {
            end = self.read() => end,
            () = outbox.ended() => End::Over,
        };
        if let End::Violation(how) = end {
            tracing::warn!(how, "an agent broke the session protocol");
            let (code, message) = (Code::ProtocolViolation, how.clone());
            // An agent that does not even read this learns it from the end.
            let _ = self.outbox.send(ControllerMessage::Refuse { code, message });
            self.outbox.end(Err(refuse(code, how)));
        } else {
            self.outbox.end(Ok(()));
        }
        tracing::debug!("a session ends");
        let _ = self.context.driver.ask(Ask::Gone(self.session)).await;
    }

    async fn read(&mut self) -> End {
        let Ok(mut next) = tokio::time::timeout(HELLO_WAIT, self.heard.message()).await else {
            return End::Violation(format!("no Hello within {} s", HELLO_WAIT.as_secs()));
        };
        let mut greeted = false;
        loop {
            let wire = match next {
                Ok(Some(wire)) => wire,
                Ok(None) => return End::Over,
                Err(status) => return broken(&status),
            };
            let bytes = wire.encoded_len();
            let message = match AgentMessage::try_from(wire) {
                Ok(message) => message,
                Err(error) => return End::Violation(error.to_string()),
            };
            if !greeted && !matches!(message, AgentMessage::Hello(_)) {
                return End::Violation("the first message of a session must be Hello".into());
            }
            greeted = true;
            if self.context.driver.said(self.session, message, bytes).await.is_err() {
                return End::Over;
            }
            next = self.heard.message().await;
        }
    }
}

/// What a failed read means: bytes that are no message are the agent's fault, anything else is the connection's.
fn broken(status: &Status) -> End {
    match status.code() {
        Grpc::Internal | Grpc::OutOfRange if status.message().contains("decode") => {
            End::Violation(status.message().to_owned())
        }
        _ => End::Over,
    }
}
