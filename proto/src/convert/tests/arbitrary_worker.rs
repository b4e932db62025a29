//! Random words between agent and worker. Continues [`super::arbitrary`].

use super::arbitrary::{KINDS, Rng};
use storewarden_types::limits::VERIFY_BATCH_MAX;
use storewarden_types::*;

impl Rng {
    pub(super) fn start(&mut self) -> WorkerStart {
        let config: std::collections::BTreeMap<_, _> =
            self.some(0, 5, |rng| (rng.name(), rng.text())).into_iter().collect();
        let mount = MountExpectation {
            mount_point: self.absolute(),
            source: self.name(),
            fs_type: self.name(),
            kind: self.pick(&KINDS),
            identity: None,
        };
        let plugin_dir = self.maybe(Self::absolute).unwrap_or_default();
        WorkerStart { mount, plugin_dir, probe_config: config.into_iter().collect() }
    }

    pub(super) fn op(&mut self) -> WorkerOp {
        match self.below(4) {
            0 => WorkerOp::Identify,
            1 => WorkerOp::Probe {
                name: self.name(),
                deadline_ms: self.u64(),
                identity: self.maybe(Self::identity),
            },
            2 => {
                let item = |rng: &mut Self| VerifyItem { path: rng.path(), baseline: rng.maybe(Self::file) };
                WorkerOp::Verify { identity: self.identity(), items: self.some(1, VERIFY_BATCH_MAX, item) }
            }
            _ => WorkerOp::StartWatch { directories_max: self.u64(), names_max: self.u64() },
        }
    }

    fn probe_info(&mut self) -> ProbeInfo {
        ProbeInfo {
            name: self.name(),
            version: self.name(),
            default_interval_ms: self.u64(),
            default_deadline_ms: self.u64(),
        }
    }

    fn result(&mut self) -> WorkerResult {
        match self.below(5) {
            0 => WorkerResult::Identified(self.identity()),
            1 => WorkerResult::Observed(self.said()),
            2 => WorkerResult::Verified(Verified {
                proof: self.proof(),
                looks: self.some(1, VERIFY_BATCH_MAX, Self::outcome),
                began_at: self.wall(),
                ended_at: self.wall(),
            }),
            3 => WorkerResult::WatchStarted,
            _ => WorkerResult::Failed(self.reason()),
        }
    }

    pub(super) fn worker_report(&mut self) -> WorkerReport {
        match self.below(6) {
            0 => {
                let probes = self.some(0, 4, Self::probe_info);
                WorkerReport::Ready { probes, faults: self.some(0, 4, Self::text) }
            }
            1 => WorkerReport::Response { id: self.u64(), took_us: self.u64(), result: self.result() },
            2 => WorkerReport::Sightings(self.sightings()),
            3 => WorkerReport::Gap(self.gap()),
            4 => WorkerReport::Watch(self.watch()),
            _ => WorkerReport::Log { level: self.pick(&[1, 2, 3, 4]), message: self.text() },
        }
    }
}
