//! Real processes as workers: how they are started, heard, killed and reaped.

use super::Supervisor;
use crate::clock::Clock;
use crate::outbox::Gate;
use crate::process::Program;
use crate::worker::Ears;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use storewarden_agent_core::{Event, Generation};
use storewarden_proto::convert::encode_report;
use storewarden_proto::frame::encode_frame;
use storewarden_types::{
    MountExpectation, MountKind, Sighting, SightingKind, SightingSource, Sightings, Wall, WorkerReport,
    WorkerStart,
};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

const MOUNT: &str = "/mnt/SecStorage/a";
const PATIENCE: Duration = Duration::from_secs(10);

struct Bench {
    supervisor: Supervisor,
    events: mpsc::Receiver<Event>,
    gate: watch::Sender<Gate>,
}

impl Bench {
    fn new(program: &str, args: &[&str]) -> Self {
        let (sender, events) = mpsc::channel(8);
        let (gate, watched) = watch::channel(Gate::Open);
        let ears = Ears { events: sender, gate: watched, clock: Clock::start() };
        let program = Program { path: program.into(), args: args.iter().map(Into::into).collect() };
        Self { supervisor: Supervisor::new(program, ears), events, gate }
    }

    fn sh(script: &str) -> Self {
        Self::new("/bin/sh", &["-c", script])
    }

    fn spawn(&mut self) -> Option<Event> {
        let mount = MountExpectation {
            mount_point: MOUNT.into(),
            source: "h:/e".into(),
            fs_type: "nfs4".into(),
            kind: MountKind::Network,
            identity: None,
        };
        let start = WorkerStart { mount, plugin_dir: String::new(), probe_config: Vec::new() };
        self.supervisor.spawn(MOUNT.into(), Generation(1), &start)
    }

    async fn next(&mut self) -> Event {
        timeout(PATIENCE, self.events.recv()).await.expect("an event is due").expect("the sender lives")
    }

    async fn gone(&mut self) -> String {
        match self.next().await {
            Event::WorkerGone { mount_point, generation, how } => {
                assert_eq!((mount_point.as_str(), generation), (MOUNT, Generation(1)));
                how
            }
            other => panic!("the end of the worker is due, not {other:?}"),
        }
    }

    async fn report(&mut self) -> WorkerReport {
        match self.next().await {
            Event::Worker { report, .. } => report,
            other => panic!("a report is due, not {other:?}"),
        }
    }

    /// The first line of output, which shows that the script has come so far.
    async fn line(&mut self, file: &Path) -> String {
        let start = Instant::now();
        loop {
            match std::fs::read_to_string(file) {
                Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
                _ if start.elapsed() > PATIENCE => panic!("the worker wrote nothing"),
                _ => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }
}

/// A file of its own that goes away.
struct TempFile(PathBuf);

impl TempFile {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("storewarden-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        Self(path)
    }

    fn text(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn sightings(n: usize) -> WorkerReport {
    let item = Sighting { path: format!("f{n}"), kind: SightingKind::Deleted, directory: false };
    WorkerReport::Sightings(Sightings {
        mount_point: MOUNT.into(),
        source: SightingSource::Watch,
        items: vec![item],
        at: Wall(1),
    })
}

fn log(message: &str) -> WorkerReport {
    WorkerReport::Log { level: 3, message: message.into() }
}

fn frames(reports: &[WorkerReport]) -> Vec<u8> {
    reports.iter().flat_map(|r| encode_frame(&encode_report(r)).unwrap()).collect()
}

/// Descriptors of this process that an exec does not close.
fn inheritable() -> BTreeSet<u32> {
    let is_kept = |fd: &u32| {
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).unwrap_or_default();
        let flags = info.lines().find_map(|l| l.strip_prefix("flags:"));
        // O_CLOEXEC, in octal as the kernel writes it (proc_pid_fdinfo(5)).
        flags.is_some_and(|f| u64::from_str_radix(f.trim(), 8).unwrap() & 0o2_000_000 == 0)
    };
    let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    open.filter_map(|fd| fd.file_name().to_str()?.parse().ok()).filter(is_kept).collect()
}

#[tokio::test]
async fn a_worker_starts_bare() {
    let mut env = Bench::new("/usr/bin/env", &[]);
    assert_eq!(env.spawn(), None);
    assert_eq!(env.gone().await, "exited with code 0; last words: PATH=/usr/sbin:/usr/bin:/sbin:/bin");

    let mut cwd = Bench::new("/bin/pwd", &[]);
    cwd.spawn();
    assert_eq!(cwd.gone().await, "exited with code 0; last words: /");

    // Nothing that we opened reaches the worker. Whoever started us may have left us something that does; 3 is the
    // listing's own.
    let mut expected = inheritable();
    expected.extend([0, 1, 2, 3]);
    let mut fds = Bench::new("/bin/ls", &["/proc/self/fd"]);
    fds.spawn();
    let how = fds.gone().await;
    let found = how.rsplit_once(": ").unwrap().1.split(" | ").map(|fd| fd.parse().unwrap());
    assert_eq!(found.collect::<BTreeSet<u32>>(), expected);

    // Process id and group id are the same: a group of its own.
    let mut group = Bench::new("/usr/bin/cut", &["-d ", "-f1,5", "/proc/self/stat"]);
    group.spawn();
    let how = group.gone().await;
    let (id, leader) = how.rsplit_once(": ").unwrap().1.split_once(' ').unwrap();
    assert_eq!(id, leader);
}

#[tokio::test]
async fn how_a_worker_ended_is_told_with_its_last_words() {
    let mut failing = Bench::sh("echo one; echo two >&2; exit 3");
    failing.spawn();
    assert_eq!(failing.gone().await, "exited with code 3; last words: one | two");

    let mut crashing = Bench::sh("kill -SEGV $$");
    crashing.spawn();
    let how = crashing.gone().await;
    assert!(how.starts_with("killed by signal 11 (SIGSEGV)"), "{how}");
}

#[tokio::test]
async fn a_program_that_cannot_be_started_is_gone_at_once() {
    let mut missing = Bench::new("/no/such/worker", &[]);
    let Some(Event::WorkerGone { how, .. }) = missing.spawn() else { panic!("it cannot have started") };
    assert!(how.contains("/no/such/worker could not be started: No such file"), "{how}");
}

#[tokio::test]
async fn a_doomed_worker_is_inspected_killed_and_reaped_with_all_it_started() {
    let told = TempFile::new("doomed", b"");
    let script = "trap '' TERM INT HUP; sleep 1000 & echo $! > \"$1\"; wait";
    let mut bench = Bench::new("/bin/sh", &["-c", script, "sh", told.text()]);
    bench.spawn();
    let helper = bench.line(&told.0).await;
    bench.supervisor.doom(MOUNT, Generation(9)); // Nobody of that generation: nothing happens.
    bench.supervisor.doom(MOUNT, Generation(1));
    match bench.next().await {
        Event::WorkerInspected { found, .. } => {
            assert!(found.contains("(sh) state S") && found.contains("system call"), "{found}");
        }
        other => panic!("the inspection comes first, not {other:?}"),
    }
    assert_eq!(bench.gone().await, "killed by signal 9 (SIGKILL)");
    let stat = PathBuf::from(format!("/proc/{helper}/stat"));
    let start = Instant::now();
    // Gone, or a zombie that waits for init.
    while std::fs::read_to_string(&stat).is_ok_and(|s| !s.contains(") Z ")) {
        assert!(start.elapsed() < PATIENCE, "what the worker had started still runs");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_supervisor_that_goes_takes_its_workers_along_without_waiting() {
    let told = TempFile::new("taken", b"");
    let mut bench = Bench::new(
        "/bin/sh",
        &["-c", "trap '' TERM INT HUP; echo up > \"$1\"; exec sleep 1000", "sh", told.text()],
    );
    bench.spawn();
    bench.line(&told.0).await;
    let Bench { supervisor, mut events, gate: _gate } = bench;
    let start = Instant::now();
    drop(supervisor);
    assert!(start.elapsed() < Duration::from_millis(100));
    let gone = timeout(PATIENCE, events.recv()).await.unwrap();
    assert!(matches!(&gone, Some(Event::WorkerGone { how, .. }) if how.contains("signal 9")), "{gone:?}");
}

#[tokio::test]
async fn end_of_file_is_what_a_healthy_worker_ends_by() {
    use crate::worker::Worker;
    let (events, mut heard) = mpsc::channel(8);
    let (_gate, gate) = watch::channel(Gate::Open);
    let ears = Ears { events, gate, clock: Clock::start() };
    let cat = Program { path: "/bin/cat".into(), args: Vec::new() };
    let worker = Worker::start(&cat, MOUNT, Generation(1), ears).unwrap();
    assert!(worker.write(b"hello\n".to_vec()));
    drop(worker);
    let gone = timeout(PATIENCE, heard.recv()).await.unwrap();
    let how = "exited with code 0; last words: hello".to_owned();
    assert_eq!(gone, Some(Event::WorkerGone { mount_point: MOUNT.into(), generation: Generation(1), how }));
}

#[tokio::test]
async fn reports_are_heard_in_order_and_what_a_dead_worker_had_written_still_counts() {
    let reports = [log("one"), sightings(1), log("two"), sightings(2)];
    let file = TempFile::new("reports", &frames(&reports));
    let mut bench = Bench::new("/bin/sh", &["-c", "cat \"$1\" >&0; exit 7", "sh", file.text()]);
    bench.spawn();
    for report in reports {
        assert_eq!(bench.report().await, report);
    }
    assert_eq!(bench.gone().await, "exited with code 7");
}

#[tokio::test]
async fn a_worker_that_breaks_the_protocol_is_killed_and_told_as_such() {
    let torn = &frames(&[log("torn")])[..7];
    let cases: [(&[u8], &str); 3] = [
        (b"GET / HTTP/1.1\r\n\r\n", "at most"),
        (b"\0\0\0\x01\xff", "no valid message"),
        (b"\0\0\0\0", "makes no sense"),
    ];
    for (bytes, why) in cases {
        let file = TempFile::new("garbage", bytes);
        let mut bench = Bench::new("/bin/sh", &["-c", "cat \"$1\" >&0; exec sleep 1000", "sh", file.text()]);
        bench.spawn();
        let how = bench.gone().await;
        assert!(how.starts_with("killed by signal 9 (SIGKILL) because it broke the protocol"), "{how}");
        assert!(how.contains(why), "{how}");
    }
    let file = TempFile::new("torn", torn);
    let mut bench = Bench::new("/bin/sh", &["-c", "cat \"$1\" >&0", "sh", file.text()]);
    bench.spawn();
    let how = bench.gone().await;
    assert!(how.contains("ended 7 bytes into a frame"), "{how}");
}

#[tokio::test]
async fn a_worker_that_closes_its_socket_must_end() {
    let mut bench = Bench::sh("exec 0<&-; exec sleep 1000");
    bench.spawn();
    let how = bench.gone().await;
    assert!(how.contains("signal 9") && how.contains("had closed its socket"), "{how}");
}

#[tokio::test]
async fn without_room_sightings_wait_and_answers_do_not() {
    let reports = [sightings(1), log("answer"), sightings(2)];
    let file = TempFile::new("gated", &frames(&reports));
    let mut bench = Bench::new("/bin/sh", &["-c", "cat \"$1\" >&0; exec cat >/dev/null", "sh", file.text()]);
    bench.gate.send(Gate::Full).unwrap();
    bench.spawn();
    assert_eq!(bench.report().await, log("answer"), "an answer overtakes sightings that have to wait");
    bench.supervisor.doom(MOUNT, Generation(1));
    assert!(matches!(bench.next().await, Event::WorkerInspected { .. }));
    assert!(bench.gone().await.contains("signal 9"));
    bench.gate.send(Gate::Open).unwrap();
    assert_eq!(bench.report().await, sightings(1), "what waits outlives its worker");
    assert_eq!(bench.report().await, sightings(2));
}
