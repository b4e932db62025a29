//! A running agent process: started, awaited until ready, stopped by signal.

use super::{TempDir, wait_for};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A worker script of this directory, under a name in `dir` so that it can find files beside it.
pub(crate) fn worker_script(dir: &TempDir, name: &str) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/workers").join(name);
    let link = dir.join(name);
    std::os::unix::fs::symlink(script, &link).unwrap();
    link.to_str().unwrap().to_owned()
}

/// An agent process. Killed if a test ends without stopping it.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// The id it told.
    pub(crate) agent: String,
    /// The agent's own process, where the command only runs it: killed along.
    pub(crate) traced: Option<u32>,
}

impl Running {
    /// Runs `command` (the agent, or something that runs it) and waits for the line that says it is ready.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.env_remove("STOREWARDEN_CONTROLLER").stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let agent = line.strip_prefix("agent ").and_then(|l| l.strip_suffix(" ready\n"));
        let agent = agent.unwrap_or_else(|| panic!("not the line that says ready: {line:?}")).to_owned();
        Self { child, stdout, agent, traced: None }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name and waits, within bounds, for the end; tells how long it took.
    pub(crate) fn stop(mut self, signal: &str) -> (ExitStatus, Duration) {
        signal_to(self.id(), signal);
        let start = Instant::now();
        let status = wait_for("the end of the agent", || self.child.try_wait().unwrap());
        let took = start.elapsed();
        self.traced = None;
        let mut rest = String::new();
        self.stdout.read_line(&mut rest).unwrap();
        assert_eq!(rest, "", "nothing but the ready line goes to standard output");
        (status, took)
    }

    /// Its standard error, if it was piped.
    pub(crate) fn take_stderr(&mut self) -> ChildStderr {
        self.child.stderr.take().unwrap()
    }

    /// Whether it has not ended.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(id) = self.traced {
            signal_to(id, "KILL");
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn signal_to(id: u32, signal: &str) {
    let status = Command::new("kill").args(["-s", signal, &id.to_string()]).status().unwrap();
    assert!(status.success());
}

/// The children of a process, whichever of its threads has started them.
pub(crate) fn children(id: u32) -> Vec<u32> {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{id}/task")) else { return Vec::new() };
    let lists = threads.flatten().filter_map(|t| std::fs::read_to_string(t.path().join("children")).ok());
    lists.flat_map(|l| l.split_whitespace().map(|c| c.parse().unwrap()).collect::<Vec<_>>()).collect()
}

/// Whether a process runs (a zombie does not).
pub(crate) fn runs(id: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|s| !s.contains(") Z "))
}
