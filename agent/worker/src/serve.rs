//! The worker at work: a reader that is the lifeline, and one operation at a time. Owns the order of things; the
//! operations are elsewhere.

use crate::end;
use crate::probes::{self, Probes};
use crate::voice::Voice;
use crate::watch;
use std::io::{self, BufReader};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Instant;
use storewarden_proof::{LookRequest, ProofError, identify, look};
use storewarden_proto::convert::{ToWorkerMessage, decode_to_worker};
use storewarden_proto::frame::read_frame;
use storewarden_proto::worker::ToWorker;
use storewarden_types::{
    LookOutcome, MountExpectation, MountIdentity, Reason, Verified, VerifyItem, Wall, WorkerOp, WorkerReport,
    WorkerResult, WorkerStart,
};

/// Requests that may wait. The agent sends one at a time, so more is a fault of the agent. The lifeline must not wait for
/// room: it would not see the end of file.
const QUEUE_MAX: usize = 4;

/// Serves one agent until it is gone. Never returns but with an error of the set-up.
///
/// # Errors
/// When the socket cannot be doubled or a thread not be started.
pub fn run(socket: UnixStream) -> io::Result<()> {
    let voice = Arc::new(Voice::new(socket.try_clone()?));
    let (send, receive) = sync_channel(QUEUE_MAX);
    std::thread::Builder::new().name("lifeline".into()).spawn(move || lifeline(socket, &send))?;
    serve(&voice, &receive);
    Ok(())
}

/// Reads frames until the agent is gone; then ends the process, whatever else it is doing.
fn lifeline(socket: UnixStream, send: &SyncSender<ToWorkerMessage>) {
    let mut socket = BufReader::with_capacity(4096, socket);
    let mut scratch = Vec::new();
    loop {
        let message = match read_frame::<ToWorker>(&mut socket, &mut scratch) {
            Ok(Some(frame)) => decode_to_worker(frame),
            Ok(None) => end::at_once(0),
            Err(error) => {
                eprintln!("the agent's frames cannot be read: {error}");
                end::at_once(1);
            }
        };
        match message {
            Ok(message) => match send.try_send(message) {
                Ok(()) => {}
                Err(TrySendError::Full(_)) => {
                    eprintln!("the agent asks for more before it has its answers");
                    end::at_once(1);
                }
                Err(TrySendError::Disconnected(_)) => end::at_once(1), // The worker's own thread is gone.
            },
            Err(error) => {
                eprintln!("the agent said something that makes no sense: {error}");
                end::at_once(1);
            }
        }
    }
}

/// What the agent said at the start, and what came of it.
struct Worker {
    mount: MountExpectation,
    probes: Probes,
    watching: bool,
}

fn serve(voice: &Arc<Voice>, receive: &Receiver<ToWorkerMessage>) {
    let mut worker: Option<Worker> = None;
    while let Ok(message) = receive.recv() {
        match (message, &mut worker) {
            (ToWorkerMessage::Start(start), None) => worker = Some(begin(start, voice)),
            (ToWorkerMessage::Request { id, op }, Some(worker)) => {
                let began = Instant::now();
                let result = worker.execute(op, voice);
                let took_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
                voice.say(&WorkerReport::Response { id, took_us, result });
            }
            (ToWorkerMessage::Start(_), Some(_)) | (ToWorkerMessage::Request { .. }, None) => {
                eprintln!("the agent began twice, or asked before it began");
                end::at_once(1);
            }
        }
    }
}

/// Loads the probes. The mount is not touched yet.
fn begin(start: WorkerStart, voice: &Voice) -> Worker {
    let loaded = probes::load(&start);
    voice.say(&WorkerReport::Ready { probes: loaded.infos, faults: loaded.faults });
    Worker { mount: start.mount, probes: loaded.probes, watching: false }
}

impl Worker {
    fn execute(&mut self, op: WorkerOp, voice: &Arc<Voice>) -> WorkerResult {
        match op {
            WorkerOp::Identify => {
                identify(&self.mount.mount_point).map_or_else(|e| unproven(&e), WorkerResult::Identified)
            }
            WorkerOp::Probe { name, deadline_ms, identity } => {
                self.mount.identity = identity;
                let (result, log) = self.probes.run(&name, deadline_ms, &self.mount);
                for line in log {
                    voice.log(line.level, format!("{name}: {}", line.text));
                }
                result
            }
            WorkerOp::Verify { identity, items } => self.verify(identity, items),
            WorkerOp::StartWatch { directories_max, names_max } => {
                if !std::mem::replace(&mut self.watching, true) {
                    let voice = voice.clone();
                    let report = Arc::new(move |report: WorkerReport| voice.say(&report));
                    watch::start(&self.mount.mount_point, directories_max, names_max, report);
                }
                WorkerResult::WatchStarted
            }
        }
    }

    fn verify(&mut self, identity: MountIdentity, items: Vec<VerifyItem>) -> WorkerResult {
        self.mount.identity = Some(identity);
        let requests: Vec<LookRequest> =
            items.into_iter().map(|i| LookRequest { path: i.path, baseline: i.baseline }).collect();
        let began_at = wall();
        match look(&self.mount, &requests) {
            Ok(batch) => {
                let looks: Vec<LookOutcome> = batch.outcomes;
                WorkerResult::Verified(Verified { proof: batch.proof, looks, began_at, ended_at: wall() })
            }
            Err(error) => unproven(&error),
        }
    }
}

fn unproven(error: &ProofError) -> WorkerResult {
    WorkerResult::Failed(Reason::new(error.code, error.to_string()))
}

/// The wall clock, for people.
fn wall() -> Wall {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Wall(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
