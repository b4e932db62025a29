//! What the ledger's tests share: a directory that cleans up after itself, and records to commit.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "shared by tests, each of which uses its own part"
)]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use storewarden_types::*;
use uuid::Uuid;

/// A directory of this test alone, removed at its end.
pub struct TestDir(PathBuf);

impl TestDir {
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("storewarden-ledger-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn ledger(&self) -> PathBuf {
        self.0.join("ledger.sqlite")
    }
}

impl Drop for TestDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn agent() -> AgentId {
    AgentId::parse("ssvm-1").unwrap()
}

pub fn store() -> StoreId {
    StoreId::of(&agent(), "/mnt/a", "10.1.1.1:/export", true)
}

pub fn other_store() -> StoreId {
    StoreId::of(&agent(), "/mnt/b", "10.1.1.1:/other", true)
}

pub const EPOCH: Epoch = Epoch(7);

pub fn agent_seen() -> Record {
    Record::AgentSeen { agent: agent(), epoch: EPOCH, host: "h".into(), version: "1".into(), at: Wall(1) }
}

pub fn mount_seen() -> Record {
    Record::MountSeen {
        agent: agent(),
        mount_point: "/mnt/a".into(),
        store: store(),
        source: "10.1.1.1:/export".into(),
        fs_type: "nfs4".into(),
        kind: MountKind::Network,
        at: Wall(2),
    }
}

/// A fact with one sighting, about 200 bytes on disk.
pub fn fact(seq: u64) -> Record {
    let items = vec![Sighting {
        path: format!("snapshots/2/{seq:08}/5d2c9a0e-volume.qcow2"),
        kind: SightingKind::Deleted,
        directory: false,
    }];
    Record::FactAccepted {
        agent: agent(),
        epoch: EPOCH,
        seq: Seq(seq),
        store: Some(store()),
        fact: Fact::Sightings(Sightings {
            mount_point: "/mnt/a".into(),
            source: SightingSource::Watch,
            items,
            at: Wall(3),
        }),
        at: Wall(4),
    }
}

pub fn deletion(number: u128) -> DeletionId {
    DeletionId(Uuid::from_u128(number + 1))
}

pub fn tracked_on(number: u128, store: StoreId, key: &str) -> Record {
    Record::DeletionTracked(Box::new(TrackedDeletion {
        id: deletion(number),
        store,
        path: StorePath::parse(&format!("snapshots/{number}")).unwrap(),
        key: key.into(),
        index: 0,
        tracked_at: Wall(1000 + i64::try_from(number).unwrap()),
        deadline_ms: 60_000,
    }))
}

pub fn tracked(number: u128) -> Record {
    tracked_on(number, store(), "")
}

pub fn file() -> FileIdentity {
    FileIdentity { file_id: 9, ctime_ns: 8, btime_ns: Some(7), size: 6, kind: FileKind::File, links: 1 }
}

pub fn evidence() -> Evidence {
    Evidence {
        agent: agent(),
        mount_point: "/mnt/a".into(),
        source: "10.1.1.1:/export".into(),
        fs_type: "nfs4".into(),
        kind: MountKind::Network,
        identity: MountIdentity { root_handle: Some("01ff".into()), root_inode: None, file_id: None },
        proof: ProofSummary { mount_id: 3, before: vec!["b".into()], after: vec!["a".into()], took_us: 5 },
        how: "statx: ENOENT".into(),
        began_at: Wall(5),
        ended_at: Wall(6),
        baseline: Some(file()),
        sightings: 1,
    }
}

pub fn moved(number: u128, state: DeletionState) -> Record {
    Record::DeletionMoved {
        id: deletion(number),
        store: store(),
        state,
        code: Some(Code::StillPresent),
        message: "it is there".into(),
        baseline: Some(file()),
        at: Wall(2000),
    }
}

pub fn ended(number: u128, state: DeletionState) -> Record {
    let code = match state {
        DeletionState::Confirmed => Code::Absent,
        DeletionState::Failed => Code::StillPresent,
        _ => Code::AgentLost,
    };
    let evidence = (state == DeletionState::Confirmed).then(evidence);
    let end = DeletionEnd { state, code, message: "so it ended".into(), at: Wall(3000), evidence };
    Record::DeletionEnded { id: deletion(number), store: store(), end: Box::new(end) }
}

pub fn late(number: u128) -> Record {
    Record::LateEvidence {
        id: deletion(number),
        store: store(),
        evidence: Box::new(evidence()),
        at: Wall(4000),
    }
}
