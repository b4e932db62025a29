//! Follows the tree: merges what the watches say with what listings show, so that every remembered name that goes is told
//! exactly once. Owns the rules of that merge; knows neither `notify` nor system calls, clocks nor frames.
//!
//! 1. A directory gets its watch first and is listed then; what events say of it is handled after its listing. So
//!    nothing that appears in between is missed, and what is heard twice changes nothing the second time.
//! 2. A remembered name that a listing does not have is a *suspect*: its event may be under way. The driver lets every
//!    event that was queued before arrive ([`Follower::has_suspects`]), then [`Follower::settle`] tells what is left.
//! 3. A watched directory says itself that it is gone (IN_DELETE_SELF) and its parent says so too, in either order. The
//!    first word is told and leaves a *grave* that swallows the second. If a directory stands there again before the
//!    second word came, or was renamed over an empty one, that word is an *echo*: it is swallowed, and because `notify`
//!    drops its watches of that path with it, the subtree is watched anew.
//! 4. `notify` drops its watches of a path, and of all below it, as it reads that something went from there; the follower
//!    hears of it later. Watches that were added below that path in between are taken away too, for they may sit on what
//!    moved away, and `notify` would not put them elsewhere: it believes a path watched for as long as it has an entry
//!    for it.
//! 5. A directory that moves away is told, its names are not: they went nowhere. Where it arrives it is walked.
//! 6. A name that was never remembered is told all the same when an event says that it went: it may have been created
//!    and removed before its directory was listed, lie beyond the budget, or be an NFS client's `.nfsXXXX`.

mod entering;
mod events;
mod settle;

use self::entering::{ignored, there_is};
use crate::watch::files::{Files, ListFault, WatchFault};
use crate::watch::note::Kind;
use crate::watch::tree::{Budget, Counts, DirId, Entry, ROOT, Tree, join, split};
use storewarden_types::{SightingKind, SightingSource};

/// Directories that get their watches in one go: enough to hide the cost of asking, few enough to stay responsive.
const STEP_MAX: usize = 256;
/// Most graves that are kept until the next quiet moment. With more, all are given up, and a second word may be told.
const GRAVES_MAX: usize = 4096;

/// A path below the root.
type Path = Box<[u8]>;

/// Takes what is told.
pub(in crate::watch) trait Told {
    /// A name went.
    fn told(&mut self, path: &[u8], kind: SightingKind, directory: bool, source: SightingSource);
}

/// The merge.
#[derive(Debug)]
pub(in crate::watch) struct Follower<F, T> {
    pub(in crate::watch) files: F,
    pub(in crate::watch) out: T,
    tree: Tree,
    /// Directories to be listed.
    pending: Vec<Path>,
    scan: u32,
    /// Directories with suspects.
    suspects: Vec<Path>,
    graves: Vec<Path>,
    /// Changes heard, of those delivered.
    heard: u64,
    /// Watches added while changes were delivered that were not heard yet, with how many were delivered.
    recent: Vec<(u64, Path)>,
    /// The last two ends of a rename, to know an exchange by.
    moved_from: Option<(usize, Path)>,
    last_move: Option<(Path, Path)>,
    /// The kernel had no more watches to give since the scan began.
    pub(in crate::watch) kernel_full: bool,
    /// The budget had none, likewise.
    pub(in crate::watch) budget_full: bool,
    /// The first thing that went wrong since the scan began, in words.
    pub(in crate::watch) trouble: Option<String>,
    /// Names told as missing since the scan began.
    pub(in crate::watch) missing: u64,
}

impl<F: Files, T: Told> Follower<F, T> {
    pub(in crate::watch) fn new(files: F, out: T, budget: Budget) -> Self {
        Self {
            files,
            out,
            tree: Tree::new(budget),
            pending: Vec::new(),
            scan: 0,
            suspects: Vec::new(),
            graves: Vec::new(),
            heard: 0,
            recent: Vec::new(),
            moved_from: None,
            last_move: None,
            kernel_full: false,
            budget_full: false,
            trouble: None,
            missing: 0,
        }
    }

    pub(in crate::watch) fn counts(&self) -> Counts {
        self.tree.counts()
    }

    /// Every name remembered, and whether it is a directory.
    #[cfg(test)]
    pub(in crate::watch) fn index(&self) -> std::collections::BTreeSet<(String, bool)> {
        let mut all = std::collections::BTreeSet::new();
        self.tree.each_below(ROOT, &mut Vec::new(), &mut |path, directory| {
            all.insert((String::from_utf8_lossy(path).into_owned(), directory));
        });
        all
    }

    #[cfg(test)]
    pub(in crate::watch) fn is_watched(&mut self, path: &[u8]) -> bool {
        self.tree.resolve(path).is_some_and(|dir| self.tree.is_watched(dir))
    }

    /// Begins to list the whole tree. With `renewed`, no watch is left from before and no event from before will come.
    pub(in crate::watch) fn begin_scan(&mut self, renewed: bool) {
        self.scan = self.scan.wrapping_add(1).max(1);
        (self.kernel_full, self.budget_full, self.trouble, self.missing) = (false, false, None, 0);
        if renewed {
            self.tree.forget_watches(ROOT);
            self.tree.forget_words();
            self.purge_graves();
            self.pending.clear();
            (self.moved_from, self.last_move) = (None, None);
            self.heard = 0;
            self.recent.clear();
        }
        self.claim(&[], ROOT);
    }

    /// Whether directories are still to be listed.
    pub(in crate::watch) fn has_work(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Whether there are names that only events under way can explain.
    pub(in crate::watch) fn has_suspects(&self) -> bool {
        !self.suspects.is_empty()
    }

    /// Gives back what a time of many changes left over.
    pub(in crate::watch) fn tidy(&mut self) {
        self.tree.tidy();
    }

    /// Whether graves wait for a quiet moment.
    pub(in crate::watch) fn has_graves(&self) -> bool {
        !self.graves.is_empty()
    }

    /// Watches and lists some of the directories that wait for it.
    pub(in crate::watch) fn step(&mut self) {
        let mut batch = Vec::with_capacity(STEP_MAX.min(self.pending.len()));
        while batch.len() < STEP_MAX
            && let Some(path) = self.pending.pop()
        {
            let Some(dir) = self.tree.resolve(&path) else { continue };
            self.tree.set_queued(dir, false);
            if let Some((parent, _)) = self.tree.parent(&path)
                && self.tree.is_due(parent, self.scan)
            {
                // Its parent is listed (again), and will lead here.
                self.tree.unclaim(dir);
            } else {
                batch.push(path);
            }
        }
        let gone = self.watch(&batch);
        for path in batch {
            // A listing before this one may have taken it away.
            let Some(dir) = self.tree.resolve(&path) else { continue };
            if gone.contains(&dir) {
                self.not_there(&path, dir, &ListFault::Gone);
            } else {
                self.list(&path, dir);
            }
        }
    }

    /// Gives watches to those of `batch` that have none; answers with those that were not there. These must not be
    /// listed: one that came back meanwhile would be listed without a watch.
    fn watch(&mut self, batch: &[Path]) -> Vec<DirId> {
        let mut wanted = Vec::with_capacity(batch.len());
        for path in batch {
            let Some(dir) = self.tree.resolve(path) else { continue };
            if self.tree.is_watched(dir) || self.kernel_full {
                continue;
            }
            if self.tree.may_watch() {
                // Counted at once, so that the budget holds within the batch.
                self.tree.set_watched(dir, true);
                wanted.push((&**path, dir));
            } else {
                self.budget_full = true;
            }
        }
        let paths: Vec<&[u8]> = wanted.iter().map(|(path, _)| *path).collect();
        let answers = if paths.is_empty() { Vec::new() } else { self.files.watch(&paths) };
        let delivered = self.files.delivered();
        if delivered > self.heard {
            self.recent.extend(paths.iter().map(|path| (delivered, (*path).into())));
        }
        let mut gone = Vec::new();
        for ((path, dir), answer) in wanted.into_iter().zip(answers) {
            let Err(fault) = answer else {
                self.tree.set_word(dir);
                continue;
            };
            self.tree.set_watched(dir, false);
            match fault {
                WatchFault::Full => self.kernel_full = true,
                WatchFault::Gone => gone.push(dir),
                WatchFault::Other(text) => self.note_trouble(path, &text),
            }
        }
        gone
    }

    fn list(&mut self, path: &[u8], dir: DirId) {
        self.tree.begin_listing(dir);
        self.tree.set_unread(dir, false);
        let Self { files, tree, pending, scan, .. } = self;
        let mut sub = path.to_vec();
        let listed = files.list(path, &mut |name, kind| {
            if ignored(path, name) {
                return;
            }
            if let Some(child) = there_is(tree, dir, name, kind, true)
                && tree.claim(child, *scan)
                && !tree.set_queued(child, true)
            {
                sub.truncate(path.len());
                join(&mut sub, name);
                pending.push(sub.as_slice().into());
            }
        });
        if self.tree.end_listing(dir, listed.is_ok()) {
            self.suspects.push(path.into());
        }
        self.tree.shrink(dir);
        match listed {
            Ok(()) => {}
            Err(ListFault::Unread(error)) => {
                self.tree.set_unread(dir, true);
                self.note_trouble(path, &error.to_string());
            }
            Err(fault) => self.not_there(path, dir, &fault),
        }
    }

    /// A directory was not where it should be: its parent's events, or the next settling, tell what became of it.
    fn not_there(&mut self, path: &[u8], dir: DirId, fault: &ListFault) {
        let Some((parent, name)) = self.tree.parent(path) else {
            self.tree.set_unread(ROOT, true);
            self.note_trouble(path, "the root is not there");
            return;
        };
        if self.tree.is_watched(dir) && !matches!(fault, ListFault::Gone) {
            // It may sit on what is there now. (It is still counted, for it may as well have sat on the directory.)
            self.files.unwatch(path);
        }
        let Some(entry) = self.tree.entry(parent, name) else { return };
        if matches!(fault, ListFault::Foreign) {
            // Hidden by a mount, not gone: nothing is told.
            self.tree.remove(parent, entry);
            self.tree.insert(parent, name, Kind::Foreign);
            return;
        }
        self.suspect(path, parent, entry);
    }

    /// Leaves it to the next settling to tell what became of `path`.
    fn suspect(&mut self, path: &[u8], parent: DirId, entry: Entry) {
        self.tree.set_note(parent, entry.at, entry.note.suspect(true));
        let (parent, _) = split(path).unwrap_or_default();
        self.suspects.push(parent.into());
    }

    fn claim(&mut self, path: &[u8], dir: DirId) {
        if self.tree.claim(dir, self.scan) {
            self.queue(path, dir);
        }
    }

    fn queue(&mut self, path: &[u8], dir: DirId) {
        if !self.tree.set_queued(dir, true) {
            self.pending.push(path.into());
        }
    }

    fn note_trouble(&mut self, path: &[u8], text: &str) {
        if self.trouble.is_none() {
            let path = if path.is_empty() { "the root".into() } else { String::from_utf8_lossy(path) };
            self.trouble = Some(format!("{path}: {text}"));
        }
    }
}
