//! `-o json`: every command's answers and errors parse, and hold what they should.

use crate::exit::ENDING;
use crate::program::{Running, command_at, run, run_at};
use crate::samples::{STORE_ID, decided, well};
use crate::server::{Script, Scripted, error, refuse, say};
use serde_json::Value;
use storewarden_proto::v1::Decision;
use tonic::Code;

fn answers(args: &[&str]) -> Vec<Value> {
    let ran = run_at(&Scripted::start(well()), &[args, &["-o", "json"]].concat());
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{args:?}");
    ran.json()
}

fn answer(args: &[&str]) -> Value {
    let mut all = answers(args);
    assert_eq!(all.len(), 1, "{args:?}");
    all.remove(0)
}

#[test]
fn every_command_that_ends_writes_objects() {
    for args in ENDING {
        let all = answers(args);
        assert!(!all.is_empty() && all.iter().all(Value::is_object), "{args:?}");
    }
}

#[test]
fn stores_and_agents() {
    let stores = answer(&["stores"]);
    assert_eq!(stores["stores"][0]["condition"], "CONDITION_DEGRADED");
    assert_eq!(stores["stores"][0]["evidence_age_ms"], "2400");
    for args in [&["store", "show", "s"][..], &["probe", "s"]] {
        let store = answer(args);
        assert_eq!(store["id"], STORE_ID);
        assert_eq!(store["mounts"][0]["report"]["stuck_workers"], 0);
        assert_eq!(store["mounts"][0]["report"]["observations"], Value::Array(Vec::new()));
    }
    assert_eq!(answer(&["agents"])["agents"][0]["id"], "ssvm-1");
}

#[test]
fn a_denial_is_an_answer() {
    let script = Script { preflight: say(decided(Decision::Deny.into())), ..well() };
    let ran = run_at(&Scripted::start(script), &["-o", "json", "preflight", "s", "--operation", "copy"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (3, ""));
    assert_eq!(ran.json()[0]["decision"], "DECISION_DENY");
    assert_eq!(ran.json()[0]["reasons"][0]["code"], "SLOW");
}

#[test]
fn deletions() {
    let tracked = answer(&["deletion", "track", "s", "p"]);
    assert_eq!(tracked["deletions"][0]["state"], "DELETION_STATE_PENDING");
    assert_eq!(tracked["replayed"], false);
    let shown = answer(&["deletion", "show", "d1"]);
    assert_eq!(shown["evidence"]["how"], "statx ENOENT");
    assert_eq!(answer(&["deletion", "list"])["next_page_token"], "");
    assert_eq!(answer(&["deletion", "cancel", "d1"])["state"], "DELETION_STATE_UNKNOWN");
}

#[test]
fn a_wait_writes_the_request_s_answer_then_each_change() {
    let lines = answers(&["deletion", "track", "s", "p", "--wait"]);
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0]["deletions"][0]["id"], "d1");
    assert_eq!(lines[1]["state"], "DELETION_STATE_PENDING");
    assert_eq!(lines[2]["state"], "DELETION_STATE_CONFIRMED");
}

#[test]
fn streams_are_lines() {
    let events = answers(&["events", "tail"]);
    assert_eq!(events.iter().map(|event| &event["cursor"]).collect::<Vec<_>>(), ["41", "42"]);
    assert_eq!(events[0]["condition_changed"]["to"], "CONDITION_UNAVAILABLE");

    let controller = Scripted::start(well());
    for (args, pointer, value) in [
        (&["-o", "json", "stores", "--watch"][..], "/store/id", STORE_ID),
        (&["-o", "json", "deletion", "watch"], "/deletion/id", "d1"),
    ] {
        let mut running = Running::start(command_at(&controller, args));
        for _ in 0..2 {
            let line: Value = serde_json::from_str(&running.line()).unwrap();
            assert_eq!(line.pointer(pointer).unwrap(), value);
        }
        running.close_stdout();
        assert_eq!(running.finish().code, 0);
    }
}

#[test]
fn errors_have_their_four_fields() {
    let status = error(Code::NotFound, "STORE_UNKNOWN", &[("store", "nas9")]);
    let script = Script { preflight: refuse(status), ..well() };
    let ran = run_at(&Scripted::start(script), &["preflight", "nas9", "--operation", "gc", "-o", "json"]);
    assert_eq!(ran.code, 4);
    let told = ran.json_error();
    assert_eq!(told["code"], "STORE_UNKNOWN");
    assert_eq!(told["message"], "the script says STORE_UNKNOWN");
    assert_eq!(told["status"], "NOT_FOUND");
    assert_eq!(told["metadata"]["store"], "nas9");
}

#[test]
fn errors_of_this_side_are_json_too() {
    for (args, exit, status) in [
        (&["-o", "json", "--controller", "127.0.0.1:1", "stores"][..], 7, "UNAVAILABLE"),
        (&["preflight", "s", "-o", "json"], 2, "INVALID_ARGUMENT"),
        (&["-ojson"], 2, "INVALID_ARGUMENT"),
        (&["-o", "json", "deletion", "track", "s", "--paths-from", "/dev/null"], 2, "INVALID_ARGUMENT"),
    ] {
        let ran = run(args);
        assert_eq!(ran.code, exit, "{args:?}");
        assert_eq!(ran.json_error()["status"], status, "{args:?}");
    }
}
