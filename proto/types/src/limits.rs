//! Every bound that a stranger can run into, by name, with its reason. Owns numbers only.

/// Longest path of a tracked deletion or sighting, in bytes: Linux `PATH_MAX` less its NUL.
pub const PATH_BYTES_MAX: usize = 4095;
/// Longest single path component, in bytes: Linux `NAME_MAX`.
pub const NAME_BYTES_MAX: usize = 255;
/// Most paths in one Track request. A bigger list is several requests, each with its own key.
pub const TRACK_PATHS_MAX: usize = 10_000;
/// Most path bytes in one Track request.
pub const TRACK_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Most deletions pending in one controller: they live in memory until they end.
pub const PENDING_DELETIONS_MAX: usize = 1_000_000;
/// Longest idempotency key, in bytes.
pub const KEY_BYTES_MAX: usize = 256;
/// Longest time a deletion may be given, in milliseconds: seven days.
pub const DEADLINE_MS_MAX: u64 = 7 * 24 * 3600 * 1000;
/// Time a deletion is given when the request names none, in milliseconds.
pub const DEADLINE_MS_DEFAULT: u64 = 60_000;
/// Longest a Preflight may wait for a fresh probe, in milliseconds.
pub const PREFLIGHT_DEADLINE_MS_MAX: u64 = 60_000;
/// Most mounts one agent reports. Discovery beyond it is counted and said.
pub const MOUNTS_PER_AGENT_MAX: usize = 256;
/// Most agents one controller serves.
pub const AGENTS_MAX: usize = 20_000;
/// Most sightings in one fact: keeps a fact well under one frame.
pub const SIGHTINGS_PER_FACT_MAX: usize = 512;
/// Most facts in one message from an agent.
pub const FACTS_PER_MESSAGE_MAX: usize = 256;
/// About how many bytes of facts go into one message, or are read back from the outbox at once. A single fact may be
/// larger (512 long paths) and then goes alone.
pub const FACTS_BYTES_MAX: usize = 1024 * 1024;
/// Largest frame between agent and worker, in bytes.
pub const FRAME_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Largest gRPC message either side accepts, in bytes. Above `TRACK_BYTES_MAX` so that our own, clearer refusal
/// answers a list that is merely too long.
pub const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most paths verified in one request to a worker: one slow request must not starve the probes.
pub const VERIFY_BATCH_MAX: usize = 64;
/// Longest free text (a message, a reason) kept, in bytes.
pub const TEXT_BYTES_MAX: usize = 1024;
/// Most metrics kept of one observation.
pub const METRICS_PER_OBSERVATION_MAX: usize = 64;
/// Most rows in one page of a listing.
pub const PAGE_SIZE_MAX: usize = 1000;
/// Agents asked to verify one deletion at the same time.
pub const VERIFIERS_PER_DELETION_MAX: usize = 2;

/// Deletions that ended without proof and are remembered, so that late evidence finds them.
pub const UNPROVEN_REMEMBERED_MAX: usize = 10_000;

/// Cuts `text` to at most `max` bytes on a character boundary.
#[must_use]
pub fn clip(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::clip;

    #[test]
    fn clip_respects_characters() {
        assert_eq!(clip("aé", 2), "a");
        assert_eq!(clip("aé", 3), "aé");
        assert_eq!(clip("", 3), "");
    }
}
