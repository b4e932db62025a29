//! What a scan was for and what its end means; how the watch stands. Owns the words for people; does nothing itself.

use super::files::Files;
use super::follower::{Follower, Told};
use super::source::sysctl;
use super::tree::{Budget, Counts};
use std::time::{Duration, Instant};
use storewarden_types::{GapCause, WatchState, WatchStatus};

/// A scan under way.
#[derive(Debug)]
pub(super) struct Scan {
    cause: GapCause,
    /// Whether the index knew every name before.
    knew_all: bool,
    /// Told missing by earlier scans that this one goes on for.
    missing_before: u64,
    /// Only made because the watch is partial; told only if it found something.
    retry: bool,
    began: Instant,
}

/// The end of a blind stretch, as the scan saw it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Closed {
    pub(super) cause: GapCause,
    pub(super) complete: bool,
    pub(super) missing: u64,
}

impl Scan {
    /// The first one: nothing is known yet.
    pub(super) fn first() -> Self {
        Self::new(GapCause::WorkerAbsent, false, false)
    }

    /// A look at what events cannot tell.
    pub(super) fn retry(cause: GapCause) -> Self {
        Self::new(cause, false, true)
    }

    /// The one after events were lost; goes on for `before`, if that was under way, which had told `missing` names.
    pub(super) fn after_loss(before: Option<Self>, missing: u64, was_whole: bool) -> Self {
        match before {
            Some(before) if !before.retry => {
                Self { missing_before: before.missing_before + missing, ..before }
            }
            Some(_) => Self { missing_before: missing, ..Self::new(GapCause::Overflow, false, false) },
            None => Self::new(GapCause::Overflow, was_whole, false),
        }
    }

    fn new(cause: GapCause, knew_all: bool, retry: bool) -> Self {
        Self { cause, knew_all, missing_before: 0, retry, began: Instant::now() }
    }

    /// How long it has been under way.
    pub(super) fn took(&self) -> Duration {
        self.began.elapsed()
    }

    /// Its end, if that is worth telling. `missing` names were told by it.
    pub(super) fn end(self, standing: &Standing, missing: u64) -> Option<Closed> {
        let missing = self.missing_before + missing;
        let whole = standing.is_whole();
        if self.retry && missing == 0 && !whole {
            return None;
        }
        Some(Closed { cause: self.cause, complete: whole && self.knew_all, missing })
    }
}

impl Closed {
    /// One sentence for people.
    pub(super) fn words(&self, standing: &Standing) -> String {
        match self.cause {
            GapCause::WorkerAbsent => "the watch begins here; what went before it was not seen".into(),
            GapCause::Overflow if self.complete => {
                format!(
                    "events were lost; a rescan of every directory found {} name(s) missing",
                    self.missing
                )
            }
            GapCause::Overflow if standing.is_whole() => format!(
                "events were lost; a rescan found {} name(s) missing, but not every name was known before",
                self.missing
            ),
            _ if standing.is_whole() => {
                format!("every directory is watched now; a scan found {} name(s) missing", self.missing)
            }
            _ => format!("a scan found {} name(s) missing; {}", self.missing, standing.message()),
        }
    }
}

/// How the watch stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    state: WatchState,
    cause: GapCause,
    message: String,
}

impl Standing {
    /// Directories are being added.
    pub(super) fn starting(message: &str) -> Self {
        Self { state: WatchState::Starting, cause: GapCause::Error, message: message.into() }
    }

    /// As the counts say, when nothing is left to list.
    pub(super) fn of<F: Files, T: Told>(counts: Counts, follower: &Follower<F, T>, budget: Budget) -> Self {
        let mut parts = Vec::new();
        let trouble = follower.trouble.as_deref().unwrap_or("no reason was given");
        let unwatched = counts.directories - counts.watched;
        let mut cause = GapCause::Budget;
        if unwatched > 0 {
            let why = if follower.kernel_full {
                format!("fs.inotify.max_user_watches ({}) is used up", sysctl("max_user_watches"))
            } else if follower.budget_full {
                format!("the budget of {} directories is used up", budget.directories_max)
            } else {
                cause = GapCause::Error;
                trouble.to_owned()
            };
            parts.push(format!("{unwatched} of {} directories are not watched: {why}", counts.directories));
        }
        if counts.unread > 0 {
            cause = GapCause::Error;
            parts.push(format!("{} directories could not be read: {trouble}", counts.unread));
        }
        if counts.uncovered > 0 {
            let max = budget.names_max;
            parts.push(format!(
                "{} directories have names beyond the budget of {max} names; they are not remembered",
                counts.uncovered
            ));
        }
        let state = if parts.is_empty() { WatchState::Watching } else { WatchState::Partial };
        Self { state, cause, message: parts.join("; ") }
    }

    /// Whether every directory is watched and every name known.
    pub(super) fn is_whole(&self) -> bool {
        self.state == WatchState::Watching
    }

    /// Why it is not whole.
    pub(super) fn cause(&self) -> GapCause {
        self.cause
    }

    /// Why it is not whole, in words.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// As it is told.
    pub(super) fn status(&self, counts: Counts, overflows: u64) -> WatchStatus {
        WatchStatus {
            state: self.state,
            directories: counts.watched,
            indexed: counts.names,
            overflows,
            message: self.message.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(state: WatchState) -> Standing {
        Standing { state, cause: GapCause::Budget, message: String::new() }
    }

    fn end(scan: Scan, state: WatchState, missing: u64) -> Option<(GapCause, bool, u64)> {
        scan.end(&standing(state), missing).map(|closed| (closed.cause, closed.complete, closed.missing))
    }

    #[test]
    fn only_a_rescan_of_a_known_whole_is_complete() {
        use GapCause::{Budget, Overflow, WorkerAbsent};
        use WatchState::{Partial, Watching};
        let lost = |was_whole| Scan::after_loss(None, 9, was_whole);
        assert_eq!(end(Scan::first(), Watching, 0), Some((WorkerAbsent, false, 0)));
        assert_eq!(end(lost(true), Watching, 3), Some((Overflow, true, 3)));
        assert_eq!(end(lost(true), Partial, 3), Some((Overflow, false, 3)));
        assert_eq!(end(lost(false), Watching, 3), Some((Overflow, false, 3)));
        assert_eq!(end(Scan::retry(Budget), Partial, 0), None);
        assert_eq!(end(Scan::retry(Budget), Partial, 1), Some((Budget, false, 1)));
        assert_eq!(end(Scan::retry(Budget), Watching, 0), Some((Budget, false, 0)));
    }

    #[test]
    fn a_loss_during_a_scan_makes_one_stretch_of_both() {
        use GapCause::{Budget, Overflow, WorkerAbsent};
        let twice = |scan| Scan::after_loss(Some(scan), 5, false);
        let whole = WatchState::Watching;
        assert_eq!(end(twice(Scan::first()), whole, 1), Some((WorkerAbsent, false, 6)));
        assert_eq!(end(twice(twice(Scan::after_loss(None, 0, true))), whole, 1), Some((Overflow, true, 11)));
        // A mere look again becomes a loss that must be told.
        assert_eq!(end(twice(Scan::retry(Budget)), WatchState::Partial, 0), Some((Overflow, false, 5)));
    }
}
