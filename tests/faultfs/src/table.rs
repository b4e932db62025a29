//! What the kernel knows of us: nodes (inodes it has looked up) and handles (what it has open). Pure bookkeeping; must not
//! touch the backing directory.
//!
//! A node is a place, its parent and its name there, so that renaming a directory moves everything beneath it at once.
//! The kernel counts its lookups and gives them back with FORGET; at zero a node goes.

use rustix::fd::OwnedFd;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// FUSE_ROOT_ID of include/uapi/linux/fuse.h.
pub(crate) const ROOT: u64 = 1;
/// Deepest place that is resolved: PATH_MAX has room for no more components.
const DEPTH_MAX: usize = 2048;

/// A place in the tree: a name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) parent: u64,
    pub(crate) name: OsString,
}

impl Place {
    pub(crate) fn new(parent: u64, name: &OsStr) -> Self {
        Self { parent, name: name.to_owned() }
    }
}

#[derive(Debug)]
struct Node {
    place: Place,
    generation: u64,
    lookups: u64,
}

/// An open directory, with what the last reading from its start found.
#[derive(Debug)]
pub(crate) struct OpenDirectory {
    pub(crate) fd: OwnedFd,
    pub(crate) listing: Mutex<Vec<Listed>>,
}

/// One entry of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) inode: u64,
    pub(crate) kind: fuser::FileType,
    pub(crate) name: OsString,
}

#[derive(Debug)]
struct OpenFile {
    node: u64,
    fd: Arc<OwnedFd>,
}

/// Nodes, handles, and the silly-renamed files.
#[derive(Debug, Default)]
pub(crate) struct Table {
    nodes: HashMap<u64, Node>,
    files: HashMap<u64, OpenFile>,
    directories: HashMap<u64, Arc<OpenDirectory>>,
    silly: HashMap<u64, Place>,
    last_handle: u64,
    last_silly: u32,
}

impl Table {
    /// The kernel was told of this node, there, once more.
    pub(crate) fn remember(&mut self, node: u64, generation: u64, place: Place) {
        let known =
            self.nodes.entry(node).or_insert_with(|| Node { place: place.clone(), generation, lookups: 0 });
        known.place = place;
        known.generation = generation;
        known.lookups += 1;
    }

    /// The kernel gives this many lookups back.
    pub(crate) fn forget(&mut self, node: u64, lookups: u64) {
        if let Some(known) = self.nodes.get_mut(&node) {
            known.lookups = known.lookups.saturating_sub(lookups);
            if known.lookups == 0 {
                self.nodes.remove(&node);
            }
        }
    }

    /// The generation a node was told with. None: it is not known.
    pub(crate) fn generation(&self, node: u64) -> Option<u64> {
        self.nodes.get(&node).map(|known| known.generation)
    }

    /// Where a node is, from the root; the root itself is `.`. None: it is not known, or a directory above it is not.
    pub(crate) fn path(&self, node: u64) -> Option<PathBuf> {
        let mut names = Vec::new();
        let mut at = node;
        while at != ROOT {
            let place = &self.nodes.get(&at)?.place;
            names.push(place.name.as_os_str());
            at = place.parent;
            if names.len() > DEPTH_MAX {
                return None;
            }
        }
        if names.is_empty() { Some(".".into()) } else { Some(names.into_iter().rev().collect()) }
    }

    /// A node took another place; nothing happens to one that is not known.
    pub(crate) fn moved(&mut self, node: u64, to: Place) {
        if let Some(known) = self.nodes.get_mut(&node) {
            known.place = to;
        }
    }

    /// A handle for an open file.
    pub(crate) fn open_file(&mut self, node: u64, fd: OwnedFd) -> u64 {
        let handle = self.next_handle();
        self.files.insert(handle, OpenFile { node, fd: Arc::new(fd) });
        handle
    }

    pub(crate) fn file(&self, handle: u64) -> Option<Arc<OwnedFd>> {
        self.files.get(&handle).map(|open| Arc::clone(&open.fd))
    }

    /// Closes a handle. Answers with the place of the silly-renamed file that nobody holds any more, if so.
    pub(crate) fn close_file(&mut self, handle: u64) -> Option<Place> {
        let closed = self.files.remove(&handle)?;
        if self.is_open(closed.node) { None } else { self.silly.remove(&closed.node) }
    }

    /// Whether the kernel has this file open.
    pub(crate) fn is_open(&self, node: u64) -> bool {
        self.files.values().any(|open| open.node == node)
    }

    /// A handle for an open directory.
    pub(crate) fn open_directory(&mut self, fd: OwnedFd) -> u64 {
        let handle = self.next_handle();
        self.directories.insert(handle, Arc::new(OpenDirectory { fd, listing: Mutex::default() }));
        handle
    }

    pub(crate) fn directory(&self, handle: u64) -> Option<Arc<OpenDirectory>> {
        self.directories.get(&handle).map(Arc::clone)
    }

    pub(crate) fn close_directory(&mut self, handle: u64) {
        self.directories.remove(&handle);
    }

    /// The next name for a removed file that is still open, as the NFS client makes them: the file id in 16 hexadecimal
    /// digits and a counter in 8 (fs/nfs/unlink.c, `nfs_sillyrename`).
    pub(crate) fn silly_name(&mut self, node: u64) -> OsString {
        self.last_silly = self.last_silly.wrapping_add(1);
        format!(".nfs{node:016x}{:08x}", self.last_silly).into()
    }

    /// A removed file lives on at this place until its last close.
    pub(crate) fn hide(&mut self, node: u64, at: Place) {
        self.moved(node, at.clone());
        self.silly.insert(node, at);
    }

    /// Whether this is such a place.
    pub(crate) fn hides(&self, node: u64, at: &Place) -> bool {
        self.silly.get(&node) == Some(at)
    }

    /// Every silly-renamed file that is left.
    pub(crate) fn take_hidden(&mut self) -> Vec<Place> {
        self.silly.drain().map(|(_, place)| place).collect()
    }

    fn next_handle(&mut self) -> u64 {
        self.last_handle += 1;
        self.last_handle
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{Mode, OFlags, open};

    fn place(parent: u64, name: &str) -> Place {
        Place::new(parent, name.as_ref())
    }

    fn null() -> OwnedFd {
        open("/dev/null", OFlags::RDONLY, Mode::empty()).unwrap()
    }

    #[test]
    fn a_renamed_directory_takes_its_tree_along() {
        let mut table = Table::default();
        table.remember(10, 0, place(ROOT, "d"));
        table.remember(11, 0, place(10, "f"));
        assert_eq!(table.path(11), Some("d/f".into()));
        table.moved(10, place(ROOT, "e"));
        assert_eq!(table.path(11), Some("e/f".into()));
        assert_eq!(table.path(ROOT), Some(".".into()));
    }

    #[test]
    fn a_node_lives_as_long_as_the_kernel_counts_it() {
        let mut table = Table::default();
        table.remember(10, 7, place(ROOT, "d"));
        table.remember(10, 7, place(ROOT, "d"));
        table.forget(10, 1);
        assert_eq!(table.generation(10), Some(7));
        table.forget(10, 1);
        assert_eq!((table.path(10), table.generation(10)), (None, None));
        table.forget(10, 1);
    }

    #[test]
    fn a_loop_of_places_is_no_path() {
        let mut table = Table::default();
        table.remember(10, 0, place(11, "a"));
        table.remember(11, 0, place(10, "b"));
        assert_eq!(table.path(10), None);
    }

    #[test]
    fn a_hidden_file_goes_with_its_last_close() {
        let mut table = Table::default();
        table.remember(10, 0, place(ROOT, "f"));
        let (first, second) = (table.open_file(10, null()), table.open_file(10, null()));
        let name = table.silly_name(10);
        assert_eq!(name, ".nfs000000000000000a00000001");
        let hidden = Place { parent: ROOT, name };
        table.hide(10, hidden.clone());
        assert!(table.hides(10, &hidden) && !table.hides(10, &place(ROOT, "f")));
        assert_eq!(table.path(10), Some(PathBuf::from(&hidden.name)));
        assert_eq!(table.close_file(first), None);
        assert_eq!(table.close_file(second), Some(hidden));
        assert!(table.take_hidden().is_empty());
    }
}
