//! The way out: one frame after another, whoever speaks. Owns the write side of the socket.

use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};
use storewarden_proto::convert::encode_report;
use storewarden_proto::frame::write_frame;
use storewarden_types::WorkerReport;

/// Says things to the agent. An agent that does not read makes the speaker wait: that is back-pressure, and nothing else
/// in this process waits with it but other speakers.
#[derive(Debug)]
pub(crate) struct Voice {
    out: Mutex<(UnixStream, Vec<u8>)>,
}

impl Voice {
    /// Speaks on this socket.
    #[must_use]
    pub(crate) const fn new(socket: UnixStream) -> Self {
        Self { out: Mutex::new((socket, Vec::new())) }
    }

    /// Says one thing. When nobody listens any more this process has no purpose, and ends.
    pub(crate) fn say(&self, report: &WorkerReport) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let (socket, scratch) = &mut *out;
        if write_frame(socket, &encode_report(report), scratch).is_err() {
            crate::end::at_once(0);
        }
    }

    /// A line for the agent's log. 1 error, 2 warning, 3 info, 4 debug.
    pub(crate) fn log(&self, level: u32, message: impl Into<String>) {
        self.say(&WorkerReport::Log { level, message: message.into() });
    }
}
