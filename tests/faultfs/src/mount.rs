//! Mounting and, above all, unmounting: whatever hangs, [`Mounted`] comes down in bounded time and leaves nothing in
//! mountinfo. Owns the mount point and the session; must not know what the file system does.

use crate::connection::{Connection, MountMark};
use crate::fs::FaultFs;
use crate::switch::{Fault, Gate, Switch};
use crate::tree::Tree;
use fuser::{BackgroundSession, Config, Session, SessionACL};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, unmount};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// How many calls can hang (or be slow) at once. Further ones wait in the kernel's queue, where a fatal signal frees them.
pub(crate) const THREADS: usize = 16;
/// How long a session may take to end after its mount went, before it is aborted.
const END_BOUND: Duration = Duration::from_secs(1);
/// How long it may take after it was aborted. Only a call that hangs in the backing directory itself takes longer.
const ABORT_BOUND: Duration = Duration::from_secs(5);

/// How to mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How long the kernel may believe what it was told of names and attributes. Zero: not at all, and it keeps no file
    /// contents either.
    pub ttl: Duration,
    /// The source in mountinfo, such as `10.1.1.1:/export`.
    pub source_name: String,
}

impl Default for Options {
    fn default() -> Self {
        Self { ttl: Duration::ZERO, source_name: "faultfs".into() }
    }
}

/// Why nothing was mounted.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// The backing directory or the mount point is not to be had.
    #[error("cannot use {}", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// One lies in the other: the file system would wait for itself.
    #[error("{} and {} lie in each other", backing.display(), at.display())]
    Nested {
        /// The backing directory.
        backing: PathBuf,
        /// The mount point.
        at: PathBuf,
    },
    /// No FUSE here.
    #[error("cannot open /dev/fuse")]
    Device(#[source] std::io::Error),
    /// mount(2) refused.
    #[error("cannot mount at {}", at.display())]
    Mount {
        /// The mount point.
        at: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Mounted, but the kernel would not talk to us or give us control; unmounted again.
    #[error("cannot serve the mount at {}", at.display())]
    Serve {
        /// The mount point.
        at: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// What could not be taken down.
#[derive(Debug, thiserror::Error)]
pub enum UnmountError {
    /// umount(2) refused. The connection is aborted, the mount is dead.
    #[error("cannot unmount {}", at.display())]
    Unmount {
        /// The mount point.
        at: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Unmounted, but a call still hangs in the backing directory; its thread is left behind.
    #[error("a call on the directory behind {} does not return", at.display())]
    Serving {
        /// The mount point.
        at: PathBuf,
    },
}

/// A mounted file system. Dropping it unmounts, aborts what hangs, and never hangs itself. Mounts on one mount point must be
/// dropped in the reverse order of mounting; one that somebody else has unmounted already is only cleaned up after.
#[derive(Debug)]
pub struct Mounted {
    at: PathBuf,
    mark: MountMark,
    connection: Connection,
    gate: Arc<Gate>,
    ended: Receiver<()>,
    session: Option<BackgroundSession>,
}

/// Mounts `backing` at `at`. Faults are turned on and off with (a clone of) `switch`.
///
/// # Errors
/// When it cannot be mounted; then nothing is left mounted.
pub fn mount(backing: &Path, at: &Path, switch: Switch, options: &Options) -> Result<Mounted, MountError> {
    let directory = |path: &Path| {
        let unusable = |source| MountError::Directory { path: path.into(), source };
        path.canonicalize().map_err(unusable)
    };
    let (backing, at) = (directory(backing)?, directory(at)?);
    if at.starts_with(&backing) || backing.starts_with(&at) {
        return Err(MountError::Nested { backing, at });
    }
    let tree = Tree::open(&backing)
        .map_err(|errno| MountError::Directory { path: backing.clone(), source: errno.into() })?;
    let device = openat(CWD, "/dev/fuse", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
        .map_err(|errno| MountError::Device(errno.into()))?;
    attach(&device, &at, &options.source_name)
        .map_err(|errno| MountError::Mount { at: at.clone(), source: errno.into() })?;

    let gate = Arc::new(Gate::new(switch));
    let (fs, ended) = FaultFs::new(tree, Arc::clone(&gate), options.ttl);
    let serve = || -> std::io::Result<(BackgroundSession, MountMark, Connection)> {
        let mut config = Config::default();
        config.n_threads = Some(THREADS);
        let session = Session::from_fd(fs, device, SessionACL::All, config)?.spawn()?;
        Ok((session, MountMark::at(&at)?, Connection::of(&at)?))
    };
    match serve() {
        Ok((session, mark, connection)) => {
            Ok(Mounted { at, mark, connection, gate, ended, session: Some(session) })
        }
        Err(source) => {
            let _ = unmount(&at, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW);
            Err(MountError::Serve { at, source })
        }
    }
}

/// mount(2). The type's suffix becomes the subtype, so that mountinfo says `fuse.faultfs` (fs/filesystems.c, `get_fs_type`).
fn attach(device: &rustix::fd::OwnedFd, at: &Path, source: &str) -> Result<(), Errno> {
    use std::os::fd::AsRawFd as _;
    let data = format!(
        "fd={},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions",
        device.as_raw_fd()
    );
    let data = std::ffi::CString::new(data).map_err(|_| Errno::INVAL)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    rustix::mount::mount(source, at, "fuse.faultfs", flags, data.as_c_str())
}

impl Mounted {
    /// Where it is mounted, without symbolic links.
    #[must_use]
    pub fn mount_point(&self) -> &Path {
        &self.at
    }

    /// The kernel's control of it.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Unmounts, as dropping does, and says what went wrong.
    ///
    /// # Errors
    /// When something is left behind.
    pub fn unmount(mut self) -> Result<(), UnmountError> {
        self.take_down()
    }

    /// Politely where that is possible, by force where a call hangs or somebody holds a file open.
    fn take_down(&mut self) -> Result<(), UnmountError> {
        let Some(session) = self.session.take() else { return Ok(()) };
        let mut left = self.detach();
        self.gate.close();
        if !self.has_ended(END_BOUND) {
            // Mounted elsewhere too, or detached by somebody and still in use.
            let _ = self.connection.abort();
            if !self.has_ended(ABORT_BOUND) {
                return left.and(Err(UnmountError::Serving { at: self.at.clone() }));
            }
        }
        // A serving thread that reads while the connection goes down is told ECONNABORTED instead of ENODEV
        // (fs/fuse/dev.c, fuse_dev_do_read): an end like the other.
        let aborted = Some(rustix::io::Errno::CONNABORTED.raw_os_error());
        if let Err(source) = session.join()
            && source.raw_os_error() != aborted
        {
            left = left.and(Err(UnmountError::Unmount { at: self.at.clone(), source }));
        }
        left
    }

    fn detach(&self) -> Result<(), UnmountError> {
        let hangs = matches!(self.gate.fault(), Fault::Hang | Fault::Slow(_));
        if !hangs && (!self.is_there() || unmount(&self.at, UnmountFlags::NOFOLLOW).is_ok()) {
            return Ok(());
        }
        // Fails when the connection is gone already, which is what was wanted.
        let _ = self.connection.abort();
        if !self.is_there() {
            return Ok(());
        }
        unmount(&self.at, UnmountFlags::NOFOLLOW | UnmountFlags::DETACH)
            .map_err(|errno| UnmountError::Unmount { at: self.at.clone(), source: errno.into() })
    }

    /// Whether the mount at the mount point is this one still.
    fn is_there(&self) -> bool {
        MountMark::at(&self.at).is_ok_and(|mark| mark == self.mark)
    }

    /// Whether the session has ended, or does so within this time. The file system says nothing; it only hangs up.
    fn has_ended(&self, within: Duration) -> bool {
        self.ended.recv_timeout(within) == Err(RecvTimeoutError::Disconnected)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Nobody is left to tell.
        let _ = self.take_down();
    }
}
