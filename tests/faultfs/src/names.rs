//! Names coming and going in the tree, with the NFS client's silly rename: a file that is removed while it is open stays as
//! `.nfsXXXX` in its directory until the last close. Must not know which fault is on.

use crate::attributes::Found;
use crate::table::Place;
use crate::tree::Tree;
use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, RenameFlags, Uid, chmodat, chownat, linkat, mkdirat, mknodat,
    openat, renameat, renameat_with, symlinkat, unlinkat,
};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::path::Path;

/// Who makes something new, and with which permission bits (the kernel has applied the umask).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Maker {
    pub(crate) owner: Uid,
    pub(crate) group: Gid,
    pub(crate) mode: u32,
}

impl Tree {
    pub(crate) fn make_directory(&self, parent: u64, name: &OsStr, maker: Maker) -> Result<Found, Errno> {
        let path = self.child(parent, name)?;
        mkdirat(self.root(), &path, Mode::RWXU)?;
        self.hand_over(&path, maker)?;
        self.enter(parent, name)
    }

    /// MKNOD: a plain file, pipe, socket or device.
    pub(crate) fn make_node(
        &self,
        parent: u64,
        name: &OsStr,
        device: u32,
        maker: Maker,
    ) -> Result<Found, Errno> {
        let path = self.child(parent, name)?;
        let kind = FileType::from_raw_mode(maker.mode);
        mknodat(self.root(), &path, kind, Mode::RUSR | Mode::WUSR, device.into())?;
        self.hand_over(&path, maker)?;
        self.enter(parent, name)
    }

    pub(crate) fn make_symlink(
        &self,
        parent: u64,
        name: &OsStr,
        target: &Path,
        maker: Maker,
    ) -> Result<Found, Errno> {
        let path = self.child(parent, name)?;
        symlinkat(target, self.root(), &path)?;
        if !maker.owner.is_root() {
            let flags = AtFlags::SYMLINK_NOFOLLOW;
            chownat(self.root(), &path, Some(maker.owner), Some(maker.group), flags)?;
        }
        self.enter(parent, name)
    }

    /// CREATE: the file, made if it was not there, and a handle for it.
    pub(crate) fn create(
        &self,
        parent: u64,
        name: &OsStr,
        flags: OFlags,
        maker: Maker,
    ) -> Result<(Found, u64), Errno> {
        let path = self.child(parent, name)?;
        let ours = (flags & (OFlags::RWMODE | OFlags::TRUNC)) | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let private = Mode::RUSR | Mode::WUSR;
        let fd = match openat(self.root(), &path, ours | OFlags::CREATE | OFlags::EXCL, private) {
            Ok(fd) => {
                self.hand_over(&path, maker)?;
                fd
            }
            // It came behind the kernel's back.
            Err(Errno::EXIST) if !flags.contains(OFlags::EXCL) => self.open_at(&path, ours)?,
            Err(errno) => return Err(errno),
        };
        let found = self.enter(parent, name)?;
        Ok((found, self.table().open_file(found.inode(), fd)))
    }

    pub(crate) fn make_link(&self, node: u64, parent: u64, name: &OsStr) -> Result<Found, Errno> {
        let (from, to) = (self.locate(node)?.0, self.child(parent, name)?);
        linkat(self.root(), from, self.root(), to, AtFlags::empty())?;
        self.enter(parent, name)
    }

    /// UNLINK. EBUSY for a silly-renamed file that is still open, as the NFS client says.
    pub(crate) fn unlink(&self, parent: u64, name: &OsStr) -> Result<(), Errno> {
        let path = self.child(parent, name)?;
        let node = self.stat(&path)?.inode();
        if self.table().hides(node, &Place::new(parent, name)) {
            return Err(Errno::BUSY);
        }
        if self.hide_if_open(parent, &path, node)? {
            return Ok(());
        }
        unlinkat(self.root(), &path, AtFlags::empty())
    }

    pub(crate) fn remove_directory(&self, parent: u64, name: &OsStr) -> Result<(), Errno> {
        unlinkat(self.root(), self.child(parent, name)?, AtFlags::REMOVEDIR)
    }

    /// RENAME, from one place to another. A file that is open at the other is silly-renamed first.
    pub(crate) fn rename(&self, from: Place, to: Place, flags: RenameFlags) -> Result<(), Errno> {
        let source = self.child(from.parent, &from.name)?;
        let target = self.child(to.parent, &to.name)?;
        let moving = self.stat(&source)?.inode();
        let meeting = self.stat(&target).ok().map(|found| found.inode()).filter(|inode| *inode != moving);
        if flags.is_empty() {
            if let Some(node) = meeting {
                self.hide_if_open(to.parent, &target, node)?;
            }
            renameat(self.root(), &source, self.root(), &target)?;
        } else {
            renameat_with(self.root(), &source, self.root(), &target, flags)?;
        }
        let mut table = self.table();
        if let Some(node) = meeting.filter(|_| flags.contains(RenameFlags::EXCHANGE)) {
            table.moved(node, from);
        }
        table.moved(moving, to);
        Ok(())
    }

    /// RELEASE. Answers with the silly-renamed file that nobody holds any more, to be removed.
    pub(crate) fn close_file(&self, handle: u64) -> Option<Place> {
        self.table().close_file(handle)
    }

    /// Removes what is left of a file that was removed while it was open.
    pub(crate) fn remove_hidden(&self, place: &Place) -> Result<(), Errno> {
        unlinkat(self.root(), self.child(place.parent, &place.name)?, AtFlags::empty())
    }

    /// The silly rename. False: the file is not open, nothing was done.
    fn hide_if_open(&self, parent: u64, path: &Path, node: u64) -> Result<bool, Errno> {
        let mut table = self.table();
        if !table.is_open(node) {
            return Ok(false);
        }
        let place = Place { parent, name: table.silly_name(node) };
        renameat(self.root(), path, self.root(), path.with_file_name(&place.name))?;
        table.hide(node, place);
        Ok(true)
    }

    /// Gives something new to its maker, with the mode asked for, whatever our own umask is.
    fn hand_over(&self, path: &Path, maker: Maker) -> Result<(), Errno> {
        if !maker.owner.is_root() {
            let flags = AtFlags::SYMLINK_NOFOLLOW;
            chownat(self.root(), path, Some(maker.owner), Some(maker.group), flags)?;
        }
        chmodat(self.root(), path, Mode::from_raw_mode(maker.mode & 0o7777), AtFlags::empty())
    }
}
