//! The data directory: one process owns it at a time. Owns the lock file and the names in the directory; knows nothing
//! of what the ledger holds.

use crate::LedgerError;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Name of the lock file.
const LOCK: &str = "controller.lock";
/// Name of the ledger.
const LEDGER: &str = "ledger.sqlite";
/// The line of the lock file that says that a ledger was made here.
const MADE: &str = "ledger made";
/// Longest part of the lock file that is read, in bytes: it holds two short lines.
const LOCK_BYTES_MAX: u64 = 256;

/// A directory that this process owns until the value is dropped.
#[derive(Debug)]
pub struct DataDirectory {
    ledger: PathBuf,
    lock_path: PathBuf,
    /// Locked by flock(2); the kernel lets go of it when the process ends, however it ends.
    lock: Mutex<File>,
}

impl DataDirectory {
    /// Makes the directory if need be (mode 0700) and takes it.
    ///
    /// # Errors
    /// `InUse` when another process has it, `Directory` when it cannot be made or entered.
    pub fn lock(path: &Path) -> Result<Self, LedgerError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            |source| LedgerError::Directory { path, source }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed(path))?;
        let lock_path = path.join(LOCK);
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(failed(&lock_path))?;
        let text = read_short(&mut lock).map_err(failed(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = text.lines().next().filter(|l| !l.is_empty()).unwrap_or("another process");
                return Err(LedgerError::InUse { path: lock_path, holder: holder.to_owned() });
            }
            Err(TryLockError::Error(source)) => {
                return Err(LedgerError::Directory { path: lock_path, source });
            }
        }
        let this = Self { ledger: path.join(LEDGER), lock_path, lock: Mutex::new(lock) };
        this.write_lines(text.lines().any(|line| line == MADE))?;
        Ok(this)
    }

    /// Where the ledger is.
    #[must_use]
    pub fn ledger(&self) -> &Path {
        &self.ledger
    }

    /// Refuses when the ledger was made here once and is gone now: an empty file would be taken for a new ledger, and
    /// every record would be lost without a word.
    pub(crate) fn check_not_lost(&self) -> Result<(), LedgerError> {
        let there = std::fs::metadata(&self.ledger).is_ok_and(|meta| meta.len() > 0);
        if there || !self.has_had_a_ledger()? {
            return Ok(());
        }
        Err(LedgerError::Lost { path: self.ledger.clone() })
    }

    /// Notes that there is a ledger now.
    pub(crate) fn ledger_made(&self) -> Result<(), LedgerError> {
        if self.has_had_a_ledger()? { Ok(()) } else { self.write_lines(true) }
    }

    fn has_had_a_ledger(&self) -> Result<bool, LedgerError> {
        let mut lock = self.lock.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let text = read_short(&mut lock)
            .map_err(|source| LedgerError::Directory { path: self.lock_path.clone(), source })?;
        Ok(text.lines().any(|line| line == MADE))
    }

    fn write_lines(&self, made: bool) -> Result<(), LedgerError> {
        let mut lock = self.lock.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Padded to one length and never truncated: a full disk cannot take the second line away.
        let text =
            format!("{:<20}\n{}\n", format!("process {}", std::process::id()), if made { MADE } else { "" });
        lock.rewind()
            .and_then(|()| lock.write_all(text.as_bytes()))
            .and_then(|()| lock.sync_data())
            .map_err(|source| LedgerError::Directory { path: self.lock_path.clone(), source })
    }
}

fn read_short(file: &mut File) -> std::io::Result<String> {
    file.rewind()?;
    let mut bytes = Vec::new();
    file.take(LOCK_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_has_one_owner_and_remembers_its_ledger() {
        let dir = std::env::temp_dir().join(format!("storewarden-directory-{}", std::process::id()));
        let first = DataDirectory::lock(&dir).unwrap();
        first.check_not_lost().unwrap();
        let second = DataDirectory::lock(&dir).unwrap_err();
        let text = second.to_string();
        assert!(matches!(second, LedgerError::InUse { .. }), "{text}");
        assert!(text.contains(&format!("process {}", std::process::id())), "{text}");

        first.ledger_made().unwrap();
        drop(first);
        let again = DataDirectory::lock(&dir).unwrap();
        assert!(matches!(again.check_not_lost(), Err(LedgerError::Lost { .. })));
        std::fs::write(again.ledger(), b"x").unwrap();
        again.check_not_lost().unwrap();
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
