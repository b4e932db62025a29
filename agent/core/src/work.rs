//! What a mount's worker is given to do next, and what becomes of its answers. Owns the order of precedence:
//! marks, proof, watch, then probes and looks in turn.

use crate::event::{Action, Generation, Level, Now};
use crate::looks::Finished;
use crate::mount::{Mount, Shared};
use crate::slot::{Flight, Gone, Job};
use storewarden_types::limits::VERIFY_BATCH_MAX;
use storewarden_types::{
    AgentMessage, Code, DeletionId, Evidence, Fact, Look, LookOutcome, Mono, Observation, ProbeSaid, Reason,
    Verified, WorkerOp, WorkerReport, WorkerResult, WorkerStart,
};

impl Mount {
    /// Goes on as far as the time allows: kills what is overdue, starts what may start, hands out what is due.
    pub(crate) fn step(&mut self, now: Now, shared: &mut Shared, out: &mut Vec<Action>) {
        if let Some(overdue) = self.slot.overdue(now.mono, &shared.config) {
            let what = overdue.flight.as_ref().map_or("start of the worker", |f| f.name.as_str());
            let message = format!("{what} did not come back within {} ms", now.mono.since(overdue.began));
            self.hang(now.mono, message.clone());
            self.note(Level::Warn, Some(Code::Hung), message, out);
            out.push(Action::Kill {
                mount_point: self.expect.mount_point.clone(),
                generation: overdue.generation,
            });
            self.lose_worker("it hung");
            self.abandon(now, overdue.flight, shared, out);
        }
        if let Some(reason) = self.obstacle() {
            self.fail_due_looks(now, &reason, shared, out);
        }
        if self.is_there() {
            if self.slot.may_spawn(now.mono, &shared.config) {
                self.spawn(now, shared, out);
            }
            if self.slot.is_idle() {
                self.hand_out(now, shared, out);
            }
        }
        self.tell(now, shared, out);
    }

    fn spawn(&mut self, now: Now, shared: &mut Shared, out: &mut Vec<Action>) {
        let generation = Self::next_generation(shared);
        self.slot.spawned(now.mono, generation, &shared.config);
        let probe_config = shared
            .config
            .probes
            .iter()
            .filter(|p| !p.config_json.is_empty())
            .map(|p| (p.name.clone(), p.config_json.clone()))
            .collect();
        out.push(Action::Spawn {
            mount_point: self.expect.mount_point.clone(),
            generation,
            start: WorkerStart {
                mount: self.expect.clone(),
                plugin_dir: shared.config.plugin_dir.clone(),
                probe_config,
            },
        });
    }

    /// Gives the idle worker the most urgent thing to do, if there is one.
    fn hand_out(&mut self, now: Now, shared: &mut Shared, out: &mut Vec<Action>) {
        let look_ms = shared.config.look_deadline_ms;
        if self.expect.identity.is_none() {
            if self.identify_at <= now.mono {
                self.request(now, Job::Identify, WorkerOp::Identify, look_ms, shared, out);
            }
            return;
        }
        let proven = self.is_proven();
        if proven && !self.watch_asked {
            self.watch_asked = true;
            let op = WorkerOp::StartWatch {
                directories_max: shared.config.watch_directories_max,
                names_max: shared.config.watch_names_max,
            };
            return self.request(now, Job::StartWatch, op, look_ms, shared, out);
        }
        let looks_wait = proven && self.looks.next_due().is_some_and(|at| at <= now.mono);
        if (!looks_wait || self.looked_last)
            && let Some(probe) = self.probes.due(now.mono, !proven)
        {
            let (name, deadline_ms) = (probe.name.clone(), probe.deadline_ms);
            self.probes.begin(now.mono, &name);
            self.looked_last = false;
            let op =
                WorkerOp::Probe { name: name.clone(), deadline_ms, identity: self.expect.identity.clone() };
            return self.request(now, Job::Probe(name), op, deadline_ms, shared, out);
        }
        if looks_wait && let Some(identity) = self.expect.identity.clone() {
            let taken = self.looks.take_due(now.mono, VERIFY_BATCH_MAX);
            let (ids, items): (Vec<DeletionId>, Vec<_>) = taken.into_iter().unzip();
            self.looked_last = true;
            self.request(now, Job::Verify(ids), WorkerOp::Verify { identity, items }, look_ms, shared, out);
        }
    }

    fn request(
        &mut self,
        now: Now,
        job: Job,
        op: WorkerOp,
        deadline_ms: u64,
        shared: &mut Shared,
        out: &mut Vec<Action>,
    ) {
        let Some(generation) = self.slot.generation() else { return };
        shared.next_request += 1;
        let kill_at = now.mono.plus(deadline_ms.saturating_add(shared.config.grace_ms));
        self.slot.assign(Flight { id: shared.next_request, job, name: op.name(), began: now.mono, kill_at });
        let mount_point = self.expect.mount_point.clone();
        out.push(Action::Request { mount_point, generation, id: shared.next_request, op });
    }

    /// A worker said something.
    pub(crate) fn hear(
        &mut self,
        now: Now,
        generation: Generation,
        report: WorkerReport,
        shared: &mut Shared,
        out: &mut Vec<Action>,
    ) {
        let current = self.slot.generation() == Some(generation);
        match report {
            WorkerReport::Ready { probes, faults } if self.slot.ready(generation) => {
                for fault in faults {
                    self.note(Level::Warn, Some(Code::ProbeFailed), fault, out);
                }
                self.loaded = true;
                self.probes.load(now.mono, probes, &shared.config.probes);
            }
            WorkerReport::Response { id, took_us, result } => {
                if let Some(flight) = self.slot.answered(generation, id) {
                    self.answer(now, flight, took_us, result, shared, out);
                }
            }
            // Sightings are facts whoever saw them: also those a killed worker had still written.
            WorkerReport::Sightings(sightings) => {
                for item in &sightings.items {
                    self.looks.sighted(now.mono, item);
                }
                shared.outbox.push(Fact::Sightings(sightings));
            }
            WorkerReport::Gap(gap) => {
                shared.outbox.push(Fact::Gap(gap));
            }
            WorkerReport::Watch(status) if current => self.watch = status,
            WorkerReport::Log { level, message } => {
                let level = match level {
                    1 => Level::Error,
                    2 => Level::Warn,
                    3 => Level::Info,
                    _ => Level::Debug,
                };
                self.note(level, None, message, out);
            }
            WorkerReport::Ready { .. } | WorkerReport::Watch(_) => {}
        }
    }

    fn answer(
        &mut self,
        now: Now,
        flight: Flight,
        took_us: u64,
        result: WorkerResult,
        shared: &mut Shared,
        out: &mut Vec<Action>,
    ) {
        match (flight.job, result) {
            (Job::Identify, WorkerResult::Identified(identity)) => {
                self.note(Level::Info, None, format!("pinned: {}", identity.describe()), out);
                self.fault = None;
                self.hung = None;
                self.expect.identity = Some(identity);
                out.push(Action::Remember(self.expect.clone()));
            }
            (Job::Identify, WorkerResult::Failed(reason)) => {
                self.hung = None;
                self.fault = Some((reason, flight.began));
                self.identify_at = now.mono.plus(shared.config.respawn_first_ms.max(100));
            }
            (Job::Probe(_), WorkerResult::Observed(said)) => {
                self.slot.prosper();
                self.observed(now, observation(said, flight.began, took_us));
            }
            (Job::Probe(probe), WorkerResult::Failed(reason)) => {
                let said = ProbeSaid {
                    probe,
                    verdict: storewarden_types::Verdict::Unknown,
                    code: reason.code,
                    message: reason.message,
                    metrics: Vec::new(),
                };
                self.observed(now, observation(said, flight.began, took_us));
            }
            (Job::Verify(ids), WorkerResult::Verified(verified)) if verified.looks.len() == ids.len() => {
                self.slot.prosper();
                self.verified(now, flight.began, &ids, verified, shared, out);
            }
            (Job::Verify(ids), WorkerResult::Failed(reason)) => {
                self.unverifiable(now, flight.began, &ids, &reason, shared, out);
            }
            (Job::StartWatch, WorkerResult::WatchStarted) => {}
            (Job::StartWatch, WorkerResult::Failed(reason)) => {
                self.watch.message = format!("{}: {}", reason.code, reason.message);
            }
            (job, result) => {
                let reason =
                    Reason::new(Code::ProbeCrashed, "the worker answered something else than was asked");
                self.note(
                    Level::Error,
                    Some(reason.code),
                    format!("{}: {job:?} -> {result:?}", reason.message),
                    out,
                );
                self.fault = Some((reason, now.mono));
                self.drop_worker(now, "it broke the protocol", out);
                if let Job::Verify(ids) = job {
                    let reason = Reason::new(Code::ProbeCrashed, "the worker broke the protocol");
                    self.unverifiable(now, flight.began, &ids, &reason, shared, out);
                }
            }
        }
    }

    fn verified(
        &mut self,
        now: Now,
        began: Mono,
        ids: &[DeletionId],
        verified: Verified,
        shared: &mut Shared,
        out: &mut Vec<Action>,
    ) {
        let Verified { proof, looks, began_at, ended_at } = verified;
        for (id, outcome) in ids.iter().zip(looks) {
            match self.looks.finish(now.mono, *id, began, &outcome, &shared.config) {
                Finished::Absent { how, baseline, sightings } => {
                    let evidence = Evidence {
                        agent: shared.agent.clone(),
                        mount_point: self.expect.mount_point.clone(),
                        source: self.expect.source.clone(),
                        fs_type: self.expect.fs_type.clone(),
                        kind: self.expect.kind,
                        identity: self.expect.identity.clone().unwrap_or_default(),
                        proof: proof.clone(),
                        how,
                        began_at,
                        ended_at,
                        baseline,
                        sightings,
                    };
                    shared.outbox.push(Fact::Absent { deletion: *id, evidence: Box::new(evidence) });
                }
                Finished::Open { baseline, tell } => {
                    if let Some(file) = baseline {
                        shared.outbox.push(Fact::Baseline { deletion: *id, file });
                    }
                    if tell {
                        tell_look(now, began, *id, Look { outcome, began_at }, shared, out);
                    }
                }
                Finished::Moot => {}
            }
        }
    }

    /// Nothing could be concluded of these looks.
    fn unverifiable(
        &mut self,
        now: Now,
        began: Mono,
        ids: &[DeletionId],
        reason: &Reason,
        shared: &mut Shared,
        out: &mut Vec<Action>,
    ) {
        for id in ids {
            let outcome = LookOutcome::Unverifiable { code: reason.code, detail: reason.message.clone() };
            if let Finished::Open { tell: true, .. } =
                self.looks.finish(now.mono, *id, began, &outcome, &shared.config)
            {
                tell_look(now, began, *id, Look { outcome, began_at: now.wall }, shared, out);
            }
        }
    }

    /// There is no worker to ask: whatever is due is answered with the obstacle itself.
    fn fail_due_looks(&mut self, now: Now, reason: &Reason, shared: &mut Shared, out: &mut Vec<Action>) {
        let ids: Vec<DeletionId> =
            self.looks.take_due(now.mono, usize::MAX).into_iter().map(|(id, _)| id).collect();
        self.unverifiable(now, now.mono, &ids, reason, shared, out);
    }

    /// A worker is gone and reaped.
    pub(crate) fn worker_gone(
        &mut self,
        now: Now,
        generation: Generation,
        how: &str,
        shared: &mut Shared,
        out: &mut Vec<Action>,
    ) {
        match self.slot.gone(now.mono, generation, &shared.config) {
            Gone::Reaped => self.note(Level::Info, None, format!("the killed worker was reaped: {how}"), out),
            Gone::Stranger => {}
            Gone::Died(flight) => {
                let during = flight.as_ref().map_or("while idle".into(), |f| format!("during {}", f.name));
                let reason = Reason::new(Code::ProbeCrashed, format!("the worker died {during}: {how}"));
                self.note(Level::Error, Some(reason.code), reason.message.clone(), out);
                self.fault = Some((reason, now.mono));
                self.lose_worker("it died");
                self.abandon(now, flight, shared, out);
            }
        }
    }

    /// The current worker is lost together with its watch.
    fn lose_worker(&mut self, why: &str) {
        self.watch =
            storewarden_types::WatchStatus { message: format!("no worker: {why}"), ..Default::default() };
        self.watch_asked = false;
    }

    /// What was under way will not be answered.
    fn abandon(&mut self, now: Now, flight: Option<Flight>, shared: &mut Shared, out: &mut Vec<Action>) {
        if let Some(Flight { job: Job::Verify(ids), began, .. }) = flight {
            let reason =
                self.obstacle().unwrap_or_else(|| Reason::new(Code::ProbeCrashed, "the worker is gone"));
            self.unverifiable(now, began, &ids, &reason, shared, out);
        }
    }
}

fn observation(said: ProbeSaid, began: Mono, took_us: u64) -> Observation {
    let ProbeSaid { probe, verdict, code, message, metrics } = said;
    Observation { probe, verdict, code, message, metrics, began, took_us }
}

/// Tells a look; lost without a session, for the controller asks again when one stands.
pub(crate) fn tell_look(
    now: Now,
    began: Mono,
    deletion: DeletionId,
    look: Look,
    shared: &mut Shared,
    out: &mut Vec<Action>,
) {
    // A look that cannot be dated counts as older than any.
    shared.session.tell(now.mono, out, |rev, anchors| AgentMessage::Look {
        deletion,
        rev,
        look,
        began: anchors.to_peer(began).unwrap_or(Mono(i64::MIN / 2)),
    });
}
