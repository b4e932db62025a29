//! Damaged messages: whatever arrives, the answer is a value or an error, never a panic; and what is taken is within
//! the bounds, so that it goes out and comes back unchanged.

use super::arbitrary::Rng;
use crate::convert::{
    DecodeError, ToWorkerMessage, decode_event, decode_report, decode_response, decode_to_worker,
    encode_record, encode_report, encode_request, encode_response, encode_start,
};
use crate::frame::{encode_frame, read_frame};
use crate::{v1, worker};
use prost::Message;
use std::fmt::Debug;
use storewarden_types::{AgentMessage, Mono, Record};

/// Of each of the five root messages.
const MUTATIONS: u64 = 10_000;

/// One to four damages: a bit, a byte, a cut, a doubled stretch, or bytes from nowhere.
fn damage(rng: &mut Rng, bytes: &mut Vec<u8>) {
    for _ in 0..=rng.below(4) {
        if bytes.is_empty() {
            bytes.push(rng.next().to_le_bytes()[0]);
        }
        let at = rng.below(bytes.len());
        match rng.below(5) {
            0 => bytes[at] ^= 1 << rng.below(8),
            1 => bytes[at] = rng.next().to_le_bytes()[0],
            2 => bytes.truncate(at),
            3 => {
                let to = at + rng.below(bytes.len() - at);
                let stretch = bytes[at..to].to_vec();
                bytes.splice(at..at, stretch);
            }
            _ => {
                bytes.splice(at..at, rng.next().to_le_bytes());
            }
        }
    }
}

/// Feeds damaged encodings of `make` to prost and `decode`; what is taken must survive `encode` and `decode`.
fn storm<W: Message + Default, D: Debug + PartialEq>(
    make: impl Fn(&mut Rng) -> W,
    decode: impl Fn(W) -> Result<D, DecodeError>,
    encode: impl Fn(&D) -> W,
) {
    let (mut no_message, mut refused, mut taken) = (0, 0, 0);
    for seed in 0..MUTATIONS {
        let mut rng = Rng::new(seed);
        let mut bytes = make(&mut rng).encode_to_vec();
        damage(&mut rng, &mut bytes);
        let Ok(wire) = W::decode(bytes.as_slice()) else {
            no_message += 1;
            continue;
        };
        match decode(wire) {
            Ok(value) => {
                taken += 1;
                assert_eq!(decode(encode(&value)).as_ref(), Ok(&value), "seed {seed}");
            }
            Err(error) => {
                refused += 1;
                assert!(!error.field.is_empty(), "seed {seed}: {error}");
            }
        }
    }
    // Each of the three ways out must really have been gone, or this test would show nothing.
    for (way, times) in [("no message", no_message), ("refused", refused), ("taken", taken)] {
        assert!(times > MUTATIONS / 100, "{way}: {times}");
    }
}

#[test]
fn damaged_agent_messages() {
    storm(
        |rng| v1::SessionRequest::from(&rng.agent_message()),
        AgentMessage::try_from,
        |message: &AgentMessage| message.into(),
    );
}

#[test]
fn damaged_controller_messages() {
    let make = |rng: &mut Rng| {
        let (clock, message) = rng.controller_message();
        encode_response(clock, &message)
    };
    storm(make, decode_response, |(clock, message): &(Mono, _)| encode_response(*clock, message));
}

#[test]
fn damaged_words_to_a_worker() {
    let make = |rng: &mut Rng| match rng.below(3) {
        0 => encode_start(&rng.start()),
        _ => encode_request(rng.next(), &rng.op()),
    };
    storm(make, decode_to_worker, |message| match message {
        ToWorkerMessage::Start(start) => encode_start(start),
        ToWorkerMessage::Request { id, op } => encode_request(*id, op),
    });
}

#[test]
fn damaged_reports_of_a_worker() {
    storm(|rng| encode_report(&rng.worker_report()), decode_report, encode_report);
}

#[test]
fn damaged_events() {
    let make = |rng: &mut Rng| encode_record(rng.next(), &rng.record()).expect("has an event");
    storm(make, decode_event, |(cursor, record): &(u64, Record)| {
        encode_record(*cursor, record).expect("came from an event")
    });
}

#[test]
fn damaged_frames() {
    let mut ends = 0;
    for seed in 0..MUTATIONS {
        let mut rng = Rng::new(seed);
        let mut bytes = encode_frame(&encode_report(&rng.worker_report())).unwrap();
        damage(&mut rng, &mut bytes);
        let (mut reader, mut scratch) = (bytes.as_slice(), Vec::new());
        while let Ok(Some(frame)) = read_frame::<worker::FromWorker>(&mut reader, &mut scratch) {
            drop(decode_report(frame));
            ends += usize::from(reader.is_empty());
        }
        assert!(scratch.capacity() <= 2 * bytes.len() + 64, "memory only for what came");
    }
    assert!(ends > 0, "some frames must have passed");
}
