//! Bad input, one fault at a time in an otherwise good message: which field is named, and what is said of it.

use super::arbitrary::Rng;
use crate::convert::{
    DecodeError, OBSERVATIONS_MAX, ORDERS_PER_MESSAGE_MAX, RELEASES_PER_MESSAGE_MAX, SEQ_MAX,
    SIGHTING_PATH_BYTES_MAX, decode_response,
};
use crate::v1;
use storewarden_types::limits::{
    DEADLINE_MS_MAX, FACTS_PER_MESSAGE_MAX, METRICS_PER_OBSERVATION_MAX, MOUNTS_PER_AGENT_MAX,
    PATH_BYTES_MAX, SIGHTINGS_PER_FACT_MAX,
};
use storewarden_types::{AgentMessage, Fact};

/// The value of the first seed for which `find` has one.
pub(super) fn first<T>(find: impl Fn(&mut Rng) -> Option<T>) -> T {
    (0..1000).find_map(|seed| find(&mut Rng::new(seed))).expect("one of 1000 seeds makes it")
}

fn hello() -> v1::Hello {
    first(|rng| match rng.agent_message() {
        AgentMessage::Hello(hello)
            if !hello.mounts.is_empty() && !hello.mounts[0].observations.is_empty() =>
        {
            Some(hello.as_ref().into())
        }
        _ => None,
    })
}

fn as_hello(hello: v1::Hello) -> Result<(), DecodeError> {
    let message = Some(v1::session_request::Message::Hello(hello));
    AgentMessage::try_from(v1::SessionRequest { message }).map(drop)
}

fn as_facts(first_seq: u64, items: Vec<v1::Fact>) -> Result<(), DecodeError> {
    let message = Some(v1::session_request::Message::Facts(v1::Facts { first_seq, items }));
    AgentMessage::try_from(v1::SessionRequest { message }).map(drop)
}

fn gap() -> v1::Fact {
    v1::Fact::from(&Fact::Gap(Rng::new(1).gap()))
}

fn order(path: &str) -> v1::VerifyOrder {
    v1::VerifyOrder {
        deletion_id: "01890a5d-ac96-774b-bcce-b302099a8057".into(),
        mount_point: "/m".into(),
        path: path.into(),
        due_in_ms: 1,
        baseline: None,
    }
}

fn as_orders(orders: Vec<v1::VerifyOrder>) -> Result<(), DecodeError> {
    let message = Some(v1::session_response::Message::Verify(v1::VerifyOrders { orders }));
    decode_response(v1::SessionResponse { clock_ms: 0, message }).map(drop)
}

/// Asserts that the error reads exactly so.
pub(super) fn says(result: Result<(), DecodeError>, want: &str) {
    assert_eq!(result.expect_err(want).to_string(), want);
}

/// A good Hello with one change.
fn hello_with(change: impl FnOnce(&mut v1::Hello)) -> Result<(), DecodeError> {
    let mut hello = hello();
    as_hello(hello.clone()).expect("good before the change");
    change(&mut hello);
    as_hello(hello)
}

#[test]
fn hellos() {
    says(hello_with(|h| h.epoch.truncate(15)), "hello.epoch: has 15 bytes; exactly 16 are wanted");
    says(hello_with(|h| h.epoch.push(0)), "hello.epoch: has 17 bytes; exactly 16 are wanted");
    says(
        hello_with(|h| h.agent_id = "a/b".into()),
        "hello.agent_id: agent id \"a/b\": may hold only letters, digits, '.', '_' and '-'",
    );
    says(hello_with(|h| h.agent_id.clear()), "hello.agent_id: agent id \"\": must have 1 to 128 characters");
    says(hello_with(|h| h.next_seq = 0), &format!("hello.next_seq: is 0; 1 to {SEQ_MAX} are allowed"));
    says(
        hello_with(|h| h.next_seq = u64::MAX),
        &format!("hello.next_seq: is {}; 1 to {SEQ_MAX} are allowed", u64::MAX),
    );
    says(
        hello_with(|h| h.mounts = vec![h.mounts[0].clone(); MOUNTS_PER_AGENT_MAX + 1]),
        "hello.mounts: has 257 items; at most 256 are allowed",
    );
    hello_with(|h| h.mounts = vec![h.mounts[0].clone(); MOUNTS_PER_AGENT_MAX]).expect("the bound itself");
}

#[test]
fn mounts() {
    let with = |change: fn(&mut v1::MountReport)| hello_with(|h| change(&mut h.mounts[0]));
    let at = "hello.mounts[0]";
    let too_long = PATH_BYTES_MAX + 1;
    says(with(|m| m.mount_point.clear()), &format!("{at}.mount_point: is required and absent"));
    says(with(|m| m.mount_point = "m".into()), &format!("{at}.mount_point: is not an absolute path"));
    says(with(|m| m.mount_point = "/a\0".into()), &format!("{at}.mount_point: holds a NUL byte"));
    says(
        with(|m| m.mount_point = format!("/{}", "m".repeat(PATH_BYTES_MAX))),
        &format!("{at}.mount_point: has {too_long} bytes; at most {PATH_BYTES_MAX} are allowed"),
    );
    says(
        with(|m| m.source = "s".repeat(PATH_BYTES_MAX + 1)),
        &format!("{at}.source: has {too_long} bytes; at most {PATH_BYTES_MAX} are allowed"),
    );
    says(with(|m| m.fs_type.clear()), &format!("{at}.fs_type: is required and absent"));
    says(with(|m| m.kind = 0), &format!("{at}.kind: holds the unknown value 0"));
    says(with(|m| m.kind = 99), &format!("{at}.kind: holds the unknown value 99"));
    says(with(|m| m.condition = -1), &format!("{at}.condition: holds the unknown value -1"));
    says(with(|m| m.watch = None), &format!("{at}.watch: is required and absent"));
    says(
        with(|m| m.identity = Some(v1::MountIdentity { root_birth_ns: 1, ..Default::default() })),
        &format!("{at}.identity.root_birth_ns: set without root_inode"),
    );
    says(
        with(|m| m.observations = vec![m.observations[0].clone(); OBSERVATIONS_MAX + 1]),
        &format!("{at}.observations: has 65 items; at most 64 are allowed"),
    );
    says(
        with(|m| m.reasons = vec![v1::Reason::default()]),
        &format!("{at}.reasons[0].code: is required and absent"),
    );
}

#[test]
fn metrics() {
    let metric = |value| v1::Metric { name: "x_seconds".into(), value };
    let with = |metrics| hello_with(|h| h.mounts[0].observations[0].metrics = metrics);
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        says(
            with(vec![metric(1.0), metric(value)]),
            "hello.mounts[0].observations[0].metrics[1].value: is not a finite number",
        );
    }
    with(vec![metric(1.0); METRICS_PER_OBSERVATION_MAX]).expect("the bound itself");
    says(
        with(vec![metric(1.0); METRICS_PER_OBSERVATION_MAX + 1]),
        "hello.mounts[0].observations[0].metrics: has 65 items; at most 64 are allowed",
    );
}

#[test]
fn facts() {
    says(as_facts(1, Vec::new()), "facts.items: is required and absent");
    as_facts(1, vec![gap(); FACTS_PER_MESSAGE_MAX]).expect("the bound itself");
    says(
        as_facts(1, vec![gap(); FACTS_PER_MESSAGE_MAX + 1]),
        "facts.items: has 257 items; at most 256 are allowed",
    );
    says(as_facts(0, vec![gap()]), &format!("facts.first_seq: is 0; 1 to {SEQ_MAX} are allowed"));
    as_facts(SEQ_MAX - 1, vec![gap(); 2]).expect("the last place there is");
    says(
        as_facts(SEQ_MAX, vec![gap(); 2]),
        &format!("facts.first_seq: is {SEQ_MAX}; 1 to {} are allowed", SEQ_MAX - 1),
    );
    says(as_facts(1, vec![gap(), v1::Fact { fact: None }]), "facts.items[1].fact: is required and absent");

    let baseline = v1::Baseline { deletion_id: "nope".into(), file: None };
    let fact = v1::Fact { fact: Some(v1::fact::Fact::Baseline(baseline)) };
    says(
        as_facts(1, vec![fact]),
        "facts.items[0].baseline.deletion_id: deletion id \"nope\": must be a UUID of 36 characters",
    );
}

#[test]
fn sightings() {
    let with = |items: Vec<v1::Sighting>| {
        let sightings = v1::Sightings { mount_point: "/m".into(), source: 1, items, at_ms: 0 };
        as_facts(1, vec![v1::Fact { fact: Some(v1::fact::Fact::Sightings(sightings)) }])
    };
    let item = |path: String| v1::Sighting { path, kind: 1, directory: false };
    let at = "facts.items[0].sightings.items";
    says(with(Vec::new()), &format!("{at}: is required and absent"));
    with(vec![item("p".into()); SIGHTINGS_PER_FACT_MAX]).expect("the bound itself");
    says(
        with(vec![item("p".into()); SIGHTINGS_PER_FACT_MAX + 1]),
        &format!("{at}: has 513 items; at most 512 are allowed"),
    );
    with(vec![item("\\xff".repeat(PATH_BYTES_MAX))]).expect("the longest path, no byte of it UTF-8");
    says(
        with(vec![item("p".repeat(SIGHTING_PATH_BYTES_MAX + 1))]),
        &format!("{at}[0].path: has 16381 bytes; at most 16380 are allowed"),
    );
}

#[test]
fn orders() {
    let with = |path: &str| as_orders(vec![order("ok"), order(path)]);
    let at = "verify.orders[1].path";
    says(with(""), &format!("{at}: the path is empty; a store's root cannot be tracked"));
    says(with("a/../b"), &format!("{at}: the path has a \"..\" component; write it without"));
    says(with("a\0b"), &format!("{at}: the path holds a NUL byte"));
    says(with(&"n/".repeat(2048)), &format!("{at}: the path has 4096 bytes; at most 4095 are possible"));
    says(
        with("/abs"),
        &format!(
            "{at}: the absolute path is not under a mount point of the store (a relative path is wanted here)"
        ),
    );
    as_orders(vec![order("p"); ORDERS_PER_MESSAGE_MAX]).expect("the bound itself");
    says(
        as_orders(vec![order("p"); ORDERS_PER_MESSAGE_MAX + 1]),
        "verify.orders: has 257 items; at most 256 are allowed",
    );
    let late = v1::VerifyOrder { due_in_ms: DEADLINE_MS_MAX + 1, ..order("p") };
    says(as_orders(vec![late]), "verify.orders[0].due_in_ms: is 604800001; 0 to 604800000 are allowed");
    // One character wrong, and one hyphen wrong, in ids of the right length.
    for bad in ["01890a5d-ac96-774b-bcce-b302099a805x", "01890a5dxac96-774b-bcce-b302099a8057"] {
        let wrong = v1::VerifyOrder { deletion_id: bad.into(), ..order("p") };
        says(
            as_orders(vec![wrong]),
            &format!("verify.orders[0].deletion_id: deletion id {bad:?}: must be a UUID"),
        );
    }
}

#[test]
fn responses() {
    use v1::session_response::Message;
    let with = |message| decode_response(v1::SessionResponse { clock_ms: 0, message }).map(drop);
    says(with(None), "message: is required and absent");
    let welcome = v1::Welcome { acked_seq: 0, heartbeat_ms: 0 };
    says(
        with(Some(Message::Welcome(welcome))),
        &format!("welcome.heartbeat_ms: is 0; 1 to {} are allowed", u64::MAX),
    );
    let release = v1::ReleaseOrders { deletion_ids: vec![order("p").deletion_id, "x".into()] };
    says(
        with(Some(Message::Release(release))),
        "release.deletion_ids[1]: deletion id \"x\": must be a UUID of 36 characters",
    );
    let release = v1::ReleaseOrders { deletion_ids: vec![String::new(); RELEASES_PER_MESSAGE_MAX + 1] };
    says(
        with(Some(Message::Release(release))),
        "release.deletion_ids: has 441506 items; at most 441505 are allowed",
    );
    let refuse = v1::Refuse { code: String::new(), message: "m".into() };
    says(with(Some(Message::Refuse(refuse))), "refuse.code: is required and absent");
}
