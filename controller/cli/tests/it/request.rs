//! What is sent: the arguments as the API takes them.

use crate::program::{command, finish, run_at, run_fed};
use crate::samples::{deletion, tracked, well};
use crate::server::{Script, Scripted, Seen, say};
use storewarden_proto::v1::track_request::Deadline;
use storewarden_proto::v1::{DeletionState, ListDeletionsRequest, ListDeletionsResponse, Operation};

#[test]
fn preflight_sends_its_spans_in_milliseconds() {
    for (args, max_age_ms, deadline_ms) in [
        (&[][..], 10_000, 3_000),
        (&["--max-age", "0s", "--deadline", "1m"], 0, 60_000),
        (&["--max-age", "1500ms", "--deadline", "2s"], 1_500, 2_000),
    ] {
        let seen = Seen::new();
        let script = Script { preflight: seen.by(well().preflight), ..well() };
        let base = ["preflight", "nas1:/secondary", "--operation", "copy"];
        assert_eq!(run_at(&Scripted::start(script), &[&base, args].concat()).code, 0);
        let sent = seen.only();
        assert_eq!((sent.max_age_ms, sent.deadline_ms), (Some(max_age_ms), Some(deadline_ms)));
        assert_eq!((sent.store.as_str(), sent.operation()), ("nas1:/secondary", Operation::Copy));
    }
}

#[test]
fn every_operation_has_its_word() {
    for (word, operation) in [
        ("create", Operation::Create),
        ("copy", Operation::Copy),
        ("delete", Operation::Delete),
        ("gc", Operation::Gc),
    ] {
        let seen = Seen::new();
        let script = Script { preflight: seen.by(well().preflight), ..well() };
        assert_eq!(run_at(&Scripted::start(script), &["preflight", "s", "--operation", word]).code, 0);
        assert_eq!(seen.only().operation(), operation);
    }
}

#[test]
fn track_sends_paths_of_arguments_and_list_in_order() {
    let seen = Seen::new();
    let script = Script { track: seen.by(say(tracked(&["d1", "d2", "d3"]))), ..well() };
    let args = ["deletion", "track", "s", "z", "--paths-from", "-", "--deadline", "2m", "--key", "run-7"];
    let ran = run_fed(&Scripted::start(script), &args, b"a b/c\n\nlast");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let sent = seen.only();
    assert_eq!(sent.paths, ["z", "a b/c", "last"]);
    assert_eq!(sent.deadline, Some(Deadline::DeadlineInMs(120_000)));
    assert_eq!((sent.store.as_str(), sent.key.as_str()), ("s", "run-7"));
    assert_eq!(
        ran.stdout.lines().next_back(),
        Some("3 deletions tracked, to end by 2025-10-09T08:54:20.000Z")
    );
}

#[test]
fn track_takes_a_list_from_a_file() {
    let file = std::env::temp_dir().join(format!("storewarden-paths-{}", std::process::id()));
    std::fs::write(&file, "a\nb\n").unwrap();
    let seen = Seen::new();
    let script = Script { track: seen.by(say(tracked(&["d1", "d2"]))), ..well() };
    let ran =
        run_at(&Scripted::start(script), &["deletion", "track", "s", "--paths-from", file.to_str().unwrap()]);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(seen.only().paths, ["a", "b"]);
    assert_eq!(seen.only().deadline, Some(Deadline::DeadlineInMs(60_000)));
}

#[test]
fn list_sends_its_filters() {
    let seen = Seen::new();
    let script = Script { deletions: seen.by(well().deletions), ..well() };
    let args = [
        "deletion",
        "list",
        "--state",
        "failed",
        "--state",
        "pending-silly-rename",
        "--store",
        "s",
        "--limit",
        "7",
    ];
    assert_eq!(run_at(&Scripted::start(script), &args).code, 0);
    let states = vec![DeletionState::Failed.into(), DeletionState::PendingSillyRename.into()];
    let expected = ListDeletionsRequest { states, store: "s".into(), page_size: 7, ..Default::default() };
    assert_eq!(seen.only(), expected);
}

/// Pages of two, for ever, each with the token of the next.
fn endless_pages() -> Script {
    let page = |request: ListDeletionsRequest| {
        let number: u32 = request.page_token.parse().unwrap_or(0);
        let rows = request.page_size.min(2);
        let ids = (0..rows).map(|row| deletion(&format!("d{number}-{row}"), DeletionState::Pending));
        Ok(ListDeletionsResponse { deletions: ids.collect(), next_page_token: (number + 1).to_string() })
    };
    Script { deletions: Box::new(page), ..well() }
}

#[test]
fn list_pages_by_itself_up_to_its_limit_and_says_what_it_left() {
    let seen = Seen::new();
    let script = Script { deletions: seen.by(endless_pages().deletions), ..well() };
    let controller = Scripted::start(script);
    let ran = run_at(&controller, &["deletion", "list", "--limit", "5"]);
    assert_eq!(ran.code, 0);
    assert_eq!(ran.stdout.lines().count(), 1 + 5, "{}", ran.stdout);
    assert_eq!(ran.stderr, "the newest 5 are shown; raise --limit to see more\n");
    let sent: Vec<_> = seen.all().into_iter().map(|sent| (sent.page_size, sent.page_token)).collect();
    assert_eq!(sent, [(5, String::new()), (3, "1".into()), (1, "2".into())]);

    let ran = run_at(&controller, &["deletion", "list", "--limit", "5", "-o", "json"]);
    let document = &ran.json()[0];
    assert_eq!(document["deletions"].as_array().unwrap().len(), 5);
    assert_eq!(document["next_page_token"], "3");
    assert_eq!(ran.stderr, "");
}

#[test]
fn list_does_not_turn_in_a_circle() {
    let empty = ListDeletionsResponse { deletions: Vec::new(), next_page_token: "again".into() };
    let ran = run_at(&Scripted::start(Script { deletions: say(empty), ..well() }), &["deletion", "list"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("a page is empty, and not the last"), "{}", ran.stderr);
}

#[test]
fn the_tail_begins_where_it_was_told() {
    for (args, since, follow) in [
        (&[][..], Some(0), false),
        (&["--since", "41"], Some(41), false),
        (&["--follow"], None, true),
        (&["--follow", "--since", "41"], Some(41), true),
    ] {
        let seen = Seen::new();
        let script = Script { tail: seen.by(well().tail), ..well() };
        run_at(&Scripted::start(script), &[&["events", "tail"], args].concat());
        assert_eq!((seen.only().since, seen.only().follow), (since, follow), "{args:?}");
    }
}

#[test]
fn the_option_goes_before_the_environment() {
    let controller = Scripted::start(well());
    let mut both = command(&["agents", "--controller", &controller.url()]);
    both.env("STOREWARDEN_CONTROLLER", "http://127.0.0.1:1");
    assert_eq!(finish(both.spawn().unwrap()).code, 0);
}
