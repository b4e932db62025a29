//! The session of a real agent process with a controller that the test plays: who comes, what is told, what is resumed.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod support;

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use storewarden_agent::outbox::Store;
use storewarden_proto::convert::encode_report;
use storewarden_proto::frame::encode_frame;
use storewarden_types::{AgentMessage, ControllerMessage, Fact, Seq, WorkerReport};
use support::controller::{Controller, Session};
use support::process::{Running, worker_script};
use support::{TempDir, Tmpfs, agent, sized_fact, wait_for};

/// What a worker would send, as a fact tells it.
fn report(fact: Fact) -> WorkerReport {
    match fact {
        Fact::Sightings(sightings) => WorkerReport::Sightings(sightings),
        other => panic!("{other:?} does not come from a worker"),
    }
}

/// An agent whose only worker sends sightings 1 to `count`, each of about `bytes`.
fn command(dir: &TempDir, controllers: &[&str], count: u64, bytes: usize) -> Command {
    std::fs::create_dir_all(dir.join("store")).unwrap();
    let mut frames =
        encode_frame(&encode_report(&WorkerReport::Ready { probes: vec![], faults: vec![] })).unwrap();
    for seq in 1..=count {
        frames.extend(encode_frame(&encode_report(&report(sized_fact(seq, bytes)))).unwrap());
    }
    std::fs::write(dir.join("frames"), frames).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_storewarden-agent"));
    for controller in controllers {
        command.args(["--controller", controller]);
    }
    command.arg("--worker").arg(dir.join("replay.sh")).arg("--mount").arg(dir.join("store"));
    command
}

/// Reads facts until `through`, checking that each is at its own place and none is left out after `after`.
async fn read_facts(session: &mut Session, after: u64, through: u64, bytes: usize) {
    let mut next = after + 1;
    while next <= through {
        match session.next().await.expect("the session lives") {
            AgentMessage::Facts { first, items } => {
                assert_eq!(first, Seq(next), "no hole and no leap back");
                for item in items {
                    assert_eq!(item, sized_fact(next, bytes));
                    next += 1;
                }
            }
            AgentMessage::Hello(_) => panic!("Hello comes once"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn the_living_one_of_several_controllers_is_found_and_told_everything() {
    let dir = TempDir::new();
    worker_script(&dir, "replay.sh");
    let mut controller = Controller::start().await;
    // Nobody listens at the first address.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let closed = format!("http://{closed}");
    let mut command = command(&dir, &[&closed, &controller.address], 20, 10);
    command.arg("--data").arg(dir.join("data")).args(["--agent-id", "ssvm-1"]);
    let running =
        tokio::task::spawn_blocking(move || Running::start(command.stderr(Stdio::null()))).await.unwrap();
    assert_eq!(running.agent, "ssvm-1");

    let mut session = controller.session().await;
    assert_eq!((session.hello.agent.as_str(), session.hello.host.is_empty()), ("ssvm-1", false));
    assert_eq!(session.hello.version, env!("CARGO_PKG_VERSION"));
    session.welcome(0).await;
    read_facts(&mut session, 0, 20, 10).await;
    let mut heartbeats = 0;
    while heartbeats < 2 {
        heartbeats += u32::from(session.next().await.expect("the session lives") == AgentMessage::Heartbeat);
    }

    // Half of it is acknowledged, then the connection breaks: the rest comes again, and only the rest.
    session.say(ControllerMessage::Ack { through: Seq(10) }).await;
    drop(session);
    let mut session = controller.session().await;
    assert_eq!(session.hello.next_seq, Seq(21));
    session.welcome(10).await;
    read_facts(&mut session, 10, 20, 10).await;

    // What the controller says it holds is believed, and trimmed.
    session.say(ControllerMessage::Ack { through: Seq(20) }).await;
    drop(session);
    let session = controller.session().await;
    let epoch = session.hello.epoch;
    tokio::task::spawn_blocking(|| running.stop("TERM")).await.unwrap();
    let store = Store::open(&dir.join("data"), None, || agent("x")).unwrap();
    let restored = store.restored().unwrap();
    assert_eq!((restored.next_seq, restored.acked, restored.epoch), (Seq(21), Seq(20), epoch));
}

#[tokio::test]
async fn a_backlog_of_big_facts_arrives_whole() {
    // 40 facts of 900 kB: more than one gRPC message may hold, and than is read from disk at once.
    let (count, bytes) = (40, 900_000);
    let dir = TempDir::new();
    worker_script(&dir, "replay.sh");
    let mut controller = Controller::start().await;
    let mut command = command(&dir, &[&controller.address], count, bytes);
    command.arg("--data").arg(dir.join("data"));
    let running =
        tokio::task::spawn_blocking(move || Running::start(command.stderr(Stdio::null()))).await.unwrap();
    let mut session = controller.session().await;
    session.welcome(0).await;
    read_facts(&mut session, 0, count, bytes).await;
    session.say(ControllerMessage::Ack { through: Seq(count) }).await;
    tokio::task::spawn_blocking(|| running.stop("INT")).await.unwrap();
}

#[tokio::test]
async fn when_recording_fails_everything_stops_and_starts_over_until_there_is_room() {
    let dir = TempDir::new();
    worker_script(&dir, "replay.sh");
    let disk = dir.join("disk");
    std::fs::create_dir(&disk).unwrap();
    let tmpfs = Tmpfs::mount(&disk, "size=1m");
    let mut controller = Controller::start().await;
    let (count, bytes) = (30, 100_000);
    let mut command = command(&dir, &[&controller.address], count, bytes);
    let log = std::fs::File::create(dir.join("log")).unwrap();
    command.arg("--data").arg(disk.join("data")).stderr(log);
    let mut running = tokio::task::spawn_blocking(move || Running::start(&mut command)).await.unwrap();

    let told = || std::fs::read_to_string(dir.join("log")).unwrap();
    wait_for("the failure to be told", || {
        told().contains("starting over from what is durable").then_some(())
    });
    assert!(told().contains("cannot write the outbox") && told().contains("full"), "{}", told());
    assert!(running.is_alive());
    tmpfs.remount("size=64m");

    // The next life goes on with the same outbox: what it kept is told first, then what its own worker sends anew.
    // Sessions of lives that still failed may come first; they end by themselves.
    let kept = loop {
        let mut session = controller.session().await;
        session.welcome(0).await;
        let kept = session.hello.next_seq.0 - 1;
        if kept > 0 && count_places(&mut session, kept + count).await {
            break kept;
        }
    };
    assert!(kept < count, "{kept} facts fit on a full disk");
    let epochs: BTreeSet<String> = told().split("epoch=").skip(1).map(|rest| rest[..32].to_owned()).collect();
    assert_eq!(epochs.len(), 1, "one outbox, one epoch: {epochs:?}");
    tokio::task::spawn_blocking(|| running.stop("TERM")).await.unwrap();
}

/// Whether facts come at every place from 1 through `through` before the session ends.
async fn count_places(session: &mut Session, through: u64) -> bool {
    let mut next = 1;
    while next <= through {
        match session.next().await {
            Some(AgentMessage::Facts { first, items }) => {
                assert_eq!(first, Seq(next), "no hole and no leap back");
                next += items.len() as u64;
            }
            Some(_) => {}
            None => return false,
        }
    }
    true
}
