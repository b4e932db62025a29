//! The agent's process as a whole: it stops within two seconds whatever its workers and its controller do, and one data
//! directory is one agent.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod support;

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;
use storewarden_proto::convert::encode_report;
use storewarden_proto::frame::encode_frame;
use storewarden_types::WorkerReport;
use support::process::{Running, children, runs, worker_script};
use support::{TempDir, wait_for};

/// What the agent promises.
const STOP_MAX: Duration = Duration::from_secs(2);

/// A controller that takes connections and never says a word.
fn silent_controller() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    (listener, address)
}

fn agent(dir: &TempDir, controller: &str, worker: &str) -> Command {
    let store = dir.join("store");
    std::fs::create_dir_all(&store).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_storewarden-agent"));
    command.args(["--controller", controller, "--worker", worker]);
    command.arg("--data").arg(dir.join("data")).arg("--mount").arg(store);
    command
}

#[test]
fn a_signal_ends_it_in_time_whatever_workers_and_controllers_do() {
    for signal in ["INT", "TERM"] {
        let dir = TempDir::new();
        let (_listener, controller) = silent_controller();
        let worker = worker_script(&dir, "stubborn.sh");
        let running = Running::start(agent(&dir, &controller, &worker).stderr(Stdio::null()));
        let workers = wait_for("a worker", || Some(children(running.id())).filter(|c| !c.is_empty()));
        let (status, took) = running.stop(signal);
        assert_eq!(status.code(), Some(0), "SIG{signal} is a clean stop");
        assert!(took < STOP_MAX, "SIG{signal} took {took:?}");
        wait_for("the worker to be gone, too", || workers.iter().all(|w| !runs(*w)).then_some(()));
    }
}

#[test]
fn a_log_that_nobody_reads_does_not_keep_it() {
    let dir = TempDir::new();
    let (_listener, controller) = silent_controller();
    let worker = worker_script(&dir, "replay.sh");
    // Every line of this is logged at trace level, many times what a pipe holds.
    let report = WorkerReport::Log { level: 3, message: "x".repeat(1000) };
    std::fs::write(dir.join("frames"), encode_frame(&encode_report(&report)).unwrap().repeat(2000)).unwrap();
    let mut command = agent(&dir, &controller, &worker);
    let mut running = Running::start(command.args(["--log", "trace"]).stderr(Stdio::piped()));
    let unread = running.take_stderr();
    wait_for("the pipe to be full", || (rustix::io::ioctl_fionread(&unread).unwrap() > 30_000).then_some(()));
    let (status, took) = running.stop("TERM");
    assert_eq!(status.code(), Some(0));
    assert!(took < STOP_MAX, "{took:?}");
}

#[test]
fn a_kill_of_the_agent_does_not_leave_a_healthy_worker_behind() {
    let dir = TempDir::new();
    let (_listener, controller) = silent_controller();
    let running = Running::start(agent(&dir, &controller, "/bin/cat").stderr(Stdio::null()));
    let workers = wait_for("a worker", || Some(children(running.id())).filter(|c| !c.is_empty()));
    running.stop("KILL");
    // Nobody kills them: the end of their socket does.
    wait_for("the worker to end by itself", || workers.iter().all(|w| !runs(*w)).then_some(()));
}

#[test]
fn the_made_up_id_is_kept_and_a_second_agent_is_refused_by_name() {
    let dir = TempDir::new();
    let (_listener, controller) = silent_controller();
    let first = Running::start(agent(&dir, &controller, "/bin/cat").stderr(Stdio::null()));
    let (name, digits) = first.agent.rsplit_once('-').unwrap();
    assert!(
        !name.is_empty() && digits.len() == 8 && u32::from_str_radix(digits, 16).is_ok(),
        "{}",
        first.agent
    );

    let second = agent(&dir, &controller, "/bin/cat").output().unwrap();
    let told = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(told.contains(&format!("in use by another agent (process {})", first.id())), "{told}");
    assert!(second.stdout.is_empty(), "it was never ready");

    let id = first.agent.clone();
    first.stop("TERM");
    let again = Running::start(agent(&dir, &controller, "/bin/cat").stderr(Stdio::null()));
    assert_eq!(again.agent, id);
    again.stop("TERM");
}

#[test]
fn every_mount_is_told_with_its_kind() {
    let dir = TempDir::new();
    let (_listener, controller) = silent_controller();
    let log = std::fs::File::create(dir.join("log")).unwrap();
    let running =
        Running::start(agent(&dir, &controller, "/bin/cat").args(["--log-format", "json"]).stderr(log));
    let store = dir.join("store").to_str().unwrap().to_owned();
    let words = "a plain directory: for trying things out; cannot tell unmounted from empty";
    wait_for("the line about the directory", || {
        let log = std::fs::read_to_string(dir.join("log")).unwrap();
        let told = log.lines().any(|l| l.contains(words) && l.contains(&format!("\"mount\":\"{store}\"")));
        told.then_some(())
    });
    running.stop("TERM");
}
