//! The two clocks, read together, and the way from a core's wish back to a timer. The only place that reads them.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use storewarden_agent_core::Now;
use storewarden_types::{Mono, Wall};

/// This process's clocks. The monotonic one starts at zero when this is made.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// Starts counting.
    #[must_use]
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// Both clocks.
    #[must_use]
    pub fn now(&self) -> Now {
        // A wall clock before 1970 is as wrong as any other; it is for people only.
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { mono: Mono(millis(self.origin.elapsed())), wall: Wall(millis(since_epoch)) }
    }

    /// When `mono` is. Rounded up to the next millisecond by nobody: a timer set to it fires when `now().mono` says so.
    #[must_use]
    pub fn instant(&self, mono: Mono) -> Instant {
        self.origin + Duration::from_millis(mono.0.max(0).unsigned_abs())
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
