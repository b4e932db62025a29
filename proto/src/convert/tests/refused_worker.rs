//! Bad worker frames and bad events. Continues [`super::refused`].

use super::arbitrary::Rng;
use super::refused::{first, says};
use crate::convert::{
    DecodeError, PROBES_MAX, PROOF_STEPS_MAX, decode_event, decode_report, decode_to_worker, encode_record,
    encode_request,
};
use crate::{v1, worker};
use storewarden_types::limits::{KEY_BYTES_MAX, VERIFY_BATCH_MAX};
use storewarden_types::*;

fn verify_with(change: impl FnOnce(&mut worker::Verify)) -> Result<(), DecodeError> {
    let op = first(|rng| Some(rng.op()).filter(|op| matches!(op, WorkerOp::Verify { .. })));
    let mut frame = encode_request(1, &op);
    if let Some(worker::to_worker::Message::Request(request)) = &mut frame.message
        && let Some(worker::request::Op::Verify(verify)) = &mut request.op
    {
        change(verify);
    }
    decode_to_worker(frame).map(drop)
}

#[test]
fn words_to_a_worker() {
    let item = worker::VerifyItem { path: "p".into(), baseline: None };
    verify_with(|v| v.items = vec![item.clone(); VERIFY_BATCH_MAX]).expect("the bound itself");
    says(
        verify_with(|v| v.items = vec![item.clone(); VERIFY_BATCH_MAX + 1]),
        "request.verify.items: has 65 items; at most 64 are allowed",
    );
    says(verify_with(|v| v.items.clear()), "request.verify.items: is required and absent");
    says(verify_with(|v| v.identity = None), "request.verify.identity: is required and absent");
    let baseline = Some(v1::FileIdentity { kind: 5, ..Default::default() });
    says(
        verify_with(|v| v.items[0] = worker::VerifyItem { path: "p".into(), baseline }),
        "request.verify.items[0].baseline.kind: holds the unknown value 5",
    );
    says(decode_to_worker(worker::ToWorker { message: None }).map(drop), "message: is required and absent");
    let request = worker::Request { id: 1, op: None };
    let frame = worker::ToWorker { message: Some(worker::to_worker::Message::Request(request)) };
    says(decode_to_worker(frame).map(drop), "request.op: is required and absent");
}

#[test]
fn reports_of_a_worker() {
    use worker::from_worker::Message;
    use worker::response::Result as Outcome;
    let said = |message| decode_report(worker::FromWorker { message }).map(drop);
    let answer = |result| said(Some(Message::Response(worker::Response { id: 1, took_us: 1, result })));
    says(said(None), "message: is required and absent");
    says(answer(None), "response.result: is required and absent");
    for level in [0, 5] {
        let log = worker::Log { level, message: "m".into() };
        says(said(Some(Message::Log(log))), &format!("log.level: is {level}; 1 to 4 are allowed"));
    }
    let probe = worker::ProbeInfo { name: "p".into(), ..Default::default() };
    let ready = worker::Ready { probes: vec![probe; PROBES_MAX + 1], faults: Vec::new() };
    says(said(Some(Message::Ready(ready))), "ready.probes: has 65 items; at most 64 are allowed");

    let look = v1::Look { began_at_ms: 0, outcome: Some(v1::look::Outcome::Absent("h".into())) };
    let good = worker::Verified {
        proof: Some(v1::ProofSummary::default()),
        looks: vec![look],
        ..Default::default()
    };
    answer(Some(Outcome::Verified(good.clone()))).expect("good before the change");
    let with = |change: fn(&mut worker::Verified)| {
        let mut bad = good.clone();
        change(&mut bad);
        answer(Some(Outcome::Verified(bad)))
    };
    says(with(|v| v.proof = None), "response.verified.proof: is required and absent");
    says(with(|v| v.looks[0].outcome = None), "response.verified.looks[0].outcome: is required and absent");
    says(
        with(|v| v.looks[0].outcome = Some(v1::look::Outcome::SillyRenamed("a/b".into()))),
        "response.verified.looks[0].silly_renamed: is a path; the name of one entry is wanted",
    );
    says(
        with(|v| v.looks = vec![v.looks[0].clone(); VERIFY_BATCH_MAX + 1]),
        "response.verified.looks: has 65 items; at most 64 are allowed",
    );
    says(
        with(|v| {
            v.proof = Some(v1::ProofSummary {
                after: vec![String::new(); PROOF_STEPS_MAX + 1],
                ..Default::default()
            });
        }),
        "response.verified.proof.after: has 33 items; at most 32 are allowed",
    );
}

/// A good event of the kind that `is` picks, with one change.
fn event_with(is: impl Fn(&Record) -> bool, change: impl FnOnce(&mut v1::Event)) -> Result<(), DecodeError> {
    let record = first(|rng: &mut Rng| Some(rng.record()).filter(&is));
    let mut event = encode_record(1, &record).expect("has an event");
    change(&mut event);
    decode_event(event).map(drop)
}

#[test]
fn events() {
    use v1::event::Event;
    let tracked = |record: &Record| matches!(record, Record::DeletionTracked(_));
    says(event_with(tracked, |e| e.event = None), "event: is required and absent");
    says(
        event_with(tracked, |e| e.store_id = "s".into()),
        "deletion_tracked.store_id: store id \"s\": must be a UUID of 36 characters",
    );
    let long_key = |e: &mut v1::Event| {
        if let Some(Event::DeletionTracked(body)) = &mut e.event {
            body.key = "k".repeat(KEY_BYTES_MAX + 1);
        }
    };
    says(event_with(tracked, long_key), "deletion_tracked.key: has 257 bytes; at most 256 are allowed");

    let seen = |record: &Record| matches!(record, Record::AgentSeen { .. });
    says(
        event_with(seen, |e| e.agent.clear()),
        "agent_seen.agent: agent id \"\": must have 1 to 128 characters",
    );

    let state = |raw: i32| {
        move |e: &mut v1::Event| match &mut e.event {
            Some(Event::DeletionMoved(body)) => body.state = raw,
            Some(Event::DeletionEnded(body)) => body.state = raw,
            _ => unreachable!("only asked for these two"),
        }
    };
    let moved = |record: &Record| matches!(record, Record::DeletionMoved { .. });
    let confirmed = |record: &Record| matches!(record, Record::DeletionEnded { end, .. } if end.state == DeletionState::Confirmed);
    says(
        event_with(moved, state(3)),
        "deletion_moved.state: is an end; a deletion moves between pending states",
    );
    says(event_with(confirmed, state(1)), "deletion_ended.state: is pending; a deletion ends in an end");
    // Evidence without CONFIRMED, and the worst of all: CONFIRMED without evidence.
    let evidence = "deletion_ended.evidence: must be there exactly when CONFIRMED";
    says(event_with(confirmed, state(4)), evidence);
    let unproven = |e: &mut v1::Event| {
        if let Some(Event::DeletionEnded(body)) = &mut e.event {
            body.evidence = None;
        }
    };
    says(event_with(confirmed, unproven), evidence);
}
