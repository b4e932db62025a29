//! Pairs of worker frame and value, written by hand. Continues [`super::pairs`].

use super::pairs::{file, gap, identity, outcomes, proof, said, sightings, watch};
use crate::convert::{
    ToWorkerMessage, decode_report, decode_to_worker, encode_report, encode_request, encode_start,
};
use crate::{v1, worker};
use storewarden_types::*;

#[test]
fn starts() {
    let start = worker::Start {
        mount_point: "/mnt/p".into(),
        source: "h:/e".into(),
        fs_type: "nfs4".into(),
        kind: 2,
        plugin_dir: "/lib/p".into(),
        probe_config: [("b".to_owned(), "{}".to_owned()), ("a".to_owned(), "[]".to_owned())].into(),
    };
    let frame = worker::ToWorker { message: Some(worker::to_worker::Message::Start(start)) };
    let mount = MountExpectation {
        mount_point: "/mnt/p".into(),
        source: "h:/e".into(),
        fs_type: "nfs4".into(),
        kind: MountKind::Local,
        identity: None,
    };
    let probe_config = vec![("a".into(), "[]".into()), ("b".into(), "{}".into())];
    let value = WorkerStart { mount, plugin_dir: "/lib/p".into(), probe_config };
    assert_eq!(encode_start(&value), frame);
    assert_eq!(decode_to_worker(frame.clone()), Ok(ToWorkerMessage::Start(value.clone())));

    // The identity goes with each request, never with the start.
    let pinned = MountExpectation { identity: Some(identity().1), ..value.mount };
    assert_eq!(encode_start(&WorkerStart { mount: pinned, ..value }), frame);
}

#[test]
fn requests() {
    use worker::request::Op as Wire;
    let run = worker::RunProbe { name: "mount".into(), deadline_ms: 1, identity: Some(identity().0) };
    let item = worker::VerifyItem { path: "d/f".into(), baseline: Some(file().0) };
    let verify = worker::Verify { identity: Some(identity().0), items: vec![item] };
    let item = VerifyItem { path: StorePath::parse("d/f").unwrap(), baseline: Some(file().1) };
    let pairs = [
        (Wire::Identify(worker::Identify {}), WorkerOp::Identify),
        (
            Wire::Probe(run),
            WorkerOp::Probe { name: "mount".into(), deadline_ms: 1, identity: Some(identity().1) },
        ),
        (Wire::Verify(verify), WorkerOp::Verify { identity: identity().1, items: vec![item] }),
        (
            Wire::Watch(worker::StartWatch { directories_max: 2, names_max: 3 }),
            WorkerOp::StartWatch { directories_max: 2, names_max: 3 },
        ),
    ];
    for (wire, op) in pairs {
        let request = worker::Request { id: 4, op: Some(wire) };
        let frame = worker::ToWorker { message: Some(worker::to_worker::Message::Request(request)) };
        assert_eq!(encode_request(4, &op), frame);
        assert_eq!(decode_to_worker(frame), Ok(ToWorkerMessage::Request { id: 4, op }));
    }
}

fn results() -> Vec<(worker::response::Result, WorkerResult)> {
    use worker::response::Result as Wire;
    let looks = |(wire, _)| v1::Look { began_at_ms: 5, outcome: Some(wire) };
    let verified = worker::Verified {
        proof: Some(proof().0),
        looks: outcomes().map(looks).to_vec(),
        began_at_ms: 5,
        ended_at_ms: 6,
    };
    let looks = outcomes().map(|(_, outcome)| outcome).to_vec();
    let verified_value = Verified { proof: proof().1, looks, began_at: Wall(5), ended_at: Wall(6) };
    let reason = v1::Reason { code: "WRONG_STORE".into(), message: "other".into() };
    vec![
        (Wire::Identified(identity().0), WorkerResult::Identified(identity().1)),
        (Wire::Observation(said().0), WorkerResult::Observed(said().1)),
        (Wire::Verified(verified), WorkerResult::Verified(verified_value)),
        (Wire::WatchStarted(worker::WatchStarted {}), WorkerResult::WatchStarted),
        (Wire::Failed(reason), WorkerResult::Failed(Reason::new(Code::WrongStore, "other"))),
    ]
}

#[test]
fn reports() {
    use worker::from_worker::Message as Wire;
    let probe = worker::ProbeInfo {
        name: "mount".into(),
        version: "2".into(),
        default_interval_ms: 7,
        default_deadline_ms: 8,
    };
    let ready = worker::Ready { probes: vec![probe], faults: vec!["bad.so".into()] };
    let probe = ProbeInfo {
        name: "mount".into(),
        version: "2".into(),
        default_interval_ms: 7,
        default_deadline_ms: 8,
    };
    let mut pairs = vec![
        (Wire::Ready(ready), WorkerReport::Ready { probes: vec![probe], faults: vec!["bad.so".into()] }),
        (Wire::Sightings(sightings().0), WorkerReport::Sightings(sightings().1)),
        (Wire::Gap(gap().0), WorkerReport::Gap(gap().1)),
        (Wire::Watch(watch().0), WorkerReport::Watch(watch().1)),
        (
            Wire::Log(worker::Log { level: 2, message: "line".into() }),
            WorkerReport::Log { level: 2, message: "line".into() },
        ),
    ];
    for (wire, result) in results() {
        let response = worker::Response { id: 9, took_us: 10, result: Some(wire) };
        pairs.push((Wire::Response(response), WorkerReport::Response { id: 9, took_us: 10, result }));
    }
    for (wire, value) in pairs {
        let frame = worker::FromWorker { message: Some(wire) };
        assert_eq!(encode_report(&value), frame);
        assert_eq!(decode_report(frame), Ok(value));
    }
}
