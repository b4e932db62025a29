//! The two drivers of the simulation: feed a core one event, perform its actions in order, crash wherever that may happen.

use super::network::Coming;
use super::oracle;
use super::share::Health;
use super::world::World;
use storewarden_agent_core as agent;
use storewarden_controller_core as controller;
use storewarden_types::{AgentMessage, SessionId};

impl World {
    /// Feeds an agent core and performs what it wants.
    pub(super) fn agent_event(&mut self, agent: usize, event: agent::Event) -> Result<(), String> {
        let now = self.hosts[agent].now(self.now);
        let Some(core) = &mut self.hosts[agent].core else { return Ok(()) };
        let mut actions = Vec::new();
        core.handle(now, event, &mut actions);
        if self.options.agent_sends_first {
            actions.sort_by_key(|a| matches!(a, agent::Action::Persist { .. }));
        }
        for action in actions {
            if self.crashes() {
                self.crash_agent(agent);
                return Ok(());
            }
            self.agent_action(agent, action)?;
        }
        let host = &mut self.hosts[agent];
        if let Some(at) = host.core.as_ref().and_then(agent::Agent::next_wakeup) {
            // A clock that stands in the past of a deadline fires in the next millisecond, not in this one.
            let at = self.now + (at.0 - host.mono(self.now).0).max(1);
            if host.timer.is_none_or(|t| t > at || t <= self.now) {
                host.timer = Some(at);
                self.queue.push(at, Coming::AgentTimer { agent, life: host.life, at });
            }
        }
        Ok(())
    }

    fn agent_action(&mut self, agent: usize, action: agent::Action) -> Result<(), String> {
        let host = &mut self.hosts[agent];
        match action {
            agent::Action::Persist { first, facts } => host.disk.persist(first, facts),
            agent::Action::Trim { through } => {
                oracle::invariant_no_lost_fact(&self.truth(), &self.hosts[agent], through)?;
                self.hosts[agent].disk.trim(through);
            }
            agent::Action::Remember(expect) => host.disk.remember(expect),
            agent::Action::Forget { mount_point } => host.disk.forget(&mount_point),
            agent::Action::LoadFacts { first, max } => {
                let life = host.life;
                self.queue.push(self.now + 1, Coming::Loaded { agent, life, first, max });
            }
            agent::Action::Spawn { mount_point, generation, .. } => {
                let mount = host.place(&mount_point);
                host.places[mount].workers.insert(generation, super::agent_host::Process::default());
                self.spawned(agent, mount, generation);
            }
            agent::Action::Request { mount_point, generation, id, op } => {
                self.request(agent, &mount_point, generation, id, op);
            }
            agent::Action::Kill { mount_point, generation } => {
                let mount = host.place(&mount_point);
                let place = &mut host.places[mount];
                let hard = place.health == Health::HungHard;
                if let Some(process) = place.workers.get_mut(&generation) {
                    process.killed = true;
                    // Only a call that is in the kernel when the signal comes can hold the process back.
                    if !(hard && process.blocked.is_some()) {
                        let at = self.now + self.rng.i64(1..40);
                        self.queue.push(at, Coming::Reaped { agent, mount, generation });
                    }
                }
            }
            agent::Action::Send { connection, message } => {
                if let Some((c, session)) = host.line
                    && c == connection
                {
                    self.send_to_controller(session, message);
                }
            }
            agent::Action::Disconnect { connection, .. } => {
                if let Some((c, session)) = host.line
                    && c == connection
                {
                    host.line = None;
                    self.queue.push(self.now + 5, Coming::Gone { session });
                    self.redial(agent);
                }
            }
            agent::Action::Note { .. } => {}
        }
        Ok(())
    }

    fn request(
        &mut self,
        agent: usize,
        mount_point: &str,
        generation: agent::Generation,
        id: u64,
        op: storewarden_types::WorkerOp,
    ) {
        let host = &mut self.hosts[agent];
        let mono = host.mono(self.now);
        let mount = host.place(mount_point);
        let deadline = match &op {
            storewarden_types::WorkerOp::Probe { deadline_ms, .. } => *deadline_ms,
            _ => agent::Config::default().look_deadline_ms,
        };
        if let Some(process) = host.places[mount].workers.get_mut(&generation) {
            assert!(process.busy.is_none(), "a worker does one thing at a time");
            process.busy = Some((mono, deadline));
        }
        let at = self.now + self.rng.i64(1..20);
        self.queue.push(at, Coming::Work { agent, mount, generation, id, op });
    }

    fn send_to_controller(&mut self, session: SessionId, message: AgentMessage) {
        for at in self.weather.arrivals(&mut self.rng, self.now) {
            self.queue.push(at, Coming::ToController { session, message: message.clone() });
        }
    }

    /// Feeds the controller core and performs what it wants: first all records in one commit, then the rest in order.
    pub(super) fn controller_event(&mut self, event: controller::Event) -> Result<(), String> {
        if self.control.frozen {
            return Ok(()); // A caller finds nobody.
        }
        let now = self.control.now(self.now);
        let Some(core) = &mut self.control.core else { return Ok(()) };
        let mut actions = Vec::new();
        core.handle(now, event, &mut actions);
        let (records, rest): (Vec<_>, Vec<_>) =
            actions.into_iter().partition(|a| matches!(a, controller::Action::Persist(_)));
        if self.options.controller_sends_first {
            if !self.controller_rest(rest)? {
                return Ok(());
            }
            self.commit(records)?;
        } else {
            if !self.commit(records)? {
                return Ok(());
            }
            if !self.controller_rest(rest)? {
                return Ok(());
            }
        }
        let Some(core) = &mut self.control.core else { return Ok(()) };
        core.view();
        if let Some(at) = core.next_wakeup() {
            let at = self.now + (at.0 - self.control.mono(self.now).0).max(1);
            if self.control.timer.is_none_or(|t| t > at || t <= self.now) {
                self.control.timer = Some(at);
                self.queue.push(at, Coming::ControllerTimer { life: self.control.life, at });
            }
        }
        Ok(())
    }

    /// Commits; false when the process died before or right after.
    fn commit(&mut self, records: Vec<controller::Action>) -> Result<bool, String> {
        if self.crashes() {
            self.crash_controller();
            return Ok(false);
        }
        for record in records {
            if let controller::Action::Persist(record) = record {
                self.admit(record)?;
            }
        }
        if self.crashes() {
            self.crash_controller();
            return Ok(false);
        }
        Ok(true)
    }

    /// Performs everything but records; false when the process died on the way.
    fn controller_rest(&mut self, actions: Vec<controller::Action>) -> Result<bool, String> {
        for action in actions {
            if self.crashes() {
                self.crash_controller();
                return Ok(false);
            }
            match action {
                controller::Action::Persist(_) | controller::Action::Note { .. } => {}
                controller::Action::Send { session, message } => {
                    let Some(agent) = self.control.sessions.get(&session).copied() else { continue };
                    let Some((connection, _)) = self.hosts[agent].line.filter(|(_, s)| *s == session) else {
                        continue;
                    };
                    let clock = self.control.mono(self.now);
                    for at in self.weather.arrivals(&mut self.rng, self.now) {
                        let message = message.clone();
                        self.queue.push(at, Coming::ToAgent { agent, connection, clock, message });
                    }
                }
                controller::Action::Close { session, .. } => {
                    if let Some(agent) = self.control.sessions.remove(&session)
                        && let Some((connection, _)) = self.hosts[agent].line.filter(|(_, s)| *s == session)
                    {
                        self.queue.push(self.now + 5, Coming::Down { agent, connection });
                    }
                }
                controller::Action::Reply { to, answer } => self.control.answered(to, &answer)?,
            }
        }
        Ok(true)
    }

    fn crashes(&mut self) -> bool {
        !self.healing && self.crash_chance > 0.0 && self.rng.f64() < self.crash_chance
    }

    pub(super) fn crash_agent(&mut self, agent: usize) {
        self.outcome.crashes += 1;
        self.note(format!("{}: agent {agent} crashes", self.now));
        if let Some((_, session)) = self.hosts[agent].crash() {
            let at = self.now + self.rng.i64(1..5_000);
            self.queue.push(at, Coming::Gone { session });
        }
        let at = self.now + self.rng.i64(10..5_000);
        self.queue.push(at, Coming::AgentStart { agent });
    }

    pub(super) fn crash_controller(&mut self) {
        self.outcome.crashes += 1;
        self.note(format!("{}: the controller crashes", self.now));
        self.control.crash();
        for agent in 0..self.hosts.len() {
            if let Some((connection, _)) = self.hosts[agent].line {
                let at = self.now + self.rng.i64(1..3_000);
                self.queue.push(at, Coming::Down { agent, connection });
            }
        }
        let at = self.now + self.rng.i64(10..5_000);
        self.queue.push(at, Coming::ControllerStart);
    }
}
