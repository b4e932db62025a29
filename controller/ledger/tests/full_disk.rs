//! A disk that fills up: refused loudly, nothing lost, nothing half-written, and it goes on when there is space.
//!
//! Needs root for a small tmpfs of its own.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::path::Path;
use std::process::Command;
use storewarden_ledger::{Check, Ledger, LedgerError, Reader, open};
use storewarden_types::{DeletionState, Record};
use support::*;

struct SmallDisk(TestDir);

impl SmallDisk {
    fn mount() -> Self {
        let dir = TestDir::new();
        run(Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(dir.path()));
        Self(dir)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all space that is left.
    fn fill(&self) {
        let file = std::fs::File::create(self.path().join("ballast")).unwrap();
        let mut file = &file;
        while std::io::Write::write(&mut file, &[1; 4096]).is_ok_and(|n| n > 0) {}
    }

    fn free(&self) {
        std::fs::remove_file(self.path().join("ballast")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        run(Command::new("umount").arg("-l").arg(self.path()));
    }
}

fn run(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}

#[test]
fn a_full_disk_is_refused_and_outlived() {
    if !is_root() {
        eprintln!("skipped: needs root to mount a small tmpfs");
        return;
    }
    let disk = SmallDisk::mount();
    let (mut ledger, reader) = open(disk.path(), Check::Quick).unwrap();
    ledger.commit(&[agent_seen(), mount_seen(), tracked(0)]).unwrap();
    disk.fill();
    let mut held = 0;
    let error = loop {
        let facts: Vec<Record> = (1..=64).map(|n| fact(held + n)).collect();
        match ledger.commit(&facts) {
            Ok(_) => held += 64,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, LedgerError::Full { .. }), "{error:?}");
    assert!(error.to_string().contains("free space"), "{error}");
    // Still full: reopening says so, or succeeds and the next commit says so. It never pretends.
    for _ in 0..3 {
        let again = ledger.reopen().and_then(|()| {
            let facts: Vec<Record> = (1..=512).map(|n| fact(held + n)).collect();
            ledger.commit(&facts).map(drop)
        });
        assert!(matches!(again, Err(LedgerError::Full { .. } | LedgerError::Io { .. })), "{again:?}");
        assert_eq!(reader.verify_chain().unwrap().events, held + 3, "readers see what was committed, whole");
    }
    disk.free();
    ledger.reopen().unwrap();
    assert_eq!(reader.verify_chain().unwrap().events, held + 3);
    ledger.commit(&[fact(held + 1), ended(0, DeletionState::Confirmed)]).unwrap();
    drop((ledger, reader));
    let (_ledger, reader) = open(disk.path(), Check::Full).unwrap();
    assert_eq!(reader.verify_chain().unwrap().events, held + 5);
    assert_eq!(reader.deletion(deletion(0)).unwrap().unwrap().state, DeletionState::Confirmed);
}
