//! The FUSE side: each request meets the gate, is done on the tree, and is answered. Owns the answers; decides nothing.

use crate::attributes::Found;
use crate::names::Maker;
use crate::switch::{Fault, Gate, Touch};
use crate::table::Place;
use crate::tree::{Setting, Tree};
use fuser::{
    BsdFileFlags, FileHandle, Filesystem, FopenFlags, INodeNo, LockOwner, OpenAccMode, OpenFlags,
    RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen,
    ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};
use rustix::fs::{Gid, OFlags, Timespec, UTIME_NOW, UTIME_OMIT, Uid};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The file system as `fuser` serves it.
#[derive(Debug)]
pub(crate) struct FaultFs {
    tree: Tree,
    gate: Arc<Gate>,
    ttl: Duration,
    _alive: Sender<()>,
}

impl FaultFs {
    /// The file system, and what hangs up when its session has ended.
    pub(crate) fn new(tree: Tree, gate: Arc<Gate>, ttl: Duration) -> (Self, Receiver<()>) {
        let (alive, ended) = channel();
        (Self { tree, gate, ttl, _alive: alive }, ended)
    }

    fn pass<T>(&self, touch: Touch, then: impl FnOnce(&Tree) -> Result<T, Errno>) -> Result<T, Errno> {
        self.gate.pass(touch)?;
        then(&self.tree)
    }

    fn entry(&self, reply: ReplyEntry, found: Result<Found, Errno>) {
        match found {
            Ok(found) => reply.entry(&self.ttl, &found.attr, found.generation),
            Err(errno) => reply.error(code(errno)),
        }
    }

    fn attr(&self, reply: ReplyAttr, found: Result<Found, Errno>) {
        match found {
            Ok(found) => reply.attr(&self.ttl, &found.attr),
            Err(errno) => reply.error(code(errno)),
        }
    }

    /// Without a ttl the kernel keeps no pages: every read and write comes here, and meets the fault.
    fn open_flags(&self) -> FopenFlags {
        if self.ttl.is_zero() { FopenFlags::FOPEN_DIRECT_IO } else { FopenFlags::empty() }
    }
}

fn code(errno: Errno) -> fuser::Errno {
    fuser::Errno::from_i32(errno.raw_os_error())
}

fn done(reply: ReplyEmpty, result: Result<(), Errno>) {
    match result {
        Ok(()) => reply.ok(),
        Err(errno) => reply.error(code(errno)),
    }
}

fn data(reply: ReplyData, result: Result<Vec<u8>, Errno>) {
    match result {
        Ok(bytes) => reply.data(&bytes),
        Err(errno) => reply.error(code(errno)),
    }
}

fn opened(reply: ReplyOpen, result: Result<u64, Errno>, flags: FopenFlags) {
    match result {
        Ok(handle) => reply.opened(FileHandle(handle), flags),
        Err(errno) => reply.error(code(errno)),
    }
}

fn maker(request: &Request, mode: u32) -> Maker {
    Maker { owner: Uid::from_raw(request.uid()), group: Gid::from_raw(request.gid()), mode }
}

fn timespec(time: Option<TimeOrNow>) -> Timespec {
    let special = |tv_nsec| Timespec { tv_sec: 0, tv_nsec };
    match time {
        None => special(UTIME_OMIT),
        Some(TimeOrNow::Now) => special(UTIME_NOW),
        Some(TimeOrNow::SpecificTime(time)) => match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Timespec {
                tv_sec: after.as_secs().try_into().unwrap_or(i64::MAX),
                tv_nsec: after.subsec_nanos().into(),
            },
            // Before 1970, to the second.
            Err(before) => Timespec {
                tv_sec: before.duration().as_secs().try_into().map_or(i64::MIN, |s: i64| -s),
                tv_nsec: 0,
            },
        },
    }
}

impl Filesystem for FaultFs {
    fn destroy(&mut self) {
        // Whoever still holds a removed file has lost it with the mount.
        if self.gate.is_open(Touch::Change) {
            let hidden = self.tree.table().take_hidden();
            for place in &hidden {
                let _ = self.tree.remove_hidden(place);
            }
        }
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        self.entry(reply, self.pass(Touch::Look, |tree| tree.enter(parent.0, name)));
    }

    fn forget(&self, _: &Request, node: INodeNo, lookups: u64) {
        self.tree.table().forget(node.0, lookups);
    }

    fn getattr(&self, _: &Request, node: INodeNo, handle: Option<FileHandle>, reply: ReplyAttr) {
        let handle = handle.map(|handle| handle.0);
        self.attr(reply, self.pass(Touch::Look, |tree| tree.attributes(node.0, handle)));
    }

    fn setattr(
        &self,
        _: &Request,
        node: INodeNo,
        mode: Option<u32>,
        owner: Option<u32>,
        group: Option<u32>,
        size: Option<u64>,
        atime: Option<TimeOrNow>,
        mtime: Option<TimeOrNow>,
        _: Option<SystemTime>,
        handle: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let times = atime.is_some() || mtime.is_some();
        let setting = Setting {
            mode,
            owner: owner.map(Uid::from_raw),
            group: group.map(Gid::from_raw),
            size,
            times: times.then(|| (timespec(atime), timespec(mtime))),
        };
        let touch = if size.is_some() { Touch::Grow } else { Touch::Change };
        self.attr(reply, self.pass(touch, |tree| tree.set(node.0, handle.map(|handle| handle.0), setting)));
    }

    fn readlink(&self, _: &Request, node: INodeNo, reply: ReplyData) {
        data(reply, self.pass(Touch::Look, |tree| tree.link_target(node.0)));
    }

    fn mknod(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _: u32,
        device: u32,
        reply: ReplyEntry,
    ) {
        let maker = maker(request, mode);
        self.entry(reply, self.pass(Touch::Grow, |tree| tree.make_node(parent.0, name, device, maker)));
    }

    fn mkdir(&self, request: &Request, parent: INodeNo, name: &OsStr, mode: u32, _: u32, reply: ReplyEntry) {
        let maker = maker(request, mode);
        self.entry(reply, self.pass(Touch::Grow, |tree| tree.make_directory(parent.0, name, maker)));
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(reply, self.pass(Touch::Change, |tree| tree.unlink(parent.0, name)));
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(reply, self.pass(Touch::Change, |tree| tree.remove_directory(parent.0, name)));
    }

    fn symlink(&self, request: &Request, parent: INodeNo, name: &OsStr, target: &Path, reply: ReplyEntry) {
        let maker = maker(request, 0);
        self.entry(reply, self.pass(Touch::Grow, |tree| tree.make_symlink(parent.0, name, target, maker)));
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let (from, to) = (Place::new(parent.0, name), Place::new(new_parent.0, new_name));
        let flags = rustix::fs::RenameFlags::from_bits_retain(flags.bits());
        done(reply, self.pass(Touch::Change, |tree| tree.rename(from, to, flags)));
    }

    fn link(&self, _: &Request, node: INodeNo, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        self.entry(reply, self.pass(Touch::Grow, |tree| tree.make_link(node.0, parent.0, name)));
    }

    fn open(&self, _: &Request, node: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        let (access, touch) = match flags.acc_mode() {
            OpenAccMode::O_RDONLY => (OFlags::RDONLY, Touch::Look),
            OpenAccMode::O_WRONLY => (OFlags::WRONLY, Touch::Grow),
            OpenAccMode::O_RDWR => (OFlags::RDWR, Touch::Grow),
        };
        opened(reply, self.pass(touch, |tree| tree.open_file(node.0, access)), self.open_flags());
    }

    fn create(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _: u32,
        flags: i32,
        reply: ReplyCreate,
    ) {
        let flags = OFlags::from_bits_retain(flags.cast_unsigned());
        let maker = maker(request, mode);
        match self.pass(Touch::Grow, |tree| tree.create(parent.0, name, flags, maker)) {
            Ok((found, handle)) => {
                let handle = FileHandle(handle);
                reply.created(&self.ttl, &found.attr, found.generation, handle, self.open_flags());
            }
            Err(errno) => reply.error(code(errno)),
        }
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        data(reply, self.pass(Touch::Look, |tree| tree.read(handle.0, offset, size)));
    }

    fn write(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        offset: u64,
        bytes: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.pass(Touch::Grow, |tree| tree.write(handle.0, offset, bytes)) {
            Ok(written) => reply.written(written),
            Err(errno) => reply.error(code(errno)),
        }
    }

    fn fsync(&self, _: &Request, _: INodeNo, handle: FileHandle, _: bool, reply: ReplyEmpty) {
        done(reply, self.pass(Touch::Commit, |tree| tree.sync_file(handle.0)));
    }

    fn release(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        // Nobody waits for this answer. A fault meets only the removal that the last close of a removed file brings.
        match self.tree.close_file(handle.0) {
            Some(place) => done(reply, self.pass(Touch::Change, |tree| tree.remove_hidden(&place))),
            None => reply.ok(),
        }
    }

    fn opendir(&self, _: &Request, node: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        opened(reply, self.pass(Touch::Look, |tree| tree.open_directory(node.0)), FopenFlags::empty());
    }

    fn readdir(&self, _: &Request, _: INodeNo, handle: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        match self.pass(Touch::Look, |tree| tree.list(handle.0, offset)) {
            Ok(entries) => {
                for (entry, next) in entries.iter().zip(offset + 1..) {
                    if reply.add(INodeNo(entry.inode), next, entry.kind, &entry.name) {
                        break;
                    }
                }
                reply.ok();
            }
            Err(errno) => reply.error(code(errno)),
        }
    }

    fn releasedir(&self, _: &Request, _: INodeNo, handle: FileHandle, _: OpenFlags, reply: ReplyEmpty) {
        self.tree.table().close_directory(handle.0);
        reply.ok();
    }

    fn fsyncdir(&self, _: &Request, _: INodeNo, handle: FileHandle, _: bool, reply: ReplyEmpty) {
        done(reply, self.pass(Touch::Commit, |tree| tree.sync_directory(handle.0)));
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        match self.pass(Touch::Look, Tree::capacity) {
            Ok(v) => {
                let free = |blocks| if self.gate.fault() == Fault::Enospc { 0 } else { blocks };
                let size = |bytes: u64| bytes.try_into().unwrap_or(u32::MAX);
                reply.statfs(
                    v.f_blocks,
                    free(v.f_bfree),
                    free(v.f_bavail),
                    v.f_files,
                    v.f_ffree,
                    size(v.f_bsize),
                    size(v.f_namemax),
                    size(v.f_frsize),
                );
            }
            Err(errno) => reply.error(code(errno)),
        }
    }
}
