//! The world: hosts, controller, shares, weather, and the loop that lets one event happen after another.

use super::agent_host::{self, Host, execute, probes};
use super::control::Control;
use super::network::{Coming, Queue, Weather, concerned, is_controllers};
use super::oracle::{self, Truth};
use super::share::{Health, Share};
use std::collections::VecDeque;
use storewarden_agent_core as agent;
use storewarden_controller_core as controller;
use storewarden_types::{DeletionState, Fact, Record, Wall, WorkerReport};

/// Steps kept for the report of a failure.
const TRACE_MAX: usize = 60;

/// What kind of history is wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Break the rule "persist before send" in the agents' driver, to see that the oracle notices.
    pub agent_sends_first: bool,
    /// The same in the controller's driver.
    pub controller_sends_first: bool,
}

/// A history without violation, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Events that happened.
    pub events: u64,
    /// Crashes of either side.
    pub crashes: u64,
    /// Deletions that ended Confirmed, Failed, Unknown.
    pub ends: [u64; 3],
    /// Facts in the ledger.
    pub facts: u64,
}

/// The simulated world.
#[derive(Debug)]
pub struct World {
    pub(super) options: Options,
    pub(super) rng: fastrand::Rng,
    pub(super) now: i64,
    pub(super) queue: Queue,
    pub(super) weather: Weather,
    /// Chance of a crash at each action boundary.
    pub(super) crash_chance: f64,
    pub(super) hosts: Vec<Host>,
    pub(super) control: Control,
    pub(super) shares: Vec<Share>,
    pub(super) paths: u32,
    pub(super) healing: bool,
    pub(super) outcome: Outcome,
    trace: VecDeque<String>,
}

impl World {
    /// The world of a seed, before anything has happened.
    #[must_use]
    pub fn new(seed: u64, options: Options) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let share_count = rng.usize(1..=3);
        let host_count = rng.usize(1..=4);
        let mut hosts: Vec<Host> = Vec::new();
        for number in 0..host_count {
            let mut mounted: Vec<usize> = (0..share_count).filter(|_| rng.bool()).collect();
            if mounted.is_empty() {
                mounted.push(number % share_count);
            }
            hosts.push(Host::new(number, &mounted, &mut rng));
        }
        let weather =
            Weather { loss: rng.f64() * 0.15, doubling: rng.f64() * 0.1, delay_max: rng.i64(1..400) };
        let crash_chance = if rng.bool() { rng.f64() * 0.004 } else { 0.0 };
        let control = Control::new(&mut rng);
        let mut this = Self {
            options,
            rng,
            now: 0,
            queue: Queue::new(),
            weather,
            crash_chance,
            hosts,
            control,
            shares: (0..share_count).map(|_| Share::default()).collect(),
            paths: 0,
            healing: false,
            outcome: Outcome::default(),
            trace: VecDeque::new(),
        };
        this.queue.push(0, Coming::ControllerStart);
        for agent in 0..host_count {
            this.queue.push(this.rng.i64(0..100), Coming::AgentStart { agent });
        }
        this.queue.push(50, Coming::Mischief);
        this
    }

    /// Lets the history happen: chaos, then healing, then the demand for liveness.
    ///
    /// # Errors
    /// The violated invariant, and the last steps that led to it.
    pub fn run(mut self) -> Result<Outcome, String> {
        self.history().map_err(|violation| {
            let steps: Vec<String> = self.trace.iter().cloned().collect();
            format!("at {} ms: {violation}\nlast steps:\n  {}", self.now, steps.join("\n  "))
        })?;
        for deletion in self.control.ledger.deletions.values() {
            let place =
                [DeletionState::Confirmed, DeletionState::Failed].iter().position(|s| *s == deletion.state);
            self.outcome.ends[place.unwrap_or(2)] += 1;
        }
        self.outcome.facts = self.control.ledger.facts.len() as u64;
        Ok(self.outcome)
    }

    fn history(&mut self) -> Result<(), String> {
        let chaos = self.rng.i64(20_000..60_000);
        self.until(chaos)?;
        self.heal();
        self.until(chaos + 100_000)?;
        self.last_wishes()?;
        self.until(chaos + 140_000)?;
        oracle::liveness(&self.truth())
    }

    pub(super) fn until(&mut self, end: i64) -> Result<(), String> {
        while let Some((at, coming)) = self.queue.pop() {
            if at > end {
                self.queue.push(at, coming);
                break;
            }
            self.now = at;
            self.outcome.events += 1;
            if !matches!(
                coming,
                Coming::AgentTimer { .. } | Coming::ControllerTimer { .. } | Coming::Mischief
            ) {
                self.note(format!("{at}: {coming:?}"));
            }
            self.happen(coming)?;
            oracle::always(&self.truth())?;
        }
        self.now = end;
        Ok(())
    }

    pub(super) fn note(&mut self, mut step: String) {
        step.truncate(storewarden_types::limits::clip(&step, 400).len());
        if self.trace.len() == TRACE_MAX {
            self.trace.pop_front();
        }
        self.trace.push_back(step);
    }

    pub(super) const fn truth(&self) -> Truth<'_> {
        Truth {
            now: self.now,
            hosts: self.hosts.as_slice(),
            control: &self.control,
            shares: self.shares.as_slice(),
        }
    }

    fn happen(&mut self, coming: Coming) -> Result<(), String> {
        // A frozen host notices nothing; it all comes when it thaws.
        if let Some(agent) = concerned(&coming)
            && self.hosts[agent].frozen
        {
            self.hosts[agent].backlog.push(coming);
            return Ok(());
        }
        if self.control.frozen && is_controllers(&coming) {
            self.control.backlog.push(coming);
            return Ok(());
        }
        match coming {
            Coming::ControllerThaw => {
                self.control.frozen = false;
                self.control.thawed = self.now;
                for coming in std::mem::take(&mut self.control.backlog) {
                    self.queue.push(self.now, coming);
                }
            }
            Coming::Mischief => return self.mischief(),
            Coming::ControllerStart => return self.start_controller(),
            Coming::AgentStart { agent } => return self.start_agent(agent),
            Coming::Dial { agent } => self.dial(agent),
            Coming::Up { agent, connection } if self.is_line(agent, connection) => {
                return self.agent_event(agent, agent::Event::Connected(connection));
            }
            Coming::Down { agent, connection } => {
                if self.is_line(agent, connection) {
                    self.hosts[agent].line = None;
                    self.redial(agent);
                }
                return self.agent_event(agent, agent::Event::Disconnected(connection));
            }
            Coming::Gone { session } if self.control.sessions.remove(&session).is_some() => {
                return self.controller_event(controller::Event::SessionGone(session));
            }
            Coming::ToAgent { agent, connection, clock, message } if self.is_line(agent, connection) => {
                return self.agent_event(agent, agent::Event::Controller { connection, clock, message });
            }
            Coming::ToController { session, message } if self.control.sessions.contains_key(&session) => {
                return self.controller_event(controller::Event::Agent { session, message });
            }
            Coming::Work { agent, mount, generation, id, op } => {
                return self.work(agent, mount, generation, id, op);
            }
            Coming::Word { agent, mount, generation, report } => {
                return self.word(agent, mount, generation, report);
            }
            Coming::Reaped { agent, mount, generation } => return self.reaped(agent, mount, generation),
            Coming::Mountinfo { agent, life, again } if self.hosts[agent].life == life => {
                return self.read_mountinfo(agent, again);
            }
            Coming::Loaded { agent, life, first, max } if self.hosts[agent].life == life => {
                let items: Vec<Fact> =
                    self.hosts[agent].disk.facts.range(first..).take(max).map(|(_, f)| f.clone()).collect();
                return self.agent_event(agent, agent::Event::FactsLoaded { first, items });
            }
            Coming::AgentTimer { agent, life, at } if self.hosts[agent].is_timer(life, at) => {
                self.hosts[agent].timer = None;
                return self.agent_event(agent, agent::Event::Wake);
            }
            Coming::ControllerTimer { life, at } if self.control.is_timer(life, at) => {
                self.control.timer = None;
                return self.controller_event(controller::Event::Wake);
            }
            Coming::Thaw { agent } => {
                let host = &mut self.hosts[agent];
                host.frozen = false;
                host.thawed = self.now;
                for coming in std::mem::take(&mut host.backlog) {
                    self.queue.push(self.now, coming);
                }
            }
            _ => {} // Meant for an earlier life.
        }
        Ok(())
    }

    fn is_line(&self, agent: usize, connection: agent::ConnectionId) -> bool {
        self.hosts[agent].line.is_some_and(|(c, _)| c == connection)
    }

    fn start_controller(&mut self) -> Result<(), String> {
        if self.control.core.is_none() {
            self.control.start(self.now, &mut self.rng);
            return self.controller_event(controller::Event::Wake);
        }
        Ok(())
    }

    fn start_agent(&mut self, agent: usize) -> Result<(), String> {
        if self.hosts[agent].core.is_none() {
            let instance = self.rng.u64(..);
            self.hosts[agent].start(self.now, instance);
            self.redial(agent);
            return self.read_mountinfo(agent, true);
        }
        Ok(())
    }

    /// The agent reads mountinfo; `again`: this is the reading that repeats.
    fn read_mountinfo(&mut self, agent: usize, again: bool) -> Result<(), String> {
        let life = self.hosts[agent].life;
        let table = self.hosts[agent].mountinfo();
        self.agent_event(agent, agent::Event::Mounts(table))?;
        if again {
            self.queue.push(self.now + 5_000, Coming::Mountinfo { agent, life, again });
        }
        Ok(())
    }

    pub(super) fn redial(&mut self, agent: usize) {
        let pause = self.rng.i64(10..2_000);
        self.queue.push(self.now + pause, Coming::Dial { agent });
    }

    fn dial(&mut self, agent: usize) {
        if self.hosts[agent].core.is_none() || self.hosts[agent].line.is_some() {
            return;
        }
        if self.control.core.is_none() {
            return self.redial(agent);
        }
        self.control.next_session += 1;
        let session = storewarden_types::SessionId(self.control.next_session);
        self.control.sessions.insert(session, agent);
        let host = &mut self.hosts[agent];
        host.next_connection += 1;
        let connection = agent::ConnectionId(host.next_connection);
        host.line = Some((connection, session));
        self.queue.push(self.now + 1, Coming::Up { agent, connection });
    }

    /// A worker does what it was asked, or does not come back.
    fn work(
        &mut self,
        agent: usize,
        mount: usize,
        generation: agent::Generation,
        id: u64,
        op: storewarden_types::WorkerOp,
    ) -> Result<(), String> {
        let now = self.now;
        let host = &mut self.hosts[agent];
        let wall = Wall(now + host.wall_offset);
        let place = &mut host.places[mount];
        let answers = place.answers();
        let Some(process) = place.workers.get_mut(&generation).filter(|p| !p.killed) else { return Ok(()) };
        if !answers {
            process.blocked = Some((id, op));
            return Ok(());
        }
        process.busy = None;
        process.blocked = None;
        process.watching |= matches!(op, storewarden_types::WorkerOp::StartWatch { .. });
        let result = execute(now, wall, place, &self.shares, op);
        let report = WorkerReport::Response { id, took_us: 1, result };
        self.queue.push(now + 1, Coming::Word { agent, mount, generation, report });
        Ok(())
    }

    fn word(
        &mut self,
        agent: usize,
        mount: usize,
        generation: agent::Generation,
        report: WorkerReport,
    ) -> Result<(), String> {
        let place = &self.hosts[agent].places[mount];
        if !place.workers.contains_key(&generation) {
            return Ok(());
        }
        let mount_point = place.point.clone();
        self.agent_event(agent, agent::Event::Worker { mount_point, generation, report })
    }

    fn reaped(&mut self, agent: usize, mount: usize, generation: agent::Generation) -> Result<(), String> {
        let place = &mut self.hosts[agent].places[mount];
        if place.workers.remove(&generation).is_none() {
            return Ok(());
        }
        let mount_point = place.point.clone();
        let how = "simulated".to_owned();
        self.agent_event(agent, agent::Event::WorkerGone { mount_point, generation, how })
    }

    /// Checks a record as it enters the ledger.
    pub(super) fn admit(&mut self, record: Record) -> Result<(), String> {
        match &record {
            Record::FactAccepted { agent, epoch, seq, fact, .. } => {
                oracle::invariant_only_durable_facts(&self.truth(), agent, *epoch, *seq, fact)?;
            }
            Record::DeletionEnded { id, end, .. } => {
                let deletion = self.control.ledger.deletions.get(id).ok_or("ended untracked")?;
                let share = agent_host::share_of(deletion.tracked.store);
                let path = deletion.tracked.path.as_str();
                oracle::invariant_no_false_confirmed(
                    &self.truth(),
                    share,
                    path,
                    deletion.true_tracked_at,
                    end,
                )?;
            }
            _ => {}
        }
        self.control.ledger.append(self.now, record)
    }

    /// A worker of a fresh process says that it is ready.
    pub(super) fn spawned(&mut self, agent: usize, mount: usize, generation: agent::Generation) {
        let at = self.now + self.rng.i64(1..50);
        let report = WorkerReport::Ready { probes: probes(), faults: Vec::new() };
        self.queue.push(at, Coming::Word { agent, mount, generation, report });
    }

    /// Turns a mount, and lets go whoever was blocked on it.
    pub(super) fn turn(&mut self, agent: usize, mount: usize, health: Health) {
        let now = self.now;
        let place = &mut self.hosts[agent].places[mount];
        place.turn(now, health);
        if place.answers() {
            for (generation, process) in &mut place.workers {
                let generation = *generation;
                if process.killed {
                    self.queue.push(now + 1, Coming::Reaped { agent, mount, generation });
                } else if let Some((id, op)) = process.blocked.take() {
                    self.queue.push(now + 1, Coming::Work { agent, mount, generation, id, op });
                }
            }
        }
        let life = self.hosts[agent].life;
        self.queue.push(now + 1, Coming::Mountinfo { agent, life, again: false });
    }
}
