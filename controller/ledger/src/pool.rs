//! A few read-only connections, handed out one at a time. Owns how many there are; knows no query.

use crate::LedgerError;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Readers at the same time. Reads are short; more would only compete for the same disk and cache.
pub const READERS_MAX: usize = 4;
/// How long a reader waits for SQLite's own locks (recovery of the -wal file), before it fails.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// The connections that nobody uses now.
#[derive(Debug)]
pub(crate) struct Pool {
    idle: Mutex<Vec<Connection>>,
    returned: Condvar,
}

impl Pool {
    /// Opens all connections.
    pub(crate) fn open(path: &Path) -> Result<Self, LedgerError> {
        let idle = (0..READERS_MAX).map(|_| connect(path)).collect::<Result<_, _>>()?;
        Ok(Self { idle: Mutex::new(idle), returned: Condvar::new() })
    }

    /// Waits for a connection and does `work` with it.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Connection) -> T) -> T {
        let mut lent = Lent { pool: self, connection: Some(self.take()) };
        match &mut lent.connection {
            Some(connection) => work(connection),
            None => unreachable!("a lent connection is there until it is dropped"),
        }
    }

    fn take(&self) -> Connection {
        let mut idle = self.lock();
        loop {
            if let Some(connection) = idle.pop() {
                return connection;
            }
            idle = self.returned.wait(idle).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Brings the connection back even when the work panics: a pool that runs dry would hang every reader.
struct Lent<'p> {
    pool: &'p Pool,
    connection: Option<Connection>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.pool.lock().push(connection);
            self.pool.returned.notify_one();
        }
    }
}

fn connect(path: &Path) -> Result<Connection, LedgerError> {
    let sort = |source| LedgerError::sort(path, "opened for reading", source);
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = Connection::open_with_flags(path, flags).map_err(sort)?;
    connection.busy_timeout(BUSY_WAIT).map_err(sort)?;
    Ok(connection)
}
