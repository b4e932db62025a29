//! A worker that cannot even be killed: the agent tells it as hung, goes on, reaps it when it can be, and stops in time.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod support;

use std::process::Command;
use std::time::Duration;
use support::hung_fs::HungFs;
use support::process::{Running, children, worker_script};
use support::{TempDir, wait_for};

const CONFIG: &str = "
controllers = [\"http://127.0.0.1:9\"]
[workers]
start_deadline = \"200ms\"
stuck_per_mount = 1
";

fn start(dir: &TempDir) -> Running {
    let worker = worker_script(dir, "statfs.sh");
    let config = dir.join("agent.toml");
    std::fs::write(&config, CONFIG).unwrap();
    let log = std::fs::File::create(dir.join("log")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_storewarden-agent"));
    command.arg("--config").arg(config).args(["--worker", &worker]);
    command.arg("--data").arg(dir.join("data")).arg("--mount").arg(dir.join("hung"));
    Running::start(command.stderr(log))
}

fn state(process: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

#[test]
fn a_worker_that_cannot_be_killed_is_told_left_alone_and_reaped_when_it_can_be() {
    let dir = TempDir::new();
    std::fs::create_dir(dir.join("hung")).unwrap();
    let hung = HungFs::mount(&dir.join("hung"));
    let mut running = start(&dir);
    let told = |words: &str| std::fs::read_to_string(dir.join("log")).unwrap().contains(words);

    wait_for("the question", || (hung.asked() > 0).then_some(()));
    let stuck = wait_for("the worker", || children(running.id()).pop());
    wait_for("the verdict", || told("did not come back within").then_some(()));
    wait_for("what it was doing", || told("found stuck: thread").then_some(()));
    wait_for("the kill to have no effect", || (state(stuck) == Some('D')).then_some(()));
    // The bound of stuck workers is 1, so there is no successor, and the agent is well.
    assert_eq!(children(running.id()), [stuck]);
    assert!(running.is_alive());

    hung.end();
    wait_for("the reaping", || told("the killed worker was reaped: killed by signal 9").then_some(()));
    assert_ne!(state(stuck), Some('Z'), "it is not left as a zombie");
    let (status, took) = running.stop("TERM");
    assert!(status.success() && took < Duration::from_secs(2), "{status} {took:?}");
}

#[test]
fn a_worker_that_cannot_be_killed_does_not_keep_the_agent() {
    let dir = TempDir::new();
    std::fs::create_dir(dir.join("hung")).unwrap();
    let hung = HungFs::mount(&dir.join("hung"));
    let running = start(&dir);
    wait_for("the question", || (hung.asked() > 0).then_some(()));
    let stuck = wait_for("the worker", || children(running.id()).pop());
    let (status, took) = running.stop("INT");
    assert!(status.success() && took < Duration::from_secs(2), "{status} {took:?}");
    assert_eq!(state(stuck), Some('D'), "it is still there, and nobody waited for it");
    hung.end();
    wait_for("it to end", || state(stuck).is_none_or(|s| s == 'Z').then_some(()));
}
