//! The newest committed events in memory, for those who follow the ledger. Owns the ring and its bounds; what was pushed
//! out of it is read from the ledger by the follower.

use crate::reads::Reads;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use storewarden_ledger::Entry;
use tokio::sync::watch;
use tonic::Status;

/// Events in the ring: some seconds of a busy controller, so that a client that blinks costs no reading.
const ENTRIES_MAX: usize = 16_384;
/// Their size on the wire, in bytes; in memory it is about three times as much.
const BYTES_MAX: usize = 16 * 1024 * 1024;
/// Events handed to a follower at once.
const PAGE_MAX: usize = 256;

/// What was committed last, in order.
#[derive(Debug)]
pub(crate) struct Feed {
    ring: Mutex<Ring>,
    latest: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Ring {
    entries: VecDeque<Entry>,
    bytes: usize,
}

enum Page {
    Entries(Vec<Entry>),
    End,
    /// Pushed out already: the ledger has it.
    Older,
}

impl Feed {
    /// A feed that goes on after `last`, the newest cursor of the ledger.
    pub(crate) fn new(last: u64) -> Self {
        Self { ring: Mutex::default(), latest: watch::Sender::new(last) }
    }

    /// Takes what one commit made.
    pub(crate) fn publish(&self, entries: Vec<Entry>) {
        let Some(last) = entries.last().map(|entry| entry.cursor) else { return };
        let mut ring = self.lock();
        for entry in entries {
            ring.bytes += entry.bytes;
            ring.entries.push_back(entry);
        }
        while ring.entries.len() > ENTRIES_MAX || ring.bytes > BYTES_MAX {
            let Some(old) = ring.entries.pop_front() else { break };
            ring.bytes -= old.bytes;
        }
        drop(ring);
        self.latest.send_replace(last);
    }

    /// After the ledger was opened anew: what it holds is the truth.
    pub(crate) fn reset(&self, last: u64) {
        *self.lock() = Ring::default();
        self.latest.send_replace(last);
    }

    /// The newest cursor.
    pub(crate) fn last(&self) -> u64 {
        *self.latest.borrow()
    }

    fn page(&self, after: u64) -> Page {
        if after >= self.last() {
            return Page::End;
        }
        let ring = self.lock();
        let Some(first) = ring.entries.front().map(|entry| entry.cursor) else { return Page::Older };
        if after + 1 < first {
            return Page::Older;
        }
        let skip = usize::try_from(after + 1 - first).unwrap_or(usize::MAX);
        let page: Vec<Entry> = ring.entries.iter().skip(skip).take(PAGE_MAX).cloned().collect();
        if page.is_empty() { Page::End } else { Page::Entries(page) }
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One client's place in the ledger. It holds no events: however slow the client, memory does not grow.
#[derive(Debug)]
pub(crate) struct Follower {
    feed: Arc<Feed>,
    reads: Reads,
    latest: watch::Receiver<u64>,
    cursor: u64,
}

impl Follower {
    /// Everything after `cursor`.
    pub(crate) fn new(feed: &Arc<Feed>, reads: &Reads, cursor: u64) -> Self {
        Self { feed: Arc::clone(feed), reads: reads.clone(), latest: feed.latest.subscribe(), cursor }
    }

    /// Through where it has been given.
    pub(crate) const fn cursor(&self) -> u64 {
        self.cursor
    }

    /// The next events that are there; none at the end.
    pub(crate) async fn ready(&mut self) -> Result<Vec<Entry>, Status> {
        let page = match self.feed.page(self.cursor) {
            Page::Entries(page) => page,
            Page::End => Vec::new(),
            Page::Older => {
                let after = self.cursor;
                self.reads.run(move |ledger| ledger.events_after(after, PAGE_MAX)).await?
            }
        };
        if let Some(last) = page.last() {
            self.cursor = last.cursor;
        }
        Ok(page)
    }

    /// The next events, waiting for them.
    pub(crate) async fn next(&mut self) -> Result<Vec<Entry>, Status> {
        loop {
            self.latest.mark_unchanged();
            let page = self.ready().await?;
            if !page.is_empty() {
                return Ok(page);
            }
            if self.latest.changed().await.is_err() {
                return std::future::pending().await; // The feed lives as long as the process.
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use storewarden_proto::v1;

    fn entries(range: std::ops::RangeInclusive<u64>, bytes: usize) -> Vec<Entry> {
        range
            .map(|cursor| {
                let event = Arc::new(v1::Event { cursor, ..v1::Event::default() });
                Entry { cursor, event, deletion: None, bytes }
            })
            .collect()
    }

    fn cursors(feed: &Feed, after: u64) -> Option<(u64, u64, usize)> {
        match feed.page(after) {
            Page::Entries(page) => Some((page[0].cursor, page[page.len() - 1].cursor, page.len())),
            Page::End => Some((0, 0, 0)),
            Page::Older => None,
        }
    }

    #[test]
    fn the_ring_gives_pages_and_says_what_it_no_longer_has() {
        let feed = Feed::new(10);
        assert_eq!(cursors(&feed, 10), Some((0, 0, 0)));
        assert_eq!(cursors(&feed, 9), None, "it was not there when 10 was committed");
        feed.publish(entries(11..=400, 1));
        assert_eq!(cursors(&feed, 10), Some((11, 266, PAGE_MAX)));
        assert_eq!(cursors(&feed, 399), Some((400, 400, 1)));
        assert_eq!(cursors(&feed, 400), Some((0, 0, 0)));
        assert_eq!(cursors(&feed, 9), None);
        feed.reset(500);
        assert_eq!((cursors(&feed, 500), cursors(&feed, 499)), (Some((0, 0, 0)), None));
    }

    #[test]
    fn the_ring_is_bounded_by_count_and_by_bytes() {
        let feed = Feed::new(0);
        feed.publish(entries(1..=ENTRIES_MAX as u64 + 5, 1));
        assert_eq!((cursors(&feed, 4), feed.lock().entries.len()), (None, ENTRIES_MAX));
        let next = feed.last() + 1;
        feed.publish(entries(next..=next + 20, BYTES_MAX / 10));
        assert_eq!(feed.lock().entries.len(), 10);
        assert!(feed.lock().bytes <= BYTES_MAX);
        feed.publish(entries(next + 21..=next + 21, BYTES_MAX + 1));
        assert_eq!(feed.lock().entries.len(), 0, "an event beyond the bound is in the ledger only");
        assert_eq!(feed.lock().bytes, 0);
    }
}
