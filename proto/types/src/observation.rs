//! What one probe said once. Owns the shape; judging it is the agent core's business.

use crate::{Code, Mono};

/// A probe's own word, with the four numbers that check programs have always used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// 0: as it should be.
    Ok,
    /// 1: needs attention.
    Warn,
    /// 2: broken.
    Crit,
    /// 3: could not tell.
    Unknown,
}

/// One number that a probe measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Name as the probe declares it, unit last: `statx_seconds`.
    pub name: String,
    /// Value in that unit; always finite.
    pub value: f64,
}

/// One run of one probe on one mount.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// Name of the probe, such as `mount`.
    pub probe: String,
    /// The probe's word.
    pub verdict: Verdict,
    /// What was found. Third-party reasons that are no code of ours become `PROBE_FAILED` (verdict Unknown) or keep
    /// their text in `message`.
    pub code: Code,
    /// One sentence for people; clipped to [`crate::limits::TEXT_BYTES_MAX`].
    pub message: String,
    /// Measured numbers; at most [`crate::limits::METRICS_PER_OBSERVATION_MAX`].
    pub metrics: Vec<Metric>,
    /// When the look began, on the observing process's clock (translated at each hop): an answer is as old as its
    /// question.
    pub began: Mono,
    /// How long it took, in microseconds.
    pub took_us: u64,
}
