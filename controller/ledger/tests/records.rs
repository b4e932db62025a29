//! What is committed is read back: events in order, deletions as they stand and as they stood, keys, pages, restores.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use storewarden_ledger::{Check, DeletionFilter, Ledger, Reader, SqliteLedger, SqliteReader, open};
use storewarden_proto::convert::{decode_event, deletion_to_wire, encode_record};
use storewarden_types::*;
use support::*;

fn fresh() -> (TestDir, SqliteLedger, SqliteReader) {
    let dir = TestDir::new();
    let (ledger, reader) = open(dir.path(), Check::Quick).unwrap();
    (dir, ledger, reader)
}

fn everything() -> Vec<Record> {
    vec![
        agent_seen(),
        mount_seen(),
        fact(1),
        Record::KeyUsed {
            key: "k".into(),
            known: KnownKey { fingerprint: [5; 32], deletions: vec![deletion(0), deletion(1)] },
        },
        tracked_on(0, store(), "k"),
        tracked_on(1, store(), "k"),
        moved(0, DeletionState::Pending),
        moved(0, DeletionState::PendingSillyRename),
        ended(0, DeletionState::Confirmed),
        ended(1, DeletionState::Unknown),
        late(1),
        Record::ConditionChanged {
            store: store(),
            from: Condition::Unknown,
            to: Condition::Degraded,
            reasons: vec![Reason::new(Code::Slow, "slow")],
            at: Wall(9),
        },
        Record::MountForgotten { agent: agent(), mount_point: "/mnt/a".into(), at: Wall(10) },
    ]
}

#[test]
fn every_record_reads_back_as_the_event_it_was() {
    let (dir, mut ledger, reader) = fresh();
    let records = everything();
    let committed = ledger.commit(&records).unwrap();
    let with_event: Vec<&Record> = records.iter().filter(|r| !matches!(r, Record::KeyUsed { .. })).collect();
    assert_eq!(committed.entries.len(), with_event.len());
    for ((cursor, entry), record) in (1..).zip(&committed.entries).zip(&with_event) {
        assert_eq!(entry.cursor, cursor);
        assert_eq!(entry.bytes, prost::Message::encoded_len(entry.event.as_ref()));
        assert_eq!(Some(entry.event.as_ref().clone()), encode_record(cursor, record));
        assert_eq!(decode_event(entry.event.as_ref().clone()).unwrap(), (cursor, (*record).clone()));
    }
    assert_eq!(reader.events_after(0, 100).unwrap(), committed.entries, "what was told is what is read");
    assert_eq!(reader.events_after(3, 2).unwrap(), committed.entries[3..5]);
    assert_eq!(reader.events_after(12, 2).unwrap(), []);
    assert_eq!(reader.events_after(u64::MAX, 2).unwrap(), []);
    assert_eq!(reader.last_cursor().unwrap(), 12);
    drop((ledger, reader));
    let (_ledger, reader) = open(dir.path(), Check::Full).unwrap();
    assert_eq!(reader.events_after(0, 100).unwrap(), committed.entries, "and after a restart");
}

#[test]
fn an_entry_tells_the_deletion_as_it_stood_then() {
    let (_dir, mut ledger, reader) = fresh();
    ledger.commit(&[agent_seen(), mount_seen()]).unwrap();
    // One commit a record: what each told, against what a later reader of the whole history is told.
    let mut told = Vec::new();
    for record in [
        tracked(0),
        moved(0, DeletionState::Pending),
        moved(0, DeletionState::PendingSillyRename),
        ended(0, DeletionState::Failed),
        late(0),
    ] {
        let entry = ledger.commit(&[record]).unwrap().entries.remove(0);
        let row = reader.deletion(deletion(0)).unwrap().unwrap();
        assert_eq!(
            *entry.deletion.clone().unwrap(),
            deletion_to_wire(&row),
            "the row, at the moment of its commit"
        );
        told.push(entry);
    }
    assert_eq!(reader.events_after(2, 100).unwrap(), told);
    let states: Vec<i32> = told.iter().map(|e| e.deletion.as_ref().unwrap().state).collect();
    assert_eq!(states, [1, 1, 2, 4, 4]);
}

#[test]
fn a_deletion_reads_back_whole() {
    let (_dir, mut ledger, reader) = fresh();
    ledger.commit(&everything()).unwrap();
    let row = reader.deletion(deletion(0)).unwrap().unwrap();
    assert_eq!(row.tracked.path.as_str(), "snapshots/0");
    assert_eq!((row.tracked.tracked_at, row.tracked.deadline_ms), (Wall(1000), 60_000));
    assert_eq!(
        (row.state, row.code, row.ended_at),
        (DeletionState::Confirmed, Some(Code::Absent), Some(Wall(3000)))
    );
    assert_eq!((row.baseline, row.evidence, row.late_evidence), (Some(file()), Some(evidence()), None));
    let row = reader.deletion(deletion(1)).unwrap().unwrap();
    assert_eq!((row.evidence, row.late_evidence), (None, Some(evidence())));
    let at = reader.deletions(&[deletion(1), deletion(77), deletion(0)]).unwrap();
    assert_eq!(at.cursor, 12);
    let ids: Vec<_> = at.rows.iter().map(|r| r.as_ref().map(|r| r.tracked.id)).collect();
    assert_eq!(ids, [Some(deletion(1)), None, Some(deletion(0))]);
}

#[test]
fn a_key_is_known_with_its_deletions_in_order() {
    let (_dir, mut ledger, reader) = fresh();
    ledger.commit(&everything()).unwrap();
    let known = KnownKey { fingerprint: [5; 32], deletions: vec![deletion(0), deletion(1)] };
    assert_eq!(reader.key("k").unwrap(), Some(known));
    assert_eq!(reader.key("K").unwrap(), None);
    assert_eq!(reader.key("").unwrap(), None);
}

#[test]
fn restore_gives_what_is_not_over() {
    let (_dir, mut ledger, reader) = fresh();
    let seen_at = |mount_point: &str, at| match mount_seen() {
        Record::MountSeen { agent, store, source, fs_type, kind, .. } => Record::MountSeen {
            agent,
            mount_point: mount_point.into(),
            store,
            source,
            fs_type,
            kind,
            at: Wall(at),
        },
        other => other,
    };
    ledger.commit(&everything()).unwrap();
    ledger.commit(&[seen_at("/mnt/b", 20), fact(2), tracked(2), tracked(3), tracked(4)]).unwrap();
    ledger.commit(&[moved(3, DeletionState::PendingSillyRename), ended(4, DeletionState::Failed)]).unwrap();
    let restored = reader.restore().unwrap();
    let known = &restored.agents[0];
    assert_eq!((known.agent.as_str(), known.epoch, known.host.as_str()), ("ssvm-1", EPOCH, "h"));
    assert_eq!(known.marks, [(EPOCH, Seq(2))]);
    let mounts: Vec<&str> = restored.mounts.iter().map(|m| m.mount_point.as_str()).collect();
    assert_eq!(mounts, ["/mnt/b"], "the other was forgotten");
    assert!(reader.knows_store(store()).unwrap() && !reader.knows_store(other_store()).unwrap());
    let pending: Vec<_> = restored.pending.iter().map(|row| (row.tracked.id, row.state)).collect();
    let silly = DeletionState::PendingSillyRename;
    assert_eq!(pending, [(deletion(2), DeletionState::Pending), (deletion(3), silly)]);
    assert_eq!(restored.pending[1].baseline, Some(file()));
    assert_eq!(restored.unproven, [(deletion(4), store())], "the one that late evidence may still meet");
    assert_eq!(restored.conditions, [(store(), Condition::Degraded)]);
    // Seen again, it is no longer forgotten; a new epoch is a new mark beside the old one.
    let epoch = Epoch(8);
    let again =
        Record::AgentSeen { agent: agent(), epoch, host: "h2".into(), version: "2".into(), at: Wall(30) };
    ledger.commit(&[seen_at("/mnt/a", 31), again]).unwrap();
    let restored = reader.restore().unwrap();
    assert_eq!(restored.mounts.len(), 2);
    assert_eq!((restored.agents[0].epoch, restored.agents[0].host.as_str()), (epoch, "h2"));
    assert_eq!(restored.agents[0].marks, [(EPOCH, Seq(2)), (epoch, Seq(0))]);
}

#[test]
fn a_mount_point_that_changed_its_store_is_restored_newest_last() {
    let (_dir, mut ledger, reader) = fresh();
    let on = |store: StoreId| match mount_seen() {
        Record::MountSeen { agent, mount_point, source, fs_type, kind, at, .. } => {
            Record::MountSeen { agent, mount_point, store, source, fs_type, kind, at }
        }
        other => other,
    };
    // All at one wall-clock time: order is the ledger's, not the clock's.
    ledger.commit(&[agent_seen(), on(store()), on(other_store()), on(store())]).unwrap();
    let stores: Vec<StoreId> = reader.restore().unwrap().mounts.iter().map(|m| m.store).collect();
    assert_eq!(stores, [other_store(), store()]);
}

#[test]
fn a_page_of_big_events_is_short_but_never_empty() {
    let (_dir, mut ledger, reader) = fresh();
    ledger.commit(&[agent_seen()]).unwrap();
    let big = |seq| match fact(seq) {
        Record::FactAccepted { agent, epoch, seq, store, at, fact: Fact::Sightings(mut sightings) } => {
            sightings.items[0].path = "x".repeat(700_000);
            Record::FactAccepted { agent, epoch, seq, store, at, fact: Fact::Sightings(sightings) }
        }
        other => other,
    };
    ledger.commit(&[big(1), big(2), big(3)]).unwrap();
    let (mut cursor, mut pages) = (0, Vec::new());
    loop {
        let page = reader.events_after(cursor, 100).unwrap();
        let Some(last) = page.last() else { break };
        cursor = last.cursor;
        pages.push(page.len());
    }
    assert_eq!(pages, [3, 1]);
}

#[test]
fn lists_are_paged_newest_first_whatever_the_filter() {
    let (_dir, mut ledger, reader) = fresh();
    let ends =
        [None, Some(DeletionState::Confirmed), Some(DeletionState::Failed), Some(DeletionState::Unknown)];
    let mut all = Vec::new();
    for number in 0..60_u128 {
        let on = if number % 3 == 0 { other_store() } else { store() };
        let key = if number % 5 == 0 { "five" } else { "" };
        ledger.commit(&[tracked_on(number, on, key)]).unwrap();
        let end = ends[usize::try_from(number % 4).unwrap()];
        if let Some(state) = end {
            ledger.commit(&[ended(number, state)]).unwrap();
        }
        all.push((deletion(number), on, key, end.unwrap_or(DeletionState::Pending)));
    }
    let states: [&[DeletionState]; 4] = [
        &[],
        &[DeletionState::Failed],
        &[DeletionState::Pending, DeletionState::Unknown, DeletionState::Pending],
        &[
            DeletionState::Pending,
            DeletionState::PendingSillyRename,
            DeletionState::Confirmed,
            DeletionState::Failed,
            DeletionState::Unknown,
        ],
    ];
    for states in states {
        for store in [None, Some(store()), Some(other_store())] {
            for key in [None, Some("five")] {
                let want: Vec<DeletionId> = all
                    .iter()
                    .rev()
                    .filter(|(_, on, its_key, state)| {
                        (states.is_empty() || states.contains(state))
                            && store.is_none_or(|s| s == *on)
                            && key.is_none_or(|k| k == *its_key)
                    })
                    .map(|(id, ..)| *id)
                    .collect();
                let filter = DeletionFilter { states: states.to_vec(), store, key: key.map(Into::into) };
                for limit in [1, 7, want.len().max(1), 1000] {
                    assert_eq!(walk(&reader, &filter, limit), want, "{filter:?} by {limit}");
                }
            }
        }
    }
}

fn walk(reader: &SqliteReader, filter: &DeletionFilter, limit: usize) -> Vec<DeletionId> {
    let mut ids = Vec::new();
    let mut before = None;
    loop {
        let page = reader.list(filter, before, limit).unwrap();
        assert!(page.rows.len() <= limit);
        ids.extend(page.rows.iter().map(|row| row.tracked.id));
        match page.next {
            Some(next) => before = Some(next),
            None => return ids,
        }
    }
}

#[test]
fn readers_see_whole_commits_while_the_appender_appends() {
    let (_dir, mut ledger, reader) = fresh();
    ledger.commit(&[agent_seen(), mount_seen()]).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..storewarden_ledger::READERS_MAX * 2)
            .map(|_| {
                scope.spawn(|| {
                    let mut seen = 0;
                    while !done.load(std::sync::atomic::Ordering::Acquire) {
                        let last = reader.last_cursor().unwrap();
                        assert_eq!((last - 2) % 8, 0, "a commit of eight was seen in part");
                        seen += 1;
                    }
                    seen
                })
            })
            .collect();
        for batch in 0..200_u64 {
            let facts: Vec<Record> = (1..=8).map(|n| fact(batch * 8 + n)).collect();
            ledger.commit(&facts).unwrap();
        }
        done.store(true, std::sync::atomic::Ordering::Release);
        readers.into_iter().map(|r| r.join().unwrap()).collect::<Vec<u64>>()
    });
    assert!(seen.iter().any(|reads| *reads > 1), "nobody read while it was written: {seen:?}");
}
