//! What a controller core is told at start. All spans in milliseconds.

/// Everything tunable of a controller core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Evidence older than this is no evidence.
    pub evidence_ttl_ms: u64,
    /// How often agents must say something; told in Welcome. The controller speaks at least as often.
    pub heartbeat_ms: u64,
    /// Silence of an agent after which its session is taken for dead.
    pub session_silence_ms: u64,
    /// Pause before an order that met no answer is told again.
    pub reorder_ms: u64,
    /// Deletions pending at the same time.
    pub pending_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            evidence_ttl_ms: 30_000,
            heartbeat_ms: 5_000,
            session_silence_ms: 15_000,
            reorder_ms: 10_000,
            pending_max: storewarden_types::limits::PENDING_DELETIONS_MAX,
        }
    }
}
