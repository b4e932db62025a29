//! "May this operation start now?": on fresh evidence at once, on old evidence after a probe, never past the deadline.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::time::{Duration, Instant};
use storewarden_proto::v1;
use storewarden_proto::v1::session_response::Message;
use support::agent::*;
use support::*;

fn ask(max_age_ms: Option<u64>, deadline_ms: Option<u64>) -> v1::PreflightRequest {
    let operation = v1::Operation::Create.into();
    v1::PreflightRequest { store: SOURCE.into(), operation, max_age_ms, deadline_ms }
}

/// Answers every probe order until the session ends; gives how many there were.
fn answer_probes(mut agent: FakeAgent) -> tokio::task::JoinHandle<u32> {
    tokio::spawn(async move {
        let mut orders = 0;
        while let Ok(Some(message)) = agent.hear().await {
            if let Message::Probe(order) = message {
                assert_eq!(order.mount_point, MOUNT_POINT);
                orders += 1;
                agent.probe_ok().await;
            }
        }
        orders
    })
}

#[tokio::test]
async fn fresh_evidence_admits_without_a_probe() {
    let dir = TestDir::new();
    let running = Running::start(dir.path()).await;
    let (mut agent, _) = FakeAgent::connect(&running, "ssvm-1").await;
    agent.probe_ok().await;
    let stores = running.stores().await;
    let answer = until("the report arrived", || async {
        let answer = soon(stores.clone().preflight(ask(Some(5000), Some(0)))).await.unwrap().into_inner();
        (answer.decision() == v1::Decision::Admit).then_some(answer)
    })
    .await;
    assert_eq!(
        (answer.probed, answer.condition(), answer.reasons.len()),
        (false, v1::Condition::Available, 0)
    );
    assert!(answer.evidence_age_ms.unwrap() < 5000);
    assert_eq!(answer.store_id, store_id().to_string());
    running.stop().await;
}

#[tokio::test]
async fn old_evidence_is_probed_anew_once_for_all_who_ask() {
    let dir = TestDir::new();
    let running = Running::start(dir.path()).await;
    let (agent, _) = FakeAgent::connect(&running, "ssvm-1").await;
    let probing = answer_probes(agent);
    let stores = running.stores().await;
    // No evidence yet, then: a probe always.
    for max_age_ms in [None, Some(0), Some(0)] {
        let answer =
            soon(stores.clone().preflight(ask(max_age_ms, Some(10_000)))).await.unwrap().into_inner();
        assert_eq!((answer.decision(), answer.probed), (v1::Decision::Admit, true), "{answer:?}");
    }
    let calls: Vec<_> = (0..64)
        .map(|_| {
            let mut stores = stores.clone();
            tokio::spawn(
                async move { stores.preflight(ask(Some(0), Some(10_000))).await.unwrap().into_inner() },
            )
        })
        .collect();
    for call in calls {
        assert_eq!(soon(call).await.unwrap().decision(), v1::Decision::Admit);
    }
    let probe = v1::ProbeNowRequest { store: SOURCE.into(), deadline_ms: Some(10_000) };
    let store = soon(stores.clone().probe_now(probe)).await.unwrap().into_inner();
    assert_eq!(store.condition(), v1::Condition::Available);
    running.stop().await;
    let orders = soon(probing).await.unwrap();
    assert!((4..40).contains(&orders), "{orders} orders for 68 questions");
}

#[tokio::test]
async fn an_agent_that_does_not_answer_denies_at_the_deadline() {
    let dir = TestDir::new();
    let running = Running::start(dir.path()).await;
    let (mut agent, _) = FakeAgent::connect(&running, "ssvm-1").await;
    let mut stores = running.stores().await;
    let begun = Instant::now();
    let answer = soon(stores.preflight(ask(None, Some(300)))).await.unwrap().into_inner();
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(300) && took < Duration::from_secs(3), "{took:?}");
    assert_eq!((answer.decision(), answer.probed), (v1::Decision::Deny, true));
    assert_eq!((answer.condition(), answer.evidence_age_ms), (v1::Condition::Unknown, None));
    assert!(!answer.reasons.is_empty());
    // The order was told.
    while !matches!(agent.next().await, Message::Probe(_)) {}

    // A shorter gRPC deadline wins, with enough left for the answer to arrive.
    let mut request = tonic::Request::new(ask(None, Some(60_000)));
    request.set_timeout(Duration::from_millis(600));
    let answer = soon(stores.preflight(request)).await.unwrap().into_inner();
    assert_eq!(answer.decision(), v1::Decision::Deny);
    let probe = v1::ProbeNowRequest { store: SOURCE.into(), deadline_ms: Some(200) };
    assert_eq!(soon(stores.probe_now(probe)).await.unwrap().into_inner().condition(), v1::Condition::Unknown);
    running.stop().await;
}

#[tokio::test]
async fn a_store_that_nobody_sees_is_denied_with_the_reason() {
    let dir = TestDir::new();
    let running = Running::start(dir.path()).await;
    let (agent, _) = FakeAgent::connect(&running, "ssvm-1").await;
    drop(agent);
    let mut stores = running.stores().await;
    let get = || v1::GetStoreRequest { store: SOURCE.into() };
    until("the agent is known to be gone", || async {
        let store = soon(stores.clone().get(get())).await.unwrap().into_inner();
        (!store.mounts[0].connected).then_some(())
    })
    .await;
    let answer = soon(stores.preflight(ask(None, Some(100)))).await.unwrap().into_inner();
    assert_eq!(answer.decision(), v1::Decision::Deny);
    let codes: Vec<&str> = answer.reasons.iter().map(|reason| reason.code.as_str()).collect();
    assert!(codes.contains(&"AGENT_LOST"), "{codes:?}");
    // Nobody to wait for: ProbeNow answers at once.
    let probe = v1::ProbeNowRequest { store: SOURCE.into(), deadline_ms: Some(20_000) };
    soon(stores.probe_now(probe)).await.unwrap();
    running.stop().await;
}
