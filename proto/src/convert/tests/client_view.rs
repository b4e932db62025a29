//! What clients see: ages instead of clocks, and every field in its place.

use super::arbitrary::Rng;
use crate::convert::{deletion_to_wire, enumeration, preflight_to_wire, store_to_wire};
use crate::v1;
use storewarden_types::condition::MountStanding;
use storewarden_types::*;

fn store_at(evidence: Option<Mono>, report: Option<MountReport>) -> StoreStatus {
    let agent = AgentId::parse("a1").unwrap();
    StoreStatus {
        id: StoreId::of(&agent, "/mnt/p", "h:/e", true),
        source: "h:/e".into(),
        fs_type: "nfs4".into(),
        kind: MountKind::Network,
        condition: Condition::Degraded,
        reasons: vec![Reason::new(Code::Slow, "slow")],
        evidence,
        mounts: vec![(agent, MountStanding { connected: true, report, mount_point: "/mnt/p".into() })],
        version: 17,
    }
}

#[test]
fn readings_become_ages_and_clocks_stay_clear() {
    let mut report = Rng::new(1).report();
    report.evidence = Some(Mono(-200));
    let mut seen = Rng::new(2).observation();
    seen.began = Mono(400);
    report.observations = vec![seen.clone(), Observation { began: Mono(2000), ..seen }];
    let wire = store_to_wire(&store_at(Some(Mono(300)), Some(report.clone())), Mono(1000));

    assert_eq!(wire.evidence_age_ms, Some(700));
    assert_eq!(wire.id, store_at(None, None).id.to_string());
    assert_eq!((wire.source.as_str(), wire.fs_type.as_str(), wire.version), ("h:/e", "nfs4", 17));
    assert_eq!((wire.kind(), wire.condition()), (v1::MountKind::Network, v1::Condition::Degraded));
    assert_eq!(wire.reasons, [v1::Reason { code: "SLOW".into(), message: "slow".into() }]);
    let [mount] = wire.mounts.as_slice() else { panic!("{:?}", wire.mounts) };
    assert_eq!((mount.agent.as_str(), mount.mount_point.as_str(), mount.connected), ("a1", "/mnt/p", true));
    let told = mount.report.as_ref().unwrap();
    assert_eq!((told.evidence_clock_ms, told.evidence_age_ms), (None, Some(1200)));
    let ages: Vec<_> = told.observations.iter().map(|seen| (seen.began_clock_ms, seen.age_ms)).collect();
    assert_eq!(ages, [(0, 600), (0, 0)], "an age is never negative");
    assert_eq!(told.watch, Some((&report.watch).into()));
}

#[test]
fn no_evidence_has_no_age() {
    let wire = store_to_wire(&store_at(None, None), Mono(1000));
    assert_eq!(wire.evidence_age_ms, None);
    assert_eq!(wire.mounts[0].report, None);
    let report = MountReport { evidence: None, ..Rng::new(3).report() };
    let wire = store_to_wire(&store_at(None, Some(report)), Mono(1000));
    assert_eq!(wire.mounts[0].report.as_ref().unwrap().evidence_age_ms, None);
}

#[test]
fn a_deletion_in_every_field() {
    let mut rng = Rng::new(4);
    let (evidence, late, file) = (rng.evidence(), rng.evidence(), rng.file());
    let tracked = TrackedDeletion {
        id: DeletionId::parse("01890a5d-ac96-774b-bcce-b302099a8057").unwrap(),
        store: StoreId::parse("7b0c3f5e-52c9-5bd1-9a35-6d1f8f0e7a21").unwrap(),
        path: StorePath::parse("d/f").unwrap(),
        key: "key".into(),
        index: 3,
        tracked_at: Wall(1_000),
        deadline_ms: 500,
    };
    let row = DeletionRow {
        tracked,
        state: DeletionState::Confirmed,
        code: Some(Code::Absent),
        message: "gone".into(),
        baseline: Some(file.clone()),
        ended_at: Some(Wall(1_200)),
        evidence: Some(evidence.clone()),
        late_evidence: Some(late.clone()),
    };
    let want = v1::Deletion {
        id: "01890a5d-ac96-774b-bcce-b302099a8057".into(),
        store_id: "7b0c3f5e-52c9-5bd1-9a35-6d1f8f0e7a21".into(),
        path: "d/f".into(),
        state: v1::DeletionState::Confirmed.into(),
        code: "ABSENT".into(),
        message: "gone".into(),
        tracked_at_ms: 1_000,
        deadline_at_ms: 1_500,
        ended_at_ms: Some(1_200),
        baseline: Some((&file).into()),
        evidence: Some((&evidence).into()),
        late_evidence: Some((&late).into()),
        key: "key".into(),
    };
    assert_eq!(deletion_to_wire(&row), want);

    let pending =
        DeletionRow { state: DeletionState::Pending, code: None, ended_at: None, evidence: None, ..row };
    let wire = deletion_to_wire(&pending);
    assert_eq!((wire.code.as_str(), wire.ended_at_ms, wire.evidence), ("", None, None));
}

#[test]
fn a_preflight_in_every_field() {
    let store = store_at(None, None).id;
    let answer = PreflightAnswer {
        decision: Decision::Deny,
        reasons: vec![Reason::new(Code::Hung, "hangs")],
        condition: Condition::Unavailable,
        evidence_age_ms: Some(9),
    };
    let want = v1::PreflightResponse {
        decision: v1::Decision::Deny.into(),
        reasons: vec![v1::Reason { code: "HUNG".into(), message: "hangs".into() }],
        condition: v1::Condition::Unavailable.into(),
        evidence_age_ms: Some(9),
        store_id: store.to_string(),
        probed: true,
    };
    assert_eq!(preflight_to_wire(&answer, store, true), want);
    assert_eq!(enumeration::<v1::Operation, _>("operation", 4), Ok(Operation::Gc));
}
