//! Each fault as callers meet it, on a real mount.

use crate::bed::{Bed, errno, fuse};
use rustix::fs::{AtFlags, CWD, StatxFlags, statvfs, statx};
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::time::{Duration, Instant};
use storewarden_faultfs::{Fault, Switch};

const OK: i32 = 0;

/// Every kind of call on a mount that holds `f` and `d/`, and two files that were opened before the fault.
struct Calls<'a> {
    bed: &'a Bed,
    reader: File,
    writer: File,
}

impl<'a> Calls<'a> {
    fn new(bed: &'a Bed) -> Self {
        fs::write(bed.backing("f"), "text").unwrap();
        fs::create_dir(bed.backing("d")).unwrap();
        let reader = File::open(bed.at("f")).unwrap();
        let writer = OpenOptions::new().write(true).open(bed.at("f")).unwrap();
        Self { bed, reader, writer }
    }

    /// Name and error number of each, 0 for none, in an order that every one of them survives.
    fn make(&mut self) -> Vec<(&'static str, i32)> {
        let at = |path| self.bed.at(path);
        let fresh = AtFlags::STATX_FORCE_SYNC;
        let basic = StatxFlags::BASIC_STATS;
        let inotify = rustix::fs::inotify::init(rustix::fs::inotify::CreateFlags::empty()).unwrap();
        let watch = rustix::fs::inotify::WatchFlags::DELETE;
        let mut out = vec![
            ("statx", number(statx(CWD, at(""), fresh, basic).map_err(io::Error::from))),
            ("statfs", number(statvfs(at("")).map_err(io::Error::from))),
            ("stat f", number(fs::metadata(at("f")))),
            ("list", number(fs::read_dir(at("")).and_then(Iterator::collect::<io::Result<Vec<_>>>))),
            ("open the root", number(File::open(at("")))),
            ("open to read", number(File::open(at("f")))),
            ("read", number(self.reader.read(&mut [0; 4]))),
            (
                "watch d",
                number(rustix::fs::inotify::add_watch(&inotify, at("d"), watch).map_err(io::Error::from)),
            ),
            ("open to write", number(OpenOptions::new().write(true).open(at("f")))),
            ("write", number(self.writer.write(b"t"))),
            ("fsync", number(self.writer.sync_all())),
            ("create", number(File::create_new(at("new")))),
            ("mkdir", number(fs::create_dir(at("sub")))),
            (
                "chmod",
                number(fs::set_permissions(
                    at("f"),
                    fs::metadata(self.bed.backing("f")).unwrap().permissions(),
                )),
            ),
            ("rename", number(fs::rename(at("f"), at("g")))),
        ];
        let renamed = self.bed.backing("g").exists();
        out.push(("unlink", number(fs::remove_file(at(if renamed { "g" } else { "f" })))));
        out
    }
}

fn number<T>(result: io::Result<T>) -> i32 {
    result.map_or_else(|error| error.raw_os_error().unwrap(), |_| OK)
}

/// What the calls see under a fault, from the calls that it spares and the number that the others get.
fn meets(fault: Fault, spared: &[&str], number: Errno) {
    let (bed, switch) = (Bed::new(), Switch::new());
    let mounted = bed.mount(&switch);
    let mut calls = Calls::new(&bed);
    switch.set(fault);
    for (call, seen) in calls.make() {
        let expected = if spared.contains(&call) { OK } else { number.raw_os_error() };
        assert_eq!(seen, expected, "{fault}: {call}");
    }
    drop(calls);
    mounted.unmount().unwrap();
}

const LOOKS: [&str; 8] =
    ["statx", "statfs", "stat f", "list", "open the root", "open to read", "read", "watch d"];

#[test]
fn without_a_fault_every_call_works() {
    if fuse() {
        let all = [
            &LOOKS[..],
            &["open to write", "write", "fsync", "create", "mkdir", "chmod", "rename", "unlink"],
        ];
        meets(Fault::None, &all.concat(), Errno::IO);
    }
}

#[test]
fn stale_and_eio_spare_nothing() {
    if fuse() {
        meets(Fault::Stale, &[], Errno::STALE);
        meets(Fault::Eio, &[], Errno::IO);
    }
}

#[test]
fn readonly_spares_what_reads() {
    if fuse() {
        meets(Fault::ReadOnly, &[&LOOKS[..], &["fsync"]].concat(), Errno::ROFS);
    }
}

#[test]
fn enospc_spares_what_needs_no_room() {
    if fuse() {
        meets(Fault::Enospc, &[&LOOKS[..], &["chmod", "rename", "unlink"]].concat(), Errno::NOSPC);
    }
}

#[test]
fn enospc_shows_in_statfs() {
    if !fuse() {
        return;
    }
    let (bed, switch) = (Bed::new(), Switch::new());
    let _mounted = bed.mount(&switch);
    assert_eq!(statvfs(bed.at("")).unwrap().f_blocks, statvfs(bed.backing("")).unwrap().f_blocks);
    assert!(statvfs(bed.at("")).unwrap().f_bfree > 0);
    switch.set(Fault::Enospc);
    let full = statvfs(bed.at("")).unwrap();
    assert_eq!((full.f_bfree, full.f_bavail), (0, 0));
}

#[test]
fn slow_answers_late_and_right() {
    if !fuse() {
        return;
    }
    let (bed, switch) = (Bed::new(), Switch::new());
    let _mounted = bed.mount(&switch);
    fs::write(bed.backing("f"), "text").unwrap();
    let delay = Duration::from_millis(60);
    switch.set(Fault::Slow(delay));
    let began = Instant::now();
    assert_eq!(fs::metadata(bed.at("f")).unwrap().len(), 4);
    assert!(began.elapsed() >= delay);
}

#[test]
fn a_stale_mount_heals() {
    if !fuse() {
        return;
    }
    let (bed, switch) = (Bed::new(), Switch::new());
    let _mounted = bed.mount(&switch);
    fs::write(bed.backing("f"), "text").unwrap();
    let mut open = File::open(bed.at("f")).unwrap();
    for _ in 0..3 {
        switch.set(Fault::Stale);
        assert_eq!(errno(fs::metadata(bed.at(""))), Errno::STALE.raw_os_error());
        assert_eq!(errno(open.read(&mut [0; 4])), Errno::STALE.raw_os_error());
        switch.set(Fault::None);
        assert_eq!(fs::read_to_string(bed.at("f")).unwrap(), "text");
    }
    let mut text = String::new();
    open.read_to_string(&mut text).unwrap();
    assert_eq!(text, "text");
}
