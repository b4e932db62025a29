//! A controller that ends, in order or by kill -9, comes back with everything it ever acknowledged.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use storewarden_ledger::{Check, Reader};
use storewarden_proto::v1;
use storewarden_proto::v1::deletion_service_client::DeletionServiceClient;
use storewarden_proto::v1::event_service_client::EventServiceClient;
use support::agent::*;
use support::process::Process;
use support::*;

#[tokio::test]
async fn a_restart_keeps_everything() {
    let dir = TestDir::new();
    let running = Running::start(dir.path()).await;
    let (mut agent, _) = FakeAgent::connect(&running, "ssvm-1").await;
    let mut client = running.deletions().await;
    let tracked = soon(client.track(track(SOURCE, &["done", "open"]))).await.unwrap().into_inner().deletions;
    agent.absent(&tracked[0].id).await;
    drop(agent);
    let rows = |mut client: DeletionServiceClient<_>| async move {
        soon(client.list(v1::ListDeletionsRequest::default())).await.unwrap().into_inner().deletions
    };
    let before = rows(client.clone()).await;
    running.stop().await;

    let running = Running::start(dir.path()).await;
    assert_eq!(rows(running.deletions().await).await, before);
    let stores =
        soon(running.stores().await.list(v1::ListStoresRequest {})).await.unwrap().into_inner().stores;
    assert_eq!((stores.len(), stores[0].condition()), (1, v1::Condition::Unknown), "known, and not believed");
    let events = running.tail(0).await;
    assert!(events.iter().zip(1..).all(|(event, cursor)| event.cursor == cursor));

    // The agent comes back, is told of what is still open, and only of that.
    let (mut agent, welcome) = FakeAgent::connect_at(running.address, "ssvm-1", 2).await;
    assert_eq!(welcome.acked_seq, 1);
    let order = agent.ordered("open").await;
    assert_eq!(order.deletion_id, tracked[1].id);
    agent.absent(&tracked[1].id).await;
    let row = soon(running.deletions().await.get(v1::GetDeletionRequest { id: tracked[1].id.clone() }))
        .await
        .unwrap();
    assert_eq!(row.into_inner().state(), v1::DeletionState::Confirmed);
    running.stop().await;
}

#[tokio::test]
async fn a_killed_controller_kept_what_it_acknowledged() {
    let dir = TestDir::new();
    let data = dir.path().join("data");
    let (mut acked, mut last_cursor) = (0, 0);
    let mut ids = Vec::new();
    for round in 0..5_u64 {
        let process = Process::start(&data);
        let (mut agent, welcome) = FakeAgent::connect_at(process.address, "ssvm-1", acked + 1).await;
        assert_eq!(welcome.acked_seq, acked, "round {round}");
        let mut client = DeletionServiceClient::new(channel(process.address).await);
        let mut events = EventServiceClient::new(channel(process.address).await);
        let request = v1::TailRequest { since: Some(last_cursor), follow: true, ..Default::default() };
        let mut tail = soon(events.tail(request)).await.unwrap().into_inner();
        for number in 0..=round * 3 {
            agent.facts(vec![sighting(&format!("{round}/{number}"))]).await;
            acked += 1;
            let tracked = soon(client.track(track(SOURCE, &[&format!("{round}-{number}")]))).await.unwrap();
            ids.push(tracked.into_inner().deletions[0].id.clone());
        }
        // Resumed by cursor over every life of the controller, nothing is missed and nothing told twice.
        let mut facts = 0;
        while facts <= round * 3 {
            let event = soon(tail.message()).await.unwrap().unwrap();
            assert_eq!(event.cursor, last_cursor + 1);
            last_cursor = event.cursor;
            facts += u64::from(matches!(event.event, Some(v1::event::Event::FactAccepted(_))));
        }
        process.kill();
    }
    let (_ledger, reader) = storewarden_ledger::open(&data, Check::Full).unwrap();
    assert_eq!(reader.restore().unwrap().agents[0].marks[0].1.0, acked);
    for id in ids {
        let id = storewarden_types::DeletionId::parse(&id).unwrap();
        assert!(reader.deletion(id).unwrap().is_some(), "{id} was accepted and is gone");
    }
}
