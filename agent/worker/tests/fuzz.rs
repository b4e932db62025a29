//! Random changes, held against a model: what is told is what went, and in the end the index is the truth. A failure
//! names its seed; `SEED=n` runs that one alone, `SEEDS=n` more of them.

#![allow(clippy::unwrap_used)] // a test may panic

mod common;

use common::{Scratch, Worker};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use storewarden_types::SightingKind;

/// Changes in all, and in one batch. Within a batch nothing happens in a directory that came or moved in that batch:
/// there, a change may be over before the watch can be.
const CHANGES: usize = 2_000;
const BATCH: usize = 50;

type Gone = (String, SightingKind, bool);

/// The tree as it should be: whether each path is a directory.
struct Model<'a> {
    scratch: &'a Scratch,
    rng: fastrand::Rng,
    paths: BTreeMap<String, bool>,
    fresh: BTreeSet<String>,
    gone: Vec<Gone>,
    next: u32,
}

impl Model<'_> {
    fn is_settled(&self, path: &str) -> bool {
        let mut path = path;
        while !self.fresh.contains(path) {
            match path.rsplit_once('/') {
                Some((parent, _)) => path = parent,
                None => return true,
            }
        }
        false
    }

    /// A settled path of a kind; the root is the empty one.
    fn pick(&mut self, directory: bool) -> Option<String> {
        let root = directory.then(String::new);
        let mut all: Vec<String> = self
            .paths
            .iter()
            .filter(|(p, d)| **d == directory && self.is_settled(p))
            .map(|(p, _)| p.clone())
            .collect();
        all.extend(root);
        (!all.is_empty()).then(|| all.swap_remove(self.rng.usize(0..all.len())))
    }

    fn new_name(&mut self, parent: &str) -> String {
        self.next += 1;
        let name = format!("n{}", self.next);
        if parent.is_empty() { name } else { format!("{parent}/{name}") }
    }

    fn children(&self, path: &str) -> Vec<(String, bool)> {
        let prefix = format!("{path}/");
        self.paths
            .range(prefix.clone()..)
            .take_while(|(p, _)| p.starts_with(&prefix))
            .map(|(p, d)| (p.clone(), *d))
            .collect()
    }

    fn change(&mut self) {
        match self.rng.u8(0..20) {
            0..=6 => self.create(false),
            7..=9 => self.create(true),
            10..=13 => self.unlink(),
            14..=15 => self.rename_file(),
            16..=17 => self.rename_directory(),
            18 => self.remove_empty(),
            _ => self.remove_tree(),
        }
    }

    fn create(&mut self, directory: bool) {
        let Some(parent) = self.pick(true) else { return };
        let path = self.new_name(&parent);
        if directory {
            fs::create_dir(self.scratch.at(&path)).unwrap();
            self.fresh.insert(path.clone());
        } else {
            fs::write(self.scratch.at(&path), b"").unwrap();
        }
        self.paths.insert(path, directory);
    }

    fn unlink(&mut self) {
        let Some(path) = self.pick(false) else { return };
        fs::remove_file(self.scratch.at(&path)).unwrap();
        self.paths.remove(&path);
        self.gone.push((path, SightingKind::Deleted, false));
    }

    fn rename_file(&mut self) {
        let (Some(from), Some(parent)) = (self.pick(false), self.pick(true)) else { return };
        let over = self.pick(false).filter(|over| *over != from && self.rng.bool());
        let to = over.unwrap_or_else(|| self.new_name(&parent));
        fs::rename(self.scratch.at(&from), self.scratch.at(&to)).unwrap();
        self.paths.remove(&from);
        self.paths.insert(to, false);
        self.gone.push((from, SightingKind::MovedAway, false));
    }

    fn rename_directory(&mut self) {
        let (Some(from), Some(parent)) = (self.pick(true), self.pick(true)) else { return };
        if from.is_empty() || format!("{parent}/").starts_with(&format!("{from}/")) {
            return;
        }
        let to = self.new_name(&parent);
        fs::rename(self.scratch.at(&from), self.scratch.at(&to)).unwrap();
        for (path, directory) in self.children(&from) {
            self.paths.remove(&path);
            self.paths.insert(format!("{to}{}", &path[from.len()..]), directory);
        }
        self.paths.remove(&from);
        self.paths.insert(to.clone(), true);
        self.fresh.insert(to);
        self.gone.push((from, SightingKind::MovedAway, true));
    }

    fn remove_empty(&mut self) {
        let Some(path) = self.pick(true) else { return };
        if !path.is_empty() && self.children(&path).is_empty() {
            fs::remove_dir(self.scratch.at(&path)).unwrap();
            self.paths.remove(&path);
            self.gone.push((path, SightingKind::Deleted, true));
        }
    }

    fn remove_tree(&mut self) {
        let Some(path) = self.pick(true) else { return };
        let children = self.children(&path);
        if path.is_empty() || children.iter().any(|(path, _)| !self.is_settled(path)) {
            return;
        }
        fs::remove_dir_all(self.scratch.at(&path)).unwrap();
        for (path, directory) in children.into_iter().chain([(path, true)]) {
            self.paths.remove(&path);
            self.gone.push((path, SightingKind::Deleted, directory));
        }
    }
}

/// Waits until everything that happened so far is heard.
fn catch_up(worker: &mut Worker, model: &Model<'_>, batch: usize) {
    let sentinel = format!("sentinel {batch}");
    fs::write(model.scratch.at(&sentinel), b"").unwrap();
    fs::remove_file(model.scratch.at(&sentinel)).unwrap();
    worker.hears_of(&sentinel);
    let directories = model.paths.values().filter(|directory| **directory).count() as u64;
    worker.knows(1 + directories, model.paths.len() as u64);
}

fn run(seed: u64) {
    let scratch = Scratch::new();
    let rng = fastrand::Rng::with_seed(seed);
    let mut model = Model {
        scratch: &scratch,
        rng,
        paths: BTreeMap::new(),
        fresh: BTreeSet::new(),
        gone: Vec::new(),
        next: 0,
    };
    let mut worker = Worker::watching(scratch.path());
    for batch in 0..CHANGES / BATCH {
        for _ in 0..BATCH {
            model.change();
        }
        catch_up(&mut worker, &model, batch);
        model.fresh.clear();
        let mut wanted = std::mem::take(&mut model.gone);
        let mut told = worker.take_told();
        told.retain(|(path, ..)| !path.starts_with("sentinel"));
        wanted.sort();
        told.sort();
        assert_eq!(told, wanted, "seed {seed}, batch {batch}");
    }
    // What is left is told name by name: the index was the truth.
    for entry in fs::read_dir(scratch.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
    }
    worker.knows(1, 0);
    assert_eq!(worker.told.paths(), model.paths.into_keys().collect::<Vec<_>>(), "seed {seed}");
    assert_eq!(worker.told.status.overflows, 0);
}

/// So many seeds, or `SEEDS` of them, or the one that `SEED` names.
fn seeds(count: u64) -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text: String| text.parse::<u64>().ok());
    match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEEDS").unwrap_or(count),
    }
}

#[test]
fn what_is_told_is_what_went() {
    seeds(2).for_each(run);
}

/// Two strangers without any restraint: names cannot be checked one by one, but what is known in the end is the truth.
#[test]
fn after_a_storm_the_index_is_the_truth() {
    for seed in seeds(5) {
        let scratch = Scratch::new();
        let mut worker = Worker::watching(scratch.path());
        std::thread::scope(|scope| {
            for stranger in 0..2 {
                let scratch = &scratch;
                scope.spawn(move || storm(scratch, fastrand::Rng::with_seed(2 * seed + stranger)));
            }
        });
        let mut left = BTreeMap::new();
        survey(scratch.path(), "", &mut left);
        let directories = left.values().filter(|directory| **directory).count() as u64;
        worker.knows(1 + directories, left.len() as u64);
        worker.take_told();
        let status = std::process::Command::new("find")
            .arg(scratch.path())
            .args(["-mindepth", "1", "-delete"])
            .status();
        assert!(status.unwrap().success());
        worker.knows(1, 0);
        assert_eq!(worker.told.paths(), left.into_keys().collect::<Vec<_>>(), "seed {seed}");
    }
}

fn storm(scratch: &Scratch, mut rng: fastrand::Rng) {
    let some = |rng: &mut fastrand::Rng| {
        let depth = rng.usize(1..5);
        (0..depth).map(|_| ["a", "b", "c", "d"][rng.usize(0..4)]).collect::<Vec<_>>().join("/")
    };
    for _ in 0..4_000 {
        let (one, two) = (scratch.at(&some(&mut rng)), scratch.at(&some(&mut rng)));
        // Most of these fail, for they are blind; that is as well.
        let _ = match rng.u8(0..10) {
            0..=3 => fs::create_dir_all(&one),
            4..=5 => fs::write(&one, b""),
            6 => fs::remove_file(&one),
            7 => fs::remove_dir(&one),
            8 => fs::remove_dir_all(&one),
            _ => fs::rename(&one, &two),
        };
    }
}

fn survey(directory: &std::path::Path, path: &str, all: &mut BTreeMap<String, bool>) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = if path.is_empty() { name } else { format!("{path}/{name}") };
        let is_directory = entry.file_type().unwrap().is_dir();
        all.insert(path.clone(), is_directory);
        if is_directory {
            survey(&entry.path(), &path, all);
        }
    }
}
