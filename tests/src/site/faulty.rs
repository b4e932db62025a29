//! A mount with a switch: a real FUSE file system over a backing directory, served by a child process that unmounts when
//! we are gone, however we go.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A FUSE mount whose faults are switched while it is mounted.
#[derive(Debug)]
pub struct FaultyMount {
    backing: PathBuf,
    mount_point: PathBuf,
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl FaultyMount {
    /// Why FUSE cannot be used here, if so.
    #[must_use]
    pub fn obstacle() -> Option<String> {
        if !rustix::process::geteuid().is_root() {
            return Some("mounting FUSE needs root".into());
        }
        let device = std::fs::OpenOptions::new().read(true).write(true).open("/dev/fuse");
        device.err().map(|error| format!("/dev/fuse: {error}"))
    }

    /// Mounts `backing` at `mount_point` (both are made).
    ///
    /// # Panics
    /// When it cannot be mounted.
    #[must_use]
    pub fn mount(program: &Path, backing: &Path, mount_point: &Path) -> Self {
        std::fs::create_dir_all(backing).expect("a backing directory");
        std::fs::create_dir_all(mount_point).expect("a mount point");
        let mut child = Command::new(program)
            .args([backing, mount_point])
            .args(["--source", &format!("faultfs:{}", backing.display())])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("faultfs runs");
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut this =
            Self { backing: backing.into(), mount_point: mount_point.into(), child, stdin, stdout };
        assert_eq!(this.answer(), "mounted");
        this
    }

    /// Switches the fault: `none`, `stale`, `eio`, `enospc`, `readonly`, `slow:MS`, `hang`.
    ///
    /// # Panics
    /// When the file system is gone.
    pub fn fault(&mut self, word: &str) {
        let stdin = self.stdin.as_mut().expect("still mounted");
        writeln!(stdin, "{word}").expect("faultfs listens");
        assert_eq!(self.answer(), format!("ok {word}"));
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("faultfs answers");
        line.trim_end().to_owned()
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.mount_point
    }

    /// The directory behind it: what happens there gives no file event on the mount.
    #[must_use]
    pub fn backing(&self) -> &Path {
        &self.backing
    }

    /// Unmounts, leaving the empty mount point behind.
    pub fn unmount(self) {}
}

impl Drop for FaultyMount {
    fn drop(&mut self) {
        self.stdin = None; // End of file: it unmounts and ends.
        let _ = self.child.wait();
    }
}
