//! Every bad input that the .proto comments name, with its stable code, over real gRPC.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use storewarden_proto::v1;
use storewarden_proto::v1::deletion_service_client::DeletionServiceClient;
use storewarden_proto::v1::track_request::Deadline;
use storewarden_types::limits::*;
use storewarden_types::{AgentMessage, MountKind};
use support::agent::*;
use support::*;
use tonic::transport::Channel;

/// A controller with the store of `support::agent`, and another one at the same mount point of another agent.
async fn fixture() -> (TestDir, Running, Vec<FakeAgent>) {
    let dir = TestDir::new();
    let running = Running::start(dir.path()).await;
    let (first, _) = FakeAgent::connect(&running, "ssvm-1").await;
    let mut second = FakeAgent::silent(running.address, "ssvm-2").await.unwrap();
    let mut elsewhere = report(None);
    elsewhere.source = "10.9.9.9:/other".into();
    let mut local = report(None);
    (local.mount_point, local.source, local.kind) = ("/data".into(), "/dev/sdb".into(), MountKind::Local);
    second.say(&AgentMessage::Hello(Box::new(hello("ssvm-2", 1, vec![elsewhere, local])))).await;
    second.next().await;
    (dir, running, vec![first, second])
}

async fn track_code(client: &DeletionServiceClient<Channel>, request: v1::TrackRequest) -> String {
    code_of(&soon(client.clone().track(request)).await.unwrap_err())
}

#[tokio::test]
async fn track_refuses_with_the_right_code() {
    let (_dir, running, _agents) = fixture().await;
    let client = running.deletions().await;
    let with = |change: &dyn Fn(&mut v1::TrackRequest)| {
        let mut request = track(SOURCE, &["ok"]);
        change(&mut request);
        request
    };
    let paths = |paths: Vec<String>| with(&|request| request.paths.clone_from(&paths));
    let path = |path: &str| track(SOURCE, &["ok", path]);
    let deadline = |deadline| with(&|request| request.deadline = Some(deadline));
    let many = |count: usize| (0..count).map(|n| format!("f{n}")).collect::<Vec<_>>();
    let long: Vec<String> =
        (0..=TRACK_BYTES_MAX / 4000).map(|n| format!("{n}/{}", "d/".repeat(2000))).collect();
    let cases = [
        (track("", &["a"]), "INVALID_ARGUMENT"),
        (track("10.1.1.1:/nothing", &["a"]), "STORE_UNKNOWN"),
        (track(MOUNT_POINT, &["a"]), "STORE_AMBIGUOUS"),
        (paths(Vec::new()), "INVALID_ARGUMENT"),
        (paths(many(TRACK_PATHS_MAX + 1)), "BATCH_TOO_LARGE"),
        (paths(long), "BATCH_TOO_LARGE"),
        (path(""), "PATH_INVALID"),
        (path("/"), "PATH_OUTSIDE_STORE"),
        (path("a/../b"), "PATH_INVALID"),
        (path("./a"), "PATH_INVALID"),
        (path("a\0b"), "PATH_INVALID"),
        (path(&"n".repeat(NAME_BYTES_MAX + 1)), "PATH_INVALID"),
        (path(&"n/".repeat(2048)), "PATH_INVALID"),
        (path(MOUNT_POINT), "PATH_INVALID"),
        (path("/elsewhere/a"), "PATH_OUTSIDE_STORE"),
        (path(&format!("{MOUNT_POINT}2/a")), "PATH_OUTSIDE_STORE"),
        (path(".storewarden/identity"), "PATH_RESERVED"),
        (path(&format!("{MOUNT_POINT}/.storewarden")), "PATH_RESERVED"),
        (path("ok"), "INVALID_ARGUMENT"),
        (path("ok/"), "INVALID_ARGUMENT"),
        (path(&format!("{MOUNT_POINT}/ok")), "INVALID_ARGUMENT"),
        (deadline(Deadline::DeadlineInMs(0)), "DEADLINE_EXPIRED"),
        (deadline(Deadline::DeadlineInMs(DEADLINE_MS_MAX + 1)), "DEADLINE_TOO_FAR"),
        (deadline(Deadline::DeadlineAtMs(1)), "DEADLINE_EXPIRED"),
        (deadline(Deadline::DeadlineAtMs(i64::MAX)), "DEADLINE_TOO_FAR"),
        (with(&|request| request.key = "k".repeat(KEY_BYTES_MAX + 1)), "INVALID_ARGUMENT"),
    ];
    for (request, code) in cases {
        let shown = format!("{request:.300?}");
        assert_eq!(track_code(&client, request).await, code, "{}", &shown[..shown.len().min(300)]);
    }
    let listed = soon(running.deletions().await.list(v1::ListDeletionsRequest::default())).await.unwrap();
    assert_eq!(listed.into_inner().deletions, [], "nothing of a refused request was accepted");

    // At its bounds everything is accepted.
    let most = v1::TrackRequest { key: "k".repeat(KEY_BYTES_MAX), ..paths(many(TRACK_PATHS_MAX)) };
    let deepest = format!("{}{}", "n/".repeat(2047), "n");
    let longest = v1::TrackRequest {
        deadline: Some(Deadline::DeadlineInMs(DEADLINE_MS_MAX)),
        ..track(&store_id().to_string(), &[&deepest, &"n".repeat(NAME_BYTES_MAX)])
    };
    let tracked = soon(client.clone().track(most)).await.unwrap().into_inner();
    assert_eq!(tracked.deletions.len(), TRACK_PATHS_MAX);
    assert!(
        tracked.deletions.iter().zip(many(TRACK_PATHS_MAX)).all(|(row, path)| row.path == path),
        "in order"
    );
    assert_eq!(soon(client.clone().track(longest)).await.unwrap().into_inner().deletions.len(), 2);
    running.stop().await;
}

#[tokio::test]
async fn more_pending_than_allowed_is_overloaded() {
    let dir = TestDir::new();
    let mut config = config(dir.path());
    config.core.pending_max = 3;
    let running = Running::start_with(config).await;
    let (_agent, _) = FakeAgent::connect(&running, "ssvm-1").await;
    let client = running.deletions().await;
    soon(client.clone().track(track(SOURCE, &["a", "b"]))).await.unwrap();
    assert_eq!(track_code(&client, track(SOURCE, &["c", "d"])).await, "OVERLOADED");
    soon(client.clone().track(track(SOURCE, &["c"]))).await.unwrap();
    running.stop().await;
}

#[tokio::test]
async fn the_other_methods_refuse_with_the_right_code() {
    let (_dir, running, _agents) = fixture().await;
    let (deletions, stores, events) =
        (running.deletions().await, running.stores().await, running.events().await);
    let unknown = "0198c0de-0000-7000-8000-000000000000";

    let get = |id: &str| v1::GetDeletionRequest { id: id.into() };
    for id in ["", "nonsense", unknown] {
        let status = soon(deletions.clone().get(get(id))).await.unwrap_err();
        assert_eq!((code_of(&status).as_str(), status.code()), ("DELETION_UNKNOWN", tonic::Code::NotFound));
        let cancel = v1::CancelDeletionRequest { id: id.into() };
        assert_eq!(code_of(&soon(deletions.clone().cancel(cancel)).await.unwrap_err()), "DELETION_UNKNOWN");
    }
    let awaits = [
        (Vec::new(), "INVALID_ARGUMENT"),
        (vec![unknown.to_owned()], "DELETION_UNKNOWN"),
        (vec!["x".to_owned()], "DELETION_UNKNOWN"),
        (vec![unknown.to_owned(); TRACK_PATHS_MAX + 1], "BATCH_TOO_LARGE"),
    ];
    for (ids, code) in awaits {
        let request = v1::AwaitDeletionsRequest { ids };
        assert_eq!(code_of(&soon(deletions.clone().r#await(request)).await.unwrap_err()), code);
    }
    let list = v1::ListDeletionsRequest::default;
    let lists = [
        (v1::ListDeletionsRequest { states: vec![0], ..list() }, "INVALID_ARGUMENT"),
        (v1::ListDeletionsRequest { states: vec![99], ..list() }, "INVALID_ARGUMENT"),
        (v1::ListDeletionsRequest { page_size: 1001, ..list() }, "INVALID_ARGUMENT"),
        (v1::ListDeletionsRequest { page_token: "x".into(), ..list() }, "INVALID_ARGUMENT"),
        (v1::ListDeletionsRequest { store: unknown.into(), ..list() }, "STORE_UNKNOWN"),
        (v1::ListDeletionsRequest { store: MOUNT_POINT.into(), ..list() }, "STORE_AMBIGUOUS"),
    ];
    for (request, code) in lists {
        assert_eq!(code_of(&soon(deletions.clone().list(request)).await.unwrap_err()), code);
    }
    let watch = v1::WatchDeletionsRequest { store: String::new(), since: Some(1 << 40) };
    let status = soon(deletions.clone().watch(watch)).await.unwrap_err();
    assert_eq!((code_of(&status).as_str(), status.code()), ("CURSOR_INVALID", tonic::Code::OutOfRange));

    let tail = v1::TailRequest::default;
    let tails = [
        (v1::TailRequest { since: Some(u64::MAX), ..tail() }, "CURSOR_INVALID"),
        (v1::TailRequest { kinds: vec!["nonsense".into()], ..tail() }, "INVALID_ARGUMENT"),
        (v1::TailRequest { store: "nonsense".into(), ..tail() }, "STORE_UNKNOWN"),
    ];
    for (request, code) in tails {
        assert_eq!(code_of(&soon(events.clone().tail(request)).await.unwrap_err()), code);
    }
    for (store, code) in
        [("", "INVALID_ARGUMENT"), ("nonsense", "STORE_UNKNOWN"), (MOUNT_POINT, "STORE_AMBIGUOUS")]
    {
        let get = v1::GetStoreRequest { store: store.into() };
        assert_eq!(code_of(&soon(stores.clone().get(get)).await.unwrap_err()), code);
        let probe = v1::ProbeNowRequest { store: store.into(), deadline_ms: None };
        assert_eq!(code_of(&soon(stores.clone().probe_now(probe)).await.unwrap_err()), code);
        let preflight = v1::PreflightRequest { store: store.into(), operation: 1, ..Default::default() };
        assert_eq!(code_of(&soon(stores.clone().preflight(preflight)).await.unwrap_err()), code);
    }
    let ask = |operation, deadline_ms| v1::PreflightRequest {
        store: SOURCE.into(),
        operation,
        max_age_ms: None,
        deadline_ms,
    };
    for request in [ask(0, None), ask(99, None), ask(1, Some(PREFLIGHT_DEADLINE_MS_MAX + 1))] {
        assert_eq!(code_of(&soon(stores.clone().preflight(request)).await.unwrap_err()), "INVALID_ARGUMENT");
    }
    running.stop().await;
}

/// What no generated client can send: bytes that are no message, and a message beyond all size.
#[tokio::test]
async fn what_grpc_itself_refuses_has_a_code_too() {
    let (_dir, running, _agents) = fixture().await;
    // `key` (field 5) of TrackRequest on the wire is a string; as ListDeletionsRequest.page_token (field 5) it is one,
    // too. A Heartbeat-like unknown message cannot break it, so the store field is sent as bytes that are not UTF-8
    // through a message that has bytes there: Hello.epoch is field 3 and bytes; GetDeletionRequest.id is field 1.
    let channel = running.channel().await;
    let mut grpc = tonic::client::Grpc::new(channel);
    soon(grpc.ready()).await.unwrap();
    let path = tonic::codegen::http::uri::PathAndQuery::from_static("/storewarden.v1.DeletionService/Get");
    let bad = v1::AgentSeen { epoch: vec![0xff, 0xfe], ..Default::default() };
    let codec = tonic_prost_codec::<v1::AgentSeen, v1::Deletion>();
    let status = soon(grpc.unary(tonic::Request::new(bad), path, codec)).await.unwrap_err();
    assert_eq!(
        (code_of(&status).as_str(), status.code()),
        ("INVALID_ARGUMENT", tonic::Code::InvalidArgument)
    );

    let huge = v1::TrackRequest { paths: vec!["x".repeat(MESSAGE_BYTES_MAX)], ..track(SOURCE, &[]) };
    assert_eq!(track_code(&running.deletions().await, huge).await, "BATCH_TOO_LARGE");
    running.stop().await;
}

fn tonic_prost_codec<T, U>() -> tonic_prost::ProstCodec<T, U>
where
    T: prost::Message + 'static,
    U: prost::Message + Default + 'static,
{
    tonic_prost::ProstCodec::default()
}
