//! A disk that fills up under a serving controller: refused loudly, nothing acknowledged, and it goes on by itself when
//! there is space. Needs root for a small tmpfs of its own.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use storewarden_proto::v1;
use storewarden_types::{AgentMessage, Seq};
use support::agent::*;
use support::*;
use tonic::Status;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

struct SmallDisk(TestDir);

impl SmallDisk {
    fn mount() -> Self {
        let dir = TestDir::new();
        run(Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(dir.path()));
        Self(dir)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn fill(&self) {
        let mut file = std::fs::File::create(self.path().join("ballast")).unwrap();
        while file.write(&[1; 4096]).is_ok_and(|n| n > 0) {}
    }

    fn free(&self) {
        std::fs::remove_file(self.path().join("ballast")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        run(Command::new("umount").arg("-l").arg(self.path()));
    }
}

fn run(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}

async fn health(running: &Running, service: &str) -> ServingStatus {
    let request = HealthCheckRequest { service: service.into() };
    let mut client = HealthClient::new(running.channel().await);
    soon(client.check(request)).await.unwrap().into_inner().status()
}

/// Tells facts until the last page of the -wal file is used and the session ends without an acknowledgement; gives the
/// last place that was acknowledged, and how the session ended.
async fn tell_until_refused(agent: &mut FakeAgent) -> (u64, Status) {
    let mut told = 1;
    loop {
        let items = (0..200).map(|n| sighting(&format!("{n}/{}", "d".repeat(200)))).collect();
        agent.say(&AgentMessage::Facts { first: Seq(told + 1), items }).await;
        loop {
            match agent.hear().await {
                Ok(Some(v1::session_response::Message::Ack(ack))) => break told = ack.through_seq,
                Ok(other) => assert!(other.is_some(), "the session ended without a reason"),
                Err(status) => return (told, status),
            }
        }
    }
}

#[tokio::test]
async fn a_full_disk_is_refused_and_outlived() {
    if !is_root() {
        eprintln!("skipped: needs root to mount a small tmpfs");
        return;
    }
    let disk = SmallDisk::mount();
    let running = Running::start(disk.path()).await;
    let (mut agent, _) = FakeAgent::connect(&running, "ssvm-1").await;
    agent.facts(vec![sighting("a")]).await;
    let mut client = running.deletions().await;
    soon(client.track(track(SOURCE, &["before"]))).await.unwrap();
    let mut watch =
        soon(running.stores().await.watch(v1::WatchStoresRequest::default())).await.unwrap().into_inner();
    let version = soon(watch.message()).await.unwrap().unwrap().store.unwrap().version;

    disk.fill();
    let (told, status) = tell_until_refused(&mut agent).await;
    assert_eq!((code_of(&status).as_str(), status.code()), ("LEDGER_UNAVAILABLE", tonic::Code::Unavailable));
    // From now on everything that must be durable is refused. Reopening may succeed with the last free page and fail
    // with the next commit: it never pretends, so a request is refused whichever it is.
    for attempt in 0..20 {
        let paths: Vec<String> = (0..500).map(|n| format!("{attempt}-{n}/{}", "d".repeat(100))).collect();
        let request = v1::TrackRequest { paths, ..track(SOURCE, &[]) };
        let status = soon(client.track(request)).await.unwrap_err();
        assert_eq!(code_of(&status), "LEDGER_UNAVAILABLE");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    until("health says so", || async {
        (health(&running, "").await == ServingStatus::NotServing).then_some(())
    })
    .await;
    // What is recorded can be read meanwhile.
    let listed = soon(client.list(v1::ListDeletionsRequest::default())).await.unwrap().into_inner().deletions;
    assert_eq!(listed.iter().map(|row| row.path.as_str()).collect::<Vec<_>>(), ["before"]);

    disk.free();
    until("it serves again by itself", || async {
        (health(&running, "storewarden.v1.DeletionService").await == ServingStatus::Serving).then_some(())
    })
    .await;
    let (mut agent, welcome) = FakeAgent::connect_at(running.address, "ssvm-1", told + 1).await;
    assert_eq!(welcome.acked_seq, told, "exactly what was acknowledged is held");
    agent.ordered("before").await;
    agent.facts(vec![sighting("after")]).await;
    soon(client.track(track(SOURCE, &["after"]))).await.unwrap();
    let facts = running
        .tail(0)
        .await
        .into_iter()
        .filter(|e| matches!(e.event, Some(v1::event::Event::FactAccepted(_))));
    assert_eq!(facts.count() as u64, told + 1, "no fact twice");
    // Versions of stores never go back within one run, though the core was made anew.
    let later = soon(watch.message()).await.unwrap().unwrap().store.unwrap().version;
    assert!(later > version, "{later} after {version}");
    running.stop().await;
}
