//! The agent's life: opens what is durable, starts the tasks around the driver, and starts over when recording fails.
//!
//! Owns the order of start and stop. Must not know: the command line, signals.

use crate::clock::Clock;
use crate::config::Settings;
use crate::data_dir::{DataDir, DataDirError};
use crate::driver::{Driver, DriverError, Inbox};
use crate::mountinfo::{Mountinfo, MountinfoError};
use crate::outbox::{Opened, Outbox, OutboxError};
use crate::process::Program;
use crate::session::Session;
use crate::supervisor::Supervisor;
use crate::telemetry::{announce_mount, chain};
use crate::worker::Ears;
use crate::{host, random};
use std::io::Write as _;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use storewarden_agent_core::{Agent, Identity};
use storewarden_types::InstanceId;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Reports of all workers that wait for the driver. Each may hold 512 names; workers wait when it is full.
const WORKER_EVENTS_MAX: usize = 32;
/// Messages of the controller that wait for the driver; HTTP/2 flow control holds back the rest.
const SESSION_EVENTS_MAX: usize = 16;
/// Mount tables that wait for the driver: only the newest matters.
const TABLES_MAX: usize = 1;
/// How long the outbox may take to close at a stop: half of what a stop may take in all.
const CLOSE_MAX: Duration = Duration::from_secs(1);
/// Pause after recording failed; doubles.
const RESTART_FIRST: Duration = Duration::from_millis(500);
/// Longest such pause.
const RESTART_MAX: Duration = Duration::from_secs(30);
/// A life of this length ends the doubling.
const RESTART_FORGIVEN: Duration = Duration::from_secs(60);

/// Why the agent gave up.
#[derive(Debug, Error)]
pub enum RunError {
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The outbox cannot be used, and trying again cannot help (or it is the first try).
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The mount table cannot be read.
    #[error(transparent)]
    Mountinfo(#[from] MountinfoError),
}

/// What all lives of one process share.
struct Agency {
    settings: Settings,
    data_dir: DataDir,
    clock: Clock,
    instance: InstanceId,
}

/// Runs the agent until `shutdown` resolves; then kills the workers, closes the outbox and returns, within 2 seconds
/// whatever state mounts and workers are in.
///
/// Prints one line, `agent ID ready`, to standard output once everything is up. Must be called within a tokio runtime
/// with I/O and time, of any flavour.
///
/// # Errors
/// See [`RunError`]. Failures to record later than at the start are not among them: the agent then starts over from what
/// is durable, again and again, and says so.
pub async fn run(settings: Settings, shutdown: impl Future<Output = ()>) -> Result<(), RunError> {
    let data_dir = DataDir::open(&settings.data)?;
    let agency = Agency {
        settings,
        data_dir,
        clock: Clock::start(),
        instance: InstanceId(u64::from_le_bytes(random::bytes())),
    };
    let mut shutdown = pin!(shutdown);
    let mut ready = false;
    let mut pause = RESTART_FIRST;
    loop {
        let began = Instant::now();
        let error = tokio::select! {
            opened = agency.open() => match opened {
                Ok(opened) => {
                    let outbox = Arc::new(opened.outbox);
                    let driven = tokio::select! {
                        error = agency.live(&outbox, opened.identity, opened.restored, &mut ready) => Some(error),
                        () = &mut shutdown => None,
                    };
                    close(outbox).await;
                    match driven.transpose()? {
                        Some(DriverError::Outbox(error)) if error.is_permanent() => return Err(error.into()),
                        Some(error) => error,
                        None => return Ok(()),
                    }
                }
                Err(error) if !ready || error.is_permanent() => return Err(error.into()),
                Err(error) => error.into(),
            },
            () = &mut shutdown => return Ok(()),
        };
        if began.elapsed() > RESTART_FORGIVEN {
            pause = RESTART_FIRST;
        }
        tracing::error!(error = chain(&error), pause = ?pause, "everything was stopped; starting over from what is durable");
        tokio::select! {
            () = sleep(pause) => {}
            () = &mut shutdown => return Ok(()),
        }
        pause = (pause * 2).min(RESTART_MAX);
    }
}

struct Born {
    outbox: Outbox,
    identity: Identity,
    restored: storewarden_agent_core::Restored,
}

impl Agency {
    /// Opens the outbox where blocking does no harm.
    async fn open(&self) -> Result<Born, OutboxError> {
        let directory = self.data_dir.path().to_owned();
        let (agent, max_bytes) = (self.settings.agent_id.clone(), self.settings.outbox_bytes_max);
        let opening = tokio::task::spawn_blocking(move || {
            Outbox::open(&directory, agent.as_ref(), host::fresh_agent_id, max_bytes)
        });
        let Opened { outbox, agent, restored } = opening.await.unwrap_or(Err(OutboxError::Stopped))?;
        let identity = Identity {
            agent,
            instance: self.instance,
            host: host::name(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        Ok(Born { outbox, identity, restored })
    }

    /// One life, from what was restored to the first failure.
    async fn live(
        &self,
        outbox: &Arc<Outbox>,
        identity: Identity,
        restored: storewarden_agent_core::Restored,
        ready: &mut bool,
    ) -> Result<DriverError, RunError> {
        let mountinfo = Mountinfo::open()?;
        let (events, workers) = mpsc::channel(WORKER_EVENTS_MAX);
        let (heard, session) = mpsc::channel(SESSION_EVENTS_MAX);
        let (read, tables) = mpsc::channel(TABLES_MAX);
        let inbox = Inbox { workers, session, tables, gate: outbox.gate() };
        let ears = Ears { events, gate: outbox.gate(), clock: self.clock };
        let program = Program { path: self.settings.worker.clone(), args: Vec::new() };
        for mount in &restored.mounts {
            announce_mount(mount);
        }
        let name = identity.agent.clone();
        tracing::info!(
            agent = %name, epoch = %restored.epoch, next_seq = %restored.next_seq, acked = %restored.acked,
            "outbox open"
        );
        let driver = Driver {
            core: Agent::new(self.settings.core.clone(), identity, restored, self.clock.now()),
            clock: self.clock,
            outbox: Arc::clone(outbox),
            supervisor: Supervisor::new(program, ears),
            line: None,
            notes: crate::telemetry::Notes::default(),
            echoes: std::collections::VecDeque::new(),
            forget: self.settings.forget.clone(),
        };
        // Dropped with this future: both tasks end with the life they belong to.
        let mut tasks = JoinSet::new();
        tasks.spawn(Session::new(self.settings.controllers.clone(), heard).run());
        tasks.spawn(async move {
            if let Err(error) = mountinfo.watch(read).await {
                tracing::error!(error = chain(&error), "the mount table can no longer be watched");
            }
        });
        if !std::mem::replace(ready, true) {
            // Nobody may be reading; that is no reason not to run.
            let _ = writeln!(std::io::stdout(), "agent {name} ready");
        }
        Ok(driver.run(inbox).await)
    }
}

/// Waits, within bounds, until the outbox's file is closed.
async fn close(outbox: Arc<Outbox>) {
    if let Some(outbox) = Arc::into_inner(outbox)
        && timeout(CLOSE_MAX, outbox.close()).await.is_err()
    {
        tracing::warn!("the outbox takes long to close; what it has acknowledged is durable all the same");
    }
}
