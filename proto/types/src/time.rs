//! Time as data. Owns the two clocks' types and their arithmetic; reads neither.

use std::fmt;

/// A reading of *one process's* monotonic clock, in milliseconds since an origin that only this process knows.
///
/// Signed, because a peer's reading translated to ours may lie before our origin. Never compare two `Mono` of
/// different processes: translate first (see `message::Anchor`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mono(pub i64);

impl Mono {
    /// This reading moved forward by `ms` (saturating).
    #[must_use]
    pub const fn plus(self, ms: u64) -> Self {
        Self(self.0.saturating_add_unsigned(ms))
    }

    /// This reading moved back by `ms` (saturating).
    #[must_use]
    pub const fn minus(self, ms: u64) -> Self {
        Self(self.0.saturating_sub_unsigned(ms))
    }

    /// Milliseconds from `earlier` to `self`; zero when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        let d = self.0.saturating_sub(earlier.0);
        if d < 0 { 0 } else { d.unsigned_abs() }
    }
}

impl fmt::Display for Mono {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0)
    }
}

/// Wall-clock time: milliseconds since the Unix epoch, UTC. For people and for the ledger; it may jump, so no
/// decision that must be right rests on it alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wall(pub i64);

impl Wall {
    /// This time moved forward by `ms` (saturating).
    #[must_use]
    pub const fn plus(self, ms: u64) -> Self {
        Self(self.0.saturating_add_unsigned(ms))
    }

    /// Milliseconds from `earlier` to `self`; zero when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        let d = self.0.saturating_sub(earlier.0);
        if d < 0 { 0 } else { d.unsigned_abs() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_and_never_goes_negative() {
        assert_eq!(Mono(5).plus(10), Mono(15));
        assert_eq!(Mono(5).since(Mono(9)), 0);
        assert_eq!(Mono(-5).since(Mono(-9)), 4);
        assert_eq!(Mono(i64::MAX).plus(1), Mono(i64::MAX));
        assert_eq!(Mono(i64::MIN).minus(1), Mono(i64::MIN));
        assert_eq!(Wall(7).since(Wall(3)), 4);
    }
}
