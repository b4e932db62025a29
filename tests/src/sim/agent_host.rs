//! One simulated storage host: a real agent core, its disk, its clocks, its mounts and its workers.

use super::disk::OutboxDisk;
use super::share::{Health, Share};
use std::collections::BTreeMap;
use storewarden_agent_core::{Agent, Config, ConnectionId, Discovery, Generation, Identity, Now};
use storewarden_types::mountinfo::MountEntry;
use storewarden_types::{
    AgentId, Code, Epoch, FileIdentity, FileKind, InstanceId, LookOutcome, Mono, MountIdentity, ProbeInfo,
    ProbeSaid, ProofSummary, Reason, SeenFile, SessionId, StoreId, Verdict, Verified, VerifyItem, Wall,
    WorkerOp, WorkerResult,
};

/// The probe interval of the simulated `mount` probe, in milliseconds.
pub(crate) const PROBE_MS: u64 = 1_000;
/// Its deadline.
pub(crate) const PROBE_DEADLINE_MS: u64 = 1_500;

/// A worker process as the kernel sees it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Process {
    pub(crate) killed: bool,
    /// Asked, not answered: since when and how long at most, on the agent's clock.
    pub(crate) busy: Option<(Mono, u64)>,
    /// A call that does not come back until the mount heals.
    pub(crate) blocked: Option<(u64, WorkerOp)>,
    pub(crate) watching: bool,
}

/// One mount point.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) point: String,
    /// Which share is meant to be here.
    pub(crate) share: usize,
    pub(crate) health: Health,
    /// Since when it is as it is.
    pub(crate) since: i64,
    mount_id: u64,
    pub(crate) workers: BTreeMap<Generation, Process>,
    /// True times at which a proof of the mount was made, newest last; at most a few.
    pub(crate) proofs: Vec<i64>,
}

/// The host.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) id: AgentId,
    pub(crate) disk: OutboxDisk,
    pub(crate) core: Option<Agent>,
    /// Grows with every start and crash: what was meant for an earlier life is ignored.
    pub(crate) life: u64,
    /// When the timer fires; an earlier one replaces it, and what it replaced is ignored.
    pub(crate) timer: Option<i64>,
    pub(crate) started: i64,
    mono_offset: i64,
    pub(crate) wall_offset: i64,
    pub(crate) frozen: bool,
    pub(crate) thawed: i64,
    /// What came while it was frozen.
    pub(crate) backlog: Vec<super::network::Coming>,
    pub(crate) places: Vec<Place>,
    pub(crate) line: Option<(ConnectionId, SessionId)>,
    pub(crate) next_connection: u64,
}

impl Host {
    pub(crate) fn new(number: usize, shares: &[usize], rng: &mut fastrand::Rng) -> Self {
        let places = shares
            .iter()
            .map(|share| Place {
                point: format!("/mnt/SecStorage/s{share}"),
                share: *share,
                health: Health::Well,
                since: 0,
                mount_id: 1 + *share as u64,
                workers: BTreeMap::new(),
                proofs: Vec::new(),
            })
            .collect();
        Self {
            id: AgentId::parse(&format!("agent-{number}")).expect("a valid id"),
            disk: OutboxDisk::new(Epoch(rng.u128(..))),
            core: None,
            life: 0,
            timer: None,
            started: 0,
            mono_offset: rng.i64(0..1_000_000),
            wall_offset: 0,
            frozen: false,
            thawed: 0,
            backlog: Vec::new(),
            places,
            line: None,
            next_connection: 0,
        }
    }

    pub(crate) const fn mono(&self, now: i64) -> Mono {
        Mono(now + self.mono_offset)
    }

    pub(crate) fn is_timer(&self, life: u64, at: i64) -> bool {
        self.life == life && self.timer == Some(at)
    }

    pub(crate) const fn now(&self, now: i64) -> Now {
        Now { mono: self.mono(now), wall: Wall(now + self.wall_offset) }
    }

    /// The host stood still: its monotonic clock missed that time.
    pub(crate) const fn lose_time(&mut self, ms: i64) {
        self.mono_offset -= ms;
    }

    pub(crate) fn start(&mut self, now: i64, instance: u64) {
        self.life += 1;
        self.timer = None;
        self.started = now;
        let identity = Identity {
            agent: self.id.clone(),
            instance: InstanceId(instance),
            host: "sim".into(),
            version: "0".into(),
        };
        let config = Config { discovery: Discovery::default(), window_facts: 16, ..Config::default() };
        self.core = Some(Agent::new(config, identity, self.disk.restored(), self.now(now)));
    }

    /// The process dies, and its workers with it (their socket ends).
    pub(crate) fn crash(&mut self) -> Option<(ConnectionId, SessionId)> {
        self.life += 1;
        self.timer = None;
        self.core = None;
        for place in &mut self.places {
            place.workers.clear();
        }
        self.line.take()
    }

    /// What mountinfo says.
    pub(crate) fn mountinfo(&self) -> Vec<MountEntry> {
        let entry = |place: &Place, source: String, fs_type: &str| MountEntry {
            mount_id: place.mount_id,
            root: "/".into(),
            mount_point: place.point.clone(),
            mount_options: "rw".into(),
            fs_type: fs_type.into(),
            source,
            super_options: "rw,hard".into(),
        };
        let mut table = Vec::new();
        for place in &self.places {
            if place.health != Health::Unmounted {
                table.push(entry(place, source(place.share), "nfs4"));
            }
            if place.health == Health::MountedOver {
                table.push(entry(place, "server:/elsewhere".into(), "nfs4"));
            }
        }
        table
    }

    pub(crate) fn store(&self, place: usize) -> StoreId {
        let place = &self.places[place];
        StoreId::of(&self.id, &place.point, &source(place.share), true)
    }

    pub(crate) fn place(&self, point: &str) -> usize {
        self.places.iter().position(|p| p.point == point).expect("cores speak of their own mounts only")
    }
}

impl Place {
    /// The mount turns to `health`. A remount has a new id.
    pub(crate) fn turn(&mut self, now: i64, health: Health) {
        if self.health == Health::Unmounted && health != Health::Unmounted {
            self.mount_id += 100;
        }
        self.health = health;
        self.since = now;
    }

    pub(crate) const fn answers(&self) -> bool {
        !matches!(self.health, Health::Hung | Health::HungHard)
    }
}

/// The source of share `n`.
pub(crate) fn source(share: usize) -> String {
    format!("server:/export{share}")
}

/// The share behind a store.
pub(crate) fn share_of(store: StoreId) -> usize {
    let anybody = AgentId::parse("anybody").expect("a valid id");
    let found = (0..8).find(|n| StoreId::of(&anybody, "", &source(*n), true) == store);
    found.expect("every store of the simulation is a share")
}

/// The probes that every simulated worker has.
pub(crate) fn probes() -> Vec<ProbeInfo> {
    vec![ProbeInfo {
        name: "mount".into(),
        version: "1".into(),
        default_interval_ms: PROBE_MS,
        default_deadline_ms: PROBE_DEADLINE_MS,
    }]
}

/// What a worker on `place` finds at this moment.
pub(crate) fn execute(
    now: i64,
    wall: Wall,
    place: &mut Place,
    shares: &[Share],
    op: WorkerOp,
) -> WorkerResult {
    let sick = match place.health {
        Health::Well | Health::Hung | Health::HungHard => None,
        Health::Stale => Some(Code::StaleHandle),
        Health::Unmounted => Some(Code::NotMounted),
        Health::MountedOver => Some(Code::WrongStore),
    };
    let share = &shares[place.share];
    match op {
        WorkerOp::StartWatch { .. } => WorkerResult::WatchStarted,
        WorkerOp::Identify => match sick {
            None => WorkerResult::Identified(MountIdentity {
                root_handle: Some(format!("{:04x}", place.share)),
                root_inode: None,
                file_id: None,
            }),
            Some(code) => WorkerResult::Failed(Reason::new(code, "simulated")),
        },
        WorkerOp::Probe { name, .. } => {
            // Every answer of the proof probe is evidence, whatever it says.
            place.proofs.push(now);
            if place.proofs.len() > 64 {
                place.proofs.remove(0);
            }
            let code = sick.unwrap_or(Code::Ok);
            let verdict = if sick.is_some() { Verdict::Crit } else { Verdict::Ok };
            WorkerResult::Observed(ProbeSaid {
                probe: name,
                verdict,
                code,
                message: String::new(),
                metrics: Vec::new(),
            })
        }
        WorkerOp::Verify { items, .. } => match sick {
            None => WorkerResult::Verified(Verified {
                proof: ProofSummary::default(),
                looks: items.iter().map(|item| look(share, item)).collect(),
                began_at: wall,
                ended_at: wall,
            }),
            Some(code) => WorkerResult::Failed(Reason::new(code, "simulated")),
        },
    }
}

fn look(share: &Share, item: &VerifyItem) -> LookOutcome {
    if !share.exists(item.path.as_str()) {
        return LookOutcome::Absent { how: "simulated".into() };
    }
    let file =
        FileIdentity { file_id: 1, ctime_ns: 1, btime_ns: None, size: 1, kind: FileKind::File, links: 1 };
    LookOutcome::Present(SeenFile { file, replaced: false })
}
