//! Pairs of message and value written by hand, each field with a value of its own, so that two fields exchanged on
//! both ways cannot go unnoticed.

use crate::convert::{decode_response, encode_response};
use crate::v1;
use storewarden_types::*;

pub(super) const DELETION: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
pub(super) const STORE: &str = "7b0c3f5e-52c9-5bd1-9a35-6d1f8f0e7a21";
pub(super) const EPOCH: u128 = 0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10;

pub(super) fn epoch_bytes() -> Vec<u8> {
    (1..=16).collect()
}

pub(super) fn id() -> DeletionId {
    DeletionId::parse(DELETION).unwrap()
}

pub(super) fn store() -> StoreId {
    StoreId::parse(STORE).unwrap()
}

pub(super) fn agent() -> AgentId {
    AgentId::parse("a1").unwrap()
}

pub(super) fn file() -> (v1::FileIdentity, FileIdentity) {
    let wire = v1::FileIdentity { file_id: 1, ctime_ns: 2, btime_ns: Some(3), size: 4, kind: 2, links: 5 };
    let kind = FileKind::Directory;
    (wire, FileIdentity { file_id: 1, ctime_ns: 2, btime_ns: Some(3), size: 4, kind, links: 5 })
}

pub(super) fn identity() -> (v1::MountIdentity, MountIdentity) {
    let wire = v1::MountIdentity {
        root_handle: "abcd".into(),
        root_inode: 7,
        root_birth_ns: -8,
        file_id: "store-1".into(),
    };
    let root_handle = Some("abcd".into());
    (wire, MountIdentity { root_handle, root_inode: Some((7, -8)), file_id: Some("store-1".into()) })
}

pub(super) fn proof() -> (v1::ProofSummary, ProofSummary) {
    let (before, after) = (vec!["b1".to_owned(), "b2".to_owned()], vec!["a1".to_owned()]);
    let wire = v1::ProofSummary { mount_id: 11, before: before.clone(), after: after.clone(), took_us: 12 };
    (wire, ProofSummary { mount_id: 11, before, after, took_us: 12 })
}

pub(super) fn evidence() -> (v1::Evidence, Evidence) {
    let wire = v1::Evidence {
        agent: "a1".into(),
        mount_point: "/mnt/p".into(),
        source: "h:/e".into(),
        fs_type: "nfs4".into(),
        kind: 1,
        identity: Some(identity().0),
        proof: Some(proof().0),
        how: "ENOENT twice".into(),
        began_at_ms: 21,
        ended_at_ms: 22,
        baseline: Some(file().0),
        sightings: 23,
    };
    let value = Evidence {
        agent: agent(),
        mount_point: "/mnt/p".into(),
        source: "h:/e".into(),
        fs_type: "nfs4".into(),
        kind: MountKind::Network,
        identity: identity().1,
        proof: proof().1,
        how: "ENOENT twice".into(),
        began_at: Wall(21),
        ended_at: Wall(22),
        baseline: Some(file().1),
        sightings: 23,
    };
    (wire, value)
}

pub(super) fn said() -> (v1::Observation, ProbeSaid) {
    let metric = v1::Metric { name: "statx_seconds".into(), value: 0.25 };
    let wire = v1::Observation {
        probe: "mount".into(),
        verdict: 2,
        code: "SLOW".into(),
        message: "late".into(),
        metrics: vec![metric],
        ..Default::default()
    };
    let metrics = vec![Metric { name: "statx_seconds".into(), value: 0.25 }];
    let (probe, message) = ("mount".into(), "late".into());
    (wire, ProbeSaid { probe, verdict: Verdict::Warn, code: Code::Slow, message, metrics })
}

pub(super) fn watch() -> (v1::WatchStatus, WatchStatus) {
    let message = "budget".to_owned();
    let wire =
        v1::WatchStatus { state: 4, directories: 31, indexed: 32, overflows: 33, message: message.clone() };
    (wire, WatchStatus { state: WatchState::Partial, directories: 31, indexed: 32, overflows: 33, message })
}

fn report() -> (v1::MountReport, MountReport) {
    let (observation, ProbeSaid { probe, verdict, code, message, metrics }) = said();
    let wire = v1::MountReport {
        mount_point: "/mnt/p".into(),
        source: "h:/e".into(),
        fs_type: "nfs4".into(),
        kind: 1,
        identity: Some(identity().0),
        condition: 2,
        reasons: vec![v1::Reason { code: "SLOW".into(), message: "why".into() }],
        evidence_clock_ms: Some(-41),
        observations: vec![v1::Observation { began_clock_ms: 42, took_us: 43, ..observation }],
        watch: Some(watch().0),
        stuck_workers: 44,
        evidence_age_ms: None,
    };
    let began = Mono(42);
    let value = MountReport {
        mount_point: "/mnt/p".into(),
        source: "h:/e".into(),
        fs_type: "nfs4".into(),
        kind: MountKind::Network,
        identity: Some(identity().1),
        condition: Condition::Degraded,
        reasons: vec![Reason::new(Code::Slow, "why")],
        evidence: Some(Mono(-41)),
        observations: vec![Observation { probe, verdict, code, message, metrics, began, took_us: 43 }],
        watch: watch().1,
        stuck_workers: 44,
    };
    (wire, value)
}

pub(super) fn sightings() -> (v1::Sightings, Sightings) {
    let item = v1::Sighting { path: "d/f".into(), kind: 3, directory: true };
    let wire = v1::Sightings { mount_point: "/mnt/p".into(), source: 2, items: vec![item], at_ms: 51 };
    let item = Sighting { path: "d/f".into(), kind: SightingKind::MissingAtRescan, directory: true };
    let source = SightingSource::Rescan;
    (wire, Sightings { mount_point: "/mnt/p".into(), source, items: vec![item], at: Wall(51) })
}

pub(super) fn gap() -> (v1::Gap, Gap) {
    let (mount_point, message) = ("/mnt/p".to_owned(), "overflow".to_owned());
    let wire = v1::Gap {
        mount_point: mount_point.clone(),
        cause: 3,
        complete: true,
        missing: 61,
        present: 62,
        at_ms: 63,
        message: message.clone(),
    };
    let (cause, at) = (GapCause::Budget, Wall(63));
    (wire, Gap { mount_point, cause, complete: true, missing: 61, present: 62, at, message })
}

pub(super) fn facts() -> (Vec<v1::Fact>, Vec<Fact>) {
    use v1::fact::Fact as Wire;
    let deletion_id = || DELETION.to_owned();
    let wire = [
        Wire::Sightings(sightings().0),
        Wire::Gap(gap().0),
        Wire::Baseline(v1::Baseline { deletion_id: deletion_id(), file: Some(file().0) }),
        Wire::Absent(v1::Absent { deletion_id: deletion_id(), evidence: Some(evidence().0) }),
    ];
    let values = vec![
        Fact::Sightings(sightings().1),
        Fact::Gap(gap().1),
        Fact::Baseline { deletion: id(), file: file().1 },
        Fact::Absent { deletion: id(), evidence: Box::new(evidence().1) },
    ];
    (wire.into_iter().map(|fact| v1::Fact { fact: Some(fact) }).collect(), values)
}

pub(super) fn outcomes() -> [(v1::look::Outcome, LookOutcome); 4] {
    use v1::look::Outcome as Wire;
    let reason = v1::Reason { code: "HUNG".into(), message: "stat".into() };
    let seen = v1::SeenFile { file: Some(file().0), replaced: true };
    [
        (Wire::Absent("listed".into()), LookOutcome::Absent { how: "listed".into() }),
        (Wire::Present(seen), LookOutcome::Present(SeenFile { file: file().1, replaced: true })),
        (Wire::SillyRenamed(".nfs01".into()), LookOutcome::SillyRenamed { name: ".nfs01".into() }),
        (Wire::Unverifiable(reason), LookOutcome::Unverifiable { code: Code::Hung, detail: "stat".into() }),
    ]
}

#[test]
fn session_requests() {
    use v1::session_request::Message as Wire;
    let hello = v1::Hello {
        agent_id: "a1".into(),
        instance: 71,
        epoch: epoch_bytes(),
        next_seq: 72,
        host: "h1".into(),
        version: "1.2".into(),
        mounts: vec![report().0],
    };
    let hello_value = Hello {
        agent: agent(),
        instance: InstanceId(71),
        epoch: Epoch(EPOCH),
        next_seq: Seq(72),
        host: "h1".into(),
        version: "1.2".into(),
        mounts: vec![report().1],
    };
    let changed = v1::MountChanged { rev: 73, mount: Some(report().0) };
    let forgotten = v1::MountForgotten { rev: 74, mount_point: "/mnt/p".into() };
    let mut pairs = vec![
        (Wire::Hello(hello), AgentMessage::Hello(Box::new(hello_value))),
        (
            Wire::MountChanged(changed),
            AgentMessage::Mount { rev: 73, delta: MountDelta::Changed(Box::new(report().1)) },
        ),
        (
            Wire::MountForgotten(forgotten),
            AgentMessage::Mount { rev: 74, delta: MountDelta::Forgotten { mount_point: "/mnt/p".into() } },
        ),
        (
            Wire::Facts(v1::Facts { first_seq: 75, items: facts().0 }),
            AgentMessage::Facts { first: Seq(75), items: facts().1 },
        ),
        (Wire::Heartbeat(v1::Heartbeat {}), AgentMessage::Heartbeat),
    ];
    for (wire, outcome) in outcomes() {
        let look = v1::Look { began_at_ms: 76, outcome: Some(wire) };
        let look =
            v1::LookReport { deletion_id: DELETION.into(), rev: 77, look: Some(look), began_clock_ms: -78 };
        let value = Look { outcome, began_at: Wall(76) };
        pairs.push((
            Wire::Look(look),
            AgentMessage::Look { deletion: id(), rev: 77, look: value, began: Mono(-78) },
        ));
    }
    for (wire, value) in pairs {
        let wire = v1::SessionRequest { message: Some(wire) };
        assert_eq!(v1::SessionRequest::from(&value), wire);
        assert_eq!(AgentMessage::try_from(wire), Ok(value));
    }
}

#[test]
fn session_responses() {
    use v1::session_response::Message as Wire;
    let order = v1::VerifyOrder {
        deletion_id: DELETION.into(),
        mount_point: "/mnt/p".into(),
        path: "d/f".into(),
        due_in_ms: 81,
        baseline: Some(file().0),
    };
    let order_value = VerifyOrder {
        deletion: id(),
        mount_point: "/mnt/p".into(),
        path: StorePath::parse("d/f").unwrap(),
        due_in_ms: 81,
        baseline: Some(file().1),
    };
    let refuse = v1::Refuse { code: "OUTBOX_ROLLED_BACK".into(), message: "old".into() };
    let pairs = [
        (
            Wire::Welcome(v1::Welcome { acked_seq: 82, heartbeat_ms: 83 }),
            ControllerMessage::Welcome(Welcome { acked: Seq(82), clock: Mono(-84), heartbeat_ms: 83 }),
        ),
        (Wire::Ack(v1::Ack { through_seq: 85 }), ControllerMessage::Ack { through: Seq(85) }),
        (
            Wire::Verify(v1::VerifyOrders { orders: vec![order] }),
            ControllerMessage::Verify(vec![order_value]),
        ),
        (
            Wire::Release(v1::ReleaseOrders { deletion_ids: vec![DELETION.into()] }),
            ControllerMessage::Release(vec![id()]),
        ),
        (
            Wire::Probe(v1::ProbeOrder { mount_point: "/mnt/p".into() }),
            ControllerMessage::Probe { mount_point: "/mnt/p".into() },
        ),
        (Wire::Heartbeat(v1::Heartbeat {}), ControllerMessage::Heartbeat),
        (
            Wire::Refuse(refuse),
            ControllerMessage::Refuse { code: Code::OutboxRolledBack, message: "old".into() },
        ),
    ];
    for (wire, value) in pairs {
        let wire = v1::SessionResponse { clock_ms: -84, message: Some(wire) };
        assert_eq!(encode_response(Mono(-84), &value), wire);
        assert_eq!(decode_response(wire), Ok((Mono(-84), value)));
    }
}
