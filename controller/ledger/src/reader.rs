//! The SQLite reader: every question asked of the ledger beside appends. Owns the queries on events and keys; listing
//! and restoring have files of their own.

use crate::append::on_the_wire;
use crate::chain::{Chain, GENESIS};
use crate::deletion::{SELECT, as_of, columns, record, row, whole_row};
use crate::error::Fault;
use crate::pool::Pool;
use crate::{
    ChainReport, DeletionFilter, DeletionPage, DeletionsAt, Entry, LedgerError, Reader, list, restore,
};
use prost::Message;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use storewarden_proto::convert::deletion_to_wire;
use storewarden_proto::v1;
use storewarden_types::{DeletionId, KnownKey, Restored, StoreId};

/// Size after which a page of events is full, whatever number of them was asked for: one event may have megabytes.
const PAGE_BYTES: usize = 1024 * 1024;

/// Reads a ledger that may be appended to meanwhile.
#[derive(Debug)]
pub struct SqliteReader {
    path: PathBuf,
    pool: Pool,
}

impl SqliteReader {
    /// Opens a reader of the ledger at `path`. It does not own the directory: whoever appends does.
    pub(crate) fn new(path: &Path) -> Result<Self, LedgerError> {
        Ok(Self { path: path.to_owned(), pool: Pool::open(path)? })
    }

    /// Does `work` in one read transaction: all of it sees one committed state.
    fn read<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>) -> Result<T, LedgerError> {
        let done = self.pool.with(|connection: &mut Connection| {
            let transaction = connection.transaction()?;
            work(&transaction)
        });
        done.map_err(|fault| fault.at(&self.path, "read"))
    }
}

impl Reader for SqliteReader {
    fn last_cursor(&self) -> Result<u64, LedgerError> {
        self.read(last_cursor)
    }

    fn events_after(&self, cursor: u64, limit: usize) -> Result<Vec<Entry>, LedgerError> {
        self.read(|ledger| events_after(ledger, cursor, limit))
    }

    fn deletions(&self, ids: &[DeletionId]) -> Result<DeletionsAt, LedgerError> {
        self.read(|ledger| {
            let cursor = last_cursor(ledger)?;
            let mut select = ledger.prepare_cached(&format!("{SELECT} WHERE d.id = ?1"))?;
            let mut rows = Vec::with_capacity(ids.len());
            for id in ids {
                let mut found = select.query(params![id.0.as_bytes()])?;
                rows.push(found.next()?.map(whole_row).transpose()?);
            }
            Ok(DeletionsAt { cursor, rows })
        })
    }

    fn list(
        &self,
        filter: &DeletionFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<DeletionPage, LedgerError> {
        self.read(|ledger| list::page(ledger, filter, before, limit))
    }

    fn key(&self, key: &str) -> Result<Option<KnownKey>, LedgerError> {
        self.read(|ledger| known_key(ledger, key))
    }

    fn knows_store(&self, store: StoreId) -> Result<bool, LedgerError> {
        self.read(|ledger| {
            let mut select = ledger.prepare_cached("SELECT 1 FROM mounts WHERE store = ?1 LIMIT 1")?;
            Ok(select.exists(params![store.uuid().as_bytes()])?)
        })
    }

    fn restore(&self) -> Result<Restored, LedgerError> {
        self.read(restore::restore)
    }

    fn verify_chain(&self) -> Result<ChainReport, LedgerError> {
        self.read(verify_chain)
    }
}

fn last_cursor(ledger: &Transaction<'_>) -> Result<u64, Fault> {
    let mut select = ledger.prepare_cached("SELECT coalesce(max(cursor), 0) FROM events")?;
    Ok(select.query_row([], |row| row.get::<_, i64>(0))?.unsigned_abs())
}

fn events_after(ledger: &Transaction<'_>, cursor: u64, limit: usize) -> Result<Vec<Entry>, Fault> {
    const SQL: &str = concat!(
        "SELECT e.cursor, e.body, d.tracked, ",
        columns!("d."),
        " FROM events e LEFT JOIN deletions d ON d.id = e.deletion WHERE e.cursor > ?1 ORDER BY e.cursor LIMIT ?2"
    );
    let (after, most) = (as_i64(cursor), as_i64(limit as u64));
    let mut select = ledger.prepare_cached(SQL)?;
    let mut rows = select.query(params![after, most])?;
    let (mut entries, mut room) = (Vec::new(), PAGE_BYTES);
    while room > 0 {
        let Some(found) = rows.next()? else { break };
        let cursor = found.get::<_, i64>(0)?.unsigned_abs();
        let body = found.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        let (mut event, deletion) = match found.get::<_, Option<i64>>(2)? {
            None => (v1::Event::decode(body).map_err(|e| Fault::value("event", e))?, None),
            Some(_) => {
                let (event, record) = record(body)?;
                (event, Some(Arc::new(deletion_to_wire(&as_of(row(found, 3)?, &record)))))
            }
        };
        event.cursor = cursor;
        let bytes = on_the_wire(body.len(), cursor);
        room = room.saturating_sub(bytes);
        entries.push(Entry { cursor, event: Arc::new(event), deletion, bytes });
    }
    Ok(entries)
}

fn known_key(ledger: &Transaction<'_>, key: &str) -> Result<Option<KnownKey>, Fault> {
    let mut select = ledger.prepare_cached("SELECT fingerprint FROM keys WHERE key = ?1")?;
    let found = select.query_row(params![key], |row| row.get::<_, [u8; 32]>(0)).optional()?;
    let Some(fingerprint) = found else { return Ok(None) };
    // `key <> ''` lets SQLite use the partial index.
    let sql = "SELECT id FROM deletions WHERE key = ?1 AND key <> '' ORDER BY tracked";
    let mut select = ledger.prepare_cached(sql)?;
    let mut rows = select.query(params![key])?;
    let mut deletions = Vec::new();
    while let Some(found) = rows.next()? {
        deletions.push(DeletionId(crate::deletion::uuid(found, 0)?));
    }
    Ok(Some(KnownKey { fingerprint, deletions }))
}

fn verify_chain(ledger: &Transaction<'_>) -> Result<ChainReport, Fault> {
    let mut select = ledger.prepare("SELECT cursor, body, chain FROM events ORDER BY cursor")?;
    let mut rows = select.query([])?;
    let mut report = ChainReport { events: 0, head: Chain(GENESIS) };
    while let Some(found) = rows.next()? {
        let cursor = found.get::<_, i64>(0)?.unsigned_abs();
        if cursor != report.events + 1 {
            let why = format!("event {} is missing, the next is {cursor}", report.events + 1);
            return Err(Fault::value("hash chain", why));
        }
        let next = report.head.next(found.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?);
        if found.get::<_, [u8; 32]>(2)? != next.0 {
            return Err(Fault::value("hash chain", format!("event {cursor} is not what was recorded")));
        }
        report = ChainReport { events: cursor, head: next };
    }
    Ok(report)
}

/// A number as SQLite takes it; one beyond its range is the largest it has, which finds the same.
pub(crate) fn as_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
