//! Reads /proc/self/mountinfo whenever the mount table changes, and every few seconds besides.
//!
//! The only file about mounts that the agent process reads: it never touches what it lists (proc_pid_mountinfo(5)).
//! Must not know: which mounts matter.

use crate::readiness;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::os::fd::OwnedFd;
use std::time::Duration;
use storewarden_types::mountinfo::{MountEntry, parse_counting};
use thiserror::Error;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout_at};

/// The table.
pub const MOUNTINFO: &str = "/proc/self/mountinfo";
/// Read at least this often: a change that the kernel did not tell (or that we missed) is found then.
const REREAD_EVERY: Duration = Duration::from_secs(5);
/// Read at most this often: a storm of mounts (containers) must not take the processor.
const REREAD_PAUSE: Duration = Duration::from_millis(50);
/// Largest table read. A line is under 5 kB and usually 150 bytes; the kernel allows 100,000 mounts (fs.mount-max).
const TABLE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Reads that a changing table may spoil before the last one is taken as it is.
const STEADY_TRIES: usize = 3;

/// Why the table cannot be watched.
#[derive(Debug, Error)]
pub enum MountinfoError {
    /// It could not be opened or read.
    #[error("cannot read {MOUNTINFO}")]
    Read(#[source] std::io::Error),
    /// Larger than any real one.
    #[error("{MOUNTINFO} has more than {TABLE_BYTES_MAX} bytes")]
    TooLarge,
}

/// The mount table, open for as long as it is watched.
#[derive(Debug)]
pub struct Mountinfo {
    file: File,
    /// A second descriptor of the same open file, for the reactor.
    changes: AsyncFd<OwnedFd>,
    /// Lines that could not be read, as last told.
    odd: usize,
}

impl Mountinfo {
    /// Opens the table.
    ///
    /// # Errors
    /// See [`MountinfoError`].
    pub fn open() -> Result<Self, MountinfoError> {
        let file = File::open(MOUNTINFO).map_err(MountinfoError::Read)?;
        // The kernel tells a change by POLLPRI and POLLERR (fs/proc_namespace.c, `mounts_poll`).
        let interest = Interest::PRIORITY | Interest::ERROR;
        let changes = file.try_clone().and_then(|f| readiness::register(f.into(), interest));
        Ok(Self { file, changes: changes.map_err(MountinfoError::Read)?, odd: 0 })
    }

    /// Sends the table now, at every change and every few seconds, until nobody listens.
    ///
    /// # Errors
    /// When the table can no longer be read.
    pub async fn watch(mut self, tables: mpsc::Sender<Vec<MountEntry>>) -> Result<(), MountinfoError> {
        loop {
            let read_at = Instant::now();
            let entries = self.read()?;
            if tables.send(entries).await.is_err() {
                return Ok(());
            }
            tokio::select! {
                // Either a change or the time: both mean to read again.
                _ = timeout_at(read_at + REREAD_EVERY, self.changed()) => {}
                () = tables.closed() => return Ok(()),
            }
            sleep_until(read_at + REREAD_PAUSE).await;
        }
    }

    async fn changed(&self) -> Result<(), MountinfoError> {
        let mut ready =
            self.changes.ready(Interest::PRIORITY | Interest::ERROR).await.map_err(MountinfoError::Read)?;
        ready.clear_ready();
        Ok(())
    }

    /// Reads the whole table. The kernel hands it out in pieces, so a change in between could hide a line: then it is
    /// read again.
    fn read(&mut self) -> Result<Vec<MountEntry>, MountinfoError> {
        let mut bytes = Vec::new();
        for _ in 0..STEADY_TRIES {
            bytes = self.read_once()?;
            if !self.changed_meanwhile() {
                break;
            }
        }
        let (entries, odd) = parse_counting(&bytes);
        if odd != self.odd {
            tracing::warn!(
                lines = odd,
                "lines of the mount table that could not be read (not UTF-8?) are left out"
            );
            self.odd = odd;
        }
        Ok(entries)
    }

    /// Asks the kernel directly: the reactor learns of a change only when its turn comes.
    fn changed_meanwhile(&self) -> bool {
        let mut fds = [PollFd::new(&self.file, PollFlags::PRI)];
        let ready = poll(&mut fds, Some(&Timespec::default())).unwrap_or(0);
        ready > 0 && fds[0].revents().intersects(PollFlags::PRI | PollFlags::ERR)
    }

    fn read_once(&self) -> Result<Vec<u8>, MountinfoError> {
        let mut file = &self.file;
        let mut bytes = Vec::with_capacity(16 * 1024);
        file.rewind().map_err(MountinfoError::Read)?;
        file.take(TABLE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(MountinfoError::Read)?;
        if bytes.len() as u64 > TABLE_BYTES_MAX { Err(MountinfoError::TooLarge) } else { Ok(bytes) }
    }
}

/// The table as it is now, for the checks before the start.
///
/// # Errors
/// See [`MountinfoError`].
pub fn read_now() -> Result<Vec<MountEntry>, MountinfoError> {
    let mut bytes = Vec::new();
    File::open(MOUNTINFO)
        .and_then(|file| file.take(TABLE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(MountinfoError::Read)?;
    if bytes.len() as u64 > TABLE_BYTES_MAX {
        Err(MountinfoError::TooLarge)
    } else {
        Ok(parse_counting(&bytes).0)
    }
}
