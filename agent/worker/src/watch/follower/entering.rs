//! How a name that is there enters the index, and which names never do.

use crate::watch::note::Kind;
use crate::watch::tree::{DirId, Entry, Tree};
use storewarden_types::path::OWN_DIRECTORY;

/// Enters a name that is there now, `listed` or heard of; the number of its directory, if it is one that is followed.
pub(super) fn there_is(tree: &mut Tree, dir: DirId, name: &[u8], kind: Kind, listed: bool) -> Option<DirId> {
    let entry = match tree.entry(dir, name) {
        None => tree.insert(dir, name, kind)?,
        Some(grave) if grave.note.is_gone() && kind == Kind::Directory => tree.unbury(dir, grave),
        Some(entry) if entry.note.kind() == kind && !entry.note.is_gone() => entry,
        // The names below are suspects once the listing has ended without this one.
        Some(entry) if entry.child.is_some() && kind == Kind::File => return None,
        // Keep the grave rather than forget its second word, when there is no room for both.
        Some(grave) if grave.note.is_gone() && !tree.has_room(kind) => return None,
        Some(other) => {
            tree.remove(dir, other);
            let entry = tree.insert(dir, name, kind)?;
            // The second word about the directory that was buried here is still to come.
            Entry { note: entry.note.echo(other.note.is_gone()), ..entry }
        }
    };
    tree.set_note(dir, entry.at, entry.note.seen(listed).suspect(false));
    entry.child
}

/// Storewarden's own directory, and names that an NFS client gives to open files and takes back without an event.
pub(super) fn ignored(directory: &[u8], name: &[u8]) -> bool {
    (directory.is_empty() && name == OWN_DIRECTORY.as_bytes()) || is_silly(name)
}

/// `.nfs`, 16 hexadecimal digits of the file's id, 8 of a counter (Linux fs/nfs/unlink.c).
pub(super) fn is_silly(name: &[u8]) -> bool {
    name.len() == 28 && name.starts_with(b".nfs") && name[4..].iter().all(u8::is_ascii_hexdigit)
}
