//! Pairs of event and record, written by hand. Continues [`super::pairs`].

use super::pairs::{DELETION, EPOCH, STORE, agent, epoch_bytes, evidence, facts, file, id, store};
use crate::convert::{decode_event, encode_record};
use crate::v1;
use storewarden_types::*;
use v1::event::Event as Wire;

/// Store and agent as the event must tell them; body; record at wall time 5.
type Row = (&'static str, &'static str, Wire, Record);

const AT: Wall = Wall(5);

fn of_agents() -> Vec<Row> {
    let seen = v1::AgentSeen { epoch: epoch_bytes(), host: "h1".into(), version: "1.2".into() };
    let seen_value = Record::AgentSeen {
        agent: agent(),
        epoch: Epoch(EPOCH),
        host: "h1".into(),
        version: "1.2".into(),
        at: AT,
    };
    let mount = v1::MountSeen {
        mount_point: "/mnt/p".into(),
        source: "h:/e".into(),
        fs_type: "nfs4".into(),
        kind: 3,
    };
    let mount_value = Record::MountSeen {
        agent: agent(),
        mount_point: "/mnt/p".into(),
        store: store(),
        source: "h:/e".into(),
        fs_type: "nfs4".into(),
        kind: MountKind::Dir,
        at: AT,
    };
    let gone = v1::MountGone { mount_point: "/mnt/p".into() };
    let gone_value = Record::MountForgotten { agent: agent(), mount_point: "/mnt/p".into(), at: AT };
    let mut rows = vec![
        ("", "a1", Wire::AgentSeen(seen), seen_value),
        (STORE, "a1", Wire::MountSeen(mount), mount_value),
        ("", "a1", Wire::MountForgotten(gone), gone_value),
    ];
    let (wires, values) = facts();
    for (fact, value) in wires.into_iter().zip(values) {
        for (store_text, store) in [(STORE, Some(store())), ("", None)] {
            let accepted = v1::FactAccepted { epoch: epoch_bytes(), seq: 6, fact: Some(fact.clone()) };
            let record = Record::FactAccepted {
                agent: agent(),
                epoch: Epoch(EPOCH),
                seq: Seq(6),
                store,
                fact: value.clone(),
                at: AT,
            };
            rows.push((store_text, "a1", Wire::FactAccepted(accepted), record));
        }
    }
    rows
}

fn of_deletions() -> Vec<Row> {
    let tracked = v1::DeletionTracked {
        id: DELETION.into(),
        path: "d/f".into(),
        key: "k".into(),
        index: 7,
        deadline_ms: 8,
    };
    let tracked_value = TrackedDeletion {
        id: id(),
        store: store(),
        path: StorePath::parse("d/f").unwrap(),
        key: "k".into(),
        index: 7,
        tracked_at: AT,
        deadline_ms: 8,
    };
    let moved = v1::DeletionMoved {
        id: DELETION.into(),
        state: 2,
        baseline: Some(file().0),
        code: "SILLY_RENAMED".into(),
        message: "held".into(),
    };
    let moved_value = Record::DeletionMoved {
        id: id(),
        store: store(),
        state: DeletionState::PendingSillyRename,
        code: Some(Code::SillyRenamed),
        message: "held".into(),
        baseline: Some(file().1),
        at: AT,
    };
    let late = v1::LateEvidence { id: DELETION.into(), evidence: Some(evidence().0) };
    let late_value =
        Record::LateEvidence { id: id(), store: store(), evidence: Box::new(evidence().1), at: AT };
    let mut rows = vec![
        (STORE, "", Wire::DeletionTracked(tracked), Record::DeletionTracked(Box::new(tracked_value))),
        (STORE, "", Wire::DeletionMoved(moved), moved_value),
        (STORE, "a1", Wire::LateEvidence(late), late_value),
    ];
    let ends = [
        (3, "ABSENT", DeletionState::Confirmed, Code::Absent, true),
        (4, "STILL_PRESENT", DeletionState::Failed, Code::StillPresent, false),
        (5, "CANCELLED", DeletionState::Unknown, Code::Cancelled, false),
    ];
    for (raw, word, state, code, proven) in ends {
        let ended = v1::DeletionEnded {
            id: DELETION.into(),
            state: raw,
            code: word.into(),
            message: "end".into(),
            evidence: proven.then(|| evidence().0),
        };
        let evidence = proven.then(|| evidence().1);
        let end = Box::new(DeletionEnd { state, code, message: "end".into(), at: AT, evidence });
        rows.push((
            STORE,
            "",
            Wire::DeletionEnded(ended),
            Record::DeletionEnded { id: id(), store: store(), end },
        ));
    }
    rows
}

fn of_conditions() -> Row {
    let reason = v1::Reason { code: "STALE_HANDLE".into(), message: "gone".into() };
    let changed = v1::ConditionChanged { from: 1, to: 3, reasons: vec![reason] };
    let record = Record::ConditionChanged {
        store: store(),
        from: Condition::Available,
        to: Condition::Unavailable,
        reasons: vec![Reason::new(Code::StaleHandle, "gone")],
        at: AT,
    };
    (STORE, "", Wire::ConditionChanged(changed), record)
}

#[test]
fn events() {
    let rows = of_agents().into_iter().chain(of_deletions()).chain([of_conditions()]);
    for (store_id, agent, body, record) in rows {
        let (store_id, agent) = (store_id.to_owned(), agent.to_owned());
        let event = v1::Event { cursor: 9, at_ms: 5, store_id, agent, event: Some(body) };
        assert_eq!(encode_record(9, &record).as_ref(), Some(&event));
        assert_eq!(decode_event(event), Ok((9, record)));
    }
}
