//! What is taken although it is out of bounds or unknown: text for people is clipped, unknown codes are kept as words.

use super::arbitrary::Rng;
use crate::convert::{PROBES_MAX, REASONS_MAX, decode_report};
use crate::{v1, worker};
use storewarden_types::limits::{NAME_BYTES_MAX, TEXT_BYTES_MAX};
use storewarden_types::*;

#[test]
fn long_messages_are_cut_at_a_character() {
    let reason = v1::Reason { code: "HUNG".into(), message: "ä".repeat(TEXT_BYTES_MAX) };
    let reason = Reason::try_from(reason).unwrap();
    assert_eq!(reason.message, "ä".repeat(TEXT_BYTES_MAX / 2));
    let reason = Reason::try_from(v1::Reason {
        code: "HUNG".into(),
        message: format!("x{}", "ä".repeat(TEXT_BYTES_MAX)),
    });
    assert_eq!(reason.unwrap().message.len(), TEXT_BYTES_MAX - 1);
}

#[test]
fn an_unknown_code_is_a_failure_whose_word_is_kept() {
    let reason = Reason::try_from(v1::Reason { code: "FROM_TOMORROW".into(), message: "it broke".into() });
    assert_eq!(reason, Ok(Reason::new(Code::ProbeFailed, "FROM_TOMORROW: it broke")));
    let shouted = v1::Reason { code: "W".repeat(1 << 20), message: "m".repeat(1 << 20) };
    let reason = Reason::try_from(shouted).unwrap();
    assert_eq!(reason.message.len(), TEXT_BYTES_MAX);
    assert!(reason.message.starts_with(&format!("{}: mmm", "W".repeat(64))));
}

#[test]
fn ok_for_an_unknown_reason_is_not_ok() {
    let with = |verdict: v1::Verdict, code: &str| {
        let wire = v1::Observation {
            probe: "p".into(),
            verdict: verdict.into(),
            code: code.into(),
            ..Default::default()
        };
        let seen = Observation::try_from(wire).unwrap();
        (seen.verdict, seen.code)
    };
    assert_eq!(with(v1::Verdict::Ok, "FROM_TOMORROW"), (Verdict::Unknown, Code::ProbeFailed));
    assert_eq!(with(v1::Verdict::Crit, "FROM_TOMORROW"), (Verdict::Crit, Code::ProbeFailed));
    assert_eq!(with(v1::Verdict::Ok, "OK"), (Verdict::Ok, Code::Ok));
}

#[test]
fn the_tail_of_reasons_and_faults_is_cut() {
    let mut report = v1::MountReport::from(&Rng::new(1).report());
    report.reasons = (0..1000).map(|n| v1::Reason { code: "HUNG".into(), message: n.to_string() }).collect();
    let reasons = MountReport::try_from(report).unwrap().reasons;
    assert_eq!(reasons.len(), REASONS_MAX);
    assert_eq!(reasons[0].message, "0", "the worst comes first and is kept");

    let ready = worker::Ready { probes: Vec::new(), faults: vec!["f".repeat(5000); 1000] };
    let frame = worker::FromWorker { message: Some(worker::from_worker::Message::Ready(ready)) };
    let faults = vec!["f".repeat(TEXT_BYTES_MAX); PROBES_MAX];
    assert_eq!(decode_report(frame), Ok(WorkerReport::Ready { probes: Vec::new(), faults }));
}

#[test]
fn host_and_version_are_for_people() {
    let hello = v1::Hello {
        agent_id: "a".into(),
        epoch: vec![0; 16],
        next_seq: 1,
        host: "h".repeat(5000),
        version: "v".repeat(5000),
        ..Default::default()
    };
    let hello = Hello::try_from(hello).unwrap();
    assert_eq!((hello.host.len(), hello.version.len()), (NAME_BYTES_MAX, NAME_BYTES_MAX));
}

#[test]
fn ages_are_for_clients_and_not_read_back() {
    let report = Rng::new(2).report();
    let mut wire = v1::MountReport::from(&report);
    wire.evidence_age_ms = Some(1);
    for seen in &mut wire.observations {
        seen.age_ms = 1;
    }
    assert_eq!(MountReport::try_from(wire), Ok(report));
}
