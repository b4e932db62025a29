//! What the tests of this crate share: a real worker on a socketpair, a directory that goes away, and waiting for levels.

#![allow(dead_code, clippy::unwrap_used)] // each test binary uses its own part; a test may panic

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use storewarden_proto::convert::{decode_report, encode_request, encode_start};
use storewarden_proto::frame::{read_frame, write_frame};
use storewarden_proto::worker::{FromWorker, ToWorker};
use storewarden_types::{
    Gap, MountExpectation, MountKind, SightingKind, WatchState, WatchStatus, WorkerOp, WorkerReport,
    WorkerResult, WorkerStart,
};

/// Longer than anything here takes on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A directory that goes away with the value.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// A new one, on tmpfs where there is one: overflows need a fast file system.
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let shm = Path::new("/dev/shm");
        let base = if shm.is_dir() { shm.into() } else { std::env::temp_dir() };
        let name = format!("sw-worker-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = base.canonicalize().unwrap().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A path in it.
    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }

    /// Makes a file, with its directories.
    pub(crate) fn file(&self, path: &str) {
        let path = self.at(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, b"").unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A running worker, as its agent has it.
pub(crate) struct Worker {
    pub(crate) child: Child,
    socket: UnixStream,
    reports: Receiver<WorkerReport>,
    reading: Arc<Mutex<()>>,
    next: u64,
    /// Everything the watch told so far.
    pub(crate) told: Told,
}

/// What a watch told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) sightings: Vec<(String, SightingKind, bool)>,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) status: WatchStatus,
}

impl Told {
    /// How often each path was told.
    pub(crate) fn counts(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for (path, ..) in &self.sightings {
            *counts.entry(path.as_str()).or_default() += 1;
        }
        counts
    }

    /// The paths told, sorted, each as often as it was.
    pub(crate) fn paths(&self) -> Vec<String> {
        let mut paths: Vec<String> = self.sightings.iter().map(|(path, ..)| path.clone()).collect();
        paths.sort();
        paths
    }

    fn take_in(&mut self, report: WorkerReport) {
        match report {
            WorkerReport::Sightings(batch) => {
                assert!((1..=512).contains(&batch.items.len()), "{} items", batch.items.len());
                self.sightings.extend(batch.items.into_iter().map(|s| (s.path, s.kind, s.directory)));
            }
            WorkerReport::Gap(gap) => self.gaps.push(gap),
            WorkerReport::Watch(status) => self.status = status,
            WorkerReport::Log { .. } => {}
            other => panic!("unasked: {other:?}"),
        }
    }
}

/// The program under test.
pub(crate) fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_storewarden-worker"))
}

impl Worker {
    /// Starts one; nothing is said yet.
    pub(crate) fn spawn(mut command: Command) -> Self {
        let (socket, theirs) = UnixStream::pair().unwrap();
        let child = command.stdin(Stdio::from(OwnedFd::from(theirs))).spawn().unwrap();
        drop(command);
        // A worker that reads nothing must fail its test, not hang it.
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        let mut reader = socket.try_clone().unwrap();
        let (send, reports) = channel();
        let reading = Arc::new(Mutex::new(()));
        let may_read = Arc::clone(&reading);
        std::thread::spawn(move || {
            let mut scratch = Vec::new();
            while let Ok(Some(frame)) = read_frame::<FromWorker>(&mut reader, &mut scratch) {
                drop(may_read.lock());
                if send.send(decode_report(frame).unwrap()).is_err() {
                    return;
                }
            }
        });
        Self { child, socket, reports, reading, next: 1, told: Told::default() }
    }

    /// Starts one for a plain directory without probes.
    pub(crate) fn at(root: &Path) -> Self {
        let mut worker = Self::spawn(program());
        worker.start(&start_at(root, ""));
        worker
    }

    /// Starts one that watches, and waits until it does.
    pub(crate) fn watching(root: &Path) -> Self {
        let mut worker = Self::at(root);
        worker.watch(1_000_000, 10_000_000);
        worker.settled();
        worker
    }

    pub(crate) fn send(&mut self, frame: &ToWorker) {
        write_frame(&mut self.socket, frame, &mut Vec::new()).unwrap();
    }

    /// Says the first word; the answer is (probes, faults).
    pub(crate) fn start(&mut self, start: &WorkerStart) -> (Vec<String>, Vec<String>) {
        self.send(&encode_start(start));
        match self.next_answer() {
            WorkerReport::Ready { probes, faults } => (probes.into_iter().map(|p| p.name).collect(), faults),
            other => panic!("{other:?}"),
        }
    }

    /// Asks for something and waits for the answer.
    pub(crate) fn ask(&mut self, op: &WorkerOp) -> WorkerResult {
        let wanted = self.next;
        self.next += 1;
        self.send(&encode_request(wanted, op));
        match self.next_answer() {
            WorkerReport::Response { id, result, .. } if id == wanted => result,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn watch(&mut self, directories_max: u64, names_max: u64) {
        assert_eq!(
            self.ask(&WorkerOp::StartWatch { directories_max, names_max }),
            WorkerResult::WatchStarted
        );
    }

    fn next_answer(&mut self) -> WorkerReport {
        loop {
            match self.reports.recv_timeout(PATIENCE).expect("an answer") {
                report @ (WorkerReport::Ready { .. } | WorkerReport::Response { .. }) => return report,
                unasked => self.told.take_in(unasked),
            }
        }
    }

    /// Waits until what the watch told is as it should be.
    pub(crate) fn wait(&mut self, what: &str, mut level: impl FnMut(&Told) -> bool) {
        let began = Instant::now();
        while !level(&self.told) {
            let left = PATIENCE.saturating_sub(began.elapsed());
            match self.reports.recv_timeout(left) {
                Ok(report) => self.told.take_in(report),
                Err(RecvTimeoutError::Timeout) => {
                    let Told { sightings, gaps, status } = &self.told;
                    panic!("waited in vain for {what}: {} told, {gaps:?}, {status:?}", sightings.len())
                }
                Err(RecvTimeoutError::Disconnected) => panic!("the worker went away before {what}"),
            }
        }
    }

    /// Waits until the watch stands.
    pub(crate) fn settled(&mut self) {
        self.wait("the watch", |told| told.status.state == WatchState::Watching);
    }

    /// Waits until the watch stands and knows so many directories and names.
    pub(crate) fn knows(&mut self, directories: u64, names: u64) {
        self.wait(&format!("{directories} directories and {names} names"), |told| {
            let status = &told.status;
            status.state == WatchState::Watching
                && (status.directories, status.indexed) == (directories, names)
        });
    }

    /// Waits until `path` was told.
    pub(crate) fn hears_of(&mut self, path: &str) {
        self.wait(path, |told| told.sightings.iter().any(|(known, ..)| known == path));
    }

    /// Takes what is told from here on; what was told so far is the result.
    pub(crate) fn take_told(&mut self) -> Vec<(String, SightingKind, bool)> {
        std::mem::take(&mut self.told.sightings)
    }

    /// Nothing is read from the worker until the lock is let go.
    pub(crate) fn reading(&self) -> Arc<Mutex<()>> {
        Arc::clone(&self.reading)
    }

    /// Hangs up.
    pub(crate) fn hang_up(&self) {
        self.socket.shutdown(std::net::Shutdown::Both).unwrap();
    }

    pub(crate) fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether the watch has said that it is off. (Before its first word it is, without saying so.)
pub(crate) fn is_off(told: &Told) -> bool {
    told.status.state == WatchState::Off && !told.status.message.is_empty()
}

/// The first word for a plain directory.
pub(crate) fn start_at(root: &Path, plugin_dir: &str) -> WorkerStart {
    let root = root.to_str().unwrap().to_owned();
    let mount = MountExpectation {
        mount_point: root.clone(),
        source: root,
        fs_type: "dir".into(),
        kind: MountKind::Dir,
        identity: None,
    };
    WorkerStart { mount, plugin_dir: plugin_dir.into(), probe_config: Vec::new() }
}

/// Waits for a process to end; how long that took is the result.
pub(crate) fn wait_for_exit(child: &mut Child) -> (std::process::ExitStatus, Duration) {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return (status, began.elapsed());
        }
        assert!(began.elapsed() < PATIENCE, "the process does not end");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Everything a child writes to its standard error.
pub(crate) fn stderr_of(child: &mut Child) -> String {
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    text
}
