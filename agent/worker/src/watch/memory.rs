//! What the allocator keeps of a burst, given back. Owns one call; knows nothing of the watch.

/// Lets the allocator return free pages to the system. Costs a millisecond or so after a burst: for quiet moments.
#[allow(unsafe_code, reason = "glibc has no other way to be asked")]
pub(super) fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim(3) may be called at any time, from any thread; it touches free memory only.
    unsafe {
        libc::malloc_trim(0);
    }
}
