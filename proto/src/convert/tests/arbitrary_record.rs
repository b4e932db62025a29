//! Random records of the ledger. Continues [`super::arbitrary`].

use super::arbitrary::{CONDITIONS, KINDS, Rng};
use storewarden_types::limits::{DEADLINE_MS_MAX, KEY_BYTES_MAX, clip};
use storewarden_types::*;

impl Rng {
    fn end(&mut self) -> DeletionEnd {
        let state = self.pick(&[DeletionState::Confirmed, DeletionState::Failed, DeletionState::Unknown]);
        let evidence = (state == DeletionState::Confirmed).then(|| self.evidence());
        DeletionEnd { state, code: self.code(), message: self.text(), at: self.wall(), evidence }
    }

    fn tracked(&mut self) -> TrackedDeletion {
        TrackedDeletion {
            id: self.deletion(),
            store: self.store(),
            path: self.path(),
            key: clip(&self.text(), KEY_BYTES_MAX).into(),
            index: u32::try_from(self.below(10_000)).unwrap(),
            tracked_at: self.wall(),
            deadline_ms: self.u64().min(DEADLINE_MS_MAX),
        }
    }

    /// Any record that has an event.
    pub(super) fn record(&mut self) -> Record {
        let at = self.wall();
        match self.below(9) {
            0 => Record::AgentSeen {
                agent: self.agent(),
                epoch: self.epoch(),
                host: self.name(),
                version: self.name(),
                at,
            },
            1 => Record::MountSeen {
                agent: self.agent(),
                mount_point: self.absolute(),
                store: self.store(),
                source: self.name(),
                fs_type: self.name(),
                kind: self.pick(&KINDS),
                at,
            },
            2 => Record::MountForgotten { agent: self.agent(), mount_point: self.absolute(), at },
            3 => Record::FactAccepted {
                agent: self.agent(),
                epoch: self.epoch(),
                seq: self.seq(1),
                store: self.maybe(Self::store),
                fact: self.fact(),
                at,
            },
            4 => Record::DeletionTracked(Box::new(self.tracked())),
            5 => Record::DeletionMoved {
                id: self.deletion(),
                store: self.store(),
                state: self.pick(&[DeletionState::Pending, DeletionState::PendingSillyRename]),
                code: self.maybe(Self::code),
                message: self.text(),
                baseline: self.maybe(Self::file),
                at,
            },
            6 => {
                let end = Box::new(self.end());
                Record::DeletionEnded { id: self.deletion(), store: self.store(), end }
            }
            7 => {
                let evidence = Box::new(self.evidence());
                Record::LateEvidence { id: self.deletion(), store: self.store(), evidence, at }
            }
            _ => Record::ConditionChanged {
                store: self.store(),
                from: self.pick(&CONDITIONS),
                to: self.pick(&CONDITIONS),
                reasons: self.some(0, 4, Self::reason),
                at,
            },
        }
    }
}
