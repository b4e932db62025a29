//! The two durable things: an agent's outbox and the controller's ledger. They keep what was written and nothing else,
//! and the ledger refuses what would break its own rules.

use std::collections::BTreeMap;
use storewarden_agent_core as agent;
use storewarden_types::{
    AgentId, Condition, DeletionEnd, DeletionId, DeletionRow, DeletionState, Epoch, Fact, KnownAgent,
    KnownKey, KnownMount, MountExpectation, Record, Restored, Seq, StoreId, TrackedDeletion,
};

/// An agent's outbox.
#[derive(Debug)]
pub(crate) struct OutboxDisk {
    pub(crate) epoch: Epoch,
    pub(crate) next: Seq,
    pub(crate) acked: Seq,
    pub(crate) facts: BTreeMap<Seq, Fact>,
    mounts: BTreeMap<String, MountExpectation>,
    /// Everything ever persisted, for the oracle.
    pub(crate) ever: BTreeMap<Seq, Fact>,
}

impl OutboxDisk {
    pub(crate) fn new(epoch: Epoch) -> Self {
        Self {
            epoch,
            next: Seq(1),
            acked: Seq(0),
            facts: BTreeMap::new(),
            mounts: BTreeMap::new(),
            ever: BTreeMap::new(),
        }
    }

    pub(crate) fn persist(&mut self, first: Seq, facts: Vec<Fact>) {
        assert_eq!(first, self.next, "the outbox is written without holes");
        for fact in facts {
            self.facts.insert(self.next, fact.clone());
            self.ever.insert(self.next, fact);
            self.next = self.next.next();
        }
    }

    pub(crate) fn trim(&mut self, through: Seq) {
        self.acked = self.acked.max(through);
        self.facts.retain(|seq, _| *seq > through);
    }

    pub(crate) fn remember(&mut self, expect: MountExpectation) {
        self.mounts.insert(expect.mount_point.clone(), expect);
    }

    pub(crate) fn forget(&mut self, mount_point: &str) {
        self.mounts.remove(mount_point);
    }

    pub(crate) fn restored(&self) -> agent::Restored {
        agent::Restored {
            epoch: self.epoch,
            next_seq: self.next,
            acked: self.acked,
            mounts: self.mounts.values().cloned().collect(),
        }
    }
}

/// A deletion in the ledger, with the true time of its request.
#[derive(Debug)]
pub(crate) struct LedgerDeletion {
    pub(crate) tracked: TrackedDeletion,
    pub(crate) true_tracked_at: i64,
    pub(crate) state: DeletionState,
    pub(crate) end: Option<DeletionEnd>,
    row: DeletionRow,
}

/// The controller's ledger.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    agents: BTreeMap<AgentId, KnownAgent>,
    mounts: BTreeMap<(AgentId, String), KnownMount>,
    pub(crate) deletions: BTreeMap<DeletionId, LedgerDeletion>,
    pub(crate) keys: BTreeMap<String, KnownKey>,
    pub(crate) facts: BTreeMap<(AgentId, Epoch, Seq), Fact>,
    conditions: BTreeMap<StoreId, Condition>,
    pub(crate) records: u64,
}

impl Ledger {
    /// Appends one record. `Err` names the invariant that it breaks.
    pub(crate) fn append(&mut self, true_now: i64, record: Record) -> Result<(), String> {
        self.records += 1;
        match record {
            Record::AgentSeen { agent, epoch, host, version, .. } => {
                let marks = self.agents.remove(&agent).map(|a| a.marks).unwrap_or_default();
                self.agents.insert(agent.clone(), KnownAgent { agent, epoch, host, version, marks });
            }
            Record::MountSeen { agent, mount_point, store, source, fs_type, kind, .. } => {
                let mount = KnownMount {
                    agent: agent.clone(),
                    mount_point: mount_point.clone(),
                    store,
                    source,
                    fs_type,
                    kind,
                };
                self.mounts.insert((agent, mount_point), mount);
            }
            Record::MountForgotten { agent, mount_point, .. } => {
                self.mounts.remove(&(agent, mount_point));
            }
            Record::FactAccepted { agent, epoch, seq, fact, .. } => {
                return self.accept(agent, epoch, seq, fact);
            }
            Record::KeyUsed { key, known } => {
                if self.keys.insert(key.clone(), known).is_some() {
                    return Err(format!("invariant_keys_are_used_once: {key}"));
                }
            }
            Record::DeletionTracked(tracked) => self.track(true_now, *tracked),
            Record::DeletionMoved { id, state, code, message, baseline, .. } => {
                let Some(deletion) = self.deletions.get_mut(&id) else {
                    return Err(format!("{id} moved untracked"));
                };
                if deletion.state.is_terminal() {
                    return Err(format!("invariant_ends_are_final: {id} moved after its end"));
                }
                deletion.state = state;
                deletion.row = DeletionRow { state, code, message, baseline, ..deletion.row.clone() };
            }
            Record::DeletionEnded { id, end, .. } => {
                let Some(deletion) = self.deletions.get_mut(&id) else {
                    return Err(format!("{id} ended untracked"));
                };
                if deletion.state.is_terminal() {
                    return Err(format!("invariant_ends_are_final: {id} ended twice"));
                }
                deletion.state = end.state;
                deletion.end = Some(*end);
            }
            Record::LateEvidence { id, .. } => {
                if self.deletions.get(&id).is_none_or(|d| d.state == DeletionState::Confirmed) {
                    return Err(format!("late evidence for {id}, which was confirmed or never asked for"));
                }
            }
            Record::ConditionChanged { store, from, to, .. } => {
                let before = self.conditions.insert(store, to);
                if before.is_some_and(|b| b != from) {
                    return Err(format!("{store} changed from {from:?}, but the ledger said {before:?}"));
                }
            }
        }
        Ok(())
    }

    fn accept(&mut self, agent: AgentId, epoch: Epoch, seq: Seq, fact: Fact) -> Result<(), String> {
        let mark = self.mark(&agent, epoch);
        if seq != mark.next() {
            return Err(format!("invariant_facts_exactly_once: {agent} fact {seq} after {mark}"));
        }
        if let Some(known) = self.agents.get_mut(&agent) {
            known.marks.retain(|(e, _)| *e != epoch);
            known.marks.push((epoch, seq));
        }
        self.facts.insert((agent, epoch, seq), fact);
        Ok(())
    }

    fn track(&mut self, true_now: i64, tracked: TrackedDeletion) {
        let row = DeletionRow {
            tracked: tracked.clone(),
            state: DeletionState::Pending,
            code: None,
            message: String::new(),
            baseline: None,
            ended_at: None,
            evidence: None,
            late_evidence: None,
        };
        let id = tracked.id;
        let deletion = LedgerDeletion {
            tracked,
            true_tracked_at: true_now,
            state: DeletionState::Pending,
            end: None,
            row,
        };
        self.deletions.insert(id, deletion);
    }

    pub(crate) fn mark(&self, agent: &AgentId, epoch: Epoch) -> Seq {
        let marks = self.agents.get(agent).map(|a| a.marks.as_slice()).unwrap_or_default();
        marks.iter().find(|(e, _)| *e == epoch).map(|(_, s)| *s).unwrap_or_default()
    }

    pub(crate) fn restored(&self) -> Restored {
        let pending =
            self.deletions.values().filter(|d| !d.state.is_terminal()).map(|d| d.row.clone()).collect();
        let unproven = self
            .deletions
            .iter()
            .filter(|(_, d)| matches!(d.state, DeletionState::Failed | DeletionState::Unknown))
            .map(|(id, d)| (*id, d.tracked.store))
            .collect();
        Restored {
            agents: self.agents.values().cloned().collect(),
            mounts: self.mounts.values().cloned().collect(),
            pending,
            unproven,
            conditions: self.conditions.iter().map(|(s, c)| (*s, *c)).collect(),
        }
    }
}
