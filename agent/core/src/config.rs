//! What an agent core is told at start. Owns the values and their defaults; reading files is the shell's.

/// Which mounts an agent answers for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// File-system types to look for in mountinfo.
    pub fs_types: Vec<String>,
    /// Mount points to look under: a mount counts when it is one of these or below one of them. A final `/*` is allowed
    /// and means the same.
    pub under: Vec<String>,
    /// Mount points named by hand. One that is not in mountinfo and was never seen mounted is taken as a plain
    /// directory (kind `dir`).
    pub by_hand: Vec<String>,
}

impl Default for Discovery {
    fn default() -> Self {
        Self {
            fs_types: vec!["nfs".into(), "nfs4".into()],
            under: vec!["/mnt/SecStorage".into()],
            by_hand: Vec::new(),
        }
    }
}

/// Overrides for one probe, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProbeSettings {
    /// Name of the probe.
    pub name: String,
    /// Milliseconds between two runs; absent: the probe's own proposal.
    pub interval_ms: Option<u64>,
    /// Milliseconds a run may take; absent: the probe's own proposal.
    pub deadline_ms: Option<u64>,
    /// JSON configuration; empty: the probe's own defaults.
    pub config_json: String,
}

/// Everything tunable of an agent core. All spans in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Which mounts.
    pub discovery: Discovery,
    /// Directory of probe plugins, as the worker sees it.
    pub plugin_dir: String,
    /// Overrides by probe.
    pub probes: Vec<ProbeSettings>,
    /// How long a worker may take to load and say Ready.
    pub start_deadline_ms: u64,
    /// How long Identify, and one batch of Verify, may take.
    pub look_deadline_ms: u64,
    /// Added to every deadline before the clock decides.
    pub grace_ms: u64,
    /// First pause before a successor of a failed worker; doubles.
    pub respawn_first_ms: u64,
    /// Longest such pause.
    pub respawn_max_ms: u64,
    /// Workers that may be stuck on one mount before no successor is started any more.
    pub stuck_per_mount_max: u32,
    /// Pause before the second look at a pending deletion; doubles.
    pub relook_first_ms: u64,
    /// Longest such pause.
    pub relook_max_ms: u64,
    /// Directories watched per mount.
    pub watch_directories_max: u64,
    /// Names remembered per mount, so that a rescan can say what went.
    pub watch_names_max: u64,
    /// Facts sent and not yet acknowledged.
    pub window_facts: u64,
    /// Silence of the controller after which the session is taken for dead.
    pub session_silence_ms: u64,
    /// Pending deletions kept; orders beyond it are refused until some end.
    pub pending_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            discovery: Discovery::default(),
            plugin_dir: String::new(),
            probes: Vec::new(),
            start_deadline_ms: 5_000,
            look_deadline_ms: 5_000,
            grace_ms: 100,
            respawn_first_ms: 500,
            respawn_max_ms: 10_000,
            stuck_per_mount_max: 2,
            relook_first_ms: 250,
            relook_max_ms: 15_000,
            watch_directories_max: 8_000,
            watch_names_max: 200_000,
            window_facts: 4_096,
            session_silence_ms: 15_000,
            pending_max: 100_000,
        }
    }
}
