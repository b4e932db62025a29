//! The backing directory, by node: finding, opening, reading, writing. Every system call is made relative to the open
//! root, follows no symbolic link and never leaves the root's mount. Must not know which fault is on.
//!
//! A node is believed only while its place still holds that very inode. One that was removed or replaced behind the
//! mount's back is answered with ESTALE, as an NFS server would.

use crate::attributes::{Found, WANTED, kind};
use crate::table::{Listed, OpenDirectory, Place, ROOT, Table};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::fs::{
    AtFlags, Dir, FileType, Gid, Mode, OFlags, StatVfs, Timespec, Timestamps, Uid, chmodat, chownat,
    fstatvfs, fsync, ftruncate, open, openat, readlinkat, statx, utimensat,
};
use rustix::io::{Errno, pread, pwrite};
use std::ffi::OsStr;
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Entries per answer to READDIR: more than the kernel's buffer takes.
const LISTED_MAX: usize = 1024;

/// What SETATTR may change; what is `None` stays.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) mode: Option<u32>,
    pub(crate) owner: Option<Uid>,
    pub(crate) group: Option<Gid>,
    pub(crate) size: Option<u64>,
    pub(crate) times: Option<(Timespec, Timespec)>,
}

/// The backing directory and what the kernel knows of it.
#[derive(Debug)]
pub(crate) struct Tree {
    root: OwnedFd,
    mount_id: u64,
    table: Mutex<Table>,
}

impl Tree {
    /// Opens the backing directory.
    pub(crate) fn open(backing: &Path) -> Result<Self, Errno> {
        let root = open(backing, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let mount_id = stat(root.as_fd(), Path::new(""), AtFlags::EMPTY_PATH)?.mount_id;
        Ok(Self { root, mount_id, table: Mutex::default() })
    }

    pub(crate) fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    pub(crate) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is at this path below the root. EXDEV where something else is mounted: its inode numbers are not ours.
    pub(crate) fn stat(&self, path: &Path) -> Result<Found, Errno> {
        let found = stat(self.root(), path, AtFlags::SYMLINK_NOFOLLOW)?;
        if found.mount_id == self.mount_id { Ok(found) } else { Err(Errno::XDEV) }
    }

    /// Where a node is and what is there; ESTALE when that is no longer this node.
    pub(crate) fn locate(&self, node: u64) -> Result<(PathBuf, Found), Errno> {
        let (path, generation) = {
            let table = self.table();
            (table.path(node).ok_or(Errno::STALE)?, table.generation(node))
        };
        let found = match self.stat(&path) {
            Err(Errno::NOENT | Errno::NOTDIR) => return Err(Errno::STALE),
            found => found?,
        };
        let same = if node == ROOT {
            found.attr.nlink > 0
        } else {
            found.inode() == node && generation == Some(found.generation.0)
        };
        if same { Ok((path, found)) } else { Err(Errno::STALE) }
    }

    /// The path of a name in a directory that is still there.
    pub(crate) fn child(&self, parent: u64, name: &OsStr) -> Result<PathBuf, Errno> {
        Ok(self.locate(parent)?.0.join(name))
    }

    /// LOOKUP: what the name stands for. The kernel counts it from here on.
    pub(crate) fn enter(&self, parent: u64, name: &OsStr) -> Result<Found, Errno> {
        let found = self.stat(&self.child(parent, name)?)?;
        self.table().remember(found.inode(), found.generation.0, Place::new(parent, name));
        Ok(found)
    }

    /// GETATTR, of the open file where there is one.
    pub(crate) fn attributes(&self, node: u64, handle: Option<u64>) -> Result<Found, Errno> {
        match handle.and_then(|handle| self.table().file(handle)) {
            Some(file) => stat(file.as_fd(), Path::new(""), AtFlags::EMPTY_PATH),
            None => Ok(self.locate(node)?.1),
        }
    }

    /// SETATTR.
    pub(crate) fn set(&self, node: u64, handle: Option<u64>, setting: Setting) -> Result<Found, Errno> {
        let (path, _) = self.locate(node)?;
        if setting.owner.is_some() || setting.group.is_some() {
            chownat(self.root(), &path, setting.owner, setting.group, AtFlags::SYMLINK_NOFOLLOW)?;
        }
        if let Some(mode) = setting.mode {
            chmodat(self.root(), &path, Mode::from_raw_mode(mode & 0o7777), AtFlags::empty())?;
        }
        if let Some(size) = setting.size {
            match handle.and_then(|handle| self.table().file(handle)) {
                Some(file) => ftruncate(&*file, size)?,
                None => ftruncate(self.open_at(&path, OFlags::WRONLY)?, size)?,
            }
        }
        if let Some((last_access, last_modification)) = setting.times {
            let times = Timestamps { last_access, last_modification };
            utimensat(self.root(), &path, &times, AtFlags::SYMLINK_NOFOLLOW)?;
        }
        self.attributes(node, handle)
    }

    /// READLINK.
    pub(crate) fn link_target(&self, node: u64) -> Result<Vec<u8>, Errno> {
        Ok(readlinkat(self.root(), self.locate(node)?.0, Vec::new())?.into_bytes())
    }

    /// OPEN, with the access mode alone: the kernel sees to O_TRUNC and O_APPEND itself.
    pub(crate) fn open_file(&self, node: u64, access: OFlags) -> Result<u64, Errno> {
        let (path, _) = self.locate(node)?;
        let fd = self.open_at(&path, access)?;
        if stat(fd.as_fd(), Path::new(""), AtFlags::EMPTY_PATH)?.inode() != node {
            return Err(Errno::STALE);
        }
        Ok(self.table().open_file(node, fd))
    }

    /// Opens without waiting for anybody at the other end of a pipe, and without following a link.
    pub(crate) fn open_at(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        openat(self.root(), path, flags, Mode::empty())
    }

    fn file(&self, handle: u64) -> Result<Arc<OwnedFd>, Errno> {
        self.table().file(handle).ok_or(Errno::BADF)
    }

    pub(crate) fn read(&self, handle: u64, offset: u64, size: u32) -> Result<Vec<u8>, Errno> {
        let mut bytes = vec![0; size as usize];
        let length = pread(&*self.file(handle)?, &mut bytes, offset)?;
        bytes.truncate(length);
        Ok(bytes)
    }

    pub(crate) fn write(&self, handle: u64, offset: u64, bytes: &[u8]) -> Result<u32, Errno> {
        let written = pwrite(&*self.file(handle)?, bytes, offset)?;
        u32::try_from(written).map_err(|_| Errno::OVERFLOW)
    }

    pub(crate) fn sync_file(&self, handle: u64) -> Result<(), Errno> {
        fsync(&*self.file(handle)?)
    }

    pub(crate) fn open_directory(&self, node: u64) -> Result<u64, Errno> {
        let (path, _) = self.locate(node)?;
        let fd = self.open_at(&path, OFlags::RDONLY | OFlags::DIRECTORY)?;
        Ok(self.table().open_directory(fd))
    }

    fn directory(&self, handle: u64) -> Result<Arc<OpenDirectory>, Errno> {
        self.table().directory(handle).ok_or(Errno::BADF)
    }

    pub(crate) fn sync_directory(&self, handle: u64) -> Result<(), Errno> {
        fsync(&self.directory(handle)?.fd)
    }

    /// READDIR: the next entries from `offset` on. The directory is read when a reader starts; from then on it sees that state.
    pub(crate) fn list(&self, handle: u64, offset: u64) -> Result<Vec<Listed>, Errno> {
        let directory = self.directory(handle)?;
        let mut listing = directory.listing.lock().unwrap_or_else(PoisonError::into_inner);
        if offset == 0 {
            *listing = read_all(&directory.fd)?;
        }
        let skip = usize::try_from(offset).unwrap_or(usize::MAX);
        Ok(listing.iter().skip(skip).take(LISTED_MAX).cloned().collect())
    }

    pub(crate) fn capacity(&self) -> Result<StatVfs, Errno> {
        fstatvfs(&self.root)
    }
}

fn stat(at: BorrowedFd<'_>, path: &Path, flags: AtFlags) -> Result<Found, Errno> {
    statx(at, path, flags, WANTED).map(|stat| Found::of(&stat))
}

fn read_all(directory: &OwnedFd) -> Result<Vec<Listed>, Errno> {
    let mut listing = Vec::new();
    // Reading a removed directory says ENOENT; the one who holds it open should hear that it is stale.
    let gone = |errno| if errno == Errno::NOENT { Errno::STALE } else { errno };
    for entry in Dir::read_from(directory).map_err(gone)? {
        let entry = entry.map_err(gone)?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        let kind = match entry.file_type() {
            FileType::Unknown => match stat(directory.as_fd(), Path::new(name), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(found) => found.attr.kind,
                Err(Errno::NOENT) => continue,
                Err(errno) => return Err(errno),
            },
            known => kind(known),
        };
        listing.push(Listed { inode: entry.ino(), kind, name: name.to_owned() });
    }
    Ok(listing)
}
