//! One mount: is it there, does its worker live, what is believed, what is told. Ties presence, slot, probes and looks
//! together; the rules of each are in their own files.

use crate::config::Config;
use crate::discovery::Presence;
use crate::event::{Action, Generation, Level, Now};
use crate::judge;
use crate::looks::Looks;
use crate::outbox::Outbox;
use crate::probes::Probes;
use crate::session::{Anchors, Session};
use crate::slot::{Flight, Job, Slot};
use storewarden_types::{
    AgentId, AgentMessage, Code, Condition, Mono, MountDelta, MountExpectation, MountReport, Observation,
    Reason, WatchStatus,
};

/// Evidence that only grew younger is told at most this often.
const REFRESH_MS: u64 = 3_000;

/// What every mount needs of the agent around it.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) agent: AgentId,
    pub(crate) outbox: Outbox,
    pub(crate) session: Session,
    pub(crate) next_generation: u64,
    pub(crate) next_request: u64,
}

/// The mount does not answer; what is known of that.
#[derive(Debug)]
pub(crate) struct Hung {
    pub(crate) message: String,
    /// When it was last certain.
    pub(crate) at: Mono,
}

/// What was last told of the mount.
#[derive(Debug)]
struct Told {
    condition: Condition,
    codes: Vec<Code>,
    watch: WatchStatus,
    stuck: u32,
    evidence: Option<Mono>,
    at: Mono,
}

#[derive(Debug)]
pub(crate) struct Mount {
    pub(crate) expect: MountExpectation,
    pub(crate) presence: Presence,
    pub(crate) presence_at: Mono,
    pub(crate) slot: Slot,
    pub(crate) probes: Probes,
    pub(crate) looks: Looks,
    pub(crate) watch: WatchStatus,
    pub(crate) watch_asked: bool,
    pub(crate) hung: Option<Hung>,
    /// The worker died, or the marks could not be taken; when that was found.
    pub(crate) fault: Option<(Reason, Mono)>,
    /// The worker said Ready at least once.
    pub(crate) loaded: bool,
    /// When the marks may be asked for again.
    pub(crate) identify_at: Mono,
    /// An operator or a gate waits for fresh evidence: tell the next answer at once.
    pub(crate) eager: bool,
    /// Looks were the last thing done; probes come first next time.
    pub(crate) looked_last: bool,
    told: Option<Told>,
}

impl Mount {
    pub(crate) fn new(now: Mono, expect: MountExpectation, presence: Presence) -> Self {
        Self {
            expect,
            presence,
            presence_at: now,
            slot: Slot::new(now),
            probes: Probes::default(),
            looks: Looks::default(),
            watch: WatchStatus::default(),
            watch_asked: false,
            hung: None,
            fault: None,
            loaded: false,
            identify_at: now,
            eager: false,
            looked_last: false,
            told: None,
        }
    }

    /// mountinfo was read again.
    pub(crate) fn see(&mut self, now: Now, presence: Presence, out: &mut Vec<Action>) {
        self.presence_at = now.mono;
        if self.slot.stuck() > 0
            && let Some(hung) = &mut self.hung
        {
            hung.at = now.mono; // Still not reaped: still hung, seen now.
        }
        if presence == self.presence {
            return;
        }
        let (level, code, message) = match &presence {
            Presence::There { .. } => (Level::Info, None, "the expected file system is mounted".to_owned()),
            Presence::Wrong(reason) => (Level::Warn, Some(reason.code), reason.message.clone()),
        };
        self.note(level, code, message, out);
        self.presence = presence;
        // Whatever the worker watched or proved was another mount.
        self.drop_worker(now, "the mount changed", out);
        self.probes.reset(now.mono);
        self.hung = None;
        self.fault = None;
        self.identify_at = now.mono;
    }

    /// Kills the worker, whose word is no longer wanted.
    pub(crate) fn drop_worker(&mut self, now: Now, why: &str, out: &mut Vec<Action>) {
        if let Some((generation, flight)) = self.slot.dismiss(now.mono) {
            out.push(Action::Kill { mount_point: self.expect.mount_point.clone(), generation });
            if let Some(Flight { job: Job::Verify(ids), .. }) = flight {
                ids.into_iter().for_each(|id| self.looks.give_back(now.mono, id));
            }
        }
        self.watch = WatchStatus { message: format!("no worker: {why}"), ..WatchStatus::default() };
        self.watch_asked = false;
    }

    pub(crate) fn is_there(&self) -> bool {
        matches!(self.presence, Presence::There { .. })
    }

    /// Why nothing can be looked at now, if so. Before the first answer there is no obstacle, only patience.
    pub(crate) fn obstacle(&self) -> Option<Reason> {
        if let Presence::Wrong(reason) = &self.presence {
            return Some(reason.clone());
        }
        if let Some(hung) = &self.hung {
            return Some(Reason::new(Code::Hung, hung.message.clone()));
        }
        if let Some((reason, _)) = &self.fault {
            return Some(reason.clone());
        }
        let proof = self.probes.proof().filter(|_| !self.probes.proven())?;
        Some(Reason::new(proof.code, proof.message.clone()))
    }

    /// A probe answered.
    pub(crate) fn observed(&mut self, now: Now, observation: Observation) {
        let was_proven = self.is_proven();
        if observation.probe == crate::probes::PROOF_PROBE {
            self.hung = None;
            self.fault = None;
        }
        self.probes.observe(observation);
        if self.is_proven() && !was_proven {
            self.looks.hasten_all(now.mono); // What could not be told before may be told now.
        }
    }

    /// The clock decided against the mount.
    pub(crate) fn hang(&mut self, now: Mono, message: String) {
        self.hung = Some(Hung { message, at: now });
    }

    /// What the killed worker was found doing.
    pub(crate) fn inspected(&mut self, found: &str) {
        if let Some(hung) = &mut self.hung
            && !hung.message.contains(found)
        {
            hung.message = format!("{}; {found}", hung.message);
        }
    }

    /// Condition, reasons, and the time of the evidence behind them.
    fn judge(&self) -> (Condition, Vec<Reason>, Option<Mono>) {
        if let Presence::Wrong(reason) = &self.presence {
            return (reason.code.grade(), vec![reason.clone()], Some(self.presence_at));
        }
        if let Some(hung) = &self.hung {
            let reason = Reason::new(Code::Hung, hung.message.clone());
            return (reason.code.grade(), vec![reason], Some(hung.at));
        }
        let mut reasons: Vec<Reason> = self.probes.reasons().collect();
        let mut evidence = self.probes.proof().map(|o| o.began);
        if let Some((fault, at)) = &self.fault {
            reasons.push(fault.clone());
            evidence = Some(*at);
        }
        if self.loaded && !self.probes.has_proof_probe() {
            reasons.push(Reason::new(
                Code::ProbeFailed,
                "no `mount` probe is loaded, so nothing proves this mount: check the plugin directory",
            ));
        } else if evidence.is_none() {
            reasons.push(Reason::new(Code::NotYetProbed, "no probe has answered yet"));
        }
        let (condition, reasons) = judge::merge(reasons);
        (condition, reasons, evidence)
    }

    /// The mount as the controller is to see it. Times that cannot be told are left out.
    pub(crate) fn report(&self, anchors: Option<&Anchors>) -> MountReport {
        let (condition, reasons, evidence) = self.judge();
        let told = |time: Mono| anchors.and_then(|a| a.to_peer(time));
        let observations = self
            .probes
            .observations()
            .filter_map(|o| Some(Observation { began: told(o.began)?, ..o.clone() }))
            .collect();
        MountReport {
            mount_point: self.expect.mount_point.clone(),
            source: self.expect.source.clone(),
            fs_type: self.expect.fs_type.clone(),
            kind: self.expect.kind,
            identity: self.expect.identity.clone(),
            condition,
            reasons,
            evidence: evidence.and_then(told),
            observations,
            watch: self.watch.clone(),
            stuck_workers: self.slot.stuck(),
        }
    }

    /// A new session: everything is to be told anew.
    pub(crate) fn forget_told(&mut self) {
        self.told = None;
    }

    /// Tells the controller what has changed, if it is worth telling now.
    pub(crate) fn tell(&mut self, now: Now, shared: &mut Shared, out: &mut Vec<Action>) {
        let (condition, reasons, evidence) = self.judge();
        let Some(anchors) = shared.session.anchors() else { return };
        if evidence.is_some_and(|e| anchors.to_peer(e).is_none()) {
            return; // Seen before this session: how long ago cannot be told. The next look comes soon.
        }
        let codes: Vec<Code> = reasons.iter().map(|r| r.code).collect();
        let stuck = self.slot.stuck();
        let worth = match &self.told {
            None => true,
            Some(t) => {
                let changed = t.condition != condition || t.codes != codes || t.stuck != stuck;
                let younger = t.evidence != evidence;
                let other = younger || t.watch != self.watch;
                let due = now.mono.since(t.at) >= REFRESH_MS || t.watch.state != self.watch.state;
                changed || (other && due) || (younger && self.eager)
            }
        };
        if !worth {
            return;
        }
        if self.told.as_ref().is_some_and(|t| t.condition != condition) {
            let level = if condition == Condition::Available { Level::Info } else { Level::Warn };
            let words: Vec<String> = reasons.iter().map(|r| format!("{}: {}", r.code, r.message)).collect();
            self.note(
                level,
                codes.first().copied(),
                format!("{} {}", condition.as_str(), words.join("; ")),
                out,
            );
        }
        let told = shared.session.tell(now.mono, out, |rev, anchors| AgentMessage::Mount {
            rev,
            delta: MountDelta::Changed(Box::new(self.report(Some(anchors)))),
        });
        if told {
            self.eager = false;
            self.told =
                Some(Told { condition, codes, watch: self.watch.clone(), stuck, evidence, at: now.mono });
        }
    }

    /// Whether looks and the watch may go ahead: the mount was proven and answers.
    pub(crate) fn is_proven(&self) -> bool {
        self.is_there() && self.hung.is_none() && self.expect.identity.is_some() && self.probes.proven()
    }

    pub(crate) fn next_wakeup(&self, shared: &Shared) -> Option<Mono> {
        let mut at: Vec<Mono> = Vec::new();
        if self.is_there() {
            at.extend(self.slot.next_wakeup(&shared.config));
            if self.slot.is_idle() {
                if self.expect.identity.is_none() {
                    at.push(self.identify_at);
                } else {
                    at.extend(self.probes.next_due(!self.is_proven()));
                }
            }
        }
        if (self.slot.is_idle() && self.expect.identity.is_some()) || self.obstacle().is_some() {
            at.extend(self.looks.next_due());
        }
        // Something that waits for its turn to be told.
        if let (Some(told), true) = (&self.told, shared.session.anchors().is_some())
            && (told.evidence != self.judge().2 || told.watch != self.watch)
        {
            at.push(told.at.plus(REFRESH_MS));
        }
        at.into_iter().min()
    }

    pub(crate) fn note(&self, level: Level, code: Option<Code>, message: String, out: &mut Vec<Action>) {
        out.push(Action::Note { level, about: self.expect.mount_point.clone(), code, message });
    }

    /// A new generation for a worker of this mount.
    pub(crate) const fn next_generation(shared: &mut Shared) -> Generation {
        shared.next_generation += 1;
        Generation(shared.next_generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use storewarden_types::{DeletionId, MountKind, StorePath, VerifyOrder, Wall};

    #[test]
    fn a_look_under_way_when_the_mount_changes_is_made_again() {
        let now = Now { mono: Mono(1_000), wall: Wall(0) };
        let expect = MountExpectation {
            mount_point: "/m".into(),
            source: "h:/e".into(),
            fs_type: "nfs".into(),
            kind: MountKind::Network,
            identity: None,
        };
        let config = Config::default();
        let mut mount = Mount::new(now.mono, expect, Presence::There { mount_id: 1 });
        let id = DeletionId::parse("00000000-0000-7000-8000-000000000001").unwrap();
        let path = StorePath::parse("a").unwrap();
        let order =
            VerifyOrder { deletion: id, mount_point: "/m".into(), path, due_in_ms: 60_000, baseline: None };
        mount.looks.accept(now.mono, order, &config);
        let generation = Generation(1);
        mount.slot.spawned(now.mono, generation, &config);
        assert!(mount.slot.ready(generation));
        let ids: Vec<_> = mount.looks.take_due(now.mono, 64).into_iter().map(|(id, _)| id).collect();
        let flight = Flight {
            id: 1,
            job: Job::Verify(ids),
            name: "verify".into(),
            began: now.mono,
            kill_at: Mono(9_000),
        };
        mount.slot.assign(flight);
        assert_eq!(mount.looks.next_due(), None);
        mount.see(now, Presence::Wrong(Reason::new(Code::NotMounted, "gone")), &mut Vec::new());
        assert_eq!(mount.looks.next_due(), Some(now.mono), "nobody will ever look for it again");
    }
}
