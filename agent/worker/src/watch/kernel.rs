//! The file system and the watches as they are: the follower's [`Files`] on a real mount. Owns the system calls on
//! directories; decides nothing.
//!
//! Every path is resolved below an open root with openat2(2): no symbolic link is followed in any component, no other
//! mount is entered. The root is open only while there is work; a descriptor that stays would make `umount` fail.

use super::change::Change;
use super::files::{Files, ListFault, WatchFault};
use super::inbox::{Patience, Taken};
use super::note::Kind;
use super::source::{Source, SourceError};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, RawDir, ResolveFlags, Statx, StatxAttributes, StatxFlags, openat2,
    statx,
};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Bytes of directory entries read in one call: getdents64(2) on NFS asks for about as much as it is given.
const LISTING_BYTES: usize = 32 * 1024;

/// Why the root cannot be looked at.
#[derive(Debug, Error)]
pub(super) enum RootError {
    /// It cannot be opened.
    #[error("the root cannot be opened: {0}")]
    Open(io::Error),
    /// The path leads to another mount than when the watch began.
    #[error("another mount is at this path now")]
    Replaced,
}

/// A real mount, watched.
#[derive(Debug)]
pub(super) struct Kernel {
    path: PathBuf,
    mount_id: u64,
    source: Source,
    root: Option<OwnedFd>,
    buffer: Vec<u8>,
    /// The last reason why the root could not be opened.
    fault: Option<RootError>,
}

impl Kernel {
    /// Opens the root once, to know its mount, and starts a watcher. Nothing is watched yet.
    ///
    /// # Errors
    /// In words.
    pub(super) fn start(path: &Path) -> Result<Self, String> {
        let root = open_root(path).map_err(|error| error.to_string())?;
        let mount_id = mount_id(&root).map_err(|error| error.to_string())?;
        let source = Source::start(path).map_err(|error| error.to_string())?;
        Ok(Self { path: path.into(), mount_id, source, root: None, buffer: Vec::new(), fault: None })
    }

    /// Replaces the watcher by a new one, which watches nothing yet. What the old one had said is handed to `left`
    /// first, for as far as it goes it is true.
    ///
    /// A watcher that lost events cannot be kept: it may have lost the end of a watch among them, would believe that
    /// path watched for ever, and refuse to watch it again.
    pub(super) fn renew(&mut self) -> Result<Vec<Change>, SourceError> {
        let old = std::mem::replace(&mut self.source, Source::start(&self.path)?);
        Ok(old.close())
    }

    pub(super) fn take(&self, patience: Patience) -> Taken {
        self.source.take(patience)
    }

    pub(super) fn fence(&mut self) {
        self.source.fence();
    }

    /// Lets go of everything that only work needs.
    pub(super) fn rest(&mut self) {
        self.root = None;
        self.buffer = Vec::new();
    }

    /// Why the root could not be opened, if that happened since the last call.
    pub(super) fn take_fault(&mut self) -> Option<RootError> {
        self.fault.take()
    }

    fn open_root(&mut self) -> Option<()> {
        if self.root.is_none() {
            let opened = open_root(&self.path).and_then(|root| match mount_id(&root)? {
                id if id == self.mount_id => Ok(root),
                _ => Err(RootError::Replaced),
            });
            match opened {
                Ok(root) => self.root = Some(root),
                Err(fault) => self.fault = Some(fault),
            }
        }
        self.root.is_some().then_some(())
    }

    fn absolute(&self, path: &[u8]) -> PathBuf {
        if path.is_empty() { self.path.clone() } else { self.path.join(OsStr::from_bytes(path)) }
    }
}

impl Files for Kernel {
    fn watch(&mut self, paths: &[&[u8]]) -> Vec<Result<(), WatchFault>> {
        let absolute = paths.iter().map(|path| self.absolute(path)).collect();
        self.source.watch(absolute)
    }

    fn delivered(&self) -> u64 {
        self.source.delivered()
    }

    fn unwatch(&mut self, path: &[u8]) {
        let absolute = self.absolute(path);
        self.source.unwatch(&absolute);
    }

    fn list(&mut self, path: &[u8], each: &mut dyn FnMut(&[u8], Kind)) -> Result<(), ListFault> {
        let unread = |errno: Errno| ListFault::Unread(errno.into());
        self.open_root();
        let root =
            self.root.as_ref().ok_or_else(|| ListFault::Unread(io::Error::other("the root is not open")))?;
        let directory =
            open_beneath(root, path, OFlags::RDONLY | OFlags::NONBLOCK).map_err(|errno| match errno {
                Errno::NOENT => ListFault::Gone,
                Errno::NOTDIR | Errno::LOOP => ListFault::NotDirectory,
                Errno::XDEV => ListFault::Foreign,
                errno => unread(errno),
            })?;
        self.buffer.reserve(LISTING_BYTES);
        let mut entries = RawDir::new(&directory, self.buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = entry.map_err(|errno| match errno {
                // Removed after it was opened.
                Errno::NOENT => ListFault::Gone,
                errno => unread(errno),
            })?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let kind = match entry.file_type() {
                // Some file systems do not say what an entry is; of a directory, only the mount matters.
                FileType::Directory | FileType::Unknown => match stat_beneath(&directory, name) {
                    Ok(stat) => kind_of(&stat, self.mount_id),
                    Err(_) if entry.file_type() == FileType::Directory => Kind::Directory,
                    Err(_) => Kind::File,
                },
                _ => Kind::File,
            };
            each(name.to_bytes(), kind);
        }
        Ok(())
    }

    fn kind(&mut self, path: &[u8]) -> Option<Kind> {
        self.open_root()?;
        let root = self.root.as_ref()?;
        let (parent, name) = super::tree::split(path)?;
        let directory;
        let parent = if parent.is_empty() {
            root.as_fd()
        } else {
            directory = open_beneath(root, parent, OFlags::PATH).ok()?;
            directory.as_fd()
        };
        let stat = stat_beneath(parent, OsStr::from_bytes(name)).ok()?;
        Some(kind_of(&stat, self.mount_id))
    }
}

/// Opens a root O_PATH, which asks no server and works on a hung mount.
fn open_root(path: &Path) -> Result<OwnedFd, RootError> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    openat2(CWD, path, flags, Mode::empty(), resolve).map_err(|errno| RootError::Open(errno.into()))
}

/// The kernel's id of the mount that a descriptor is on; since Linux 5.8, and 0 before (statx(2)).
fn mount_id(root: &OwnedFd) -> Result<u64, RootError> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC | AtFlags::NO_AUTOMOUNT;
    let stat = statx(root, "", flags, StatxFlags::TYPE | StatxFlags::MNT_ID)
        .map_err(|errno| RootError::Open(errno.into()))?;
    Ok(stat.stx_mnt_id)
}

fn open_beneath(root: &OwnedFd, path: &[u8], access: OFlags) -> rustix::io::Result<OwnedFd> {
    let flags = access | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH
        | ResolveFlags::NO_XDEV
        | ResolveFlags::NO_SYMLINKS
        | ResolveFlags::NO_MAGICLINKS;
    let path = if path.is_empty() { OsStr::new(".") } else { OsStr::from_bytes(path) };
    openat2(root, path, flags, Mode::empty(), resolve)
}

/// What a name in a directory is, without following it, mounting anything, or asking a server for more than its name.
fn stat_beneath(directory: impl AsFd, name: impl rustix::path::Arg) -> rustix::io::Result<Statx> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT | AtFlags::STATX_DONT_SYNC;
    statx(directory, name, flags, StatxFlags::TYPE | StatxFlags::MNT_ID)
}

fn kind_of(stat: &Statx, mount_id: u64) -> Kind {
    if FileType::from_raw_mode(stat.stx_mode.into()) != FileType::Directory {
        Kind::File
    } else if stat.stx_mnt_id != mount_id || stat.stx_attributes.contains(StatxAttributes::AUTOMOUNT) {
        Kind::Foreign
    } else {
        Kind::Directory
    }
}

/// The path below `root` of what a watch said, as bytes; the root itself is empty.
pub(super) fn below(root: &Path, path: PathBuf) -> Option<Vec<u8>> {
    let mut bytes = path.into_os_string().into_vec();
    let rest = bytes.strip_prefix(root.as_os_str().as_bytes())?;
    let rest =
        if root.as_os_str() == "/" { rest.len() } else { rest.strip_prefix(b"/").unwrap_or(rest).len() };
    bytes.drain(..bytes.len() - rest);
    Some(bytes)
}
