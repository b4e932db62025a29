//! The process put in order before anything foreign runs in it: where the socket is, what a stray print can reach, what
//! is inherited. Owns the standard descriptors; knows nothing of frames.

use rustix::fs::{Mode, OFlags, open};
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::process::{Resource, Rlimit, chdir, setrlimit};
use rustix::stdio::{dup2_stdin, dup2_stdout, stderr, stdin};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use thiserror::Error;

/// Descriptors below this are left to whoever writes to standard numbers.
const SOCKET_FD_MIN: i32 = 10;

/// Why the process could not be put in order.
#[derive(Debug, Error)]
pub enum SetUpError {
    /// Standard input is no socket: somebody started this by hand.
    #[error(
        "this is Storewarden's worker, started by storewarden-agent with a socket as its standard input; \
         to run a worker by hand makes no sense, see `storewarden-agent --help`"
    )]
    ByHand,
    /// A call failed.
    #[error("{what}")]
    Call {
        /// Which.
        what: &'static str,
        /// Why.
        #[source]
        source: Errno,
    },
}

/// Takes the socket from standard input, puts /dev/null there, lets standard output go where standard error goes (a
/// plugin that prints must not break a frame), leaves every directory, and forbids core dumps.
///
/// # Errors
/// See [`SetUpError`].
pub fn take_socket() -> Result<UnixStream, SetUpError> {
    let call = |what| move |source| SetUpError::Call { what, source };
    rustix::net::sockopt::socket_type(stdin()).map_err(|_| SetUpError::ByHand)?;
    let socket: OwnedFd = fcntl_dupfd_cloexec(stdin(), SOCKET_FD_MIN).map_err(call("moving the socket"))?;
    let null = open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).map_err(call("/dev/null"))?;
    dup2_stdin(&null).map_err(call("closing standard input"))?;
    dup2_stdout(stderr()).map_err(call("redirecting standard output"))?;
    chdir("/").map_err(call("leaving the directory"))?;
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).map_err(call("forbidding core dumps"))?;
    Ok(UnixStream::from(socket))
}
