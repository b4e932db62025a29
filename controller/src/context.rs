//! What every service works with: clocks, the published state, the ways to the driver, the feed and the ledger. Owns
//! the bounds that services share; knows no method.

use crate::clock::Clock;
use crate::driver::DriverHandle;
use crate::feed::{Feed, Follower};
use crate::outflow::{self, Outflow, OutflowStream};
use crate::reads::Reads;
use crate::state::State;
use crate::status::{refuse, refused};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use storewarden_controller_core::naming;
use storewarden_types::{Code, StoreId, limits};
use tokio::sync::{Semaphore, watch};
use tonic::Status;

/// Streams to clients at the same time, over all methods.
const STREAMS_MAX: usize = 4096;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) clock: Clock,
    pub(crate) driver: DriverHandle,
    pub(crate) feed: Arc<Feed>,
    pub(crate) reads: Reads,
    pub(crate) evidence_ttl_ms: u64,
    state: watch::Receiver<State>,
    stopping: watch::Receiver<bool>,
    slow_after: Duration,
    streams: Arc<Semaphore>,
}

impl Context {
    pub(crate) fn new(
        clock: Clock,
        driver: DriverHandle,
        feed: Arc<Feed>,
        reads: Reads,
        state: watch::Receiver<State>,
        stopping: watch::Receiver<bool>,
        config: &crate::Config,
    ) -> Self {
        let streams = Arc::new(Semaphore::new(STREAMS_MAX));
        let (evidence_ttl_ms, slow_after) = (config.core.evidence_ttl_ms, config.slow_after);
        Self { clock, driver, feed, reads, evidence_ttl_ms, state, stopping, slow_after, streams }
    }

    /// The newest state.
    pub(crate) fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// The newest state and those to come.
    pub(crate) fn states(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// Whether the controller is stopping, now and later.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.clone()
    }

    /// The store that a request names.
    pub(crate) fn store(&self, text: &str) -> Result<StoreId, Status> {
        naming::resolve(&self.state.borrow().view, text).map_err(|refusal| refused(&refusal))
    }

    /// The store that a filter names; empty is every store. A store that nobody mounts any more still has its history.
    pub(crate) async fn store_filter(&self, text: &str) -> Result<Option<StoreId>, Status> {
        if text.is_empty() {
            return Ok(None);
        }
        let refusal = match naming::resolve(&self.state.borrow().view, text) {
            Ok(store) => return Ok(Some(store)),
            Err(refusal) => refusal,
        };
        if refusal.code == Code::StoreUnknown
            && let Ok(id) = StoreId::parse(text)
            && self.reads.run(move |ledger| ledger.knows_store(id)).await?
        {
            return Ok(Some(id));
        }
        Err(refused(&refusal))
    }

    /// A follower of the ledger from `since` on; `None`: from the end.
    pub(crate) fn follow(&self, since: Option<u64>) -> Result<Follower, Status> {
        let last = self.feed.last();
        let cursor = since.unwrap_or(last);
        if cursor > last {
            let words = format!(
                "the ledger ends at {last}, the cursor {cursor} is beyond it; is it another ledger's?"
            );
            return Err(refuse(Code::CursorInvalid, words));
        }
        Ok(Follower::new(&self.feed, &self.reads, cursor))
    }

    /// A stream to a client, fed by `feed`; see [`outflow::start`].
    pub(crate) fn stream<T, F>(
        &self,
        feed: impl FnOnce(Arc<Outflow<T>>) -> F,
    ) -> Result<OutflowStream<T>, Status>
    where
        T: Send + 'static,
        F: Future<Output = Result<(), Status>> + Send + 'static,
    {
        let place = Arc::clone(&self.streams).try_acquire_owned().map_err(|_| {
            refuse(Code::Overloaded, format!("{STREAMS_MAX} streams are open; try again later"))
        })?;
        Ok(outflow::start(place, self.slow_after, self.stopping.clone(), feed))
    }

    /// How a stream of events ends whose client was blocked after `cursor`.
    pub(crate) fn blocked(&self, blocked: outflow::Blocked, cursor: u64) -> Status {
        match blocked {
            outflow::Blocked::Gone => Status::cancelled("the client went"),
            outflow::Blocked::Slow => {
                tracing::info!(cursor, "a client does not read its stream; it is let go");
                let words = format!(
                    "nothing was read for {} ms; resume after cursor {cursor}",
                    self.slow_after.as_millis()
                );
                let metadata = HashMap::from([("cursor".to_owned(), cursor.to_string())]);
                crate::status::refuse_with(Code::SlowConsumer, words, metadata)
            }
        }
    }
}

/// A text of a client in quotes, cut short, for an error.
pub(crate) fn quoted(text: &str) -> String {
    format!("{:?}", limits::clip(text, 200))
}
