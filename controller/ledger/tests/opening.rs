//! Opening: who may, what is taken for a ledger, what is refused, and in which words.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use rusqlite::Connection;
use std::os::unix::fs::FileExt;
use std::path::Path;
use storewarden_ledger::{Check, Ledger, LedgerError, Reader, open};
use storewarden_types::DeletionState;
use support::*;

/// A directory with a ledger of `facts` facts, closed.
fn with_ledger(facts: u64) -> TestDir {
    let dir = TestDir::new();
    let (mut ledger, _) = open(dir.path(), Check::Quick).unwrap();
    ledger.commit(&[agent_seen(), mount_seen()]).unwrap();
    ledger.commit(&(1..=facts).map(fact).collect::<Vec<_>>()).unwrap();
    dir
}

fn refusal(dir: &TestDir, check: Check) -> LedgerError {
    match open(dir.path(), check) {
        Ok(_) => panic!("it opened"),
        Err(error) => {
            let text = error.to_string();
            assert!(text.contains(dir.path().to_str().unwrap()), "{text} does not name the file");
            error
        }
    }
}

#[test]
fn one_owner_at_a_time() {
    let dir = TestDir::new();
    let owner = open(dir.path(), Check::Quick).unwrap();
    let error = refusal(&dir, Check::Quick);
    assert!(matches!(error, LedgerError::InUse { .. }), "{error}");
    assert!(error.to_string().contains("data directory in use"), "{error}");
    drop(owner);
    open(dir.path(), Check::Quick).unwrap();
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let dir = TestDir::new();
    std::fs::write(dir.path().join("file"), b"").unwrap();
    let error = open(&dir.path().join("file/data"), Check::Quick).unwrap_err();
    assert!(matches!(error, LedgerError::Directory { .. }), "{error}");
}

#[test]
fn foreign_files_are_left_alone() {
    let dir = TestDir::new();
    std::fs::write(dir.ledger(), "a letter to my aunt, quite long ".repeat(100)).unwrap();
    let error = refusal(&dir, Check::Quick);
    assert!(matches!(error, LedgerError::NotALedger { .. }), "{error}");

    let dir = TestDir::new();
    Connection::open(dir.ledger()).unwrap().execute_batch("CREATE TABLE t(x)").unwrap();
    let error = refusal(&dir, Check::Quick);
    assert!(matches!(error, LedgerError::NotALedger { .. }), "{error}");
    let names = Connection::open(dir.ledger()).unwrap();
    let tables: i64 = names.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0)).unwrap();
    assert_eq!(tables, 1, "nothing was added to it");
}

#[test]
fn a_newer_schema_is_refused() {
    let dir = with_ledger(1);
    Connection::open(dir.ledger()).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = refusal(&dir, Check::Quick);
    assert!(matches!(error, LedgerError::TooNew { found: 99, .. }), "{error}");
}

/// Does something to a file.
type Damage = fn(&Path);

#[test]
fn damage_is_found_before_it_is_built_upon() {
    // First bytes, a page in the middle, and a file cut short.
    let damages: [(&str, Damage); 3] = [
        ("start", |path| overwrite(path, 0, &[0x55; 64])),
        ("middle", |path| overwrite(path, 16 * 4096, &[0xaa; 4096])),
        ("cut", |path| {
            std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(10 * 4096 + 7).unwrap();
        }),
    ];
    for (what, damage) in damages {
        let dir = with_ledger(2000);
        damage(&dir.ledger());
        let error = refusal(&dir, Check::Quick);
        let known = matches!(error, LedgerError::Corrupt { .. } | LedgerError::NotALedger { .. });
        assert!(known, "{what}: {error}");
    }
}

#[test]
fn a_ledger_that_vanished_is_not_replaced_by_an_empty_one() {
    for empty_file in [false, true] {
        let dir = with_ledger(1);
        for name in ["ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"] {
            let _ = std::fs::remove_file(dir.path().join(name));
        }
        if empty_file {
            std::fs::write(dir.ledger(), b"").unwrap();
        }
        let error = refusal(&dir, Check::Quick);
        assert!(matches!(error, LedgerError::Lost { .. }), "{error}");
    }
}

#[test]
fn a_changed_record_breaks_the_chain() {
    let dir = with_ledger(50);
    {
        let (_ledger, reader) = open(dir.path(), Check::Full).unwrap();
        assert_eq!(reader.verify_chain().unwrap().events, 52);
    }
    let tamper = |sql: &str| Connection::open(dir.ledger()).unwrap().execute(sql, []).unwrap();
    // Valid as SQLite, valid as a record, and not what was recorded.
    tamper("UPDATE events SET body = (SELECT body FROM events WHERE cursor = 20) WHERE cursor = 21");
    let error = refusal(&dir, Check::Full);
    assert!(matches!(error, LedgerError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("event 21 is not what was recorded"), "{error}");
    tamper("DELETE FROM events WHERE cursor = 7");
    let (_ledger, reader) = open(dir.path(), Check::Quick).unwrap();
    let error = reader.verify_chain().unwrap_err();
    assert!(error.to_string().contains("event 7 is missing"), "{error}");
}

#[test]
fn a_value_that_was_never_written_is_damage_not_a_panic() {
    let dir = with_ledger(1);
    {
        let (mut ledger, _) = open(dir.path(), Check::Quick).unwrap();
        ledger.commit(&[tracked(0), ended(0, DeletionState::Failed), tracked(1)]).unwrap();
    }
    let sql = "UPDATE deletions SET path = '../up' WHERE place = 0";
    Connection::open(dir.ledger()).unwrap().execute(sql, []).unwrap();
    let (_ledger, reader) = open(dir.path(), Check::Quick).unwrap();
    let error = reader.restore().unwrap_err();
    assert!(matches!(error, LedgerError::Corrupt { .. }), "{error}");
    assert!(matches!(reader.deletion(deletion(0)), Err(LedgerError::Corrupt { .. })));
}

fn overwrite(path: &Path, at: u64, bytes: &[u8]) {
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    assert!(file.metadata().unwrap().len() > at + bytes.len() as u64, "the damage would lie outside");
    file.write_all_at(bytes, at).unwrap();
}
