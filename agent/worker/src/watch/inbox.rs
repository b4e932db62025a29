//! What the watch said and the follower has not heard yet. Owns the bound of that queue and the waiting; knows no rules.
//!
//! `notify` calls its handler on the same thread that adds watches, so a handler that waits for room while the follower
//! waits for a watch would be a deadlock. Hence it never waits: what does not fit is dropped, and *that* it was dropped
//! is remembered, exactly as the kernel does with its own queue. Either leads to a rescan.

use super::change::Change;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Most changes that wait: as many as the kernel keeps by default (fs.inotify.max_queued_events).
pub(super) const CHANGES_MAX: usize = 16_384;

#[derive(Debug, Default)]
struct State {
    changes: Vec<Change>,
    delivered: u64,
    lost: bool,
    /// Nobody listens any more.
    closed: bool,
    /// Nobody speaks any more.
    ended: bool,
}

/// The queue between one watcher and the follower.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    changed: Condvar,
}

/// How long to wait for something to come.
#[derive(Clone, Copy, Debug)]
pub(super) enum Patience {
    None,
    Until(Instant),
    Endless,
}

/// What came.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) changes: Vec<Change>,
    /// Something was lost, after some of `changes` perhaps and before others.
    pub(super) lost: bool,
    /// Nothing more will come.
    pub(super) ended: bool,
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a change, or notes that one was lost.
    pub(super) fn push(&self, change: Change) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        if state.changes.len() < CHANGES_MAX {
            state.delivered += 1;
            state.changes.push(change);
        } else {
            state.lost = true;
        }
        if state.changes.len() == 1 {
            self.changed.notify_all();
        }
    }

    /// Notes that changes were lost.
    pub(super) fn lose(&self) {
        let mut state = self.lock();
        state.lost |= !state.closed;
        self.changed.notify_all();
    }

    /// How many changes were delivered so far.
    pub(super) fn delivered(&self) -> u64 {
        self.lock().delivered
    }

    /// Takes what is there, waiting for something if `patience` says so.
    pub(super) fn take(&self, patience: Patience) -> Taken {
        let mut state = self.lock();
        while state.changes.is_empty() && !state.lost && !state.ended {
            state = match patience {
                Patience::None => break,
                Patience::Endless => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Patience::Until(time) => {
                    let left = time.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break;
                    }
                    self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        // A new, empty list for what comes next: a burst's memory goes with its changes.
        let changes = std::mem::take(&mut state.changes);
        Taken { changes, lost: std::mem::take(&mut state.lost), ended: state.ended }
    }

    /// Takes what is left; nothing more is accepted.
    pub(super) fn close(&self) -> Vec<Change> {
        let mut state = self.lock();
        state.closed = true;
        std::mem::take(&mut state.changes)
    }

    /// The speaker is gone.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }

    /// Waits until the speaker is gone, at most `patience`.
    pub(super) fn wait_for_end(&self, patience: Duration) {
        let state = self.lock();
        drop(self.changed.wait_timeout_while(state, patience, |state| !state.ended));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::change::Arrival;
    use std::path::PathBuf;

    fn change(n: usize) -> Change {
        Change::Came(PathBuf::from(format!("/m/{n}")), Arrival::File)
    }

    #[test]
    fn what_does_not_fit_is_lost_and_that_is_remembered_once() {
        let inbox = Inbox::default();
        for n in 0..CHANGES_MAX + 5 {
            inbox.push(change(n));
        }
        let taken = inbox.take(Patience::Endless);
        assert_eq!((taken.changes.len(), taken.lost), (CHANGES_MAX, true));
        assert_eq!(inbox.delivered(), CHANGES_MAX as u64);
        let taken = inbox.take(Patience::None);
        assert!(taken.changes.is_empty() && !taken.lost);
        inbox.push(change(0));
        assert_eq!(inbox.take(Patience::Endless).changes, [change(0)]);
    }

    #[test]
    fn a_loss_alone_ends_the_waiting() {
        let inbox = Inbox::default();
        inbox.lose();
        assert!(inbox.take(Patience::Endless).lost);
        let taken = inbox.take(Patience::Until(Instant::now()));
        assert!(taken.changes.is_empty() && !taken.lost);
    }

    #[test]
    fn a_closed_one_takes_nothing_and_can_be_waited_out() {
        let inbox = std::sync::Arc::new(Inbox::default());
        inbox.push(change(1));
        assert_eq!(inbox.close(), [change(1)]);
        inbox.push(change(2));
        inbox.lose();
        let taken = inbox.take(Patience::None);
        assert!(taken.changes.is_empty() && !taken.lost);
        let speaker = std::sync::Arc::clone(&inbox);
        let thread = std::thread::spawn(move || speaker.end());
        inbox.wait_for_end(Duration::from_secs(20));
        assert!(inbox.take(Patience::Endless).ended);
        thread.join().unwrap();
    }
}
