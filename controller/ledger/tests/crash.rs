//! kill -9 at any moment: what was acknowledged is there, nothing is there in part, nothing twice.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use storewarden_ledger::{Check, Ledger, Reader, open};
use storewarden_types::{Record, Seq};
use support::*;

/// Tells the child from the test.
const CHILD: &str = "STOREWARDEN_LEDGER_CRASH_CHILD";
/// Records in one commit of the child; a part of them is a torn commit.
const BATCH: u64 = 7;
const ROUNDS: u32 = 12;

/// Commits for ever, and says the last place after each commit.
fn child(dir: &Path) -> ! {
    let (mut ledger, reader) = open(dir, Check::Quick).unwrap();
    let held = reader.restore().unwrap().agents.first().map_or(0, |agent| agent.marks[0].1.0);
    if held == 0 {
        ledger.commit(&[agent_seen()]).unwrap();
    }
    let mut seq = held;
    let mut out = std::io::stdout();
    loop {
        let facts: Vec<Record> = (1..=BATCH).map(|n| fact(seq + n)).collect();
        ledger.commit(&facts).unwrap();
        seq += BATCH;
        writeln!(out, "held {seq}").and_then(|()| out.flush()).unwrap();
    }
}

#[test]
fn a_killed_appender_leaves_whole_commits_and_all_it_told_of() {
    if let Some(dir) = std::env::var_os(CHILD) {
        child(Path::new(&dir));
    }
    let dir = TestDir::new();
    let mut told = 0;
    for round in 0..ROUNDS {
        told = kill_one(&dir, told, round);
        let (_ledger, reader) = open(dir.path(), Check::Full).unwrap();
        let held = reader.restore().unwrap().agents[0].marks[0].1;
        assert!(held >= Seq(told), "round {round}: told through {told}, holds through {held}");
        assert_eq!(held.0 % BATCH, 0, "round {round}: a commit is there in part");
        let report = reader.verify_chain().unwrap();
        assert_eq!(report.events, held.0 + 1, "round {round}: a fact is missing or doubled");
    }
    assert!(told > 0, "no child ever got to commit");
}

/// Lets a child commit a little and kills it; gives the last place it told.
fn kill_one(dir: &TestDir, mut told: u64, round: u32) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_killed_appender_leaves_whole_commits_and_all_it_told_of", "--nocapture"])
        .env(CHILD, dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut commits = 0;
    // Another number of commits each round, and so another place in the -wal file and its checkpoints.
    while commits < 3 + round * 13 {
        let line = lines.next().expect("the child ended by itself").unwrap();
        if let Some(seq) = line.strip_prefix("held ") {
            told = seq.parse().unwrap();
            commits += 1;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What it told in the instant of its death counts as well.
    for line in lines.map_while(Result::ok) {
        if let Some(seq) = line.strip_prefix("held ").and_then(|seq| seq.parse().ok()) {
            told = seq;
        }
    }
    told
}
