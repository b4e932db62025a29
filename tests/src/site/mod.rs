//! A small site on this machine: one controller, some agents, the command line, and mounts to break. Everything is the
//! real thing, started from the build output, in a directory of its own, on ports of its own; all of it is gone when the
//! [`Site`] is dropped.

mod cli;
mod faulty;
mod process;

pub use cli::Output;
pub use faulty::FaultyMount;
pub use process::{Proc, Signal};

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long anything may take to become true before a test gives up. Generous: machines are shared; what is slow is
/// measured elsewhere.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// One controller and its agents.
#[derive(Debug)]
pub struct Site {
    dir: PathBuf,
    bin: PathBuf,
    /// `127.0.0.1:PORT`, fixed at the controller's first start so that agents find it again.
    address: String,
    controller: Option<Proc>,
    agents: Vec<Agent>,
}

/// An agent and how it was started.
#[derive(Debug)]
struct Agent {
    name: String,
    args: Vec<String>,
    process: Option<Proc>,
}

impl Site {
    /// A site in a fresh directory. Nothing runs yet.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("storewarden-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).expect("a temporary directory");
        Self { dir, bin: binaries(), address: String::new(), controller: None, agents: Vec::new() }
    }

    /// A path inside the site's directory.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// A fresh directory inside the site's directory.
    #[must_use]
    pub fn make_dir(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(&path).expect("a directory");
        path
    }

    /// Where the controller listens.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The path of one of our binaries.
    #[must_use]
    pub fn binary(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    /// Starts the controller, on the port it had before if it had one.
    pub fn start_controller(&mut self) {
        let listen = if self.address.is_empty() { "127.0.0.1:0" } else { self.address.as_str() };
        let data = self.path("controller");
        let args = ["--listen", listen, "--data", data.to_str().expect("UTF-8")].map(str::to_owned);
        let mut process =
            Proc::start(&self.binary("storewarden-controller"), &args, &self.path("controller.log"));
        let line = process.wait_line("listening on ", PATIENCE);
        self.address = line.rsplit(' ').next().expect("an address").to_owned();
        self.controller = Some(process);
    }

    /// The controller's process.
    pub fn controller(&mut self) -> &mut Proc {
        self.controller.as_mut().expect("the controller was started")
    }

    /// Starts an agent that answers for `mounts`, with more arguments if needed.
    pub fn start_agent(&mut self, name: &str, mounts: &[&Path], more: &[&str]) {
        let data = self.path(name);
        let mut args: Vec<String> = vec![
            "--controller".into(),
            format!("http://{}", self.address),
            "--data".into(),
            data.display().to_string(),
            "--agent-id".into(),
            name.into(),
        ];
        for mount in mounts {
            args.extend(["--mount".to_owned(), mount.display().to_string()]);
        }
        args.extend(more.iter().map(|m| (*m).to_owned()));
        self.agents.push(Agent { name: name.into(), args, process: None });
        self.restart_agent(name);
    }

    /// Starts an agent again as it was started before.
    pub fn restart_agent(&mut self, name: &str) {
        let (bin, log) = (self.binary("storewarden-agent"), self.path(&format!("{name}.log")));
        let agent = self.agents.iter_mut().find(|a| a.name == name).expect("a known agent");
        let mut process = Proc::start(&bin, &agent.args, &log);
        process.wait_line("ready", PATIENCE);
        agent.process = Some(process);
    }

    /// An agent's process.
    pub fn agent(&mut self, name: &str) -> &mut Proc {
        let agent = self.agents.iter_mut().find(|a| a.name == name).expect("a known agent");
        agent.process.as_mut().expect("the agent was started")
    }

    /// Waits until a store, named as people name it, has this condition; returns it as `store show -o json` tells it.
    #[track_caller]
    pub fn wait_condition(&self, store: &str, condition: &str) -> serde_json::Value {
        let wanted = format!("CONDITION_{}", condition.to_uppercase());
        eventually(&format!("{store} is {condition}"), PATIENCE, || {
            let output = self.cli(&["-o", "json", "store", "show", store]);
            let store = output.ok_json()?;
            (store["condition"] == wanted.as_str()).then_some(store)
        })
    }

    /// Waits until a deletion has ended; returns it as `deletion show -o json` tells it.
    #[track_caller]
    pub fn wait_ended(&self, id: &str) -> serde_json::Value {
        eventually(&format!("deletion {id} has ended"), PATIENCE, || {
            let deletion = self.cli(&["-o", "json", "deletion", "show", id]).ok_json()?;
            let state = deletion["state"].as_str().unwrap_or_default().to_owned();
            (!state.contains("PENDING")).then_some(deletion)
        })
    }

    /// The last lines of every log, for a failing test.
    #[must_use]
    pub fn logs(&self) -> String {
        let mut text = String::new();
        for entry in std::fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|e| e == "log") {
                let log = std::fs::read_to_string(&path).unwrap_or_default();
                let tail: Vec<&str> = log.lines().rev().take(15).collect();
                text.push_str(&format!("--- {}\n", path.display()));
                text.extend(tail.iter().rev().map(|l| format!("{l}\n")));
            }
        }
        text
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.logs());
        }
        for agent in &mut self.agents {
            agent.process = None;
        }
        self.controller = None;
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Polls until `look` finds something. Waits for a level, never for an edge.
#[track_caller]
pub fn eventually<T>(what: &str, patience: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < patience, "after {patience:?} it is still not so that {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The directory of the built binaries: beside whatever runs this.
fn binaries() -> PathBuf {
    let me = std::env::current_exe().expect("a path of this program");
    let dir = me.ancestors().skip(1).find(|d| d.join("storewarden-controller").is_file());
    let dir =
        dir.unwrap_or_else(|| panic!("no storewarden-controller beside {}: run `make build`", me.display()));
    for name in
        ["storewarden-agent", "storewarden-worker", "storewarden", "faultfs", "libstorewarden_probe_mount.so"]
    {
        assert!(dir.join(name).is_file(), "{} is missing: run `make build`", dir.join(name).display());
    }
    dir.to_path_buf()
}
