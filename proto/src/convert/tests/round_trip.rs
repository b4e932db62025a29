//! What goes out comes back the same, over real bytes: 500 random values of every root message.

use super::arbitrary::Rng;
use crate::convert::{
    ToWorkerMessage, decode_event, decode_report, decode_response, decode_to_worker, encode_record,
    encode_report, encode_request, encode_response, encode_start,
};
use crate::v1;
use prost::Message;
use std::collections::BTreeSet;
use storewarden_types::{AgentMessage, KnownKey, Record};

const VALUES: u64 = 500;

/// The same message after a trip over the wire.
fn wired<M: Message + Default>(message: &M) -> M {
    M::decode(message.encode_to_vec().as_slice()).unwrap()
}

/// Name of an enum's variant, for "was every one of them met".
fn variant(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}").split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

#[test]
fn agent_messages() {
    let mut met = BTreeSet::new();
    for seed in 0..VALUES {
        let message = Rng::new(seed).agent_message();
        assert_eq!(
            AgentMessage::try_from(wired(&v1::SessionRequest::from(&message))).as_ref(),
            Ok(&message),
            "seed {seed}"
        );
        met.insert(variant(&message));
    }
    assert_eq!(met.len(), 5, "{met:?}");
}

#[test]
fn controller_messages() {
    let mut met = BTreeSet::new();
    for seed in 0..VALUES {
        let (clock, message) = Rng::new(seed).controller_message();
        let back = decode_response(wired(&encode_response(clock, &message)));
        met.insert(variant(&message));
        assert_eq!(back, Ok((clock, message)), "seed {seed}");
    }
    assert_eq!(met.len(), 7, "{met:?}");
}

#[test]
fn words_to_a_worker() {
    for seed in 0..VALUES {
        let mut rng = Rng::new(seed);
        let (start, id, op) = (rng.start(), rng.next(), rng.op());
        let back = decode_to_worker(wired(&encode_start(&start)));
        assert_eq!(back, Ok(ToWorkerMessage::Start(start)), "seed {seed}");
        let back = decode_to_worker(wired(&encode_request(id, &op)));
        assert_eq!(back, Ok(ToWorkerMessage::Request { id, op }), "seed {seed}");
    }
}

#[test]
fn reports_of_a_worker() {
    let mut met = BTreeSet::new();
    for seed in 0..VALUES {
        let report = Rng::new(seed).worker_report();
        assert_eq!(decode_report(wired(&encode_report(&report))).as_ref(), Ok(&report), "seed {seed}");
        met.insert(variant(&report));
    }
    assert_eq!(met.len(), 6, "{met:?}");
}

#[test]
fn records() {
    let mut met = BTreeSet::new();
    for seed in 0..VALUES {
        let mut rng = Rng::new(seed);
        let (cursor, record) = (rng.next(), rng.record());
        let event = encode_record(cursor, &record).expect("every record but KeyUsed has an event");
        met.insert(variant(&record));
        assert_eq!(decode_event(wired(&event)), Ok((cursor, record)), "seed {seed}");
    }
    assert_eq!(met.len(), 9, "{met:?}");
}

#[test]
fn a_used_key_has_no_event() {
    let known = KnownKey { fingerprint: [7; 32], deletions: Vec::new() };
    assert_eq!(encode_record(1, &Record::KeyUsed { key: "k".into(), known }), None);
}
