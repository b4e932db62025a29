//! The watch and mounts: another one below is not entered, and its own going away is the end. In a mount namespace of
//! their own, through user namespaces where the tests are not root's.

#![allow(clippy::unwrap_used)] // a test may panic

mod common;

use common::{Scratch, Worker, is_off, program, start_at};
use std::path::PathBuf;
use std::process::Command;
use storewarden_types::{GapCause, SightingKind, WatchState};

/// A worker in namespaces of its own, after `script` ran there with the root as `$1`.
fn worker_after(script: &str, scratch: &Scratch, user: bool) -> Worker {
    let mut command = Command::new("unshare");
    command.arg("--mount");
    if user || !rustix::process::getuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    let script = format!("set -e; {script}; exec \"$0\"");
    command.args(["sh", "-c", &script]).arg(program().get_program()).arg(scratch.path());
    let mut worker = Worker::spawn(command);
    worker.start(&start_at(scratch.path(), ""));
    worker
}

/// The same path as the worker sees it.
fn inside(worker: &Worker, scratch: &Scratch, path: &str) -> PathBuf {
    let root = PathBuf::from(format!("/proc/{}/root", worker.child.id()));
    root.join(scratch.at(path).strip_prefix("/").unwrap())
}

#[test]
fn another_mount_below_is_not_entered() {
    let scratch = Scratch::new();
    scratch.file("ours/file");
    std::fs::create_dir(scratch.at("other")).unwrap();
    let script = "mount -t tmpfs none \"$1/other\"; mkdir \"$1/other/deep\"; touch \"$1/other/deep/file\"";
    let mut worker = worker_after(script, &scratch, false);
    worker.watch(100, 100);
    worker.knows(2, 3);
    std::fs::remove_file(inside(&worker, &scratch, "other/deep/file")).unwrap();
    std::fs::remove_dir(inside(&worker, &scratch, "other/deep")).unwrap();
    std::fs::remove_file(inside(&worker, &scratch, "ours/file")).unwrap();
    worker.hears_of("ours/file");
    assert_eq!(worker.take_told(), [("ours/file".to_owned(), SightingKind::Deleted, false)]);
}

#[test]
fn an_unmount_is_the_end_and_no_deletion() {
    let scratch = Scratch::new();
    let script = "mount -t tmpfs none \"$1\"; mkdir \"$1/d\"; touch \"$1/d/file\"";
    let mut worker = worker_after(script, &scratch, false);
    worker.watch(100, 100);
    worker.knows(2, 2);
    let pid = worker.child.id().to_string();
    let mut nsenter = Command::new("nsenter");
    nsenter.args(["--target", &pid, "--mount"]);
    if !rustix::process::getuid().is_root() {
        nsenter.args(["--user", "--preserve-credentials"]);
    }
    // Nothing of ours keeps it busy.
    assert!(nsenter.arg("umount").arg(scratch.path()).status().unwrap().success());
    worker.wait("the end", is_off);
    assert_eq!(worker.told.status.message, "the file system was unmounted");
    assert_eq!(worker.take_told(), []);
}

#[test]
fn a_kernel_that_gives_no_more_watches_is_named() {
    let scratch = Scratch::new();
    for n in 0..10 {
        scratch.file(&format!("d{n}/file"));
    }
    let mut worker = worker_after("echo 4 > /proc/sys/user/max_inotify_watches", &scratch, true);
    worker.watch(100, 100);
    worker.wait("a partial watch", |told| told.status.state == WatchState::Partial);
    let status = &worker.told.status;
    assert!(
        status.message.contains("7 of 11 directories are not watched: fs.inotify.max_user_watches"),
        "{status:?}"
    );
    assert_eq!((status.directories, status.indexed), (4, 20));
    assert_eq!(worker.told.gaps.last().unwrap().cause, GapCause::Budget);
}
