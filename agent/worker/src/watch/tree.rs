//! The index: every name below the root that is remembered, so that a rescan can tell exactly which ones went. Owns the
//! directories, their counts and the budget; decides nothing about what is told.
//!
//! Paths are bytes relative to the root; the root itself is the empty path.

use super::hash::Hasher;
use super::names::{At, Names};
use super::note::{Kind, Note};

/// The number of a directory in the index.
pub(super) type DirId = u32;
/// The root's number.
pub(super) const ROOT: DirId = 0;
/// No directory: the child of a grave.
const NOBODY: DirId = DirId::MAX;

/// How much may be watched and remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Budget {
    /// Most directories with a watch.
    pub(super) directories_max: u64,
    /// Most names remembered. Directories that can be watched are remembered beyond it.
    pub(super) names_max: u64,
}

/// One directory.
#[derive(Debug, Default)]
struct Dir {
    names: Names,
    /// The scan that last queued it.
    scan: u32,
    /// It waits to be listed.
    queued: bool,
    watched: bool,
    /// It had a watch at some time, so that its own word that it is gone may be under way.
    has_word: bool,
    /// It is certainly gone; the next settling tells it with what was left below.
    doomed: bool,
    /// It could not be read when it was last listed.
    unread: bool,
    /// It has names that are not remembered, for want of room.
    uncovered: bool,
}

/// A name in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) at: At,
    pub(super) note: Note,
    /// The directory behind it: for live, followed directories.
    pub(super) child: Option<DirId>,
}

/// How many there are of what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Names remembered.
    pub(super) names: u64,
    /// Directories known, with the root.
    pub(super) directories: u64,
    /// Of these, with a watch.
    pub(super) watched: u64,
    /// Of these, not readable at the last try.
    pub(super) unread: u64,
    /// Of these, with names that are not remembered.
    pub(super) uncovered: u64,
}

/// The index.
#[derive(Debug)]
pub(super) struct Tree {
    dirs: Vec<Dir>,
    free: Vec<DirId>,
    hasher: Hasher,
    budget: Budget,
    counts: Counts,
    /// The parent that was asked for last: events come in runs.
    last: Option<(Vec<u8>, DirId)>,
}

impl Tree {
    pub(super) fn new(budget: Budget) -> Self {
        Self {
            dirs: vec![Dir::default()],
            free: Vec::new(),
            hasher: Hasher::new(),
            budget,
            counts: Counts { directories: 1, ..Counts::default() },
            last: None,
        }
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// The directory at `path`.
    pub(super) fn resolve(&mut self, path: &[u8]) -> Option<DirId> {
        if let Some((known, dir)) = &self.last
            && known == path
        {
            return Some(*dir);
        }
        let mut dir = ROOT;
        for name in path.split(|b| *b == b'/').filter(|name| !name.is_empty()) {
            dir = self.entry(dir, name)?.child?;
        }
        let (known, at) = self.last.get_or_insert_default();
        known.clear();
        known.extend(path);
        *at = dir;
        Some(dir)
    }

    /// The directory that holds the last component of `path`, and that component.
    pub(super) fn parent<'p>(&mut self, path: &'p [u8]) -> Option<(DirId, &'p [u8])> {
        let (parent, name) = split(path)?;
        Some((self.resolve(parent)?, name))
    }

    pub(super) fn entry(&self, dir: DirId, name: &[u8]) -> Option<Entry> {
        let names = &self.dirs[dir as usize].names;
        let at = names.find(self.hasher, name)?;
        Some(self.entry_at(dir, at))
    }

    pub(super) fn entry_at(&self, dir: DirId, at: At) -> Entry {
        let names = &self.dirs[dir as usize].names;
        let note = names.note(at);
        let child = if note.is_gone() { None } else { names.child(at) };
        Entry { at, note, child }
    }

    /// Adds a name that is not there; `None` when the budget is used up. A new directory's number comes with it.
    pub(super) fn insert(&mut self, dir: DirId, name: &[u8], kind: Kind) -> Option<Entry> {
        if !self.has_room(kind) {
            return self.uncover(dir);
        }
        let child = if kind == Kind::Directory { self.adopt() } else { NOBODY };
        let Some(at) = self.dirs[dir as usize].names.insert(self.hasher, name, kind, child) else {
            if kind == Kind::Directory {
                self.release(child);
            }
            return self.uncover(dir);
        };
        self.counts.names += 1;
        Some(self.entry_at(dir, at))
    }

    /// Whether the budget has room for one more name.
    pub(super) fn has_room(&self, kind: Kind) -> bool {
        self.counts.names < self.budget.names_max
            || (kind == Kind::Directory && self.counts.directories < self.budget.directories_max)
    }

    /// Takes a name out, with everything below it.
    pub(super) fn remove(&mut self, dir: DirId, entry: Entry) {
        if let Some(child) = entry.child {
            self.abandon(child);
        }
        if !entry.note.is_gone() {
            self.counts.names -= 1;
        }
        self.dirs[dir as usize].names.remove(self.hasher, entry.at);
    }

    /// Like [`Tree::remove`], but leaves a grave: an event that says the same once more is still expected.
    pub(super) fn bury(&mut self, dir: DirId, entry: Entry) {
        if let Some(child) = entry.child {
            self.abandon(child);
        }
        self.counts.names -= 1;
        let names = &mut self.dirs[dir as usize].names;
        names.set_child(entry.at, NOBODY);
        names.set_note(entry.at, entry.note.gone(true).suspect(false).echo(false));
    }

    /// A directory stands where a grave is: the expected event will be about the earlier one.
    pub(super) fn unbury(&mut self, dir: DirId, entry: Entry) -> Entry {
        let child = self.adopt();
        let names = &mut self.dirs[dir as usize].names;
        names.set_child(entry.at, child);
        names.set_note(entry.at, entry.note.gone(false).seen(false).echo(true));
        self.counts.names += 1;
        self.entry_at(dir, entry.at)
    }

    pub(super) fn set_note(&mut self, dir: DirId, at: At, note: Note) {
        self.dirs[dir as usize].names.set_note(at, note);
    }

    pub(super) fn name(&self, dir: DirId, at: At) -> &[u8] {
        self.dirs[dir as usize].names.name(at)
    }

    /// The entries of one directory, graves too.
    pub(super) fn entries(&self, dir: DirId) -> impl Iterator<Item = Entry> + '_ {
        self.dirs[dir as usize].names.iter().map(move |at| self.entry_at(dir, at))
    }

    /// The entry that follows `at` in one directory; see [`Names::after`].
    pub(super) fn entry_after(&self, dir: DirId, at: Option<At>) -> Option<Entry> {
        let at = self.dirs[dir as usize].names.after(at)?;
        Some(self.entry_at(dir, at))
    }

    /// Whether no live name is in it.
    pub(super) fn is_empty(&self, dir: DirId) -> bool {
        self.entries(dir).all(|entry| entry.note.is_gone())
    }

    /// Calls `tell(path, is_directory)` for every live name below `dir`, children before their directory. `path` is the
    /// directory's own and comes back as it was.
    pub(super) fn each_below(&self, dir: DirId, path: &mut Vec<u8>, tell: &mut dyn FnMut(&[u8], bool)) {
        let len = path.len();
        for entry in self.entries(dir).filter(|entry| !entry.note.is_gone()) {
            join(path, self.name(dir, entry.at));
            if let Some(child) = entry.child {
                self.each_below(child, path, tell);
            }
            tell(path, entry.note.kind() != Kind::File);
            path.truncate(len);
        }
    }

    pub(super) fn is_watched(&self, dir: DirId) -> bool {
        self.dirs[dir as usize].watched
    }

    /// Whether the budget has a watch left.
    pub(super) fn may_watch(&self) -> bool {
        self.counts.watched < self.budget.directories_max
    }

    pub(super) fn set_watched(&mut self, dir: DirId, on: bool) {
        set(&mut self.dirs[dir as usize].watched, on, &mut self.counts.watched);
    }

    /// Whether `dir` may say itself that it is gone.
    pub(super) fn has_word(&self, dir: DirId) -> bool {
        self.dirs[dir as usize].has_word
    }

    pub(super) fn set_word(&mut self, dir: DirId) {
        self.dirs[dir as usize].has_word = true;
    }

    pub(super) fn is_doomed(&self, dir: DirId) -> bool {
        self.dirs[dir as usize].doomed
    }

    pub(super) fn set_doomed(&mut self, dir: DirId, on: bool) {
        self.dirs[dir as usize].doomed = on;
    }

    pub(super) fn set_unread(&mut self, dir: DirId, on: bool) {
        set(&mut self.dirs[dir as usize].unread, on, &mut self.counts.unread);
    }

    /// Notes that `dir` is listed anew: whether all its names are remembered is open again.
    pub(super) fn begin_listing(&mut self, dir: DirId) {
        set(&mut self.dirs[dir as usize].uncovered, false, &mut self.counts.uncovered);
    }

    /// Ends a listing of `dir`; see [`Names::sweep`].
    pub(super) fn end_listing(&mut self, dir: DirId, complete: bool) -> bool {
        self.dirs[dir as usize].names.sweep(complete)
    }

    /// Whether `dir` is still to be queued in this scan; notes that it is now.
    pub(super) fn claim(&mut self, dir: DirId, scan: u32) -> bool {
        std::mem::replace(&mut self.dirs[dir as usize].scan, scan) != scan
    }

    /// Takes [`Tree::claim`] back.
    pub(super) fn unclaim(&mut self, dir: DirId) {
        self.dirs[dir as usize].scan = 0;
    }

    /// Whether `dir` is still to be listed in this scan.
    pub(super) fn is_due(&self, dir: DirId, scan: u32) -> bool {
        let dir = &self.dirs[dir as usize];
        dir.queued || dir.scan != scan
    }

    /// Notes whether `dir` waits to be listed; says whether it did.
    pub(super) fn set_queued(&mut self, dir: DirId, on: bool) -> bool {
        std::mem::replace(&mut self.dirs[dir as usize].queued, on)
    }

    /// Gives back what growing left over.
    pub(super) fn shrink(&mut self, dir: DirId) {
        self.dirs[dir as usize].names.shrink(self.hasher);
    }

    /// No watch is left and no word is under way.
    pub(super) fn forget_words(&mut self) {
        for dir in &mut self.dirs {
            dir.has_word = false;
        }
    }

    /// The watches below `dir`, and its own, are gone; its whole subtree can be claimed again.
    pub(super) fn forget_watches(&mut self, dir: DirId) {
        self.set_watched(dir, false);
        self.dirs[dir as usize].scan = 0;
        self.dirs[dir as usize].queued = false;
        let children: Vec<DirId> = self.entries(dir).filter_map(|entry| entry.child).collect();
        for child in children {
            self.forget_watches(child);
        }
    }

    /// Gives back what a time of many changes left over.
    pub(super) fn tidy(&mut self) {
        let mut free = vec![false; self.dirs.len()];
        for dir in &self.free {
            free[*dir as usize] = true;
        }
        let used = free.iter().rposition(|free| !free).map_or(0, |last| last + 1);
        self.dirs.truncate(used);
        self.dirs.shrink_to_fit();
        self.free.retain(|dir| (*dir as usize) < used);
        self.free.shrink_to_fit();
        for dir in &mut self.dirs {
            dir.names.shrink(self.hasher);
        }
    }

    /// Numbers of directories, used and free.
    #[cfg(test)]
    pub(super) fn slots(&self) -> usize {
        self.dirs.len()
    }

    fn uncover(&mut self, dir: DirId) -> Option<Entry> {
        set(&mut self.dirs[dir as usize].uncovered, true, &mut self.counts.uncovered);
        None
    }

    fn adopt(&mut self) -> DirId {
        self.counts.directories += 1;
        if let Some(dir) = self.free.pop() {
            return dir;
        }
        self.dirs.push(Dir::default());
        DirId::try_from(self.dirs.len() - 1)
            .expect("fewer directories than 2^32: each costs more than its number")
    }

    fn abandon(&mut self, dir: DirId) {
        let children: Vec<DirId> = self.entries(dir).filter_map(|entry| entry.child).collect();
        for child in children {
            self.abandon(child);
        }
        self.counts.names -= self.entries(dir).filter(|entry| !entry.note.is_gone()).count() as u64;
        self.release(dir);
    }

    fn release(&mut self, dir: DirId) {
        self.set_watched(dir, false);
        self.set_unread(dir, false);
        self.begin_listing(dir);
        self.dirs[dir as usize] = Dir::default();
        self.free.push(dir);
        self.counts.directories -= 1;
        self.last = None;
    }
}

fn set(flag: &mut bool, on: bool, count: &mut u64) {
    match (*flag, on) {
        (false, true) => *count += 1,
        (true, false) => *count -= 1,
        _ => {}
    }
    *flag = on;
}

/// A path's parent and last component; `None` for the root.
pub(super) fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if path.is_empty() {
        return None;
    }
    Some(path.iter().rposition(|b| *b == b'/').map_or((&[][..], path), |at| (&path[..at], &path[at + 1..])))
}

/// Adds a component to a path.
pub(super) fn join(path: &mut Vec<u8>, name: &[u8]) {
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend(name);
}
