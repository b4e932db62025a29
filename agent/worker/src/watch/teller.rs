//! What the watch tells: names in batches, blind stretches, how it stands. Owns the batching and the words; knows no rule
//! of what is told.

use super::follower::Told;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use storewarden_types::limits::{SIGHTINGS_PER_FACT_MAX, TEXT_BYTES_MAX, clip};
use storewarden_types::{
    Gap, GapCause, Sighting, SightingKind, SightingSource, Sightings, Wall, WatchStatus, WorkerReport,
};

/// A batch waits no longer than this for its next name while there is more to hear.
const BATCH_AGE_MAX: Duration = Duration::from_millis(20);
/// Bytes of paths in a batch beyond which it is closed: 512 of the longest would not fit into a frame.
const BATCH_BYTES_MAX: usize = 1024 * 1024;

/// Where reports go.
pub(crate) type Report = Arc<dyn Fn(WorkerReport) + Send + Sync>;

/// The way out of the watch.
pub(super) struct Teller {
    report: Report,
    mount_point: String,
    items: Vec<Sighting>,
    bytes: usize,
    source: SightingSource,
    /// When the first of `items` came.
    since: Option<Instant>,
    told_last: WatchStatus,
}

impl Teller {
    pub(super) fn new(report: Report, mount_point: String) -> Self {
        Self {
            report,
            mount_point,
            items: Vec::new(),
            bytes: 0,
            source: SightingSource::Watch,
            since: None,
            told_last: WatchStatus::default(),
        }
    }

    /// Sends the batch under way.
    pub(super) fn flush(&mut self) {
        self.since = None;
        self.bytes = 0;
        if self.items.is_empty() {
            return;
        }
        let sightings = Sightings {
            mount_point: self.mount_point.clone(),
            source: self.source,
            items: std::mem::take(&mut self.items),
            at: wall(),
        };
        (self.report)(WorkerReport::Sightings(sightings));
    }

    /// Sends the batch under way if it is old enough.
    pub(super) fn flush_old(&mut self) {
        if self.since.is_some_and(|since| since.elapsed() >= BATCH_AGE_MAX) {
            self.flush();
        }
    }

    /// Tells that a blind stretch is over; what the rescan found is sent before.
    pub(super) fn gap(&mut self, cause: GapCause, complete: bool, missing: u64, present: u64, message: &str) {
        self.flush();
        let message = clip(message, TEXT_BYTES_MAX).to_owned();
        let mount_point = self.mount_point.clone();
        let gap = Gap { mount_point, cause, complete, missing, present, at: wall(), message };
        (self.report)(WorkerReport::Gap(gap));
    }

    /// Whether `status` differs from what was told last.
    pub(super) fn is_news(&self, status: &WatchStatus) -> bool {
        self.told_last != *status
    }

    /// Whether `status` differs from what was told last in more than numbers.
    pub(super) fn is_big_news(&self, status: &WatchStatus) -> bool {
        (self.told_last.state, &self.told_last.message) != (status.state, &status.message)
    }

    /// Tells how the watch stands; names are sent before.
    pub(super) fn status(&mut self, status: WatchStatus) {
        self.flush();
        self.told_last = status.clone();
        (self.report)(WorkerReport::Watch(status));
    }
}

impl Told for Teller {
    fn told(&mut self, path: &[u8], kind: SightingKind, directory: bool, source: SightingSource) {
        if self.source != source {
            self.flush();
            self.source = source;
        }
        let path = text(path);
        self.bytes += path.len();
        self.items.push(Sighting { path, kind, directory });
        self.since.get_or_insert_with(Instant::now);
        if self.items.len() >= SIGHTINGS_PER_FACT_MAX || self.bytes >= BATCH_BYTES_MAX {
            self.flush();
        }
    }
}

/// A path as text: bytes that are not UTF-8 as `\xNN`, a backslash doubled, so that every path has one text and every
/// text one path.
fn text(path: &[u8]) -> String {
    if let Ok(plain) = std::str::from_utf8(path)
        && !plain.contains('\\')
    {
        return plain.to_owned();
    }
    let mut text = String::with_capacity(path.len() + 16);
    for chunk in path.utf8_chunks() {
        text.push_str(&chunk.valid().replace('\\', r"\\"));
        for byte in chunk.invalid() {
            text.push_str(&format!(r"\x{byte:02x}"));
        }
    }
    text
}

/// The wall clock, for people.
fn wall() -> Wall {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    fn teller() -> (Teller, Arc<Mutex<Vec<WorkerReport>>>) {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&heard);
        let report = Arc::new(move |report| sink.lock().unwrap().push(report));
        (Teller::new(report, "/m".into()), heard)
    }

    fn batches(heard: &Mutex<Vec<WorkerReport>>) -> Vec<(SightingSource, usize)> {
        let batch = |report: &WorkerReport| match report {
            WorkerReport::Sightings(sightings) => (sightings.source, sightings.items.len()),
            other => panic!("{other:?}"),
        };
        heard.lock().unwrap().iter().map(batch).collect()
    }

    #[test]
    fn a_path_and_its_text_are_one_to_one() {
        assert_eq!(text(b"a/b c"), "a/b c");
        assert_eq!(text("ä".as_bytes()), "ä");
        assert_eq!(text(br"a\b"), r"a\\b");
        assert_eq!(text(b"a\xffb\\"), r"a\xffb\\");
        assert_eq!(text(br"a\xff"), r"a\\xff");
        assert_eq!(text(b"\xe4\xb8"), r"\xe4\xb8");
    }

    #[test]
    fn a_batch_ends_at_its_bounds_and_never_mixes_sources() {
        use SightingSource::{Rescan, Watch};
        let (mut teller, heard) = teller();
        for _ in 0..=SIGHTINGS_PER_FACT_MAX {
            teller.told(b"x", SightingKind::Deleted, false, Watch);
        }
        teller.told(b"y", SightingKind::MissingAtRescan, false, Rescan);
        assert_eq!(batches(&heard), [(Watch, SIGHTINGS_PER_FACT_MAX), (Watch, 1)]);
        teller.flush();
        teller.flush();
        assert_eq!(batches(&heard)[2..], [(Rescan, 1)]);
        let long = [b'\xff'; 4095];
        for _ in 0..100 {
            teller.told(&long, SightingKind::Deleted, false, Watch);
        }
        assert_eq!(batches(&heard)[3..], [(Watch, BATCH_BYTES_MAX.div_ceil(4 * 4095))]);
    }

    #[test]
    fn an_old_batch_is_sent_and_a_young_one_waits() {
        let (mut teller, heard) = teller();
        teller.told(b"x", SightingKind::Deleted, false, SightingSource::Watch);
        teller.flush_old();
        assert!(heard.lock().unwrap().is_empty());
        teller.since = Instant::now().checked_sub(BATCH_AGE_MAX);
        teller.flush_old();
        assert_eq!(batches(&heard), [(SightingSource::Watch, 1)]);
    }
}
