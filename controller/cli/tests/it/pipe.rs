//! Readers that leave early, as `head` does.

use crate::program::{Running, code, command_at};
use crate::samples::{decided, deletion, event, well};
use crate::server::{Script, Scripted, Step, say};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use storewarden_proto::v1::{Decision, DeletionState, ListDeletionsResponse};

/// The writing end of a pipe that nobody reads.
fn unread() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    OwnedFd::from(writer).into()
}

fn code_unread(script: Script, args: &[&str]) -> (i32, String) {
    let controller = Scripted::start(script);
    let mut command = command_at(&controller, args);
    let ran = crate::program::finish(command.stdout(unread()).spawn().unwrap());
    (ran.code, ran.stderr)
}

#[test]
fn a_long_answer_cut_short_ends_quietly_with_0() {
    let events = (1..=20_000).map(|cursor| Step::Tell(event(cursor))).collect::<Vec<_>>();
    let controller = Scripted::start(Script { tail: say(events), ..well() });
    let mut running = Running::start(command_at(&controller, &["events", "tail"]));
    assert!(running.line().starts_with("1  "));
    running.close_stdout();
    let ran = running.finish();
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
}

#[test]
fn an_idle_stream_ends_when_its_reader_leaves() {
    let controller = Scripted::start(well());
    for args in [&["stores", "--watch"][..], &["deletion", "watch"]] {
        let mut running = Running::start(command_at(&controller, args));
        running.line();
        running.line();
        // The script hangs from here on: nothing will ever be written again.
        running.close_stdout();
        let ran = running.finish();
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{args:?}");
    }
}

#[test]
fn answers_that_nobody_reads_are_no_failure() {
    let row = deletion("d1", DeletionState::Pending);
    let rows = ListDeletionsResponse { deletions: vec![row; 1000], ..Default::default() };
    for format in ["table", "json"] {
        let script = Script { deletions: say(rows.clone()), ..well() };
        assert_eq!(code_unread(script, &["deletion", "list", "-o", format]), (0, String::new()));
    }
}

#[test]
fn a_gate_that_nobody_reads_still_denies() {
    let script = Script { preflight: say(decided(Decision::Deny.into())), ..well() };
    assert_eq!(code_unread(script, &["preflight", "s", "--operation", "gc"]), (3, String::new()));
}

#[test]
fn a_wait_that_nobody_reads_still_tells_the_truth() {
    let failed = vec![Step::Tell(deletion("d1", DeletionState::Failed))];
    let wait = ["-o", "json", "deletion", "track", "s", "p", "--wait"];
    assert_eq!(code_unread(Script { wait: say(failed), ..well() }, &wait), (5, String::new()));
    assert_eq!(code_unread(well(), &wait), (0, String::new()));
}

#[test]
fn help_into_a_closed_pipe_does_no_harm() {
    let mut child = crate::program::command(&["--help"]).stdout(unread()).spawn().unwrap();
    assert_eq!(code(&mut child), 0);
}

#[test]
fn a_full_disk_is_a_failure() {
    let controller = Scripted::start(well());
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = command_at(&controller, &["agents"]);
    let ran = crate::program::finish(command.stdout(full).spawn().unwrap());
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.starts_with("error: cannot write the answer: No space left"), "{}", ran.stderr);
}
