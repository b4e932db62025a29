//! The names of one directory, packed. Owns their layout in memory; knows neither paths nor files.
//!
//! All names lie one after another in one block: flags (1 byte), length (1 byte), the child's number (4 bytes, for
//! directories that are followed), the name. Above [`LINEAR_MAX`] names a table of their places is kept beside it (4
//! bytes a slot, at most 7/8 full). So a name costs its own length and about 8 bytes more, and a directory of a few
//! names costs one allocation.
//!
//! A place ([`At`]) stays valid until the next [`Names::insert`] or [`Names::shrink`].

use super::hash::Hasher;
use super::note::{Kind, Note};

/// Up to so many names a search simply looks at them all.
const LINEAR_MAX: u32 = 8;
/// A slot that was never used.
const EMPTY: u32 = 0;
/// A slot whose name was removed.
const DELETED: u32 = 1;
/// Slots hold a place plus this.
const BIAS: u32 = 2;

/// Where a name lies in its [`Names`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At(u32);

/// The names of one directory.
#[derive(Debug, Default)]
pub(super) struct Names {
    block: Vec<u8>,
    slots: Box<[u32]>,
    /// Names that are not dead.
    count: u32,
    /// Slots that are not empty.
    used: u32,
    dead_bytes: u32,
}

impl Names {
    pub(super) fn find(&self, hasher: Hasher, name: &[u8]) -> Option<At> {
        if self.slots.is_empty() {
            return self.iter().find(|at| self.name(*at) == name);
        }
        let mut slot = self.first_slot(hasher.hash(name));
        loop {
            match self.slots[slot] {
                EMPTY => return None,
                DELETED => {}
                place if self.name(At(place - BIAS)) == name => return Some(At(place - BIAS)),
                _ => {}
            }
            slot = self.slot_after(slot);
        }
    }

    /// Adds a name that is not there yet; `None` when the block is full (4 GiB) or the name is too long to be one.
    pub(super) fn insert(&mut self, hasher: Hasher, name: &[u8], kind: Kind, child: u32) -> Option<At> {
        let len = u8::try_from(name.len()).ok()?;
        if self.block.len() > 4096 && self.dead_bytes as usize > self.block.len() / 2 {
            self.rebuild(hasher, true);
        }
        let at = At(u32::try_from(self.block.len()).ok().filter(|at| *at < u32::MAX - 512)?);
        self.block.extend([Note::of(kind).0, len]);
        if kind == Kind::Directory {
            self.block.extend(child.to_le_bytes());
        }
        self.block.extend(name);
        self.count += 1;
        if self.slots.is_empty() {
            if self.count > LINEAR_MAX {
                self.rebuild(hasher, false);
            }
        } else if self.used as usize * 8 >= self.slots.len() * 7 {
            self.rebuild(hasher, false);
        } else {
            self.place(hasher, at);
        }
        Some(at)
    }

    pub(super) fn remove(&mut self, hasher: Hasher, at: At) {
        if !self.slots.is_empty() {
            let mut slot = self.first_slot(hasher.hash(self.name(at)));
            while self.slots[slot] != at.0 + BIAS {
                slot = self.slot_after(slot);
            }
            self.slots[slot] = DELETED;
        }
        self.block[at.0 as usize] |= Note::DEAD;
        self.dead_bytes += self.size(at);
        self.count -= 1;
        if self.count == 0 {
            *self = Self::default();
        }
    }

    pub(super) fn note(&self, at: At) -> Note {
        Note(self.block[at.0 as usize])
    }

    /// Notes something else of a name. Its kind cannot change: that is a removal and an insertion.
    pub(super) fn set_note(&mut self, at: At, note: Note) {
        debug_assert_eq!(note.0 & (Note::KIND | Note::DEAD), self.block[at.0 as usize] & Note::KIND);
        self.block[at.0 as usize] = note.0;
    }

    /// The number of a followed directory.
    pub(super) fn child(&self, at: At) -> Option<u32> {
        if self.note(at).kind() != Kind::Directory {
            return None;
        }
        let from = at.0 as usize + 2;
        Some(u32::from_le_bytes(self.block[from..from + 4].try_into().expect("four bytes")))
    }

    pub(super) fn set_child(&mut self, at: At, child: u32) {
        debug_assert_eq!(self.note(at).kind(), Kind::Directory);
        let from = at.0 as usize + 2;
        self.block[from..from + 4].copy_from_slice(&child.to_le_bytes());
    }

    pub(super) fn name(&self, at: At) -> &[u8] {
        let end = (at.0 + self.size(at)) as usize;
        &self.block[end - usize::from(self.block[at.0 as usize + 1])..end]
    }

    /// Every name, in no order that means anything.
    pub(super) fn iter(&self) -> impl Iterator<Item = At> + '_ {
        std::iter::successors(self.after(None), |at| self.after(Some(*at)))
    }

    /// The name that follows `at` in the order of [`Names::iter`]; the first without one. `at` may have been removed.
    pub(super) fn after(&self, at: Option<At>) -> Option<At> {
        let mut next = match at {
            Some(at) if (at.0 as usize) < self.block.len() => at.0 + self.size(at),
            Some(_) => return None,
            None => 0,
        };
        while (next as usize) < self.block.len() {
            let at = At(next);
            if self.block[next as usize] & Note::DEAD == 0 {
                return Some(at);
            }
            next += self.size(at);
        }
        None
    }

    /// Ends a listing: forgets what it has seen. After a complete one every live name that it has not seen is a suspect;
    /// whether there is any is the answer.
    pub(super) fn sweep(&mut self, complete: bool) -> bool {
        let (mut next, mut found) = (self.after(None), false);
        while let Some(at) = next {
            let note = self.note(at);
            let suspect = complete && !note.is_seen() && !note.is_gone();
            found |= suspect;
            self.set_note(at, note.seen(false).suspect(suspect || (note.is_suspect() && !complete)));
            next = self.after(next);
        }
        found
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> u32 {
        self.count
    }

    /// Gives back what growing left over.
    pub(super) fn shrink(&mut self, hasher: Hasher) {
        let loose = self.block.capacity() > self.block.len() + self.block.len() / 8 + 16;
        if loose || self.dead_bytes > 0 {
            self.rebuild(hasher, true);
        }
    }

    /// Bytes on the heap, without what the allocator adds.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.block.capacity() + self.slots.len() * 4
    }

    fn size(&self, at: At) -> u32 {
        let at = at.0 as usize;
        let child = if self.block[at] & Note::KIND == Kind::Directory as u8 { 4 } else { 0 };
        2 + child + u32::from(self.block[at + 1])
    }

    fn first_slot(&self, hash: u32) -> usize {
        // The upper half of hash * length: a place in the table without a division.
        ((u64::from(hash) * self.slots.len() as u64) >> 32) as usize
    }

    fn slot_after(&self, slot: usize) -> usize {
        if slot + 1 == self.slots.len() { 0 } else { slot + 1 }
    }

    fn place(&mut self, hasher: Hasher, at: At) {
        let mut slot = self.first_slot(hasher.hash(self.name(at)));
        while self.slots[slot] > DELETED {
            slot = self.slot_after(slot);
        }
        if self.slots[slot] == EMPTY {
            self.used += 1;
        }
        self.slots[slot] = at.0 + BIAS;
    }

    /// Makes the table anew, and with `compact` the block, without the dead.
    fn rebuild(&mut self, hasher: Hasher, compact: bool) {
        if compact {
            let mut block = Vec::with_capacity(self.block.len() - self.dead_bytes as usize);
            for at in self.iter() {
                let (from, size) = (at.0 as usize, self.size(at) as usize);
                block.extend(&self.block[from..from + size]);
            }
            self.block = block;
            self.dead_bytes = 0;
        }
        self.used = 0;
        self.slots = Box::default();
        if self.count > LINEAR_MAX {
            self.slots = vec![EMPTY; self.count as usize * 3 / 2].into();
            let places: Vec<At> = self.iter().collect();
            for at in places {
                self.place(hasher, at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn listed(names: &Names) -> Vec<String> {
        let mut all: Vec<_> =
            names.iter().map(|at| String::from_utf8(names.name(at).into()).unwrap()).collect();
        all.sort();
        all
    }

    #[test]
    fn behaves_like_a_map_whatever_comes() {
        let hasher = Hasher::new();
        let mut rng = fastrand::Rng::with_seed(7);
        for round in 0..30 {
            let (mut names, mut model) = (Names::default(), BTreeMap::new());
            let span = [5, 20, 300][round % 3];
            for _ in 0..2_000 {
                let n = rng.u32(0..span);
                let name = format!("{}{n}", "x".repeat(n as usize % 200));
                match (names.find(hasher, name.as_bytes()), model.contains_key(&name)) {
                    (Some(at), true) if rng.bool() => {
                        names.remove(hasher, at);
                        model.remove(&name);
                    }
                    (Some(at), true) => {
                        assert_eq!(names.child(at), model[&name]);
                        names.set_note(at, names.note(at).seen(true));
                        assert!(names.note(at).is_seen());
                    }
                    (None, false) => {
                        let child = rng.bool().then(|| rng.u32(..));
                        let kind = if child.is_some() { Kind::Directory } else { Kind::File };
                        let at = names.insert(hasher, name.as_bytes(), kind, child.unwrap_or(0)).unwrap();
                        assert_eq!((names.name(at), names.note(at).kind()), (name.as_bytes(), kind));
                        model.insert(name, child);
                    }
                    (found, known) => panic!("{name}: {found:?}, {known}"),
                }
                if rng.u32(0..100) == 0 {
                    names.shrink(hasher);
                }
                assert_eq!(names.len() as usize, model.len());
            }
            assert_eq!(listed(&names), model.into_keys().collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_longest_name_fits_and_a_longer_one_is_refused() {
        let (hasher, mut names) = (Hasher::new(), Names::default());
        let long = [b'n'; 255];
        let at = names.insert(hasher, &long, Kind::Directory, 9).unwrap();
        assert_eq!((names.name(at), names.child(at)), (&long[..], Some(9)));
        assert!(names.insert(hasher, &[b'n'; 256], Kind::File, 0).is_none());
    }

    #[test]
    fn the_last_one_frees_everything() {
        let (hasher, mut names) = (Hasher::new(), Names::default());
        for n in 0..100 {
            names.insert(hasher, format!("name {n}").as_bytes(), Kind::File, 0);
        }
        for n in 0..100 {
            let at = names.find(hasher, format!("name {n}").as_bytes()).unwrap();
            names.remove(hasher, at);
        }
        assert_eq!(names.heap_bytes(), 0);
    }

    #[test]
    fn a_name_costs_little_more_than_itself() {
        let (hasher, mut names) = (Hasher::new(), Names::default());
        for n in 0..100_000 {
            names.insert(hasher, format!("{n:036}").as_bytes(), Kind::File, 0);
        }
        names.shrink(hasher);
        let bytes = names.heap_bytes() as f64 / 100_000.0;
        assert!(bytes < 36.0 + 8.5, "{bytes}");
    }
}
