//! The SQLite appender: one connection, one transaction a commit, WAL with synchronous=FULL. Owns opening, checking and
//! reopening; what goes into a transaction is `append`'s.

use crate::append::{Append, Marks};
use crate::chain::{Chain, GENESIS};
use crate::error::Fault;
use crate::{Committed, DataDirectory, Ledger, LedgerError, SqliteReader, schema};
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior};
use std::path::Path;
use std::time::Duration;
use storewarden_types::Record;

/// How long an operator's own sqlite3 session may hold the file before a commit fails.
const BUSY_WAIT: Duration = Duration::from_secs(5);
/// How long readers under way may hold up closing.
const CLOSE_WAIT: Duration = Duration::from_millis(250);
/// Prepared statements kept: all of `append` and some.
const STATEMENTS_MAX: usize = 32;
/// Size the -wal file is cut back to after a burst, in bytes.
const WAL_BYTES_KEPT: i64 = 64 * 1024 * 1024;
/// Page cache of the appender, in KiB (negative, as `PRAGMA cache_size` wants it): holds the edges of every index.
const CACHE_KIB: i64 = -16 * 1024;

/// How thoroughly a ledger is looked at before it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Not at all.
    None,
    /// `PRAGMA quick_check`: every page, but not indexes against tables.
    Quick,
    /// `PRAGMA integrity_check` and the whole hash chain.
    Full,
}

/// The appender.
#[derive(Debug)]
pub struct SqliteLedger {
    directory: DataDirectory,
    /// `None` after a failed commit, until reopened.
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    connection: Connection,
    cursor: u64,
    chain: Chain,
    marks: Marks,
}

/// Takes the directory, opens the ledger in it (making or migrating it if need be), checks it, and opens its reader.
///
/// # Errors
/// Everything [`LedgerError`] has for a start.
pub fn open(path: &Path, check: Check) -> Result<(SqliteLedger, SqliteReader), LedgerError> {
    let directory = DataDirectory::lock(path)?;
    directory.check_not_lost()?;
    let mut connection = connect(directory.ledger())?;
    schema::prepare(&mut connection, directory.ledger())?;
    directory.ledger_made()?;
    inspect(&connection, directory.ledger(), check)?;
    let reader = SqliteReader::new(directory.ledger())?;
    if check == Check::Full {
        use crate::Reader;
        reader.verify_chain()?;
    }
    let open = Open::new(connection).map_err(|fault| fault.at(directory.ledger(), "opened"))?;
    Ok((SqliteLedger { directory, open: Some(open) }, reader))
}

impl Ledger for SqliteLedger {
    fn commit(&mut self, records: &[Record]) -> Result<Committed, LedgerError> {
        let path = self.directory.ledger();
        let Some(open) = &mut self.open else {
            return Err(LedgerError::Closed { path: path.to_owned() });
        };
        match open.commit(records) {
            Ok(committed) => Ok(committed),
            Err(fault) => {
                // The next commit must not build on what this one only believed.
                self.open = None;
                Err(fault.at(path, "written"))
            }
        }
    }

    fn reopen(&mut self) -> Result<(), LedgerError> {
        self.open = None;
        let path = self.directory.ledger();
        self.directory.check_not_lost()?;
        let mut connection = connect(path)?;
        schema::prepare(&mut connection, path)?;
        self.open = Some(Open::new(connection).map_err(|fault| fault.at(path, "reopened"))?);
        Ok(())
    }
}

impl Open {
    fn new(connection: Connection) -> Result<Self, Fault> {
        // Pages of the -wal file whose fsync once failed may look well in the page cache and be missing on disk.
        // Copying them into the ledger writes them anew, so that nothing rests on a failed fsync.
        let readers_in_the_way: bool =
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if readers_in_the_way {
            let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
            return Err(rusqlite::Error::SqliteFailure(busy, Some("a reader is in the way".into())).into());
        }
        // A durable write of our own: a storage that takes none is found now, not by the first caller.
        connection.execute("UPDATE ledger SET opened = opened + 1", [])?;
        let newest = connection
            .query_row("SELECT cursor, chain FROM events ORDER BY cursor DESC LIMIT 1", [], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 32]>(1)?))
            })
            .optional()?;
        let (cursor, chain) = newest.unwrap_or((0, GENESIS));
        let cursor = cursor.unsigned_abs();
        Ok(Self { connection, cursor, chain: Chain(chain), marks: Marks::new() })
    }

    fn commit(&mut self, records: &[Record]) -> Result<Committed, Fault> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut append = Append {
            transaction: &transaction,
            marks: &mut self.marks,
            cursor: self.cursor,
            chain: self.chain,
            entries: Vec::with_capacity(records.len()),
        };
        for record in records {
            append.record(record)?;
        }
        let (entries, cursor, chain) = append.finish()?;
        transaction.commit()?;
        self.cursor = cursor;
        self.chain = chain;
        Ok(Committed { entries })
    }
}

impl Drop for Open {
    /// Leaves one whole file behind where it can: copies and backups of it alone are complete then. Where it cannot
    /// (a full disk, a reader under way), the -wal file is read at the next start, as after a crash.
    fn drop(&mut self) {
        let _ = self.connection.busy_timeout(CLOSE_WAIT);
        let _ = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }
}

/// Opens the file for writing.
fn connect(path: &Path) -> Result<Connection, LedgerError> {
    let sort = |source| LedgerError::sort(path, "opened", source);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = Connection::open_with_flags(path, flags).map_err(sort)?;
    connection.busy_timeout(BUSY_WAIT).map_err(sort)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    let pragmas = || {
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT)?;
        connection.pragma_update(None, "cache_size", CACHE_KIB)
    };
    pragmas().map_err(sort)?;
    Ok(connection)
}

fn inspect(connection: &Connection, path: &Path, check: Check) -> Result<(), LedgerError> {
    let pragma = match check {
        Check::None => return Ok(()),
        Check::Quick => "PRAGMA quick_check(1)",
        Check::Full => "PRAGMA integrity_check(1)",
    };
    let answer: String = connection
        .query_row(pragma, [], |row| row.get(0))
        .map_err(|source| LedgerError::sort(path, "checked", source).in_service())?;
    if answer == "ok" {
        return Ok(());
    }
    Err(LedgerError::Corrupt { path: path.to_owned(), detail: answer })
}
