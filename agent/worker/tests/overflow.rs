//! Events are lost, names are not: every name that was known and went is told exactly once, and the blind stretch is told
//! as one.

#![allow(clippy::unwrap_used)] // a test may panic

mod common;

use common::{Scratch, Worker};
use rustix::process::{Signal, kill_process};
use std::collections::BTreeMap;
use std::process::Command;
use storewarden_types::GapCause;

/// `directories` directories of `files` files; the paths of all of it.
fn plant(scratch: &Scratch, directories: usize, files: usize) -> Vec<String> {
    let mut paths = Vec::with_capacity(directories * (files + 1));
    for d in 0..directories {
        let directory = format!("half{}/d{d:04}", d % 2);
        std::fs::create_dir_all(scratch.at(&directory)).unwrap();
        for f in 0..files {
            let path = format!("{directory}/snapshot-{f:04}.vhd");
            std::fs::File::create(scratch.at(&path)).unwrap();
            paths.push(path);
        }
        paths.push(directory);
    }
    paths
}

/// Each of `wanted` was told once, and nothing else.
fn check(worker: &Worker, wanted: &[String]) {
    let counts = worker.told.counts();
    let twice: BTreeMap<_, _> = counts.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "told more than once: {twice:?}");
    let missing: Vec<_> = wanted.iter().filter(|path| !counts.contains_key(path.as_str())).take(5).collect();
    assert!(missing.is_empty(), "not told: {missing:?} ...");
    assert_eq!(counts.len(), wanted.len());
}

/// Every overflow led to a whole rescan, and was told.
fn check_gaps(worker: &Worker) -> usize {
    let gaps: Vec<_> = worker.told.gaps.iter().filter(|gap| gap.cause == GapCause::Overflow).collect();
    assert!(gaps.iter().all(|gap| gap.complete), "{gaps:?}");
    assert_eq!(gaps.is_empty(), worker.told.status.overflows == 0);
    gaps.len()
}

#[test]
fn two_deleters_at_full_speed_and_every_name_is_told_once() {
    let scratch = Scratch::new();
    let mut wanted = plant(&scratch, 1_000, 100);
    let mut worker = Worker::watching(scratch.path());
    worker.knows(1_003, 101_002);
    let rms: Vec<_> = ["half0", "half1"]
        .map(|half| Command::new("rm").arg("-r").arg(scratch.at(half)).spawn().unwrap())
        .into_iter()
        .collect();
    for mut rm in rms {
        assert!(rm.wait().unwrap().success());
    }
    wanted.extend(["half0".into(), "half1".into()]);
    worker.knows(1, 0);
    check(&worker, &wanted);
    let gaps = check_gaps(&worker);
    eprintln!("{} overflow(s), {gaps} gap(s)", worker.told.status.overflows);
}

#[test]
fn a_certain_overflow_is_made_good_by_the_rescan() {
    let scratch = Scratch::new();
    let all = plant(&scratch, 400, 100);
    let mut worker = Worker::watching(scratch.path());
    worker.knows(403, 40_402);
    assert_eq!((worker.told.gaps.len(), worker.told.gaps[0].cause), (1, GapCause::WorkerAbsent));
    assert_eq!((worker.told.gaps[0].complete, worker.told.gaps[0].present), (false, 40_402));

    kill_process(worker.pid(), Signal::STOP).unwrap();
    let mut wanted = Vec::new();
    for path in all.iter().filter(|path| path.ends_with(".vhd")) {
        std::fs::remove_file(scratch.at(path)).unwrap();
        wanted.push(path.clone());
    }
    // Some directories go too, some come, and some names whose deletion was lost are there again.
    for d in 0..100 {
        let path = format!("half{}/d{d:04}", d % 2);
        std::fs::remove_dir(scratch.at(&path)).unwrap();
        wanted.push(path);
    }
    for d in 300..320 {
        let path = format!("half{}/d{d:04}/snapshot-0000.vhd", d % 2);
        scratch.file(&path);
        wanted.retain(|known| *known != path);
    }
    scratch.file("half0/new/deep/er/file");
    // One is removed and made again, and the end of its watch is among what is lost.
    std::fs::remove_dir(scratch.at("half0/d0390")).unwrap();
    scratch.file("half0/d0390/again");
    kill_process(worker.pid(), Signal::CONT).unwrap();

    worker.knows(306, 306 - 1 + 22);
    worker.wait("the gap", |told| told.gaps.len() > 1);
    check(&worker, &wanted);
    assert_eq!(check_gaps(&worker), 1);
    let gap = &worker.told.gaps[1];
    assert!(gap.missing > 20_000, "16,384 events were kept, the rest was not: {gap:?}");
    assert_eq!(gap.present, 327);
    // The new watches hear again, in old directories and in new ones.
    worker.take_told();
    std::fs::remove_file(scratch.at("half0/new/deep/er/file")).unwrap();
    worker.hears_of("half0/new/deep/er/file");
    for path in ["half0/d0300/snapshot-0000.vhd", "half0/d0390/again"] {
        std::fs::remove_file(scratch.at(path)).unwrap();
        worker.hears_of(path);
    }
}
