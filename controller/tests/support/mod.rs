//! What the controller's tests share: a controller in this process on a port of its own, clients, and bounded waiting.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "shared by tests, each of which uses its own part"
)]

pub mod agent;
pub mod process;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use storewarden_controller::{Config, RunError, Server};
use storewarden_proto::v1;
use storewarden_proto::v1::deletion_service_client::DeletionServiceClient;
use storewarden_proto::v1::event_service_client::EventServiceClient;
use storewarden_proto::v1::fleet_service_client::FleetServiceClient;
use storewarden_proto::v1::store_service_client::StoreServiceClient;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};
use tonic_types::StatusExt;

/// Longest any single wait of a test may take before the test fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A directory of this test alone, removed at its end.
pub struct TestDir(PathBuf);

impl TestDir {
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("storewarden-controller-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TestDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The configuration of a test: a free port, and times that make tests short.
pub fn config(dir: &Path) -> Config {
    let mut config =
        Config { listen: "127.0.0.1:0".parse().unwrap(), data: dir.join("data"), ..Config::default() };
    config.core.heartbeat_ms = 200;
    config
}

/// A controller in this process.
pub struct Running {
    pub address: SocketAddr,
    stop: oneshot::Sender<()>,
    done: JoinHandle<Result<(), RunError>>,
}

impl Running {
    pub async fn start(dir: &Path) -> Self {
        Self::start_with(config(dir)).await
    }

    pub async fn start_with(config: Config) -> Self {
        let server = Server::start(config).await.unwrap();
        let address = server.address();
        let (stop, stopped) = oneshot::channel::<()>();
        let done = tokio::spawn(server.run_until(async move {
            let _ = stopped.await;
        }));
        Self { address, stop, done }
    }

    pub async fn stop(self) {
        let _ = self.stop.send(());
        soon(self.done).await.unwrap().unwrap();
    }

    /// A connection of its own for each call.
    pub async fn channel(&self) -> Channel {
        channel(self.address).await
    }

    pub async fn stores(&self) -> StoreServiceClient<Channel> {
        StoreServiceClient::new(self.channel().await)
    }

    pub async fn deletions(&self) -> DeletionServiceClient<Channel> {
        DeletionServiceClient::new(self.channel().await)
    }

    pub async fn events(&self) -> EventServiceClient<Channel> {
        EventServiceClient::new(self.channel().await)
    }

    pub async fn fleet(&self) -> FleetServiceClient<Channel> {
        FleetServiceClient::new(self.channel().await)
    }

    /// Every event after `since`, as far as the ledger goes now.
    pub async fn tail(&self, since: u64) -> Vec<v1::Event> {
        let request = v1::TailRequest { since: Some(since), ..v1::TailRequest::default() };
        let mut stream = soon(self.events().await.tail(request)).await.unwrap().into_inner();
        let mut events = Vec::new();
        while let Some(event) = soon(stream.message()).await.unwrap() {
            events.push(event);
        }
        events
    }
}

pub async fn channel(address: SocketAddr) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    soon(endpoint.connect()).await.unwrap()
}

/// Waits, but not for ever.
pub async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("it took too long")
}

/// Asks again and again until the answer is wanted: waits for a level, not for an edge.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let begun = tokio::time::Instant::now();
    loop {
        if let Some(value) = look().await {
            return value;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The stable code of an error; fails when there is none, for every error must have one.
pub fn code_of(status: &Status) -> String {
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("an error without a code: {status:?}"));
    assert_eq!(info.domain, "storewarden");
    info.reason.clone()
}

/// The metadata of an error.
pub fn metadata_of(status: &Status, name: &str) -> String {
    status.get_error_details().error_info().unwrap().metadata[name].clone()
}

pub fn track(store: &str, paths: &[&str]) -> v1::TrackRequest {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    v1::TrackRequest { store: store.into(), paths, deadline: None, key: String::new() }
}
