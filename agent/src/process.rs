//! One worker process from spawn to reaping, without ever waiting for it.
//!
//! Owns: how a worker is started (an almost empty environment, its own process group, nothing run between fork and
//! exec), how it is killed (by pidfd and group), and how its end is noticed (pidfd readable, then `waitid` with WNOHANG).
//! Must not know: frames, generations, mounts.

use crate::readiness;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitIdStatus, kill_process_group, pidfd_open,
    pidfd_send_signal, waitid,
};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::UnixStream;
use tokio::net::unix::pipe;

/// All of a worker's environment.
const WORKER_PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// What to run.
#[derive(Clone, Debug)]
pub struct Program {
    /// The executable. On a local disk: starting a program waits for its file.
    pub path: PathBuf,
    /// Its arguments; a worker needs none.
    pub args: Vec<OsString>,
}

/// A process just started, with our ends of its wires.
#[derive(Debug)]
pub struct Spawned {
    /// The process itself.
    pub process: Process,
    /// The other end is its standard input.
    pub socket: UnixStream,
    /// What it writes to standard output and error.
    pub output: pipe::Receiver,
}

/// A child process that is awaited by readiness only. Dropping it neither kills nor reaps.
#[derive(Debug)]
pub struct Process {
    pid: Pid,
    pidfd: AsyncFd<OwnedFd>,
    /// While false, the process id (and its group's) cannot have been given to another.
    reaped: Mutex<bool>,
}

impl Process {
    /// Starts `program`. Takes 1 to 3 ms (vfork and exec), during which the caller's thread waits.
    ///
    /// # Errors
    /// When the wires cannot be made or the program cannot be started.
    pub fn spawn(program: &Program) -> io::Result<Spawned> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let (output, their_output) = io::pipe()?;
        let (socket, output) = (UnixStream::from_std(ours)?, pipe::Receiver::from_owned_fd(output.into())?);
        // No `pre_exec`: the standard library can then use posix_spawn(3), and no code of ours runs in a forked copy.
        // All our descriptors are close-on-exec, so the child holds its three and nothing else of ours.
        let mut child = Command::new(&program.path)
            .args(&program.args)
            .env_clear()
            .env("PATH", WORKER_PATH)
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::from(their_output.try_clone()?))
            .stderr(Stdio::from(their_output))
            .spawn()?;
        let pid = Pid::from_child(&child);
        // The child stays a zombie until we reap it, so its id cannot have been reused yet. From here on the pidfd is
        // the only way to it; dropping `child` does nothing to the process.
        let pidfd = pidfd_open(pid, PidfdFlags::NONBLOCK).map_err(io::Error::from);
        match pidfd.and_then(|pidfd| readiness::register(pidfd, Interest::READABLE)) {
            Ok(pidfd) => {
                Ok(Spawned { process: Self { pid, pidfd, reaped: Mutex::new(false) }, socket, output })
            }
            Err(error) => {
                // No descriptor left to see it by: it must not run unseen. It has only just begun, so it can be killed;
                // waiting for that is nevertheless not for this thread.
                let _ = child.kill();
                let _ = std::thread::Builder::new().spawn(move || child.wait());
                Err(error)
            }
        }
    }

    /// Its process id, for /proc and for people.
    #[must_use]
    pub fn id(&self) -> i32 {
        self.pid.as_raw_pid()
    }

    /// Whether its end was noticed and taken.
    #[must_use]
    pub fn is_reaped(&self) -> bool {
        *self.lock_reaped()
    }

    /// SIGKILL to the process and to whatever it has started in its group. Does not wait; does nothing once reaped.
    pub fn kill(&self) {
        let reaped = self.lock_reaped();
        if !*reaped {
            // Errors mean that it is gone already; noticing that is the reaper's business.
            let _ = pidfd_send_signal(self.pidfd.get_ref(), Signal::KILL);
            let _ = kill_process_group(self.pid, Signal::KILL);
        }
    }

    /// Ends when the process has ended and is reaped, and tells how it ended. A process that cannot die keeps this
    /// pending for as long as that lasts; nothing blocks. Safe to drop and call again.
    pub async fn reaped(&self) -> String {
        loop {
            // Without a reactor there is nobody left to tell.
            let Ok(mut ready) = self.pidfd.readable().await else { return std::future::pending().await };
            match self.try_reap() {
                Some(how) => return how,
                None => ready.clear_ready(),
            }
        }
    }

    fn try_reap(&self) -> Option<String> {
        let mut reaped = self.lock_reaped();
        if !*reaped {
            // It is dead but still owns its ids: the last moment to take what it left running along with it.
            let _ = kill_process_group(self.pid, Signal::KILL);
        }
        match waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED | WaitIdOptions::NOHANG) {
            Ok(Some(status)) => {
                *reaped = true;
                Some(in_words(&status))
            }
            Ok(None) => None,
            // ECHILD: somebody else reaped it (the parent ignores SIGCHLD, say).
            Err(errno) => {
                *reaped = true;
                Some(format!("ended, but how is not known ({errno})"))
            }
        }
    }

    fn lock_reaped(&self) -> MutexGuard<'_, bool> {
        self.reaped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn in_words(status: &WaitIdStatus) -> String {
    if let Some(signal) = status.terminating_signal() {
        let name = signal_name(signal);
        let core = if status.dumped() { ", core dumped" } else { "" };
        return format!("killed by signal {signal}{name}{core}");
    }
    match status.exit_status() {
        Some(code) => format!("exited with code {code}"),
        None => "ended".into(),
    }
}

/// The names that matter for a worker's post-mortem (signal(7)).
const fn signal_name(signal: i32) -> &'static str {
    match signal {
        4 => " (SIGILL)",
        6 => " (SIGABRT)",
        7 => " (SIGBUS)",
        8 => " (SIGFPE)",
        9 => " (SIGKILL)",
        11 => " (SIGSEGV)",
        15 => " (SIGTERM)",
        31 => " (SIGSYS)",
        _ => "",
    }
}
