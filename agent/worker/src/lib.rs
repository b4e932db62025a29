//! The worker: one lean process per mount, and the only Storewarden code that touches a monitored path.
//!
//! Any call here may never come back. That is the design: the agent keeps the clock, kills this process, and goes on. So
//! nothing in here has a time-out, keeps a descriptor of the mount open between operations, writes to the mount, or
//! changes its working directory to it.
//!
//! ```text
//! socket ─► lifeline thread (end of file: _exit) ─► one operation at a time ─► voice ─► socket
//!                                                    watch threads ───────────►
//! ```
//!
//! Must not know: the controller, deletions, schedules, deadlines other than those handed to probes.

#![deny(unsafe_code)]

mod end;
mod fds;
mod probes;
mod serve;
mod voice;
mod watch;

pub use fds::{SetUpError, take_socket};
pub use serve::run;
