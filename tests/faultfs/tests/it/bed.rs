//! What the tests share: a bed with two directories, programs that make calls on it, and waiting for a level.

use rustix::mount::{UnmountFlags, unmount};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use storewarden_faultfs::{Mounted, Options, Switch, mount};

/// Long enough for any machine; nothing waits for it to pass.
pub(crate) const BOUND: Duration = Duration::from_secs(30);

/// Whether to run at all. Without FUSE a test fails, unless somebody said that it may be left out.
pub(crate) fn fuse() -> bool {
    if std::env::var_os("STOREWARDEN_NO_FUSE").is_some_and(|v| v == "1") {
        eprintln!("left out: STOREWARDEN_NO_FUSE=1");
        return false;
    }
    let advice = "run as root where /dev/fuse is, or leave these tests out with STOREWARDEN_NO_FUSE=1";
    assert!(rustix::process::geteuid().is_root(), "mounting FUSE needs root: {advice}");
    if let Err(error) = fs::OpenOptions::new().read(true).write(true).open("/dev/fuse") {
        panic!("/dev/fuse: {error}: {advice}");
    }
    true
}

/// A backing directory and a mount point, gone at the end with whatever is mounted there.
pub(crate) struct Bed {
    dir: PathBuf,
}

impl Bed {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("faultfs-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let dir = fs::canonicalize(std::env::temp_dir()).unwrap().join(name);
        for part in ["backing", "at"] {
            fs::create_dir_all(dir.join(part)).unwrap();
        }
        Self { dir }
    }

    pub(crate) fn mount(&self, switch: &Switch) -> Mounted {
        mount(&self.backing(""), &self.at(""), switch.clone(), &Options::default()).unwrap()
    }

    /// A path behind the mount.
    pub(crate) fn backing(&self, path: &str) -> PathBuf {
        join(&self.dir.join("backing"), path)
    }

    /// A path on the mount.
    pub(crate) fn at(&self, path: &str) -> PathBuf {
        join(&self.dir.join("at"), path)
    }

    /// Type and source of every mount at the mount point, as mountinfo writes them.
    pub(crate) fn mounted(&self) -> Vec<(String, String)> {
        let at = self.at("").to_str().unwrap().to_owned();
        let text = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let lines = text.lines().filter(|line| line.split(' ').nth(4) == Some(&at));
        let tail = |line: &str| {
            let mut words = line.split_once(" - ").unwrap().1.split(' ');
            (words.next().unwrap().to_owned(), words.next().unwrap().to_owned())
        };
        lines.map(tail).collect()
    }

    /// umount -l.
    pub(crate) fn detach(&self) {
        unmount(self.at(""), UnmountFlags::DETACH).unwrap();
    }
}

fn join(dir: &Path, path: &str) -> PathBuf {
    if path.is_empty() { dir.into() } else { dir.join(path) }
}

impl Drop for Bed {
    fn drop(&mut self) {
        while unmount(self.at(""), UnmountFlags::DETACH).is_ok() {}
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// A program that makes a call on the mount; killed at the end.
pub(crate) struct Caller(Child);

impl Caller {
    /// stat(1): a lookup first of all.
    pub(crate) fn stat(path: &Path) -> Self {
        let mut command = Command::new("stat");
        command.arg(path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }

    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// How it ended, in bounded time.
    pub(crate) fn end(&mut self) -> ExitStatus {
        ended(&mut self.0)
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

/// How a process ended, in bounded time.
pub(crate) fn ended(child: &mut Child) -> ExitStatus {
    let mut status = None;
    eventually("the process ends", || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    status.unwrap()
}

/// Whether a process has SIGKILL before it and still waits in the kernel, where no signal reaches it.
pub(crate) fn survives_sigkill(pid: u32) -> bool {
    const SIGKILL_BIT: u64 = 1 << (9 - 1);
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let field =
        |name: &str| status.lines().find_map(|l| l.strip_prefix(name)).unwrap_or("").trim().to_owned();
    let pending = |name| u64::from_str_radix(&field(name), 16).is_ok_and(|set| set & SIGKILL_BIT != 0);
    field("State:").starts_with('D') && (pending("SigPnd:") || pending("ShdPnd:"))
}

/// Waits for a level.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < BOUND, "not within {BOUND:?}: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The error number of a call that must fail.
pub(crate) fn errno<T>(result: std::io::Result<T>) -> i32 {
    let error = result.err().expect("it succeeded");
    error.raw_os_error().unwrap_or_else(|| panic!("{error} has no number"))
}
