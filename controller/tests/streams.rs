//! Following the ledger: resumable, filtered, bounded. A client that does not read is let go while others go on.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use storewarden_ledger::EventKind;
use storewarden_proto::v1;
use support::agent::*;
use support::*;

fn tail(since: u64, follow: bool) -> v1::TailRequest {
    v1::TailRequest { since: Some(since), follow, ..v1::TailRequest::default() }
}

#[tokio::test]
async fn a_tail_follows_resumes_and_filters() {
    let dir = TestDir::new();
    let running = Running::start(dir.path()).await;
    let mut events = running.events().await;
    let mut following = soon(events.tail(tail(0, true))).await.unwrap().into_inner();
    let mut only_new =
        soon(events.tail(v1::TailRequest { since: None, ..tail(0, true) })).await.unwrap().into_inner();
    let (mut agent, _) = FakeAgent::connect(&running, "ssvm-1").await;
    agent.facts((0..40).map(|n| sighting(&format!("f{n}"))).collect()).await;
    let all = running.tail(0).await;
    for event in &all {
        assert_eq!(soon(following.message()).await.unwrap().as_ref(), Some(event));
        assert_eq!(
            soon(only_new.message()).await.unwrap().as_ref(),
            Some(event),
            "the ledger was empty at its start"
        );
    }
    for since in [0, 1, 17, all.len() as u64] {
        assert_eq!(running.tail(since).await, all[usize::try_from(since).unwrap()..]);
    }
    for kind in EventKind::ALL {
        let request =
            v1::TailRequest { kinds: vec![kind.name().into()], store: SOURCE.into(), ..tail(0, false) };
        let mut stream = soon(events.tail(request)).await.unwrap().into_inner();
        let mut found = Vec::new();
        while let Some(event) = soon(stream.message()).await.unwrap() {
            found.push(event);
        }
        let want: Vec<v1::Event> = all
            .iter()
            .filter(|e| {
                e.event.as_ref().map(EventKind::of) == Some(*kind) && e.store_id == store_id().to_string()
            })
            .cloned()
            .collect();
        assert_eq!(found, want, "{}", kind.name());
    }
    running.stop().await;
}

/// The log lines of this process.
#[derive(Clone, Default)]
struct Logs(Arc<Mutex<Vec<u8>>>);

impl Logs {
    fn collect() -> Self {
        let logs = Self::default();
        let writer = logs.clone();
        tracing_subscriber::fmt().with_writer(move || writer.clone()).init();
        logs
    }

    fn contain(&self, words: &str) -> bool {
        String::from_utf8_lossy(&self.0.lock().unwrap()).contains(words)
    }
}

impl std::io::Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Facts of some size, so that a client's windows fill.
fn big(number: usize) -> storewarden_types::Fact {
    sighting(&format!("{number}/{}", "d".repeat(4000)))
}

#[tokio::test]
async fn a_client_that_does_not_read_is_let_go_and_resumes() {
    let logs = Logs::collect();
    let dir = TestDir::new();
    let mut config = config(dir.path());
    config.slow_after = Duration::from_millis(500);
    let running = Running::start_with(config).await;
    let (mut agent, _) = FakeAgent::connect(&running, "ssvm-1").await;
    let (mut slow_client, mut quick_client) = (running.events().await, running.events().await);
    let mut slow = soon(slow_client.tail(tail(0, true))).await.unwrap().into_inner();
    let mut quick = soon(quick_client.tail(tail(0, true))).await.unwrap().into_inner();
    let reader = tokio::spawn(async move {
        let mut cursors = Vec::new();
        while cursors.last() != Some(&LAST) {
            cursors.push(soon(quick.message()).await.unwrap().unwrap().cursor);
        }
        cursors
    });
    // Two windows, what waits in between, and some.
    const FACTS: usize = 1000;
    const LAST: u64 = FACTS as u64 + 3;
    for first in (0..FACTS).step_by(100) {
        agent.facts((first..first + 100).map(big).collect()).await;
    }
    assert_eq!(running.tail(0).await.len() as u64, LAST, "agent, mount, condition, facts");
    assert_eq!(soon(reader).await.unwrap(), (1..=LAST).collect::<Vec<_>>(), "who reads misses nothing");

    // What was under way is read, then the reason.
    let given_up = || async { logs.contain("it is let go").then_some(()) };
    until("the server gives up on it", given_up).await;
    let mut told = BTreeSet::new();
    let status = loop {
        match soon(slow.message()).await {
            Ok(event) => assert!(told.insert(event.unwrap().cursor), "told twice"),
            Err(status) => break status,
        }
    };
    assert_eq!((code_of(&status).as_str(), status.code()), ("SLOW_CONSUMER", tonic::Code::ResourceExhausted));
    let cursor: u64 = metadata_of(&status, "cursor").parse().unwrap();
    assert!(cursor < LAST, "it never fell behind");
    assert_eq!(told, (1..=cursor).collect(), "everything through the cursor was told");
    let rest: Vec<u64> = running.tail(cursor).await.iter().map(|event| event.cursor).collect();
    assert_eq!(rest, (cursor + 1..=LAST).collect::<Vec<_>>());
    running.stop().await;
}

/// What left the ring is read from the ledger: a client may come late, and read slowly, without missing anything.
#[tokio::test]
async fn a_late_client_reads_what_left_memory_from_the_ledger() {
    let dir = TestDir::new();
    let running = Running::start(dir.path()).await;
    let (mut agent, _) = FakeAgent::connect(&running, "ssvm-1").await;
    // More events than the ring holds.
    const FACTS: u64 = 17_000;
    for first in (0..FACTS).step_by(250) {
        agent.facts((first..first + 250).map(|n| sighting(&format!("f{n}"))).collect()).await;
    }
    let cursors: Vec<u64> = running.tail(0).await.iter().map(|event| event.cursor).collect();
    assert_eq!(cursors, (1..=FACTS + 3).collect::<Vec<_>>());
    running.stop().await;
}

#[tokio::test]
async fn a_watch_of_stores_tells_each_once_then_its_changes() {
    let dir = TestDir::new();
    let running = Running::start(dir.path()).await;
    let (mut agent, _) = FakeAgent::connect(&running, "ssvm-1").await;
    let mut stores = running.stores().await;
    let mut watch = soon(stores.watch(v1::WatchStoresRequest::default())).await.unwrap().into_inner();
    let first = soon(watch.message()).await.unwrap().unwrap().store.unwrap();
    assert_eq!((first.source.as_str(), first.condition()), (SOURCE, v1::Condition::Unknown));
    assert_eq!(first.reasons[0].code, "NOT_YET_PROBED");
    agent.probe_ok().await;
    let second = soon(watch.message()).await.unwrap().unwrap().store.unwrap();
    assert_eq!((second.condition(), second.reasons.len()), (v1::Condition::Available, 0));
    assert!(second.version > first.version);
    assert!(second.evidence_age_ms.is_some());
    assert!(second.mounts[0].connected && second.mounts[0].report.is_some());
    drop(agent);
    let third = soon(watch.message()).await.unwrap().unwrap().store.unwrap();
    assert!(!third.mounts[0].connected, "{third:?}");
    let get = v1::GetStoreRequest { store: MOUNT_POINT.into() };
    assert_eq!(soon(stores.get(get)).await.unwrap().into_inner().version, third.version);
    let list = soon(stores.list(v1::ListStoresRequest {})).await.unwrap().into_inner().stores;
    assert_eq!(list.iter().map(|store| store.id.as_str()).collect::<Vec<_>>(), [store_id().to_string()]);
    running.stop().await;
}
