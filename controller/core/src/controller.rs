//! The controller itself: takes events apart, hands them on, ends each turn by sending what the turn's records allow.
//! Owns the composition and the time-outs of sessions.

use crate::config::Config;
use crate::deletions::Deletions;
use crate::event::{Action, Event, Now};
use crate::fleet::Fleet;
use crate::stores::Stores;
use crate::tracking::{Orders, Recent};
use crate::view::View;
use std::collections::BTreeSet;
use std::sync::Arc;
use storewarden_types::{
    AgentId, AgentMessage, Code, ControllerMessage, Hello, Mono, MountDelta, MountReport, Record, Restored,
    SessionId, StoreId, Welcome,
};

/// How often sessions are looked over.
const SWEEP_MS: u64 = 1_000;

/// How far the two clocks may drift apart between two events before it is taken for a jump. Events come at least every
/// second while an agent is connected.
const CLOCKS_APART_MS: u64 = 2_000;

/// The controller's state machine. See the crate's documentation.
#[derive(Debug)]
pub struct Controller {
    pub(crate) config: Config,
    pub(crate) fleet: Fleet,
    pub(crate) stores: Stores,
    pub(crate) deletions: Deletions,
    pub(crate) recent: Recent,
    pub(crate) orders: Orders,
    /// Agents whose picture is to be renewed at the end of the turn.
    pub(crate) touched: BTreeSet<AgentId>,
    next_sweep: Mono,
    /// Both clocks at the last event, to see when one of them jumped.
    last: Now,
    view: Arc<View>,
    seen_version: u64,
}

impl Controller {
    /// A controller that goes on where the ledger stopped.
    #[must_use]
    pub fn new(config: Config, restored: Restored, now: Now) -> Self {
        let mut this = Self {
            config,
            fleet: Fleet::default(),
            stores: Stores::default(),
            deletions: Deletions::default(),
            recent: Recent::default(),
            orders: Orders::default(),
            touched: BTreeSet::new(),
            next_sweep: now.mono,
            last: now,
            view: Arc::default(),
            seen_version: u64::MAX,
        };
        let Restored { agents, mounts, pending, unproven, conditions } = restored;
        this.touched = agents.iter().map(|a| a.agent.clone()).collect();
        this.fleet.restore(agents, &mounts);
        for m in &mounts {
            this.stores.ensure(m.store, &m.source, &m.fs_type, m.kind);
        }
        for (store, condition) in conditions {
            this.stores.restore(now.mono, store, condition);
        }
        for m in &mounts {
            this.place(&m.agent, &m.mount_point);
        }
        for (id, store) in unproven {
            this.recent.remember_unproven(id, store);
        }
        for row in pending {
            // What is left of its time, by the wall clock; never more than it was given, whatever that clock did.
            let spent = now.wall.since(row.tracked.tracked_at);
            let left = row.tracked.deadline_ms.saturating_sub(spent);
            this.deletions.restore(row, now.mono.plus(left));
        }
        this
    }

    /// Takes one event. Appends what is to be done, in the order in which it must be done.
    pub fn handle(&mut self, now: Now, event: Event, out: &mut Vec<Action>) {
        self.compare_clocks(now, out);
        match event {
            Event::Agent { session, message } => self.agent_said(now, session, message, out),
            Event::SessionGone(session) => self.session_gone(now, session, out),
            Event::Track { reply, order } => self.track(now, reply, order, out),
            Event::Cancel { reply, deletion } => self.cancel(now, reply, deletion, out),
            Event::Probe(store) => self.probe(store, out),
            Event::Wake => {}
        }
        self.time_passed(now, out);
        self.orders.flush(out);
    }

    /// When `Event::Wake` is wanted, at the latest.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<Mono> {
        let sweep = self.fleet.has_sessions().then_some(self.next_sweep);
        sweep.into_iter().chain(self.deletions.next_wakeup()).chain(self.stores.next_check()).min()
    }

    /// The picture for readers: the same `Arc` until something changed.
    pub fn view(&mut self) -> Arc<View> {
        let mut changed = self.seen_version != self.stores.version();
        for agent in std::mem::take(&mut self.touched) {
            changed |= self.fleet.refresh(&agent);
        }
        if changed {
            self.seen_version = self.stores.version();
            self.view = Arc::new(View {
                version: self.view.version + 1,
                stores: self.stores.statuses(),
                agents: self.fleet.statuses(),
            });
        }
        self.view.clone()
    }

    /// The picture as it was last renewed by [`Self::view`].
    #[must_use]
    pub fn peek(&self) -> &View {
        &self.view
    }

    /// Deletions that have not ended.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.deletions.len()
    }

    /// When the wall clock ran far ahead of the monotonic one, either it was set or this host stood still. In the second
    /// case old evidence looks young, and so does whatever agents date through anchors from before. So in both cases no
    /// evidence from before is used, and every session starts anew.
    fn compare_clocks(&mut self, now: Now, out: &mut Vec<Action>) {
        let ahead = now.wall.since(self.last.wall).saturating_sub(now.mono.since(self.last.mono));
        self.last = now;
        if ahead < CLOCKS_APART_MS {
            return;
        }
        let message = format!(
            "the wall clock ran {ahead} ms ahead of the monotonic one: it was set, or this host stood still; \
             evidence from before is not used"
        );
        out.push(Action::Note { warn: true, code: Some(Code::EvidenceExpired), message: message.clone() });
        self.stores.distrust(now.mono);
        let sessions: Vec<SessionId> = self.fleet.sessions().map(|(session, _)| session).collect();
        for session in sessions {
            out.push(Action::Close { session, code: Code::EvidenceExpired, message: message.clone() });
            self.session_gone(now, session, out);
        }
    }

    fn time_passed(&mut self, now: Now, out: &mut Vec<Action>) {
        if self.next_sweep <= now.mono {
            self.next_sweep = now.mono.plus(SWEEP_MS);
            self.sweep(now, out);
        }
        for store in self.stores.due(now.mono) {
            self.judge(now, store, out);
        }
        self.retry(now);
        self.expire(now, out);
    }

    /// Ends silent sessions; speaks where we were silent.
    fn sweep(&mut self, now: Now, out: &mut Vec<Action>) {
        let sessions: Vec<(SessionId, AgentId)> =
            self.fleet.sessions().map(|(s, a)| (s, a.clone())).collect();
        for (session, agent) in sessions {
            self.touched.insert(agent.clone());
            let Some(live) = self.fleet.agents.get_mut(&agent).and_then(|a| a.live.as_mut()) else {
                continue;
            };
            let silence = now.mono.since(live.heard);
            if silence >= self.config.session_silence_ms {
                let message = format!("nothing was heard from agent {agent} for {silence} ms");
                out.push(Action::Close { session, code: Code::TimedOut, message });
                self.session_gone(now, session, out);
            } else if now.mono.since(live.said) >= self.config.heartbeat_ms {
                live.said = now.mono;
                out.push(Action::Send { session, message: ControllerMessage::Heartbeat });
            }
        }
    }

    fn agent_said(&mut self, now: Now, session: SessionId, message: AgentMessage, out: &mut Vec<Action>) {
        if let AgentMessage::Hello(hello) = message {
            return self.hello(now, session, *hello, out);
        }
        let Some(agent) = self.fleet.speaker(session).cloned() else { return };
        self.fleet.heard(now.mono, &agent);
        match message {
            AgentMessage::Hello(_) | AgentMessage::Heartbeat => {}
            AgentMessage::Mount { rev, delta: MountDelta::Changed(report) } => {
                self.mount_changed(now, &agent, rev, *report, out);
            }
            AgentMessage::Mount { rev: _, delta: MountDelta::Forgotten { mount_point } } => {
                self.mount_forgotten(now, &agent, &mount_point, out);
            }
            AgentMessage::Facts { first, items } => self.facts(now, session, &agent, first, items, out),
            AgentMessage::Look { deletion, rev, look, began } => {
                self.look(now, session, &agent, deletion, rev, &look, began, out);
            }
        }
    }

    fn hello(&mut self, now: Now, session: SessionId, hello: Hello, out: &mut Vec<Action>) {
        if self.fleet.speaker(session).is_some() {
            return; // Said twice.
        }
        if let Err(refusal) = self.fleet.check(session, &hello) {
            let (code, message) = (refusal.code, refusal.message);
            out.push(Action::Note { warn: true, code: Some(code), message: message.clone() });
            out.push(Action::Send {
                session,
                message: ControllerMessage::Refuse { code, message: message.clone() },
            });
            out.push(Action::Close { session, code, message });
            return;
        }
        let greeted = self.fleet.greet(now.mono, session, &hello);
        let agent = hello.agent;
        self.touched.insert(agent.clone());
        if greeted.new {
            out.push(Action::Persist(Record::AgentSeen {
                agent: agent.clone(),
                epoch: hello.epoch,
                host: hello.host,
                version: hello.version,
                at: now.wall,
            }));
        }
        if let Some(old) = greeted.superseded {
            let message = format!("a newer session of agent {agent} stands");
            out.push(Action::Close { session: old, code: Code::SessionSuperseded, message });
            self.deletions.unask(old, stores_of(&self.fleet, &agent).into_iter());
        }
        let acked = self.fleet.agents.get(&agent).map(crate::fleet::Agent::mark).unwrap_or_default();
        let welcome = Welcome { acked, clock: now.mono, heartbeat_ms: self.config.heartbeat_ms };
        for report in hello.mounts {
            self.mount_changed(now, &agent, 0, report, out);
        }
        self.place_all(now, &agent, out);
        out.push(Action::Send { session, message: ControllerMessage::Welcome(welcome) });
        self.assign_all(now, &agent);
    }

    fn session_gone(&mut self, now: Now, session: SessionId, out: &mut Vec<Action>) {
        let Some(agent) = self.fleet.lose(session) else { return };
        self.touched.insert(agent.clone());
        self.deletions.unask(session, stores_of(&self.fleet, &agent).into_iter());
        self.place_all(now, &agent, out);
        // Others may look in its stead.
        self.assign_all(now, &agent);
    }

    /// Assigns whatever is pending on the stores that this agent mounts.
    fn assign_all(&mut self, now: Now, agent: &AgentId) {
        for store in stores_of(&self.fleet, agent) {
            let ids: Vec<_> = self.deletions.of_store(store).collect();
            for id in ids {
                self.assign(now, id);
            }
        }
    }

    fn mount_changed(
        &mut self,
        now: Now,
        agent: &AgentId,
        rev: u64,
        mut report: MountReport,
        out: &mut Vec<Action>,
    ) {
        // Evidence from the future is evidence from now: no clock is believed beyond the present.
        report.evidence = report.evidence.map(|e| e.min(now.mono));
        for o in &mut report.observations {
            o.began = o.began.min(now.mono);
        }
        let (mount_point, source, fs_type, kind) =
            (report.mount_point.clone(), report.source.clone(), report.fs_type.clone(), report.kind);
        let before = self.fleet.store_at(agent, &mount_point);
        let Some((store, new)) = self.fleet.report(agent, rev, report) else { return };
        self.touched.insert(agent.clone());
        if let Some(old) = before.filter(|old| *old != store) {
            self.stores.set(old, agent, &mount_point, None);
            self.judge(now, old, out);
        }
        self.stores.ensure(store, &source, &fs_type, kind);
        if new {
            let (agent, mount_point) = (agent.clone(), mount_point.clone());
            out.push(Action::Persist(Record::MountSeen {
                agent,
                mount_point,
                store,
                source,
                fs_type,
                kind,
                at: now.wall,
            }));
        }
        self.place(agent, &mount_point);
        self.judge(now, store, out);
        if new {
            self.assign_all(now, agent);
        }
    }

    fn mount_forgotten(&mut self, now: Now, agent: &AgentId, mount_point: &str, out: &mut Vec<Action>) {
        let Some(state) = self.fleet.agents.get_mut(agent) else { return };
        let Some(mount) = state.mounts.remove(mount_point) else { return };
        self.touched.insert(agent.clone());
        let (agent_id, place) = (agent.clone(), mount_point.to_owned());
        out.push(Action::Persist(Record::MountForgotten {
            agent: agent_id,
            mount_point: place,
            at: now.wall,
        }));
        self.stores.set(mount.store, agent, mount_point, None);
        self.judge(now, mount.store, out);
    }

    /// Hands an agent's standing on one mount to the store it belongs to.
    fn place(&mut self, agent: &AgentId, mount_point: &str) {
        if let Some(state) = self.fleet.agents.get(agent)
            && let Some(mount) = state.mounts.get(mount_point)
        {
            self.stores.set(mount.store, agent, mount_point, state.standing(mount_point));
        }
    }

    /// The same for all its mounts, and judges their stores.
    fn place_all(&mut self, now: Now, agent: &AgentId, out: &mut Vec<Action>) {
        let mounts: Vec<(String, StoreId)> = self
            .fleet
            .agents
            .get(agent)
            .into_iter()
            .flat_map(|a| a.mounts.iter().map(|(p, m)| (p.clone(), m.store)))
            .collect();
        for (mount_point, store) in mounts {
            self.place(agent, &mount_point);
            self.judge(now, store, out);
        }
    }

    fn judge(&mut self, now: Now, store: StoreId, out: &mut Vec<Action>) {
        if let Some(turn) = self.stores.judge(now.mono, store, &self.config) {
            out.push(Action::Persist(Record::ConditionChanged {
                store: turn.store,
                from: turn.from,
                to: turn.to,
                reasons: turn.reasons,
                at: now.wall,
            }));
        }
    }

    fn probe(&self, store: StoreId, out: &mut Vec<Action>) {
        for (agent, mount_point) in self.stores.observers(store) {
            if let Some(session) = self.fleet.session_of(&agent) {
                out.push(Action::Send { session, message: ControllerMessage::Probe { mount_point } });
            }
        }
    }
}

/// The stores that an agent mounts.
fn stores_of(fleet: &Fleet, agent: &AgentId) -> BTreeSet<StoreId> {
    fleet.agents.get(agent).into_iter().flat_map(|a| a.mounts.values().map(|m| m.store)).collect()
}
