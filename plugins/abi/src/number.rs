//! The numbers of the ABI: version, results, verdicts, kinds, levels, bounds. Owns values only; their meaning is told
//! in the header.

/// Major version; also the number in [`SWP_ENTRY_SYMBOL`].
pub const SWP_ABI_MAJOR: u16 = 1;
/// Minor version of this mirror.
pub const SWP_ABI_MINOR: u16 = 0;
/// The one symbol a probe exports.
pub const SWP_ENTRY_SYMBOL: &str = "storewarden_probe_v1";

/// The function did its job.
pub const SWP_OK: i32 = 0;
/// `create`: this configuration cannot work.
pub const SWP_E_CONFIG: i32 = -1;
/// Gave up because it was cancelled.
pub const SWP_E_CANCELLED: i32 = -2;
/// The probe has no meaning for this target.
pub const SWP_E_UNSUPPORTED: i32 = -3;
/// Could not measure.
pub const SWP_E_FAILED: i32 = -4;
/// A fault of the probe itself.
pub const SWP_E_INTERNAL: i32 = -5;
/// From callbacks: one more than allowed.
pub const SWP_E_LIMIT: i32 = -6;
/// From callbacks: the call has returned already.
pub const SWP_E_ENDED: i32 = -7;
/// From callbacks: malformed, or not allowed in this call.
pub const SWP_E_INVALID: i32 = -8;

/// As it should be.
pub const SWP_VERDICT_OK: u32 = 0;
/// Needs attention.
pub const SWP_VERDICT_WARN: u32 = 1;
/// Broken.
pub const SWP_VERDICT_CRIT: u32 = 2;
/// Could not tell.
pub const SWP_VERDICT_UNKNOWN: u32 = 3;

/// A value that goes up and down.
pub const SWP_GAUGE: u32 = 1;
/// A total that only grows.
pub const SWP_COUNTER: u32 = 2;

/// Log level: an error.
pub const SWP_LOG_ERROR: u32 = 1;
/// Log level: surprising.
pub const SWP_LOG_WARN: u32 = 2;
/// Log level: life cycle.
pub const SWP_LOG_INFO: u32 = 3;
/// Log level: for developers.
pub const SWP_LOG_DEBUG: u32 = 4;
/// Log level: everything.
pub const SWP_LOG_TRACE: u32 = 5;

/// Bytes in the name of a metric or evidence and in a verdict's reason.
pub const SWP_NAME_BYTES_MAX: u32 = 64;
/// Bytes in a message or log line.
pub const SWP_TEXT_BYTES_MAX: u32 = 1024;
/// Metrics in one call.
pub const SWP_METRICS_MAX: u32 = 64;
/// Pieces of evidence in one call.
pub const SWP_EVIDENCE_MAX: u32 = 16;
/// Bytes of all evidence of one call together.
pub const SWP_EVIDENCE_BYTES_MAX: u32 = 65536;
/// Log lines in one call.
pub const SWP_LOG_LINES_MAX: u32 = 64;
/// Bytes in a manifest.
pub const SWP_MANIFEST_BYTES_MAX: u32 = 65536;
