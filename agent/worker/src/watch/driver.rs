//! The watch's own thread: hears, lists, settles, tells, rests. Owns the loop, its timers, and what a scan's end means;
//! the merge is the follower's.

use super::change::Change;
use super::follower::Follower;
use super::inbox::Patience;
use super::kernel::{Kernel, below};
use super::memory;
use super::scan::{Scan, Standing};
use super::teller::{Report, Teller};
use super::tree::{Budget, Counts};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use storewarden_types::{GapCause, WatchState, WatchStatus};

/// Numbers alone are told no more often than this.
const STATUS_EVERY: Duration = Duration::from_millis(250);
/// Quiet for so long, no second word about a directory is under way any more.
const QUIET: Duration = Duration::from_secs(1);
/// After so many changes, memory is tidied up in the next quiet moment.
const TIDY_AFTER: usize = 4096;
/// Where events cannot tell everything, a scan is made no more often than this ...
const RETRY_MIN: Duration = Duration::from_secs(60);
/// ... no more often than so many times its own length, and less and less often while it finds nothing ...
const RETRY_SHARE: u32 = 50;
/// ... but at least as often as this, unless it takes very long.
const RETRY_MAX: Duration = Duration::from_secs(3600);

/// Why there is no watch any more, in words.
pub(super) struct Off(pub(super) String);

/// The loop's state.
pub(super) struct Driver {
    root: PathBuf,
    budget: Budget,
    follower: Follower<Kernel, Teller>,
    scan: Option<Scan>,
    /// Events were lost, and no scan has begun since.
    lost: bool,
    overflows: u64,
    standing: Standing,
    /// What `standing` was found with.
    stood_on: Option<Counts>,
    status_at: Instant,
    /// When it was quiet for long enough to clear up.
    quiet_at: Option<Instant>,
    /// Changes since the last tidying; a scan counts as many.
    untidy: usize,
    retry_at: Option<Instant>,
    retry_after: Duration,
}

impl Driver {
    /// Opens the root and begins the first scan.
    pub(super) fn begin(root: PathBuf, budget: Budget, report: Report) -> Result<Self, Off> {
        let mut teller = Teller::new(report, root.to_string_lossy().into_owned());
        let kernel = Kernel::start(&root).map_err(Off)?;
        let standing = Standing::starting("the first walk is under way");
        teller.status(WatchStatus { state: WatchState::Starting, ..standing.status(Default::default(), 0) });
        let mut follower = Follower::new(kernel, teller, budget);
        follower.begin_scan(true);
        Ok(Self {
            root,
            budget,
            follower,
            scan: Some(Scan::first()),
            lost: false,
            overflows: 0,
            standing,
            stood_on: None,
            status_at: Instant::now(),
            quiet_at: None,
            untidy: 0,
            retry_at: None,
            retry_after: RETRY_MIN,
        })
    }

    /// Runs until there is nothing left to watch, and tells why.
    pub(super) fn run(mut self) {
        let off = loop {
            if let Err(off) = self.turn() {
                break off;
            }
        };
        let status = WatchStatus {
            state: WatchState::Off,
            overflows: self.overflows,
            message: off.0,
            ..WatchStatus::default()
        };
        self.follower.out.status(status);
    }

    pub(super) fn turn(&mut self) -> Result<(), Off> {
        self.hear()?;
        let now = Instant::now();
        if self.lost && self.scan.is_none() {
            self.rescan()?;
        } else if self.retry_at.is_some_and(|at| now >= at) {
            self.retry_at = None;
            self.scan = Some(Scan::retry(self.standing.cause()));
            self.follower.begin_scan(false);
        }
        self.list()?;
        if self.quiet_at.is_some_and(|at| now >= at) {
            self.clear_up()?;
        }
        if !self.follower.has_work() {
            self.stand()?;
        }
        self.follower.out.flush_old();
        self.tell_status(now);
        Ok(())
    }

    /// Hears what there is; rests until there is something, when there is nothing else to do.
    fn hear(&mut self) -> Result<(), Off> {
        if self.listen(Patience::None)? || self.follower.has_work() || self.lost {
            return Ok(());
        }
        self.follower.out.flush();
        self.follower.files.rest();
        let status_at = self.follower.out.is_news(&self.status()).then_some(self.status_at);
        let next = [status_at, self.quiet_at, self.retry_at].into_iter().flatten().min();
        self.listen(next.map_or(Patience::Endless, Patience::Until))?;
        Ok(())
    }

    /// Takes in what the watches said; whether it was anything is the answer.
    fn listen(&mut self, patience: Patience) -> Result<bool, Off> {
        let taken = self.follower.files.take(patience);
        if taken.ended {
            return Err(Off("the watcher's thread has ended".into()));
        }
        self.lost |= taken.lost;
        let count = taken.changes.len();
        self.take_in(taken.changes)?;
        if count > 0 {
            self.stirred(count);
        }
        Ok(count > 0 || taken.lost)
    }

    fn stirred(&mut self, count: usize) {
        self.untidy = self.untidy.saturating_add(count);
        let wanted = self.follower.has_graves() || self.untidy >= TIDY_AFTER;
        self.quiet_at = wanted.then(|| Instant::now() + QUIET);
    }

    /// It has been quiet: no second word about a directory is under way any more, and there is time for memory.
    fn clear_up(&mut self) -> Result<(), Off> {
        self.quiet_at = None;
        self.follower.files.fence();
        if self.listen(Patience::None)? {
            return Ok(());
        }
        self.follower.purge_graves();
        if std::mem::take(&mut self.untidy) >= TIDY_AFTER {
            self.follower.tidy();
            memory::give_back();
        }
        Ok(())
    }

    fn take_in(&mut self, changes: Vec<Change>) -> Result<(), Off> {
        for change in changes {
            match change {
                Change::Came(path, arrival) => {
                    if let Some(path) = below(&self.root, path) {
                        self.follower.arrived(&path, arrival);
                    }
                }
                Change::Went(path, departure) => {
                    let Some(path) = below(&self.root, path) else { continue };
                    if path.is_empty() {
                        return Err(Off("the root was removed".into()));
                    }
                    self.follower.departed(&path, departure);
                }
                Change::SelfMoved(_) => return Err(Off("the root was moved".into())),
                Change::Unmounted => return Err(Off("the file system was unmounted".into())),
            }
        }
        self.check_root()
    }

    /// Lists some directories, and tells what is missing once every event under way has been heard.
    fn list(&mut self) -> Result<(), Off> {
        if self.follower.has_work() {
            self.follower.step();
        }
        if self.follower.has_suspects() {
            self.follower.files.fence();
            self.listen(Patience::None)?;
            self.follower.settle();
        }
        self.check_root()
    }

    fn check_root(&mut self) -> Result<(), Off> {
        self.follower.files.take_fault().map_or(Ok(()), |fault| Err(Off(fault.to_string())))
    }

    /// Events were lost: begins anew with a new watcher and the old index.
    fn rescan(&mut self) -> Result<(), Off> {
        self.lost = false;
        self.overflows += 1;
        self.retry_at = None;
        let left = self.follower.files.renew().map_err(|error| Off(error.to_string()))?;
        self.take_in(left)?;
        let scan = Scan::after_loss(self.scan.take(), self.follower.missing, self.standing.is_whole());
        self.scan = Some(scan);
        self.standing = Standing::starting("events were lost, a rescan is under way");
        self.follower.begin_scan(true);
        Ok(())
    }

    /// Nothing is left to list: ends a scan, if there was one, and says how the watch stands.
    fn stand(&mut self) -> Result<(), Off> {
        if self.lost && self.scan.is_some() {
            return self.rescan();
        }
        let counts = self.follower.counts();
        let ground = Some(Counts { names: 0, ..counts });
        if self.scan.is_none() && self.stood_on == ground {
            return Ok(());
        }
        self.stood_on = ground;
        let standing = Standing::of(counts, &self.follower, self.budget);
        if let Some(scan) = self.scan.take() {
            self.stirred(TIDY_AFTER);
            self.end(scan, &standing);
        } else if self.standing.is_whole() && !standing.is_whole() {
            self.follower.out.gap(standing.cause(), false, 0, counts.names, standing.message());
        }
        if standing.is_whole() {
            (self.retry_at, self.retry_after) = (None, RETRY_MIN);
        } else {
            self.retry_at.get_or_insert_with(|| Instant::now() + self.retry_after);
        }
        self.standing = standing;
        Ok(())
    }

    /// A scan has listed everything: tells the blind stretch that it closed.
    fn end(&mut self, scan: Scan, standing: &Standing) {
        let names = self.follower.counts().names;
        let took = scan.took();
        let closed = scan.end(standing, self.follower.missing);
        let found = closed.as_ref().is_some_and(|closed| closed.missing > 0);
        let next = if found { RETRY_MIN } else { RETRY_MAX.min(self.retry_after * 2) };
        self.retry_after = next.max(took * RETRY_SHARE);
        let Some(closed) = closed else { return };
        let out = &mut self.follower.out;
        out.gap(closed.cause, closed.complete, closed.missing, names, &closed.words(standing));
        if closed.cause == GapCause::WorkerAbsent && !standing.is_whole() {
            out.gap(standing.cause(), false, 0, names, standing.message());
        }
    }

    fn status(&self) -> WatchStatus {
        self.standing.status(self.follower.counts(), self.overflows)
    }

    fn tell_status(&mut self, now: Instant) {
        let status = self.status();
        let due = now >= self.status_at && self.follower.out.is_news(&status);
        if due || self.follower.out.is_big_news(&status) {
            self.follower.out.status(status);
            self.status_at = now + STATUS_EVERY;
        }
    }

    /// Makes the next scan due.
    #[cfg(test)]
    pub(super) fn retry_now(&mut self) {
        self.retry_at = Some(Instant::now());
    }

    /// Keeps the next turn from resting.
    #[cfg(test)]
    pub(super) fn nudge(&mut self) {
        self.quiet_at.get_or_insert_with(Instant::now);
    }

    /// Whether a directory of the root has a watch.
    #[cfg(test)]
    pub(super) fn is_watched(&mut self, name: &str) -> bool {
        self.follower.is_watched(name.as_bytes())
    }
}
