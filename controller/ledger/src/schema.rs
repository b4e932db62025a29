//! The tables, and how an older file becomes a newer one. Owns every CREATE; knows no query.

use crate::LedgerError;
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;

/// "SWLG": tells a ledger from any other SQLite file (`PRAGMA application_id`).
const APPLICATION_ID: i32 = 0x5357_4c47;

/// What brings schema `i` to schema `i + 1`. Only ever appended to: files of every version are out there.
const MIGRATIONS: &[&str] = &[FIRST];

/// Ids are their 16 bytes; times are wall-clock milliseconds; states, kinds and conditions are the numbers of the
/// `.proto`. `origin` stands for (agent, epoch), so that `events_once` is "this place of this outbox, once".
const FIRST: &str = "
CREATE TABLE ledger(
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    opened      INTEGER NOT NULL
) STRICT;
INSERT INTO ledger VALUES (1, 0);

CREATE TABLE agents(
    agent       TEXT PRIMARY KEY,
    epoch       BLOB NOT NULL CHECK (length(epoch) = 16),
    host        TEXT NOT NULL,
    version     TEXT NOT NULL,
    seen_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE epochs(
    origin      INTEGER PRIMARY KEY,
    agent       TEXT NOT NULL REFERENCES agents(agent),
    epoch       BLOB NOT NULL CHECK (length(epoch) = 16),
    high        INTEGER NOT NULL DEFAULT 0,
    UNIQUE (agent, epoch)
) STRICT;

CREATE TABLE events(
    cursor      INTEGER PRIMARY KEY CHECK (cursor > 0),
    at          INTEGER NOT NULL,
    kind        INTEGER NOT NULL,
    store       BLOB,
    agent       TEXT,
    deletion    BLOB,
    origin      INTEGER REFERENCES epochs(origin),
    seq         INTEGER CHECK (seq > 0),
    body        BLOB NOT NULL,
    chain       BLOB NOT NULL CHECK (length(chain) = 32),
    CHECK ((origin IS NULL) = (seq IS NULL))
) STRICT;
CREATE UNIQUE INDEX events_once ON events(origin, seq) WHERE seq IS NOT NULL;

CREATE TABLE mounts(
    agent       TEXT NOT NULL REFERENCES agents(agent),
    mount_point TEXT NOT NULL,
    store       BLOB NOT NULL CHECK (length(store) = 16),
    source      TEXT NOT NULL,
    fs_type     TEXT NOT NULL,
    kind        INTEGER NOT NULL,
    seen        INTEGER NOT NULL REFERENCES events(cursor),
    forgotten   INTEGER REFERENCES events(cursor),
    PRIMARY KEY (agent, mount_point, store)
) STRICT, WITHOUT ROWID;
CREATE INDEX mounts_by_store ON mounts(store);

CREATE TABLE conditions(
    store       BLOB PRIMARY KEY CHECK (length(store) = 16),
    condition   INTEGER NOT NULL,
    since       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE keys(
    key         TEXT PRIMARY KEY,
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32)
) STRICT, WITHOUT ROWID;

-- One row a deletion, for reading; its history and its evidence are in events (tracked, ended, late are cursors).
CREATE TABLE deletions(
    tracked     INTEGER PRIMARY KEY REFERENCES events(cursor),
    id          BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    store       BLOB NOT NULL CHECK (length(store) = 16),
    path        TEXT NOT NULL,
    key         TEXT NOT NULL,
    place       INTEGER NOT NULL,
    tracked_at  INTEGER NOT NULL,
    deadline_ms INTEGER NOT NULL,
    state       INTEGER NOT NULL CHECK (state BETWEEN 1 AND 5),
    code        TEXT,
    message     TEXT NOT NULL,
    baseline    BLOB,
    ended       INTEGER REFERENCES events(cursor),
    ended_at    INTEGER,
    late        INTEGER REFERENCES events(cursor),
    CHECK ((ended IS NULL) = (state <= 2)),
    CHECK ((ended IS NULL) = (ended_at IS NULL)),
    CHECK (late IS NULL OR state > 3)
) STRICT;
CREATE INDEX deletions_by_state ON deletions(state);
CREATE INDEX deletions_by_store ON deletions(store, state);
CREATE INDEX deletions_by_key ON deletions(key) WHERE key <> '';
CREATE INDEX deletions_unproven ON deletions(ended) WHERE state > 3 AND late IS NULL;
";

/// Makes sure that the file is a ledger of a schema that is known here, migrating it step by step, each step in one
/// transaction with its number.
pub(crate) fn prepare(connection: &mut Connection, path: &Path) -> Result<(), LedgerError> {
    let sort = |source| LedgerError::sort(path, "opened", source);
    let number = |c: &Connection, pragma| c.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let application = number(connection, "application_id").map_err(sort)?;
    let found = number(connection, "user_version").map_err(sort)?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(sort)?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let new = application == 0 && found == 0 && tables == 0;
    if !new && application != i64::from(APPLICATION_ID) {
        let found = format!("an SQLite database of another application, id {application:#x}");
        return Err(LedgerError::NotALedger { path: path.to_owned(), found });
    }
    if found > known {
        return Err(LedgerError::TooNew { path: path.to_owned(), found, known });
    }
    for (step, sql) in (1..).zip(MIGRATIONS).skip_while(|(step, _)| *step <= found) {
        migrate(connection, step, sql).map_err(sort)?;
    }
    Ok(())
}

fn migrate(connection: &mut Connection, step: i64, sql: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(sql)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", step)?;
    transaction.commit()
}
