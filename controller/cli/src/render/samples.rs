//! Messages that the tests of the views share.

use storewarden_proto::v1::{
    Agent, AgentMount, Condition, Deletion, DeletionState, Evidence, FileIdentity, FileKind,
    ListAgentsResponse, MountIdentity, MountKind, MountReport, Observation, ProofSummary, Reason, Store,
    StoreMount, Verdict, WatchState, WatchStatus,
};

pub(super) fn reason(code: &str, message: &str) -> Reason {
    Reason { code: code.into(), message: message.into() }
}

fn identity() -> MountIdentity {
    MountIdentity { root_handle: "01ff".into(), file_id: "abc".into(), ..Default::default() }
}

fn stale() -> Reason {
    reason("STALE_HANDLE", "the server no longer knows the root")
}

fn report() -> MountReport {
    let observation =
        |probe: &str, verdict: Verdict, code: &str, message: &str, took_us, age_ms| Observation {
            probe: probe.into(),
            verdict: verdict.into(),
            code: code.into(),
            message: message.into(),
            took_us,
            age_ms,
            ..Default::default()
        };
    MountReport {
        mount_point: "/mnt/SecStorage/a".into(),
        condition: Condition::Unavailable.into(),
        reasons: vec![stale()],
        identity: Some(identity()),
        observations: vec![
            observation("mount", Verdict::Crit, "STALE_HANDLE", "fstatfs: Stale file handle", 1250, 2400),
            observation("lookup", Verdict::Ok, "OK", "quick", 900, 4000),
        ],
        watch: Some(WatchStatus {
            state: WatchState::Partial.into(),
            directories: 12,
            indexed: 1,
            overflows: 2,
            message: "over budget".into(),
        }),
        stuck_workers: 1,
        evidence_age_ms: Some(2400),
        ..Default::default()
    }
}

/// A store that ssvm-1 sees stale, and ssvm-2 has not told of.
pub(super) fn store() -> Store {
    Store {
        id: "5f1c0c5b-0000-5000-8000-000000000001".into(),
        source: "nas1:/export/secondary".into(),
        fs_type: "nfs4".into(),
        kind: MountKind::Network.into(),
        condition: Condition::Unavailable.into(),
        reasons: vec![stale(), reason("PARTIAL", "ssvm-1 and ssvm-2 disagree")],
        evidence_age_ms: Some(2400),
        mounts: vec![
            StoreMount {
                agent: "ssvm-1".into(),
                mount_point: "/mnt/SecStorage/a".into(),
                connected: true,
                report: Some(report()),
            },
            StoreMount {
                agent: "ssvm-2".into(),
                mount_point: "/mnt/b".into(),
                connected: false,
                report: None,
            },
        ],
        version: 7,
    }
}

/// A store that is well.
pub(super) fn healthy_store() -> Store {
    Store {
        id: "5f1c0c5b-0000-5000-8000-000000000002".into(),
        source: "nas2:/export/secondary".into(),
        condition: Condition::Available.into(),
        evidence_age_ms: Some(1000),
        ..Default::default()
    }
}

/// Two agents, one of them away.
pub(super) fn agents() -> ListAgentsResponse {
    let mount = |point: &str, source: &str, condition: Condition| AgentMount {
        mount_point: point.into(),
        source: source.into(),
        condition: condition.into(),
        ..Default::default()
    };
    let sick = AgentMount {
        reasons: vec![stale()],
        watch: Some(WatchStatus { state: WatchState::Watching.into(), ..Default::default() }),
        stuck_workers: 1,
        ..mount("/mnt/SecStorage/a", "nas1:/export/secondary", Condition::Unavailable)
    };
    let agent = |id: &str, host: &str| Agent {
        id: id.into(),
        host: host.into(),
        version: "0.1.0".into(),
        ..Default::default()
    };
    let here = Agent {
        connected: true,
        last_heard_ago_ms: Some(1000),
        mounts: vec![sick, mount("/mnt/b", "nas2:/export/secondary", Condition::Available)],
        ..agent("ssvm-1", "s-1-VM")
    };
    ListAgentsResponse { agents: vec![here, agent("ssvm-2", "s-2-VM")] }
}

/// A deletion that nobody has looked for yet.
pub(super) fn pending() -> Deletion {
    Deletion {
        id: "0199f0a2-7c11-7d3e-9a55-000000000002".into(),
        store_id: store().id,
        path: "b.qcow2".into(),
        state: DeletionState::Pending.into(),
        tracked_at_ms: 1_760_000_000_000,
        deadline_at_ms: 1_760_000_060_000,
        ..Default::default()
    }
}

/// A deletion with its proof.
pub(super) fn confirmed() -> Deletion {
    let owed = FileIdentity {
        file_id: 4711,
        ctime_ns: 1_759_996_800_000_000_000,
        size: 5 << 30,
        kind: FileKind::File.into(),
        links: 2,
        ..Default::default()
    };
    let evidence = Evidence {
        agent: "ssvm-1".into(),
        mount_point: "/mnt/SecStorage/a".into(),
        source: "nas1:/export/secondary".into(),
        fs_type: "nfs4".into(),
        kind: MountKind::Network.into(),
        identity: Some(identity()),
        proof: Some(ProofSummary {
            mount_id: 42,
            before: vec!["mountinfo names the source".into(), "root handle is the pinned one".into()],
            after: vec!["fstatfs answered".into()],
            took_us: 4210,
        }),
        how: "statx ENOENT; 3 entries listed, none of this name".into(),
        began_at_ms: 1_760_000_001_000,
        ended_at_ms: 1_760_000_001_004,
        baseline: Some(owed),
        sightings: 1,
    };
    Deletion {
        id: "0199f0a2-7c11-7d3e-9a55-000000000001".into(),
        path: "snapshots/2/31/a.qcow2".into(),
        state: DeletionState::Confirmed.into(),
        code: "ABSENT".into(),
        message: "gone from the proven store".into(),
        ended_at_ms: Some(1_760_000_002_000),
        baseline: Some(owed),
        evidence: Some(evidence),
        key: "run-4711".into(),
        ..pending()
    }
}
