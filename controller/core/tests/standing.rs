//! How stores stand when several agents see them: told through the public interface, as stories.

#![allow(clippy::unwrap_used, reason = "helpers of tests: a failure here is the test's failure")]

use storewarden_controller_core::{Action, Config, Controller, Event, Now, ReplyId, TrackOrder};
use storewarden_types::{
    AgentId, AgentMessage, Code, Condition, ControllerMessage, DeletionId, Epoch, Hello, InstanceId, Look,
    LookOutcome, Mono, MountDelta, MountKind, MountReport, Reason, Record, Restored, Seq, SessionId, StoreId,
    StorePath, StoreStatus, Wall, WatchStatus,
};

struct Desk {
    core: Controller,
    out: Vec<Action>,
}

fn now(ms: i64) -> Now {
    Now { mono: Mono(ms), wall: Wall(ms) }
}

fn agent(name: &str) -> AgentId {
    AgentId::parse(name).unwrap()
}

fn report(condition: Condition, codes: &[Code], evidence: Option<i64>) -> MountReport {
    MountReport {
        mount_point: "/mnt/a".into(),
        source: "server:/a".into(),
        fs_type: "nfs4".into(),
        kind: MountKind::Network,
        identity: None,
        condition,
        reasons: codes.iter().map(|c| Reason::new(*c, "m")).collect(),
        evidence: evidence.map(Mono),
        observations: Vec::new(),
        watch: WatchStatus::default(),
        stuck_workers: 0,
    }
}

impl Desk {
    fn new() -> Self {
        Self { core: Controller::new(Config::default(), Restored::default(), now(0)), out: Vec::new() }
    }

    fn event(&mut self, ms: i64, event: Event) -> Vec<Action> {
        self.core.handle(now(ms), event, &mut self.out);
        std::mem::take(&mut self.out)
    }

    fn hello(&mut self, ms: i64, session: u64, name: &str, next_seq: u64) -> Vec<Action> {
        let hello = Hello {
            agent: agent(name),
            instance: InstanceId(session),
            epoch: Epoch(1),
            next_seq: Seq(next_seq),
            host: "h".into(),
            version: "1".into(),
            mounts: vec![report(Condition::Unknown, &[Code::NotYetProbed], None)],
        };
        self.event(
            ms,
            Event::Agent { session: SessionId(session), message: AgentMessage::Hello(Box::new(hello)) },
        )
    }

    fn tell(&mut self, ms: i64, session: u64, rev: u64, report: MountReport) -> Vec<Action> {
        let delta = MountDelta::Changed(Box::new(report));
        self.event(
            ms,
            Event::Agent { session: SessionId(session), message: AgentMessage::Mount { rev, delta } },
        )
    }

    fn store(&mut self) -> std::sync::Arc<StoreStatus> {
        let id = StoreId::of(&agent("a"), "", "server:/a", true);
        self.core.view().stores[&id].clone()
    }

    fn stands(&mut self) -> (Condition, Vec<Code>) {
        let store = self.store();
        (store.condition, store.reasons.iter().map(|r| r.code).collect())
    }
}

#[test]
fn observers_who_agree_who_disagree_and_who_leave() {
    let mut desk = Desk::new();
    desk.hello(0, 1, "a", 1);
    assert_eq!(desk.stands(), (Condition::Unknown, vec![Code::NotYetProbed]));
    desk.tell(10, 1, 1, report(Condition::Available, &[], Some(10)));
    assert_eq!(desk.stands(), (Condition::Available, vec![]));
    // A second agent that has seen nothing yet changes nothing.
    desk.hello(20, 2, "b", 1);
    assert_eq!(desk.stands(), (Condition::Available, vec![]));
    // It sees something else: disputed, and both are named.
    desk.tell(30, 2, 1, report(Condition::Unavailable, &[Code::StaleHandle], Some(30)));
    assert_eq!(desk.stands(), (Condition::Unknown, vec![Code::Partial, Code::StaleHandle]));
    let told = desk.store().reasons[0].message.clone();
    assert!(told.contains("a says Available") && told.contains("b says Unavailable"), "{told}");
    // Usable and usable: the worse of the two.
    desk.tell(40, 2, 2, report(Condition::Degraded, &[Code::NoSpace], Some(40)));
    assert_eq!(desk.stands(), (Condition::Degraded, vec![Code::NoSpace]));
    // An older word that comes late is ignored.
    desk.tell(50, 2, 1, report(Condition::Unavailable, &[Code::StaleHandle], Some(30)));
    assert_eq!(desk.stands(), (Condition::Degraded, vec![Code::NoSpace]));
    // It leaves; when its evidence is too old it no longer counts.
    desk.event(60, Event::SessionGone(SessionId(2)));
    assert_eq!(desk.stands().0, Condition::Degraded);
    desk.tell(29_000, 1, 2, report(Condition::Available, &[], Some(29_000)));
    desk.event(30_100, Event::Wake);
    assert_eq!(desk.stands(), (Condition::Available, vec![]));
}

#[test]
fn silence_is_not_health() {
    let mut desk = Desk::new();
    desk.hello(0, 1, "a", 1);
    desk.tell(10, 1, 1, report(Condition::Available, &[], Some(10)));
    desk.event(15_000, Event::Agent { session: SessionId(1), message: AgentMessage::Heartbeat });
    desk.event(29_000, Event::Agent { session: SessionId(1), message: AgentMessage::Heartbeat });
    assert_eq!(desk.stands().0, Condition::Available);
    let wake = desk.core.next_wakeup().unwrap();
    assert!(wake <= Mono(30_011));
    let said = desk.event(30_011, Event::Wake);
    assert_eq!(desk.stands(), (Condition::Unknown, vec![Code::EvidenceExpired]));
    let recorded = said
        .iter()
        .any(|a| matches!(a, Action::Persist(Record::ConditionChanged { to: Condition::Unknown, .. })));
    assert!(recorded, "{said:?}");
    // Evidence from the future is evidence from now.
    desk.tell(30_020, 1, 2, report(Condition::Available, &[], Some(9_999_999)));
    assert_eq!(desk.store().evidence, Some(Mono(30_020)));
}

#[test]
fn a_silent_session_is_ended_and_a_newer_one_takes_over() {
    let mut desk = Desk::new();
    desk.hello(0, 1, "a", 1);
    let said = desk.event(15_000, Event::Wake);
    assert!(
        said.iter().any(|a| matches!(a, Action::Close { session: SessionId(1), code: Code::TimedOut, .. }))
    );
    desk.hello(15_010, 2, "a", 1);
    let said = desk.hello(15_020, 3, "a", 1);
    assert!(
        said.iter()
            .any(|a| matches!(a, Action::Close { session: SessionId(2), code: Code::SessionSuperseded, .. }))
    );
    // The older session's words are nobody's now.
    assert!(desk.tell(15_030, 2, 9, report(Condition::Available, &[], Some(15_030))).is_empty());
    assert_eq!(desk.stands().0, Condition::Unknown);
}

#[test]
fn an_outbox_from_an_old_image_is_refused() {
    let mut desk = Desk::new();
    desk.hello(0, 1, "a", 1);
    let fact = storewarden_types::Fact::Gap(storewarden_types::Gap {
        mount_point: "/mnt/a".into(),
        cause: storewarden_types::GapCause::Overflow,
        complete: true,
        missing: 0,
        present: 0,
        at: Wall(0),
        message: String::new(),
    });
    let facts = AgentMessage::Facts { first: Seq(1), items: vec![fact.clone(), fact] };
    let said = desk.event(5, Event::Agent { session: SessionId(1), message: facts });
    let ack = said.last().unwrap();
    assert!(
        matches!(ack, Action::Send { message: ControllerMessage::Ack { through: Seq(2) }, .. }),
        "{ack:?}"
    );
    let said = desk.hello(10, 2, "a", 2);
    let refused = said.iter().any(|a| {
        matches!(
            a,
            Action::Send { message: ControllerMessage::Refuse { code: Code::OutboxRolledBack, .. }, .. }
        )
    });
    assert!(refused, "{said:?}");
}

#[test]
fn an_agent_that_did_not_know_the_mount_is_asked_again() {
    let mut desk = Desk::new();
    desk.hello(0, 1, "a", 1);
    let store = StoreId::of(&agent("a"), "", "server:/a", true);
    let id = DeletionId::parse("00000000-0000-7000-8000-000000000001").unwrap();
    let order = TrackOrder {
        store,
        paths: vec![(id, StorePath::parse("x").unwrap())],
        deadline_ms: 60_000,
        key: String::new(),
        fingerprint: [0; 32],
        known: None,
    };
    let asks = |said: &[Action]| {
        said.iter().any(|a| matches!(a, Action::Send { message: ControllerMessage::Verify(_), .. }))
    };
    assert!(asks(&desk.event(10, Event::Track { reply: ReplyId(1), order })));
    let outcome =
        LookOutcome::Unverifiable { code: Code::Unobserved, detail: "is no mount of this agent".into() };
    let look = Look { outcome, began_at: Wall(20) };
    let message = AgentMessage::Look { deletion: id, rev: 1, look, began: Mono(20) };
    desk.event(20, Event::Agent { session: SessionId(1), message });
    assert!(asks(&desk.event(10_020, Event::Wake)));
}
