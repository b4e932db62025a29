//! The follower, held to the simulated truth over many seeds.

use super::super::follower::{Follower, Told};
use super::super::tree::Budget;
use super::{Eyes, Said, World};
use crate::watch::change::{Arrival, Departure};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use storewarden_types::{SightingKind, SightingSource};

#[derive(Debug, Default)]
struct Heard(Vec<(String, SightingKind)>);

impl Told for Heard {
    fn told(&mut self, path: &[u8], kind: SightingKind, _directory: bool, _source: SightingSource) {
        self.0.push((super::text(path).to_owned(), kind));
    }
}

type Sim = (Rc<RefCell<World>>, Follower<Eyes, Heard>);

const WIDE: Budget = Budget { directories_max: 1_000_000, names_max: 1_000_000 };

/// Some files, a follower that knows them all, and nothing told yet.
fn begin(seed: u64, queue_max: usize, wild: bool, budget: Budget) -> Sim {
    let world = Rc::new(RefCell::new(World::new(seed, queue_max)));
    for _ in 0..40 {
        world.borrow_mut().act();
    }
    let mut follower = Follower::new(Eyes(Rc::clone(&world)), Heard::default(), budget);
    renew(&world, &mut follower);
    let mut sim = (world, follower);
    run(&mut sim);
    {
        let mut world = sim.0.borrow_mut();
        world.wild = wild;
        world.departures.clear();
        world.told.clear();
    }
    sim
}

/// The seeds of a test: so many, or the one of the variable SEED.
fn seeds(count: u64) -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text: String| text.parse::<u64>().ok());
    match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEEDS").unwrap_or(count),
    }
}

fn renew(world: &Rc<RefCell<World>>, follower: &mut Follower<Eyes, Heard>) {
    world.borrow_mut().renew();
    follower.begin_scan(true);
}

/// Hands over what `notify` has said so far.
fn hear((world, follower): &mut Sim) {
    loop {
        let said = world.borrow_mut().said.pop_front();
        match said {
            Some(Said::Came(path, arrival)) => follower.arrived(path.as_bytes(), arrival),
            Some(Said::Went(path, departure)) => follower.departed(path.as_bytes(), departure),
            None => return,
        }
    }
}

/// What the driver does, until everything is quiet and no stranger has anything left to do.
/// How often events were lost is the answer.
fn run(sim: &mut Sim) -> usize {
    let mut overflows = 0;
    for _ in 0..10_000 {
        sim.0.borrow_mut().stir();
        hear(sim);
        let loss = sim.0.borrow().lost && !sim.0.borrow().scanning;
        if loss {
            renew(&sim.0, &mut sim.1);
            overflows += 1;
        }
        if sim.1.has_work() {
            sim.1.step();
        }
        if sim.1.has_suspects() {
            sim.0.borrow_mut().read_batch();
            hear(sim);
            sim.1.settle();
        }
        let mut world = sim.0.borrow_mut();
        world.scanning &= sim.1.has_work();
        let quiet = world.queue.is_empty() && world.said.is_empty() && !world.lost && !world.overflowed;
        if world.restless == 0 && quiet && !sim.1.has_work() {
            return overflows;
        }
    }
    panic!("never quiet");
}

fn truth(world: &World) -> BTreeSet<(String, bool)> {
    let mut all = BTreeSet::new();
    world.below(super::ROOT, "", &mut |path, directory| {
        all.insert((path, directory));
    });
    all
}

/// The index is the truth, and every directory's watch sits where the directory is now.
fn check((world, follower): &Sim, what: &str) {
    let world = world.borrow();
    let truth = truth(&world);
    let index = follower.index();
    let (phantoms, unseen): (Vec<_>, Vec<_>) =
        (index.difference(&truth).collect(), truth.difference(&index).collect());
    assert!(phantoms.is_empty() && unseen.is_empty(), "{what}: phantoms {phantoms:?}, unseen {unseen:?}");
    for (path, directory) in &truth {
        if *directory {
            let inode = world.resolve(path).unwrap();
            let wd = world.watched.get(&inode);
            assert!(wd.is_some(), "{what}: {path} has no watch");
            let named = world.paths.get(wd.unwrap()).and_then(|paths| paths.last());
            assert_eq!(named, Some(path), "{what}: the watch of {path} has another name");
        }
    }
    let counts = follower.counts();
    assert_eq!(counts.names, truth.len() as u64, "{what}");
    assert_eq!(counts.watched, counts.directories, "{what}");
}

/// Nothing was told that did not happen, nor twice.
fn check_no_lies((world, follower): &Sim, what: &str) {
    let world = world.borrow();
    let mut told: BTreeMap<&String, Vec<SightingKind>> = BTreeMap::new();
    for (path, kind) in &follower.out.0 {
        told.entry(path).or_default().push(*kind);
    }
    for (path, told) in told {
        let went = world.departures.get(path).copied().unwrap_or(0);
        assert!(told.len() <= went, "{what}: {path} went {went} times and was told as {told:?}");
    }
}

/// What was known and is not there any more was told.
fn check_no_loss((world, follower): &Sim, known: &BTreeSet<(String, bool)>, what: &str) {
    let told: BTreeSet<&String> = follower.out.0.iter().map(|(path, _)| path).collect();
    let there = truth(&world.borrow());
    for (path, directory) in known {
        let stays =
            there.contains(&(path.clone(), *directory)) || there.contains(&(path.clone(), !directory));
        assert!(stays || told.contains(path), "{what}: {path} went and was not told");
    }
}

#[test]
fn one_change_at_a_time_is_told_as_it_was() {
    for seed in seeds(200) {
        let mut sim = begin(seed, usize::MAX, true, WIDE);
        for change in 0..100 {
            sim.0.borrow_mut().restless = 1;
            run(&mut sim);
            check(&sim, &format!("seed {seed}, change {change}"));
            let wanted = std::mem::take(&mut sim.0.borrow_mut().told);
            let heard = std::mem::take(&mut sim.1.out.0);
            let sorted = |list: Vec<(String, SightingKind)>| {
                let moved = |kind| kind == SightingKind::MovedAway;
                let mut list: Vec<_> = list.into_iter().map(|(path, kind)| (path, moved(kind))).collect();
                list.sort();
                list
            };
            assert_eq!(sorted(heard), sorted(wanted), "seed {seed}, change {change}");
        }
    }
}

#[test]
fn nothing_is_told_that_did_not_happen_nor_twice_and_nothing_is_lost() {
    for seed in seeds(500) {
        let mut sim = begin(seed, usize::MAX, false, WIDE);
        for phase in 0..4 {
            let (what, known) = (format!("seed {seed}, phase {phase}"), truth(&sim.0.borrow()));
            sim.1.out.0.clear();
            sim.0.borrow_mut().departures.clear();
            sim.0.borrow_mut().restless = 60;
            run(&mut sim);
            check(&sim, &what);
            check_no_lies(&sim, &what);
            check_no_loss(&sim, &known, &what);
        }
    }
}

#[test]
fn an_overflow_loses_nothing_that_was_known() {
    let mut overflows = 0;
    for seed in seeds(500) {
        let mut sim = begin(seed, 4 + seed as usize % 12, false, WIDE);
        for phase in 0..4 {
            let (what, known) = (format!("seed {seed}, phase {phase}"), truth(&sim.0.borrow()));
            sim.1.out.0.clear();
            sim.0.borrow_mut().departures.clear();
            sim.0.borrow_mut().restless = 60;
            overflows += run(&mut sim);
            check(&sim, &what);
            check_no_lies(&sim, &what);
            check_no_loss(&sim, &known, &what);
        }
    }
    assert!(overflows > 100, "only {overflows}");
}

#[test]
fn whatever_strangers_do_the_index_is_the_truth_in_the_end() {
    for seed in seeds(500) {
        let mut sim = begin(seed, if seed % 3 == 0 { 10 } else { usize::MAX }, true, WIDE);
        for phase in 0..4 {
            sim.0.borrow_mut().restless = 60;
            run(&mut sim);
            check(&sim, &format!("seed {seed}, phase {phase}"));
        }
    }
}

#[test]
fn beyond_the_budget_too_once_it_is_scanned() {
    for seed in seeds(500) {
        let budget = Budget { directories_max: 1 + seed % 9, names_max: 1_000_000 };
        let mut sim = begin(seed, usize::MAX, true, budget);
        for phase in 0..4 {
            sim.0.borrow_mut().restless = 60;
            run(&mut sim);
            sim.1.begin_scan(false);
            run(&mut sim);
            assert_eq!(sim.1.index(), truth(&sim.0.borrow()), "seed {seed}, phase {phase}");
        }
    }
}

#[test]
fn beyond_the_budget_a_scan_finds_what_events_cannot_tell() {
    for seed in seeds(300) {
        let budget = Budget { directories_max: 1 + seed % 5, names_max: 1_000_000 };
        let mut sim = begin(seed, usize::MAX, false, budget);
        if seed % 2 == 0 {
            sim.0.borrow_mut().watches_max = 1 + seed as usize % 3;
        }
        for phase in 0..4 {
            let (what, known) = (format!("seed {seed}, phase {phase}"), truth(&sim.0.borrow()));
            sim.1.out.0.clear();
            sim.0.borrow_mut().departures.clear();
            sim.0.borrow_mut().restless = 60;
            run(&mut sim);
            assert!(sim.1.counts().watched <= budget.directories_max, "{what}");
            sim.1.begin_scan(false);
            run(&mut sim);
            assert_eq!(sim.1.index(), truth(&sim.0.borrow()), "{what}");
            check_no_lies(&sim, &what);
            check_no_loss(&sim, &known, &what);
        }
    }
}

#[test]
fn names_beyond_the_budget_are_told_by_events_only() {
    for seed in seeds(300) {
        let budget = Budget { directories_max: 1_000_000, names_max: seed % 20 };
        let mut sim = begin(seed, usize::MAX, false, budget);
        for phase in 0..4 {
            let (what, known) = (format!("seed {seed}, phase {phase}"), truth(&sim.0.borrow()));
            sim.1.out.0.clear();
            sim.0.borrow_mut().departures.clear();
            sim.0.borrow_mut().restless = 60;
            run(&mut sim);
            assert!(sim.1.index().is_subset(&truth(&sim.0.borrow())), "{what}");
            assert_eq!(sim.1.counts().watched, sim.1.counts().directories, "{what}");
            check_no_lies(&sim, &what);
            check_no_loss(&sim, &known, &what);
        }
    }
}

#[test]
fn an_open_file_that_is_removed_on_nfs_is_told_by_its_own_name_too() {
    let mut sim = begin(0, usize::MAX, false, WIDE);
    let silly = ".nfs000000000000a1b20000c3d4";
    for name in ["open.vhd", "other.vhd"] {
        let mut world = sim.0.borrow_mut();
        let inode = world.number();
        world.directories.get_mut(&super::ROOT).unwrap().insert(name.into(), inode);
        world.said.push_back(Said::Came(name.into(), Arrival::File));
        world.delivered += 1;
    }
    run(&mut sim);
    sim.1.out.0.clear();
    // The client renames it without a word, and says that the new name was deleted, while it is still there.
    {
        let mut world = sim.0.borrow_mut();
        let inode = world.directories.get_mut(&super::ROOT).unwrap().remove("open.vhd").unwrap();
        world.directories.get_mut(&super::ROOT).unwrap().insert(silly.into(), inode);
        world.said.push_back(Said::Went(silly.into(), Departure::File));
        world.delivered += 1;
    }
    run(&mut sim);
    let wanted =
        [(silly.to_owned(), SightingKind::Deleted), ("open.vhd".to_owned(), SightingKind::MissingAtRescan)];
    assert_eq!(sim.1.out.0, wanted);
    // At the last close it goes without a word, and was never in the index.
    sim.0.borrow_mut().directories.get_mut(&super::ROOT).unwrap().remove(silly);
    check(&sim, "after the last close");
}
