//! A file system, inotify(7) and `notify` 9 in miniature, with strangers who change files at every moment between two
//! steps of ours. Owns the model; `runs` holds the follower to it over many seeds.
//!
//! What it models is what the merge has to survive: watches that sit on inodes and not on paths, events that are queued
//! at the time of a change and named at the time they are read, a bounded queue that loses everything beyond it, a
//! removed directory that says so itself now, later or never, `notify` dropping its watches of a path once per batch it
//! has read, and its refusal to watch a path anew that it believes watched.

mod runs;
mod strangers;

use super::change::{Arrival, Departure};
use super::files::{Files, ListFault, WatchFault};
use super::note::Kind;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::rc::Rc;
use storewarden_types::SightingKind;

type Inode = u64;
type Wd = u64;

/// What the follower hears in the end.
#[derive(Clone, Debug)]
enum Said {
    Came(String, Arrival),
    Went(String, Departure),
}

/// What the kernel queues.
#[derive(Clone, Debug)]
enum Raw {
    Create { wd: Wd, name: String, directory: bool },
    Delete { wd: Wd, name: String, directory: bool },
    From { wd: Wd, name: String, cookie: usize },
    To { wd: Wd, name: String, cookie: usize },
    DeleteSelf { wd: Wd },
    Ignored { wd: Wd },
}

#[derive(Debug, Default)]
struct World {
    rng: fastrand::Rng,
    /// Children of each directory.
    directories: HashMap<Inode, BTreeMap<String, Inode>>,
    next: u64,
    /// Of the kernel.
    watched: HashMap<Inode, Wd>,
    queue: VecDeque<Raw>,
    queue_max: usize,
    overflowed: bool,
    /// Removed directories that somebody holds open: their own word comes at the last close.
    held: Vec<Inode>,
    /// Of `notify`: what it believes watched, and which paths share a watch.
    believed: BTreeMap<String, Wd>,
    paths: HashMap<Wd, Vec<String>>,
    said: VecDeque<Said>,
    delivered: u64,
    lost: bool,
    /// A scan after a loss is under way; the next one waits for its end.
    scanning: bool,
    /// How often each path went away for good or for a while, by whatever way.
    departures: BTreeMap<String, usize>,
    /// How many more changes strangers make while we are busy.
    restless: usize,
    watches_max: usize,
    /// What went by a call about just that name, in order.
    told: Vec<(String, SightingKind)>,
    /// Whether directories are renamed too.
    wild: bool,
}

const ROOT: Inode = 0;

impl World {
    fn new(seed: u64, queue_max: usize) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(seed),
            directories: HashMap::from([(ROOT, BTreeMap::new())]),
            next: 1,
            queue_max,
            watches_max: usize::MAX,
            ..Self::default()
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn resolve(&self, path: &str) -> Option<Inode> {
        path.split('/')
            .filter(|name| !name.is_empty())
            .try_fold(ROOT, |dir, name| self.directories.get(&dir)?.get(name).copied())
    }

    fn is_directory(&self, inode: Inode) -> bool {
        self.directories.contains_key(&inode)
    }

    fn queue(&mut self, raw: Raw) {
        if self.queue.len() < self.queue_max {
            self.queue.push_back(raw);
        } else {
            self.overflowed = true;
        }
    }

    fn tell_parent(&mut self, parent: Inode, raw: impl FnOnce(Wd) -> Raw) {
        if let Some(wd) = self.watched.get(&parent) {
            let raw = raw(*wd);
            self.queue(raw);
        }
    }

    /// An inode is gone for good: its watch says so and goes with it.
    fn evict(&mut self, inode: Inode) {
        if let Some(wd) = self.watched.remove(&inode) {
            self.queue(Raw::DeleteSelf { wd });
            self.queue(Raw::Ignored { wd });
        }
    }

    /// `notify` reads all that is queued, tells it, and drops its watches of what went.
    fn read_batch(&mut self) {
        let mut drop: BTreeMap<String, bool> = BTreeMap::new();
        let before = self.said.len();
        while let Some(raw) = self.queue.pop_front() {
            if let Raw::Ignored { wd } = raw {
                for path in self.paths.get(&wd).cloned().unwrap_or_default() {
                    drop.entry(path).or_insert(false);
                }
                continue;
            }
            let wd = match &raw {
                Raw::Create { wd, .. } | Raw::Delete { wd, .. } | Raw::From { wd, .. } => *wd,
                Raw::To { wd, .. } | Raw::DeleteSelf { wd } | Raw::Ignored { wd } => *wd,
            };
            let Some(root) = self.paths.get(&wd).and_then(|paths| paths.last()).cloned() else { continue };
            let at = |name: &str| if root.is_empty() { name.to_owned() } else { format!("{root}/{name}") };
            match raw {
                Raw::Create { name, directory, .. } => {
                    let arrival = if directory { Arrival::Directory } else { Arrival::File };
                    self.said.push_back(Said::Came(at(&name), arrival));
                }
                Raw::To { name, cookie, .. } => {
                    self.said.push_back(Said::Came(at(&name), Arrival::Moved(cookie)));
                }
                Raw::Delete { name, directory, .. } => {
                    let departure = if directory { Departure::Directory } else { Departure::File };
                    drop.insert(at(&name), true);
                    self.said.push_back(Said::Went(at(&name), departure));
                }
                Raw::From { name, cookie, .. } => {
                    drop.insert(at(&name), true);
                    self.said.push_back(Said::Went(at(&name), Departure::Moved(cookie)));
                }
                Raw::DeleteSelf { .. } => {
                    if self.believed.get(&root) == Some(&wd) {
                        drop.entry(root.clone()).or_insert(false);
                    }
                    self.said.push_back(Said::Went(root, Departure::Directory));
                }
                Raw::Ignored { .. } => {}
            }
        }
        self.delivered += (self.said.len() - before) as u64;
        if std::mem::take(&mut self.overflowed) {
            self.lost = true;
        }
        for path in drop.into_keys().rev() {
            if self.believed.contains_key(&path) {
                self.forget_path(&path);
            }
        }
    }

    fn forget_path(&mut self, path: &str) {
        let below = format!("{path}/");
        let gone: Vec<String> = self
            .believed
            .keys()
            .filter(|known| *known == path || known.starts_with(&below))
            .cloned()
            .collect();
        let mut wds = BTreeSet::new();
        for path in gone {
            let wd = self.believed.remove(&path).unwrap();
            let paths = self.paths.get_mut(&wd).unwrap();
            paths.retain(|known| *known != path);
            if paths.is_empty() {
                self.paths.remove(&wd);
                wds.insert(wd);
            }
        }
        for wd in wds {
            if let Some(inode) = self.watched.iter().find(|(_, known)| **known == wd).map(|(inode, _)| *inode)
            {
                self.watched.remove(&inode);
                self.queue(Raw::Ignored { wd });
            }
        }
    }

    fn add_watch(&mut self, path: &str) -> Result<(), WatchFault> {
        let inode = self.resolve(path).ok_or(WatchFault::Gone)?;
        if self.believed.contains_key(path) {
            return Ok(());
        }
        if !self.watched.contains_key(&inode) && self.watched.len() >= self.watches_max {
            return Err(WatchFault::Full);
        }
        let number = self.number();
        let wd = *self.watched.entry(inode).or_insert(number);
        self.believed.insert(path.into(), wd);
        self.paths.entry(wd).or_default().push(path.into());
        Ok(())
    }

    /// A new instance of `notify`: nothing is left of the old one.
    fn renew(&mut self) {
        self.watched.clear();
        self.queue.clear();
        self.believed.clear();
        self.paths.clear();
        self.said.clear();
        (self.overflowed, self.lost, self.delivered, self.scanning) = (false, false, 0, true);
    }

    fn below(&self, dir: Inode, path: &str, each: &mut impl FnMut(String, bool)) {
        for (name, inode) in &self.directories[&dir] {
            let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            each(path.clone(), self.is_directory(*inode));
            if self.is_directory(*inode) {
                self.below(*inode, &path, each);
            }
        }
    }
}

/// The world as the follower sees it.
#[derive(Clone, Debug)]
struct Eyes(Rc<RefCell<World>>);

fn text(path: &[u8]) -> &str {
    std::str::from_utf8(path).unwrap()
}

impl Files for Eyes {
    fn watch(&mut self, paths: &[&[u8]]) -> Vec<Result<(), WatchFault>> {
        let mut world = self.0.borrow_mut();
        paths
            .iter()
            .map(|path| {
                world.stir();
                let answer = world.add_watch(text(path));
                world.stir();
                answer
            })
            .collect()
    }

    fn delivered(&self) -> u64 {
        self.0.borrow().delivered
    }

    fn unwatch(&mut self, path: &[u8]) {
        let mut world = self.0.borrow_mut();
        if world.believed.contains_key(text(path)) {
            world.forget_path(text(path));
        }
    }

    fn list(&mut self, path: &[u8], each: &mut dyn FnMut(&[u8], Kind)) -> Result<(), ListFault> {
        let mut world = self.0.borrow_mut();
        world.stir();
        let inode = world.resolve(text(path)).ok_or(ListFault::Gone)?;
        let children = world.directories.get(&inode).ok_or(ListFault::NotDirectory)?.clone();
        for (name, inode) in children {
            let kind = if world.is_directory(inode) { Kind::Directory } else { Kind::File };
            each(name.as_bytes(), kind);
        }
        world.stir();
        Ok(())
    }

    fn kind(&mut self, path: &[u8]) -> Option<Kind> {
        let mut world = self.0.borrow_mut();
        world.stir();
        let inode = world.resolve(text(path))?;
        Some(if world.is_directory(inode) { Kind::Directory } else { Kind::File })
    }
}
