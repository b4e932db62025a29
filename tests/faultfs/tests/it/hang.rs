//! Hanging, and coming down from it: nobody is left waiting, nothing is left mounted.

use crate::bed::{BOUND, Bed, Caller, errno, eventually, fuse, survives_sigkill};
use rustix::io::Errno;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::time::{Duration, Instant};
use storewarden_faultfs::{Fault, Options, Switch, mount};

/// Coming down by force is a matter of milliseconds. Only what is left behind takes longer than this.
const PROMPT: Duration = Duration::from_secs(4);
/// How long a survivor is watched.
const WATCHED: Duration = Duration::from_millis(200);

#[test]
fn a_hung_caller_cannot_be_killed_until_the_mount_heals() {
    if !fuse() {
        return;
    }
    let (bed, switch) = (Bed::new(), Switch::new());
    let mounted = bed.mount(&switch);
    switch.set(Fault::Hang);
    let mut caller = Caller::stat(&bed.at("f"));
    assert!(switch.wait_held(1, BOUND));
    caller.kill();
    eventually("SIGKILL is before it", || survives_sigkill(caller.pid()));
    let began = Instant::now();
    while began.elapsed() < WATCHED {
        assert!(caller.is_running(), "it was killed");
        std::thread::yield_now();
    }
    assert!(survives_sigkill(caller.pid()));
    switch.set(Fault::None);
    assert_eq!(caller.end().signal(), Some(9));
    assert_eq!(switch.held(), 0);
    mounted.unmount().unwrap();
}

#[test]
fn what_hung_is_done_when_the_mount_heals() {
    if !fuse() {
        return;
    }
    let (bed, switch) = (Bed::new(), Switch::new());
    let _mounted = bed.mount(&switch);
    fs::write(bed.backing("f"), "").unwrap();
    switch.set(Fault::Hang);
    std::thread::scope(|scope| {
        let call = scope.spawn(|| fs::remove_file(bed.at("f")));
        assert!(switch.wait_held(1, BOUND));
        assert!(bed.backing("f").exists());
        switch.set(Fault::None);
        call.join().unwrap().unwrap();
    });
    assert!(!bed.backing("f").exists());
}

#[test]
fn dropping_a_hung_mount_frees_its_callers_and_leaves_nothing() {
    if !fuse() {
        return;
    }
    let (bed, switch) = (Bed::new(), Switch::new());
    let mounted = bed.mount(&switch);
    fs::write(bed.backing("f"), "").unwrap();
    switch.set(Fault::Hang);
    let mut killed = Caller::stat(&bed.at("f"));
    std::thread::scope(|scope| {
        let call = scope.spawn(|| fs::remove_file(bed.at("f")));
        assert!(switch.wait_held(2, BOUND));
        killed.kill();
        eventually("SIGKILL is before it", || survives_sigkill(killed.pid()));
        let began = Instant::now();
        drop(mounted);
        assert!(began.elapsed() < PROMPT, "{:?}", began.elapsed());
        assert_eq!(errno(call.join().unwrap()), Errno::CONNABORTED.raw_os_error());
    });
    assert_eq!(killed.end().signal(), Some(9));
    assert_eq!(bed.mounted(), []);
    assert!(bed.backing("f").exists(), "what hung must not be done by coming down");
    assert_eq!(switch.held(), 0);
}

#[test]
fn more_callers_than_threads_come_down_too() {
    if !fuse() {
        return;
    }
    let (bed, switch) = (Bed::new(), Switch::new());
    let mounted = bed.mount(&switch);
    switch.set(Fault::Hang);
    let mut callers: Vec<_> = (0..20).map(|n| Caller::stat(&bed.at(&n.to_string()))).collect();
    eventually("all of them wait", || mounted.connection().waiting().unwrap() >= 20);
    mounted.unmount().unwrap();
    for caller in &mut callers {
        assert_eq!(caller.end().code(), Some(1));
    }
    assert_eq!(bed.mounted(), []);
}

#[test]
fn a_mount_may_begin_hung() {
    if !fuse() {
        return;
    }
    let (bed, switch) = (Bed::new(), Switch::new());
    switch.set(Fault::Hang);
    let mounted = bed.mount(&switch);
    assert_eq!(bed.mounted(), [("fuse.faultfs".into(), "faultfs".into())]);
    mounted.unmount().unwrap();
    assert_eq!(bed.mounted(), []);
}

#[test]
fn an_open_file_does_not_hold_the_mount() {
    if !fuse() {
        return;
    }
    let (bed, switch) = (Bed::new(), Switch::new());
    let mounted = bed.mount(&switch);
    let file = File::create(bed.at("f")).unwrap();
    let began = Instant::now();
    mounted.unmount().unwrap();
    assert!(began.elapsed() < PROMPT, "{:?}", began.elapsed());
    assert_eq!(bed.mounted(), []);
    assert_eq!(errno(file.metadata()), Errno::NOTCONN.raw_os_error());
}

#[test]
fn a_mount_that_was_detached_in_use_still_ends() {
    if !fuse() {
        return;
    }
    let (bed, switch) = (Bed::new(), Switch::new());
    let mounted = bed.mount(&switch);
    let file = File::create(bed.at("f")).unwrap();
    bed.detach();
    assert!(file.metadata().is_ok(), "detached, it goes on");
    let began = Instant::now();
    mounted.unmount().unwrap();
    assert!(began.elapsed() < PROMPT, "{:?}", began.elapsed());
    assert_eq!(errno(file.metadata()), Errno::NOTCONN.raw_os_error());
}

#[test]
fn the_mount_that_came_after_is_left_alone() {
    if !fuse() {
        return;
    }
    let (bed, switch) = (Bed::new(), Switch::new());
    let first = bed.mount(&switch);
    bed.detach();
    let options = Options { source_name: "10.1.1.1:/second".into(), ..Options::default() };
    let second = mount(&bed.backing(""), &bed.at(""), Switch::new(), &options).unwrap();
    first.unmount().unwrap();
    assert_eq!(bed.mounted(), [("fuse.faultfs".into(), "10.1.1.1:/second".into())]);
    assert!(fs::read_dir(bed.at("")).is_ok());
    second.unmount().unwrap();
    assert_eq!(bed.mounted(), []);
}

#[test]
fn one_directory_cannot_be_mounted_over_the_other() {
    if !fuse() {
        return;
    }
    let bed = Bed::new();
    fs::create_dir(bed.backing("in")).unwrap();
    for (backing, at) in [("", "in"), ("in", ""), ("", "")] {
        let tried = mount(&bed.backing(backing), &bed.backing(at), Switch::new(), &Options::default());
        assert!(tried.unwrap_err().to_string().contains("lie in each other"));
    }
    let missing = mount(&bed.backing("none"), &bed.at(""), Switch::new(), &Options::default());
    assert!(missing.unwrap_err().to_string().contains("none"));
    assert_eq!(bed.mounted(), []);
}
