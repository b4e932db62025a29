//! Stores as the controller judges them. Owns List, Get, Watch and the wording of the rest; waiting for probes is
//! `preflight`'s.

use super::preflight::{self, Wait};
use crate::context::Context;
use crate::grpc_timeout;
use crate::outflow::OutflowStream;
use crate::probes::Probes;
use crate::state::State;
use crate::status::refuse;
use prost::Message;
use std::collections::HashMap;
use std::time::Duration;
use storewarden_proto::convert::{enumeration, preflight_to_wire};
use storewarden_proto::v1;
use storewarden_proto::v1::store_service_server::StoreService;
use storewarden_types::limits::PREFLIGHT_DEADLINE_MS_MAX;
use storewarden_types::{Code, Mono, Operation, PreflightQuestion, StoreId};
use tokio::sync::watch;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};

/// How old evidence may be when the request does not say, in milliseconds.
const MAX_AGE_MS_DEFAULT: u64 = 10_000;
/// How long a Preflight waits when the request does not say, in milliseconds.
const PREFLIGHT_MS_DEFAULT: u64 = 3_000;
/// How long a ProbeNow waits when the request does not say, in milliseconds.
const PROBE_MS_DEFAULT: u64 = 5_000;

/// `storewarden.v1.StoreService`.
#[derive(Debug)]
pub(crate) struct StoreApi {
    context: Context,
    probes: Probes,
}

impl StoreApi {
    pub(crate) fn new(context: Context) -> Self {
        Self { context, probes: Probes::default() }
    }

    fn wait(&self, store: StoreId, deadline: Mono) -> Wait<'_> {
        Wait {
            context: &self.context,
            probes: &self.probes,
            store,
            asked: self.context.clock.mono(),
            deadline,
        }
    }

    /// When a caller must have its answer: `asked_ms` (or `default_ms`) from now, or earlier where gRPC says so.
    fn deadline(&self, asked_ms: Option<u64>, default_ms: u64, of: &MetadataMap) -> Result<Mono, Status> {
        let ms = asked_ms.unwrap_or(default_ms);
        if ms > PREFLIGHT_DEADLINE_MS_MAX {
            let words =
                format!("deadline_ms: {ms} is too long; at most {PREFLIGHT_DEADLINE_MS_MAX} are waited for");
            return Err(refuse(Code::InvalidArgument, words));
        }
        let allowed = grpc_timeout::of_headers(of.as_ref()).map_or(Duration::MAX, |time| time);
        let allowed_ms = u64::try_from(allowed.as_millis()).unwrap_or(u64::MAX);
        Ok(self.context.clock.mono().plus(ms.min(allowed_ms)))
    }
}

fn gone(store: StoreId) -> Status {
    refuse(Code::StoreUnknown, format!("the store {store} is no longer known"))
}

#[tonic::async_trait]
impl StoreService for StoreApi {
    type WatchStream = OutflowStream<v1::WatchStoresResponse>;

    async fn list(
        &self,
        _request: Request<v1::ListStoresRequest>,
    ) -> Result<Response<v1::ListStoresResponse>, Status> {
        let (state, now) = (self.context.state(), self.context.clock.mono());
        let mut stores: Vec<v1::Store> =
            state.view.stores.values().map(|store| state.store(store, now)).collect();
        stores.sort_by(|a, b| a.source.cmp(&b.source).then_with(|| a.id.cmp(&b.id)));
        Ok(Response::new(v1::ListStoresResponse { stores }))
    }

    async fn get(&self, request: Request<v1::GetStoreRequest>) -> Result<Response<v1::Store>, Status> {
        let id = self.context.store(&request.get_ref().store)?;
        let state = self.context.state();
        let store = state.view.stores.get(&id).ok_or_else(|| gone(id))?;
        Ok(Response::new(state.store(store, self.context.clock.mono())))
    }

    async fn watch(
        &self,
        request: Request<v1::WatchStoresRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let wanted = match request.get_ref().store.as_str() {
            "" => None,
            text => Some(self.context.store(text)?),
        };
        let (context, states) = (self.context.clone(), self.context.states());
        let stream = self.context.stream(|out| async move {
            let mut watched = Watched { wanted, told: HashMap::new(), states };
            loop {
                for store in watched.changed(context.clock.mono()) {
                    let (message, bytes) = (v1::WatchStoresResponse { store: Some(store) }, PER_STORE);
                    let bytes = message.encoded_len().max(bytes);
                    // A state: a client that reads late is told the latest then, so there is no "too slow".
                    while let Err(why) = out.send(message.clone(), bytes).await {
                        if why == crate::outflow::Blocked::Gone {
                            return Ok(());
                        }
                    }
                }
                if watched.states.changed().await.is_err() {
                    return Ok(());
                }
            }
        })?;
        Ok(Response::new(stream))
    }

    async fn preflight(
        &self,
        request: Request<v1::PreflightRequest>,
    ) -> Result<Response<v1::PreflightResponse>, Status> {
        let asked = request.get_ref();
        let operation: Operation = enumeration::<v1::Operation, _>("operation", asked.operation)
            .map_err(|error| refuse(Code::InvalidArgument, error.to_string()))?;
        let deadline = self.deadline(asked.deadline_ms, PREFLIGHT_MS_DEFAULT, request.metadata())?;
        let store = self.context.store(&asked.store)?;
        let max_age_ms = asked.max_age_ms.unwrap_or(MAX_AGE_MS_DEFAULT);
        let question = PreflightQuestion { store, operation, max_age_ms };
        let (answer, probed) = preflight::preflight(&self.wait(store, deadline), &question).await?;
        Ok(Response::new(preflight_to_wire(&answer, store, probed)))
    }

    async fn probe_now(&self, request: Request<v1::ProbeNowRequest>) -> Result<Response<v1::Store>, Status> {
        let asked = request.get_ref();
        let deadline = self.deadline(asked.deadline_ms, PROBE_MS_DEFAULT, request.metadata())?;
        let id = self.context.store(&asked.store)?;
        preflight::probe_now(&self.wait(id, deadline)).await?;
        let state = self.context.state();
        let store = state.view.stores.get(&id).ok_or_else(|| gone(id))?;
        Ok(Response::new(state.store(store, self.context.clock.mono())))
    }
}

/// Least room one store takes on its way to a watcher, in bytes: few wait, so that what is told is fresh.
const PER_STORE: usize = 16 * 1024;

/// What one watcher was told.
struct Watched {
    /// `None`: every store.
    wanted: Option<StoreId>,
    told: HashMap<StoreId, u64>,
    states: watch::Receiver<State>,
}

impl Watched {
    /// The stores that stand otherwise than they were told, as they stand now.
    fn changed(&mut self, now: Mono) -> Vec<v1::Store> {
        let state = self.states.borrow_and_update().clone();
        let wanted = |id: &StoreId| self.wanted.is_none_or(|wanted| wanted == *id);
        let mut changed = Vec::new();
        for (id, store) in state.view.stores.iter().filter(|(id, _)| wanted(id)) {
            let version = state.version_of(store);
            if self.told.insert(*id, version) != Some(version) {
                changed.push(state.store(store, now));
            }
        }
        changed
    }
}
