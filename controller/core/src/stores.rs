//! Stores: one judgement over all who see them. Owns the merge, its expiry, and the picture for readers.

use crate::config::Config;
use crate::damping::Damper;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use storewarden_types::condition::MountStanding;
use storewarden_types::{AgentId, Code, Condition, Mono, MountKind, Reason, StoreId, StoreStatus};

#[derive(Debug)]
struct Store {
    source: String,
    fs_type: String,
    kind: MountKind,
    mounts: BTreeMap<(AgentId, String), MountStanding>,
    status: Arc<StoreStatus>,
    /// Condition and codes as last recorded in the ledger.
    recorded: (Condition, Vec<Code>),
    damper: Damper,
    /// When the judgement may change by time alone.
    check: Option<Mono>,
}

/// A condition or its reasons changed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) store: StoreId,
    pub(crate) from: Condition,
    pub(crate) to: Condition,
    pub(crate) reasons: Vec<Reason>,
}

#[derive(Debug, Default)]
pub(crate) struct Stores {
    all: BTreeMap<StoreId, Store>,
    checks: BTreeSet<(Mono, StoreId)>,
    version: u64,
    /// Evidence from before this is not used: the clock stood still or was set in between.
    trusted_since: Option<Mono>,
}

impl Stores {
    pub(crate) fn contains(&self, id: StoreId) -> bool {
        self.all.contains_key(&id)
    }

    pub(crate) fn statuses(&self) -> BTreeMap<StoreId, Arc<StoreStatus>> {
        self.all.iter().map(|(id, s)| (*id, s.status.clone())).collect()
    }

    /// Grows with every change that readers see.
    pub(crate) const fn version(&self) -> u64 {
        self.version
    }

    /// The ledger's last word on a store: what a change is told against. The judgement itself starts as Unknown, for
    /// nobody has looked in this run.
    pub(crate) fn restore(&mut self, now: Mono, id: StoreId, condition: Condition) {
        if let Some(store) = self.all.get_mut(&id) {
            store.recorded = (condition, Vec::new());
            store.check = Some(now);
            self.checks.insert((now, id));
        }
    }

    /// Makes sure that a store is known.
    pub(crate) fn ensure(&mut self, id: StoreId, source: &str, fs_type: &str, kind: MountKind) {
        self.all.entry(id).or_insert_with(|| Store {
            source: source.to_owned(),
            fs_type: fs_type.to_owned(),
            kind,
            mounts: BTreeMap::new(),
            status: Arc::new(StoreStatus {
                id,
                source: source.to_owned(),
                fs_type: fs_type.to_owned(),
                kind,
                condition: Condition::Unknown,
                reasons: vec![Reason::new(Code::Unobserved, "no agent has reported on this store yet")],
                evidence: None,
                mounts: Vec::new(),
                version: 0,
            }),
            recorded: (Condition::Unknown, Vec::new()),
            damper: Damper::default(),
            check: None,
        });
    }

    /// An observer's standing changed; `None`: it no longer answers for the mount.
    pub(crate) fn set(
        &mut self,
        id: StoreId,
        agent: &AgentId,
        mount_point: &str,
        standing: Option<MountStanding>,
    ) {
        if let Some(store) = self.all.get_mut(&id) {
            let key = (agent.clone(), mount_point.to_owned());
            match standing {
                Some(standing) => store.mounts.insert(key, standing),
                None => store.mounts.remove(&key),
            };
        }
    }

    /// Connected observers of a store, those best placed to verify first.
    pub(crate) fn observers(&self, id: StoreId) -> Vec<(AgentId, String)> {
        let Some(store) = self.all.get(&id) else { return Vec::new() };
        let mut found: Vec<(u8, &(AgentId, String))> = store
            .mounts
            .iter()
            .filter(|(_, m)| m.connected)
            .map(|(key, m)| (m.report.as_ref().map_or(9, |r| r.condition.weight()), key))
            .collect();
        found.sort();
        found.into_iter().map(|(_, key)| key.clone()).collect()
    }

    /// Whether anybody ever saw it, and whether anybody is connected who does.
    pub(crate) fn is_observed(&self, id: StoreId) -> bool {
        self.all.get(&id).is_some_and(|s| s.mounts.values().any(|m| m.connected))
    }

    /// Judges a store anew.
    pub(crate) fn judge(&mut self, now: Mono, id: StoreId, config: &Config) -> Option<Turn> {
        let store = self.all.get_mut(&id)?;
        if let Some(at) = store.check.take() {
            self.checks.remove(&(at, id));
        }
        let mut merged = merge(now, &store.mounts, config, self.trusted_since);
        damp(now, &mut store.damper, &mut merged);
        store.check = merged.check;
        if let Some(at) = store.check {
            self.checks.insert((at, id));
        }
        let mounts: Vec<(AgentId, MountStanding)> =
            store.mounts.iter().map(|((agent, _), m)| (agent.clone(), m.clone())).collect();
        let old = &store.status;
        let codes: Vec<Code> = merged.reasons.iter().map(|r| r.code).collect();
        let from = store.recorded.0;
        let turned = store.recorded != (merged.condition, codes.clone());
        store.recorded = (merged.condition, codes);
        if !turned && old.mounts == mounts && old.evidence == merged.evidence && old.reasons == merged.reasons
        {
            return None;
        }
        self.version += 1;
        store.status = Arc::new(StoreStatus {
            id,
            source: store.source.clone(),
            fs_type: store.fs_type.clone(),
            kind: store.kind,
            condition: merged.condition,
            reasons: merged.reasons.clone(),
            evidence: merged.evidence,
            mounts,
            version: self.version,
        });
        turned.then_some(Turn { store: id, from, to: merged.condition, reasons: merged.reasons })
    }

    /// Stores whose judgement may have changed by time alone.
    pub(crate) fn due(&self, now: Mono) -> Vec<StoreId> {
        let due: Vec<StoreId> =
            self.checks.iter().take_while(|(at, _)| *at <= now).map(|(_, id)| *id).collect();
        due
    }

    /// From now on older evidence is not used. Every store is to be judged anew.
    pub(crate) fn distrust(&mut self, now: Mono) {
        self.trusted_since = Some(now);
        for (id, store) in &mut self.all {
            if let Some(at) = store.check.replace(now) {
                self.checks.remove(&(at, *id));
            }
            self.checks.insert((now, *id));
        }
    }

    pub(crate) fn next_check(&self) -> Option<Mono> {
        self.checks.first().map(|(at, _)| *at)
    }
}

#[derive(Debug)]
struct Merged {
    condition: Condition,
    reasons: Vec<Reason>,
    evidence: Option<Mono>,
    check: Option<Mono>,
}

/// Holds back a store that alternates.
fn damp(now: Mono, damper: &mut Damper, merged: &mut Merged) {
    damper.observe(
        now,
        match merged.condition {
            Condition::Available | Condition::Degraded => Some(true),
            Condition::Unavailable => Some(false),
            Condition::Unknown => None,
        },
    );
    let Some((until, turns)) = damper.held() else { return };
    merged.check = Some(merged.check.map_or(until, |c| c.min(until)));
    if matches!(merged.condition, Condition::Available | Condition::Degraded) {
        merged.condition = Condition::Unavailable;
        let message = format!("it turned {turns} times within a minute; held back until it stands still");
        merged.reasons.insert(0, Reason::new(Code::Flapping, message));
    }
}

/// One observer's word, as it counts now.
struct Word<'a> {
    agent: &'a AgentId,
    condition: Condition,
    reasons: Vec<Reason>,
    evidence: Option<Mono>,
    /// Whether it counts when others have fresher evidence: an agent that left, or one that has not probed yet, does not
    /// make a store disputed that others see well.
    counts_among_others: bool,
}

/// Merges what the observers say.
///
/// All agree: that. Usable and usable: the worse. Anything else: disputed, which is `Unknown` with `PARTIAL`.
fn merge(
    now: Mono,
    mounts: &BTreeMap<(AgentId, String), MountStanding>,
    config: &Config,
    trusted_since: Option<Mono>,
) -> Merged {
    let mut check: Option<Mono> = None;
    let mut words: Vec<Word<'_>> = Vec::new();
    for ((agent, mount_point), standing) in mounts {
        let word = word(now, agent, mount_point, standing, config, trusted_since);
        if let Some(evidence) = word.evidence {
            let expires = evidence.plus(config.evidence_ttl_ms).plus(1);
            if expires > now {
                check = Some(check.map_or(expires, |c| c.min(expires)));
            }
        }
        words.push(word);
    }
    if words.iter().any(|w| w.counts_among_others) {
        words.retain(|w| w.counts_among_others);
    }
    let evidence = words.iter().map(|w| w.evidence).min().flatten();
    let mut conditions: Vec<Condition> = words.iter().map(|w| w.condition).collect();
    conditions.sort_by_key(|c| c.weight());
    conditions.dedup();
    let mut reasons: Vec<Reason> = words.iter().flat_map(|w| w.reasons.clone()).collect();
    let condition = match conditions.as_slice() {
        [] => {
            reasons.push(Reason::new(Code::Unobserved, "no agent sees this store"));
            Condition::Unknown
        }
        [one] => *one,
        [Condition::Available, Condition::Degraded] => Condition::Degraded,
        _ => {
            let who: Vec<String> =
                words.iter().map(|w| format!("{} says {}", w.agent, w.condition.as_str())).collect();
            reasons.push(Reason::new(Code::Partial, format!("agents disagree: {}", who.join(", "))));
            Condition::Unknown
        }
    };
    let rank = |r: &Reason| (r.code != Code::Partial, std::cmp::Reverse(r.code.grade().weight()));
    reasons.sort_by(|a, b| rank(a).cmp(&rank(b)).then(a.cmp(b)));
    reasons.dedup_by(|a, b| a.code == b.code);
    Merged { condition, reasons, evidence, check }
}

fn word<'a>(
    now: Mono,
    agent: &'a AgentId,
    mount_point: &str,
    standing: &MountStanding,
    config: &Config,
    trusted_since: Option<Mono>,
) -> Word<'a> {
    let unknown = |code, message: String, evidence, counts| Word {
        agent,
        condition: Condition::Unknown,
        reasons: vec![Reason::new(code, message)],
        evidence,
        counts_among_others: counts,
    };
    let Some(report) = &standing.report else {
        return unknown(
            Code::AgentLost,
            format!("agent {agent} ({mount_point}) has not reported in this run"),
            None,
            false,
        );
    };
    match report.evidence {
        Some(evidence)
            if now.since(evidence) <= config.evidence_ttl_ms
                && trusted_since.is_none_or(|t| evidence >= t) =>
        {
            Word {
                agent,
                condition: report.condition,
                reasons: report.reasons.clone(),
                evidence: Some(evidence),
                counts_among_others: true,
            }
        }
        Some(evidence) if standing.connected => unknown(
            Code::EvidenceExpired,
            format!(
                "the newest evidence of agent {agent} ({mount_point}) is older than {} ms",
                config.evidence_ttl_ms
            ),
            Some(evidence),
            true,
        ),
        None if standing.connected => unknown(
            Code::NotYetProbed,
            format!("agent {agent} ({mount_point}) has no evidence yet"),
            None,
            false,
        ),
        evidence => unknown(
            Code::AgentLost,
            format!("agent {agent} ({mount_point}) is not connected"),
            evidence,
            false,
        ),
    }
}
