//! What the watches say, merged with what the listings show: rules 3 to 6 of the follower.

use super::entering::{ignored, is_silly, there_is};
use super::{Follower, Path, Told};
use crate::watch::change::{Arrival, Departure};
use crate::watch::files::Files;
use crate::watch::note::Kind;
use crate::watch::tree::{DirId, Entry, split};
use storewarden_types::path::OWN_DIRECTORY;
use storewarden_types::{SightingKind, SightingSource};

impl<F: Files, T: Told> Follower<F, T> {
    /// Something came to `path`, says a watch.
    pub(in crate::watch) fn arrived(&mut self, path: &[u8], arrival: Arrival) {
        self.heard += 1;
        match arrival {
            Arrival::File => self.file_made(path),
            Arrival::Directory => self.came(path, Kind::Directory),
            Arrival::Moved(cookie) => {
                if let Some(kind) = self.files.kind(path) {
                    if kind == Kind::Directory {
                        self.moved_onto(path);
                    }
                    self.came(path, kind);
                }
                self.pair(cookie, path);
            }
        }
    }

    pub(super) fn file_made(&mut self, path: &[u8]) {
        if let Some((parent, name)) = self.tree.parent(path)
            && let Some(child) = self.tree.entry(parent, name).and_then(|entry| entry.child)
        {
            if self.files.kind(path) == Some(Kind::Directory) {
                return; // Listed before its own event came, which is after this one.
            }
            // The directory's own event was lost, or taken for an echo.
            self.tree.set_doomed(child, true);
        }
        self.came(path, Kind::File);
    }

    /// Something is at `path` now.
    pub(super) fn came(&mut self, path: &[u8], kind: Kind) {
        let Some((parent, name)) = self.tree.parent(path) else { return self.stray(path) };
        let (of, _) = split(path).unwrap_or_default();
        if ignored(of, name) {
            return;
        }
        let child = match self.tree.entry(parent, name) {
            // Already known: listed, or heard of, before.
            Some(entry) if !entry.note.is_gone() && entry.note.kind() != Kind::File => {
                if kind == Kind::File && entry.child.is_some() {
                    return self.suspect(path, parent, entry);
                }
                self.tree.set_note(parent, entry.at, entry.note.suspect(false));
                if let Some(child) = entry.child {
                    self.tree.set_doomed(child, false);
                    if entry.note.is_suspect() || !self.tree.is_watched(child) {
                        self.tree.forget_watches(child);
                    }
                }
                entry.child
            }
            _ => there_is(&mut self.tree, parent, name, kind, false),
        };
        if let Some(child) = child {
            self.claim(path, child);
        }
    }

    /// A rename onto a known directory replaced an empty one, whose own word that it is gone is still to come.
    pub(super) fn moved_onto(&mut self, path: &[u8]) {
        let Some((parent, name)) = self.tree.parent(path) else { return };
        if let Some(entry) = self.tree.entry(parent, name)
            && let Some(child) = entry.child
        {
            if self.tree.has_word(child) {
                self.tree.set_note(parent, entry.at, entry.note.echo(true));
            }
            self.tree.forget_watches(child);
        }
    }

    /// Two renames in a row, each the other's reverse, may have been one exchange (renameat2(2)), after which both names
    /// are there: looks.
    pub(super) fn pair(&mut self, cookie: usize, to: &[u8]) {
        let Some((_, from)) = self.moved_from.take().filter(|(known, _)| *known == cookie) else { return };
        let to: Path = to.into();
        if self.last_move.take_if(|(first, second)| *first == to && *second == from).is_some()
            && let Some(kind) = self.files.kind(&from)
        {
            self.came(&from, kind);
        }
        self.last_move = Some((from, to));
    }

    /// Something went from `path`, says a watch.
    pub(in crate::watch) fn departed(&mut self, path: &[u8], departure: Departure) {
        self.heard += 1;
        self.drop_recent(path);
        let kind = match departure {
            Departure::Moved(cookie) => {
                self.moved_from = Some((cookie, path.into()));
                SightingKind::MovedAway
            }
            _ => SightingKind::Deleted,
        };
        let directory = departure == Departure::Directory;
        let Some((parent, name)) = self.tree.parent(path) else {
            // Its directory moved, and the watch still had the old path. (A directory would be told twice.)
            if !directory {
                self.out.told(path, kind, false, SightingSource::Watch);
            }
            return self.stray(path);
        };
        let (of, _) = split(path).unwrap_or_default();
        if of.is_empty() && name == OWN_DIRECTORY.as_bytes() {
            return;
        }
        match self.tree.entry(parent, name) {
            Some(grave) if grave.note.is_gone() && directory => {
                self.tree.remove(parent, grave);
                self.exhume(path);
            }
            // Its grave went with its parent, which is there again.
            None if directory && self.exhume(path) => {}
            Some(file) if file.note.has_echo() && file.child.is_none() && directory => {
                self.tree.set_note(parent, file.at, file.note.echo(false));
            }
            Some(entry) if entry.child.is_some() => self.directory_departed(path, parent, entry, departure),
            known => {
                let was = known.is_some_and(|entry| entry.note.kind() == Kind::Foreign);
                self.out.told(path, kind, directory || was, SightingSource::Watch);
                if let Some(entry) = known.filter(|entry| !entry.note.is_gone()) {
                    self.tree.remove(parent, entry);
                    if entry.note.has_echo()
                        && let Some(entry) = self.tree.insert(parent, name, Kind::Directory)
                    {
                        self.bury(path, parent, entry);
                    }
                }
                if is_silly(name) && self.tree.is_watched(parent) {
                    // An NFS client renamed an open file to this name without an event that names the file.
                    self.queue(of, parent);
                }
            }
        }
    }

    pub(super) fn directory_departed(
        &mut self,
        path: &[u8],
        parent: DirId,
        entry: Entry,
        departure: Departure,
    ) {
        let Some(child) = entry.child else { return };
        match departure {
            Departure::Moved(_) | Departure::File if self.tree.is_doomed(child) => {
                let moved = departure != Departure::File;
                let kind = if moved { SightingKind::MovedAway } else { SightingKind::Deleted };
                self.out.told(path, kind, false, SightingSource::Watch);
            }
            Departure::Moved(_) => {
                if self.tree.is_due(child, self.scan) && !self.tree.has_word(child) {
                    // Events were lost, and what moved may not be the directory that was known.
                    self.tell_below(path, child);
                }
                self.out.told(path, SightingKind::MovedAway, true, SightingSource::Watch);
                self.take_directory(path, parent, entry);
            }
            Departure::File => {
                // A file of that name, before this directory was made.
                self.out.told(path, SightingKind::Deleted, false, SightingSource::Watch);
                self.tree.forget_watches(child);
                self.claim(path, child);
            }
            Departure::Directory if entry.note.has_echo() => {
                self.tree.set_note(parent, entry.at, entry.note.echo(false));
                self.tree.forget_watches(child);
                self.claim(path, child);
            }
            Departure::Directory if !self.tree.is_empty(child) => {
                // Only an empty directory can be removed. Either this one is another, listed before its own event came,
                // or names below went without an event.
                if self.files.kind(path) != Some(Kind::Directory) {
                    self.tree.set_doomed(child, true);
                    return self.suspect(path, parent, entry);
                }
                self.out.told(path, SightingKind::Deleted, true, SightingSource::Watch);
                let note = entry.note.echo(self.tree.has_word(child)).suspect(false);
                self.tree.set_note(parent, entry.at, note);
                self.tree.forget_watches(child);
                self.claim(path, child);
            }
            Departure::Directory => {
                let look = entry.note.is_shaky() || self.tree.is_doomed(child);
                self.out.told(path, SightingKind::Deleted, true, SightingSource::Watch);
                self.take_directory(path, parent, entry);
                if look && let Some(kind) = self.files.kind(path) {
                    self.came(path, kind);
                }
            }
        }
    }

    /// Takes away watches that were added below `path` after `notify` had dropped those it knew of there.
    pub(super) fn drop_recent(&mut self, path: &[u8]) {
        if self.recent.is_empty() {
            return;
        }
        self.recent.retain(|(delivered, _)| *delivered >= self.heard);
        let Self { recent, files, .. } = self;
        for (_, watched) in recent.extract_if(.., |(_, watched)| is_below(watched, path)) {
            files.unwatch(&watched);
        }
    }

    /// An event from a directory that the index does not have: takes up what is missing on the way to it, if it is there.
    pub(super) fn stray(&mut self, path: &[u8]) {
        let mut known = path;
        while let Some((parent, _)) = split(known) {
            if self.tree.resolve(parent).is_some() {
                if self.files.kind(known) == Some(Kind::Directory) {
                    self.came(known, Kind::Directory);
                }
                return;
            }
            known = parent;
        }
    }
}

fn is_below(path: &[u8], directory: &[u8]) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.first() == Some(&b'/'))
}
