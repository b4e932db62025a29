//! The agent's own directory: made if absent, and locked so that one directory is one agent.
//! Must not know: what is kept in it (see `outbox`).

use rustix::fs::{FlockOperation, flock};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Name of the lock file. It holds the process id of whoever holds the lock, for people.
const LOCK_FILE: &str = "lock";

/// Why the directory cannot be used.
#[derive(Debug, Error)]
pub enum DataDirError {
    /// It could not be made.
    #[error("cannot create the data directory {}", path.display())]
    Create {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Its lock file could not be opened or written.
    #[error("cannot use the lock file {}", path.display())]
    LockFile {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another agent works with it.
    #[error(
        "the data directory {} is in use by another agent ({holder}). One directory is one agent: stop that one, or \
         give this one a --data of its own",
        path.display()
    )]
    InUse {
        /// Which.
        path: PathBuf,
        /// By whom, as far as the lock file tells.
        holder: String,
    },
}

/// The locked directory. The lock (flock(2)) goes with this value, or with the process however it ends.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes the directory (mode 0700) if absent and takes its lock without waiting.
    ///
    /// # Errors
    /// See [`DataDirError`].
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|source| DataDirError::Create { path: path.into(), source })?;
        let lock_path = path.join(LOCK_FILE);
        let lock_error = |source| DataDirError::LockFile { path: lock_path.clone(), source };
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(lock_error)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(DataDirError::InUse { path: path.into(), holder: holder(&mut lock) });
            }
            Err(errno) => return Err(lock_error(errno.into())),
        }
        lock.set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| writeln!(lock, "{}", std::process::id()))
            .map_err(lock_error)?;
        Ok(Self { path: path.into(), _lock: lock })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn holder(lock: &mut File) -> String {
    let mut text = String::new();
    // Only for people; a torn or absent number is no reason to fail differently.
    let read = lock.take(32).read_to_string(&mut text);
    match text.trim() {
        pid if read.is_ok() && !pid.is_empty() => format!("process {pid}"),
        _ => "of unknown process id".into(),
    }
}
