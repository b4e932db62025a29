//! How fast the ledger takes facts and deletions on this disk, durably, and how soon a big one is open again.
//!
//! `cargo run --release -p storewarden-ledger --example commit_rate [DIRECTORY] [DELETIONS]`: commits of 1, 64 and 1024
//! facts for one second each, then (with DELETIONS, such as 1000000) as many tracked deletions and a reopening. Beside
//! each figure stands the limit of the same disk in the same run: a raw append with fdatasync of as many bytes.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use storewarden_ledger::{Check, Ledger, LedgerError, Reader, open};
use storewarden_types::{
    AgentId, DeletionId, Epoch, Fact, Record, Seq, Sighting, SightingKind, SightingSource, Sightings,
    StoreId, StorePath, TrackedDeletion, Wall,
};

const SPAN: Duration = Duration::from_secs(1);
/// What one fact of this example takes in the ledger, in bytes, for the raw limit.
const FACT_BYTES: usize = 200;

type Done<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Done<()> {
    let mut args = std::env::args().skip(1);
    let dir = args.next().map_or_else(|| std::env::temp_dir().join("storewarden-commit-rate"), PathBuf::from);
    let deletions: u64 = args.next().map_or(Ok(0), |n| n.parse())?;
    std::fs::create_dir_all(&dir)?;
    let agent = AgentId::parse("bench")?;
    let data = dir.join("data");
    let (mut ledger, _reader) = open(&data, Check::Quick)?;
    let (epoch, at) = (Epoch(1), Wall(0));
    let (host, version) = ("h".into(), "1".into());
    ledger.commit(&[Record::AgentSeen { agent: agent.clone(), epoch, host, version, at }])?;
    let mut seq = 0;
    println!("batch  commits/s  facts/s  p50 us  p99 us  raw facts/s  ratio");
    for batch in [1, 64, 1024] {
        let mut took = Vec::new();
        let begun = Instant::now();
        while begun.elapsed() < SPAN {
            let facts: Vec<Record> = (0..batch).map(|_| fact(&agent, &mut seq)).collect();
            let start = Instant::now();
            ledger.commit(&facts)?;
            took.push(start.elapsed());
        }
        let rate = took.len() as f64 / took.iter().sum::<Duration>().as_secs_f64();
        let raw = raw_rate(&dir.join("raw"), batch * FACT_BYTES)? * batch as f64;
        took.sort_unstable();
        let at = |share: usize| took[(took.len() - 1) * share / 100].as_micros();
        let facts = rate * batch as f64;
        let ratio = facts / raw;
        println!("{batch:5}  {rate:9.0}  {facts:7.0}  {:6}  {:6}  {raw:11.0}  {ratio:5.2}", at(50), at(99));
    }
    drop((ledger, _reader));
    if deletions > 0 {
        restart(&data, &agent, deletions)?;
    }
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

fn fact(agent: &AgentId, seq: &mut u64) -> Record {
    *seq += 1;
    let path = format!("snapshots/2/{:08}/5d2c9a0e-4711-volume.qcow2", *seq);
    let items = vec![Sighting { path, kind: SightingKind::Deleted, directory: false }];
    let (mount_point, source, at) = ("/mnt/SecStorage/a".into(), SightingSource::Watch, Wall(1));
    Record::FactAccepted {
        agent: agent.clone(),
        epoch: Epoch(1),
        seq: Seq(*seq),
        store: Some(StoreId::of(agent, "/mnt/a", "10.1.1.1:/export", true)),
        fact: Fact::Sightings(Sightings { mount_point, source, items, at }),
        at,
    }
}

/// Appends of `bytes` with fdatasync a second.
fn raw_rate(path: &Path, bytes: usize) -> Done<f64> {
    let mut file = std::fs::File::create(path)?;
    let block = vec![7; bytes];
    let (begun, mut done) = (Instant::now(), 0_u32);
    while begun.elapsed() < SPAN {
        file.write_all(&block)?;
        file.sync_data()?;
        done += 1;
    }
    Ok(f64::from(done) / begun.elapsed().as_secs_f64())
}

fn restart(data: &Path, agent: &AgentId, deletions: u64) -> Result<(), LedgerError> {
    let store = StoreId::of(agent, "/mnt/a", "10.1.1.1:/export", true);
    let (mut ledger, reader) = open(data, Check::Quick)?;
    let begun = Instant::now();
    for first in (0..deletions).step_by(1000) {
        let records: Vec<Record> =
            (first..(first + 1000).min(deletions)).filter_map(|n| tracked(store, n)).collect();
        ledger.commit(&records)?;
    }
    println!("{deletions} deletions tracked: {:.2?}", begun.elapsed());
    drop((ledger, reader));
    let size = std::fs::metadata(data.join("ledger.sqlite")).map_or(0, |meta| meta.len());
    for check in [Check::None, Check::Quick] {
        let begun = Instant::now();
        let (_ledger, reader) = open(data, check)?;
        let opened = begun.elapsed();
        let pending = reader.restore()?.pending.len();
        println!(
            "{} MB, {check:?}: open {opened:.2?}, restored {pending} in {:.2?}",
            size >> 20,
            begun.elapsed() - opened
        );
    }
    Ok(())
}

fn tracked(store: StoreId, number: u64) -> Option<Record> {
    let bytes = (u128::from(number) + 1).to_be_bytes();
    let path = StorePath::parse(&format!("snapshots/2/{number:08}/5d2c9a0e-4711-volume.qcow2")).ok()?;
    let id = DeletionId(uuid::Uuid::from_bytes(bytes));
    let (key, index, tracked_at, deadline_ms) = (String::new(), 0, Wall(1), 60_000);
    let tracked = TrackedDeletion { id, store, path, key, index, tracked_at, deadline_ms };
    Some(Record::DeletionTracked(Box::new(tracked)))
}
