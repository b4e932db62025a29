//! Messages for the scripts, and a script in which every method answers.

use crate::server::{Script, Step, say};
use storewarden_proto::v1::*;

pub(crate) const STORE_ID: &str = "5f1c0c5b-0000-5000-8000-000000000001";

pub(crate) fn store() -> Store {
    Store {
        id: STORE_ID.into(),
        source: "nas1:/secondary".into(),
        fs_type: "nfs4".into(),
        kind: MountKind::Network.into(),
        condition: Condition::Degraded.into(),
        reasons: vec![Reason { code: "SLOW".into(), message: "statx took 2 s".into() }],
        evidence_age_ms: Some(2400),
        mounts: vec![StoreMount {
            agent: "ssvm-1".into(),
            mount_point: "/mnt/a".into(),
            connected: true,
            report: Some(MountReport { condition: Condition::Degraded.into(), ..Default::default() }),
        }],
        version: 7,
    }
}

pub(crate) fn stores() -> ListStoresResponse {
    ListStoresResponse { stores: vec![store()] }
}

pub(crate) fn decided(decision: i32) -> PreflightResponse {
    PreflightResponse {
        decision,
        reasons: vec![Reason { code: "SLOW".into(), message: "statx took 2 s".into() }],
        condition: Condition::Degraded.into(),
        evidence_age_ms: Some(120),
        store_id: STORE_ID.into(),
        probed: true,
    }
}

pub(crate) fn agents() -> ListAgentsResponse {
    let agent = Agent { id: "ssvm-1".into(), host: "s-1-VM".into(), connected: true, ..Default::default() };
    ListAgentsResponse { agents: vec![agent] }
}

/// A deletion in `state`, with evidence where it is CONFIRMED, and an end where it has one.
pub(crate) fn deletion(id: &str, state: DeletionState) -> Deletion {
    let pending = matches!(state, DeletionState::Pending | DeletionState::PendingSillyRename);
    let code = match state {
        DeletionState::Confirmed => "ABSENT",
        DeletionState::Failed => "STILL_PRESENT",
        DeletionState::Unknown => "CANCELLED",
        _ => "",
    };
    let evidence = Evidence { agent: "ssvm-1".into(), how: "statx ENOENT".into(), ..Default::default() };
    Deletion {
        id: id.into(),
        store_id: STORE_ID.into(),
        path: format!("{id}.qcow2"),
        state: state.into(),
        code: code.into(),
        tracked_at_ms: 1_760_000_000_000,
        deadline_at_ms: 1_760_000_060_000,
        ended_at_ms: (!pending).then_some(1_760_000_001_000),
        evidence: (state == DeletionState::Confirmed).then_some(evidence),
        ..Default::default()
    }
}

/// What `track` answers for these ids, all pending.
pub(crate) fn tracked(ids: &[&str]) -> TrackResponse {
    let deletions = ids.iter().map(|id| deletion(id, DeletionState::Pending)).collect();
    TrackResponse { deletions, replayed: false }
}

/// One event, and its cursor.
pub(crate) fn event(cursor: u64) -> Event {
    let changed = ConditionChanged {
        from: Condition::Available.into(),
        to: Condition::Unavailable.into(),
        reasons: Vec::new(),
    };
    Event {
        cursor,
        at_ms: 1_760_000_000_000,
        store_id: STORE_ID.into(),
        agent: "ssvm-1".into(),
        event: Some(event::Event::ConditionChanged(changed)),
    }
}

/// Every method answers, every question is answered as one would like it. Streams that never end by themselves do not.
pub(crate) fn well() -> Script {
    let change = WatchStoresResponse { store: Some(store()) };
    let moved = WatchDeletionsResponse { deletion: Some(deletion("d1", DeletionState::Failed)), cursor: 12 };
    Script {
        stores: say(stores()),
        store: say(store()),
        watch_stores: say(vec![Step::Tell(change.clone()), Step::Tell(change), Step::Hang]),
        preflight: say(decided(Decision::Admit.into())),
        probe: say(store()),
        agents: say(agents()),
        track: say(tracked(&["d1"])),
        deletion: say(deletion("d1", DeletionState::Confirmed)),
        deletions: say(ListDeletionsResponse {
            deletions: vec![deletion("d1", DeletionState::Failed)],
            ..Default::default()
        }),
        watch_deletions: say(vec![Step::Tell(moved.clone()), Step::Tell(moved), Step::Hang]),
        wait: say(vec![
            Step::Tell(deletion("d1", DeletionState::Pending)),
            Step::Tell(deletion("d1", DeletionState::Confirmed)),
        ]),
        cancel: say(deletion("d1", DeletionState::Unknown)),
        tail: say(vec![Step::Tell(event(41)), Step::Tell(event(42))]),
    }
}
