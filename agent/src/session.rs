//! The session to a controller: dials one of several addresses in turn, again and again, and carries messages both ways.
//!
//! Owns connecting, backoff, and the bounded queue to the stream. Must not know: what is said and when; the core does.

mod line;

pub(crate) use line::Line;

use crate::telemetry::chain;
use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use std::time::Duration;
use storewarden_agent_core::ConnectionId;
use storewarden_proto::convert::decode_response;
use storewarden_proto::v1::agent_service_client::AgentServiceClient;
use storewarden_types::limits::MESSAGE_BYTES_MAX;
use storewarden_types::{ControllerMessage, Mono};
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tonic::transport::{Channel, Endpoint, Uri};

/// First pause after a failure; doubles, with jitter, so that a thousand agents do not come back as one.
const PAUSE_FIRST: Duration = Duration::from_millis(100);
/// Longest pause, jitter and all.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// How long name resolution, TCP and HTTP/2 may take together.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long the controller may take to accept the stream.
const ACCEPT_MAX: Duration = Duration::from_secs(10);
/// HTTP/2 pings: how often, and how long their answer may take. They find a dead network; a controller that is alive but
/// silent is found by the core.
const PING_EVERY: Duration = Duration::from_secs(5);
const PING_ANSWER_MAX: Duration = Duration::from_secs(5);
/// HTTP/2 windows: larger ones only cost memory (a saturated stream is no faster with them).
const WINDOW_BYTES: u32 = 64 * 1024 - 1;

/// What the session brings to the driver.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A connection stands; what is to be said on it goes through the line.
    Connected(Line),
    /// The controller said something on it.
    Said { connection: ConnectionId, clock: Mono, message: ControllerMessage },
    /// It is gone.
    Lost(ConnectionId),
}

#[derive(Debug, Error)]
enum SessionError {
    #[error("no connection")]
    Connect(#[source] tonic::transport::Error),
    #[error("no connection within {} s", CONNECT_MAX.as_secs())]
    ConnectTimeout,
    #[error("the controller did not accept the session within {} s", ACCEPT_MAX.as_secs())]
    AcceptTimeout,
    // A status tells its own code and message; its sources are noise.
    #[error("the session ended: {} ({:?})", .0.message(), .0.code())]
    Status(tonic::Status),
    #[error("the controller said what makes no sense")]
    Nonsense(#[source] storewarden_proto::convert::DecodeError),
    #[error("the agent closed the session")]
    Closed,
    #[error("the controller ended the session")]
    Ended,
}

/// How far a connection came: decides how soon the next is tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Progress {
    #[default]
    None,
    Welcomed,
    Refused,
}

/// Dials and listens, one connection at a time, until the driver is gone.
pub(crate) struct Session {
    addresses: Vec<Uri>,
    heard: mpsc::Sender<Heard>,
    next_connection: u64,
}

impl Session {
    /// `addresses` are tried in turn; `heard` hears everything.
    pub(crate) const fn new(addresses: Vec<Uri>, heard: mpsc::Sender<Heard>) -> Self {
        Self { addresses, heard, next_connection: 1 }
    }

    /// Runs until nobody listens.
    pub(crate) async fn run(mut self) {
        let mut pauses = pauses();
        for turn in 0.. {
            if self.heard.is_closed() || self.addresses.is_empty() {
                return;
            }
            let address = self.addresses[turn % self.addresses.len()].clone();
            let mut progress = Progress::None;
            let error = match self.converse(&address, &mut progress).await {
                Ok(()) => return,
                Err(error) => error,
            };
            tracing::warn!(controller = %address, error = chain(&error), "no session");
            let pause = match progress {
                Progress::None => pauses.next().unwrap_or(PAUSE_MAX).min(PAUSE_MAX),
                Progress::Welcomed => {
                    pauses = self::pauses();
                    pauses.next().unwrap_or(PAUSE_FIRST)
                }
                Progress::Refused => PAUSE_MAX,
            };
            tokio::select! {
                () = sleep(pause) => {}
                () = self.heard.closed() => return,
            }
        }
    }

    /// One connection from dialling to its end. `Ok` only when nobody listens any more.
    async fn converse(&mut self, address: &Uri, progress: &mut Progress) -> Result<(), SessionError> {
        let channel = timeout(CONNECT_MAX, endpoint(address).connect())
            .await
            .map_err(|_| SessionError::ConnectTimeout)?
            .map_err(SessionError::Connect)?;
        let connection = ConnectionId(self.next_connection);
        self.next_connection += 1;
        let (line, outgoing) = line::open(connection);
        // Hello must be in the queue before the stream is accepted: the controller may wait for it first.
        if self.heard.send(Heard::Connected(line)).await.is_err() {
            return Ok(());
        }
        tracing::info!(controller = %address, "connected");
        let outcome = self.listen(channel, connection, outgoing, progress).await;
        if self.heard.send(Heard::Lost(connection)).await.is_err() { Ok(()) } else { outcome }
    }

    async fn listen(
        &self,
        channel: Channel,
        connection: ConnectionId,
        outgoing: line::Outgoing,
        progress: &mut Progress,
    ) -> Result<(), SessionError> {
        let mut client = AgentServiceClient::new(channel)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let line::Outgoing { stream, mut hung_up } = outgoing;
        let accepted = tokio::select! {
            _ = &mut hung_up => return Err(SessionError::Closed),
            accepted = timeout(ACCEPT_MAX, client.session(stream)) => accepted,
        };
        let mut incoming =
            accepted.map_err(|_| SessionError::AcceptTimeout)?.map_err(SessionError::Status)?.into_inner();
        loop {
            let wire = tokio::select! {
                _ = &mut hung_up => return Err(SessionError::Closed),
                wire = incoming.message() => wire.map_err(SessionError::Status)?.ok_or(SessionError::Ended)?,
            };
            let (clock, message) = decode_response(wire).map_err(SessionError::Nonsense)?;
            match message {
                ControllerMessage::Welcome(_) => *progress = Progress::Welcomed,
                ControllerMessage::Refuse { .. } => *progress = Progress::Refused,
                _ => {}
            }
            if self.heard.send(Heard::Said { connection, clock, message }).await.is_err() {
                return Ok(());
            }
        }
    }
}

fn endpoint(address: &Uri) -> Endpoint {
    Endpoint::from(address.clone())
        .connect_timeout(CONNECT_MAX)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_ANSWER_MAX)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
}

fn pauses() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(PAUSE_FIRST)
        .with_max_delay(PAUSE_MAX)
        .without_max_times()
        .with_jitter()
        .build()
}
