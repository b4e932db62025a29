//! Damping: a store that alternates every few seconds is held back rather than admitted every other time.
//! Owns the counting of turns and the hold; the judgement itself is made elsewhere.

use std::collections::VecDeque;
use storewarden_types::Mono;

/// So many turns between usable and unavailable ...
const TURNS_MAX: usize = 6;
/// ... within this span are flapping.
const WINDOW_MS: u64 = 60_000;
/// A flapping store is held until it has stood still for so long.
const HOLD_MS: u64 = 30_000;

/// The turns of one store.
#[derive(Debug, Default)]
pub(crate) struct Damper {
    usable: Option<bool>,
    turns: VecDeque<Mono>,
    held_until: Option<Mono>,
}

impl Damper {
    /// Takes what was judged now; `None` for a judgement that says nothing either way (Unknown).
    pub(crate) fn observe(&mut self, now: Mono, usable: Option<bool>) {
        while self.turns.front().is_some_and(|at| now.since(*at) > WINDOW_MS) {
            self.turns.pop_front();
        }
        let Some(usable) = usable else { return };
        if self.usable.replace(usable).is_some_and(|before| before != usable) {
            if self.turns.len() == TURNS_MAX {
                self.turns.pop_front();
            }
            self.turns.push_back(now);
            if self.turns.len() == TURNS_MAX {
                self.held_until = Some(now.plus(HOLD_MS));
            }
        }
        if self.held_until.is_some_and(|at| at <= now) {
            self.held_until = None;
            self.turns.clear();
        }
    }

    /// Until when it is held, if it is, and how often it turned.
    pub(crate) fn held(&self) -> Option<(Mono, usize)> {
        Some((self.held_until?, self.turns.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternating_is_held_and_standing_still_releases() {
        let mut d = Damper::default();
        let mut now = 0;
        for turn in 0..7 {
            now = turn * 3_000;
            d.observe(Mono(now), Some(turn % 2 == 0));
            assert_eq!(d.held().is_some(), turn == 6, "turn {turn}");
        }
        // Another turn holds it longer.
        d.observe(Mono(now + 20_000), Some(false));
        d.observe(Mono(now + 45_000), Some(false));
        assert!(d.held().is_some());
        d.observe(Mono(now + 50_000), Some(false));
        assert!(d.held().is_none());
        // One honest outage afterwards is no flapping.
        d.observe(Mono(now + 51_000), Some(true));
        assert!(d.held().is_none());
    }

    #[test]
    fn slow_turns_and_not_knowing_are_no_flapping() {
        let mut d = Damper::default();
        for turn in 0..20 {
            d.observe(Mono(turn * 15_000), Some(turn % 2 == 0));
            d.observe(Mono(turn * 15_000 + 1), None);
            assert!(d.held().is_none(), "turn {turn}");
        }
    }
}
