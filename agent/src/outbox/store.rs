//! The outbox's tables: what is kept, how it is opened and checked, and one transaction at a time.
//!
//! SQLite in WAL mode with `synchronous=FULL`: a commit returns after its own fsync. One connection, exclusive, for the
//! life of the process. Must not know: threads, queues, async.

use super::codec;
use super::error::OutboxError;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};
use std::path::{Path, PathBuf};
use storewarden_agent_core::Restored;
use storewarden_types::{AgentId, Epoch, Fact, MountExpectation, Seq};

/// Name of the database in the data directory.
pub const OUTBOX_FILE: &str = "outbox.db";
/// "SWob": tells our file from any other SQLite database.
const APPLICATION_ID: i32 = 0x5357_6f62;
/// Grows with every change of the tables.
const SCHEMA_VERSION: i32 = 1;
/// What a stored fact costs beyond its body: row header and page overhead, rounded up.
const ROW_OVERHEAD_BYTES: u64 = 32;
/// Most bytes of facts that one `load` returns (but always one fact): a backlog must not be read into memory whole.
const LOAD_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Free pages (of 4 KiB) that stay in the file.
const FREE_PAGES_KEPT: i64 = 1024;

/// The page cache is kept small (512 KiB): rows are written once, read once, in order. `auto_vacuum` must precede the
/// first table. EXCLUSIVE keeps the WAL index in heap memory, so no `-shm` file is mapped.
const PRAGMAS: &str = "PRAGMA locking_mode=EXCLUSIVE; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; \
     PRAGMA synchronous=FULL; PRAGMA cache_size=-512; PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=4194304;";

const TABLES: &str = "
CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    epoch BLOB NOT NULL CHECK (length(epoch) = 16),
    agent_id TEXT NOT NULL,
    next_seq INTEGER NOT NULL CHECK (next_seq >= 1),
    acked INTEGER NOT NULL CHECK (acked >= 0 AND acked < next_seq)
) STRICT;
CREATE TABLE facts (seq INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE mounts (
    mount_point TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    fs_type TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('network', 'local', 'dir')),
    pinned INTEGER NOT NULL,
    root_handle TEXT,
    root_inode INTEGER,
    root_btime_ns INTEGER,
    file_id TEXT
) STRICT, WITHOUT ROWID;";

/// One durable change.
#[derive(Clone, Debug)]
pub enum Write {
    /// Append facts; the first must take the next place.
    Persist {
        /// Place of the first.
        first: Seq,
        /// The facts.
        facts: Vec<Fact>,
    },
    /// Remember or replace an expected mount.
    Remember(MountExpectation),
    /// No longer expect a mount there.
    Forget {
        /// Where.
        mount_point: String,
    },
}

/// An open outbox.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
    epoch: Epoch,
    agent: AgentId,
    next_seq: u64,
    acked: u64,
    used_bytes: u64,
}

impl Store {
    /// Opens the outbox in `directory`, or makes it with a fresh epoch for `agent`. Everything that was committed before
    /// is written to the database file and synced anew: after a failed fsync the WAL in the page cache may hold what the
    /// disk does not (the kernel forgets the pages it failed to write), so what is restored must be written once more.
    ///
    /// `agent` is the configured id; without one, the id kept is used, or `fresh_id` for a new outbox.
    ///
    /// # Errors
    /// See [`OutboxError`]; `is_permanent` tells those that opening again cannot cure.
    pub fn open(
        directory: &Path,
        agent: Option<&AgentId>,
        fresh_id: impl FnOnce() -> AgentId,
    ) -> Result<Self, OutboxError> {
        let path = directory.join(OUTBOX_FILE);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags).map_err(|e| open_error(&path, e))?;
        connection.execute_batch(PRAGMAS).map_err(|e| open_error(&path, e))?;
        match known_version(&connection, &path)? {
            Some(SCHEMA_VERSION) => check_pages(&connection, &path)?,
            Some(found) => return Err(OutboxError::Newer { path, found, known: SCHEMA_VERSION }),
            None => create(&connection, &path, directory, agent.cloned().unwrap_or_else(fresh_id))?,
        }
        let busy: i64 = connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .map_err(|e| open_error(&path, e))?;
        if busy != 0 {
            return Err(OutboxError::Corrupt { path, what: "its log could not be folded in".into() });
        }
        let store = Self::read_marks(connection, path)?;
        match agent {
            Some(wanted) if *wanted != store.agent => Err(OutboxError::OtherAgent {
                path: store.path,
                kept: store.agent.to_string(),
                wanted: wanted.to_string(),
            }),
            _ => Ok(store),
        }
    }

    /// Reads the marks and checks that facts lie between them without holes.
    fn read_marks(connection: Connection, path: PathBuf) -> Result<Self, OutboxError> {
        let bad = |what: String| OutboxError::Corrupt { path: path.clone(), what };
        let meta = connection
            .query_row("SELECT epoch, agent_id, next_seq, acked FROM meta WHERE id = 1", [], |row| {
                Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, String>(1)?, row.get(2)?, row.get(3)?))
            })
            .optional()
            .map_err(|e| open_error(&path, e))?;
        let Some((epoch, agent, next_seq, acked)) = meta else {
            return Err(bad("its marks are gone".into()));
        };
        let agent = AgentId::parse(&agent).map_err(|e| bad(e.to_string()))?;
        let (count, low, high, bytes): (u64, u64, u64, u64) = connection
            .query_row(
                "SELECT COUNT(*), COALESCE(MIN(seq), 0), COALESCE(MAX(seq), 0), COALESCE(SUM(LENGTH(body)), 0) FROM facts",
                [],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
            )
            .map_err(|e| open_error(&path, e))?;
        let whole = count == next_seq - 1 - acked && (count == 0 || (low, high) == (acked + 1, next_seq - 1));
        if !whole {
            return Err(bad(format!(
                "facts {acked}+1 to {next_seq}-1 should be there, but it holds {count} of {low} to {high}"
            )));
        }
        let used_bytes = bytes + count * ROW_OVERHEAD_BYTES;
        let epoch = Epoch(u128::from_be_bytes(epoch));
        Ok(Self { connection, path, epoch, agent, next_seq, acked, used_bytes })
    }

    /// Who the agent is.
    #[must_use]
    pub fn agent(&self) -> &AgentId {
        &self.agent
    }

    /// Bytes that facts take.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.used_bytes
    }

    /// What a core starts from.
    ///
    /// # Errors
    /// When the mounts cannot be read.
    pub fn restored(&self) -> Result<Restored, OutboxError> {
        let mut statement = self
            .connection
            .prepare(
                "SELECT mount_point, source, fs_type, kind, pinned, root_handle, root_inode, root_btime_ns, file_id \
                 FROM mounts ORDER BY mount_point",
            )
            .map_err(|e| self.read_error(e))?;
        let mounts = statement
            .query_map([], codec::read_mount)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|e| self.read_error(e))?;
        Ok(Restored { epoch: self.epoch, next_seq: Seq(self.next_seq), acked: Seq(self.acked), mounts })
    }

    /// Makes every write durable in one transaction, and trims through `trim` in it. All or nothing.
    ///
    /// # Errors
    /// `OutOfOrder` when facts would leave a hole or take a place twice; else what SQLite said. After an error the store
    /// must be closed and opened again: what it holds is known only then.
    pub fn commit(&mut self, writes: &[Write], trim: Option<Seq>) -> Result<(), OutboxError> {
        let path = &self.path;
        let failed = |source| OutboxError::Write { path: path.clone(), source };
        let transaction = self.connection.transaction().map_err(failed)?;
        let (mut next_seq, mut acked, mut used) = (self.next_seq, self.acked, self.used_bytes);
        for write in writes {
            match write {
                Write::Persist { first, facts } => {
                    if first.0 != next_seq {
                        return Err(OutboxError::OutOfOrder { expected: Seq(next_seq), got: *first });
                    }
                    let mut insert = transaction
                        .prepare("INSERT INTO facts (seq, body) VALUES (?1, ?2)")
                        .map_err(failed)?;
                    for fact in facts {
                        let body = codec::encode_fact(fact);
                        insert.execute(params![next_seq, body]).map_err(failed)?;
                        used += body.len() as u64 + ROW_OVERHEAD_BYTES;
                        next_seq += 1;
                    }
                }
                Write::Remember(mount) => codec::write_mount(&transaction, mount).map_err(failed)?,
                Write::Forget { mount_point } => {
                    transaction
                        .execute("DELETE FROM mounts WHERE mount_point = ?1", [mount_point])
                        .map_err(failed)?;
                }
            }
        }
        // Never past what was made: a mark from elsewhere must not invent places.
        if let Some(through) = trim.map(|t| t.0.min(next_seq - 1)).filter(|t| *t > acked) {
            let mut delete = transaction
                .prepare("DELETE FROM facts WHERE seq <= ?1 RETURNING LENGTH(body)")
                .map_err(failed)?;
            let freed = delete
                .query_map([through], |row| row.get::<_, u64>(0))
                .and_then(|rows| rows.map(|r| r.map(|n| n + ROW_OVERHEAD_BYTES)).sum::<Result<u64, _>>())
                .map_err(failed)?;
            acked = through;
            used = used.saturating_sub(freed);
        }
        if (next_seq, acked) != (self.next_seq, self.acked) {
            transaction
                .prepare("UPDATE meta SET next_seq = ?1, acked = ?2")
                .and_then(|mut s| s.execute([next_seq, acked]))
                .map_err(failed)?;
        }
        transaction.commit().map_err(failed)?;
        (self.next_seq, self.acked, self.used_bytes) = (next_seq, acked, used);
        Ok(())
    }

    /// Gives pages that trimmed facts left back to the file system: a piece at a time, and not the few that the next
    /// facts will need anyway.
    ///
    /// # Errors
    /// What SQLite said.
    pub fn shrink(&self) -> Result<(), OutboxError> {
        let failed = |source| OutboxError::Write { path: self.path.clone(), source };
        let free: i64 =
            self.connection.query_row("PRAGMA freelist_count", [], |row| row.get(0)).map_err(failed)?;
        if free < FREE_PAGES_KEPT {
            return Ok(());
        }
        self.connection.execute_batch("PRAGMA incremental_vacuum(1024)").map_err(failed)
    }

    /// Facts from `first` on, without holes: at most `max`, and at most 4 MiB of them (but always one). Empty past the end.
    ///
    /// # Errors
    /// `Missing` when `first` was trimmed already; `Corrupt` when a body cannot be read back.
    pub fn load(&self, first: Seq, max: usize) -> Result<Vec<Fact>, OutboxError> {
        if first.0 <= self.acked {
            return Err(OutboxError::Missing { first, acked: Seq(self.acked) });
        }
        let mut select = self
            .connection
            .prepare("SELECT seq, body FROM facts WHERE seq >= ?1 ORDER BY seq LIMIT ?2")
            .map_err(|e| self.read_error(e))?;
        let mut rows = select
            .query(params![first.0, i64::try_from(max).unwrap_or(i64::MAX)])
            .map_err(|e| self.read_error(e))?;
        let (mut facts, mut bytes) = (Vec::new(), 0);
        while let Some(row) = rows.next().map_err(|e| self.read_error(e))? {
            let seq: u64 = row.get(0).map_err(|e| self.read_error(e))?;
            let body = row.get_ref(1).and_then(|v| Ok(v.as_blob()?)).map_err(|e| self.read_error(e))?;
            bytes += body.len();
            if bytes > LOAD_BYTES_MAX && !facts.is_empty() {
                break;
            }
            let fact = codec::decode_fact(body).map_err(|why| OutboxError::Corrupt {
                path: self.path.clone(),
                what: format!("fact {seq} cannot be read back: {why}"),
            })?;
            facts.push(fact);
        }
        Ok(facts)
    }

    fn read_error(&self, source: rusqlite::Error) -> OutboxError {
        open_error(&self.path, source)
    }
}

/// The version of the tables; `None` for a file without any.
fn known_version(connection: &Connection, path: &Path) -> Result<Option<i32>, OutboxError> {
    let pragma = |name: &str| -> Result<i32, OutboxError> {
        connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0)).map_err(|e| open_error(path, e))
    };
    let tables: i64 = connection
        .query_row("SELECT COUNT(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(|e| open_error(path, e))?;
    match (pragma("application_id")?, tables) {
        (APPLICATION_ID, _) => pragma("user_version").map(Some),
        (0, 0) => Ok(None),
        _ => Err(OutboxError::Foreign { path: path.into() }),
    }
}

fn check_pages(connection: &Connection, path: &Path) -> Result<(), OutboxError> {
    let word: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|e| open_error(path, e))?;
    if word == "ok" { Ok(()) } else { Err(OutboxError::Corrupt { path: path.into(), what: word }) }
}

/// Tables, marks and version in one transaction, so that a crash in between leaves an empty file, not half an outbox.
fn create(connection: &Connection, path: &Path, directory: &Path, agent: AgentId) -> Result<(), OutboxError> {
    let failed = |source| OutboxError::Write { path: path.into(), source };
    let epoch: [u8; 16] = crate::random::bytes();
    let transaction = connection.unchecked_transaction().map_err(failed)?;
    transaction.execute_batch(TABLES).map_err(failed)?;
    transaction
        .execute("INSERT INTO meta VALUES (1, ?1, ?2, 1, 0)", params![epoch, agent.as_str()])
        .map_err(failed)?;
    transaction
        .execute_batch(&format!(
            "PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={SCHEMA_VERSION};"
        ))
        .map_err(failed)?;
    transaction.commit().map_err(failed)?;
    // The new name must outlive a power cut, too (fsync(2): syncing a file does not sync its directory entry).
    std::fs::File::open(directory)
        .and_then(|d| d.sync_all())
        .map_err(|source| OutboxError::Directory { path: directory.into(), source })
}

/// What SQLite finds unreadable is damage; the rest (no space, no permission, I/O) may pass.
fn open_error(path: &Path, source: rusqlite::Error) -> OutboxError {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    match source.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase) => {
            OutboxError::Corrupt { path: path.into(), what: source.to_string() }
        }
        _ => OutboxError::Open { path: path.into(), source },
    }
}
