//! What the backing directory says of a file, as FUSE wants to hear it. Must not know where the file is.

use fuser::{FileAttr, FileType, Generation, INodeNo};
use rustix::fs::{Statx, StatxFlags, StatxTimestamp};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What is asked of statx(2).
pub(crate) const WANTED: StatxFlags =
    StatxFlags::BASIC_STATS.union(StatxFlags::BTIME).union(StatxFlags::MNT_ID);

/// A file that was found: its honest attributes, and what tells it from a later one with its inode number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) attr: FileAttr,
    pub(crate) generation: Generation,
    /// The mount it is on; 0 before Linux 5.8.
    pub(crate) mount_id: u64,
}

impl Found {
    pub(crate) fn of(stat: &Statx) -> Self {
        let attr = FileAttr {
            ino: INodeNo(stat.stx_ino),
            size: stat.stx_size,
            blocks: stat.stx_blocks,
            atime: time(&stat.stx_atime),
            mtime: time(&stat.stx_mtime),
            ctime: time(&stat.stx_ctime),
            // Goes nowhere on Linux: the protocol has no room for it.
            crtime: UNIX_EPOCH,
            kind: kind(rustix::fs::FileType::from_raw_mode(stat.stx_mode.into())),
            perm: stat.stx_mode & 0o7777,
            nlink: stat.stx_nlink,
            uid: stat.stx_uid,
            gid: stat.stx_gid,
            rdev: device(stat.stx_rdev_major, stat.stx_rdev_minor),
            blksize: stat.stx_blksize,
            flags: 0,
        };
        Self { attr, generation: generation(stat), mount_id: stat.stx_mnt_id }
    }

    pub(crate) fn inode(&self) -> u64 {
        self.attr.ino.0
    }
}

/// The kind of a directory entry; what is none of the known ones is told as a plain file.
pub(crate) fn kind(file_type: rustix::fs::FileType) -> FileType {
    match file_type {
        rustix::fs::FileType::Directory => FileType::Directory,
        rustix::fs::FileType::Symlink => FileType::Symlink,
        rustix::fs::FileType::Fifo => FileType::NamedPipe,
        rustix::fs::FileType::Socket => FileType::Socket,
        rustix::fs::FileType::CharacterDevice => FileType::CharDevice,
        rustix::fs::FileType::BlockDevice => FileType::BlockDevice,
        rustix::fs::FileType::RegularFile | rustix::fs::FileType::Unknown => FileType::RegularFile,
    }
}

/// A generation from the birth time: it stays with an inode, and one that takes the number later has another. The kernel
/// keeps 32 bits of it (fs/fuse/fuse_i.h, `fuse_stale_inode`).
fn generation(stat: &Statx) -> Generation {
    if stat.stx_mask & StatxFlags::BTIME.bits() == 0 {
        return Generation(0);
    }
    let nanoseconds = stat.stx_btime.tv_sec.cast_unsigned().wrapping_mul(1_000_000_000);
    let nanoseconds = nanoseconds.wrapping_add(u64::from(stat.stx_btime.tv_nsec));
    Generation((nanoseconds ^ (nanoseconds >> 32)) & u64::from(u32::MAX))
}

fn time(stamp: &StatxTimestamp) -> SystemTime {
    let second = Duration::from_secs(stamp.tv_sec.unsigned_abs());
    let whole =
        if stamp.tv_sec < 0 { UNIX_EPOCH.checked_sub(second) } else { UNIX_EPOCH.checked_add(second) };
    whole.and_then(|t| t.checked_add(Duration::from_nanos(stamp.tv_nsec.into()))).unwrap_or(UNIX_EPOCH)
}

/// A device number as the protocol has it: `new_encode_dev` of include/linux/kdev_t.h.
fn device(major: u32, minor: u32) -> u32 {
    (minor & 0xff) | (major << 8) | ((minor & !0xff) << 12)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_numbers_are_the_kernels() {
        assert_eq!(device(1, 3), 0x103);
        assert_eq!(device(8, 0x1ff), 0x10_08ff);
    }

    #[test]
    fn the_same_file_has_one_generation_and_another_has_another() {
        let dir = std::env::temp_dir().join(format!("faultfs-generation-{}", std::process::id()));
        std::fs::create_dir(&dir).unwrap();
        let stat = |name: &str| {
            let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
            Found::of(&rustix::fs::statx(rustix::fs::CWD, dir.join(name), flags, WANTED).unwrap())
        };
        std::fs::write(dir.join("a"), "1").unwrap();
        let first = stat("a");
        std::fs::write(dir.join("a"), "22").unwrap();
        assert_eq!((stat("a").generation, stat("a").attr.size), (first.generation, 2));
        // Births have the granularity of the clock tick.
        let mut tries = 0;
        while stat("a").generation == first.generation {
            std::fs::remove_file(dir.join("a")).unwrap();
            std::fs::write(dir.join("a"), "3").unwrap();
            tries += 1;
            assert!(tries < 100_000, "a new file never got another generation");
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
