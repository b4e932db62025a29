//! Every exit code, from the answers that lead to it.

use crate::program::{Ran, run, run_at, run_fed};
use crate::samples::{self, decided, deletion, well};
use crate::server::{Script, Scripted, Step, error, refuse, say};
use std::net::{Ipv4Addr, TcpListener};
use storewarden_proto::v1::{Decision, DeletionState};
use tonic::{Code, Status};

fn code(script: Script, args: &[&str]) -> i32 {
    run_at(&Scripted::start(script), args).code
}

/// Every command that ends, against answers that one would like.
pub(crate) const ENDING: &[&[&str]] = &[
    &["stores"],
    &["store", "show", "nas1:/secondary"],
    &["preflight", "nas1:/secondary", "--operation", "delete"],
    &["probe", "nas1:/secondary"],
    &["agents"],
    &["deletion", "track", "nas1:/secondary", "a.qcow2"],
    &["deletion", "track", "nas1:/secondary", "a.qcow2", "--wait"],
    &["deletion", "show", "d1"],
    &["deletion", "list"],
    &["deletion", "cancel", "d1"],
    &["events", "tail"],
];

#[test]
fn done_is_0() {
    let controller = Scripted::start(well());
    for args in ENDING {
        let Ran { code, stdout, stderr } = run_at(&controller, args);
        assert_eq!(code, 0, "{args:?}: {stderr}");
        assert!(!stdout.is_empty(), "{args:?}");
        assert!(!stdout.contains('\x1b'), "{args:?} colours a pipe: {stdout:?}");
    }
}

#[test]
fn a_failure_of_the_controller_is_1() {
    for status in [
        error(Code::Internal, "INTERNAL", &[]),
        error(Code::Unavailable, "LEDGER_UNAVAILABLE", &[]),
        error(Code::ResourceExhausted, "OVERLOADED", &[]),
        Status::data_loss("no code at all"),
    ] {
        let script = Script { track: refuse(status), ..well() };
        assert_eq!(code(script, &["deletion", "track", "s", "p"]), 1);
    }
}

#[test]
fn an_older_controller_is_1_and_named() {
    let ran = run_at(&Scripted::start(Script::default()), &["agents"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("[UNIMPLEMENTED]\nnext: the controller is older"), "{}", ran.stderr);
}

#[test]
fn an_answer_for_other_paths_is_1() {
    let script = Script { track: say(samples::tracked(&["d1", "d2"])), ..well() };
    let ran = run_at(&Scripted::start(script), &["deletion", "track", "s", "only-one", "--wait"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("1 paths were sent, 2 deletions came back"), "{}", ran.stderr);
}

#[test]
fn a_list_that_cannot_be_read_is_1() {
    let ran = run(&["deletion", "track", "s", "--paths-from", "/nonexistent/list"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.starts_with("error: cannot read paths from /nonexistent/list: No such file"),
        "{}",
        ran.stderr
    );
}

#[test]
fn usage_is_2() {
    for args in [
        &[][..],
        &["deletion"],
        &["no-such-command"],
        &["preflight", "s"],
        &["preflight", "s", "--operation", "mount"],
        &["preflight", "s", "--operation", "gc", "--max-age", "10"],
        &["deletion", "track", "s"],
        &["deletion", "list", "--limit", "0"],
        &["stores", "--controller", "https://c:1"],
        &["stores", "--connect-timeout", "0s"],
        &["deletion", "track", "s", "--paths-from", "/dev/null"],
    ] {
        assert_eq!(run(args).code, 2, "{args:?}");
    }
    let said = error(Code::InvalidArgument, "PATH_INVALID", &[]);
    assert_eq!(code(Script { track: refuse(said), ..well() }, &["deletion", "track", "s", ".."]), 2);
    let said = error(Code::FailedPrecondition, "STORE_AMBIGUOUS", &[]);
    assert_eq!(code(Script { store: refuse(said), ..well() }, &["store", "show", "/mnt"]), 2);
}

#[test]
fn a_list_that_is_too_long_is_refused_before_anything_is_sent() {
    // Nobody listens there: had it tried to connect, the code were 7.
    let nobody = &["--controller", "http://127.0.0.1:1", "deletion", "track", "s", "--paths-from", "-"][..];
    let controller = Scripted::start(Script::default());
    for (list, said) in
        [("p\n".repeat(10_001), "more than 10000 paths"), ("p".repeat((2 << 20) + 1), "more than 2 MiB")]
    {
        let ran = run_fed(&controller, nobody, list.as_bytes());
        assert_eq!(ran.code, 2);
        assert!(
            ran.stderr.contains(said) && ran.stderr.contains("[BATCH_TOO_LARGE]\nnext: split"),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn denied_is_3_and_so_is_any_decision_but_admit() {
    let preflight = &["preflight", "s", "--operation", "gc"];
    for decision in [Decision::Deny as i32, Decision::Unspecified as i32, 9, -1] {
        let script = Script { preflight: say(decided(decision)), ..well() };
        let ran = run_at(&Scripted::start(script), preflight);
        assert_eq!((ran.code, ran.stderr.as_str()), (3, ""), "{decision}");
        assert!(ran.stdout.contains("\n  SLOW: statx took 2 s"), "{}", ran.stdout);
    }
}

#[test]
fn not_found_is_4() {
    let unknown = error(Code::NotFound, "STORE_UNKNOWN", &[]);
    let ran =
        run_at(&Scripted::start(Script { store: refuse(unknown), ..well() }), &["store", "show", "nas9"]);
    assert_eq!(ran.code, 4);
    assert_eq!(
        ran.stderr,
        "error: the script says STORE_UNKNOWN [STORE_UNKNOWN]\nnext: `storewarden stores` lists the stores that are known\n"
    );
    let unknown = error(Code::NotFound, "DELETION_UNKNOWN", &[]);
    assert_eq!(code(Script { deletion: refuse(unknown), ..well() }, &["deletion", "show", "d9"]), 4);
}

#[test]
fn not_verified_is_5() {
    for state in [DeletionState::Failed, DeletionState::Unknown] {
        let script = Script { wait: say(vec![Step::Tell(deletion("d1", state))]), ..well() };
        assert_eq!(code(script, &["deletion", "track", "s", "p", "--wait"]), 5, "{state:?}");
    }
}

#[test]
fn not_allowed_is_6() {
    for status in [Status::permission_denied("no"), Status::unauthenticated("who?")] {
        assert_eq!(code(Script { cancel: refuse(status), ..well() }, &["deletion", "cancel", "d1"]), 6);
    }
}

#[test]
fn unreachable_is_7_and_teaches() {
    let nobody = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 4), 0)).unwrap().local_addr().unwrap();
    let ran = run(&["--controller", &nobody.to_string(), "stores"]);
    assert_eq!(ran.code, 7);
    assert!(
        ran.stderr.starts_with(&format!(
            "error: cannot reach the controller at http://{nobody}: Connection refused"
        )),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("\nnext: is it running? try `storewarden-controller --data DIR`"),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.stdout, "");
}

#[test]
fn no_answer_in_time_is_7() {
    for status in [
        error(Code::DeadlineExceeded, "TIMED_OUT", &[]),
        error(Code::Unavailable, "SHUTTING_DOWN", &[]),
        Status::unavailable("a proxy says so"),
    ] {
        assert_eq!(code(Script { probe: refuse(status), ..well() }, &["probe", "s"]), 7);
    }
}

#[test]
fn a_controller_that_accepts_and_says_nothing_is_7() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let ran = run(&["--controller", &url, "preflight", "s", "--operation", "gc", "--deadline", "1ms"]);
    assert_eq!(ran.code, 7);
    assert!(ran.stderr.contains("did not answer within 5s 1ms [TIMED_OUT]"), "{}", ran.stderr);
}

#[test]
fn conflict_is_8() {
    let reused = error(Code::AlreadyExists, "KEY_REUSED", &[]);
    assert_eq!(
        code(Script { track: refuse(reused), ..well() }, &["deletion", "track", "s", "p", "--key", "k"]),
        8
    );
    let ended = error(Code::FailedPrecondition, "DELETION_ENDED", &[]);
    assert_eq!(code(Script { cancel: refuse(ended), ..well() }, &["deletion", "cancel", "d1"]), 8);
}
