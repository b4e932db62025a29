//! The outbox keeps what it said it kept: across restarts, kill -9, a full disk; and refuses what it cannot read.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod support;

use rusqlite::Connection;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use storewarden_agent::data_dir::{DataDir, DataDirError};
use storewarden_agent::outbox::{Gate, OUTBOX_FILE, Opened, Outbox, OutboxError, Store, Write};
use storewarden_agent::telemetry::chain;
use storewarden_types::{MountExpectation, MountIdentity, MountKind, Seq};
use support::{TempDir, Tmpfs, agent, fact, persist, sized_fact, wait_for};
use tokio::task::JoinSet;

const MAX_BYTES: u64 = 64 * 1024 * 1024;

fn open(directory: &Path) -> Opened {
    Outbox::open(directory, None, || agent("made-up"), MAX_BYTES).unwrap()
}

fn store(directory: &Path) -> Result<Store, OutboxError> {
    Store::open(directory, None, || agent("made-up"))
}

fn mount(mount_point: &str, identity: Option<MountIdentity>) -> MountExpectation {
    MountExpectation {
        mount_point: mount_point.into(),
        source: "10.1.1.1:/export".into(),
        fs_type: "nfs4".into(),
        kind: MountKind::Network,
        identity,
    }
}

#[tokio::test]
async fn what_was_committed_is_there_after_a_restart() {
    let dir = TempDir::new();
    let marks = MountIdentity {
        root_handle: Some("01:ff".into()),
        root_inode: Some((u64::MAX, -5)),
        file_id: Some("id".into()),
    };
    let first = open(dir.path());
    assert_eq!(first.agent, agent("made-up"));
    assert_eq!((first.restored.next_seq, first.restored.acked), (Seq(1), Seq(0)));
    let writes = vec![
        persist(1, 2),
        Write::Remember(mount("/a", None)),
        Write::Remember(mount("/b", None)),
        Write::Remember(mount("/a", Some(marks.clone()))),
        Write::Forget { mount_point: "/b".into() },
        persist(3, 1),
    ];
    first.outbox.commit(writes).await.unwrap();
    assert_eq!(first.outbox.load(Seq(1), 10).await.unwrap(), [fact(1), fact(2), fact(3)]);
    first.outbox.close().await;

    let again = open(dir.path());
    assert_eq!(again.restored.epoch, first.restored.epoch, "the epoch is the outbox's life");
    assert_eq!(again.agent, agent("made-up"));
    assert_eq!((again.restored.next_seq, again.restored.acked), (Seq(4), Seq(0)));
    assert_eq!(again.restored.mounts, [mount("/a", Some(marks))]);
    assert_eq!(again.outbox.load(Seq(2), 10).await.unwrap(), [fact(2), fact(3)]);
    assert_eq!(again.outbox.load(Seq(2), 1).await.unwrap(), [fact(2)]);
    assert_eq!(again.outbox.load(Seq(4), 10).await.unwrap(), []);
    again.outbox.close().await;

    let other = TempDir::new();
    assert_ne!(open(other.path()).restored.epoch, first.restored.epoch, "another outbox is another life");
}

#[tokio::test]
async fn a_place_is_never_taken_twice_even_when_everything_was_trimmed() {
    let dir = TempDir::new();
    let opened = open(dir.path());
    opened.outbox.commit(vec![persist(1, 5)]).await.unwrap();
    opened.outbox.trim(Seq(3)).unwrap();
    opened.outbox.trim(Seq(99)).unwrap(); // A mark beyond what exists must not invent places.
    opened.outbox.close().await;

    let opened = open(dir.path());
    assert_eq!((opened.restored.next_seq, opened.restored.acked), (Seq(6), Seq(5)));
    assert_eq!(opened.outbox.used_bytes(), 0);
    let gone = opened.outbox.load(Seq(5), 1).await.unwrap_err();
    assert!(matches!(gone, OutboxError::Missing { first: Seq(5), acked: Seq(5) }), "{gone}");
    let reused = opened.outbox.commit(vec![persist(5, 1)]).await.unwrap_err();
    assert!(matches!(reused, OutboxError::OutOfOrder { expected: Seq(6), got: Seq(5) }), "{reused}");
    let closed = opened.outbox.commit(vec![persist(6, 1)]).await.unwrap_err();
    assert!(matches!(closed, OutboxError::Stopped), "after a failure nothing goes on: {closed}");
    opened.outbox.close().await;

    let opened = open(dir.path());
    opened.outbox.commit(vec![persist(6, 1)]).await.unwrap();
    let hole = opened.outbox.commit(vec![persist(7, 1), persist(9, 1)]).await.unwrap_err();
    assert!(matches!(hole, OutboxError::OutOfOrder { expected: Seq(8), got: Seq(9) }), "{hole}");
    opened.outbox.close().await;
    assert_eq!(open(dir.path()).restored.next_seq, Seq(7), "a refused commit leaves nothing behind");
}

#[tokio::test]
async fn an_acknowledgement_frees_room_without_a_commit_and_bytes_count_for_the_gate() {
    let dir = TempDir::new();
    let opened = Outbox::open(dir.path(), None, || agent("a"), 100_000).unwrap();
    let gate = opened.outbox.gate();
    let big = |first: u64, count: u64| Write::Persist {
        first: Seq(first),
        facts: (first..first + count).map(|seq| sized_fact(seq, 1000)).collect(),
    };
    opened.outbox.commit(vec![big(1, 90)]).await.unwrap();
    assert_eq!(*gate.borrow(), Gate::Open);
    opened.outbox.commit(vec![big(91, 10)]).await.unwrap();
    assert_eq!(*gate.borrow(), Gate::Full);
    // Verdicts go beyond the bound.
    opened.outbox.commit(vec![big(101, 10)]).await.unwrap();
    assert!(opened.outbox.used_bytes() > 100_000);
    opened.outbox.trim(Seq(20)).unwrap();
    wait_for("the trim", || (opened.outbox.used_bytes() < 100_000).then_some(()));
    assert_eq!(*gate.borrow(), Gate::Full, "it does not flutter at the bound");
    // A commit that comes soon enough takes the trim along.
    opened.outbox.trim(Seq(40)).unwrap();
    opened.outbox.commit(vec![big(111, 1)]).await.unwrap();
    assert_eq!(*gate.borrow(), Gate::Open);
    opened.outbox.close().await;

    // What is counted at the start is what was counted before.
    let used = Outbox::open(dir.path(), None, || agent("a"), 10).unwrap();
    assert_eq!(*used.outbox.gate().borrow(), Gate::Full);
}

#[tokio::test]
async fn a_backlog_is_read_back_in_bounded_pieces() {
    let dir = TempDir::new();
    let opened = open(dir.path());
    let facts: Vec<_> = (1..=12).map(|seq| sized_fact(seq, 1_000_000)).collect();
    opened.outbox.commit(vec![Write::Persist { first: Seq(1), facts: facts.clone() }]).await.unwrap();
    let (mut next, mut read) = (1, Vec::new());
    while next <= 12 {
        let piece = opened.outbox.load(Seq(next), 256).await.unwrap();
        assert!((1..=4).contains(&piece.len()), "{} MB at once", piece.len());
        next += piece.len() as u64;
        read.extend(piece);
    }
    assert_eq!(read, facts);
}

#[tokio::test]
async fn commits_that_wait_together_are_committed_together_and_in_order() {
    let dir = TempDir::new();
    let opened = open(dir.path());
    let outbox = Arc::new(opened.outbox);
    let mut commits = JoinSet::new();
    for n in 0..50 {
        let outbox = Arc::clone(&outbox);
        commits.spawn(async move { outbox.commit(vec![persist(1 + n, 1)]).await });
    }
    while let Some(outcome) = commits.join_next().await {
        outcome.unwrap().unwrap();
    }
    let facts: Vec<_> = (1..=50).map(fact).collect();
    assert_eq!(outbox.load(Seq(1), 100).await.unwrap(), facts);
}

/// Run by `kill_9_loses_nothing_that_was_promised` only: commits without end and tells each place once it is durable.
#[test]
#[ignore = "a child process of another test"]
fn crash_child() {
    let Some(dir) = std::env::var_os("OUTBOX_DIR").map(PathBuf::from) else { return };
    let opened = open(&dir);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut next = opened.restored.next_seq.0;
        loop {
            let count = 1 + next % 3;
            opened.outbox.commit(vec![persist(next, count)]).await.unwrap();
            next += count;
            if next.is_multiple_of(7) {
                opened.outbox.trim(Seq(next / 2)).unwrap();
            }
            println!("\ndurable {}", next - 1);
        }
    });
}

#[test]
fn kill_9_loses_nothing_that_was_promised() {
    let dir = TempDir::new();
    let mut promised = 0;
    for round in 0..8 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["crash_child", "--exact", "--ignored", "--nocapture"])
            .env("OUTBOX_DIR", dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for line in
            lines.by_ref().map_while(Result::ok).filter(|l| l.starts_with("durable ")).take(20 + 13 * round)
        {
            promised = line["durable ".len()..].parse().unwrap();
        }
        child.kill().unwrap();
        // What it still said before it died was promised, too.
        for line in lines.map_while(Result::ok) {
            if let Some(seq) = line.strip_prefix("durable ").and_then(|s| s.parse().ok()) {
                promised = seq;
            }
        }
        child.wait().unwrap();

        let store = store(dir.path()).unwrap();
        let restored = store.restored().unwrap();
        assert!(restored.next_seq.0 > promised, "{promised} was promised, next is {}", restored.next_seq);
        let (mut next, end) = (restored.acked.next(), restored.next_seq);
        while next < end {
            for found in store.load(next, 256).unwrap() {
                assert_eq!(found, fact(next.0), "each fact is at its own place");
                next = next.next();
            }
        }
    }
    assert!(promised > 500, "the child hardly ran: {promised}");
}

#[tokio::test]
async fn a_full_disk_is_told_and_loses_nothing_that_was_promised() {
    let dir = TempDir::new();
    let disk = Tmpfs::mount(dir.path(), "size=1m");
    let opened = open(dir.path());
    let mut next = 1;
    let error = loop {
        let write = Write::Persist { first: Seq(next), facts: vec![sized_fact(next, 20_000)] };
        match opened.outbox.commit(vec![write]).await {
            Ok(()) => next += 1,
            Err(error) => break error,
        }
        assert!(next < 1000, "1 MiB cannot hold this");
    };
    assert!(matches!(error, OutboxError::Write { .. }) && !error.is_permanent(), "{error:?}");
    let told = chain(&error);
    assert!(told.contains(OUTBOX_FILE) && told.contains("full"), "{told}");
    assert!(next > 5);
    opened.outbox.close().await;

    // Room is made; the outbox goes on where it was.
    disk.remount("size=8m");
    let opened = open(dir.path());
    assert_eq!(opened.restored.next_seq, Seq(next));
    let (mut from, mut read) = (1, 0);
    while from < next {
        let piece = opened.outbox.load(Seq(from), 256).await.unwrap();
        from += piece.len() as u64;
        read += piece.len();
    }
    assert_eq!(read as u64, next - 1);
    opened.outbox.commit(vec![persist(next, 1)]).await.unwrap();
    opened.outbox.close().await;
}

#[test]
fn a_damaged_file_is_refused_with_its_name_and_the_way_out() {
    let told = |dir: &TempDir| {
        let error = store(dir.path()).unwrap_err();
        assert!(error.is_permanent(), "{error:?}");
        let told = chain(&error);
        assert!(told.contains(dir.join(OUTBOX_FILE).to_str().unwrap()) && told.contains("Way out"), "{told}");
        told
    };
    // Not a database at all.
    let dir = TempDir::new();
    std::fs::write(
        dir.join(OUTBOX_FILE),
        "this is not a database, it only lies where one should be".repeat(99),
    )
    .unwrap();
    assert!(told(&dir).contains("damaged"));

    // Pages overwritten in the middle.
    let dir = TempDir::new();
    let mut filled = store(dir.path()).unwrap();
    filled.commit(&[persist(1, 2000)], None).unwrap();
    drop(filled);
    let file = std::fs::OpenOptions::new().write(true).open(dir.join(OUTBOX_FILE)).unwrap();
    let pages = file.metadata().unwrap().len() / 4096;
    assert!(pages > 10);
    for page in 5..pages {
        file.write_all_at(&[0x5a; 64], page * 4096).unwrap();
    }
    assert!(told(&dir).contains("damaged"));

    // Bytes that no summary needs: only reading everything finds this.
    let dir = TempDir::new();
    let mut filled = store(dir.path()).unwrap();
    let facts = (1..=10).map(|seq| sized_fact(seq, 40_000)).collect();
    filled.commit(&[Write::Persist { first: Seq(1), facts }], None).unwrap();
    drop(filled);
    let bytes = std::fs::read(dir.join(OUTBOX_FILE)).unwrap();
    // An overflow page begins with the number of the next one (SQLite file format, 1.6); break one such chain.
    let page = (8..bytes.len() / 4096).find(|page| bytes[page * 4096] == 0).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(dir.join(OUTBOX_FILE)).unwrap();
    file.write_all_at(&[0x7f; 4], page as u64 * 4096).unwrap();
    assert!(told(&dir).contains("damaged"));

    // A hole in the facts: every page is well-formed, yet something is missing.
    let dir = TempDir::new();
    let mut filled = store(dir.path()).unwrap();
    filled.commit(&[persist(1, 5)], None).unwrap();
    drop(filled);
    Connection::open(dir.join(OUTBOX_FILE)).unwrap().execute("DELETE FROM facts WHERE seq = 3", []).unwrap();
    assert!(told(&dir).contains("4 of 1 to 5"));
}

#[test]
fn other_files_than_our_own_are_refused() {
    let dir = TempDir::new();
    drop(store(dir.path()).unwrap());
    Connection::open(dir.join(OUTBOX_FILE)).unwrap().execute_batch("PRAGMA user_version = 9").unwrap();
    let newer = store(dir.path()).unwrap_err();
    assert!(matches!(newer, OutboxError::Newer { found: 9, known: 1, .. }), "{newer}");

    let dir = TempDir::new();
    Connection::open(dir.join(OUTBOX_FILE)).unwrap().execute_batch("CREATE TABLE cats (name)").unwrap();
    let foreign = store(dir.path()).unwrap_err();
    assert!(matches!(foreign, OutboxError::Foreign { .. }), "{foreign}");

    let dir = TempDir::new();
    drop(Store::open(dir.path(), Some(&agent("one")), || agent("made-up")).unwrap());
    drop(store(dir.path()).unwrap());
    let other = Store::open(dir.path(), Some(&agent("two")), || agent("made-up")).unwrap_err();
    assert!(
        matches!(&other, OutboxError::OtherAgent { kept, wanted, .. } if (kept.as_str(), wanted.as_str()) == ("one", "two"))
    );
}

#[test]
fn a_crash_while_it_is_made_leaves_an_outbox_or_nothing() {
    // SQLite makes the file before the first transaction: an empty one is a fresh start, not damage.
    let dir = TempDir::new();
    std::fs::write(dir.join(OUTBOX_FILE), "").unwrap();
    assert_eq!(store(dir.path()).unwrap().restored().unwrap().next_seq, Seq(1));
}

#[test]
fn one_directory_is_one_agent() {
    let dir = TempDir::new();
    let path = dir.join("new/data");
    let held = DataDir::open(&path).unwrap();
    let error = DataDir::open(&path).unwrap_err();
    let told = chain(&error);
    assert!(matches!(error, DataDirError::InUse { .. }), "{told}");
    assert!(
        told.contains(path.to_str().unwrap()) && told.contains(&format!("process {}", std::process::id())),
        "{told}"
    );
    drop(held);
    DataDir::open(&path).unwrap();
}
