//! How long to bear with a controller that is away, and how often to ask again. Pure: the clock is brought along.

use std::time::Duration;
use tokio::time::Instant;

/// How many times --connect-timeout a controller may be away before it is given up.
const FACTOR: u32 = 3;
/// First pause before asking again; doubled each time, up to the last.
const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_LAST: Duration = Duration::from_secs(1);

/// Patience with one controller.
#[derive(Debug)]
pub(super) struct Patience {
    limit: Duration,
    lost_at: Option<Instant>,
    pause: Duration,
}

/// What to do about a break.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Ask again after the pause.
    Ask {
        pause: Duration,
        /// Whether the controller was there until now.
        first: bool,
    },
    /// It has been away for too long.
    GiveUp,
}

impl Patience {
    /// With a controller that is tried for `connect_timeout` each time.
    pub(super) const fn new(connect_timeout: Duration) -> Self {
        Self { limit: connect_timeout.saturating_mul(FACTOR), lost_at: None, pause: PAUSE_FIRST }
    }

    /// How long the controller may be away in all.
    pub(super) const fn limit(&self) -> Duration {
        self.limit
    }

    /// The controller said something.
    pub(super) const fn heard(&mut self) {
        self.lost_at = None;
        self.pause = PAUSE_FIRST;
    }

    /// The connection broke, or could not be made.
    pub(super) fn broke(&mut self, now: Instant) -> Next {
        let first = self.lost_at.is_none();
        let away = now.duration_since(*self.lost_at.get_or_insert(now));
        let left = self.limit.saturating_sub(away);
        if left.is_zero() {
            return Next::GiveUp;
        }
        let pause = self.pause.min(left);
        self.pause = (self.pause * 2).min(PAUSE_LAST);
        Next::Ask { pause, first }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn asks_ever_more_seldom_and_gives_up_after_the_limit() {
        let mut patience = Patience::new(ms(1000));
        let lost = Instant::now();
        assert_eq!(patience.limit(), ms(3000));
        assert_eq!(patience.broke(lost), Next::Ask { pause: ms(100), first: true });
        assert_eq!(patience.broke(lost + ms(100)), Next::Ask { pause: ms(200), first: false });
        for pause in [400, 800, 1000, 1000] {
            assert_eq!(patience.broke(lost + ms(1500)), Next::Ask { pause: ms(pause), first: false });
        }
        // The last pause reaches to the limit, not past it.
        assert_eq!(patience.broke(lost + ms(2900)), Next::Ask { pause: ms(100), first: false });
        assert_eq!(patience.broke(lost + ms(3000)), Next::GiveUp);
    }

    #[test]
    fn a_word_from_the_controller_begins_anew() {
        let mut patience = Patience::new(ms(1000));
        let lost = Instant::now();
        patience.broke(lost);
        patience.broke(lost + ms(100));
        patience.heard();
        assert_eq!(patience.broke(lost + ms(9000)), Next::Ask { pause: ms(100), first: true });
    }
}
