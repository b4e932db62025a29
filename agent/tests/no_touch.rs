//! The agent process makes no call on a monitored path, as strace(1) sees it. Its workers do; they are not the agent.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use storewarden_proto::convert::encode_report;
use storewarden_proto::frame::encode_frame;
use storewarden_types::{MountIdentity, ProbeInfo, WorkerReport, WorkerResult};
use support::hung_fs::HungFs;
use support::process::{Running, signal_to, worker_script};
use support::{TempDir, Tmpfs, wait_for};

/// Calls whose *payload* may name a mount: frames to workers, messages to the controller, the log, the outbox, the mount
/// table itself. None of them takes a path (but execve, whose arguments may say anything).
const PAYLOAD_CALLS: [&str; 12] = [
    "execve", "read", "pread64", "readv", "recvfrom", "recvmsg", "write", "pwrite64", "writev", "sendto",
    "sendmsg", "mmap",
];

/// The trace of each thread that belongs to the process `id`: the first one and whatever it and its like have cloned with
/// CLONE_THREAD.
fn threads_of(traces: &Path, id: u32) -> Vec<String> {
    let (mut todo, mut seen, mut found) = (vec![id], BTreeSet::new(), Vec::new());
    while let Some(thread) = todo.pop() {
        if !seen.insert(thread) {
            continue;
        }
        let trace = std::fs::read(traces.join(format!("t.{thread}"))).unwrap();
        let trace = String::from_utf8_lossy(&trace).into_owned();
        for line in trace.lines().filter(|l| l.starts_with("clone") && l.contains("CLONE_THREAD")) {
            let started: Option<u32> =
                line.rsplit_once("= ").and_then(|(_, id)| id.split_whitespace().next()?.parse().ok());
            todo.extend(started);
        }
        found.push(trace);
    }
    found
}

/// Lines that name a path under `store` in anything but a payload.
fn touches<'a>(trace: &'a str, store: &str) -> Vec<&'a str> {
    let is_payload = |line: &str| PAYLOAD_CALLS.iter().any(|call| line.starts_with(&format!("{call}(")));
    trace.lines().filter(|line| line.contains(store) && !is_payload(line)).collect()
}

/// What the worker says: it is ready and, to the first thing it is asked, who the store is; nothing after that.
fn frames() -> Vec<u8> {
    let probe = ProbeInfo {
        name: "mount".into(),
        version: "1".into(),
        default_interval_ms: 100,
        default_deadline_ms: 1000,
    };
    let marks = MountIdentity { root_handle: Some("01:ab".into()), ..Default::default() };
    let answers = [
        WorkerReport::Ready { probes: vec![probe], faults: vec!["a fault".into()] },
        WorkerReport::Response { id: 1, took_us: 5, result: WorkerResult::Identified(marks) },
        WorkerReport::Log { level: 2, message: "a word".into() },
    ];
    answers.iter().flat_map(|r| encode_frame(&encode_report(r)).unwrap()).collect()
}

/// The agent under strace, each thread traced into a file of its own; stopped when it has gone through pinning, probing,
/// finding a worker hung, inspecting and killing it. Returns its process id.
fn run_traced(dir: &TempDir, stores: &[PathBuf]) -> u32 {
    std::fs::write(dir.join("frames"), frames()).unwrap();
    let mut strace = Command::new("strace");
    strace.args(["-ff", "-s", "65536", "-o"]).arg(dir.join("t")).arg(env!("CARGO_BIN_EXE_storewarden-agent"));
    strace.args(["--controller", "http://127.0.0.1:9", "--worker", &worker_script(dir, "replay.sh")]);
    strace.arg("--data").arg(dir.join("data"));
    for store in stores {
        strace.arg("--mount").arg(store);
    }
    let log = std::fs::File::create(dir.join("log")).unwrap();
    // It even starts within a store: it must not stay there.
    let mut running = Running::start(strace.current_dir(&stores[0]).stdin(Stdio::null()).stderr(log));
    let id = std::fs::read_to_string(dir.join("data/lock")).unwrap().trim().parse().unwrap();
    running.traced = Some(id);
    for words in ["a plain directory", "tmpfs", "storewarden-hung", "a word", "found stuck"] {
        wait_for(words, || std::fs::read_to_string(dir.join("log")).unwrap().contains(words).then_some(()));
    }
    signal_to(id, "TERM");
    // strace ends with it, and as it.
    let (status, _) = running.stop("CONT");
    assert_eq!(status.code(), Some(0));
    id
}

#[test]
fn the_agent_never_touches_what_it_watches() {
    let dir = TempDir::new();
    let stores @ [_plain, mounted, hung] =
        &["store", "mounted-store", "hung-store"].map(|name| dir.join(name));
    for store in stores {
        std::fs::create_dir(store).unwrap();
    }
    let _mounts = (Tmpfs::mount(mounted, "size=1m"), HungFs::mount(hung));
    let id = run_traced(&dir, stores);

    let traces = threads_of(dir.path(), id);
    assert!(traces.len() >= 2, "the outbox has a thread of its own, so there are several");
    let own: String = traces.concat();
    for proof in ["/proc/self/mountinfo", "outbox.db", "execve("] {
        assert!(own.contains(proof), "the trace is not that of the agent: no {proof} in it");
    }
    for store in stores {
        let store = store.to_str().unwrap();
        assert!(own.contains(store), "the agent did not even hear of {store}");
        let found = touches(&own, store);
        assert!(found.is_empty(), "the agent touched {store}:\n{}", found.join("\n"));
    }
    // The traces do show those who touch: the worker opens its store.
    let files = std::fs::read_dir(dir.path()).unwrap().flatten();
    let all: String = files
        .filter(|f| f.file_name().to_string_lossy().starts_with("t."))
        .map(|f| String::from_utf8_lossy(&std::fs::read(f.path()).unwrap()).into_owned())
        .collect();
    let opened = all.lines().any(|l| l.starts_with("open") && l.contains("\"store\""));
    assert!(opened, "the worker opened nothing");
}
