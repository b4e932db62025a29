//! Reads `/proc/self/mountinfo`. Touches no mount; parsing is `storewarden_types::mountinfo`'s.

use crate::ProofError;
use storewarden_types::Code;
use storewarden_types::mountinfo::{MountEntry, last_at, parse};

/// What is mounted at `mount_point` now; mounts stack, and the last one counts.
pub(crate) fn at(mount_point: &str) -> Result<Option<MountEntry>, ProofError> {
    let bytes = std::fs::read("/proc/self/mountinfo")
        .map_err(|e| ProofError::found(Code::IoError, "reading /proc/self/mountinfo", e.to_string()))?;
    Ok(last_at(&parse(&bytes), mount_point).cloned())
}
