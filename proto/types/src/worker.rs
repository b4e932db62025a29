//! What an agent asks of a worker and what it hears back, as domain values. `storewarden-proto` frames them
//! (`proto/storewarden/worker/v1/worker.proto` tells the rules).

use crate::{
    Code, FileIdentity, Gap, LookOutcome, Metric, MountExpectation, MountIdentity, ProofSummary, Reason,
    Sightings, StorePath, Verdict, Wall, WatchStatus,
};

/// The first word to a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerStart {
    /// Which mount; `identity` is told with each request instead.
    pub mount: MountExpectation,
    /// Directory of probe plugins; empty: none.
    pub plugin_dir: String,
    /// JSON configuration by probe name.
    pub probe_config: Vec<(String, String)>,
}

/// One path to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyItem {
    /// Relative to the root.
    pub path: StorePath,
    /// The file that is owed, if known.
    pub baseline: Option<FileIdentity>,
}

/// One thing to do. A worker does one at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkerOp {
    /// Take the marks of the root for the first time.
    Identify,
    /// Run one probe.
    Probe {
        /// Which.
        name: String,
        /// Milliseconds it has.
        deadline_ms: u64,
        /// The pinned marks, once pinned.
        identity: Option<MountIdentity>,
    },
    /// Look at paths between two proofs of the mount.
    Verify {
        /// The pinned marks.
        identity: MountIdentity,
        /// 1 to [`crate::limits::VERIFY_BATCH_MAX`].
        items: Vec<VerifyItem>,
    },
    /// Watch the tree.
    StartWatch {
        /// Most directories to watch.
        directories_max: u64,
        /// Most names to remember.
        names_max: u64,
    },
}

impl WorkerOp {
    /// The name of the operation, for "what was in flight".
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Identify => "identify".into(),
            Self::Probe { name, .. } => format!("probe {name}"),
            Self::Verify { items, .. } => format!("verify of {} path(s)", items.len()),
            Self::StartWatch { .. } => "start of the watch".into(),
        }
    }
}

/// A probe that a worker has loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeInfo {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The interval its manifest proposes, in milliseconds.
    pub default_interval_ms: u64,
    /// The deadline its manifest proposes, in milliseconds.
    pub default_deadline_ms: u64,
}

/// What a probe said, before the agent puts its clock on it.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeSaid {
    /// Which probe.
    pub probe: String,
    /// Its word.
    pub verdict: Verdict,
    /// What was found.
    pub code: Code,
    /// One sentence.
    pub message: String,
    /// Numbers.
    pub metrics: Vec<Metric>,
}

/// The looks of one Verify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The two proofs.
    pub proof: ProofSummary,
    /// One for each item, in order.
    pub looks: Vec<LookOutcome>,
    /// When they began, wall clock.
    pub began_at: Wall,
    /// When they ended, wall clock.
    pub ended_at: Wall,
}

/// What came of an operation.
#[derive(Clone, Debug, PartialEq)]
pub enum WorkerResult {
    /// The marks of the root.
    Identified(MountIdentity),
    /// A probe's word.
    Observed(ProbeSaid),
    /// The looks.
    Verified(Verified),
    /// The watch is being set up.
    WatchStarted,
    /// Could not begin or be finished; of a Verify: the mount was not proven, nothing was concluded.
    Failed(Reason),
}

/// From worker to agent.
#[derive(Clone, Debug, PartialEq)]
pub enum WorkerReport {
    /// Answer to the start.
    Ready {
        /// Probes that loaded.
        probes: Vec<ProbeInfo>,
        /// Those that did not, one sentence each.
        faults: Vec<String>,
    },
    /// Answer to a request.
    Response {
        /// Of the request.
        id: u64,
        /// Microseconds it took in the worker.
        took_us: u64,
        /// What came of it.
        result: WorkerResult,
    },
    /// Names went.
    Sightings(Sightings),
    /// A blind stretch was closed.
    Gap(Gap),
    /// How the watch stands.
    Watch(WatchStatus),
    /// A line for the agent's log.
    Log {
        /// 1 error, 2 warning, 3 info, 4 debug.
        level: u32,
        /// The line.
        message: String,
    },
}
