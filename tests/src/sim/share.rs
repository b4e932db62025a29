//! The simulated shares: which files exist when, and what each mount of them does to a caller.

use std::collections::BTreeMap;

/// How a mount treats whoever looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// Answers truthfully.
    Well,
    /// Every call says ESTALE.
    Stale,
    /// No call comes back; SIGKILL frees the caller.
    Hung,
    /// No call comes back; not even SIGKILL frees the caller until the mount heals.
    HungHard,
    /// Nothing is mounted.
    Unmounted,
    /// Another share is mounted over.
    MountedOver,
}

/// One file's history: the moments at which it appeared and vanished, in turn, starting absent.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    changes: Vec<i64>,
}

impl History {
    fn exists(&self) -> bool {
        self.changes.len() % 2 == 1
    }

    /// Whether it was absent at any moment of `from..=to`.
    pub(crate) fn absent_within(&self, from: i64, to: i64) -> bool {
        // Changes at an even place make it appear, at an odd place vanish.
        let mut since = i64::MIN;
        for (place, at) in self.changes.iter().enumerate() {
            if place % 2 == 0 {
                if since <= to && *at > from {
                    return true;
                }
            } else {
                since = *at;
            }
        }
        !self.exists() && since <= to
    }
}

/// A share on its server.
#[derive(Debug, Default)]
pub(crate) struct Share {
    pub(crate) files: BTreeMap<String, History>,
}

impl Share {
    pub(crate) fn exists(&self, path: &str) -> bool {
        self.files.get(path).is_some_and(History::exists)
    }

    /// Creates or deletes; returns whether anything changed.
    pub(crate) fn set(&mut self, now: i64, path: &str, exists: bool) -> bool {
        let history = self.files.entry(path.to_owned()).or_default();
        if history.exists() == exists {
            return false;
        }
        history.changes.push(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absence_within_a_span() {
        let h = History { changes: vec![10, 20, 30] };
        assert!(h.absent_within(0, 5));
        assert!(!h.absent_within(10, 19));
        assert!(h.absent_within(10, 20));
        assert!(h.absent_within(25, 40));
        assert!(!h.absent_within(30, 40));
        assert!(History::default().absent_within(1, 2));
    }
}
