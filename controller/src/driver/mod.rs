//! The one task that owns the core and the ledger's appender: events in, one commit a turn, then everything else.
//!
//! It runs on a thread of its own, because committing blocks: nothing else waits for the disk there, and no message has
//! to cross threads between the core and the ledger. Owns the order "commit, publish, answer"; decides nothing itself.
//!
//! ```text
//! sessions ─┐                      ┌─► ledger (one transaction)
//! services ─┼─► queue ─► core ─► ──┼─► feed, view            after the commit
//! timer   ──┘                      └─► sessions, answers      after both
//! ```

mod ask;
mod outage;
mod perform;

pub(crate) use ask::{Ask, DriverHandle, Granted};

use crate::clock::Clock;
use crate::feed::Feed;
use crate::health::Health;
use crate::outbox::Outbox;
use crate::state::State;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use storewarden_controller_core::{Action, Config, Controller, Event, ReplyId};
use storewarden_ledger::{Ledger, LedgerError, Reader};
use storewarden_types::{Code, Refusal, SessionId};
use tokio::sync::{mpsc, watch};

/// Events taken in one turn: bounds how long the first of them waits for its commit.
const TURN_EVENTS_MAX: usize = 1024;
/// Actions after which a turn takes no further event: one message of an agent can make hundreds of records.
const TURN_ACTIONS_MAX: usize = 16_384;
/// A turn that takes longer is worth a line in the log.
const SLOW_TURN: Duration = Duration::from_millis(500);

/// What the driver is made of.
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) ledger: Box<dyn Ledger>,
    pub(crate) reader: Arc<dyn Reader>,
    pub(crate) feed: Arc<Feed>,
    pub(crate) state: watch::Sender<State>,
    pub(crate) health: Health,
    pub(crate) stopping: watch::Receiver<bool>,
}

/// See the module.
pub(crate) struct Driver {
    parts: Parts,
    core: Controller,
    queue: mpsc::Receiver<Ask>,
    sessions: HashMap<SessionId, Outbox>,
    waiting: HashMap<ReplyId, ask::Waiting>,
    next_reply: u64,
    /// How often in a row the ledger failed.
    failures: u32,
    /// Empty between turns; kept for its memory.
    actions: Vec<Action>,
}

/// Why the loop goes on or not.
enum Next {
    /// Events, perhaps none: then time has passed.
    Turn,
    Stop,
}

impl Driver {
    /// A driver that goes on where the ledger stopped.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub(crate) fn new(parts: Parts, queue: mpsc::Receiver<Ask>) -> Result<Self, LedgerError> {
        let restored = parts.reader.restore()?;
        tracing::info!(
            agents = restored.agents.len(),
            mounts = restored.mounts.len(),
            pending = restored.pending.len(),
            "the ledger is read"
        );
        let mut core = Controller::new(parts.config.clone(), restored, parts.clock.now());
        let view = core.view();
        parts.state.send_replace(State { view, version_base: 0, serving: true });
        let (sessions, waiting) = (HashMap::new(), HashMap::new());
        Ok(Self { parts, core, queue, sessions, waiting, next_reply: 0, failures: 0, actions: Vec::new() })
    }

    /// Runs until it is told to stop. What was accepted by then is committed.
    pub(crate) async fn run(mut self) {
        self.parts.health.serving(true).await;
        let mut batch = Vec::with_capacity(TURN_EVENTS_MAX);
        while let Next::Turn = self.wait(&mut batch).await {
            if !self.turns(&mut batch).await {
                break;
            }
        }
        self.stop(batch).await;
    }

    async fn wait(&mut self, batch: &mut Vec<Ask>) -> Next {
        let wakeup = self.core.next_wakeup().map(|at| self.parts.clock.instant(at));
        let timer = async {
            match wakeup {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = self.parts.stopping.wait_for(|stop| *stop) => Next::Stop,
            taken = self.queue.recv_many(batch, TURN_EVENTS_MAX) => if taken == 0 { Next::Stop } else { Next::Turn },
            () = timer => Next::Turn,
        }
    }

    /// Takes all of `batch`, in as many turns as its records need. False: told to stop while the ledger was away.
    async fn turns(&mut self, batch: &mut Vec<Ask>) -> bool {
        let mut asks = batch.drain(..);
        let mut first = true;
        while first || asks.len() > 0 {
            first = false;
            if let Err(error) = self.turn(&mut asks) {
                return self.outage(error, asks).await;
            }
        }
        true
    }

    /// One turn: events to the core, its records to the ledger, then the rest.
    fn turn(&mut self, asks: &mut impl Iterator<Item = Ask>) -> Result<(), LedgerError> {
        let begun = Instant::now();
        let mut actions = std::mem::take(&mut self.actions);
        let mut events = 0_usize;
        while actions.len() < TURN_ACTIONS_MAX {
            let Some(ask) = asks.next() else { break };
            self.take(ask, &mut actions);
            events += 1;
        }
        if events == 0 {
            self.core.handle(self.parts.clock.now(), Event::Wake, &mut actions);
        }
        let (records, committed) = match self.commit(&mut actions) {
            Ok(done) => done,
            Err(error) => {
                actions.clear();
                self.actions = actions;
                return Err(error);
            }
        };
        self.publish_view();
        self.perform(&mut actions, committed);
        self.actions = actions;
        let took = begun.elapsed();
        if took > SLOW_TURN {
            tracing::warn!(
                took_ms = took.as_millis(),
                events,
                records,
                "a turn took long; is the disk slow?"
            );
        }
        Ok(())
    }

    /// Publishes the core's picture if it changed.
    fn publish_view(&mut self) {
        let view = self.core.view();
        self.parts.state.send_if_modified(|state| {
            let changed = !Arc::ptr_eq(&state.view, &view);
            state.view = view;
            changed
        });
    }

    async fn stop(mut self, batch: Vec<Ask>) {
        self.parts.health.serving(false).await;
        self.queue.close();
        let mut batch = batch;
        while let Ok(ask) = self.queue.try_recv() {
            batch.push(ask);
        }
        let mut asks = batch.into_iter();
        while asks.len() > 0 {
            if let Err(error) = self.turn(&mut asks) {
                tracing::error!(
                    error = crate::telemetry::chain(&error),
                    "the last turn could not be committed"
                );
                break;
            }
        }
        let refusal = Refusal::new(Code::ShuttingDown, "the controller is stopping");
        for ask in asks {
            ask.refuse(&refusal);
        }
        self.let_all_go(&refusal);
        // Closing the ledger here, before anyone is told that the driver has ended.
        drop(self);
    }

    /// Ends every session and refuses every caller that still waits.
    fn let_all_go(&mut self, refusal: &Refusal) {
        for (_, session) in self.sessions.drain() {
            session.end(Err(crate::status::refused(refusal)));
        }
        for (_, waiting) in self.waiting.drain() {
            waiting.refuse(refusal);
        }
    }
}
