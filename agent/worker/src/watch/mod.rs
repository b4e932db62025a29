//! The watch of a tree: which names go, told once each, and honestly when that cannot be told.
//!
//! ```text
//! kernel ─ inotify ─► notify's thread ─► inbox ─► driver (the watch's thread) ─► teller ─► reports
//!                     (source, change)            follower: tree, names
//!                                    ◄─ watches ─ kernel: listings, looks
//! ```
//!
//! A sighting is a hint that brings a verification forward; it proves nothing. What the watch promises is that no name it
//! remembers disappears in silence as long as its own host did it: each is told by its event or, after events were lost,
//! by the rescan that follows, and a stretch in which something may have been missed is told as a gap. What another host
//! or the server itself removes causes no event at all (inotify(7)); it is found by the next scan or by verification.
//!
//! Must not know: what a sighting is used for, deletions that are tracked, the wire.

mod change;
mod driver;
#[cfg(test)]
mod driver_tests;
mod files;
mod follower;
mod hash;
mod inbox;
mod kernel;
mod memory;
mod names;
mod note;
mod scan;
#[cfg(test)]
mod simulation;
mod source;
mod teller;
mod tree;
#[cfg(test)]
mod tree_tests;

use driver::{Driver, Off};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use storewarden_types::{WatchState, WatchStatus, WorkerReport};
use teller::Report;
use tree::Budget;

/// Watches the tree below `root` with at most `directories_max` watches and about `names_max` names remembered. Returns
/// at once; everything else comes through `report`, from the watch's own thread: [`WorkerReport::Sightings`],
/// [`WorkerReport::Gap`], [`WorkerReport::Watch`]. When `report` waits, the watch waits, and makes good by a rescan what
/// it could not hear meanwhile.
///
/// The first word is `Starting`. After the first walk comes a gap `WorkerAbsent`, for nothing was seen before it, and
/// `Watching` or `Partial`. `Off` is the last word: the root is gone, was unmounted, or cannot be opened.
pub(crate) fn start(root: &str, directories_max: u64, names_max: u64, report: Report) {
    let root = PathBuf::from(match root.trim_end_matches('/') {
        "" => "/",
        root => root,
    });
    let budget = Budget { directories_max, names_max };
    let off = Arc::clone(&report);
    let off = move |message: String| {
        let state = WatchState::Off;
        off(WorkerReport::Watch(WatchStatus { state, message, ..WatchStatus::default() }));
    };
    let complain = off.clone();
    let watch = move || {
        let ran = catch_unwind(AssertUnwindSafe(|| match Driver::begin(root, budget, report) {
            Ok(driver) => driver.run(),
            Err(Off(message)) => off(message),
        }));
        if ran.is_err() {
            off("the watch met a fault of its own; standard error says more".into());
        }
    };
    if let Err(error) = std::thread::Builder::new().name("watch".into()).spawn(watch) {
        complain(format!("no thread could be started: {error}"));
    }
}
