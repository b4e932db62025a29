//! The loop around the core: waits for the next thing that happens, hands it to the core, performs what the core wants.
//!
//! One task, no locks. Everything that could block lives elsewhere: SQLite on its thread, workers in their processes.
//! Must not know: what any event means.

use crate::clock::Clock;
use crate::outbox::{Gate, Outbox, OutboxError};
use crate::session::{Heard, Line};
use crate::supervisor::Supervisor;
use crate::telemetry::Notes;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use storewarden_agent_core::{Action, Agent, Event};
use storewarden_types::mountinfo::MountEntry;
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep_until;

/// The shortest rest between two wakes: a core that wants to be woken in the past must not take the processor.
const REST: Duration = Duration::from_millis(1);

/// Why the loop ended. It never ends well: a stop comes from outside, by dropping it.
#[derive(Debug, Error)]
pub(crate) enum DriverError {
    /// What was to be kept is not kept, so nothing that depends on it may happen.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// A task that never ends has ended.
    #[error("the {0} task has ended")]
    TaskEnded(&'static str),
}

/// Where things happen.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) workers: mpsc::Receiver<Event>,
    pub(crate) session: mpsc::Receiver<Heard>,
    pub(crate) tables: mpsc::Receiver<Vec<MountEntry>>,
    pub(crate) gate: watch::Receiver<Gate>,
}

/// The core and its hands.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) core: Agent,
    pub(crate) clock: Clock,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) supervisor: Supervisor,
    pub(crate) line: Option<Line>,
    pub(crate) notes: Notes,
    /// What our own actions led to; goes before anything else.
    pub(crate) echoes: VecDeque<Event>,
    /// Mounts to be forgotten once the table has been read.
    pub(crate) forget: Vec<String>,
}

impl Driver {
    /// Runs until something fails that the core cannot deal with.
    pub(crate) async fn run(mut self, mut inbox: Inbox) -> DriverError {
        let mut actions: Vec<Action> = Vec::new();
        let mut woken = Instant::now();
        loop {
            let event = match self.echoes.pop_front() {
                Some(echo) => echo,
                None => match self.next(&mut inbox, woken).await {
                    Ok(event) => event,
                    Err(error) => return error,
                },
            };
            if event == Event::Wake {
                woken = Instant::now();
            }
            self.core.handle(self.clock.now(), event, &mut actions);
            if let Err(error) = self.perform(&mut actions).await {
                return error.into();
            }
        }
    }

    async fn next(&mut self, inbox: &mut Inbox, woken: Instant) -> Result<Event, DriverError> {
        let wake = self.core.next_wakeup().map(|mono| self.clock.instant(mono).max(woken + REST));
        loop {
            tokio::select! {
                event = inbox.workers.recv() => return event.ok_or(DriverError::TaskEnded("worker")),
                heard = inbox.session.recv() => {
                    return heard.map(|heard| self.hear(heard)).ok_or(DriverError::TaskEnded("session"));
                }
                table = inbox.tables.recv() => {
                    let table = table.ok_or(DriverError::TaskEnded("mount table"))?;
                    self.echoes.extend(self.forget.drain(..).map(Event::ForgetMount));
                    return Ok(Event::Mounts(table));
                }
                Ok(()) = inbox.gate.changed() => {
                    let gate = *inbox.gate.borrow_and_update();
                    self.say_gate(gate);
                }
                () = sleep_until(wake.unwrap_or(woken).into()), if wake.is_some() => return Ok(Event::Wake),
            }
        }
    }

    fn hear(&mut self, heard: Heard) -> Event {
        match heard {
            Heard::Connected(line) => {
                let connection = line.connection();
                self.line = Some(line);
                Event::Connected(connection)
            }
            Heard::Said { connection, clock, message } => Event::Controller { connection, clock, message },
            Heard::Lost(connection) => {
                self.line.take_if(|line| line.connection() == connection);
                Event::Disconnected(connection)
            }
        }
    }

    fn say_gate(&self, gate: Gate) {
        let bytes = self.outbox.used_bytes();
        match gate {
            Gate::Full => tracing::error!(
                bytes,
                "the outbox is full: sightings wait until a controller acknowledges facts; verdicts are still recorded"
            ),
            Gate::Open => tracing::info!(bytes, "the outbox has room again: sightings are recorded"),
        }
    }
}
