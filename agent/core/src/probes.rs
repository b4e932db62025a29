//! The probes of one mount: what is due, what was said, what is believed. Owns their schedule.

use crate::config::ProbeSettings;
use crate::judge::Belief;
use storewarden_types::{Condition, Mono, Observation, ProbeInfo, Reason};

/// The probe that proves the mount; its answers are the evidence that a condition rests on.
pub(crate) const PROOF_PROBE: &str = "mount";

/// Bounds of what a manifest or a configuration may ask for.
const INTERVAL_MS: (u64, u64) = (100, 24 * 3600 * 1000);
const DEADLINE_MS: (u64, u64) = (10, 10 * 60 * 1000);

#[derive(Debug)]
pub(crate) struct Probe {
    pub(crate) name: String,
    pub(crate) interval_ms: u64,
    pub(crate) deadline_ms: u64,
    due: Mono,
    belief: Belief,
    last: Option<Observation>,
}

#[derive(Debug, Default)]
pub(crate) struct Probes {
    list: Vec<Probe>,
}

impl Probes {
    /// A worker told which probes it has. What is believed of those that were there before stays.
    pub(crate) fn load(&mut self, now: Mono, infos: Vec<ProbeInfo>, settings: &[ProbeSettings]) {
        let mut old = std::mem::take(&mut self.list);
        for info in infos {
            let set = settings.iter().find(|s| s.name == info.name);
            let interval = set.and_then(|s| s.interval_ms).unwrap_or(info.default_interval_ms);
            let deadline = set.and_then(|s| s.deadline_ms).unwrap_or(info.default_deadline_ms);
            let (belief, last) = match old.iter().position(|p| p.name == info.name) {
                Some(at) => {
                    let probe = old.swap_remove(at);
                    (probe.belief, probe.last)
                }
                None => (Belief::default(), None),
            };
            self.list.push(Probe {
                name: info.name,
                interval_ms: interval.clamp(INTERVAL_MS.0, INTERVAL_MS.1),
                deadline_ms: deadline.clamp(DEADLINE_MS.0, DEADLINE_MS.1),
                due: now,
                belief,
                last,
            });
        }
        // The proof first: nothing else says much before it.
        self.list.sort_by_key(|p| p.name != PROOF_PROBE);
    }

    /// Nothing that was said before counts any more.
    pub(crate) fn reset(&mut self, now: Mono) {
        for probe in &mut self.list {
            probe.belief = Belief::default();
            probe.last = None;
            probe.due = now;
        }
    }

    /// Everything is due now.
    pub(crate) fn hurry(&mut self, now: Mono) {
        for probe in &mut self.list {
            probe.due = probe.due.min(now);
        }
    }

    pub(crate) fn has_proof_probe(&self) -> bool {
        self.list.iter().any(|p| p.name == PROOF_PROBE)
    }

    /// The probe that has waited longest, if one is due. `only_proof`: no other is wanted now.
    pub(crate) fn due(&self, now: Mono, only_proof: bool) -> Option<&Probe> {
        self.list
            .iter()
            .filter(|p| p.due <= now && (!only_proof || p.name == PROOF_PROBE))
            .min_by_key(|p| p.due)
    }

    /// A probe starts now: its next turn is one interval on, whatever this one takes, so that a slow answer does not
    /// stretch the rhythm.
    pub(crate) fn begin(&mut self, now: Mono, name: &str) {
        if let Some(probe) = self.list.iter_mut().find(|p| p.name == name) {
            let next = probe.due.plus(probe.interval_ms);
            probe.due = if next > now { next } else { now.plus(probe.interval_ms) };
        }
    }

    /// A probe answered.
    pub(crate) fn observe(&mut self, observation: Observation) {
        if let Some(probe) = self.list.iter_mut().find(|p| p.name == observation.probe) {
            probe.belief.observe(observation.code, &observation.message);
            probe.last = Some(observation);
        }
    }

    /// The answer of the proof probe that the judgement rests on.
    pub(crate) fn proof(&self) -> Option<&Observation> {
        self.list.iter().find(|p| p.name == PROOF_PROBE)?.last.as_ref()
    }

    /// Whether the newest answer of the proof probe says that the mount is the right one and answers.
    pub(crate) fn proven(&self) -> bool {
        self.proof().is_some_and(|o| matches!(o.code.grade(), Condition::Available | Condition::Degraded))
    }

    pub(crate) fn reasons(&self) -> impl Iterator<Item = Reason> + '_ {
        self.list.iter().filter_map(|p| p.belief.reason())
    }

    pub(crate) fn observations(&self) -> impl Iterator<Item = &Observation> {
        self.list.iter().filter_map(|p| p.last.as_ref())
    }

    pub(crate) fn next_due(&self, only_proof: bool) -> Option<Mono> {
        self.list.iter().filter(|p| !only_proof || p.name == PROOF_PROBE).map(|p| p.due).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(name: &str, interval: u64) -> ProbeInfo {
        ProbeInfo {
            name: name.into(),
            version: "1".into(),
            default_interval_ms: interval,
            default_deadline_ms: 1_000,
        }
    }

    #[test]
    fn the_rhythm_is_kept_and_the_proof_comes_first() {
        let mut probes = Probes::default();
        probes.load(Mono(0), vec![info("lookup", 5_000), info("mount", 1_000)], &[]);
        assert_eq!(probes.due(Mono(0), false).unwrap().name, "mount");
        probes.begin(Mono(0), "mount");
        assert_eq!(probes.due(Mono(0), false).unwrap().name, "lookup");
        assert!(probes.due(Mono(0), true).is_none());
        probes.begin(Mono(3), "lookup");
        assert!(probes.due(Mono(999), false).is_none());
        assert_eq!(probes.due(Mono(1_000), false).unwrap().name, "mount");
        probes.begin(Mono(1_200), "mount"); // 200 ms late
        assert_eq!(probes.next_due(true), Some(Mono(2_000)));
        probes.begin(Mono(9_000), "mount"); // far too late: no burst to catch up
        assert_eq!(probes.next_due(true), Some(Mono(10_000)));
    }

    #[test]
    fn settings_override_and_nonsense_is_clamped() {
        let mut probes = Probes::default();
        let settings =
            [ProbeSettings { name: "mount".into(), interval_ms: Some(250), ..ProbeSettings::default() }];
        probes.load(Mono(0), vec![info("mount", 0), info("x", 0)], &settings);
        assert_eq!(probes.list[0].interval_ms, 250);
        assert_eq!(probes.list[1].interval_ms, 100);
    }
}
