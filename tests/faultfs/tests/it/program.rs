//! The program: its words, its ends, and the two faults that its process brings.

use crate::bed::{Bed, Caller, ended, errno, eventually, fuse};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use storewarden_faultfs::Connection;

const PROGRAM: &str = env!("CARGO_BIN_EXE_faultfs");

struct Served {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Served {
    fn new(bed: &Bed, arguments: &[&str]) -> Self {
        let mut child = Command::new(PROGRAM)
            .args([bed.backing(""), bed.at("")])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        let mut this = Self { child, stdin, stdout };
        assert_eq!(this.line(), "mounted");
        this
    }

    fn say(&mut self, word: &str) -> String {
        writeln!(self.stdin.as_mut().unwrap(), "{word}").unwrap();
        self.line()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn stop(&self) {
        self.signal(Signal::STOP);
        let status = format!("/proc/{}/status", self.child.id());
        eventually("it is stopped", || fs::read_to_string(&status).unwrap().contains("State:\tT"));
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn words_are_obeyed_and_answered() {
    if !fuse() {
        return;
    }
    let bed = Bed::new();
    let mut served = Served::new(&bed, &["--source", "10.1.1.1:/with space", "--ttl-ms", "0"]);
    assert_eq!(bed.mounted(), [("fuse.faultfs".into(), r"10.1.1.1:/with\040space".into())]);
    assert_eq!(served.say("stale"), "ok stale");
    assert_eq!(errno(fs::metadata(bed.at(""))), Errno::STALE.raw_os_error());
    assert!(served.say("better").starts_with("error unknown fault \"better\""));
    assert_eq!(errno(fs::metadata(bed.at(""))), Errno::STALE.raw_os_error());
    assert_eq!(served.say("none"), "ok none");
    assert!(fs::metadata(bed.at("")).is_ok());
}

#[test]
fn the_end_of_the_words_unmounts_even_when_hung() {
    if !fuse() {
        return;
    }
    for fault in ["none", "hang"] {
        let bed = Bed::new();
        let mut served = Served::new(&bed, &[]);
        served.say(fault);
        let mut caller = Caller::stat(&bed.at("f"));
        let connection = Connection::of(&bed.at("")).unwrap();
        if fault == "hang" {
            eventually("a caller waits", || connection.waiting().unwrap() == 1);
        }
        served.stdin = None;
        assert!(ended(&mut served.child).success(), "{fault}");
        assert_eq!(bed.mounted(), [], "{fault}");
        assert_eq!(caller.end().code(), Some(1), "{fault}");
    }
}

#[test]
fn polite_signals_unmount() {
    if !fuse() {
        return;
    }
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let bed = Bed::new();
        let mut served = Served::new(&bed, &[]);
        served.say("hang");
        served.signal(signal);
        assert!(ended(&mut served.child).success(), "{signal:?}");
        assert_eq!(bed.mounted(), [], "{signal:?}");
    }
}

#[test]
fn while_it_is_stopped_callers_hang_and_can_be_killed() {
    if !fuse() {
        return;
    }
    let bed = Bed::new();
    fs::write(bed.backing("f"), "text").unwrap();
    let served = Served::new(&bed, &[]);
    let connection = Connection::of(&bed.at("")).unwrap();
    served.stop();
    let (mut killed, mut patient) = (Caller::stat(&bed.at("f")), Caller::stat(&bed.at("f")));
    eventually("both wait", || connection.waiting().unwrap() == 2);
    assert!(killed.is_running());
    killed.kill();
    assert_eq!(killed.end().signal(), Some(9));
    assert!(patient.is_running());
    served.signal(Signal::CONT);
    assert!(patient.end().success());
    assert_eq!(fs::read_to_string(bed.at("f")).unwrap(), "text");
}

#[test]
fn killed_it_leaves_a_dead_mount() {
    if !fuse() {
        return;
    }
    let bed = Bed::new();
    let mut served = Served::new(&bed, &[]);
    served.child.kill().unwrap();
    assert_eq!(ended(&mut served.child).signal(), Some(9));
    assert_eq!(errno(fs::metadata(bed.at(""))), Errno::NOTCONN.raw_os_error());
    assert_eq!(bed.mounted().len(), 1);
    bed.detach();
    assert!(fs::metadata(bed.at("")).is_ok());
}

#[test]
fn what_it_cannot_do_it_says() {
    if !fuse() {
        return;
    }
    let bed = Bed::new();
    let run = |arguments: &[&str]| {
        let out = Command::new(PROGRAM).args(arguments).stdin(Stdio::null()).output().unwrap();
        (out.status.code(), String::from_utf8(out.stderr).unwrap())
    };
    let (code, told) = run(&["/only-one"]);
    assert!(code == Some(64) && told.contains("1 given") && told.contains("usage: faultfs"), "{told}");
    let (code, told) = run(&["/not/there", bed.at("").to_str().unwrap()]);
    assert!(code == Some(1) && told.contains("cannot use /not/there: No such file"), "{told}");
}
