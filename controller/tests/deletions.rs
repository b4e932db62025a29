//! A deletion from request to proof, over real gRPC: the order the agent sees, what every reader is told, idempotency,
//! withdrawal, listing.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use storewarden_proto::v1;
use storewarden_proto::v1::DeletionState as State;
use storewarden_proto::v1::track_request::Deadline;
use support::agent::*;
use support::*;
use tonic::Streaming;

async fn next<T>(stream: &mut Streaming<T>) -> T {
    soon(stream.message()).await.unwrap().expect("the stream ended")
}

#[tokio::test]
async fn a_deletion_is_confirmed_by_proof_and_everyone_is_told() {
    let dir = TestDir::new();
    let running = Running::start(dir.path()).await;
    let (mut agent, welcome) = FakeAgent::connect(&running, "ssvm-1").await;
    assert_eq!((welcome.acked_seq, welcome.heartbeat_ms), (0, 200));
    agent.probe_ok().await;
    let mut client = running.deletions().await;

    let watch = v1::WatchDeletionsRequest { store: SOURCE.into(), since: Some(0) };
    let mut watching = soon(client.watch(watch)).await.unwrap().into_inner();
    let path = format!("{MOUNT_POINT}/snapshots/2/7/file");
    let tracked = soon(client.track(track(SOURCE, &[&path]))).await.unwrap().into_inner();
    assert!(!tracked.replayed);
    let row = &tracked.deletions[0];
    assert_eq!(
        (row.state(), row.path.as_str(), row.code.as_str()),
        (State::Pending, "snapshots/2/7/file", "")
    );
    assert_eq!(row.store_id, store_id().to_string());
    assert_eq!(row.deadline_at_ms - row.tracked_at_ms, 60_000);
    let id = row.id.clone();
    assert_eq!(next(&mut watching).await.deletion.unwrap(), *row);

    let ids = v1::AwaitDeletionsRequest { ids: vec![id.clone(), id.clone()] };
    let mut awaiting = soon(client.r#await(ids)).await.unwrap().into_inner();
    assert_eq!(next(&mut awaiting).await, *row, "as it stands");

    let order = agent.ordered("snapshots/2/7/file").await;
    assert_eq!((order.deletion_id.as_str(), order.mount_point.as_str()), (id.as_str(), MOUNT_POINT));
    assert!(order.due_in_ms > 0 && order.due_in_ms <= 60_000);
    agent.absent(&id).await;

    let get = v1::GetDeletionRequest { id: id.clone() };
    let confirmed = soon(client.get(get)).await.unwrap().into_inner();
    assert_eq!((confirmed.state(), confirmed.code.as_str()), (State::Confirmed, "ABSENT"));
    assert_eq!(confirmed.evidence.as_ref(), Some(&v1::Evidence::from(&evidence("ssvm-1"))));
    assert!(confirmed.ended_at_ms.is_some() && confirmed.late_evidence.is_none());
    assert_eq!(next(&mut awaiting).await, confirmed);
    assert_eq!(soon(awaiting.message()).await.unwrap(), None, "all have ended, and so does the stream");
    assert_eq!(next(&mut watching).await.deletion.unwrap(), confirmed);

    let events = running.tail(0).await;
    let cursors: Vec<u64> = events.iter().map(|event| event.cursor).collect();
    assert_eq!(cursors, (1..=events.len() as u64).collect::<Vec<_>>());
    let fact =
        events.iter().position(|e| matches!(e.event, Some(v1::event::Event::FactAccepted(_)))).unwrap();
    let end =
        events.iter().position(|e| matches!(e.event, Some(v1::event::Event::DeletionEnded(_)))).unwrap();
    assert!(fact < end, "the proof is recorded before what rests on it");

    // Awaiting what has ended tells it once and ends.
    let ids = v1::AwaitDeletionsRequest { ids: vec![id] };
    let mut awaiting = soon(client.r#await(ids)).await.unwrap().into_inner();
    assert_eq!(next(&mut awaiting).await, confirmed);
    assert_eq!(soon(awaiting.message()).await.unwrap(), None);
    running.stop().await;
}

#[tokio::test]
async fn a_watch_from_the_beginning_tells_each_step_as_it_was() {
    let dir = TestDir::new();
    let running = Running::start(dir.path()).await;
    let (mut agent, _) = FakeAgent::connect(&running, "ssvm-1").await;
    let mut client = running.deletions().await;
    let tracked = soon(client.track(track(SOURCE, &["a", "b"]))).await.unwrap().into_inner();
    let ids: Vec<String> = tracked.deletions.iter().map(|row| row.id.clone()).collect();
    agent.absent(&ids[0]).await;
    soon(client.cancel(v1::CancelDeletionRequest { id: ids[1].clone() })).await.unwrap();
    agent.absent(&ids[1]).await;

    let told = |since| {
        let mut client = client.clone();
        async move {
            let watch = v1::WatchDeletionsRequest { store: String::new(), since: Some(since) };
            let mut stream = soon(client.watch(watch)).await.unwrap().into_inner();
            let mut told = Vec::new();
            while told.len() < 5 {
                let step = next(&mut stream).await;
                let row = step.deletion.unwrap();
                told.push((row.path.clone(), row.state(), row.late_evidence.is_some(), step.cursor));
                if row.late_evidence.is_some() {
                    break;
                }
            }
            told
        }
    };
    let all = told(0).await;
    let steps: Vec<(&str, State, bool)> = all.iter().map(|(p, s, late, _)| (p.as_str(), *s, *late)).collect();
    let (pending, confirmed, unknown) = (State::Pending, State::Confirmed, State::Unknown);
    let want = [
        ("a", pending, false),
        ("b", pending, false),
        ("a", confirmed, false),
        ("b", unknown, false),
        ("b", unknown, true),
    ];
    assert_eq!(steps, want);
    // Resumed after any of them, it goes on with the next.
    for (index, (.., cursor)) in all.iter().enumerate().take(4) {
        assert_eq!(told(*cursor).await, all[index + 1..], "after {cursor}");
    }
    running.stop().await;
}

#[tokio::test]
async fn the_same_key_answers_the_same_and_another_request_is_refused() {
    let dir = TestDir::new();
    let running = Running::start(dir.path()).await;
    let (mut agent, _) = FakeAgent::connect(&running, "ssvm-1").await;
    let mut client = running.deletions().await;
    let soon_past = clock_ms() + 1500;
    let request = v1::TrackRequest {
        key: "job-7".into(),
        deadline: Some(Deadline::DeadlineAtMs(soon_past)),
        ..track(SOURCE, &["a", "b"])
    };
    let first = soon(client.track(request.clone())).await.unwrap().into_inner();
    let again = soon(client.track(request.clone())).await.unwrap().into_inner();
    assert_eq!((first.replayed, again.replayed), (false, true));
    assert_eq!(first.deletions, again.deletions);
    assert_eq!(first.deletions[0].key, "job-7");

    let other = v1::TrackRequest { paths: vec!["a".into()], ..request.clone() };
    let status = soon(client.track(other)).await.unwrap_err();
    assert_eq!((code_of(&status).as_str(), status.code()), ("KEY_REUSED", tonic::Code::AlreadyExists));

    // Whenever it is sent again: after the end, after its deadline, after a restart, with its store out of sight.
    agent.absent(&first.deletions[0].id).await;
    drop(agent);
    running.stop().await;
    let running = Running::start(dir.path()).await;
    let mut client = running.deletions().await;
    until("the deadline has passed", || async { (clock_ms() > soon_past).then_some(()) }).await;
    let late = soon(client.track(request.clone())).await.unwrap().into_inner();
    let ids =
        |answer: &v1::TrackResponse| answer.deletions.iter().map(|row| row.id.clone()).collect::<Vec<_>>();
    assert_eq!((late.replayed, ids(&late)), (true, ids(&first)));
    assert_eq!(late.deletions[0].state(), State::Confirmed, "as they stand now");
    running.stop().await;
}

#[tokio::test]
async fn a_key_used_at_once_by_many_tracks_once() {
    let dir = TestDir::new();
    let running = Running::start(dir.path()).await;
    let (_agent, _) = FakeAgent::connect(&running, "ssvm-1").await;
    let client = running.deletions().await;
    let request = v1::TrackRequest { key: "k".into(), ..track(SOURCE, &["a"]) };
    let calls: Vec<_> = (0..32)
        .map(|_| {
            let (mut client, request) = (client.clone(), request.clone());
            tokio::spawn(async move { client.track(request).await.unwrap().into_inner() })
        })
        .collect();
    let mut ids = std::collections::BTreeSet::new();
    let mut fresh = 0;
    for call in calls {
        let answer = soon(call).await.unwrap();
        ids.insert(answer.deletions[0].id.clone());
        fresh += usize::from(!answer.replayed);
    }
    assert_eq!((ids.len(), fresh), (1, 1));
    running.stop().await;
}

#[tokio::test]
async fn a_withdrawn_deletion_ends_unknown_and_only_once() {
    let dir = TestDir::new();
    let running = Running::start(dir.path()).await;
    let (mut agent, _) = FakeAgent::connect(&running, "ssvm-1").await;
    let mut client = running.deletions().await;
    let tracked = soon(client.track(track(SOURCE, &["a"]))).await.unwrap().into_inner();
    let id = tracked.deletions[0].id.clone();
    let cancel = v1::CancelDeletionRequest { id: id.clone() };
    let row = soon(client.cancel(cancel.clone())).await.unwrap().into_inner();
    assert_eq!((row.state(), row.code.as_str(), row.id.as_str()), (State::Unknown, "CANCELLED", id.as_str()));
    loop {
        if let v1::session_response::Message::Release(release) = agent.next().await {
            assert_eq!(release.deletion_ids, [id]);
            break;
        }
    }
    let status = soon(client.cancel(cancel)).await.unwrap_err();
    assert_eq!(
        (code_of(&status).as_str(), status.code()),
        ("DELETION_ENDED", tonic::Code::FailedPrecondition)
    );
    running.stop().await;
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let dir = TestDir::new();
    let running = Running::start(dir.path()).await;
    let (mut agent, _) = FakeAgent::connect(&running, "ssvm-1").await;
    let mut client = running.deletions().await;
    let mut ids = Vec::new();
    for number in 0..7 {
        let key = if number % 2 == 0 { "even" } else { "" };
        let request =
            v1::TrackRequest { key: format!("{key}{number}"), ..track(SOURCE, &[&format!("f{number}")]) };
        ids.push(soon(client.track(request)).await.unwrap().into_inner().deletions[0].id.clone());
    }
    agent.absent(&ids[3]).await;
    ids.reverse();

    let mut listed = Vec::new();
    let mut request = v1::ListDeletionsRequest { store: SOURCE.into(), page_size: 3, ..Default::default() };
    loop {
        let page = soon(client.list(request.clone())).await.unwrap().into_inner();
        assert!(page.deletions.len() <= 3);
        listed.extend(page.deletions.into_iter().map(|row| row.id));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(listed, ids, "newest first, each once");

    let by_state = v1::ListDeletionsRequest { states: vec![State::Confirmed.into()], ..Default::default() };
    let page = soon(client.list(by_state.clone())).await.unwrap().into_inner();
    assert_eq!(page.deletions.iter().map(|row| row.path.as_str()).collect::<Vec<_>>(), ["f3"]);
    assert!(page.deletions[0].evidence.is_some());
    let by_key = v1::ListDeletionsRequest { key: "even4".into(), ..Default::default() };
    let page = soon(client.list(by_key)).await.unwrap().into_inner();
    assert_eq!(page.deletions.iter().map(|row| row.path.as_str()).collect::<Vec<_>>(), ["f4"]);

    let first = v1::ListDeletionsRequest { page_size: 1, ..Default::default() };
    let token = soon(client.list(first)).await.unwrap().into_inner().next_page_token;
    let of_another = v1::ListDeletionsRequest { page_token: token, ..by_state };
    assert_eq!(code_of(&soon(client.list(of_another)).await.unwrap_err()), "INVALID_ARGUMENT");
    running.stop().await;
}

fn clock_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}
