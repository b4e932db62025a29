//! A controller that does what a test tells it: the real gRPC service, with the test in the place of its core.

use std::pin::Pin;
use std::time::Duration;
use storewarden_proto::convert::encode_response;
use storewarden_proto::v1;
use storewarden_proto::v1::agent_service_server::{AgentService, AgentServiceServer};
use storewarden_types::{AgentMessage, ControllerMessage, Hello, Mono, Seq, Welcome};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::Stream;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};

const PATIENCE: Duration = Duration::from_secs(20);

/// One session as the test holds it. Dropping it ends the session.
#[derive(Debug)]
pub(crate) struct Session {
    /// What the agent said first.
    pub(crate) hello: Hello,
    incoming: Streaming<v1::SessionRequest>,
    outgoing: mpsc::Sender<Result<v1::SessionResponse, Status>>,
}

impl Session {
    /// The next message of the agent; `None` when it has hung up.
    pub(crate) async fn next(&mut self) -> Option<AgentMessage> {
        let message = timeout(PATIENCE, self.incoming.message()).await.expect("the agent says something");
        message.ok().flatten().map(|wire| AgentMessage::try_from(wire).expect("the agent's words make sense"))
    }

    /// Says something; an agent that has hung up does not hear it.
    pub(crate) async fn say(&self, message: ControllerMessage) {
        let _ = self.outgoing.send(Ok(encode_response(Mono(1_000), &message))).await;
    }

    pub(crate) async fn welcome(&self, acked: u64) {
        let welcome = Welcome { acked: Seq(acked), clock: Mono(1_000), heartbeat_ms: 100 };
        self.say(ControllerMessage::Welcome(welcome)).await;
    }
}

#[derive(Debug)]
struct Service(mpsc::Sender<Session>);

#[tonic::async_trait]
impl AgentService for Service {
    type SessionStream = Pin<Box<dyn Stream<Item = Result<v1::SessionResponse, Status>> + Send>>;

    async fn session(
        &self,
        request: Request<Streaming<v1::SessionRequest>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        // The stream is accepted only after Hello, as a strict controller may do.
        let mut incoming = request.into_inner();
        let first = incoming.message().await?.ok_or_else(|| Status::aborted("nothing was said"))?;
        let Ok(AgentMessage::Hello(hello)) = AgentMessage::try_from(first) else {
            return Err(Status::invalid_argument("Hello comes first"));
        };
        let (outgoing, stream) = mpsc::channel(16);
        let session = Session { hello: *hello, incoming, outgoing };
        self.0.send(session).await.map_err(|_| Status::unavailable("the test is over"))?;
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }
}

/// A controller on a port of its own.
pub(crate) struct Controller {
    pub(crate) address: String,
    sessions: mpsc::Receiver<Session>,
    serving: tokio::task::JoinHandle<()>,
}

impl Controller {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (sender, sessions) = mpsc::channel(4);
        let serving = tokio::spawn(async move {
            let service = AgentServiceServer::new(Service(sender));
            let server = tonic::transport::Server::builder().add_service(service);
            server.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap();
        });
        Self { address, sessions, serving }
    }

    /// The next session that an agent begins.
    pub(crate) async fn session(&mut self) -> Session {
        timeout(PATIENCE, self.sessions.recv()).await.expect("an agent comes").expect("the server lives")
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
