//! The agent itself: takes events apart, hands them to the mounts, the outbox and the session, and ends each turn by
//! persisting its facts. Owns nothing but the composition.

use crate::config::Config;
use crate::discovery;
use crate::event::{Action, ConnectionId, Event, Identity, Level, Now, Restored};
use crate::mount::{Mount, Shared};
use crate::outbox::Outbox;
use crate::session::Session;
use crate::work::tell_look;
use std::collections::BTreeMap;
use storewarden_types::limits::MOUNTS_PER_AGENT_MAX;
use storewarden_types::mountinfo::MountEntry;
use storewarden_types::{
    AgentMessage, Code, ControllerMessage, Look, LookOutcome, Mono, MountDelta, MountReport, Seq, VerifyOrder,
};

/// The agent's state machine. See the crate's documentation.
#[derive(Debug)]
pub struct Agent {
    shared: Shared,
    identity: Identity,
    mounts: BTreeMap<String, Mount>,
    /// Expected mounts from an earlier run, until mountinfo is first read.
    remembered: Vec<storewarden_types::MountExpectation>,
    /// The last reading of mountinfo.
    table: Vec<MountEntry>,
    /// Mounts left out because there are too many; told once.
    left_out: usize,
}

impl Agent {
    /// An agent that goes on where `restored` stopped. Feed it `Event::Mounts` first.
    #[must_use]
    pub fn new(config: Config, identity: Identity, restored: Restored, _now: Now) -> Self {
        let outbox = Outbox::new(restored.epoch, restored.next_seq, restored.acked, config.window_facts);
        let agent = identity.agent.clone();
        let session = Session::default();
        Self {
            shared: Shared { config, agent, outbox, session, next_generation: 0, next_request: 0 },
            identity,
            mounts: BTreeMap::new(),
            remembered: restored.mounts,
            table: Vec::new(),
            left_out: 0,
        }
    }

    /// Takes one event. Appends what is to be done, in the order in which it must be done.
    pub fn handle(&mut self, now: Now, event: Event, out: &mut Vec<Action>) {
        match event {
            Event::Mounts(entries) => self.mounts_read(now, entries, out),
            Event::Worker { mount_point, generation, report } => {
                if let Some(mount) = self.mounts.get_mut(&mount_point) {
                    mount.hear(now, generation, report, &mut self.shared, out);
                    mount.step(now, &mut self.shared, out);
                }
            }
            Event::WorkerGone { mount_point, generation, how } => {
                if let Some(mount) = self.mounts.get_mut(&mount_point) {
                    mount.worker_gone(now, generation, &how, &mut self.shared, out);
                    mount.step(now, &mut self.shared, out);
                }
            }
            Event::WorkerInspected { mount_point, generation: _, found } => {
                if let Some(mount) = self.mounts.get_mut(&mount_point) {
                    mount.inspected(&found);
                    mount.note(Level::Warn, Some(Code::Hung), format!("found stuck: {found}"), out);
                    mount.step(now, &mut self.shared, out);
                }
            }
            Event::Connected(connection) => self.connected(now, connection, out),
            Event::Disconnected(connection) => {
                if self.shared.session.lost(connection) {
                    self.shared.outbox.close();
                }
            }
            Event::Controller { connection, clock, message }
                if self.shared.session.is_current(connection) =>
            {
                self.shared.session.heard(now.mono, clock);
                self.controller_said(now, connection, message, out);
            }
            Event::Controller { .. } => {}
            Event::FactsLoaded { first, items } => self.shared.outbox.loaded(now.mono, first, items, out),
            Event::ForgetMount(mount_point) => self.forget(now, &mount_point, out),
            Event::Wake => self.wake(now, out),
        }
        self.shared.outbox.flush(now.mono, out);
    }

    /// When `Event::Wake` is wanted, at the latest.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<Mono> {
        let shared = &self.shared;
        let mounts = self.mounts.values().filter_map(|m| m.next_wakeup(shared));
        mounts.chain(shared.session.next_wakeup(&shared.config)).chain(shared.outbox.next_wakeup()).min()
    }

    /// Every mount as it stands, without times: for the shell's own log and tests.
    #[must_use]
    pub fn reports(&self) -> Vec<MountReport> {
        self.mounts.values().map(|m| m.report(None)).collect()
    }

    /// Pending deletions over all mounts.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.mounts.values().map(|m| m.looks.len()).sum()
    }

    /// Place of the next fact, and through which place facts are acknowledged.
    #[must_use]
    pub const fn marks(&self) -> (Seq, Seq) {
        (self.shared.outbox.next_seq(), self.shared.outbox.acked())
    }

    fn wake(&mut self, now: Now, out: &mut Vec<Action>) {
        self.shared.outbox.wake(now.mono, out);
        self.shared.session.wake(now.mono, &self.shared.config, out);
        if self.shared.session.anchors().is_none()
            && self.shared.session.next_wakeup(&self.shared.config).is_none()
        {
            self.shared.outbox.close();
        }
        for mount in self.mounts.values_mut() {
            mount.step(now, &mut self.shared, out);
        }
    }

    fn mounts_read(&mut self, now: Now, entries: Vec<MountEntry>, out: &mut Vec<Action>) {
        for expect in std::mem::take(&mut self.remembered) {
            let presence = discovery::presence(&expect, &entries);
            self.mounts.insert(expect.mount_point.clone(), Mount::new(now.mono, expect, presence));
        }
        let found =
            discovery::select(&self.shared.config.discovery, &entries, |p| self.mounts.contains_key(p));
        let room = MOUNTS_PER_AGENT_MAX.saturating_sub(self.mounts.len());
        let left_out = found.len().saturating_sub(room);
        if left_out != self.left_out {
            self.left_out = left_out;
            let message =
                format!("{left_out} mounts are left out: at most {MOUNTS_PER_AGENT_MAX} are watched");
            out.push(Action::Note {
                level: Level::Warn,
                about: String::new(),
                code: Some(Code::Overloaded),
                message,
            });
        }
        for expect in found.into_iter().take(room) {
            out.push(Action::Remember(expect.clone()));
            let presence = discovery::presence(&expect, &entries);
            let mount = Mount::new(now.mono, expect, presence);
            let words = format!(
                "found {} ({}), kind {}",
                mount.expect.source,
                mount.expect.fs_type,
                mount.expect.kind.as_str()
            );
            mount.note(Level::Info, None, words, out);
            self.mounts.insert(mount.expect.mount_point.clone(), mount);
        }
        for mount in self.mounts.values_mut() {
            if let Some(expect) = discovery::readopt(&mount.expect, &entries) {
                out.push(Action::Remember(expect.clone()));
                let words = format!(
                    "nothing was pinned here yet; {} ({}) is expected now",
                    expect.source, expect.fs_type
                );
                mount.note(Level::Info, None, words, out);
                mount.expect = expect;
            }
            let presence = discovery::presence(&mount.expect, &entries);
            mount.see(now, presence, out);
            mount.looks.expire(now.mono);
            mount.step(now, &mut self.shared, out);
        }
        self.table = entries;
    }

    fn connected(&mut self, now: Now, connection: ConnectionId, out: &mut Vec<Action>) {
        self.shared.outbox.close();
        self.shared.session.greet(now.mono, connection);
        let mounts = self.mounts.values().map(|m| m.report(None)).collect();
        let (epoch, next) = (self.shared.outbox.epoch, self.shared.outbox.next_seq());
        let hello = self.identity.hello(epoch, next, mounts);
        out.push(Action::Send { connection, message: AgentMessage::Hello(Box::new(hello)) });
    }

    fn controller_said(
        &mut self,
        now: Now,
        connection: ConnectionId,
        message: ControllerMessage,
        out: &mut Vec<Action>,
    ) {
        match message {
            ControllerMessage::Welcome(welcome) => {
                if self.shared.session.welcome(welcome.heartbeat_ms) {
                    self.shared.outbox.open(now.mono, connection, welcome.acked, out);
                    for mount in self.mounts.values_mut() {
                        mount.forget_told();
                        mount.probes.hurry(now.mono); // What was seen before this session cannot be dated in it.
                        mount.step(now, &mut self.shared, out);
                    }
                }
            }
            ControllerMessage::Ack { through } => self.shared.outbox.acknowledge(now.mono, through, out),
            ControllerMessage::Verify(orders) => {
                for order in orders {
                    self.verify(now, order, out);
                }
                for mount in self.mounts.values_mut() {
                    mount.step(now, &mut self.shared, out);
                }
            }
            ControllerMessage::Release(ids) => {
                for id in ids {
                    for mount in self.mounts.values_mut() {
                        mount.looks.release(id);
                    }
                }
            }
            ControllerMessage::Probe { mount_point } => {
                if let Some(mount) = self.mounts.get_mut(&mount_point) {
                    mount.eager = true;
                    mount.probes.hurry(now.mono);
                    mount.step(now, &mut self.shared, out);
                }
            }
            ControllerMessage::Heartbeat => {}
            ControllerMessage::Refuse { code, message } => {
                let about = String::new();
                let line = format!("the controller refused this agent: {message}");
                out.push(Action::Note { level: Level::Error, about, code: Some(code), message: line });
                self.shared.session.lost(connection);
                self.shared.outbox.close();
                out.push(Action::Disconnect { connection, code, message });
            }
        }
    }

    fn verify(&mut self, now: Now, order: VerifyOrder, out: &mut Vec<Action>) {
        let full = self.pending() >= self.shared.config.pending_max;
        let (code, detail) = match self.mounts.get_mut(&order.mount_point) {
            Some(mount) if !full => return mount.looks.accept(now.mono, order, &self.shared.config),
            Some(_) => (Code::Overloaded, "this agent has too many pending deletions".to_owned()),
            None => (Code::Unobserved, format!("{} is no mount of this agent", order.mount_point)),
        };
        let look = Look { outcome: LookOutcome::Unverifiable { code, detail }, began_at: now.wall };
        tell_look(now, now.mono, order.deletion, look, &mut self.shared, out);
    }

    fn forget(&mut self, now: Now, mount_point: &str, out: &mut Vec<Action>) {
        let Some(mut mount) = self.mounts.remove(mount_point) else { return };
        mount.drop_worker(now, "an operator had the mount forgotten", out);
        out.push(Action::Forget { mount_point: mount_point.to_owned() });
        let mount_point = mount_point.to_owned();
        self.shared.session.tell(now.mono, out, |rev, _| AgentMessage::Mount {
            rev,
            delta: MountDelta::Forgotten { mount_point },
        });
    }
}
