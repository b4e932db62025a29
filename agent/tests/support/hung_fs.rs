//! A file system that never answers: FUSE by hand, just enough to be mounted (include/uapi/linux/fuse.h).
//!
//! Once the kernel has handed a request to us, whoever waits for its answer cannot even be killed: the worst a store can do.

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use std::ffi::CString;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

const FUSE_INIT: u32 = 26;
/// Protocol 7.31: what every kernel since 5.4 speaks.
const VERSION: (u32, u32) = (7, 31);

/// Mounted until dropped.
#[derive(Debug)]
pub(crate) struct HungFs {
    path: PathBuf,
    asked: Arc<AtomicU32>,
}

impl HungFs {
    /// Mounts it at an existing directory. Needs root and /dev/fuse.
    pub(crate) fn mount(path: &Path) -> Self {
        let device =
            File::options().read(true).write(true).open("/dev/fuse").expect("this test needs /dev/fuse");
        let options = format!("fd={},rootmode=40000,user_id=0,group_id=0", device.as_raw_fd());
        let options = CString::new(options).unwrap();
        mount("storewarden-hung", path, "fuse", MountFlags::empty(), options.as_c_str())
            .expect("this test mounts a FUSE file system and must be run as root");
        let asked = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&asked);
        std::thread::spawn(move || serve(device, &count));
        Self { path: path.to_owned(), asked }
    }

    /// Requests that wait for an answer.
    pub(crate) fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }

    /// Ends it: whoever waits is let go.
    pub(crate) fn end(&self) {
        // A forced unmount aborts the connection (fs/fuse/inode.c, `fuse_umount_begin`); a second one finds nothing.
        let _ = unmount(&self.path, UnmountFlags::FORCE | UnmountFlags::DETACH);
    }
}

impl Drop for HungFs {
    fn drop(&mut self) {
        self.end();
    }
}

fn serve(mut device: File, asked: &AtomicU32) {
    let mut request = vec![0; 64 * 1024];
    // Ends with ENODEV when the file system is unmounted.
    while let Ok(40..) = device.read(&mut request) {
        let word = |at: usize| u32::from_ne_bytes(request[at..at + 4].try_into().unwrap());
        if word(4) != FUSE_INIT {
            asked.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        // fuse_out_header: length, error, the request's own id; then fuse_init_out, 64 bytes of it.
        let mut answer = Vec::with_capacity(80);
        answer.extend(80_u32.to_ne_bytes());
        answer.extend(0_i32.to_ne_bytes());
        answer.extend(&request[8..16]);
        answer.extend(VERSION.0.to_ne_bytes());
        answer.extend(VERSION.1.to_ne_bytes());
        answer.resize(80, 0);
        device.write_all(&answer).unwrap();
    }
}
