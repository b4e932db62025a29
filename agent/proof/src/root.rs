//! The root of a mount, opened and known to be the one that mountinfo speaks of. Owns the calls on the root itself.

use crate::{ProofError, handle, mounts};
use rustix::fd::{AsFd as _, BorrowedFd, OwnedFd};
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, StatFs, Statx, StatxAttributes, StatxFlags, fstat,
    fstatfs, openat, openat2, statx,
};
use rustix::io::Errno;
use storewarden_types::mountinfo::MountEntry;
use storewarden_types::{Code, MountExpectation, MountKind};

/// Largest identity file that is read, in bytes.
const IDENTITY_BYTES_MAX: usize = 4096;
/// Where it is, from the root.
const IDENTITY_PATH: &str = ".storewarden/identity";

/// An open root. Keep it no longer than one question: while it is open, `umount` fails with EBUSY.
#[derive(Debug)]
pub struct Root {
    fd: OwnedFd,
    mount_id: u64,
    entry: Option<MountEntry>,
}

impl Root {
    /// Opens the mount that is expected, and proves that what was opened is what mountinfo lists. Asks no server: this
    /// works on a hung mount, and says nothing about whether it hangs.
    ///
    /// # Errors
    /// `NOT_MOUNTED`, `WRONG_STORE` (another source or type, something mounted where a plain directory was expected), or
    /// the code of the call that failed.
    pub fn attach(expected: &MountExpectation) -> Result<Self, ProofError> {
        const WHAT: &str = "mountinfo";
        let entry = mounts::at(&expected.mount_point)?;
        match (&entry, expected.kind) {
            (None, MountKind::Dir) => {}
            (None, _) => {
                let detail = format!("nothing is mounted at {}", expected.mount_point);
                return Err(ProofError::found(Code::NotMounted, WHAT, detail));
            }
            (Some(found), MountKind::Dir) => {
                let detail = format!("{} {} is mounted over the directory", found.fs_type, found.source);
                return Err(ProofError::found(Code::WrongStore, WHAT, detail));
            }
            (Some(found), _) if found.source != expected.source || found.fs_type != expected.fs_type => {
                let detail = format!(
                    "{} {} is mounted, expected is {} {}",
                    found.fs_type, found.source, expected.fs_type, expected.source
                );
                return Err(ProofError::found(Code::WrongStore, WHAT, detail));
            }
            (Some(_), _) => {}
        }
        Self::open(&expected.mount_point, entry)
    }

    /// Opens whatever is at `mount_point` now.
    ///
    /// # Errors
    /// As for [`attach`](Self::attach), without the comparison.
    pub(crate) fn attach_unseen(mount_point: &str) -> Result<Self, ProofError> {
        let entry = mounts::at(mount_point)?;
        Self::open(mount_point, entry)
    }

    fn open(mount_point: &str, entry: Option<MountEntry>) -> Result<Self, ProofError> {
        const WHAT: &str = "opening the root";
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let fd = openat2(CWD, mount_point, flags, Mode::empty(), resolve).map_err(|errno| match errno {
            Errno::NOENT | Errno::NOTDIR => ProofError::with_code(Code::NotMounted, WHAT, errno),
            errno => ProofError::of_errno(WHAT, errno),
        })?;
        let mount_id = check_mount(fd.as_fd(), entry.as_ref())?;
        Ok(Self { fd, mount_id, entry })
    }

    /// The open root, O_PATH.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Id of the mount that the root is on. For a plain directory: of the mount it lies in.
    #[must_use]
    pub fn mount_id(&self) -> u64 {
        self.mount_id
    }

    /// mountinfo's line; `None` for a plain directory.
    #[must_use]
    pub fn entry(&self) -> Option<&MountEntry> {
        self.entry.as_ref()
    }

    /// fstatfs(2): the one call that no mount option and no cache answers in the server's place.
    ///
    /// # Errors
    /// The code of what the server (or its absence) said.
    pub fn statfs(&self) -> Result<StatFs, ProofError> {
        fstatfs(&self.fd).map_err(|errno| ProofError::of_errno("fstatfs of the root", errno))
    }

    /// Attributes of the root, fresh from the server. Also finds an export whose root directory was removed and made
    /// again: there fstatfs and opening a file succeed, and only this call says ESTALE.
    ///
    /// # Errors
    /// The code of what the server said; `STALE_HANDLE` when the root has been removed.
    pub fn fresh(&self) -> Result<Statx, ProofError> {
        const WHAT: &str = "statx of the root";
        let stat =
            statx(&self.fd, "", FRESH | AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS | StatxFlags::BTIME)
                .map_err(|errno| ProofError::of_errno(WHAT, errno))?;
        if stat.stx_nlink == 0 {
            return Err(ProofError::found(Code::StaleHandle, WHAT, "the root directory has been removed"));
        }
        Ok(stat)
    }

    /// Opens the root for reading its entries; on NFS this revalidates it.
    ///
    /// On a soft NFS mount ESTALE from `open` may mean a timeout (the client turns a failed revalidation into it), so
    /// it is believed only while fstatfs is answered.
    ///
    /// # Errors
    /// The code of what the server said.
    pub fn readable(&self) -> Result<OwnedFd, ProofError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat(&self.fd, ".", flags, Mode::empty()).map_err(|errno| {
            let truth = if errno == Errno::STALE { self.statfs().err() } else { None };
            truth.unwrap_or_else(|| ProofError::of_errno("opening the root for reading", errno))
        })
    }

    /// The root's file handle as text, where there are handles. Asks no server.
    pub(crate) fn handle(&self) -> Result<Option<String>, ProofError> {
        handle::of(self.fd.as_fd())
            .map_err(|errno| ProofError::of_errno("name_to_handle_at of the root", errno))
    }

    /// First line of the identity file; `None` when there is no such file.
    pub(crate) fn identity_file(&self) -> Result<Option<String>, ProofError> {
        const WHAT: &str = "reading the identity file";
        // NONBLOCK: a pipe in its place must not keep us waiting for its writer.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = match openat2(&self.fd, IDENTITY_PATH, flags, Mode::empty(), beneath()) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(ProofError::of_errno(WHAT, errno)),
        };
        let stat = fstat(&fd).map_err(|errno| ProofError::of_errno(WHAT, errno))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(ProofError::found(Code::WrongStore, WHAT, "it is not a regular file"));
        }
        let text = read_bounded(&fd).map_err(|errno| ProofError::of_errno(WHAT, errno))?;
        let line = text.as_deref().and_then(|t| std::str::from_utf8(t).ok()).and_then(|t| t.lines().next());
        match line.map(str::trim) {
            Some(line) if !line.is_empty() => Ok(Some(line.to_owned())),
            _ => Err(ProofError::found(
                Code::WrongStore,
                WHAT,
                "it has no first line, is not UTF-8, or is over 4 KiB",
            )),
        }
    }
}

/// Attributes from the server, not from a cache; and no automount by looking.
pub(crate) const FRESH: AtFlags = AtFlags::STATX_FORCE_SYNC.union(AtFlags::NO_AUTOMOUNT);

/// How paths inside a store are resolved: never out of it, across a mount, or through a symbolic link.
pub(crate) fn beneath() -> ResolveFlags {
    ResolveFlags::BENEATH | ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS
}

/// The mount id of the opened root, which must be what mountinfo said.
fn check_mount(root: BorrowedFd<'_>, entry: Option<&MountEntry>) -> Result<u64, ProofError> {
    const WHAT: &str = "comparing the root with mountinfo";
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC | AtFlags::NO_AUTOMOUNT;
    let stat = statx(root, "", flags, StatxFlags::TYPE | StatxFlags::MNT_ID)
        .map_err(|errno| ProofError::of_errno(WHAT, errno))?;
    let knows_roots = stat.stx_attributes_mask.contains(StatxAttributes::MOUNT_ROOT);
    if stat.stx_mask & StatxFlags::MNT_ID.bits() == 0 || !knows_roots {
        return Err(ProofError::found(
            Code::IoError,
            WHAT,
            "this kernel's statx knows no mount ids (Linux 5.8 does)",
        ));
    }
    let is_root = stat.stx_attributes.contains(StatxAttributes::MOUNT_ROOT);
    let wrong = |code, detail: &str| Err(ProofError::found(code, WHAT, detail));
    match entry {
        None if is_root => wrong(Code::WrongStore, "something is mounted here that mountinfo did not list"),
        None => Ok(stat.stx_mnt_id),
        Some(_) if !is_root => wrong(Code::NotMounted, "the path does not lead to the root of a mount"),
        Some(listed) if listed.mount_id != stat.stx_mnt_id => {
            wrong(Code::WrongStore, "the path leads to another mount than the one mountinfo lists")
        }
        Some(_) => Ok(stat.stx_mnt_id),
    }
}

/// The whole file, or `None` when it is over the bound.
fn read_bounded(fd: &OwnedFd) -> Result<Option<Vec<u8>>, Errno> {
    let mut bytes = vec![0; IDENTITY_BYTES_MAX + 1];
    let mut filled = 0;
    while filled < bytes.len() {
        match rustix::io::read(fd, &mut bytes[filled..])? {
            0 => break,
            n => filled += n,
        }
    }
    bytes.truncate(filled);
    Ok((filled <= IDENTITY_BYTES_MAX).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testbed::Bed;
    use rustix::fs::open;

    fn root() -> (OwnedFd, MountEntry) {
        let fd = open("/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        (fd, mounts::at("/").unwrap().unwrap())
    }

    #[test]
    fn an_opened_root_must_be_the_listed_one() {
        // What a mount between reading mountinfo and opening the path would look like.
        let (fd, listed) = root();
        assert_eq!(check_mount(fd.as_fd(), Some(&listed)).unwrap(), listed.mount_id);
        let other = MountEntry { mount_id: listed.mount_id + 1, ..listed };
        assert_eq!(check_mount(fd.as_fd(), Some(&other)).unwrap_err().code, Code::WrongStore);
    }

    #[test]
    fn a_root_that_is_not_listed_is_no_plain_directory() {
        let (fd, _) = root();
        assert_eq!(check_mount(fd.as_fd(), None).unwrap_err().code, Code::WrongStore);
    }

    #[test]
    fn a_removed_root_is_stale() {
        let bed = Bed::new();
        let root = Root::attach(&bed.pinned_dir()).unwrap();
        assert!(root.fresh().is_ok());
        bed.remove("m");
        assert_eq!(root.fresh().unwrap_err().code, Code::StaleHandle);
    }
}
