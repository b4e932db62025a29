//! The way to a controller: one channel, its clients, and a bound on every answer. Owns timeouts; must not know what
//! is asked.

use crate::failure::{Failure, deepest};
use std::future::Future;
use std::time::Duration;
use storewarden_proto::v1::deletion_service_client::DeletionServiceClient;
use storewarden_proto::v1::event_service_client::EventServiceClient;
use storewarden_proto::v1::fleet_service_client::FleetServiceClient;
use storewarden_proto::v1::store_service_client::StoreServiceClient;
use storewarden_types::limits::MESSAGE_BYTES_MAX;
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint};
use tonic::{Response, Status};

/// Longest wait for an answer that needs no probe and no disk but the ledger's.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// What an answer that itself takes a while is given on top of that while.
pub(crate) const ANSWER_MARGIN: Duration = Duration::from_secs(5);
/// How often a silent connection is asked whether it is alive, and how long it has to answer: a stream that never ends
/// must not outlive a controller whose machine is gone.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
const USER_AGENT: &str = concat!("storewarden/", env!("CARGO_PKG_VERSION"));

/// A controller that was reached.
pub(crate) struct Controller {
    url: String,
    patience: Duration,
    channel: Channel,
}

impl Controller {
    /// Connects to `url`, for at most `patience`.
    pub(crate) async fn reach(url: &str, patience: Duration) -> Result<Self, Failure> {
        let unreachable = |why: String| Failure::Unreachable { url: url.to_owned(), why };
        let endpoint = Endpoint::from_shared(url.to_owned())
            .and_then(|endpoint| endpoint.user_agent(USER_AGENT))
            .map_err(|error| unreachable(deepest(&error)))?
            .connect_timeout(patience)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .tcp_nodelay(true);
        match timeout(patience, endpoint.connect()).await {
            Ok(Ok(channel)) => Ok(Self { url: url.to_owned(), patience, channel }),
            Ok(Err(error)) => Err(unreachable(deepest(&error))),
            Err(_) => {
                Err(unreachable(format!("no connection within {}", humantime::format_duration(patience))))
            }
        }
    }

    /// How long this controller is tried for before it counts as unreachable.
    pub(crate) const fn patience(&self) -> Duration {
        self.patience
    }

    pub(crate) fn stores(&self) -> StoreServiceClient<Channel> {
        StoreServiceClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    pub(crate) fn deletions(&self) -> DeletionServiceClient<Channel> {
        DeletionServiceClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    pub(crate) fn events(&self) -> EventServiceClient<Channel> {
        EventServiceClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    pub(crate) fn fleet(&self) -> FleetServiceClient<Channel> {
        FleetServiceClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// Waits for an answer, or for a stream to begin.
    pub(crate) async fn answer<T>(
        &self,
        within: Duration,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Failure> {
        match timeout(within, call).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(self.failure(&status)),
            Err(_) => Err(self.silent(within)),
        }
    }

    /// What a status of this controller says.
    pub(crate) fn failure(&self, status: &Status) -> Failure {
        Failure::of_status(status, &self.url)
    }

    /// Nothing came for too long.
    pub(crate) fn silent(&self, within: Duration) -> Failure {
        Failure::TimedOut { url: self.url.clone(), within }
    }

    /// A stream that should have gone on has ended.
    pub(crate) fn ended(&self) -> Failure {
        Failure::Lost { url: self.url.clone(), why: "it ended the stream".into() }
    }
}
