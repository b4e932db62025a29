//! That the mount tells the truth about the directory behind it, also when that changes behind its back.

use crate::bed::{Bed, errno, eventually, fuse};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::fs::{AtFlags, CWD, Statx, StatxFlags, statx};
use rustix::io::Errno;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{DirEntryExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::time::Duration;
use storewarden_faultfs::{Options, Switch, mount};

fn full(path: &Path) -> Statx {
    let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
    statx(CWD, path, AtFlags::STATX_FORCE_SYNC | AtFlags::SYMLINK_NOFOLLOW, wanted).unwrap()
}

/// name_to_handle_at(2): type and bytes.
fn handle(path: &Path) -> (i32, Vec<u8>) {
    #[repr(C)]
    struct Room {
        bytes: libc::c_uint,
        kind: libc::c_int,
        handle: [u8; 128],
    }
    let file = File::open(path).unwrap();
    let mut room = Room { bytes: 128, kind: 0, handle: [0; 128] };
    let mut mount_id = 0;
    // SAFETY: the descriptor is open; the empty path is allowed by AT_EMPTY_PATH; `room` has the layout of struct
    // file_handle followed by the bytes it claims, and both out-parameters are ours alone.
    let result = unsafe {
        libc::name_to_handle_at(
            file.as_raw_fd(),
            c"".as_ptr(),
            (&raw mut room).cast(),
            &raw mut mount_id,
            libc::AT_EMPTY_PATH,
        )
    };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    (room.kind, room.handle[..room.bytes as usize].to_vec())
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn attributes_are_those_of_the_backing_directory() {
    if !fuse() {
        return;
    }
    let bed = Bed::new();
    let _mounted = bed.mount(&Switch::new());
    fs::create_dir_all(bed.backing("d/e")).unwrap();
    fs::write(bed.backing("d/f"), "text").unwrap();
    fs::hard_link(bed.backing("d/f"), bed.backing("d/g")).unwrap();
    symlink("f", bed.backing("d/l")).unwrap();
    for path in ["", "d", "d/e", "d/f", "d/g", "d/l"] {
        let (here, there) = (full(&bed.at(path)), full(&bed.backing(path)));
        let facts = |s: &Statx| {
            let time = |t: &rustix::fs::StatxTimestamp| (t.tv_sec, t.tv_nsec);
            (
                s.stx_ino,
                s.stx_mode,
                s.stx_nlink,
                s.stx_size,
                time(&s.stx_ctime),
                time(&s.stx_mtime),
                s.stx_uid,
            )
        };
        assert_eq!(facts(&here), facts(&there), "{path}");
        assert_eq!(here.stx_mask & StatxFlags::BTIME.bits(), 0, "{path} has a birth time");
    }
    assert_eq!(fs::symlink_metadata(bed.at("d/f")).unwrap().nlink(), 2);
    assert_eq!(fs::read_link(bed.at("d/l")).unwrap(), Path::new("f"));
    for entry in fs::read_dir(bed.at("d")).unwrap() {
        let entry = entry.unwrap();
        let there = fs::symlink_metadata(bed.backing("d").join(entry.file_name())).unwrap();
        assert_eq!((entry.ino(), entry.file_type().unwrap()), (there.ino(), there.file_type()));
    }
}

#[test]
fn a_file_handle_stays_with_its_file() {
    if !fuse() {
        return;
    }
    let bed = Bed::new();
    fs::write(bed.backing("f"), "").unwrap();
    fs::write(bed.backing("g"), "").unwrap();
    let mounted = bed.mount(&Switch::new());
    let (root, f, g) = (handle(&bed.at("")), handle(&bed.at("f")), handle(&bed.at("g")));
    assert!(root != f && f != g, "{root:?} {f:?} {g:?}");
    fs::rename(bed.at("f"), bed.at("h")).unwrap();
    assert_eq!(handle(&bed.at("h")), f);
    mounted.unmount().unwrap();
    let _again = bed.mount(&Switch::new());
    assert_eq!((handle(&bed.at("")), handle(&bed.at("h"))), (root, f), "after another mount");
}

#[test]
fn what_goes_behind_the_mount_is_gone_at_once_and_without_an_event() {
    if !fuse() {
        return;
    }
    let bed = Bed::new();
    let _mounted = bed.mount(&Switch::new());
    for name in ["far", "near"] {
        fs::write(bed.backing(name), "").unwrap();
        assert!(fs::metadata(bed.at(name)).is_ok());
    }
    let watch = inotify::init(CreateFlags::NONBLOCK).unwrap();
    let all = WatchFlags::DELETE | WatchFlags::MOVE | WatchFlags::DELETE_SELF | WatchFlags::CREATE;
    inotify::add_watch(&watch, bed.at(""), all).unwrap();

    fs::remove_file(bed.backing("far")).unwrap();
    assert_eq!(errno(fs::metadata(bed.at("far"))), Errno::NOENT.raw_os_error());
    assert_eq!(names(&bed.at("")), ["near"]);
    // The event of a removal through the mount is the first there is.
    fs::remove_file(bed.at("near")).unwrap();
    let mut room = [MaybeUninit::uninit(); 1024];
    let mut reader = inotify::Reader::new(&watch, &mut room);
    let event = reader.next().unwrap();
    assert_eq!((event.file_name(), event.events()), (Some(c"near"), ReadFlags::DELETE));
    assert_eq!(reader.next().err(), Some(Errno::AGAIN));
    assert!(!bed.backing("near").exists());

    // And a name that was looked for in vain is found as soon as it is there.
    assert!(!bed.at("late").exists());
    fs::write(bed.backing("late"), "").unwrap();
    assert!(bed.at("late").exists());
}

#[test]
fn a_file_replaced_behind_the_mount_is_another_file() {
    if !fuse() {
        return;
    }
    let bed = Bed::new();
    let _mounted = bed.mount(&Switch::new());
    fs::write(bed.backing("f"), "old").unwrap();
    let mut old = File::open(bed.at("f")).unwrap();
    fs::write(bed.backing("other"), "other").unwrap();
    fs::rename(bed.backing("other"), bed.backing("f")).unwrap();
    assert_eq!(fs::read_to_string(bed.at("f")).unwrap(), "other");
    assert_eq!(fs::metadata(bed.at("f")).unwrap().ino(), fs::metadata(bed.backing("f")).unwrap().ino());
    let mut text = String::new();
    old.read_to_string(&mut text).unwrap();
    assert_eq!(text, "old", "read by its handle");
    assert_eq!(errno(old.metadata()), Errno::STALE.raw_os_error(), "asked for by its node");
}

#[test]
fn a_file_renamed_behind_the_mount_is_the_same_file() {
    if !fuse() {
        return;
    }
    let bed = Bed::new();
    let _mounted = bed.mount(&Switch::new());
    fs::create_dir(bed.backing("d")).unwrap();
    fs::write(bed.backing("f"), "text").unwrap();
    let inode = fs::metadata(bed.at("f")).unwrap().ino();
    fs::rename(bed.backing("f"), bed.backing("d/g")).unwrap();
    assert_eq!(errno(fs::metadata(bed.at("f"))), Errno::NOENT.raw_os_error());
    assert_eq!(fs::metadata(bed.at("d/g")).unwrap().ino(), inode);
    assert_eq!(fs::read_to_string(bed.at("d/g")).unwrap(), "text");
}

#[test]
fn a_directory_removed_behind_the_mount_is_stale_to_who_holds_it() {
    if !fuse() {
        return;
    }
    let bed = Bed::new();
    let _mounted = bed.mount(&Switch::new());
    fs::create_dir(bed.backing("d")).unwrap();
    let held = File::open(bed.at("d")).unwrap();
    fs::remove_dir(bed.backing("d")).unwrap();
    let flags = AtFlags::STATX_FORCE_SYNC;
    let stat = |path: &str, flags| statx(&held, path, flags, StatxFlags::BASIC_STATS).err();
    assert_eq!(stat("", flags | AtFlags::EMPTY_PATH), Some(Errno::STALE));
    assert_eq!(stat("name", flags), Some(Errno::STALE), "never ENOENT: that would be absence");
    assert_eq!(errno(fs::metadata(bed.at("d"))), Errno::NOENT.raw_os_error());
}

#[test]
fn a_removed_open_file_is_silly_renamed() {
    if !fuse() {
        return;
    }
    let bed = Bed::new();
    let _mounted = bed.mount(&Switch::new());
    let mut file = File::create_new(bed.at("f")).unwrap();
    file.write_all(b"text").unwrap();
    let inode = file.metadata().unwrap().ino();
    fs::remove_file(bed.at("f")).unwrap();
    assert!(!bed.at("f").exists());
    let silly = format!(".nfs{inode:016x}00000001");
    assert_eq!(names(&bed.at("")), [silly.as_str()]);
    assert_eq!(errno(fs::remove_file(bed.at(&silly))), Errno::BUSY.raw_os_error());
    file.rewind().unwrap();
    drop(file);
    eventually("the last close removes it", || names(&bed.backing("")).is_empty());
}

#[test]
fn a_rename_over_an_open_file_keeps_it_too() {
    if !fuse() {
        return;
    }
    let bed = Bed::new();
    let mounted = bed.mount(&Switch::new());
    fs::write(bed.at("old"), "old").unwrap();
    fs::write(bed.at("new"), "new").unwrap();
    let mut held = File::open(bed.at("old")).unwrap();
    fs::rename(bed.at("new"), bed.at("old")).unwrap();
    assert_eq!(fs::read_to_string(bed.at("old")).unwrap(), "new");
    assert_eq!(names(&bed.at("")).len(), 2);
    let mut text = String::new();
    held.read_to_string(&mut text).unwrap();
    assert_eq!(text, "old");
    // Whoever still holds it loses it with the mount.
    mounted.unmount().unwrap();
    assert_eq!(names(&bed.backing("")), ["old"]);
}

#[test]
fn what_is_done_through_the_mount_is_done_behind_it() {
    if !fuse() {
        return;
    }
    let bed = Bed::new();
    let _mounted = bed.mount(&Switch::new());
    fs::create_dir_all(bed.at("a/b/c")).unwrap();
    fs::write(bed.at("a/b/c/f"), "x".repeat(300_000)).unwrap();
    fs::rename(bed.at("a/b"), bed.at("z")).unwrap();
    fs::hard_link(bed.at("z/c/f"), bed.at("g")).unwrap();
    symlink("g", bed.at("l")).unwrap();
    fs::set_permissions(bed.at("g"), fs::Permissions::from_mode(0o640)).unwrap();
    let file = File::options().append(true).open(bed.at("z/c/f")).unwrap();
    (&file).write_all(b"end").unwrap();
    file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(1)).unwrap();
    let there = fs::metadata(bed.backing("g")).unwrap();
    assert_eq!((there.len(), there.mode() & 0o7777, there.nlink(), there.mtime()), (300_003, 0o640, 2, 1));
    file.set_len(2).unwrap();
    assert_eq!(fs::read_to_string(bed.at("l")).unwrap(), "xx");
    fs::remove_dir(bed.at("a")).unwrap();
    assert_eq!(errno(fs::remove_dir(bed.at("z"))), Errno::NOTEMPTY.raw_os_error());
    assert_eq!(names(&bed.backing("")), ["g", "l", "z"]);
    let pipe = rustix::fs::mknodat(CWD, bed.at("p"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0);
    assert!(pipe.is_ok() && full(&bed.backing("p")).stx_mode & 0o170_777 == 0o010_400);
}

#[test]
fn a_long_listing_is_whole() {
    if !fuse() {
        return;
    }
    let bed = Bed::new();
    let _mounted = bed.mount(&Switch::new());
    let long = "n".repeat(200);
    for n in 0..500 {
        fs::write(bed.backing(&format!("{n}-{long}")), "").unwrap();
    }
    assert_eq!(names(&bed.at("")), names(&bed.backing("")));
}

#[test]
fn a_listing_that_is_being_read_stays_as_it_was() {
    if !fuse() {
        return;
    }
    let bed = Bed::new();
    let _mounted = bed.mount(&Switch::new());
    let long = "n".repeat(200);
    for n in 0..500 {
        fs::write(bed.backing(&format!("{n}-{long}")), "").unwrap();
    }
    // As rm -r does: were the rest counted anew after each answer, every second part would be passed over.
    for entry in fs::read_dir(bed.at("")).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    assert!(names(&bed.backing("")).is_empty());
}

#[test]
fn with_a_ttl_the_kernel_believes_what_it_was_told() {
    if !fuse() {
        return;
    }
    let bed = Bed::new();
    let options = Options { ttl: Duration::from_secs(3600), ..Options::default() };
    let _mounted = mount(&bed.backing(""), &bed.at(""), Switch::new(), &options).unwrap();
    fs::write(bed.backing("f"), "").unwrap();
    assert!(bed.at("f").exists());
    fs::remove_file(bed.backing("f")).unwrap();
    assert!(bed.at("f").exists(), "as an NFS client does from its attribute cache");
    assert_eq!(errno(File::open(bed.at("f"))), Errno::NOENT.raw_os_error(), "opening asks");
    assert!(!bed.at("f").exists());
}

#[test]
fn another_mount_behind_the_mount_is_refused() {
    if !fuse() {
        return;
    }
    let bed = Bed::new();
    fs::create_dir(bed.backing("in")).unwrap();
    let flags = rustix::mount::MountFlags::empty();
    rustix::mount::mount("in", bed.backing("in"), "tmpfs", flags, None).unwrap();
    let _mounted = bed.mount(&Switch::new());
    let seen = fs::metadata(bed.at("in"));
    rustix::mount::unmount(bed.backing("in"), rustix::mount::UnmountFlags::DETACH).unwrap();
    assert_eq!(errno(seen), Errno::XDEV.raw_os_error());
}
