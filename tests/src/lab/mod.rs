//! The NFS lab: real kernel NFS servers and a real kernel NFS client in a small virtual machine (`tests/lab`), with the
//! real agent, workers and probes inside it. The controller runs on this host's loopback, the agent dials out to it, and
//! what is reported is timed on this host's clock where a client of the controller hears it.
//!
//! Every [`Lab`] is a machine of its own, restored from one memory snapshot in about a second: servers and mounts are as
//! new in every test, whatever the test before has left hanging.

mod deletion;
mod guest;
mod mount;
pub mod report;
mod stream;
pub mod trouble;
mod vm;

pub use deletion::Standing;
pub use guest::{Guest, Said};
pub use mount::Mount;

use crate::site::{Site, eventually};
use deletion::Ledger;
use serde_json::Value;
use std::time::{Duration, Instant};
use stream::{Line, Stream};
use vm::Vm;

/// Must be set to 1: the lab installs what it needs on this machine (mmdebstrap, with apt) and takes its time.
pub const ALLOWED: &str = "STOREWARDEN_LAB";
/// How long anything may take to become true. Generous: the guest is emulated, and TCP backs off for long.
pub const PATIENCE: Duration = Duration::from_secs(120);

const AGENT: &str = "ssvm";

/// One machine, one controller, one agent, five stores.
#[derive(Debug)]
pub struct Lab {
    // In the order of their end: the site takes the directory with it in which all of them run.
    stores: Stream,
    ledger: Ledger,
    vm: Vm,
    site: Site,
}

impl Lab {
    /// Everything up, every store AVAILABLE.
    ///
    /// # Panics
    /// When the lab is not allowed or cannot run here, or a store does not become available.
    #[must_use]
    pub fn up(name: &str) -> Self {
        assert!(
            std::env::var(ALLOWED).is_ok_and(|v| v == "1"),
            "the NFS lab installs packages on this machine: say so with {ALLOWED}=1"
        );
        let mut site = Site::new(&format!("lab-{name}"));
        let payload = site.path("payload");
        let built = site.binary("storewarden-agent");
        vm::pack(built.parent().expect("a directory"), &payload);
        let vm = Vm::up(&site.path("vm"), &payload);
        site.start_controller();
        let stores = Stream::start(site.cli_command(&["-o", "json", "stores", "--watch"]));
        let ledger = Ledger::follow(&site);
        let lab = Self { stores, ledger, vm, site };
        for mount in Mount::ALL.into_iter().chain([Mount::Witness]) {
            lab.identify(mount);
        }
        lab.start_agent("");
        for mount in Mount::ALL.into_iter().chain([Mount::Witness]) {
            lab.wait_available(mount, Instant::now());
        }
        lab
    }

    /// Gives a store the file that tells it from a blank one, as an operator would.
    fn identify(&self, mount: Mount) {
        self.remote(mount, &format!("mkdir .storewarden && echo {mount} > .storewarden/identity"));
    }

    /// Stops the agent and starts it with more arguments; returns when that began.
    #[track_caller]
    pub fn restart_agent(&self, more: &str) -> Instant {
        let began = Instant::now();
        self.guest()
            .must("pkill -x storewarden-age; while pgrep -x storewarden-age > /dev/null; do sleep 0.1; done");
        self.start_agent(more);
        began
    }

    fn start_agent(&self, more: &str) {
        let port = self.site.address().rsplit(':').next().expect("a port");
        self.guest().must(&format!(
            "cd / && setsid /payload/storewarden-agent --config /payload/agent.toml --controller http://10.0.2.2:{port} --agent-id {AGENT} \
             --plugins /payload/plugins --data /var/lib/storewarden-agent {more} \
             > /tmp/agent.out 2> /tmp/agent.log < /dev/null &"
        ));
        eventually("the agent is ready", PATIENCE, || {
            std::thread::sleep(Duration::from_millis(200)); // Every look is a process in the emulated guest.
            let said =
                self.guest().must("cat /tmp/agent.out; pgrep -x storewarden-age >/dev/null || echo ended");
            assert!(!said.contains("ended"), "the agent ended: {}", self.agent_log());
            said.contains("ready").then_some(())
        });
    }

    /// The guest.
    #[must_use]
    pub fn guest(&self) -> &Guest {
        self.vm.guest()
    }

    /// Runs `nfslab` in the guest.
    #[track_caller]
    pub fn nfslab(&self, words: &str) -> String {
        self.guest().must(&format!("nfslab {words}"))
    }

    /// Breaks the exports of these mounts (`tests/lab/guest/faults.sh` lists how); returns when that began.
    #[track_caller]
    pub fn fault(&self, kind: &str, mounts: &[Mount]) -> Instant {
        self.strike(&format!("fault {kind} {}", mount::list(mounts)))
    }

    /// Breaks server 1 as a whole.
    #[track_caller]
    pub fn fault_server(&self, kind: &str) -> Instant {
        self.strike(&format!("fault {kind} 1"))
    }

    /// Undoes every fault of these mounts and their servers.
    #[track_caller]
    pub fn heal(&self, mounts: &[Mount]) -> Instant {
        self.strike(&format!("heal {}", mount::list(mounts)))
    }

    /// Has `nfslab` do something; returns when that began.
    #[track_caller]
    pub fn strike(&self, words: &str) -> Instant {
        let began = Instant::now();
        self.nfslab(words);
        began
    }

    /// Runs a script in an export, on the server: behind the client's back.
    #[track_caller]
    pub fn remote(&self, mount: Mount, script: &str) -> String {
        assert!(!script.contains('\''), "it is quoted once more");
        self.nfslab(&format!("remote {mount} '{script}'"))
    }

    /// Waits until a store is reported with one of these codes foremost, after `since`; returns the code and the time
    /// from `since` to the report.
    #[track_caller]
    pub fn wait_condition(&self, mount: Mount, codes: &[&str], since: Instant) -> (String, Duration) {
        let found = self.stores.wait(PATIENCE, |lines| {
            standings(lines, mount).filter(|(at, _)| *at >= since).find_map(|(at, s)| {
                codes.contains(&foremost(s)).then(|| (foremost(s).to_owned(), at - since))
            })
        });
        found.unwrap_or_else(|| panic!("{mount} is not {codes:?}: {:?}", self.history(mount)))
    }

    /// Waits until a store is AVAILABLE and was told so after `since`, or was so already; returns the time since.
    #[track_caller]
    pub fn wait_available(&self, mount: Mount, since: Instant) -> Duration {
        let found = self.stores.wait(PATIENCE, |lines| {
            let (at, store) = standings(lines, mount).last()?;
            (store["condition"] == "CONDITION_AVAILABLE").then(|| at.saturating_duration_since(since))
        });
        found.unwrap_or_else(|| panic!("{mount} is not available: {:?}", self.history(mount)))
    }

    /// Every standing of a store so far: the foremost code, empty when AVAILABLE; repetitions left out.
    #[must_use]
    pub fn history(&self, mount: Mount) -> Vec<String> {
        let lines = self.stores.so_far();
        let mut codes: Vec<String> = standings(&lines, mount).map(|(_, s)| foremost(s).to_owned()).collect();
        codes.dedup();
        codes
    }

    /// The agent's last words.
    #[must_use]
    pub fn agent_log(&self) -> String {
        self.guest().run("tail -60 /tmp/agent.log").map(|s| s.text).unwrap_or_default()
    }

    /// Ends the test: no deletion was confirmed of a file that nobody had removed, and the other server's store felt
    /// nothing since it first was available.
    #[track_caller]
    pub fn finish(self) {
        self.ledger.assert_no_false_confirmation();
        let felt: Vec<String> =
            self.history(Mount::Witness).into_iter().skip_while(|c| !c.is_empty()).collect();
        assert_eq!(felt, [""], "the store on the other server felt what was done to this one");
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the agent in the guest\n{}", self.agent_log());
        }
    }
}

/// What was told of one store, in order.
fn standings(lines: &[Line], mount: Mount) -> impl Iterator<Item = (Instant, &Value)> {
    let path = mount.path();
    lines.iter().flat_map(|(at, line)| stores_in(line).map(|s| (*at, s))).filter(move |(_, store)| {
        store["mounts"].as_array().is_some_and(|m| m.iter().any(|m| m["mount_point"] == path.as_str()))
    })
}

/// A line of `stores --watch` holds one store, or at first all.
fn stores_in(line: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match line["stores"].as_array() {
        Some(all) => Box::new(all.iter()),
        None => Box::new([&line["store"]].into_iter()),
    }
}

/// The code that a store's condition rests on; empty when AVAILABLE.
fn foremost(store: &Value) -> &str {
    store["reasons"][0]["code"].as_str().unwrap_or_default()
}
