//! The look at one open directory: is it fresh, are the names there, is it still the same? Owns the order of the calls,
//! which is what makes ENOENT believable.
//!
//! 1. `statx(directory, FORCE_SYNC)`: drops cached negative entries, which would answer ENOENT for files that exist.
//! 2. `statx(name, FORCE_SYNC)` for each name.
//! 3. When a name was not found: the whole listing, which knows it too if it is there, and knows what an NFS client
//!    keeps of it.
//! 4. `statx(directory, FORCE_SYNC)` again: still there, server still answering.
//!
//! Must not know: whose directory it is, what a verdict leads to.

use crate::cache::Stopwatch;
use crate::code_of;
use crate::identity::{birth_ns, nanoseconds};
use crate::listing::Listing;
use crate::root::FRESH;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, FileType, Statx, StatxFlags, statx};
use rustix::io::Errno;
use storewarden_types::{Code, FileIdentity, FileKind};

/// Whether a silly-renamed file could still hold the bytes behind a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Silly {
    /// No: not an NFS mount and no file known, or the name of a directory above.
    Never,
    /// The one of this file id.
    OfFile(u64),
    /// Any: the file is not known.
    Any,
}

/// A name to look for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) name: &'a str,
    pub(crate) silly: Silly,
}

/// What was seen of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Neither looked up nor listed, between two fresh looks at the directory, which had this many entries.
    Absent { entries: u64 },
    /// There.
    There(FileIdentity),
    /// The name is gone; this one has the bytes.
    Silly(String),
    /// Could not be told.
    Unclear { code: Code, detail: String },
    /// Something moved meanwhile; look again.
    Changed,
}

/// The moments of a look, for tests to interfere in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    Proven,
    DirectoryOpen,
    LookedUp,
    Listed,
    Looked,
}

/// What one batch of looks shares.
pub(crate) struct Session<'a> {
    /// The mount that everything must be on.
    pub(crate) mount_id: u64,
    pub(crate) watch: Stopwatch,
    pub(crate) hook: &'a mut dyn FnMut(Moment),
}

impl Session<'_> {
    /// Looks for every name in one directory.
    pub(crate) fn bracket(&mut self, directory: &OwnedFd, wanted: &[Wanted<'_>]) -> Vec<Seen> {
        (self.hook)(Moment::DirectoryOpen);
        if let Err(trouble) = self.refresh(directory) {
            return vec![trouble; wanted.len()];
        }
        let mut found: Vec<Option<Seen>> = wanted.iter().map(|w| self.look_up(directory, w.name)).collect();
        (self.hook)(Moment::LookedUp);
        if found.iter().all(Option::is_some) {
            return found.into_iter().flatten().collect();
        }
        let listing = self.list(directory, wanted, &found);
        (self.hook)(Moment::Listed);
        for (wanted, seen) in wanted.iter().zip(&mut found) {
            if seen.is_none() && listing.as_ref().is_ok_and(|l| l.has(wanted.name)) {
                // Reading the directory has renewed its entries: a second lookup asks the server.
                let again = self.look_up(directory, wanted.name);
                *seen = Some(again.unwrap_or_else(|| Seen::Unclear {
                    code: Code::IoError,
                    detail: "the listing has the name, the lookup says it does not exist".into(),
                }));
            }
        }
        let closing = listing.and_then(|listing| self.refresh(directory).map(|()| listing));
        let closed = |wanted: &Wanted<'_>| match &closing {
            Ok(listing) => absent(wanted.silly, listing),
            Err(trouble) => trouble.clone(),
        };
        found.into_iter().zip(wanted).map(|(seen, wanted)| seen.unwrap_or_else(|| closed(wanted))).collect()
    }

    /// The directory's attributes from the server; it must still be linked somewhere.
    fn refresh(&mut self, directory: &OwnedFd) -> Result<(), Seen> {
        const WHAT: &str = "statx of the directory";
        let stat = self
            .watch
            .time(WHAT, || statx(directory, "", FRESH | AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS));
        match stat {
            Ok(stat) if stat.stx_nlink > 0 => Ok(()),
            Ok(_) => Err(Seen::Changed),
            Err(errno) => Err(unclear(WHAT, errno)),
        }
    }

    /// The name's file; `None` on ENOENT.
    ///
    /// Two calls: NFS writes back all dirty pages of a file before it tells times with FORCE_SYNC (fs/nfs/inode.c,
    /// nfs_getattr). The first call asks for none and fetches everything; the second reads what was fetched.
    fn look_up(&mut self, directory: &OwnedFd, name: &str) -> Option<Seen> {
        const WHAT: &str = "statx of the name";
        let flags = FRESH | AtFlags::SYMLINK_NOFOLLOW;
        let mask = StatxFlags::TYPE | StatxFlags::INO | StatxFlags::NLINK | StatxFlags::MNT_ID;
        let first = match self.watch.time(WHAT, || statx(directory, name, flags, mask)) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return None,
            Err(errno) => return Some(unclear(WHAT, errno)),
        };
        if first.stx_mnt_id != self.mount_id {
            let detail = "something is mounted on the name itself".into();
            return Some(Seen::Unclear { code: Code::CrossesMount, detail });
        }
        let flags = AtFlags::STATX_DONT_SYNC | AtFlags::NO_AUTOMOUNT | AtFlags::SYMLINK_NOFOLLOW;
        let mask = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
        Some(match self.watch.time(WHAT, || statx(directory, name, flags, mask)) {
            Ok(stat) if stat.stx_ino == first.stx_ino => Seen::There(file_identity(&stat)),
            Ok(_) | Err(Errno::NOENT) => Seen::Changed,
            Err(errno) => unclear(WHAT, errno),
        })
    }

    fn list<'a>(
        &mut self,
        directory: &OwnedFd,
        wanted: &[Wanted<'a>],
        found: &[Option<Seen>],
    ) -> Result<Listing<'a>, Seen> {
        const WHAT: &str = "listing the directory";
        let mut listing = Listing::default();
        for (wanted, _) in wanted.iter().zip(found).filter(|(_, seen)| seen.is_none()) {
            listing.want_name(wanted.name);
            if let Silly::OfFile(file_id) = wanted.silly {
                listing.want_file_id(file_id);
            }
        }
        match self.watch.time(WHAT, || listing.read(directory)) {
            Ok(()) => Ok(listing),
            // The kernel's answer for a directory that has been removed while it was open.
            Err(Errno::NOENT) => Err(Seen::Changed),
            Err(errno) => Err(unclear(WHAT, errno)),
        }
    }
}

/// What a name that is nowhere to be seen amounts to.
fn absent(silly: Silly, listing: &Listing<'_>) -> Seen {
    let held = match silly {
        Silly::Never => None,
        Silly::OfFile(file_id) => listing.silly_of(file_id),
        Silly::Any => listing.first_silly.as_deref(),
    };
    held.map_or(Seen::Absent { entries: listing.entries }, |name| Seen::Silly(name.into()))
}

fn unclear(what: &str, errno: Errno) -> Seen {
    Seen::Unclear { code: code_of(errno), detail: format!("{what}: {errno}") }
}

fn file_identity(stat: &Statx) -> FileIdentity {
    FileIdentity {
        file_id: stat.stx_ino,
        ctime_ns: nanoseconds(&stat.stx_ctime),
        btime_ns: birth_ns(stat),
        size: stat.stx_size,
        kind: match FileType::from_raw_mode(stat.stx_mode.into()) {
            FileType::RegularFile => FileKind::File,
            FileType::Directory => FileKind::Directory,
            FileType::Symlink => FileKind::Symlink,
            _ => FileKind::Other,
        },
        links: u64::from(stat.stx_nlink),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testbed::Bed;
    use crate::{CacheRule, Root};
    use rustix::fs::{Mode, OFlags, open};

    fn session(mount_id: u64, hook: &mut dyn FnMut(Moment)) -> Session<'_> {
        Session { mount_id, watch: Stopwatch::new(CacheRule::Honest), hook }
    }

    #[test]
    fn a_removed_directory_is_seen_to_be_so_by_its_links() {
        let bed = Bed::new();
        let expected = bed.pinned_dir();
        let root = Root::attach(&expected).unwrap();
        let fd = root.readable().unwrap();
        let mut hook = |_| {};
        let mut session = session(root.mount_id(), &mut hook);
        assert_eq!(session.refresh(&fd), Ok(()));
        bed.remove("m");
        assert_eq!(session.refresh(&fd), Err(Seen::Changed));
    }

    #[test]
    fn on_nfs_any_leftover_may_be_of_an_unknown_file() {
        let bed = Bed::new();
        bed.write("d/.nfs00000000000000010000002c", "");
        let fd = open(bed.at("d"), OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
        let mut hook = |_| {};
        let wanted = Wanted { name: "x", silly: Silly::Any };
        let seen = session(0, &mut hook).bracket(&fd, &[wanted]);
        assert_eq!(seen, [Seen::Silly(".nfs00000000000000010000002c".into())]);
    }
}
