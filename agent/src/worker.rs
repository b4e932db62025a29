//! One worker from spawn to the word that it is gone: its frames, its output, its kill, its end, each in both directions
//! bounded, and none of it ever waited for by the driver.
//!
//! Must not know: which requests make sense when, deadlines (the core's), other workers.

mod frames;
mod lane;
mod output;

use crate::clock::Clock;
use crate::inspect::inspect;
use crate::outbox::Gate;
use crate::process::{Process, Program, Spawned};
use crate::telemetry::chain;
use frames::FrameReader;
use lane::Lane;
use output::Output;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use storewarden_agent_core::{Event, Generation};
use storewarden_types::WorkerReport;
use tokio::io::AsyncWriteExt as _;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

/// Frames waiting to be written to a worker. The core asks one thing at a time; more means that it does not read.
const FRAMES_MAX: usize = 8;
/// What inspecting a worker may take before it is killed uninspected.
const INSPECT_MAX: Duration = Duration::from_millis(100);
/// How long a worker that has closed its socket may take to end by itself.
const FAREWELL: Duration = Duration::from_millis(500);
/// How long the wires of a dead worker are read for what it had still written: a process it left behind may hold them.
const DRAIN_MAX: Duration = Duration::from_millis(200);

/// Where a worker's words go.
#[derive(Clone, Debug)]
pub(crate) struct Ears {
    pub(crate) events: mpsc::Sender<Event>,
    /// Whether the outbox has room for sightings.
    pub(crate) gate: watch::Receiver<Gate>,
    pub(crate) clock: Clock,
}

/// A worker that was started. Dropping it closes its requests, which ends a healthy worker; it does not kill.
#[derive(Debug)]
pub(crate) struct Worker {
    process: Arc<Process>,
    frames: mpsc::Sender<Vec<u8>>,
    doomed: Arc<Notify>,
}

impl Worker {
    /// Starts `program` for one mount. From here on `ears` hear everything, last `WorkerGone`.
    ///
    /// # Errors
    /// When it cannot be started; then nothing is heard.
    pub(crate) fn start(
        program: &Program,
        mount_point: &str,
        generation: Generation,
        ears: Ears,
    ) -> io::Result<Self> {
        let Spawned { process, socket, output } = Process::spawn(program)?;
        let process = Arc::new(process);
        let (frames, to_write) = mpsc::channel(FRAMES_MAX);
        let doomed = Arc::new(Notify::new());
        let (read_half, write_half) = socket.into_split();
        let (ended, end) = oneshot::channel();
        let mount_point = mount_point.to_owned();
        let reader = Reader {
            mount_point: mount_point.clone(),
            generation,
            ears: ears.clone(),
            lane: Lane::default(),
        };
        tokio::spawn(reader.run(read_half, ended));
        let attendant =
            Attendant { process: Arc::clone(&process), mount_point, generation, events: ears.events };
        tokio::spawn(attendant.run(write_half, to_write, output, end, Arc::clone(&doomed)));
        Ok(Self { process, frames, doomed })
    }

    /// Writes a frame to it, in its own time. False when it does not read or is gone.
    pub(crate) fn write(&self, frame: Vec<u8>) -> bool {
        self.frames.try_send(frame).is_ok()
    }

    /// Inspects and kills it, in its own time.
    pub(crate) fn doom(&self) {
        self.doomed.notify_one();
    }

    /// Kills it now.
    pub(crate) fn kill(&self) {
        self.process.kill();
    }

    /// Whether it is dead and reaped.
    pub(crate) fn is_over(&self) -> bool {
        self.process.is_reaped()
    }
}

/// Reads reports and hands them on.
struct Reader {
    mount_point: String,
    generation: Generation,
    ears: Ears,
    lane: Lane,
}

impl Reader {
    /// Reads until the socket ends or brings garbage, tells `ended`, then waits until what the outbox had no room for is
    /// handed on, too.
    async fn run(mut self, socket: OwnedReadHalf, ended: oneshot::Sender<Result<(), String>>) {
        let mut frames = FrameReader::new(socket);
        let end = loop {
            tokio::select! {
                biased;
                changed = self.ears.gate.changed(), if !self.lane.is_empty() => {
                    if changed.is_err() || self.empty_lane().await.is_err() { return }
                }
                report = frames.next() => match report {
                    Ok(Some(report)) => if self.deliver(report).await.is_err() { return },
                    Ok(None) => break Ok(()),
                    Err(garbage) => break Err(chain(&garbage)),
                }
            }
        };
        drop(frames);
        let _ = ended.send(end);
        while !self.lane.is_empty() {
            if self.ears.gate.wait_for(|gate| *gate == Gate::Open).await.is_err()
                || self.empty_lane().await.is_err()
            {
                return;
            }
        }
    }

    async fn deliver(&mut self, report: WorkerReport) -> Result<(), Deaf> {
        let full = *self.ears.gate.borrow_and_update() == Gate::Full;
        if Lane::concerns(&report) && (full || !self.lane.is_empty()) {
            self.lane.hold(report);
            return self.empty_lane().await;
        }
        self.say(report).await
    }

    async fn empty_lane(&mut self) -> Result<(), Deaf> {
        while *self.ears.gate.borrow_and_update() == Gate::Open {
            let Some(report) = self.lane.release(&self.mount_point, self.ears.clock.now().wall) else {
                break;
            };
            self.say(report).await?;
        }
        Ok(())
    }

    async fn say(&self, report: WorkerReport) -> Result<(), Deaf> {
        let event =
            Event::Worker { mount_point: self.mount_point.clone(), generation: self.generation, report };
        self.ears.events.send(event).await.map_err(|_| Deaf)
    }
}

/// The driver is gone; nobody listens.
struct Deaf;

/// Sees to a process until it is reaped.
struct Attendant {
    process: Arc<Process>,
    mount_point: String,
    generation: Generation,
    events: mpsc::Sender<Event>,
}

impl Attendant {
    async fn run(
        self,
        socket: OwnedWriteHalf,
        to_write: mpsc::Receiver<Vec<u8>>,
        output: tokio::net::unix::pipe::Receiver,
        mut end: oneshot::Receiver<Result<(), String>>,
        doomed: Arc<Notify>,
    ) {
        let mut output = Output::new(output, self.mount_point.clone());
        let mut writing = pin!(write_frames(socket, to_write));
        let (mut wrote, mut wordless, mut outstayed, mut ended) = (false, false, false, None);
        let mut farewell = pin!(sleep(Duration::MAX));
        let how = loop {
            tokio::select! {
                how = self.process.reaped() => break how,
                () = &mut writing, if !wrote => wrote = true,
                () = output.read(), if !wordless => wordless = true,
                word = &mut end, if ended.is_none() => {
                    ended = Some(word.unwrap_or(Ok(())));
                    match ended {
                        Some(Err(_)) => self.process.kill(),
                        _ => farewell.set(sleep(FAREWELL)),
                    }
                }
                () = &mut farewell => {
                    outstayed = true;
                    self.process.kill();
                    farewell.set(sleep(Duration::MAX));
                }
                () = doomed.notified() => self.inspect_and_kill().await,
            }
        };
        // It is dead: what it had still written is in our ends of its wires.
        if ended.is_none() {
            ended = timeout(DRAIN_MAX, end).await.ok().and_then(Result::ok);
        }
        if !wordless {
            let _ = timeout(DRAIN_MAX, output.read()).await;
        }
        let how = if outstayed { format!("{how}: it had closed its socket and did not end") } else { how };
        let how = post_mortem(how, ended, &output.last_words());
        let event = Event::WorkerGone { mount_point: self.mount_point, generation: self.generation, how };
        let _ = self.events.send(event).await;
    }

    /// What it is doing must be seen before the kill. Reading /proc should not block, but if it does, then not us.
    async fn inspect_and_kill(&self) {
        let id = self.process.id();
        let looking = tokio::task::spawn_blocking(move || inspect(id));
        let found = timeout(INSPECT_MAX, looking).await.ok().and_then(Result::ok).unwrap_or_default();
        self.process.kill();
        if !found.is_empty() {
            let event = Event::WorkerInspected {
                mount_point: self.mount_point.clone(),
                generation: self.generation,
                found,
            };
            let _ = self.events.send(event).await;
        }
    }
}

/// Writes frames until there are no more or the worker no longer takes them; then closes the writing side, which a worker
/// reads as "end".
async fn write_frames(mut socket: OwnedWriteHalf, mut frames: mpsc::Receiver<Vec<u8>>) {
    while let Some(frame) = frames.recv().await {
        // A worker that no longer takes them is going; its end will be noticed by other means.
        let _ = socket.write_all(&frame).await;
    }
}

fn post_mortem(how: String, ended: Option<Result<(), String>>, last_words: &str) -> String {
    let how = match ended {
        Some(Err(garbage)) => format!("{how} because it broke the protocol: {garbage}"),
        _ => how,
    };
    if last_words.is_empty() { how } else { format!("{how}; last words: {last_words}") }
}
