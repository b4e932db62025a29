//! The watch on real directories: what is told, what is not, and how it says that it cannot tell.

#![allow(clippy::unwrap_used)] // a test may panic

mod common;

use common::{Scratch, Told, Worker, is_off, program, start_at};
use std::ffi::OsStr;
use std::fs::{create_dir, create_dir_all, remove_dir, remove_dir_all, remove_file, rename, write};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use storewarden_types::{GapCause, SightingKind, WatchState, WorkerOp, WorkerResult};

fn deleted(path: &str) -> (String, SightingKind, bool) {
    (path.into(), SightingKind::Deleted, false)
}

fn removed(path: &str) -> (String, SightingKind, bool) {
    (path.into(), SightingKind::Deleted, true)
}

fn moved(path: &str, directory: bool) -> (String, SightingKind, bool) {
    (path.into(), SightingKind::MovedAway, directory)
}

/// The last of `wanted` is waited for; then all of it must have been told, in this order, and nothing else.
fn expect(worker: &mut Worker, wanted: &[(String, SightingKind, bool)]) {
    worker.hears_of(&wanted.last().unwrap().0);
    assert_eq!(worker.take_told(), wanted);
}

#[test]
fn each_way_to_go_is_told_once() {
    let scratch = Scratch::new();
    for path in ["a", "b", "d/e/x", "d/y", "template.vhd"] {
        scratch.file(path);
    }
    let mut worker = Worker::watching(scratch.path());
    worker.knows(3, 7);

    remove_file(scratch.at("a")).unwrap();
    expect(&mut worker, &[deleted("a")]);
    rename(scratch.at("b"), scratch.at("d/b")).unwrap();
    expect(&mut worker, &[moved("b", false)]);
    remove_file(scratch.at("d/b")).unwrap();
    expect(&mut worker, &[deleted("d/b")]);
    // Over another file: that name stays.
    rename(scratch.at("template.vhd"), scratch.at("d/y")).unwrap();
    expect(&mut worker, &[moved("template.vhd", false)]);
    remove_file(scratch.at("d/e/x")).unwrap();
    remove_dir(scratch.at("d/e")).unwrap();
    expect(&mut worker, &[deleted("d/e/x"), removed("d/e")]);
    // Made and gone again at once, and there before anybody looks.
    write(scratch.at("flash"), b"").unwrap();
    remove_file(scratch.at("flash")).unwrap();
    expect(&mut worker, &[deleted("flash")]);
    worker.knows(2, 2);
}

#[test]
fn storewardens_own_directory_is_not_looked_at() {
    let scratch = Scratch::new();
    scratch.file(".storewarden/identity");
    scratch.file("deep/.storewarden/of somebody else");
    let mut worker = Worker::watching(scratch.path());
    worker.knows(3, 3);
    remove_dir_all(scratch.at(".storewarden")).unwrap();
    scratch.file(".storewarden/identity");
    remove_dir_all(scratch.at(".storewarden")).unwrap();
    remove_file(scratch.at("deep/.storewarden/of somebody else")).unwrap();
    expect(&mut worker, &[deleted("deep/.storewarden/of somebody else")]);
}

#[test]
fn directories_made_in_a_burst_are_followed_to_the_bottom() {
    let scratch = Scratch::new();
    let mut worker = Worker::watching(scratch.path());
    let mut wanted = Vec::new();
    for n in 0..50 {
        let mut path = format!("burst{n}");
        wanted.push(path.clone());
        for depth in 0..12 {
            path += &format!("/level{depth}");
            create_dir_all(scratch.at(&path)).unwrap();
            write(scratch.at(&format!("{path}/file")), b"").unwrap();
            wanted.extend([path.clone(), format!("{path}/file")]);
        }
    }
    worker.knows(1 + 50 * 13, 50 * 25);
    for n in 0..50 {
        remove_dir_all(scratch.at(&format!("burst{n}"))).unwrap();
    }
    worker.knows(1, 0);
    wanted.sort();
    assert_eq!(worker.told.paths(), wanted);
}

#[test]
fn a_directory_that_moves_is_told_itself_and_followed_to_where_it_went() {
    let (scratch, outside) = (Scratch::new(), Scratch::new());
    for path in ["account/volume/one", "account/volume/two", "other/x"] {
        scratch.file(path);
    }
    outside.file("moved in/sub/file");
    let mut worker = Worker::watching(scratch.path());
    worker.knows(4, 6);

    rename(scratch.at("account"), scratch.at("other/account")).unwrap();
    worker.knows(4, 6);
    expect(&mut worker, &[moved("account", true)]);
    // Known there only once its directory is watched at its new place: what goes before that is told by nobody.
    scratch.file("other/account/volume/marker");
    worker.knows(4, 7);
    remove_file(scratch.at("other/account/volume/one")).unwrap();
    expect(&mut worker, &[deleted("other/account/volume/one")]);

    rename(scratch.at("other/account"), outside.at("account")).unwrap();
    worker.knows(2, 2);
    expect(&mut worker, &[moved("other/account", true)]);
    remove_file(outside.at("account/volume/two")).unwrap();

    rename(outside.at("moved in"), scratch.at("moved in")).unwrap();
    worker.knows(4, 5);
    remove_file(scratch.at("moved in/sub/file")).unwrap();
    expect(&mut worker, &[deleted("moved in/sub/file")]);

    // Onto an empty directory, which is replaced; the new one is heard of under that name.
    create_dir(scratch.at("target")).unwrap();
    worker.knows(5, 5);
    rename(scratch.at("other"), scratch.at("target")).unwrap();
    worker.knows(4, 4);
    expect(&mut worker, &[moved("other", true)]);
    scratch.file("target/later");
    worker.knows(4, 5);
    remove_file(scratch.at("target/later")).unwrap();
    expect(&mut worker, &[deleted("target/later")]);
}

#[test]
fn an_exchange_of_two_names_leaves_both() {
    let scratch = Scratch::new();
    scratch.file("current/a");
    scratch.file("next/b");
    let mut worker = Worker::watching(scratch.path());
    worker.knows(3, 4);
    let (one, two) = (scratch.at("current"), scratch.at("next"));
    let flags = rustix::fs::RenameFlags::EXCHANGE;
    rustix::fs::renameat_with(rustix::fs::CWD, &one, rustix::fs::CWD, &two, flags).unwrap();
    expect(&mut worker, &[moved("current", true), moved("next", true)]);
    worker.knows(3, 4);
    remove_file(scratch.at("current/b")).unwrap();
    remove_file(scratch.at("next/a")).unwrap();
    expect(&mut worker, &[deleted("current/b"), deleted("next/a")]);
}

#[test]
fn links_are_names_and_are_never_followed() {
    let (scratch, outside) = (Scratch::new(), Scratch::new());
    outside.file("secret/file");
    create_dir(scratch.at("real")).unwrap();
    symlink(outside.path(), scratch.at("link")).unwrap();
    symlink(scratch.path(), scratch.at("real/loop")).unwrap();
    let mut worker = Worker::watching(scratch.path());
    worker.knows(2, 3);
    symlink(outside.at("secret"), scratch.at("real/later")).unwrap();
    worker.knows(2, 4);
    remove_dir_all(outside.at("secret")).unwrap();
    remove_file(scratch.at("link")).unwrap();
    expect(&mut worker, &[deleted("link")]);
}

#[test]
fn names_of_any_bytes_have_one_text() {
    let scratch = Scratch::new();
    for name in [&b"latin\xe9"[..], br"back\slash", "grün".as_bytes(), b"new\nline"] {
        write(scratch.path().join(OsStr::from_bytes(name)), b"").unwrap();
    }
    let mut worker = Worker::watching(scratch.path());
    worker.knows(1, 4);
    for entry in std::fs::read_dir(scratch.path()).unwrap() {
        remove_file(entry.unwrap().path()).unwrap();
    }
    worker.knows(1, 0);
    assert_eq!(worker.told.paths(), [r"back\\slash", "grün", r"latin\xe9", "new\nline"]);
}

#[test]
fn beyond_the_budget_the_watch_is_partial_and_says_how_much() {
    let scratch = Scratch::new();
    for n in 0..10 {
        scratch.file(&format!("d{n}/file"));
    }
    let mut worker = Worker::at(scratch.path());
    worker.watch(4, 1_000);
    worker.wait("a partial watch", |told| told.status.state == WatchState::Partial);
    let Told { status, gaps, .. } = &worker.told;
    assert_eq!((status.directories, status.indexed), (4, 20));
    assert_eq!(status.message, "7 of 11 directories are not watched: the budget of 4 directories is used up");
    let causes: Vec<_> = gaps.iter().map(|gap| (gap.cause, gap.complete, gap.present)).collect();
    assert_eq!(causes, [(GapCause::WorkerAbsent, false, 20), (GapCause::Budget, false, 20)]);
    // Of the ten files, the three in watched directories are told; the directories themselves all are.
    for n in 0..10 {
        remove_dir_all(scratch.at(&format!("d{n}"))).unwrap();
    }
    worker.wait("all directories", |told| {
        told.sightings.iter().filter(|(.., directory)| *directory).count() == 10
    });
    worker.settled();
    let files = |told: &Told, kind| told.sightings.iter().filter(|(_, k, d)| *k == kind && !d).count();
    assert_eq!(files(&worker.told, SightingKind::Deleted), 3);
    // The others were known, so that the end of their directories tells them too.
    assert_eq!(files(&worker.told, SightingKind::MissingAtRescan), 7);
}

#[test]
fn beyond_the_budget_of_names_events_are_told_all_the_same() {
    let scratch = Scratch::new();
    for n in 0..20 {
        scratch.file(&format!("d/file{n:02}"));
    }
    let mut worker = Worker::at(scratch.path());
    worker.watch(100, 5);
    worker.wait("a partial watch", |told| told.status.state == WatchState::Partial);
    assert_eq!((worker.told.status.directories, worker.told.status.indexed), (2, 5));
    assert!(
        worker.told.status.message.contains("beyond the budget of 5 names"),
        "{}",
        worker.told.status.message
    );
    for n in 0..20 {
        remove_file(scratch.at(&format!("d/file{n:02}"))).unwrap();
    }
    worker.hears_of("d/file19");
    assert_eq!(worker.told.paths().len(), 20);
}

#[test]
fn a_directory_that_cannot_be_read_is_told_and_the_rest_is_watched() {
    let scratch = Scratch::new();
    scratch.file("open/file");
    scratch.file("closed/file");
    let permit = |mode| std::fs::set_permissions(scratch.at("closed"), std::fs::Permissions::from_mode(mode));
    // Root reads everything; a worker of somebody else does not.
    let copy = scratch.at("storewarden-worker");
    // Copied by another process: a descriptor open for writing here could leak into the fork of a neighbouring test, and
    // the program would be busy (ETXTBSY, execve(2)).
    assert!(Command::new("cp").arg(program().get_program()).arg(&copy).status().unwrap().success());
    let mut command = Command::new(&copy);
    if rustix::process::getuid().is_root() {
        command.uid(65_534).gid(65_534);
    }
    permit(0o000).unwrap();
    let mut worker = Worker::spawn(command);
    worker.start(&start_at(scratch.path(), ""));
    worker.watch(100, 100);
    worker.wait("a partial watch", |told| told.status.state == WatchState::Partial);
    permit(0o755).unwrap();
    let Told { status, gaps, .. } = &worker.told;
    assert!(
        status.message.contains("closed: ") && status.message.contains("could not be read"),
        "{status:?}"
    );
    assert_eq!(gaps.last().unwrap().cause, GapCause::Error);
    assert_eq!((status.directories, status.indexed), (2, 4));
    remove_file(scratch.at("open/file")).unwrap();
    expect(&mut worker, &[deleted("open/file")]);
}

#[test]
fn an_agent_that_does_not_read_loses_nothing() {
    let scratch = Scratch::new();
    let mut wanted = Vec::new();
    for n in 0..60_000 {
        let path = format!("d{}/snapshot-of-a-volume-with-a-long-name-{n}", n % 100);
        if n < 100 {
            create_dir(scratch.at(&format!("d{n}"))).unwrap();
        }
        std::fs::File::create(scratch.at(&path)).unwrap();
        wanted.push(path);
    }
    let mut worker = Worker::watching(scratch.path());
    worker.knows(101, 60_100);
    let reading = worker.reading();
    let pause = reading.lock().unwrap();
    for path in &wanted {
        remove_file(scratch.at(path)).unwrap();
    }
    drop(pause);
    worker.knows(101, 100);
    wanted.sort();
    assert_eq!(worker.told.paths(), wanted);
    assert!(worker.told.status.overflows > 0, "the watch was not held up at all");
    // It goes on hearing, and answering.
    assert_eq!(
        worker.ask(&WorkerOp::StartWatch { directories_max: 1, names_max: 1 }),
        WorkerResult::WatchStarted
    );
    worker.take_told();
    remove_dir(scratch.at("d7")).unwrap();
    expect(&mut worker, &[removed("d7")]);
}

#[test]
fn without_its_root_the_watch_is_off() {
    let scratch = Scratch::new();
    scratch.file("store/file");
    let mut worker = Worker::watching(&scratch.at("store"));
    remove_dir_all(scratch.at("store")).unwrap();
    worker.wait("the end", is_off);
    assert_eq!(worker.told.status.message, "the root was removed");
    assert_eq!(worker.take_told(), [deleted("file")]);

    scratch.file("store2/file");
    let mut worker = Worker::watching(&scratch.at("store2"));
    rename(scratch.at("store2"), scratch.at("store3")).unwrap();
    worker.wait("the end", is_off);
    assert_eq!(worker.told.status.message, "the root was moved");

    let mut worker = Worker::at(&scratch.at("store2"));
    worker.watch(10, 10);
    worker.wait("the end", is_off);
    assert!(worker.told.status.message.contains("No such file"), "{:?}", worker.told.status);
}
