//! What strangers do to the simulated files, one system call at a time. Owns their choice and what each call queues.

use super::{Inode, ROOT, Raw, World};
use std::collections::BTreeMap;
use storewarden_types::SightingKind;

/// Few, so that they come again.
const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

impl World {
    /// Perhaps somebody does something now, and perhaps `notify`'s thread runs.
    pub(super) fn stir(&mut self) {
        while self.restless > 0 && self.rng.u8(0..3) == 0 {
            self.restless -= 1;
            self.act();
        }
        if self.rng.u8(0..3) == 0 {
            self.read_batch();
        }
    }

    /// One change, somewhere.
    pub(super) fn act(&mut self) {
        let (parent, path) = self.some_directory();
        let name = NAMES[self.rng.usize(0..NAMES.len())].to_owned();
        let full = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
        let there = self.directories[&parent].get(&name).copied();
        match (there, self.rng.u8(0..10)) {
            (_, 9) => self.close_held(),
            (None, 0..=5) => self.create(parent, name, false),
            (None, _) => self.create(parent, name, true),
            (Some(inode), 0..=2) if self.wild || !self.is_directory(inode) => {
                self.rename(parent, &full, &name, inode);
            }
            (Some(inode), 3) if self.wild => self.exchange(parent, &full, &name, inode),
            (Some(inode), _) if !self.is_directory(inode) => {
                self.directories.get_mut(&parent).unwrap().remove(&name);
                self.delete(&full);
                self.tell_parent(parent, |wd| Raw::Delete { wd, name, directory: false });
            }
            (Some(inode), _) => self.empty_or_remove(parent, &full, name, inode),
        }
    }

    fn some_directory(&mut self) -> (Inode, String) {
        let (mut dir, mut path) = (ROOT, String::new());
        while self.rng.u8(0..4) != 0 {
            let inner: Vec<(String, Inode)> = self.directories[&dir]
                .iter()
                .filter(|(_, inode)| self.is_directory(**inode))
                .map(|(name, inode)| (name.clone(), *inode))
                .collect();
            if inner.is_empty() {
                break;
            }
            let (name, inode) = &inner[self.rng.usize(0..inner.len())];
            path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            dir = *inode;
        }
        (dir, path)
    }

    fn depart(&mut self, path: &str) {
        *self.departures.entry(path.into()).or_default() += 1;
    }

    fn delete(&mut self, path: &str) {
        self.depart(path);
        self.told.push((path.into(), SightingKind::Deleted));
    }

    fn create(&mut self, parent: Inode, name: String, directory: bool) {
        let inode = self.number();
        if directory {
            self.directories.insert(inode, BTreeMap::new());
        }
        self.directories.get_mut(&parent).unwrap().insert(name.clone(), inode);
        self.tell_parent(parent, |wd| Raw::Create { wd, name, directory });
    }

    /// rm -r, one step of it: an entry inside, or the directory itself when it is empty.
    fn empty_or_remove(&mut self, parent: Inode, full: &str, name: String, inode: Inode) {
        let inner = self.directories[&inode].iter().next().map(|(name, inode)| (name.clone(), *inode));
        if let Some((inside, child)) = inner {
            let path = format!("{full}/{inside}");
            if self.is_directory(child) {
                return self.empty_or_remove(inode, &path, inside, child);
            }
            self.directories.get_mut(&inode).unwrap().remove(&inside);
            self.delete(&path);
            return self.tell_parent(inode, |wd| Raw::Delete { wd, name: inside, directory: false });
        }
        self.directories.get_mut(&parent).unwrap().remove(&name);
        self.directories.remove(&inode);
        self.delete(full);
        let open = self.rng.u8(0..8) == 0;
        if open {
            self.held.push(inode);
        } else {
            self.evict(inode);
        }
        self.tell_parent(parent, |wd| Raw::Delete { wd, name, directory: true });
    }

    fn close_held(&mut self) {
        if let Some(inode) = self.held.pop() {
            self.evict(inode);
        }
    }

    fn rename(&mut self, parent: Inode, full: &str, name: &str, inode: Inode) {
        let (target, path) = self.some_directory();
        let to = NAMES[self.rng.usize(0..NAMES.len())].to_owned();
        let to_full = if path.is_empty() { to.clone() } else { format!("{path}/{to}") };
        // Not into itself, and onto something only as rename(2) allows.
        if format!("{to_full}/").starts_with(&format!("{full}/")) {
            return;
        }
        let over = self.directories[&target].get(&to).copied();
        if let Some(over) = over {
            let empty = self.directories.get(&over).is_none_or(BTreeMap::is_empty);
            if self.is_directory(over) != self.is_directory(inode) || !empty {
                return;
            }
        }
        self.depart_tree(full, inode);
        self.directories.get_mut(&parent).unwrap().remove(name);
        self.directories.get_mut(&target).unwrap().insert(to.clone(), inode);
        let cookie = self.number() as usize;
        let name = name.to_owned();
        self.tell_parent(parent, |wd| Raw::From { wd, name, cookie });
        self.tell_parent(target, |wd| Raw::To { wd, name: to, cookie });
        if let Some(over) = over.filter(|over| self.is_directory(*over)) {
            // The name went for the blink of an eye, and its directory says so.
            self.depart(&to_full);
            self.directories.remove(&over);
            self.evict(over);
        }
    }

    fn exchange(&mut self, parent: Inode, full: &str, name: &str, inode: Inode) {
        let others: Vec<(String, Inode)> = self.directories[&parent]
            .iter()
            .map(|(n, i)| (n.clone(), *i))
            .filter(|(n, _)| n != name)
            .collect();
        if others.is_empty() {
            return;
        }
        let (other, twin) = others[self.rng.usize(0..others.len())].clone();
        let other_full = format!("{}{other}", &full[..full.len() - name.len()]);
        self.depart_tree(full, inode);
        self.depart_tree(&other_full, twin);
        let children = self.directories.get_mut(&parent).unwrap();
        children.insert(name.to_owned(), twin);
        children.insert(other.clone(), inode);
        for (from, to) in [(name, &*other), (&*other, name)] {
            let cookie = self.number() as usize;
            let (from, to) = (from.to_owned(), to.to_owned());
            self.tell_parent(parent, |wd| Raw::From { wd, name: from, cookie });
            self.tell_parent(parent, |wd| Raw::To { wd, name: to, cookie });
        }
    }

    /// A path went away with everything below it, by a rename of it.
    fn depart_tree(&mut self, full: &str, inode: Inode) {
        self.depart(full);
        self.told.push((full.into(), SightingKind::MovedAway));
        if self.is_directory(inode) {
            let mut below = Vec::new();
            self.below(inode, full, &mut |path, _| below.push(path));
            for path in below {
                self.depart(&path);
            }
        }
    }
}
