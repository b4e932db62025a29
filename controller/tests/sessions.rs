//! Sessions of agents: what opens one, what ends one, and that an acknowledgement means "in the ledger".

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use storewarden_proto::v1;
use storewarden_proto::v1::session_response::Message;
use storewarden_types::*;
use support::agent::*;
use support::*;
use tonic::Status;

/// How the session ends, reading away what comes before.
async fn end(agent: &mut FakeAgent) -> (Option<v1::Refuse>, Option<Status>) {
    let mut refuse = None;
    loop {
        match agent.hear().await {
            Ok(Some(Message::Refuse(said))) => refuse = Some(said),
            Ok(Some(_)) => {}
            Ok(None) => return (refuse, None),
            Err(status) => return (refuse, Some(status)),
        }
    }
}

#[tokio::test]
async fn an_acknowledged_fact_is_in_the_ledger_and_told_once() {
    let dir = TestDir::new();
    let running = Running::start(dir.path()).await;
    let (mut agent, _) = FakeAgent::connect(&running, "ssvm-1").await;
    for number in 1..=20 {
        agent.facts(vec![sighting(&format!("f{number}"))]).await;
        let facts = facts_of(&running).await;
        assert_eq!(facts.len(), number, "acknowledged, and not in the ledger");
    }
    // What is told again is acknowledged again, and recorded once.
    agent
        .say(&AgentMessage::Facts {
            first: Seq(19),
            items: vec![sighting("f19"), sighting("f20"), sighting("f21")],
        })
        .await;
    agent.acked(21).await;
    agent.say(&AgentMessage::Facts { first: Seq(1), items: vec![sighting("f1")] }).await;
    agent.acked(21).await;
    assert_eq!(facts_of(&running).await, (1..=21).collect::<Vec<u64>>());
    let agents =
        soon(running.fleet().await.list_agents(v1::ListAgentsRequest {})).await.unwrap().into_inner().agents;
    assert_eq!((agents[0].id.as_str(), agents[0].acked_seq, agents[0].connected), ("ssvm-1", 21, true));
    assert_eq!((agents[0].host.as_str(), agents[0].mounts[0].source.as_str()), ("ssvm-1.example", SOURCE));
    running.stop().await;
}

/// Places of the facts in the ledger.
async fn facts_of(running: &Running) -> Vec<u64> {
    let facts = running.tail(0).await.into_iter().filter_map(|event| match event.event {
        Some(v1::event::Event::FactAccepted(fact)) => Some(fact.seq),
        _ => None,
    });
    facts.collect()
}

#[tokio::test]
async fn a_session_resumes_from_what_was_acknowledged() {
    let dir = TestDir::new();
    let running = Running::start(dir.path()).await;
    let (mut agent, _) = FakeAgent::connect(&running, "ssvm-1").await;
    agent.facts(vec![sighting("a"), sighting("b")]).await;
    drop(agent);
    let (_agent, welcome) = FakeAgent::connect_at(running.address, "ssvm-1", 3).await;
    assert_eq!(welcome.acked_seq, 2);
    running.stop().await;
}

#[tokio::test]
async fn a_newer_session_ends_the_older_one() {
    let dir = TestDir::new();
    let running = Running::start(dir.path()).await;
    let (mut older, _) = FakeAgent::connect(&running, "ssvm-1").await;
    let (_newer, _) = FakeAgent::connect(&running, "ssvm-1").await;
    let status = end(&mut older).await.1.unwrap();
    assert_eq!((code_of(&status).as_str(), status.code()), ("SESSION_SUPERSEDED", tonic::Code::Aborted));
    running.stop().await;
}

#[tokio::test]
async fn an_outbox_restored_from_an_old_image_is_refused() {
    let dir = TestDir::new();
    let running = Running::start(dir.path()).await;
    let (mut agent, _) = FakeAgent::connect(&running, "ssvm-1").await;
    agent.facts(vec![sighting("a"), sighting("b")]).await;
    let mut old = FakeAgent::silent(running.address, "ssvm-1").await.unwrap();
    old.say(&AgentMessage::Hello(Box::new(hello("ssvm-1", 2, Vec::new())))).await;
    let (refuse, status) = end(&mut old).await;
    assert_eq!(refuse.unwrap().code, "OUTBOX_ROLLED_BACK");
    assert_eq!(code_of(&status.unwrap()), "OUTBOX_ROLLED_BACK");
    running.stop().await;
}

#[tokio::test]
async fn whoever_breaks_the_protocol_is_refused_and_nothing_of_it_counts() {
    let dir = TestDir::new();
    let running = Running::start(dir.path()).await;
    let facts = |first: u64, items: Vec<v1::Fact>| v1::SessionRequest {
        message: Some(v1::session_request::Message::Facts(v1::Facts { first_seq: first, items })),
    };
    let fact = v1::Fact::from(&sighting("a"));
    let bad_hello = v1::Hello { agent_id: "no/slash".into(), ..v1::Hello::from(&hello("x", 1, Vec::new())) };
    let first_messages = [
        (v1::SessionRequest::from(&AgentMessage::Heartbeat), "must be Hello"),
        (facts(1, vec![fact.clone()]), "must be Hello"),
        (v1::SessionRequest { message: None }, "message"),
        (v1::SessionRequest { message: Some(v1::session_request::Message::Hello(bad_hello)) }, "agent id"),
    ];
    for (message, words) in first_messages {
        let mut agent = FakeAgent::silent(running.address, "ssvm-1").await.unwrap();
        agent.say_raw(message).await;
        let (refuse, status) = end(&mut agent).await;
        let refuse = refuse.unwrap();
        assert_eq!(refuse.code, "PROTOCOL_VIOLATION");
        assert!(refuse.message.contains(words), "{} does not say {words:?}", refuse.message);
        assert_eq!(code_of(&status.unwrap()), "PROTOCOL_VIOLATION");
    }
    let later = [
        facts(1, Vec::new()),
        facts(0, vec![fact.clone()]),
        facts(1, vec![fact.clone(); 257]),
        facts(1, vec![v1::Fact { fact: None }]),
    ];
    for message in later {
        let (mut agent, _) = FakeAgent::connect(&running, "ssvm-1").await;
        agent.say_raw(message).await;
        assert_eq!(end(&mut agent).await.0.unwrap().code, "PROTOCOL_VIOLATION");
    }
    assert!(facts_of(&running).await.is_empty());
    running.stop().await;
}

/// A verdict for a store that the agent does not mount proves nothing.
#[tokio::test]
async fn proof_from_a_mount_of_another_store_confirms_nothing() {
    let dir = TestDir::new();
    let running = Running::start(dir.path()).await;
    let (_owner, _) = FakeAgent::connect(&running, "ssvm-1").await;
    let tracked = soon(running.deletions().await.track(track(SOURCE, &["a"]))).await.unwrap().into_inner();
    let id = tracked.deletions[0].id.clone();
    let mut stranger = FakeAgent::silent(running.address, "ssvm-2").await.unwrap();
    let mut elsewhere = report(None);
    elsewhere.source = "10.9.9.9:/other".into();
    stranger.say(&AgentMessage::Hello(Box::new(hello("ssvm-2", 1, vec![elsewhere])))).await;
    stranger.next().await;
    stranger.absent(&id).await;
    let row = soon(running.deletions().await.get(v1::GetDeletionRequest { id })).await.unwrap().into_inner();
    assert_eq!(row.state(), v1::DeletionState::Pending);
    running.stop().await;
}

#[tokio::test]
async fn stopping_tells_sessions_and_streams_why() {
    let dir = TestDir::new();
    let running = Running::start(dir.path()).await;
    let (mut agent, _) = FakeAgent::connect(&running, "ssvm-1").await;
    let mut events = running.events().await;
    let follow = v1::TailRequest { follow: true, ..v1::TailRequest::default() };
    let mut tail = soon(events.tail(follow)).await.unwrap().into_inner();
    let begun = std::time::Instant::now();
    let stopped = tokio::spawn(running.stop());
    assert_eq!(code_of(&end(&mut agent).await.1.unwrap()), "SHUTTING_DOWN");
    assert_eq!(code_of(&soon(tail.message()).await.unwrap_err()), "SHUTTING_DOWN");
    assert!(begun.elapsed() < std::time::Duration::from_secs(2), "told only when it was cut off");
    drop((agent, tail, events));
    soon(stopped).await.unwrap();
}
