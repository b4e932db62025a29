//! Where sightings wait while the outbox has no room for them.
//!
//! A worker's socket carries sightings and answers alike, so one that is not read at all would seem hung although the
//! storage is well. So answers are read on, sightings wait here, and past the bound they are counted and told as a gap.

use std::collections::VecDeque;
use storewarden_types::{Gap, GapCause, Wall, WorkerReport};

/// Reports that wait. Each holds up to 512 names (`limits::SIGHTINGS_PER_FACT_MAX`).
const LANE_MAX: usize = 64;

/// Sightings and gaps of one worker that the outbox has no room for yet.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    held: VecDeque<WorkerReport>,
    lost: Option<Lost>,
}

#[derive(Debug)]
struct Lost {
    reports: u64,
    names: u64,
}

impl Lane {
    /// Whether a report goes this way when there is no room.
    pub(crate) const fn concerns(report: &WorkerReport) -> bool {
        matches!(report, WorkerReport::Sightings(_) | WorkerReport::Gap(_))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty() && self.lost.is_none()
    }

    /// Takes a report in; past the bound only its count.
    pub(crate) fn hold(&mut self, report: WorkerReport) {
        if self.held.len() < LANE_MAX && self.lost.is_none() {
            self.held.push_back(report);
            return;
        }
        let names = match &report {
            WorkerReport::Sightings(sightings) => sightings.items.len() as u64,
            _ => 0,
        };
        let lost = self.lost.get_or_insert(Lost { reports: 0, names: 0 });
        lost.reports += 1;
        lost.names += names;
    }

    /// The oldest that waits; after them all, one gap for what was let go.
    pub(crate) fn release(&mut self, mount_point: &str, now: Wall) -> Option<WorkerReport> {
        if let Some(report) = self.held.pop_front() {
            return Some(report);
        }
        let lost = self.lost.take()?;
        Some(WorkerReport::Gap(Gap {
            mount_point: mount_point.to_owned(),
            cause: GapCause::Overflow,
            complete: false,
            missing: 0,
            present: 0,
            at: now,
            message: format!(
                "the agent's outbox was full: {} names in {} reports of the watch were let go; pending deletions were \
                 verified all the same",
                lost.names, lost.reports
            ),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use storewarden_types::{Sighting, SightingKind, SightingSource, Sightings};

    fn sightings(n: usize) -> WorkerReport {
        let item = Sighting { path: n.to_string(), kind: SightingKind::Deleted, directory: false };
        WorkerReport::Sightings(Sightings {
            mount_point: "/m".into(),
            source: SightingSource::Watch,
            items: vec![item; 3],
            at: Wall(0),
        })
    }

    #[test]
    fn order_is_kept_and_what_is_lost_is_told() {
        let mut lane = Lane::default();
        for n in 0..LANE_MAX + 2 {
            lane.hold(sightings(n));
        }
        for n in 0..LANE_MAX {
            assert_eq!(lane.release("/m", Wall(9)), Some(sightings(n)));
        }
        assert!(!lane.is_empty());
        let Some(WorkerReport::Gap(gap)) = lane.release("/m", Wall(9)) else { panic!("a gap is due") };
        assert!(!gap.complete && gap.message.contains("6 names in 2 reports"), "{}", gap.message);
        assert!(lane.is_empty());
        assert_eq!(lane.release("/m", Wall(9)), None);
    }
}
