//! The pending deletions of one mount: when to look again, what to tell. Owns the schedule; the worker looks.
//!
//! A sighting only brings the next look forward. Without one, looks come in growing pauses, and one is made so late that
//! its answer is the last that can count.

use crate::config::Config;
use std::collections::{BTreeMap, BTreeSet};
use storewarden_types::{
    Code, DeletionId, FileIdentity, LookOutcome, Mono, Sighting, StorePath, VerifyItem, VerifyOrder,
};

/// Time kept for the last look and its report, at most.
const RESERVE_MS: u64 = 300;
/// An unchanged look is told again after this long.
const RETELL_MS: u64 = 5_000;
/// A pending deletion that nobody releases is dropped this long after its time.
const FORGET_AFTER_MS: u64 = 60_000;

#[derive(Debug)]
struct Pending {
    path: StorePath,
    baseline: Option<FileIdentity>,
    /// When the last look is to begin.
    last_look: Mono,
    /// When it is dropped if nobody releases it.
    forget: Mono,
    /// When the next look is to begin; `None` while one is under way or the last was made.
    next: Option<Mono>,
    pause_ms: u64,
    in_flight: bool,
    /// Something was seen while a look was under way: look again.
    again: bool,
    sightings: u32,
    told: Option<(Code, Mono)>,
}

/// What is to be done with one finished look.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Finished {
    /// Proven absent: make it a fact. The deletion is no longer pending here.
    Absent { how: String, baseline: Option<FileIdentity>, sightings: u32 },
    /// Not an end.
    Open {
        /// The file that was found at a first look.
        baseline: Option<FileIdentity>,
        /// Whether to tell the controller now.
        tell: bool,
    },
    /// Nobody wants to know any more.
    Moot,
}

#[derive(Debug, Default)]
pub(crate) struct Looks {
    pending: BTreeMap<DeletionId, Pending>,
    due: BTreeSet<(Mono, DeletionId)>,
    by_path: BTreeMap<String, BTreeSet<DeletionId>>,
}

impl Looks {
    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }

    /// Takes an order. Told twice it is one order, and a reason to look now.
    pub(crate) fn accept(&mut self, now: Mono, order: VerifyOrder, config: &Config) {
        let reserve = RESERVE_MS.min(order.due_in_ms / 4);
        let last_look = now.plus(order.due_in_ms - reserve);
        let id = order.deletion;
        self.by_path.entry(order.path.as_str().to_owned()).or_default().insert(id);
        let pending = self.pending.entry(id).or_insert_with(|| Pending {
            path: order.path,
            baseline: None,
            last_look,
            forget: now,
            next: None,
            pause_ms: config.relook_first_ms,
            in_flight: false,
            again: false,
            sightings: 0,
            told: None,
        });
        pending.last_look = last_look;
        pending.forget = last_look.plus(FORGET_AFTER_MS);
        pending.told = None;
        if pending.baseline.is_none() {
            pending.baseline = order.baseline;
        }
        self.hasten(id, now);
    }

    pub(crate) fn release(&mut self, id: DeletionId) {
        if let Some(pending) = self.pending.remove(&id) {
            if let Some(next) = pending.next {
                self.due.remove(&(next, id));
            }
            let path = pending.path.as_str();
            if let Some(ids) = self.by_path.get_mut(path) {
                ids.remove(&id);
                if ids.is_empty() {
                    self.by_path.remove(path);
                }
            }
        }
    }

    /// Names went: looks at them, and at what was below or behind them, come first.
    pub(crate) fn sighted(&mut self, now: Mono, sighting: &Sighting) {
        let mut hit: Vec<DeletionId> =
            self.by_path.get(&sighting.path).into_iter().flatten().copied().collect();
        if sighting.directory {
            let below = format!("{}/", sighting.path);
            hit.extend(self.starting_with(&below));
        }
        let (parent, name) = sighting.path.rsplit_once('/').unwrap_or(("", &sighting.path));
        if name.starts_with(".nfs") {
            // A silly-renamed file ended: it may be any of ours in this directory: the client tells the hidden name only.
            let siblings = if parent.is_empty() { String::new() } else { format!("{parent}/") };
            hit.extend(self.starting_with(&siblings));
        }
        for id in hit {
            if let Some(pending) = self.pending.get_mut(&id) {
                pending.sightings = pending.sightings.saturating_add(1);
            }
            self.hasten(id, now);
        }
    }

    fn starting_with(&self, prefix: &str) -> Vec<DeletionId> {
        self.by_path
            .range(prefix.to_owned()..)
            .take_while(|(path, _)| path.starts_with(prefix))
            .flat_map(|(_, ids)| ids.iter().copied())
            .collect()
    }

    /// Takes what is due, at most `max`.
    pub(crate) fn take_due(&mut self, now: Mono, max: usize) -> Vec<(DeletionId, VerifyItem)> {
        let mut taken = Vec::new();
        while taken.len() < max
            && let Some(&(at, id)) = self.due.first()
            && at <= now
        {
            self.due.remove(&(at, id));
            if let Some(pending) = self.pending.get_mut(&id) {
                pending.next = None;
                pending.in_flight = true;
                pending.again = false;
                let item = VerifyItem { path: pending.path.clone(), baseline: pending.baseline.clone() };
                taken.push((id, item));
            }
        }
        taken
    }

    /// A look that began at `began` is over.
    pub(crate) fn finish(
        &mut self,
        now: Mono,
        id: DeletionId,
        began: Mono,
        outcome: &LookOutcome,
        config: &Config,
    ) -> Finished {
        let Some(pending) = self.pending.get_mut(&id) else { return Finished::Moot };
        pending.in_flight = false;
        if let LookOutcome::Absent { how } = outcome {
            let done = Finished::Absent {
                how: how.clone(),
                baseline: pending.baseline.clone(),
                sightings: pending.sightings,
            };
            self.release(id);
            return done;
        }
        let mut baseline = None;
        if let (LookOutcome::Present(seen), None) = (outcome, &pending.baseline) {
            pending.baseline = Some(seen.file.clone());
            baseline = Some(seen.file.clone());
        }
        let last = began >= pending.last_look;
        let code = outcome.code();
        let stale = pending.told.is_none_or(|(told, at)| told != code || now.since(at) >= RETELL_MS);
        let tell = last || stale;
        if tell {
            pending.told = Some((code, now));
        }
        if pending.again {
            self.hasten(id, now);
        } else if !last {
            let next = now.plus(pending.pause_ms).min(pending.last_look.max(now));
            pending.pause_ms = pending.pause_ms.saturating_mul(2).min(config.relook_max_ms);
            pending.next = Some(next);
            self.due.insert((next, id));
        }
        Finished::Open { baseline, tell }
    }

    /// A look that was under way will never be answered: it is made again as soon as something can be looked at.
    pub(crate) fn give_back(&mut self, now: Mono, id: DeletionId) {
        if let Some(pending) = self.pending.get_mut(&id) {
            pending.in_flight = false;
            self.hasten(id, now);
        }
    }

    /// Drops what nobody released long after its time.
    pub(crate) fn expire(&mut self, now: Mono) {
        let over: Vec<DeletionId> = self
            .pending
            .iter()
            .filter(|(_, p)| p.next.is_none() && !p.in_flight && p.forget <= now)
            .map(|(id, _)| *id)
            .collect();
        for id in over {
            self.release(id);
        }
    }

    /// Looks at everything now: what stood in the way is gone.
    pub(crate) fn hasten_all(&mut self, now: Mono) {
        let open: Vec<DeletionId> =
            self.pending.iter().filter(|(_, p)| p.next.is_some() || p.in_flight).map(|(id, _)| *id).collect();
        for id in open {
            self.hasten(id, now);
        }
    }

    /// Looks now, or as soon as the look under way is over.
    fn hasten(&mut self, id: DeletionId, now: Mono) {
        let Some(pending) = self.pending.get_mut(&id) else { return };
        if pending.in_flight {
            pending.again = true;
            return;
        }
        if let Some(next) = pending.next {
            if next <= now {
                return;
            }
            self.due.remove(&(next, id));
        }
        pending.next = Some(now);
        self.due.insert((now, id));
    }

    pub(crate) fn next_due(&self) -> Option<Mono> {
        self.due.first().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use storewarden_types::{FileKind, SeenFile, SightingKind};

    fn id(n: u128) -> DeletionId {
        DeletionId::parse(&format!("00000000-0000-7000-8000-{n:012}")).unwrap()
    }

    fn order(n: u128, path: &str, due_in_ms: u64) -> VerifyOrder {
        VerifyOrder {
            deletion: id(n),
            mount_point: "/m".into(),
            path: StorePath::parse(path).unwrap(),
            due_in_ms,
            baseline: None,
        }
    }

    fn present() -> LookOutcome {
        let file =
            FileIdentity { file_id: 1, ctime_ns: 2, btime_ns: None, size: 3, kind: FileKind::File, links: 1 };
        LookOutcome::Present(SeenFile { file, replaced: false })
    }

    fn sighting(path: &str, directory: bool) -> Sighting {
        Sighting { path: path.into(), kind: SightingKind::Deleted, directory }
    }

    #[test]
    fn looks_come_in_growing_pauses_and_one_last_time() {
        let config = Config::default();
        let mut looks = Looks::default();
        looks.accept(Mono(0), order(1, "a", 2_000), &config);
        let mut at = Vec::new();
        while let Some(next) = looks.next_due() {
            at.push(next.0);
            assert_eq!(looks.take_due(next, 64).len(), 1);
            looks.finish(next.plus(1), id(1), next, &present(), &config);
        }
        assert_eq!(at, [0, 251, 752, 1_700]);
        looks.expire(Mono(61_699));
        assert_eq!(looks.len(), 1);
        looks.expire(Mono(61_700));
        assert_eq!(looks.len(), 0);
    }

    #[test]
    fn a_sighting_hastens_the_path_what_is_below_and_what_hides_behind_nfs() {
        let config = Config::default();
        let mut looks = Looks::default();
        for (n, path) in [(1, "d/a"), (2, "d/b"), (3, "dd/a"), (4, "x")] {
            looks.accept(Mono(0), order(n, path, 60_000), &config);
        }
        let settle = |looks: &mut Looks, now: i64| {
            let taken = looks.take_due(Mono(now), 64);
            for (i, _) in &taken {
                looks.finish(Mono(now), *i, Mono(now), &present(), &config);
            }
            taken.into_iter().map(|(i, _)| i).collect::<Vec<_>>()
        };
        assert_eq!(settle(&mut looks, 0).len(), 4);
        looks.sighted(Mono(1), &sighting("d/a", false));
        assert_eq!(settle(&mut looks, 1), [id(1)]);
        looks.sighted(Mono(2), &sighting("d", true));
        assert_eq!(settle(&mut looks, 2), [id(1), id(2)]);
        looks.sighted(Mono(3), &sighting("dd/.nfs0000000000000001", false));
        assert_eq!(settle(&mut looks, 3), [id(3)]);
    }

    #[test]
    fn what_is_seen_during_a_look_leads_to_another() {
        let config = Config::default();
        let mut looks = Looks::default();
        looks.accept(Mono(0), order(1, "a", 60_000), &config);
        assert_eq!(looks.take_due(Mono(0), 64).len(), 1);
        looks.sighted(Mono(1), &sighting("a", false));
        assert!(looks.take_due(Mono(1), 64).is_empty());
        looks.finish(Mono(2), id(1), Mono(0), &present(), &config);
        assert_eq!(looks.take_due(Mono(2), 64).len(), 1);
        let absent = LookOutcome::Absent { how: "h".into() };
        let done = looks.finish(Mono(3), id(1), Mono(2), &absent, &config);
        assert!(matches!(done, Finished::Absent { sightings: 1, baseline: Some(_), .. }));
        assert_eq!(looks.finish(Mono(3), id(1), Mono(2), &absent, &config), Finished::Moot);
    }

    #[test]
    fn an_unchanged_look_is_told_rarely_a_changed_one_at_once() {
        let config = Config::default();
        let mut looks = Looks::default();
        looks.accept(Mono(0), order(1, "a", 60_000), &config);
        let mut look = |now: i64, outcome: &LookOutcome| {
            looks.sighted(Mono(now), &sighting("a", false));
            assert_eq!(looks.take_due(Mono(now), 64).len(), 1);
            match looks.finish(Mono(now), id(1), Mono(now), outcome, &config) {
                Finished::Open { tell, .. } => tell,
                _ => panic!("open"),
            }
        };
        assert!(look(0, &present()));
        assert!(!look(1, &present()));
        assert!(look(2, &LookOutcome::Unverifiable { code: Code::Hung, detail: String::new() }));
        assert!(look(3, &present()));
        assert!(look(5_003, &present()));
    }
}
