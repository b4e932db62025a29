//! What clients see of stores, deletions and preflights. Owns the way out only: requests are read by the services.
//!
//! Clients know no monotonic clock of ours, so every reading of it becomes an age at the moment of the answer, and the
//! `*_clock_ms` fields stay clear.

use super::word::{reasons_to_wire, word_of};
use crate::v1;
use storewarden_types::condition::MountStanding;
use storewarden_types::{
    AgentId, DeletionRow, Mono, MountReport, Observation, PreflightAnswer, StoreId, StoreStatus,
};

/// A store as it stands at `now`, a reading of the controller's clock.
#[must_use]
pub fn store_to_wire(store: &StoreStatus, now: Mono) -> v1::Store {
    v1::Store {
        id: store.id.to_string(),
        source: store.source.clone(),
        fs_type: store.fs_type.clone(),
        kind: v1::MountKind::from(store.kind).into(),
        condition: v1::Condition::from(store.condition).into(),
        reasons: reasons_to_wire(&store.reasons),
        evidence_age_ms: store.evidence.map(|at| now.since(at)),
        mounts: store.mounts.iter().map(|(agent, standing)| mount_to_wire(agent, standing, now)).collect(),
        version: store.version,
    }
}

fn mount_to_wire(agent: &AgentId, standing: &MountStanding, now: Mono) -> v1::StoreMount {
    v1::StoreMount {
        agent: agent.as_str().into(),
        mount_point: standing.mount_point.clone(),
        connected: standing.connected,
        report: standing.report.as_ref().map(|report| report_to_wire(report, now)),
    }
}

/// A mount's last report as a client sees it at `now`, a reading of the controller's clock.
#[must_use]
pub fn report_to_wire(report: &MountReport, now: Mono) -> v1::MountReport {
    v1::MountReport {
        evidence_clock_ms: None,
        evidence_age_ms: report.evidence.map(|at| now.since(at)),
        observations: report.observations.iter().map(|seen| observation_to_wire(seen, now)).collect(),
        ..report.into()
    }
}

fn observation_to_wire(seen: &Observation, now: Mono) -> v1::Observation {
    v1::Observation { began_clock_ms: 0, age_ms: now.since(seen.began), ..seen.into() }
}

/// A deletion as a reader finds it in the ledger.
#[must_use]
pub fn deletion_to_wire(row: &DeletionRow) -> v1::Deletion {
    let tracked = &row.tracked;
    v1::Deletion {
        id: tracked.id.to_string(),
        store_id: tracked.store.to_string(),
        path: tracked.path.as_str().into(),
        state: v1::DeletionState::from(row.state).into(),
        code: word_of(row.code),
        message: row.message.clone(),
        tracked_at_ms: tracked.tracked_at.0,
        deadline_at_ms: tracked.tracked_at.plus(tracked.deadline_ms).0,
        ended_at_ms: row.ended_at.map(|at| at.0),
        baseline: row.baseline.as_ref().map(v1::FileIdentity::from),
        evidence: row.evidence.as_ref().map(v1::Evidence::from),
        late_evidence: row.late_evidence.as_ref().map(v1::Evidence::from),
        key: tracked.key.clone(),
    }
}

/// The answer of a preflight on `store`; `probed` tells whether a probe was run for it.
#[must_use]
pub fn preflight_to_wire(answer: &PreflightAnswer, store: StoreId, probed: bool) -> v1::PreflightResponse {
    v1::PreflightResponse {
        decision: v1::Decision::from(answer.decision).into(),
        reasons: reasons_to_wire(&answer.reasons),
        condition: v1::Condition::from(answer.condition).into(),
        evidence_age_ms: answer.evidence_age_ms,
        store_id: store.to_string(),
        probed,
    }
}
