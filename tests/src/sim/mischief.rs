//! What the world does to everybody: faults, files, callers, clocks; and how it makes good in the end.

use super::network::{Coming, Weather};
use super::share::Health;
use super::world::World;
use storewarden_controller_core::{Event, TrackOrder, preflight};
use storewarden_types::{
    Decision, DeletionId, KnownKey, Operation, PreflightQuestion, Sighting, SightingKind, SightingSource,
    Sightings, StoreId, StorePath, Wall, WorkerReport,
};

impl World {
    /// One thing, and the next one later.
    pub(super) fn mischief(&mut self) -> Result<(), String> {
        if self.healing {
            return Ok(());
        }
        let pause = self.rng.i64(1..250);
        self.queue.push(self.now + pause, Coming::Mischief);
        match self.rng.u32(0..100) {
            0..=24 => self.touch_file(),
            25..=54 => self.ask_for_deletion(),
            55..=60 => self.cancel_something(),
            61..=70 => self.ask_preflight(),
            71..=79 => self.break_mount(),
            80..=87 => self.mend_mount(),
            88..=90 => self.cut_line(),
            91 => self.freeze(),
            96 => self.freeze_controller(),
            92..=93 => self.jump_wall_clock(),
            94 if self.crash_chance > 0.0 => {
                let agent = self.rng.usize(0..self.hosts.len());
                self.crash_agent(agent);
                Ok(())
            }
            95 if self.crash_chance > 0.0 => {
                self.crash_controller();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn some_path(&mut self) -> String {
        // Few names, so that the same ones are created, deleted and asked for again and again.
        format!("d{}/f{}", self.rng.u32(0..3), self.rng.u32(0..8))
    }

    /// A file appears or vanishes; some observers see an event, some do not.
    fn touch_file(&mut self) -> Result<(), String> {
        let share = self.rng.usize(0..self.shares.len());
        let path = self.some_path();
        let exists = self.rng.bool();
        if !self.shares[share].set(self.now, &path, exists) || exists {
            return Ok(());
        }
        for agent in 0..self.hosts.len() {
            if self.rng.bool() {
                continue; // Deleted elsewhere: inotify says nothing here.
            }
            let wall = Wall(self.now + self.hosts[agent].wall_offset);
            for mount in 0..self.hosts[agent].places.len() {
                let place = &self.hosts[agent].places[mount];
                if place.share != share || place.health != Health::Well {
                    continue;
                }
                let Some((generation, _)) = place.workers.iter().find(|(_, p)| !p.killed && p.watching)
                else {
                    continue;
                };
                let sightings = Sightings {
                    mount_point: place.point.clone(),
                    source: SightingSource::Watch,
                    items: vec![Sighting {
                        path: path.clone(),
                        kind: SightingKind::Deleted,
                        directory: false,
                    }],
                    at: wall,
                };
                let generation = *generation;
                let report = WorkerReport::Sightings(sightings);
                self.queue.push(self.now + 1, Coming::Word { agent, mount, generation, report });
            }
        }
        Ok(())
    }

    fn some_store(&mut self) -> StoreId {
        let agent = self.rng.usize(0..self.hosts.len());
        let mount = self.rng.usize(0..self.hosts[agent].places.len());
        self.hosts[agent].store(mount)
    }

    fn ask_for_deletion(&mut self) -> Result<(), String> {
        let store = self.some_store();
        let count = self.rng.usize(1..=3);
        let paths: Vec<String> = (0..count).map(|_| self.some_path()).collect();
        let deadline_ms = [50, 300, 2_000, 8_000, 20_000][self.rng.usize(0..5)];
        let key = if self.rng.bool() { format!("key-{}", self.rng.u32(0..40)) } else { String::new() };
        self.track(store, paths, deadline_ms, key)
    }

    pub(super) fn track(
        &mut self,
        store: StoreId,
        mut paths: Vec<String>,
        deadline_ms: u64,
        key: String,
    ) -> Result<(), String> {
        paths.sort();
        paths.dedup();
        let paths: Vec<(DeletionId, StorePath)> = paths
            .iter()
            .map(|p| {
                self.paths += 1;
                let id = DeletionId::parse(&format!("00000000-0000-7000-8000-{:012}", self.paths))
                    .expect("a UUID");
                (id, StorePath::parse(p).expect("a good path"))
            })
            .collect();
        let mut fingerprint = [0; 32];
        fingerprint[0] = u8::try_from(paths.len()).unwrap_or(u8::MAX);
        let known: Option<KnownKey> = self.control.ledger.keys.get(&key).cloned();
        let reply = self.control.caller(format!("track {paths:?}"));
        let order = TrackOrder { store, paths, deadline_ms, key, fingerprint, known };
        self.controller_event(Event::Track { reply, order })
    }

    fn cancel_something(&mut self) -> Result<(), String> {
        let ids: Vec<DeletionId> = self.control.ledger.deletions.keys().copied().collect();
        if ids.is_empty() {
            return Ok(());
        }
        let deletion = ids[self.rng.usize(0..ids.len())];
        let reply = self.control.caller(format!("cancel {deletion}"));
        self.controller_event(Event::Cancel { reply, deletion })
    }

    /// A gate: what is admitted rests on proof as young as was asked for, and the mount was well then.
    fn ask_preflight(&mut self) -> Result<(), String> {
        let store = self.some_store();
        let max_age_ms = self.rng.u64(0..15_000);
        let now = self.control.mono(self.now);
        let Some(core) = self.control.core.as_ref().filter(|_| !self.control.frozen) else { return Ok(()) };
        if self.now == self.control.thawed {
            return Ok(()); // It has not looked at its clocks yet.
        }
        let ttl = self.control.config.evidence_ttl_ms;
        let question = PreflightQuestion { store, operation: Operation::Delete, max_age_ms };
        if let Some(status) = core.peek().stores.get(&store)
            && let preflight::Judgement::Answer(answer) = preflight::judge(status, now, now, ttl, &question)
            && answer.decision == Decision::Admit
        {
            let since = self.now - max_age_ms.min(ttl) as i64 - 2;
            let proven = self.hosts.iter().any(|h| {
                (0..h.places.len())
                    .any(|n| h.store(n) == store && h.places[n].proofs.iter().any(|at| *at >= since))
            });
            if !proven {
                return Err(format!("invariant_gate_admits_on_fresh_proof: {store} within {max_age_ms} ms"));
            }
        }
        self.controller_event(Event::Probe(store))
    }

    fn some_mount(&mut self) -> (usize, usize) {
        let agent = self.rng.usize(0..self.hosts.len());
        (agent, self.rng.usize(0..self.hosts[agent].places.len()))
    }

    fn break_mount(&mut self) -> Result<(), String> {
        let (agent, mount) = self.some_mount();
        let all = [Health::Stale, Health::Hung, Health::HungHard, Health::Unmounted, Health::MountedOver];
        let health = all[self.rng.usize(0..all.len())];
        self.note(format!("{}: agent {agent} mount {mount} turns {health:?}", self.now));
        self.turn(agent, mount, health);
        Ok(())
    }

    fn mend_mount(&mut self) -> Result<(), String> {
        let (agent, mount) = self.some_mount();
        self.note(format!("{}: agent {agent} mount {mount} is mended", self.now));
        self.turn(agent, mount, Health::Well);
        Ok(())
    }

    /// A connection breaks; each side learns of it in its own time, or not at all.
    fn cut_line(&mut self) -> Result<(), String> {
        let agent = self.rng.usize(0..self.hosts.len());
        if let Some((connection, session)) = self.hosts[agent].line {
            if self.rng.f64() < 0.8 {
                let at = self.now + self.rng.i64(1..20_000);
                self.queue.push(at, Coming::Down { agent, connection });
            }
            if self.rng.f64() < 0.8 {
                let at = self.now + self.rng.i64(1..20_000);
                self.queue.push(at, Coming::Gone { session });
            }
        }
        Ok(())
    }

    /// A host stands still; its monotonic clock may miss that time (a paused virtual machine) or not.
    fn freeze(&mut self) -> Result<(), String> {
        let agent = self.rng.usize(0..self.hosts.len());
        if !self.hosts[agent].frozen {
            let ms = self.rng.i64(100..15_000);
            self.hosts[agent].frozen = true;
            if self.rng.bool() {
                self.hosts[agent].lose_time(ms);
            }
            self.queue.push(self.now + ms, Coming::Thaw { agent });
        }
        Ok(())
    }

    /// The controller's host stands still. Its monotonic clock misses that time.
    fn freeze_controller(&mut self) -> Result<(), String> {
        if !self.control.frozen && self.control.core.is_some() {
            let ms = self.rng.i64(2_500..30_000);
            self.control.freeze(ms);
            self.queue.push(self.now + ms, Coming::ControllerThaw);
        }
        Ok(())
    }

    fn jump_wall_clock(&mut self) -> Result<(), String> {
        let by = self.rng.i64(-3_600_000..3_600_000);
        if self.rng.bool() {
            let agent = self.rng.usize(0..self.hosts.len());
            self.hosts[agent].wall_offset += by;
        } else if !self.control.frozen {
            // While a host stands still its wall clock is not set as well: back by as much would hide the pause from
            // anybody who has only these two clocks.
            self.control.wall_offset += by;
            self.control.wall_jumped = true;
            return self.controller_event(Event::Wake);
        }
        Ok(())
    }

    /// All faults stop.
    pub(super) fn heal(&mut self) {
        self.healing = true;
        self.weather = Weather::CALM;
        for agent in 0..self.hosts.len() {
            for mount in 0..self.hosts[agent].places.len() {
                self.turn(agent, mount, Health::Well);
            }
        }
    }

    /// After the healing: one deletion of a file that goes without any event, one of a file that never was.
    pub(super) fn last_wishes(&mut self) -> Result<(), String> {
        let (agent, mount) = self.some_mount();
        let store = self.hosts[agent].store(mount);
        let share = self.hosts[agent].places[mount].share;
        self.shares[share].set(self.now, "last", true);
        self.track(store, vec!["last".into(), "never".into()], 30_000, String::new())?;
        self.until(self.now + 3_000)?;
        self.shares[share].set(self.now, "last", false);
        self.until(self.now + 31_000)?;
        let unproven: Vec<String> = self
            .control
            .ledger
            .deletions
            .values()
            .filter(|d| ["last", "never"].contains(&d.tracked.path.as_str()))
            .filter(|d| d.state != storewarden_types::DeletionState::Confirmed)
            .map(|d| format!("{:?} {:?}", d.tracked.path, d.end))
            .collect();
        if unproven.is_empty() {
            Ok(())
        } else {
            Err(format!("liveness: not confirmed after healing: {unproven:?}"))
        }
    }
}
