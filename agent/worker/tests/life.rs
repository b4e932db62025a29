//! The process: who may start it, what it says first, and that it ends with its agent whatever it is doing.

#![allow(clippy::unwrap_used)] // a test may panic

mod common;

use common::{Scratch, Worker, program, start_at, stderr_of, wait_for_exit};
use rustix::process::{Signal, kill_process};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;
use storewarden_proto::convert::{encode_request, encode_start};
use storewarden_types::{Code, LookOutcome, StorePath, Verdict, VerifyItem, WorkerOp, WorkerResult};

/// A directory with the probes of these packages, built for this test if they are not there.
fn probes(packages: &[&str]) -> (Scratch, String) {
    let exe = std::env::current_exe().unwrap();
    let built: PathBuf = exe.parent().unwrap().parent().unwrap().into();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    if built.ends_with("release") {
        cargo.arg("--release");
    }
    let scratch = Scratch::new();
    for package in packages {
        cargo.args(["-p", package]);
    }
    assert!(cargo.status().unwrap().success(), "the probes cannot be built");
    for package in packages {
        let name = format!("lib{}.so", package.replace('-', "_"));
        std::fs::copy(built.join(&name), scratch.at(&name)).unwrap();
    }
    let path = scratch.path().to_str().unwrap().to_owned();
    (scratch, path)
}

#[test]
fn started_by_hand_it_says_what_it_is() {
    for stdin in [Stdio::null(), Stdio::piped()] {
        let mut child = program().stdin(stdin).stderr(Stdio::piped()).spawn().unwrap();
        let (status, _) = wait_for_exit(&mut child);
        assert_eq!(status.code(), Some(2));
        assert!(stderr_of(&mut child).contains("storewarden-agent"));
    }
}

#[test]
fn it_identifies_probes_and_verifies() {
    let store = Scratch::new();
    store.file("volumes/1/kept.vhd");
    let (_keep, plugin_dir) =
        probes(&["storewarden-probe-mount", "storewarden-probe-lookup", "storewarden-probe-capacity"]);
    let mut worker = Worker::spawn(program());
    let mut start = start_at(store.path(), &plugin_dir);
    start.probe_config.push(("nobody".into(), "{}".into()));
    let (mut probes, faults) = worker.start(&start);
    probes.sort();
    assert_eq!(probes, ["capacity", "lookup", "mount"]);
    assert!(faults.len() == 1 && faults[0].contains("nobody"), "{faults:?}");

    let WorkerResult::Identified(identity) = worker.ask(&WorkerOp::Identify) else {
        panic!("not identified")
    };
    assert!(identity.root_handle.is_some() || identity.root_inode.is_some());
    for name in ["mount", "lookup", "capacity"] {
        let op = WorkerOp::Probe { name: name.into(), deadline_ms: 5_000, identity: Some(identity.clone()) };
        let WorkerResult::Observed(said) = worker.ask(&op) else { panic!("{name}") };
        assert_eq!((said.probe.as_str(), said.verdict, said.code), (name, Verdict::Ok, Code::Ok), "{said:?}");
    }
    let item = |path: &str| VerifyItem { path: StorePath::parse(path).unwrap(), baseline: None };
    let items = vec![item("volumes/1/kept.vhd"), item("volumes/1/gone.vhd")];
    let WorkerResult::Verified(verified) = worker.ask(&WorkerOp::Verify { identity, items }) else {
        panic!("not verified")
    };
    assert!(matches!(verified.looks[0], LookOutcome::Present(_)), "{verified:?}");
    assert!(matches!(verified.looks[1], LookOutcome::Absent { .. }), "{verified:?}");

    let op = WorkerOp::Probe { name: "nobody".into(), deadline_ms: 1, identity: None };
    assert!(matches!(worker.ask(&op), WorkerResult::Failed(_)));
}

#[test]
fn it_ends_with_its_agent() {
    let store = Scratch::new();
    for busy in [false, true] {
        let mut worker = if busy { Worker::watching(store.path()) } else { Worker::spawn(program()) };
        worker.hang_up();
        let (status, took) = wait_for_exit(&mut worker.child);
        assert_eq!(status.code(), Some(0));
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
}

#[test]
fn it_ends_with_its_agent_also_while_a_probe_hangs() {
    let store = Scratch::new();
    let (_keep, plugin_dir) = probes(&["storewarden-probe-misbehave"]);
    let mut worker = Worker::spawn(program());
    let mut start = start_at(store.path(), &plugin_dir);
    start.probe_config.push(("misbehave".into(), r#"{"mode":"hang"}"#.into()));
    let (probes, faults) = worker.start(&start);
    assert_eq!((probes.len(), faults.len()), (1, 0), "{faults:?}");
    let op = WorkerOp::Probe { name: "misbehave".into(), deadline_ms: 10, identity: None };
    worker.send(&encode_request(1, &op));
    worker.send(&encode_request(2, &WorkerOp::Identify));
    wait_until_asleep(&worker);
    worker.hang_up();
    let (status, took) = wait_for_exit(&mut worker.child);
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_millis(100), "{took:?}");
}

/// Waits until the worker's main thread has nothing to do, which is inside of the hanging probe.
fn wait_until_asleep(worker: &Worker) {
    let stat = format!("/proc/{}/schedstat", worker.child.id());
    let mut before = String::new();
    let mut calm = 0;
    while calm < 20 {
        let now = std::fs::read_to_string(&stat).unwrap();
        calm = if now == before { calm + 1 } else { 0 };
        before = now;
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn sigterm_ends_it() {
    let store = Scratch::new();
    let mut worker = Worker::watching(store.path());
    kill_process(worker.pid(), Signal::TERM).unwrap();
    let (status, _) = wait_for_exit(&mut worker.child);
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(15));
}

#[test]
fn an_agent_that_makes_no_sense_is_left() {
    let store = Scratch::new();
    let start = start_at(store.path(), "");
    for mistake in 0..3 {
        let mut command = program();
        command.stderr(Stdio::piped());
        let mut worker = Worker::spawn(command);
        match mistake {
            0 => worker.send(&encode_request(1, &WorkerOp::Identify)),
            1 => {
                worker.send(&encode_start(&start));
                worker.send(&encode_start(&start));
            }
            _ => {
                // Asks for far more than it waits for, while the worker cannot go on: it is stopped.
                worker.start(&start);
                kill_process(worker.pid(), Signal::STOP).unwrap();
                for id in 0..100 {
                    worker.send(&encode_request(id, &WorkerOp::Identify));
                }
                kill_process(worker.pid(), Signal::CONT).unwrap();
            }
        }
        let (status, _) = wait_for_exit(&mut worker.child);
        assert!(!status.success());
        assert!(!stderr_of(&mut worker.child).is_empty());
    }
}
