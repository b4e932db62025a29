//! A controller that answers by script: every service of the API on a port of its own, gone with its handle.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use storewarden_proto::v1::deletion_service_server::{DeletionService, DeletionServiceServer};
use storewarden_proto::v1::event_service_server::{EventService, EventServiceServer};
use storewarden_proto::v1::fleet_service_server::{FleetService, FleetServiceServer};
use storewarden_proto::v1::store_service_server::{StoreService, StoreServiceServer};
use storewarden_proto::v1::*;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::transport::Server;
use tonic::{Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// How a unary method answers.
pub(crate) type Answer<Q, A> = Box<dyn Fn(Q) -> Result<A, Status> + Send + Sync>;
/// What a streaming method says, call by call.
pub(crate) type Steps<Q, A> = Box<dyn Fn(Q) -> Result<Vec<Step<A>>, Status> + Send + Sync>;

/// One step of a stream. After the last one it ends.
#[derive(Clone)]
pub(crate) enum Step<A> {
    Tell(A),
    Fail(Status),
    /// Nothing more, and no end.
    Hang,
}

/// How every method answers.
pub(crate) struct Script {
    pub(crate) stores: Answer<ListStoresRequest, ListStoresResponse>,
    pub(crate) store: Answer<GetStoreRequest, Store>,
    pub(crate) watch_stores: Steps<WatchStoresRequest, WatchStoresResponse>,
    pub(crate) preflight: Answer<PreflightRequest, PreflightResponse>,
    pub(crate) probe: Answer<ProbeNowRequest, Store>,
    pub(crate) agents: Answer<ListAgentsRequest, ListAgentsResponse>,
    pub(crate) track: Answer<TrackRequest, TrackResponse>,
    pub(crate) deletion: Answer<GetDeletionRequest, Deletion>,
    pub(crate) deletions: Answer<ListDeletionsRequest, ListDeletionsResponse>,
    pub(crate) watch_deletions: Steps<WatchDeletionsRequest, WatchDeletionsResponse>,
    pub(crate) wait: Steps<AwaitDeletionsRequest, Deletion>,
    pub(crate) cancel: Answer<CancelDeletionRequest, Deletion>,
    pub(crate) tail: Steps<TailRequest, Event>,
}

impl Default for Script {
    /// Nothing is implemented.
    fn default() -> Self {
        Self {
            stores: unscripted(),
            store: unscripted(),
            watch_stores: unscripted(),
            preflight: unscripted(),
            probe: unscripted(),
            agents: unscripted(),
            track: unscripted(),
            deletion: unscripted(),
            deletions: unscripted(),
            watch_deletions: unscripted(),
            wait: unscripted(),
            cancel: unscripted(),
            tail: unscripted(),
        }
    }
}

fn unscripted<Q, A>() -> Box<dyn Fn(Q) -> Result<A, Status> + Send + Sync> {
    Box::new(|_| Err(Status::unimplemented("not in the script")))
}

/// Always this answer.
pub(crate) fn say<Q, A: Clone + Send + Sync + 'static>(
    answer: A,
) -> Box<dyn Fn(Q) -> Result<A, Status> + Send + Sync> {
    Box::new(move |_| Ok(answer.clone()))
}

/// Always this error.
pub(crate) fn refuse<Q, A>(status: Status) -> Box<dyn Fn(Q) -> Result<A, Status> + Send + Sync> {
    Box::new(move |_| Err(status.clone()))
}

/// An error as a controller sends it: a stable code in ErrorInfo beside the gRPC status.
pub(crate) fn error(status: tonic::Code, code: &str, metadata: &[(&str, &str)]) -> Status {
    let metadata = metadata.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let metadata: std::collections::HashMap<String, String> = metadata.collect();
    let details = ErrorDetails::with_error_info(code, "storewarden", metadata);
    Status::with_error_details(status, format!("the script says {code}"), details)
}

/// Keeps the requests that came, for later questions.
pub(crate) struct Seen<Q>(Arc<Mutex<Vec<Q>>>);

impl<Q: Clone + Send + 'static> Seen<Q> {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    /// As `answer`, noting each request.
    pub(crate) fn by<A: 'static>(
        &self,
        answer: Box<dyn Fn(Q) -> Result<A, Status> + Send + Sync>,
    ) -> Box<dyn Fn(Q) -> Result<A, Status> + Send + Sync> {
        let seen = Arc::clone(&self.0);
        Box::new(move |request| {
            seen.lock().unwrap().push(request.clone());
            answer(request)
        })
    }

    pub(crate) fn all(&self) -> Vec<Q> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn only(&self) -> Q {
        let all = self.all();
        assert_eq!(all.len(), 1, "one request was expected");
        all.into_iter().next().unwrap()
    }
}

/// A scripted controller that runs until it is dropped, and then is gone at once, connections and all.
pub(crate) struct Scripted {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Scripted {
    pub(crate) fn start(script: Script) -> Self {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into(), script)
    }

    /// At the address of one that is gone, or on a loopback address of one test's own: there no other test can take
    /// the port of a controller that is gone.
    pub(crate) fn start_at(address: SocketAddr, script: Script) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::bind(address).await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                let service = Service(Arc::new(script));
                let serve = Server::builder()
                    .add_service(StoreServiceServer::new(service.clone()))
                    .add_service(DeletionServiceServer::new(service.clone()))
                    .add_service(FleetServiceServer::new(service.clone()))
                    .add_service(EventServiceServer::new(service))
                    .serve_with_incoming(TcpListenerStream::new(listener));
                tokio::select! {
                    served = serve => served.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        let address = told.recv().unwrap();
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the scripted controller panicked");
        }
    }
}

#[derive(Clone)]
struct Service(Arc<Script>);

type Telling<A> = ReceiverStream<Result<A, Status>>;

fn unary<Q, A>(answer: &Answer<Q, A>, request: Request<Q>) -> Result<Response<A>, Status> {
    answer(request.into_inner()).map(Response::new)
}

fn stream<Q, A: Send + 'static>(
    steps: &Steps<Q, A>,
    request: Request<Q>,
) -> Result<Response<Telling<A>>, Status> {
    let steps = steps(request.into_inner())?;
    let (tell, told) = mpsc::channel(1);
    tokio::spawn(async move {
        for step in steps {
            let item = match step {
                Step::Tell(message) => Ok(message),
                Step::Fail(status) => Err(status),
                Step::Hang => return tell.closed().await,
            };
            if tell.send(item).await.is_err() {
                return;
            }
        }
    });
    Ok(Response::new(ReceiverStream::new(told)))
}

type Answered<A> = Result<Response<A>, Status>;

#[tonic::async_trait]
impl StoreService for Service {
    type WatchStream = Telling<WatchStoresResponse>;

    async fn list(&self, request: Request<ListStoresRequest>) -> Answered<ListStoresResponse> {
        unary(&self.0.stores, request)
    }

    async fn get(&self, request: Request<GetStoreRequest>) -> Answered<Store> {
        unary(&self.0.store, request)
    }

    async fn watch(&self, request: Request<WatchStoresRequest>) -> Answered<Self::WatchStream> {
        stream(&self.0.watch_stores, request)
    }

    async fn preflight(&self, request: Request<PreflightRequest>) -> Answered<PreflightResponse> {
        unary(&self.0.preflight, request)
    }

    async fn probe_now(&self, request: Request<ProbeNowRequest>) -> Answered<Store> {
        unary(&self.0.probe, request)
    }
}

#[tonic::async_trait]
impl DeletionService for Service {
    type WatchStream = Telling<WatchDeletionsResponse>;
    type AwaitStream = Telling<Deletion>;

    async fn track(&self, request: Request<TrackRequest>) -> Answered<TrackResponse> {
        unary(&self.0.track, request)
    }

    async fn get(&self, request: Request<GetDeletionRequest>) -> Answered<Deletion> {
        unary(&self.0.deletion, request)
    }

    async fn list(&self, request: Request<ListDeletionsRequest>) -> Answered<ListDeletionsResponse> {
        unary(&self.0.deletions, request)
    }

    async fn watch(&self, request: Request<WatchDeletionsRequest>) -> Answered<Self::WatchStream> {
        stream(&self.0.watch_deletions, request)
    }

    async fn r#await(&self, request: Request<AwaitDeletionsRequest>) -> Answered<Self::AwaitStream> {
        stream(&self.0.wait, request)
    }

    async fn cancel(&self, request: Request<CancelDeletionRequest>) -> Answered<Deletion> {
        unary(&self.0.cancel, request)
    }
}

#[tonic::async_trait]
impl FleetService for Service {
    async fn list_agents(&self, request: Request<ListAgentsRequest>) -> Answered<ListAgentsResponse> {
        unary(&self.0.agents, request)
    }
}

#[tonic::async_trait]
impl EventService for Service {
    type TailStream = Telling<Event>;

    async fn tail(&self, request: Request<TailRequest>) -> Answered<Self::TailStream> {
        stream(&self.0.tail, request)
    }
}
