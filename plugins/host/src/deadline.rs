//! When a call should be back, and whether anybody still waits. Owns the two values; enforces neither.

use rustix::time::{ClockId, clock_gettime};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A moment on CLOCK_MONOTONIC (clock_gettime(2)), which all processes of a machine share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline {
    monotonic_ns: u64,
}

impl Deadline {
    /// So long from now.
    #[must_use]
    pub fn after(budget: Duration) -> Self {
        let budget_ns = u64::try_from(budget.as_nanos()).unwrap_or(u64::MAX);
        Self { monotonic_ns: now_ns().saturating_add(budget_ns) }
    }

    /// A moment that another process named, in nanoseconds of CLOCK_MONOTONIC.
    #[must_use]
    pub const fn at_monotonic_ns(monotonic_ns: u64) -> Self {
        Self { monotonic_ns }
    }

    /// The moment, in nanoseconds of CLOCK_MONOTONIC.
    #[must_use]
    pub const fn monotonic_ns(self) -> u64 {
        self.monotonic_ns
    }

    /// Whether it lies behind us.
    #[must_use]
    pub fn has_passed(self) -> bool {
        now_ns() >= self.monotonic_ns
    }
}

fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

/// Set from any thread to tell the call under way that its answer is not wanted any more. Clones share the flag.
#[derive(Clone, Debug, Default)]
pub struct CancelFlag(Arc<AtomicBool>);

impl CancelFlag {
    /// Asks the call to end early. A probe that does not ask will not know.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether [`cancel`](Self::cancel) was called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
