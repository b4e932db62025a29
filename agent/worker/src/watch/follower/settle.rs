//! What became of suspects and of what was taken: the end of names that no event explains, and graves.

use super::{Follower, GRAVES_MAX, Path, Told};
use crate::watch::files::Files;
use crate::watch::note::Kind;
use crate::watch::tree::{DirId, Entry, join};
use storewarden_types::{SightingKind, SightingSource};

impl<F: Files, T: Told> Follower<F, T> {
    /// Tells every suspect that is still one. Every event queued before the listings must have been handled.
    pub(in crate::watch) fn settle(&mut self) {
        for parent in std::mem::take(&mut self.suspects) {
            let Some(dir) = self.tree.resolve(&parent) else { continue };
            let mut path = parent.to_vec();
            let mut directories: Vec<Path> = Vec::new();
            let mut next = self.tree.entry_after(dir, None);
            while let Some(entry) = next {
                if entry.note.is_suspect() {
                    if entry.child.is_some() {
                        directories.push(self.tree.name(dir, entry.at).into());
                    } else {
                        join(&mut path, self.tree.name(dir, entry.at));
                        self.tell_missing(&path, entry.note.kind() != Kind::File);
                        path.truncate(parent.len());
                        self.tree.remove(dir, entry);
                    }
                }
                next = self.tree.entry_after(dir, Some(entry.at));
            }
            for name in directories {
                join(&mut path, &name);
                self.settle_directory(&path);
                path.truncate(parent.len());
            }
        }
    }

    pub(super) fn settle_directory(&mut self, path: &[u8]) {
        let Some((parent, name)) = self.tree.parent(path) else { return };
        let Some(entry) = self.tree.entry(parent, name).filter(|entry| entry.note.is_suspect()) else {
            return;
        };
        if let Some(child) = entry.child {
            self.tell_below(path, child);
        }
        self.tell_missing(path, true);
        self.take_directory(path, parent, entry);
        // Something else may stand in its place.
        if let Some(kind) = self.files.kind(path) {
            self.came(path, kind);
        }
    }

    pub(super) fn tell_below(&mut self, path: &[u8], dir: DirId) {
        let Self { tree, out, missing, .. } = self;
        tree.each_below(dir, &mut path.to_vec(), &mut |path, directory| {
            *missing += 1;
            out.told(path, SightingKind::MissingAtRescan, directory, SightingSource::Rescan);
        });
    }

    pub(super) fn tell_missing(&mut self, path: &[u8], directory: bool) {
        self.missing += 1;
        self.out.told(path, SightingKind::MissingAtRescan, directory, SightingSource::Rescan);
    }

    /// Takes a directory and what is below it out of the index.
    pub(super) fn take_directory(&mut self, path: &[u8], parent: DirId, entry: Entry) {
        if entry.note.has_echo() || entry.child.is_some_and(|child| self.tree.has_word(child)) {
            self.bury(path, parent, entry);
        } else {
            self.tree.remove(parent, entry);
        }
    }

    pub(super) fn bury(&mut self, path: &[u8], parent: DirId, entry: Entry) {
        if self.graves.len() >= GRAVES_MAX {
            self.purge_graves();
        }
        self.tree.bury(parent, entry);
        self.graves.push(path.into());
    }

    /// Takes the latest grave of that path off the list, if there is one.
    pub(super) fn exhume(&mut self, path: &[u8]) -> bool {
        let found = self.graves.iter().rposition(|grave| **grave == *path);
        found.map(|at| self.graves.swap_remove(at)).is_some()
    }

    /// Forgets the graves: no second word is under way any more.
    pub(in crate::watch) fn purge_graves(&mut self) {
        for path in std::mem::take(&mut self.graves) {
            if let Some((parent, name)) = self.tree.parent(&path)
                && let Some(entry) = self.tree.entry(parent, name).filter(|entry| entry.note.is_gone())
            {
                self.tree.remove(parent, entry);
            }
        }
    }
}
