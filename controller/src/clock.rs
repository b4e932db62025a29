//! The two clocks of this process, read in one place. Owns the origin of the monotonic one; decides nothing.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use storewarden_controller_core::Now;
use storewarden_types::{Mono, Wall};

/// This process's clocks. The monotonic one begins at 0 when the value is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// The monotonic clock, in whole milliseconds.
    pub(crate) fn mono(&self) -> Mono {
        Mono(millis(self.origin.elapsed()))
    }

    /// Both.
    pub(crate) fn now(&self) -> Now {
        Now { mono: self.mono(), wall: wall() }
    }

    /// When the monotonic clock will read `at`, for a timer. Never in the past of the origin.
    pub(crate) fn instant(&self, at: Mono) -> tokio::time::Instant {
        let after = Duration::from_millis(at.since(Mono(0)));
        tokio::time::Instant::from_std(self.origin + after)
    }
}

/// The wall clock.
pub(crate) fn wall() -> Wall {
    Wall(match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => millis(since),
        // Set before 1970: still a time, still only for people.
        Err(before) => -millis(before.duration()),
    })
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_for_a_moment_fires_when_the_clock_shows_it() {
        let clock = Clock::start();
        let at = clock.mono().plus(3);
        while tokio::time::Instant::now() < clock.instant(at) {
            std::hint::spin_loop();
        }
        assert!(clock.mono() >= at);
        // A reading from before the origin is a timer that has fired.
        assert!(clock.instant(Mono(-5)) <= tokio::time::Instant::now());
    }
}
