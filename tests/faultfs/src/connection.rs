//! The kernel's control of a FUSE connection: how many requests wait, and the way to end them all. Owns the control file
//! system; asks nothing of the file system it controls, so it works on one that hangs.
//!
//! The files are those of `/sys/fs/fuse/connections/N` (Documentation/filesystems/fuse.rst, "Control filesystem"), reached
//! through a mount of our own that is attached nowhere: in containers nobody mounts the one under `/sys`.

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, Statx, StatxFlags, openat, statx};
use rustix::io::{Errno, read, write};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};
use std::path::Path;

/// STATX_MNT_ID_UNIQUE of include/uapi/linux/stat.h: a mount id that is never used again (Linux 6.8).
const MNT_ID_UNIQUE: StatxFlags = StatxFlags::from_bits_retain(0x4000);
/// Room for the number in a `waiting` file.
const NUMBER_BYTES_MAX: usize = 32;

/// What is mounted at a path, told from everything that was or will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MountMark {
    device: (u32, u32),
    mount_id: u64,
}

impl MountMark {
    /// The mark of the topmost mount at this mount point.
    pub(crate) fn at(mount_point: &Path) -> Result<Self, Errno> {
        let stat = unasked(mount_point)?;
        Ok(Self { device: (stat.stx_dev_major, stat.stx_dev_minor), mount_id: stat.stx_mnt_id })
    }
}

/// Control of the connection behind one FUSE mount.
#[derive(Debug)]
pub struct Connection {
    control: OwnedFd,
    number: u64,
}

impl Connection {
    /// The connection of the FUSE file system that is mounted there.
    ///
    /// # Errors
    /// When the control file system cannot be had (it needs CAP_SYS_ADMIN and Linux 5.2), or no FUSE file system is
    /// mounted there (ENOENT).
    pub fn of(mount_point: &Path) -> std::io::Result<Self> {
        let stat = unasked(mount_point)?;
        let context = fsopen("fusectl", FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_create(&context)?;
        let control = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())?;
        // Named after the device number as the kernel has it (fs/fuse/control.c, `fuse_ctl_add_conn`).
        let number = (u64::from(stat.stx_dev_major) << 20) | u64::from(stat.stx_dev_minor);
        let this = Self { control, number };
        this.open("waiting", OFlags::RDONLY)?;
        Ok(this)
    }

    /// Requests that are not answered yet, taken or not. Without activity this is 0.
    ///
    /// # Errors
    /// ENOENT once the connection is gone.
    pub fn waiting(&self) -> std::io::Result<u64> {
        let mut text = [0; NUMBER_BYTES_MAX];
        let length = read(self.open("waiting", OFlags::RDONLY)?, &mut text)?;
        let number = std::str::from_utf8(&text[..length]).ok().and_then(|t| t.trim().parse().ok());
        number.ok_or_else(|| std::io::Error::other("the kernel's count is no number"))
    }

    /// Ends the connection: every waiting caller gets ECONNABORTED at once, every later one ENOTCONN. The mount stays, dead.
    ///
    /// # Errors
    /// ENOENT once the connection is gone.
    pub fn abort(&self) -> std::io::Result<()> {
        write(self.open("abort", OFlags::WRONLY)?, b"1")?;
        Ok(())
    }

    fn open(&self, name: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        openat(&self.control, format!("{}/{name}", self.number), flags | OFlags::CLOEXEC, Mode::empty())
    }
}

/// What the kernel knows of a mount point by itself: DONT_SYNC asks no server (fs/fuse/dir.c, `fuse_update_get_attr`).
fn unasked(mount_point: &Path) -> Result<Statx, Errno> {
    let flags = AtFlags::STATX_DONT_SYNC | AtFlags::NO_AUTOMOUNT | AtFlags::SYMLINK_NOFOLLOW;
    statx(CWD, mount_point, flags, StatxFlags::MNT_ID | MNT_ID_UNIQUE)
}
