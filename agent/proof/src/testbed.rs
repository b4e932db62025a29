//! For tests: a private directory on this machine, real mounts in it, and everything gone at the end.

#![allow(clippy::unwrap_used)] // a test may panic

use crate::identify;
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, unmount};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use storewarden_types::{MountExpectation, MountIdentity, MountKind, StorePath};

pub(crate) struct Bed {
    path: PathBuf,
    mounts: std::cell::RefCell<Vec<PathBuf>>,
}

impl Bed {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("storewarden-proof-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::fs::canonicalize(std::env::temp_dir()).unwrap().join(name);
        std::fs::create_dir(&path).unwrap();
        Self { path, mounts: std::cell::RefCell::default() }
    }

    /// A bed for tests that mount; `None`, said aloud, where that is not allowed.
    pub(crate) fn mounting() -> Option<Self> {
        let bed = Self::new();
        std::fs::create_dir(bed.at("try")).unwrap();
        if mount("try", bed.at("try"), "tmpfs", MountFlags::empty(), None).is_err() {
            eprintln!("mount(2) is not allowed here: this test did not run");
            return None;
        }
        unmount(bed.at("try"), UnmountFlags::empty()).unwrap();
        std::fs::remove_dir(bed.at("try")).unwrap();
        Some(bed)
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.path.join(path)
    }

    /// Mounts a tmpfs, over whatever is there.
    pub(crate) fn tmpfs(&self, path: &str, source: &str) {
        self.mount(path, source, "tmpfs");
    }

    pub(crate) fn mount(&self, path: &str, source: &str, fs_type: &str) {
        std::fs::create_dir_all(self.at(path)).unwrap();
        mount(source, self.at(path), fs_type, MountFlags::empty(), None).unwrap();
        self.mounts.borrow_mut().push(self.at(path));
    }

    pub(crate) fn bind(&self, from: &str, to: &str) {
        mount_bind(self.at(from), self.at(to)).unwrap();
        self.mounts.borrow_mut().push(self.at(to));
    }

    pub(crate) fn detach(&self, path: &str) {
        unmount(self.at(path), UnmountFlags::DETACH).unwrap();
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.at(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn mkdir(&self, path: &str) {
        std::fs::create_dir_all(self.at(path)).unwrap();
    }

    pub(crate) fn remove(&self, path: &str) {
        let path = self.at(path);
        if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }.unwrap();
    }

    /// A tmpfs at `m`, expected and pinned.
    pub(crate) fn pinned_tmpfs(&self) -> MountExpectation {
        self.tmpfs("m", "bed");
        self.expect("m", "bed", "tmpfs", MountKind::Local)
    }

    /// A plain directory at `m`, expected and pinned.
    pub(crate) fn pinned_dir(&self) -> MountExpectation {
        self.mkdir("m");
        let source = text(&self.at("m"));
        self.expect("m", &source, "dir", MountKind::Dir)
    }

    /// Pins what is there now.
    pub(crate) fn expect(
        &self,
        path: &str,
        source: &str,
        fs_type: &str,
        kind: MountKind,
    ) -> MountExpectation {
        let mount_point = text(&self.at(path));
        let identity: MountIdentity = identify(&mount_point).unwrap();
        let (source, fs_type) = (source.into(), fs_type.into());
        MountExpectation { mount_point, source, fs_type, kind, identity: Some(identity) }
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        for path in self.mounts.borrow().iter().rev() {
            let _ = unmount(path, UnmountFlags::DETACH);
        }
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

pub(crate) fn text(path: &Path) -> String {
    path.to_str().unwrap().into()
}

pub(crate) fn store_path(text: &str) -> StorePath {
    StorePath::parse(text).unwrap()
}
