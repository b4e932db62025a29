//! The way back to the host during one call: numbers, texts, log lines, and whether anybody still waits. Owns the
//! author's view; the shim or the fake host stands behind it.

use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;
use storewarden_plugin_abi::{
    SWP_COUNTER, SWP_GAUGE, SWP_LOG_DEBUG, SWP_LOG_ERROR, SWP_LOG_INFO, SWP_LOG_TRACE, SWP_LOG_WARN,
};

/// How loud a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum LogLevel {
    /// Something failed.
    Error = SWP_LOG_ERROR,
    /// Surprising.
    Warn = SWP_LOG_WARN,
    /// Life cycle.
    Info = SWP_LOG_INFO,
    /// For developers.
    Debug = SWP_LOG_DEBUG,
    /// Everything.
    Trace = SWP_LOG_TRACE,
}

/// How a number behaves over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum MetricKind {
    /// Goes up and down.
    Gauge = SWP_GAUGE,
    /// Only grows while the process lives.
    Counter = SWP_COUNTER,
}

/// Where a call's words go.
pub(crate) trait Sink {
    fn metric(&self, kind: MetricKind, name: &str, value: f64);
    fn evidence(&self, name: &str, text: &str);
    fn log(&self, level: LogLevel, message: &str);
    fn cancelled(&self) -> bool;
}

/// The host, for the length of one call.
///
/// Nothing here fails for the author: what the host refuses (over a bound, malformed name) it drops and says so in its
/// own log. The bounds are in the header: 64 metrics, 16 pieces of evidence of 64 KiB together, 64 log lines.
#[derive(Clone, Copy)]
pub struct Cx<'a> {
    sink: &'a dyn Sink,
    deadline_ns: u64,
}

impl<'a> Cx<'a> {
    pub(crate) fn new(sink: &'a dyn Sink, deadline_ns: u64) -> Self {
        Self { sink, deadline_ns }
    }

    /// Reports a number that goes up and down. The name ends in its unit: `statx_seconds`, `free_bytes`.
    pub fn gauge(&self, name: &str, value: f64) {
        self.sink.metric(MetricKind::Gauge, name, value);
    }

    /// Reports a total that only grows while the process lives. The name ends in `_total`.
    pub fn counter(&self, name: &str, value: f64) {
        self.sink.metric(MetricKind::Counter, name, value);
    }

    /// Hands over a text that the verdict rests on: a line of mountstats, the output of a tool.
    pub fn evidence(&self, name: &str, text: &str) {
        self.sink.evidence(name, text);
    }

    /// Says something to those who debug.
    pub fn log(&self, level: LogLevel, message: &str) {
        self.sink.log(level, message);
    }

    /// Whether nobody waits for the answer any more. Ask between steps; a call blocked in the kernel needs not care,
    /// it is ended with its process.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.sink.cancelled()
    }

    /// Time left until the deadline; zero when it has passed.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        Duration::from_nanos(self.deadline_ns.saturating_sub(monotonic_ns()))
    }
}

/// CLOCK_MONOTONIC in nanoseconds: the clock that deadlines are on (clock_gettime(2)).
pub(crate) fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}
