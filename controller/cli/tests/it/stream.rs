//! Streams: what they print, and how they break.

use crate::program::{Running, command_at, run_at};
use crate::samples::{STORE_ID, event, well};
use crate::server::{Script, Scripted, Step, error, say};
use tonic::Code;

#[test]
fn a_line_per_event() {
    let ran = run_at(&Scripted::start(well()), &["events", "tail"]);
    let line = "2025-10-09T08:53:20.000Z  condition_changed  5f1c0c5b  AVAILABLE to UNAVAILABLE\n";
    assert_eq!(ran.stdout, format!("41  {line}42  {line}"));
}

#[test]
fn a_line_per_change_of_a_store_or_deletion() {
    let controller = Scripted::start(well());
    let mut stores = Running::start(command_at(&controller, &["stores", "--watch"]));
    for _ in 0..2 {
        let line = stores.line();
        assert!(line.ends_with("Z  DEGRADED     nas1:/secondary  SLOW: statx took 2 s"), "{line}");
    }
    stores.child.kill().unwrap();
    stores.child.wait().unwrap();

    let mut deletions = Running::start(command_at(&controller, &["deletion", "watch"]));
    for _ in 0..2 {
        assert_eq!(deletions.line(), "12  FAILED     d1  d1.qcow2  STILL_PRESENT");
    }
    deletions.child.kill().unwrap();
    deletions.child.wait().unwrap();
}

#[test]
fn a_stream_that_never_ends_by_itself_and_ends_is_7() {
    let script = Script {
        watch_stores: say(Vec::new()),
        watch_deletions: say(Vec::new()),
        tail: say(vec![Step::Tell(event(42))]),
        ..well()
    };
    let controller = Scripted::start(script);
    for args in [&["stores", "--watch"][..], &["deletion", "watch"]] {
        let ran = run_at(&controller, args);
        assert_eq!(ran.code, 7, "{args:?}");
        assert!(ran.stderr.contains("it ended the stream [UNAVAILABLE]"), "{}", ran.stderr);
    }
    let ran = run_at(&controller, &["events", "tail", "--follow"]);
    assert_eq!(ran.code, 7);
    assert!(
        ran.stderr.ends_with("next: `storewarden events tail --since 42` goes on from there\n"),
        "{}",
        ran.stderr
    );
    assert!(ran.stdout.starts_with("42  "), "{}", ran.stdout);
}

#[test]
fn a_connection_that_breaks_is_7_with_the_cursor_to_resume_from() {
    let controller = Scripted::start(well());
    let mut running = Running::start(command_at(&controller, &["deletion", "watch"]));
    running.line();
    drop(controller);
    let ran = running.finish();
    assert_eq!(ran.code, 7, "{}", ran.stderr);
    assert!(ran.stderr.starts_with("error: lost the controller at http://127.0.0.1:"), "{}", ran.stderr);
    assert!(ran.stderr.contains("next: `storewarden deletion watch --since 12` goes on"), "{}", ran.stderr);
}

#[test]
fn a_slow_reader_resumes_from_the_cursor_it_was_told() {
    let slow = error(Code::ResourceExhausted, "SLOW_CONSUMER", &[("cursor", "77")]);
    let script = Script { tail: say(vec![Step::Tell(event(42)), Step::Fail(slow)]), ..well() };
    let controller = Scripted::start(script);
    let ran = run_at(&controller, &["events", "tail", "--follow"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("[SLOW_CONSUMER]\nnext: `storewarden events tail --since 77`"),
        "{}",
        ran.stderr
    );

    let ran = run_at(&controller, &["events", "tail", "--follow", "-o", "json"]);
    let told: serde_json::Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!(told["error"]["metadata"]["cursor"], "77");
    assert_eq!(ran.json()[0]["store_id"], STORE_ID, "what came before the error stands");
}
