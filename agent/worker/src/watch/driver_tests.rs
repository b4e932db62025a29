//! The driver on real directories, for what takes a minute when a worker does it: looking again where events cannot tell.

use super::driver::Driver;
use super::tree::Budget;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use storewarden_types::{Gap, GapCause, SightingKind, WatchState, WatchStatus, WorkerReport};

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let base = std::env::temp_dir().canonicalize().unwrap();
        let path = base.join(format!("sw-driver-{}-{name}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        for d in ["a", "b", "c"] {
            std::fs::create_dir(path.join(d)).unwrap();
            std::fs::write(path.join(d).join("file"), b"").unwrap();
        }
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A driver that is turned by hand, and what it reported.
struct Bench {
    driver: Driver,
    heard: Arc<Mutex<Vec<WorkerReport>>>,
}

impl Bench {
    fn begin(scratch: &Scratch, directories_max: u64) -> Self {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&heard);
        let report = Arc::new(move |report| sink.lock().unwrap().push(report));
        let budget = Budget { directories_max, names_max: 100 };
        let Ok(driver) = Driver::begin(scratch.0.clone(), budget, report) else { panic!("no driver") };
        Self { driver, heard }
    }

    /// Turns until `level` holds of what was reported since the last time, and takes that.
    fn until(&mut self, level: impl Fn(&[WorkerReport]) -> bool) -> Vec<WorkerReport> {
        let began = Instant::now();
        while !level(&self.heard.lock().unwrap()) {
            assert!(began.elapsed() < Duration::from_secs(60), "{:?}", self.heard.lock().unwrap());
            // Something to hear in every turn, so that none of them rests.
            self.driver.nudge();
            assert!(self.driver.turn().is_ok());
        }
        std::mem::take(&mut self.heard.lock().unwrap())
    }
}

fn gaps(reports: &[WorkerReport]) -> Vec<&Gap> {
    let mut gaps = Vec::new();
    for report in reports {
        if let WorkerReport::Gap(gap) = report {
            gaps.push(gap);
        }
    }
    gaps
}

fn status(reports: &[WorkerReport]) -> Option<&WatchStatus> {
    let mut last = None;
    for report in reports {
        if let WorkerReport::Watch(status) = report {
            last = Some(status);
        }
    }
    last
}

fn stands(reports: &[WorkerReport], state: WatchState) -> bool {
    status(reports).is_some_and(|status| status.state == state)
}

#[test]
fn a_partial_watch_looks_again_and_tells_what_it_finds() {
    let scratch = Scratch::new("again");
    let mut bench = Bench::begin(&scratch, 2);
    bench.until(|reports| stands(reports, WatchState::Partial));
    for d in ["a", "b", "c"] {
        std::fs::remove_file(scratch.0.join(d).join("file")).unwrap();
    }
    // One of the three is told by its event, the others are not yet.
    bench.until(|reports| reports.iter().any(|report| matches!(report, WorkerReport::Sightings(_))));
    bench.driver.retry_now();
    let reports = bench.until(|reports| !gaps(reports).is_empty());
    let gap = gaps(&reports)[0];
    assert_eq!((gap.cause, gap.complete, gap.missing, gap.present), (GapCause::Budget, false, 2, 3));
    let told = |report: &WorkerReport| match report {
        WorkerReport::Sightings(batch) => {
            batch.items.iter().filter(|s| s.kind == SightingKind::MissingAtRescan).count()
        }
        _ => 0,
    };
    assert_eq!(reports.iter().map(told).sum::<usize>(), 2);
    // Nothing new: not told at all.
    bench.driver.retry_now();
    for _ in 0..20 {
        bench.driver.nudge();
        assert!(bench.driver.turn().is_ok());
    }
    assert!(gaps(&bench.heard.lock().unwrap()).is_empty());
}

#[test]
fn a_partial_watch_becomes_whole_when_there_is_room() {
    let scratch = Scratch::new("whole");
    let mut bench = Bench::begin(&scratch, 3);
    bench.until(|reports| stands(reports, WatchState::Partial));
    for d in ["a", "b", "c"] {
        if bench.driver.is_watched(d) {
            std::fs::remove_dir_all(scratch.0.join(d)).unwrap();
            break;
        }
    }
    bench.until(|reports| status(reports).is_some_and(|status| status.directories == 2));
    bench.driver.retry_now();
    let reports = bench.until(|reports| stands(reports, WatchState::Watching));
    let gap = gaps(&reports)[0];
    assert_eq!((gap.cause, gap.missing, gap.present), (GapCause::Budget, 0, 4));
    assert_eq!(status(&reports).unwrap().message, "");
}

#[test]
fn a_watch_that_becomes_partial_later_says_so_as_a_gap() {
    let scratch = Scratch::new("later");
    let mut bench = Bench::begin(&scratch, 4);
    bench.until(|reports| stands(reports, WatchState::Watching));
    std::fs::create_dir(scratch.0.join("d")).unwrap();
    let reports = bench.until(|reports| stands(reports, WatchState::Partial));
    let gap = gaps(&reports)[0];
    assert_eq!((gap.cause, gap.complete, gap.missing, gap.present), (GapCause::Budget, false, 0, 7));
}
