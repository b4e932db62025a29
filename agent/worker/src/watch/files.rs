//! What the follower needs of the file system and of the kernel's watches, and what can go wrong there. Owns the words;
//! `kernel` does it on a real mount, a simulation does it in the tests.

use super::note::Kind;
use std::io;

/// Why a directory has no watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum WatchFault {
    /// The kernel gives no more watches (ENOSPC of inotify_add_watch(2)).
    Full,
    /// Nothing is there any more.
    Gone,
    /// Anything else, in words.
    Other(String),
}

/// Why a directory was not listed to its end.
#[derive(Debug)]
pub(super) enum ListFault {
    /// Nothing is there any more.
    Gone,
    /// Something else than a directory is there now.
    NotDirectory,
    /// Another mount is there now.
    Foreign,
    /// It could not be read.
    Unread(io::Error),
}

/// The file system below the root and the watches on it. Paths are relative to the root.
pub(super) trait Files {
    /// Watches directories; one answer each, in order. Watching what is watched already is fine.
    fn watch(&mut self, paths: &[&[u8]]) -> Vec<Result<(), WatchFault>>;

    /// How many changes the watches have handed over so far, since they were made.
    fn delivered(&self) -> u64;

    /// Takes a watch away that was put on something else by a race.
    fn unwatch(&mut self, path: &[u8]);

    /// Lists a directory. Calls `each(name, kind)` for every name but `.` and `..`, also before a fault.
    fn list(&mut self, path: &[u8], each: &mut dyn FnMut(&[u8], Kind)) -> Result<(), ListFault>;

    /// What is at `path` now; `None` for nothing, and for what cannot be told.
    fn kind(&mut self, path: &[u8]) -> Option<Kind>;
}
