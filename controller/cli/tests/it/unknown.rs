//! Answers of a newer controller: what this version does not know is never success.

use crate::program::run_at;
use crate::samples::{deletion, store, well};
use crate::server::{Script, Scripted, Step, error, refuse, say};
use storewarden_proto::v1::{
    Deletion, DeletionState, Event, ListDeletionsResponse, ListStoresResponse, Store, TrackResponse,
};
use tonic::Code;

fn strange() -> Deletion {
    Deletion { state: 9, ..deletion("d1", DeletionState::Confirmed) }
}

#[test]
fn a_condition_of_next_year_is_a_failure() {
    let strange = Store { condition: 9, ..store() };
    let script = Script {
        stores: say(ListStoresResponse { stores: vec![store(), strange.clone()] }),
        store: say(strange.clone()),
        probe: say(Store { condition: 0, ..strange }),
        ..well()
    };
    let controller = Scripted::start(script);
    for args in [&["stores"][..], &["store", "show", "s"], &["probe", "s"]] {
        let ran = run_at(&controller, args);
        assert_eq!(ran.code, 1, "{args:?}");
        assert!(ran.stdout.contains("UNRECOGNISED("), "the answer is shown nevertheless: {}", ran.stdout);
    }
}

#[test]
fn a_state_of_next_year_is_a_failure() {
    let script = Script {
        deletion: say(strange()),
        deletions: say(ListDeletionsResponse { deletions: vec![strange()], ..Default::default() }),
        cancel: say(strange()),
        track: say(TrackResponse { deletions: vec![strange()], replayed: false }),
        ..well()
    };
    let controller = Scripted::start(script);
    for args in [
        &["deletion", "show", "d1"][..],
        &["deletion", "list"],
        &["deletion", "cancel", "d1"],
        &["deletion", "track", "s", "p"],
    ] {
        let ran = run_at(&controller, args);
        assert_eq!(ran.code, 1, "{args:?}");
        assert!(ran.stdout.contains("UNRECOGNISED(9)"), "{}", ran.stdout);
    }
}

#[test]
fn a_wait_that_ends_in_a_state_of_next_year_is_not_verified() {
    let unended = Deletion { ended_at_ms: None, ..strange() };
    for last in [strange(), unended] {
        let script = Script { wait: say(vec![Step::Tell(last)]), ..well() };
        let ran = run_at(&Scripted::start(script), &["deletion", "track", "s", "p", "--wait"]);
        assert_eq!(ran.code, 5, "{}", ran.stderr);
        assert!(ran.stdout.ends_with("1 deletion: 0 confirmed, 1 not understood (a newer controller?)\n"));
    }
}

#[test]
fn a_confirmed_without_evidence_is_not_verified() {
    let bare = Deletion { evidence: None, ..deletion("d1", DeletionState::Confirmed) };
    let novel = Deletion { code: "ABSENT_MAYBE".into(), ..deletion("d1", DeletionState::Confirmed) };
    for last in [bare, novel] {
        let script = Script { wait: say(vec![Step::Tell(last.clone())]), deletion: say(last), ..well() };
        let controller = Scripted::start(script);
        assert_eq!(run_at(&controller, &["deletion", "track", "s", "p", "--wait"]).code, 5);
        assert_eq!(run_at(&controller, &["deletion", "show", "d1"]).code, 1);
    }
}

#[test]
fn a_cancel_that_ended_otherwise_is_a_failure() {
    let script = Script { cancel: say(deletion("d1", DeletionState::Pending)), ..well() };
    assert_eq!(run_at(&Scripted::start(script), &["deletion", "cancel", "d1"]).code, 1);
}

#[test]
fn a_code_of_next_year_falls_back_on_its_status_and_is_told() {
    for (status, exit) in
        [(Code::NotFound, 4), (Code::AlreadyExists, 8), (Code::Aborted, 1), (Code::Unavailable, 7)]
    {
        let script = Script { deletion: refuse(error(status, "A_CODE_OF_NEXT_YEAR", &[])), ..well() };
        let ran = run_at(&Scripted::start(script), &["deletion", "show", "d1"]);
        assert_eq!(ran.code, exit);
        assert!(ran.stderr.contains("[A_CODE_OF_NEXT_YEAR]"), "{}", ran.stderr);
    }
}

#[test]
fn an_event_of_next_year_is_still_a_line() {
    let script = Script { tail: say(vec![Step::Tell(Event { cursor: 7, ..Default::default() })]), ..well() };
    let ran = run_at(&Scripted::start(script), &["events", "tail"]);
    assert_eq!(ran.code, 0);
    assert!(ran.stdout.starts_with("7  1970-01-01T00:00:00.000Z  unrecognised "), "{}", ran.stdout);
}
