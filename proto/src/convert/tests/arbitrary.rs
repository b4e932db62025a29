//! Random domain values from a seed: whole, within every bound, edges preferred. Owns the generator; asserts nothing.

use crate::convert::{ORDERS_PER_MESSAGE_MAX, PROOF_STEPS_MAX, SEQ_MAX};
use storewarden_types::limits::{DEADLINE_MS_MAX, PATH_BYTES_MAX, TEXT_BYTES_MAX, clip};
use storewarden_types::*;

/// xorshift64* (Vigna 2016, "An experimental exploration of Marsaglia's xorshift generators, scrambled").
pub(super) struct Rng(u64);

pub(super) const CONDITIONS: [Condition; 4] =
    [Condition::Available, Condition::Degraded, Condition::Unavailable, Condition::Unknown];
pub(super) const KINDS: [MountKind; 3] = [MountKind::Network, MountKind::Local, MountKind::Dir];
const VERDICTS: [Verdict; 4] = [Verdict::Ok, Verdict::Warn, Verdict::Crit, Verdict::Unknown];

impl Rng {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// 0 to `n - 1`.
    pub(super) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap() % n
    }

    pub(super) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    pub(super) fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }

    pub(super) fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.chance(2) { Some(make(self)) } else { None }
    }

    pub(super) fn some<T>(
        &mut self,
        least: usize,
        most: usize,
        mut make: impl FnMut(&mut Self) -> T,
    ) -> Vec<T> {
        let n = least + self.below(most - least + 1);
        (0..n).map(|_| make(self)).collect()
    }

    pub(super) fn u64(&mut self) -> u64 {
        match self.below(4) {
            0 => self.pick(&[0, 1, u64::MAX]),
            _ => self.next() >> self.below(64),
        }
    }

    pub(super) fn i64(&mut self) -> i64 {
        match self.below(4) {
            0 => self.pick(&[0, -1, i64::MIN, i64::MAX]),
            _ => self.next().cast_signed() >> self.below(64),
        }
    }

    pub(super) fn wall(&mut self) -> Wall {
        Wall(self.i64())
    }

    pub(super) fn mono(&mut self) -> Mono {
        Mono(self.i64())
    }

    /// Any text of 0 to 40 characters, rarely as long as a message may be.
    pub(super) fn text(&mut self) -> String {
        if self.chance(50) {
            return clip(&"ä".repeat(TEXT_BYTES_MAX), TEXT_BYTES_MAX).into();
        }
        let letters = ['a', 'Z', '0', ' ', '"', '\n', 'é', '漢', '🦀', '\u{7f}'];
        self.some(0, 40, |rng| rng.pick(&letters)).into_iter().collect()
    }

    /// A text that names something.
    pub(super) fn name(&mut self) -> String {
        let letters = ['a', 'k', 'Z', '0', '_', '-', '.', 'é'];
        let tail: String = self.some(0, 20, |rng| rng.pick(&letters)).into_iter().collect();
        format!("n{tail}")
    }

    pub(super) fn absolute(&mut self) -> String {
        if self.chance(50) {
            format!("/{}", "m".repeat(PATH_BYTES_MAX - 1))
        } else {
            format!("/mnt/{}", self.name())
        }
    }

    pub(super) fn path(&mut self) -> StorePath {
        StorePath::parse(&self.some(1, 6, Self::name).join("/")).unwrap()
    }

    pub(super) fn agent(&mut self) -> AgentId {
        AgentId::parse(&format!("host-{}.x_y", self.below(1000))).unwrap()
    }

    pub(super) fn uuid(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-7{:03x}-a{:03x}-{:012x}",
            a >> 32,
            a >> 16 & 0xffff,
            a & 0xfff,
            b >> 52,
            b >> 16
        )
    }

    pub(super) fn deletion(&mut self) -> DeletionId {
        DeletionId::parse(&self.uuid()).unwrap()
    }

    pub(super) fn store(&mut self) -> StoreId {
        StoreId::parse(&self.uuid()).unwrap()
    }

    pub(super) fn epoch(&mut self) -> Epoch {
        Epoch(u128::from(self.next()) << 64 | u128::from(self.next()))
    }

    pub(super) fn seq(&mut self, least: u64) -> Seq {
        Seq(self.u64().clamp(least, SEQ_MAX))
    }

    pub(super) fn code(&mut self) -> Code {
        self.pick(Code::ALL)
    }

    pub(super) fn reason(&mut self) -> Reason {
        Reason::new(self.code(), self.text())
    }

    pub(super) fn file(&mut self) -> FileIdentity {
        FileIdentity {
            file_id: self.u64(),
            ctime_ns: self.i64(),
            btime_ns: self.maybe(Self::i64),
            size: self.u64(),
            kind: self.pick(&[FileKind::File, FileKind::Directory, FileKind::Symlink, FileKind::Other]),
            links: self.u64(),
        }
    }

    pub(super) fn identity(&mut self) -> MountIdentity {
        MountIdentity {
            root_handle: self.maybe(|rng| format!("{:016x}", rng.next())),
            root_inode: self.maybe(|rng| (rng.u64().max(1), rng.i64())),
            file_id: self.maybe(Self::name),
        }
    }

    fn metric(&mut self) -> Metric {
        let value = self.pick(&[0.0, -1.5, f64::MAX, f64::MIN_POSITIVE, 1e-9, 3600.0]);
        Metric { name: self.name(), value }
    }

    pub(super) fn said(&mut self) -> ProbeSaid {
        ProbeSaid {
            probe: self.name(),
            verdict: self.pick(&VERDICTS),
            code: self.code(),
            message: self.text(),
            metrics: self.some(0, 5, Self::metric),
        }
    }

    pub(super) fn observation(&mut self) -> Observation {
        let ProbeSaid { probe, verdict, code, message, metrics } = self.said();
        Observation { probe, verdict, code, message, metrics, began: self.mono(), took_us: self.u64() }
    }

    pub(super) fn watch(&mut self) -> WatchStatus {
        let states = [WatchState::Off, WatchState::Starting, WatchState::Watching, WatchState::Partial];
        WatchStatus {
            state: self.pick(&states),
            directories: self.u64(),
            indexed: self.u64(),
            overflows: self.u64(),
            message: self.text(),
        }
    }

    pub(super) fn report(&mut self) -> MountReport {
        MountReport {
            mount_point: self.absolute(),
            source: self.text(),
            fs_type: self.name(),
            kind: self.pick(&KINDS),
            identity: self.maybe(Self::identity),
            condition: self.pick(&CONDITIONS),
            reasons: self.some(0, 4, Self::reason),
            evidence: self.maybe(Self::mono),
            observations: self.some(0, 4, Self::observation),
            watch: self.watch(),
            stuck_workers: u32::try_from(self.below(9)).unwrap(),
        }
    }

    pub(super) fn proof(&mut self) -> ProofSummary {
        ProofSummary {
            mount_id: self.u64(),
            before: self.some(0, PROOF_STEPS_MAX, Self::text),
            after: self.some(0, 4, Self::text),
            took_us: self.u64(),
        }
    }

    pub(super) fn evidence(&mut self) -> Evidence {
        Evidence {
            agent: self.agent(),
            mount_point: self.absolute(),
            source: self.name(),
            fs_type: self.name(),
            kind: self.pick(&KINDS),
            identity: self.identity(),
            proof: self.proof(),
            how: self.text(),
            began_at: self.wall(),
            ended_at: self.wall(),
            baseline: self.maybe(Self::file),
            sightings: u32::try_from(self.below(1 << 30)).unwrap(),
        }
    }

    pub(super) fn outcome(&mut self) -> LookOutcome {
        match self.below(4) {
            0 => LookOutcome::Absent { how: self.text() },
            1 => LookOutcome::Present(SeenFile { file: self.file(), replaced: self.chance(2) }),
            2 => LookOutcome::SillyRenamed { name: format!(".nfs{:016x}", self.next()) },
            _ => LookOutcome::Unverifiable { code: self.code(), detail: self.text() },
        }
    }

    fn sighting(&mut self) -> Sighting {
        let kinds = [SightingKind::Deleted, SightingKind::MovedAway, SightingKind::MissingAtRescan];
        Sighting { path: self.name(), kind: self.pick(&kinds), directory: self.chance(2) }
    }

    pub(super) fn sightings(&mut self) -> Sightings {
        Sightings {
            mount_point: self.absolute(),
            source: self.pick(&[SightingSource::Watch, SightingSource::Rescan]),
            items: self.some(1, 20, Self::sighting),
            at: self.wall(),
        }
    }

    pub(super) fn gap(&mut self) -> Gap {
        let causes = [GapCause::Overflow, GapCause::WorkerAbsent, GapCause::Budget, GapCause::Error];
        Gap {
            mount_point: self.absolute(),
            cause: self.pick(&causes),
            complete: self.chance(2),
            missing: self.u64(),
            present: self.u64(),
            at: self.wall(),
            message: self.text(),
        }
    }

    pub(super) fn fact(&mut self) -> Fact {
        match self.below(4) {
            0 => Fact::Sightings(self.sightings()),
            1 => Fact::Gap(self.gap()),
            2 => Fact::Baseline { deletion: self.deletion(), file: self.file() },
            _ => Fact::Absent { deletion: self.deletion(), evidence: Box::new(self.evidence()) },
        }
    }

    pub(super) fn agent_message(&mut self) -> AgentMessage {
        match self.below(6) {
            0 => AgentMessage::Hello(Box::new(Hello {
                agent: self.agent(),
                instance: InstanceId(self.u64()),
                epoch: self.epoch(),
                next_seq: self.seq(1),
                host: self.name(),
                version: self.name(),
                mounts: self.some(0, 4, Self::report),
            })),
            1 => AgentMessage::Mount { rev: self.u64(), delta: MountDelta::Changed(Box::new(self.report())) },
            2 => {
                let delta = MountDelta::Forgotten { mount_point: self.absolute() };
                AgentMessage::Mount { rev: self.u64(), delta }
            }
            3 => {
                let items = self.some(1, 8, Self::fact);
                let first = Seq(self.seq(1).0.min(SEQ_MAX - (items.len() as u64 - 1)));
                AgentMessage::Facts { first, items }
            }
            4 => AgentMessage::Look {
                deletion: self.deletion(),
                rev: self.u64(),
                look: Look { outcome: self.outcome(), began_at: self.wall() },
                began: self.mono(),
            },
            _ => AgentMessage::Heartbeat,
        }
    }

    fn order(&mut self) -> VerifyOrder {
        VerifyOrder {
            deletion: self.deletion(),
            mount_point: self.absolute(),
            path: self.path(),
            due_in_ms: self.u64().min(DEADLINE_MS_MAX),
            baseline: self.maybe(Self::file),
        }
    }

    pub(super) fn controller_message(&mut self) -> (Mono, ControllerMessage) {
        let clock = self.mono();
        let message = match self.below(7) {
            0 => ControllerMessage::Welcome(Welcome {
                acked: self.seq(0),
                clock,
                heartbeat_ms: self.u64().max(1),
            }),
            1 => ControllerMessage::Ack { through: self.seq(0) },
            2 => {
                let most = if self.chance(10) { ORDERS_PER_MESSAGE_MAX } else { 6 };
                ControllerMessage::Verify(self.some(0, most, Self::order))
            }
            3 => ControllerMessage::Release(self.some(0, 20, Self::deletion)),
            4 => ControllerMessage::Probe { mount_point: self.absolute() },
            5 => ControllerMessage::Heartbeat,
            _ => ControllerMessage::Refuse { code: self.code(), message: self.text() },
        };
        (clock, message)
    }
}
