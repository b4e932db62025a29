//! Records that would break a promise are refused, and nothing of their commit stays.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use storewarden_ledger::{Check, Ledger, LedgerError, Reader, open};
use storewarden_types::*;
use support::*;

/// Commits `base`, then shows that `bad` is refused with `words`, leaves no trace, and that the ledger goes on.
fn refused(base: &[Record], bad: Record, words: &str) {
    let dir = TestDir::new();
    let (mut ledger, reader) = open(dir.path(), Check::Quick).unwrap();
    ledger.commit(&[agent_seen(), mount_seen()]).unwrap();
    ledger.commit(base).unwrap();
    let before = (reader.events_after(0, 100).unwrap(), reader.restore().unwrap());
    // In the middle of a batch: what came before it must go as well.
    let error = ledger.commit(&[tracked(90), bad, tracked(91)]).unwrap_err();
    assert!(error.is_broken_promise(), "{error}");
    assert!(error.to_string().contains(words), "{error} does not say {words:?}");
    assert!(error.to_string().contains("ledger.sqlite"), "{error} does not name the file");
    assert_eq!((reader.events_after(0, 100).unwrap(), reader.restore().unwrap()), before);
    // Closed until reopened: the next commit must not build on the failed one.
    assert!(matches!(ledger.commit(&[tracked(90)]), Err(LedgerError::Closed { .. })));
    ledger.reopen().unwrap();
    ledger.commit(&[tracked(90)]).unwrap();
    assert_eq!(reader.verify_chain().unwrap().events, before.0.len() as u64 + 1);
}

#[test]
fn a_fact_is_held_once() {
    refused(&[fact(1), fact(2)], fact(2), "every fact through 2 is held already");
    refused(&[fact(1), fact(5)], fact(3), "every fact through 5 is held already");
    refused(&[fact(1)], fact(0), "is held already");
}

#[test]
fn a_fact_is_held_once_across_restarts_and_outboxes() {
    let dir = TestDir::new();
    {
        let (mut ledger, _) = open(dir.path(), Check::Quick).unwrap();
        ledger.commit(&[agent_seen(), fact(1), fact(2)]).unwrap();
    }
    let (mut ledger, reader) = open(dir.path(), Check::Quick).unwrap();
    assert!(ledger.commit(&[fact(2)]).unwrap_err().is_broken_promise());
    ledger.reopen().unwrap();
    // The same place in another outbox is another fact.
    let mut other = fact(2);
    let mut seen = agent_seen();
    if let (Record::FactAccepted { epoch, .. }, Record::AgentSeen { epoch: seen_epoch, .. }) =
        (&mut other, &mut seen)
    {
        *epoch = Epoch(99);
        *seen_epoch = Epoch(99);
    }
    ledger.commit(&[seen, other, fact(3)]).unwrap();
    assert_eq!(reader.restore().unwrap().agents[0].marks, [(EPOCH, Seq(3)), (Epoch(99), Seq(2))]);
}

/// The mark is the first line; should it ever be wrong, the table itself says no.
#[test]
fn the_table_itself_holds_a_place_once() {
    let dir = TestDir::new();
    let (mut ledger, _reader) = open(dir.path(), Check::Quick).unwrap();
    ledger.commit(&[agent_seen(), fact(1)]).unwrap();
    drop(ledger);
    drop(_reader);
    rusqlite::Connection::open(dir.ledger()).unwrap().execute("UPDATE epochs SET high = 0", []).unwrap();
    let (mut ledger, _reader) = open(dir.path(), Check::Quick).unwrap();
    let error = ledger.commit(&[fact(1)]).unwrap_err();
    assert!(error.is_broken_promise() && error.to_string().contains("UNIQUE"), "{error}");
}

#[test]
fn a_fact_needs_an_outbox_that_was_seen() {
    let mut unseen = fact(1);
    if let Record::FactAccepted { epoch, .. } = &mut unseen {
        *epoch = Epoch(404);
    }
    refused(&[], unseen, "never seen");
}

#[test]
fn a_deletion_ends_once() {
    let confirmed = DeletionState::Confirmed;
    refused(&[tracked(0), ended(0, confirmed)], ended(0, DeletionState::Failed), "cannot end");
    refused(&[tracked(0), ended(0, DeletionState::Failed)], ended(0, confirmed), "cannot end");
    refused(&[], ended(0, DeletionState::Failed), "cannot end");
    refused(&[tracked(0), ended(0, confirmed)], moved(0, DeletionState::Pending), "cannot move");
    refused(&[], moved(0, DeletionState::Pending), "cannot move");
}

#[test]
fn confirmed_and_evidence_come_together() {
    let mut without = ended(0, DeletionState::Confirmed);
    let mut beside = ended(0, DeletionState::Unknown);
    if let Record::DeletionEnded { end, .. } = &mut without {
        end.evidence = None;
    }
    if let Record::DeletionEnded { end, .. } = &mut beside {
        end.evidence = Some(evidence());
    }
    refused(&[tracked(0)], without, "Confirmed needs evidence");
    refused(&[tracked(0)], beside, "evidence belongs to Confirmed");
}

#[test]
fn an_end_is_an_end_and_a_move_is_none() {
    let mut pending = ended(0, DeletionState::Failed);
    if let Record::DeletionEnded { end, .. } = &mut pending {
        end.state = DeletionState::Pending;
    }
    refused(&[tracked(0)], pending, "no end");
    refused(&[tracked(0)], moved(0, DeletionState::Failed), "an end");
}

#[test]
fn late_evidence_is_for_what_ended_without() {
    refused(&[tracked(0)], late(0), "none can be late");
    refused(&[tracked(0), ended(0, DeletionState::Confirmed)], late(0), "none can be late");
    refused(&[], late(0), "none can be late");
}

#[test]
fn ids_and_keys_are_used_once() {
    refused(&[tracked(0)], tracked(0), "is tracked already");
    let key =
        Record::KeyUsed { key: "k".into(), known: KnownKey { fingerprint: [1; 32], deletions: Vec::new() } };
    refused(std::slice::from_ref(&key), key.clone(), "used before");
}
