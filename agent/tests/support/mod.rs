//! What the agent's tests share: directories that go away, facts, bounded waiting.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub(crate) mod controller;
pub(crate) mod hung_fs;
pub(crate) mod process;

use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};
use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use storewarden_agent::outbox::Write;
use storewarden_types::{
    AgentId, Fact, Gap, GapCause, Seq, Sighting, SightingKind, SightingSource, Sightings, Wall,
};

/// A directory of its own that goes away with the value.
#[derive(Debug)]
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("storewarden-agent-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A tmpfs that is there until dropped. Needs root, as everything that mounts does.
#[derive(Debug)]
pub(crate) struct Tmpfs(PathBuf);

impl Tmpfs {
    /// Mounts one at an existing directory; `options` such as `size=1m`.
    pub(crate) fn mount(path: &Path, options: &str) -> Self {
        let options = CString::new(options).unwrap();
        mount("storewarden-test", path, "tmpfs", MountFlags::empty(), options.as_c_str())
            .expect("this test mounts a tmpfs and must be run as root");
        Self(path.to_owned())
    }

    /// Changes its options.
    pub(crate) fn remount(&self, options: &str) {
        let options = CString::new(options).unwrap();
        mount_remount(&self.0, MountFlags::empty(), options.as_c_str()).unwrap();
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}

/// Asks until `level` is reached, at most ten seconds.
pub(crate) fn wait_for<T>(what: &str, mut level: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = level() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn agent(id: &str) -> AgentId {
    AgentId::parse(id).unwrap()
}

/// A fact that tells its own place.
pub(crate) fn fact(seq: u64) -> Fact {
    Fact::Gap(Gap {
        mount_point: "/mnt/SecStorage/a".into(),
        cause: GapCause::Error,
        complete: true,
        missing: seq,
        present: 1,
        at: Wall(1),
        message: String::new(),
    })
}

/// A fact of about so many bytes.
pub(crate) fn sized_fact(seq: u64, bytes: usize) -> Fact {
    let path = format!("{seq}/{}", "x".repeat(bytes.min(2000)));
    let item = Sighting { path, kind: SightingKind::Deleted, directory: false };
    Fact::Sightings(Sightings {
        mount_point: "/mnt/SecStorage/a".into(),
        source: SightingSource::Watch,
        items: vec![item; (bytes / 2000).max(1)],
        at: Wall(1),
    })
}

pub(crate) fn persist(first: u64, count: u64) -> Write {
    Write::Persist { first: Seq(first), facts: (first..first + count).map(fact).collect() }
}
