//! The mount table is read again when it changes, not only when its time has come.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod support;

use std::time::Duration;
use storewarden_agent::mountinfo::Mountinfo;
use storewarden_types::mountinfo::last_at;
use support::{TempDir, Tmpfs};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

#[tokio::test]
async fn a_change_of_the_table_is_seen_at_once() {
    let dir = TempDir::new();
    let path = dir.path().to_str().unwrap();
    let (sender, mut tables) = mpsc::channel(1);
    let watching = tokio::spawn(Mountinfo::open().unwrap().watch(sender));
    let mut see = async |mounted: bool| {
        let start = Instant::now();
        loop {
            // Well under the five seconds after which it is read anyway.
            let table = timeout(Duration::from_secs(2), tables.recv()).await.expect("a new table").unwrap();
            if last_at(&table, path).is_some() == mounted {
                return;
            }
            assert!(start.elapsed() < Duration::from_secs(4), "mounted={mounted} is not seen");
        }
    };
    see(false).await;
    for _ in 0..3 {
        let mounted = Tmpfs::mount(dir.path(), "size=1m");
        see(true).await;
        drop(mounted);
        see(false).await;
    }
    // Nobody listens any more: it ends by itself.
    drop(tables);
    timeout(Duration::from_secs(2), watching).await.unwrap().unwrap().unwrap();
}
