//! A hand-rolled agent: speaks the Session RPC through the generated client, message by message, as a test says.

use super::{Running, channel, soon};
use std::net::SocketAddr;
use storewarden_proto::v1;
use storewarden_proto::v1::agent_service_client::AgentServiceClient;
use storewarden_proto::v1::session_response::Message;
use storewarden_types::*;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

pub const SOURCE: &str = "10.1.1.1:/export";
pub const MOUNT_POINT: &str = "/mnt/SecStorage/a";

pub fn agent_id(name: &str) -> AgentId {
    AgentId::parse(name).unwrap()
}

pub fn store_id() -> StoreId {
    StoreId::of(&agent_id("x"), MOUNT_POINT, SOURCE, true)
}

/// A mount of the store, proven and well, on evidence from `evidence` of the controller's clock.
pub fn report(evidence: Option<i64>) -> MountReport {
    MountReport {
        mount_point: MOUNT_POINT.into(),
        source: SOURCE.into(),
        fs_type: "nfs4".into(),
        kind: MountKind::Network,
        identity: Some(MountIdentity { root_handle: Some("01ff".into()), root_inode: None, file_id: None }),
        condition: if evidence.is_some() { Condition::Available } else { Condition::Unknown },
        reasons: if evidence.is_some() {
            Vec::new()
        } else {
            vec![Reason::new(Code::NotYetProbed, "no probe has answered yet")]
        },
        evidence: evidence.map(Mono),
        observations: Vec::new(),
        watch: WatchStatus::default(),
        stuck_workers: 0,
    }
}

pub fn evidence(agent: &str) -> Evidence {
    Evidence {
        agent: agent_id(agent),
        mount_point: MOUNT_POINT.into(),
        source: SOURCE.into(),
        fs_type: "nfs4".into(),
        kind: MountKind::Network,
        identity: MountIdentity { root_handle: Some("01ff".into()), root_inode: None, file_id: None },
        proof: ProofSummary { mount_id: 3, before: vec!["b".into()], after: vec!["a".into()], took_us: 5 },
        how: "statx: ENOENT; 3 entries listed".into(),
        began_at: Wall(5),
        ended_at: Wall(6),
        baseline: None,
        sightings: 1,
    }
}

pub fn sighting(path: &str) -> Fact {
    let items = vec![Sighting { path: path.into(), kind: SightingKind::Deleted, directory: false }];
    let source = SightingSource::Watch;
    Fact::Sightings(Sightings { mount_point: MOUNT_POINT.into(), source, items, at: Wall(3) })
}

/// One session of an agent.
pub struct FakeAgent {
    pub name: String,
    /// The controller's clock as last heard.
    pub clock: i64,
    pub next_seq: u64,
    rev: u64,
    out: mpsc::Sender<v1::SessionRequest>,
    heard: Streaming<v1::SessionResponse>,
}

pub fn hello(name: &str, next_seq: u64, mounts: Vec<MountReport>) -> Hello {
    Hello {
        agent: agent_id(name),
        instance: InstanceId(1),
        epoch: Epoch(77),
        next_seq: Seq(next_seq),
        host: format!("{name}.example"),
        version: "0.1.0".into(),
        mounts,
    }
}

impl FakeAgent {
    /// Opens a stream and says nothing yet.
    pub async fn silent(address: SocketAddr, name: &str) -> Result<Self, Status> {
        let (out, requests) = mpsc::channel(64);
        let mut client = AgentServiceClient::new(channel(address).await);
        let heard = soon(client.session(ReceiverStream::new(requests))).await?.into_inner();
        Ok(Self { name: name.into(), clock: 0, next_seq: 1, rev: 0, out, heard })
    }

    /// Opens a session with one mount of the store, not probed yet, and reads the Welcome.
    pub async fn connect(running: &Running, name: &str) -> (Self, v1::Welcome) {
        Self::connect_at(running.address, name, 1).await
    }

    /// The same with an outbox that goes on at `next_seq`.
    pub async fn connect_at(address: SocketAddr, name: &str, next_seq: u64) -> (Self, v1::Welcome) {
        let mut agent = Self::silent(address, name).await.unwrap();
        agent.next_seq = next_seq;
        agent.say(&AgentMessage::Hello(Box::new(hello(name, next_seq, vec![report(None)])))).await;
        match agent.next().await {
            Message::Welcome(welcome) => (agent, welcome),
            other => panic!("no Welcome but {other:?}"),
        }
    }

    pub async fn say(&self, message: &AgentMessage) {
        self.say_raw(v1::SessionRequest::from(message)).await;
    }

    pub async fn say_raw(&self, message: v1::SessionRequest) {
        soon(self.out.send(message)).await.unwrap();
    }

    /// The next message, or how the session ended.
    pub async fn hear(&mut self) -> Result<Option<Message>, Status> {
        loop {
            let Some(response) = soon(self.heard.message()).await? else { return Ok(None) };
            assert!(response.clock_ms >= self.clock, "the controller's clock went back");
            self.clock = response.clock_ms;
            match response.message {
                Some(Message::Heartbeat(_)) => {
                    let _ = self.out.send(v1::SessionRequest::from(&AgentMessage::Heartbeat)).await;
                }
                Some(message) => return Ok(Some(message)),
                None => panic!("an empty message"),
            }
        }
    }

    /// The next message but heartbeats, which are answered.
    pub async fn next(&mut self) -> Message {
        self.hear().await.unwrap().expect("the session ended")
    }

    /// Reports the mount as well, on evidence of now.
    pub async fn probe_ok(&mut self) {
        self.rev += 1;
        let delta = MountDelta::Changed(Box::new(report(Some(self.clock))));
        self.say(&AgentMessage::Mount { rev: self.rev, delta }).await;
    }

    /// Tells facts and waits until they are acknowledged.
    pub async fn facts(&mut self, items: Vec<Fact>) {
        let first = self.next_seq;
        self.next_seq += items.len() as u64;
        self.say(&AgentMessage::Facts { first: Seq(first), items }).await;
        self.acked(self.next_seq - 1).await;
    }

    /// Waits for the acknowledgement of this place.
    pub async fn acked(&mut self, through: u64) {
        loop {
            if let Message::Ack(ack) = self.next().await
                && ack.through_seq >= through
            {
                return;
            }
        }
    }

    /// Waits for an order to look for a path.
    pub async fn ordered(&mut self, path: &str) -> v1::VerifyOrder {
        loop {
            if let Message::Verify(orders) = self.next().await
                && let Some(order) = orders.orders.into_iter().find(|order| order.path == path)
            {
                return order;
            }
        }
    }

    /// Tells proof of absence.
    pub async fn absent(&mut self, deletion_id: &str) {
        let (deletion, evidence) = (DeletionId::parse(deletion_id).unwrap(), Box::new(evidence(&self.name)));
        self.facts(vec![Fact::Absent { deletion, evidence }]).await;
    }
}
