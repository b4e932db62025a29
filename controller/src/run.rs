//! Putting the process together and taking it apart. Owns the order of both: the ledger first and last, the socket when
//! everything behind it stands.

use crate::clock::Clock;
use crate::config::Config;
use crate::context::Context;
use crate::driver::{Driver, DriverHandle, Parts};
use crate::feed::Feed;
use crate::guard::Guard;
use crate::health::Health;
use crate::listener;
use crate::reads::Reads;
use crate::service::{AgentApi, DeletionApi, EventApi, FleetApi, StoreApi};
use crate::state::State;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use storewarden_ledger::{LedgerError, Reader};
use storewarden_proto::v1::agent_service_server::AgentServiceServer;
use storewarden_proto::v1::deletion_service_server::DeletionServiceServer;
use storewarden_proto::v1::event_service_server::EventServiceServer;
use storewarden_proto::v1::fleet_service_server::FleetServiceServer;
use storewarden_proto::v1::store_service_server::StoreServiceServer;
use storewarden_types::limits::MESSAGE_BYTES_MAX;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tonic::service::Routes;
use tonic::transport::Server as Grpc;

/// What a client may send ahead on one stream, in bytes: measured, more makes a busy stream cost six times the memory and
/// is slower.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
/// Streams of one connection at the same time.
const STREAMS_PER_CONNECTION_MAX: u32 = 1024;
/// The same for a whole connection. h2 breaks a connection off (`too_many_data_frames`) when its unread frames under 256
/// bytes would waste more than half of this window (hyperium/h2#939), which a burst of honest small calls does: so there
/// is room for one such frame of every stream, twice.
const CONNECTION_WINDOW_BYTES: u32 = STREAMS_PER_CONNECTION_MAX * 256 * 4;
/// Largest request of a service whose requests are small, in bytes: what is under way of them costs next to nothing.
const SMALL_REQUEST_BYTES_MAX: usize = 64 * 1024;
/// A silent connection is asked whether it lives, and how long it may think.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(10));
/// How long clients have to read their last words, and the driver to commit its last turn, when the process stops.
const STOP_WAIT: Duration = Duration::from_secs(4);

/// Why a controller did not start, or did not go on.
#[derive(Debug, Error)]
pub enum RunError {
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The socket.
    #[error("cannot listen on {address}; is another controller running, or the address not this host's?")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The gRPC server could not be made or broke.
    #[error("the gRPC server failed")]
    Serve(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The driver's thread could not be made.
    #[error("the driver's thread cannot be started")]
    Thread(#[source] std::io::Error),
    /// The driver ended by itself.
    #[error("the driver failed; the log above says how; this is a fault of the controller, please report it")]
    DriverEnded,
    /// The last turn did not get through.
    #[error("the ledger did not close within {} s; its disk hangs", STOP_WAIT.as_secs())]
    DriverHangs,
}

/// A controller that serves.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stopping: watch::Sender<bool>,
    health: Health,
    /// Comes back when the driver has closed the ledger; an error when it died.
    driver_done: oneshot::Receiver<()>,
    serving: JoinHandle<Result<(), tonic::transport::Error>>,
}

/// Serves until `shutdown` comes back, saying where on standard output.
///
/// # Errors
/// See [`RunError`].
pub async fn run(config: Config, shutdown: impl Future<Output = ()>) -> Result<(), RunError> {
    let server = Server::start(config).await?;
    // Whoever started us may have closed our output; that is no reason not to serve.
    let mut out = std::io::stdout();
    let _ = writeln!(out, "listening on {}", server.address()).and_then(|()| out.flush());
    server.run_until(shutdown).await
}

impl Server {
    /// Opens the ledger, restores the core, and serves.
    ///
    /// # Errors
    /// See [`RunError`].
    pub async fn start(config: Config) -> Result<Self, RunError> {
        let (ledger, reader) = {
            let (data, check) = (config.data.clone(), config.check);
            let opening = tokio::task::spawn_blocking(move || storewarden_ledger::open(&data, check));
            opening.await.map_err(|failed| RunError::Serve(failed.into()))??
        };
        let reader: Arc<dyn Reader> = Arc::new(reader);
        let (listener, address) = listener::bind(config.listen)
            .await
            .map_err(|source| RunError::Bind { address: config.listen, source })?;
        let clock = Clock::start();
        let feed = Arc::new(Feed::new(reader.last_cursor()?));
        let (state, states) = watch::channel(State::default());
        let (stopping, stops) = watch::channel(false);
        let (reporter, health_service) = tonic_health::server::health_reporter();
        let health = Health::new(reporter);
        health.serving(false).await;
        let (handle, queue) = DriverHandle::new();
        let reads = Reads::new(Arc::clone(&reader));
        let context = Context::new(clock, handle, Arc::clone(&feed), reads, states, stops.clone(), &config);
        let parts = Parts {
            config: config.core,
            clock,
            ledger: Box::new(ledger),
            reader,
            feed,
            state,
            health: health.clone(),
            stopping: stops.clone(),
        };
        let driver = Driver::new(parts, queue)?;
        let routes = routes(&context, health_service)?;
        let driver_done = spawn_driver(driver)?;
        tracing::info!(%address, data = %config.data.display(), "serving");
        let serving = tokio::spawn(serve(routes, listener, stops));
        Ok(Self { address, stopping, health, driver_done, serving })
    }

    /// Where it serves.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` comes back, then stops in order.
    ///
    /// # Errors
    /// See [`RunError`].
    pub async fn run_until(mut self, shutdown: impl Future<Output = ()>) -> Result<(), RunError> {
        tokio::select! {
            () = shutdown => {}
            _ = &mut self.driver_done => return Err(RunError::DriverEnded),
            ended = &mut self.serving => {
                return Err(RunError::Serve(match ended {
                    Ok(Ok(())) => "it ended by itself".into(),
                    Ok(Err(error)) => error.into(),
                    Err(failed) => failed.into(),
                }));
            }
        }
        self.stop().await
    }

    async fn stop(mut self) -> Result<(), RunError> {
        tracing::info!("stopping");
        let until = tokio::time::Instant::now() + STOP_WAIT;
        self.health.serving(false).await;
        self.stopping.send_replace(true);
        let driver = tokio::time::timeout_at(until, self.driver_done).await;
        self.health.clear().await;
        // Clients that still have something open are cut off; they were told.
        if tokio::time::timeout_at(until, &mut self.serving).await.is_err() {
            self.serving.abort();
        }
        match driver {
            Ok(Ok(())) => {
                tracing::info!("stopped");
                Ok(())
            }
            Ok(Err(_)) => Err(RunError::DriverEnded),
            Err(_) => Err(RunError::DriverHangs),
        }
    }
}

/// A service that takes lists of thousands.
macro_rules! big {
    ($service:expr) => {
        $service.max_decoding_message_size(MESSAGE_BYTES_MAX)
    };
}

/// A service whose requests name a thing or two.
macro_rules! small {
    ($service:expr) => {
        $service.max_decoding_message_size(SMALL_REQUEST_BYTES_MAX)
    };
}

/// Every service, each of ours behind the guard.
fn routes(
    context: &Context,
    health: tonic_health::pb::health_server::HealthServer<impl tonic_health::pb::health_server::Health>,
) -> Result<Routes, RunError> {
    let guard = Guard::new(context.stopping());
    let context = || context.clone();
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(storewarden_proto::DESCRIPTOR)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let failed = |error: tonic_reflection::server::Error| RunError::Serve(error.into());
    Ok(Routes::new(health)
        .add_service(reflection().build_v1().map_err(failed)?)
        .add_service(reflection().build_v1alpha().map_err(failed)?)
        .add_service(guard.before(big!(AgentServiceServer::new(AgentApi::new(context())))))
        .add_service(guard.before(small!(StoreServiceServer::new(StoreApi::new(context())))))
        .add_service(guard.before(big!(DeletionServiceServer::new(DeletionApi::new(context())))))
        .add_service(guard.before(small!(EventServiceServer::new(EventApi::new(context())))))
        .add_service(guard.before(small!(FleetServiceServer::new(FleetApi::new(context()))))))
}

async fn serve(
    routes: Routes,
    listener: TcpListener,
    mut stops: watch::Receiver<bool>,
) -> Result<(), tonic::transport::Error> {
    Grpc::builder()
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
        .http2_keepalive_interval(Some(KEEPALIVE.0))
        .http2_keepalive_timeout(Some(KEEPALIVE.1))
        .add_routes(routes)
        .serve_with_incoming_shutdown(listener::accept(listener), async move {
            let _ = stops.wait_for(|stop| *stop).await;
        })
        .await
}

/// Runs the driver on a thread of its own, with timers of its own: it blocks while it commits.
fn spawn_driver(driver: Driver) -> Result<oneshot::Receiver<()>, RunError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(RunError::Thread)?;
    let (ended, driver_done) = oneshot::channel();
    std::thread::Builder::new()
        .name("driver".into())
        .spawn(move || {
            runtime.block_on(driver.run());
            // A panic drops it unsent, which is how the rest of the process learns of it.
            let _ = ended.send(());
        })
        .map_err(RunError::Thread)?;
    Ok(driver_done)
}
