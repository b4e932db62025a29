//! The end of the process, without anything that could wait: no destructors, no exit handlers of plugins.

/// Ends the process now, also while other threads are in the kernel.
#[allow(unsafe_code, reason = "the one call that ends a process without running anybody's exit handlers")]
pub(crate) fn at_once(code: i32) -> ! {
    // SAFETY: _exit(2) has no preconditions; nothing of this process is used afterwards.
    unsafe { libc::_exit(code) }
}
