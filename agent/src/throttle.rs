//! Keeps repeated lines from filling a log: a few of each kind at once, then a count of what was left out.
//! Pure: time comes in. Must not know: what a line says, where it goes.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Lines of one kind let through at once.
const BURST: u32 = 10;
/// How soon one kind may burst again.
const WINDOW: Duration = Duration::from_secs(10);
/// Kinds told apart. A stranger can make kinds up (mount points, codes), so there is a bound; past it, all forget.
const KINDS_MAX: usize = 1024;

/// What to do with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// Say it, and that so many like it were left out before.
    Say {
        /// Lines left out since the last one said.
        left_out: u64,
    },
    /// Leave it out.
    Hold,
}

#[derive(Debug)]
struct Window {
    began: Instant,
    said: u32,
    left_out: u64,
}

/// Counts lines by kind.
#[derive(Debug)]
pub(crate) struct Throttle<K> {
    windows: HashMap<K, Window>,
}

impl<K> Default for Throttle<K> {
    fn default() -> Self {
        Self { windows: HashMap::new() }
    }
}

impl<K: Eq + Hash> Throttle<K> {
    /// Whether a line of this kind may be said now.
    pub(crate) fn pass(&mut self, kind: K, now: Instant) -> Pass {
        if self.windows.len() >= KINDS_MAX && !self.windows.contains_key(&kind) {
            self.windows.clear();
        }
        let window = self.windows.entry(kind).or_insert(Window { began: now, said: 0, left_out: 0 });
        if now.duration_since(window.began) >= WINDOW {
            (window.began, window.said) = (now, 0);
        }
        if window.said >= BURST {
            window.left_out += 1;
            return Pass::Hold;
        }
        window.said += 1;
        Pass::Say { left_out: std::mem::take(&mut window.left_out) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_a_burst_and_a_count_and_other_kinds_are_not_touched() {
        let (mut throttle, start) = (Throttle::default(), Instant::now());
        let said = (0..1000).filter(|_| throttle.pass("a", start) != Pass::Hold).count();
        assert_eq!(said, BURST as usize);
        assert_eq!(throttle.pass("b", start), Pass::Say { left_out: 0 });
        assert_eq!(throttle.pass("a", start + WINDOW), Pass::Say { left_out: 990 });
        assert_eq!(throttle.pass("a", start + WINDOW), Pass::Say { left_out: 0 });
    }

    #[test]
    fn made_up_kinds_do_not_grow_it_without_end() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        for kind in 0..10 * KINDS_MAX {
            throttle.pass(kind, now);
        }
        assert!(throttle.windows.len() <= KINDS_MAX);
    }
}
