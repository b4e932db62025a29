//! `deletion track --wait`: to the end, over breaks, and out of it.

use crate::program::{Running, command_at, run_at};
use crate::samples::{deletion, tracked, well};
use crate::server::{Script, Scripted, Seen, Step, error, refuse, say};
use rustix::process::{Pid, Signal, kill_process};
use std::sync::Mutex;
use storewarden_proto::v1::{AwaitDeletionsRequest, Deletion, DeletionState as S, TrackResponse};
use tonic::{Code, Status};

const WAIT: &[&str] = &["deletion", "track", "s", "a", "b", "--wait", "--connect-timeout", "200ms"];

fn tell(id: &str, state: S) -> Step<Deletion> {
    Step::Tell(deletion(id, state))
}

/// Tracks d1 and d2; each Await takes the next of `streams`, and the last again and again.
fn script(streams: Vec<Result<Vec<Step<Deletion>>, Status>>, seen: &Seen<AwaitDeletionsRequest>) -> Script {
    let streams = Mutex::new(streams.into_iter().rev().collect::<Vec<_>>());
    let next = move |_| {
        let mut left = streams.lock().unwrap();
        let stream = left.pop().expect("a stream is left");
        if left.is_empty() {
            left.push(stream.clone());
        }
        stream
    };
    Script { track: say(tracked(&["d1", "d2"])), wait: seen.by(Box::new(next)), ..well() }
}

#[test]
fn each_end_is_a_line_and_the_last_line_counts() {
    let all = vec![
        tell("d1", S::Pending),
        tell("d2", S::Pending),
        tell("d2", S::PendingSillyRename),
        tell("d2", S::Confirmed),
        tell("d1", S::Failed),
    ];
    let ran = run_at(&Scripted::start(script(vec![Ok(all)], &Seen::new())), WAIT);
    assert_eq!(ran.code, 5);
    assert_eq!(
        ran.stdout,
        "CONFIRMED  d2  d2.qcow2  ABSENT\nFAILED     d1  d1.qcow2  STILL_PRESENT\n2 deletions: 1 confirmed, 1 failed\n"
    );
    assert_eq!(ran.stderr, "2 deletions tracked, to end by 2025-10-09T08:54:20.000Z\n");
}

#[test]
fn a_replayed_request_whose_deletions_have_ended_is_done_at_once() {
    let ended = ["d1", "d2"].map(|id| deletion(id, S::Confirmed)).to_vec();
    let told = ended.iter().cloned().map(Step::Tell).collect();
    let replayed = TrackResponse { deletions: ended, replayed: true };
    let seen = Seen::new();
    let ran =
        run_at(&Scripted::start(Script { track: say(replayed), ..script(vec![Ok(told)], &seen) }), WAIT);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.ends_with("2 deletions: 2 confirmed\n"));
    assert!(ran.stderr.contains("tracked before under this key, nothing new"));
}

#[test]
fn a_broken_stream_is_taken_up_again_for_what_is_still_open() {
    let seen = Seen::new();
    let streams = vec![
        Ok(vec![tell("d1", S::Confirmed), Step::Fail(Status::unavailable("restarting"))]),
        Err(error(Code::Unavailable, "SHUTTING_DOWN", &[])),
        // Ended too early by a controller that stops in good order.
        Ok(vec![tell("d2", S::Pending)]),
        Ok(vec![tell("d2", S::Pending), Step::Fail(error(Code::ResourceExhausted, "SLOW_CONSUMER", &[]))]),
        Ok(vec![tell("d2", S::Confirmed)]),
    ];
    let patient = ["deletion", "track", "s", "a", "b", "--wait"];
    let ran = run_at(&Scripted::start(script(streams, &seen)), &patient);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(ran.stdout.matches("CONFIRMED").count(), 2, "{}", ran.stdout);
    let asked: Vec<_> = seen.all().into_iter().map(|request| request.ids).collect();
    assert_eq!(asked[0], ["d1", "d2"]);
    assert!(asked[1..].iter().all(|ids| ids == &["d2"]), "{asked:?}");
    assert_eq!(asked.len(), 5);
}

#[test]
fn patience_is_for_one_absence_not_for_all_of_them() {
    // Eight breaks take at least 800 ms in all, and 600 ms (three times --connect-timeout) is the limit for one.
    let broken = || Ok(vec![tell("d1", S::Pending), Step::Fail(Status::unavailable("restarting"))]);
    let mut streams: Vec<_> = (0..8).map(|_| broken()).collect();
    streams.push(Ok(vec![tell("d1", S::Confirmed), tell("d2", S::Confirmed)]));
    let ran = run_at(&Scripted::start(script(streams, &Seen::new())), WAIT);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("asking again").count(), 8, "{}", ran.stderr);
}

#[test]
fn a_controller_that_is_restarted_is_found_again() {
    let first = script(vec![Ok(vec![tell("d1", S::Confirmed), Step::Hang])], &Seen::new());
    let first = Scripted::start_at(([127, 0, 0, 2], 0).into(), first);
    let args = ["deletion", "track", "s", "a", "b", "--wait"];
    let mut running = Running::start(command_at(&first, &args));
    assert_eq!(running.line(), "CONFIRMED  d1  d1.qcow2  ABSENT");
    let address = first.address();
    drop(first);
    let second = script(vec![Ok(vec![tell("d2", S::Confirmed)])], &Seen::new());
    let _second = Scripted::start_at(address, second);
    let ran = running.finish();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("; asking again\n"), "{}", ran.stderr);
    assert!(ran.stdout.ends_with("2 deletions: 2 confirmed\n"), "{}", ran.stdout);
}

#[test]
fn a_controller_that_stays_away_is_7_and_what_is_tracked_stays_tracked() {
    let controller = script(vec![Ok(vec![tell("d1", S::Confirmed), Step::Hang])], &Seen::new());
    let controller = Scripted::start_at(([127, 0, 0, 3], 0).into(), controller);
    let mut running = Running::start(command_at(&controller, WAIT));
    running.line();
    drop(controller);
    let ran = running.finish();
    assert_eq!(ran.code, 7, "{}", ran.stderr);
    assert!(ran.stderr.ends_with("next: `storewarden deletion show d2`\n"), "{}", ran.stderr);
}

#[test]
fn the_last_end_is_the_end_whatever_becomes_of_the_stream() {
    for after in [Step::Hang, Step::Fail(Status::unavailable("restarting"))] {
        let seen = Seen::new();
        let told = vec![tell("d1", S::Confirmed), tell("d2", S::Confirmed), after];
        let ran = run_at(&Scripted::start(script(vec![Ok(told)], &seen)), WAIT);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_eq!(seen.all().len(), 1);
    }
}

#[test]
fn a_controller_that_lets_the_deadline_pass_in_silence_is_7() {
    let script = script(vec![Ok(vec![tell("d1", S::Pending), Step::Hang])], &Seen::new());
    let ran = run_at(&Scripted::start(script), &[WAIT, &["--deadline", "1ms"]].concat());
    assert_eq!(ran.code, 7, "{}", ran.stderr);
    assert!(ran.stderr.contains("did not answer within 5s 601ms [TIMED_OUT]\n"), "{}", ran.stderr);
    assert!(ran.stderr.contains("next: `storewarden deletion show d1` (and 1 more"), "{}", ran.stderr);
}

#[test]
fn an_error_that_does_not_pass_ends_the_wait() {
    let script = Script {
        wait: refuse(error(Code::NotFound, "DELETION_UNKNOWN", &[])),
        ..script(Vec::new(), &Seen::new())
    };
    let ran = run_at(&Scripted::start(script), WAIT);
    assert_eq!(ran.code, 4);
    assert!(ran.stderr.contains("[DELETION_UNKNOWN]"), "{}", ran.stderr);
}

#[test]
fn an_interrupt_says_how_to_resume() {
    for (more, next) in [
        (
            &[][..],
            "next: `storewarden deletion show d1` (and 1 more: `storewarden deletion list --state pending`)\n",
        ),
        (&["--key", "run-7"], "next: run the same command again (the key makes it one request)"),
    ] {
        let told = vec![tell("d1", S::Pending), Step::Hang];
        let controller = Scripted::start(script(vec![Ok(told)], &Seen::new()));
        let mut command = command_at(&controller, &[WAIT, more, &["-o", "json"]].concat());
        // In JSON the answer is there as soon as it came, which is how this test knows that the wait has begun.
        command.arg("--color=never");
        let mut running = Running::start(command);
        running.line();
        running.line();
        kill_process(Pid::from_child(&running.child), Signal::INT).unwrap();
        let ran = running.finish();
        assert_eq!(ran.code, 1);
        let told: serde_json::Value = serde_json::from_str(&ran.stderr).unwrap();
        assert_eq!(told["error"]["message"], "interrupted; the deletions are still tracked");
        assert_eq!(told["error"]["status"], "CANCELLED");

        let mut running = Running::start(command_at(&controller, &[WAIT, more].concat()));
        wait_for_the_signal_to_be_caught(&running);
        kill_process(Pid::from_child(&running.child), Signal::INT).unwrap();
        running.close_stdout();
        let ran = running.finish();
        assert_eq!(ran.code, 1);
        assert!(
            ran.stderr.contains("error: interrupted; the deletions are still tracked [CANCELLED]\n"),
            "{}",
            ran.stderr
        );
        assert!(ran.stderr.contains(next), "{}", ran.stderr);
    }
}

/// Until SIGINT (bit 1) is among the caught signals of /proc/PID/status (proc_pid_status(5)).
fn wait_for_the_signal_to_be_caught(running: &Running) {
    let began = std::time::Instant::now();
    loop {
        let status = std::fs::read_to_string(format!("/proc/{}/status", running.child.id())).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim();
        if u64::from_str_radix(caught, 16).unwrap() & 0b10 != 0 {
            return;
        }
        assert!(began.elapsed().as_secs() < 60, "SIGINT is never caught");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn a_lost_answer_to_the_request_says_what_is_not_known() {
    for (more, next) in [
        (&[][..], "it may have been accepted or not"),
        (&["--key", "k"], "run the same command again: the key makes it one request"),
    ] {
        let silent = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = silent.local_addr().unwrap().to_string();
        let args = [&["--controller", &url, "deletion", "track", "s", "p"][..], more].concat();
        let child = crate::program::command(&args).spawn().unwrap();
        // Accepts, reads the request's beginning, and is gone.
        let (mut peer, _) = silent.accept().unwrap();
        std::io::Read::read_exact(&mut peer, &mut [0; 24]).unwrap();
        drop((peer, silent));
        let ran = crate::program::finish(child);
        assert_eq!(ran.code, 7, "{}", ran.stderr);
        assert!(ran.stderr.contains(next), "{}", ran.stderr);
    }
}
