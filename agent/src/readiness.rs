//! Descriptors that are waited for but not read by tokio: process ends, mount-table changes.

use std::io;
use std::os::fd::OwnedFd;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Hands `fd` to the runtime's reactor. Must be called within a runtime with I/O enabled.
///
/// # Errors
/// When the kernel cannot poll it.
#[expect(
    deprecated,
    reason = "its successor is unsafe for types whose descriptor may change or close while registered; an OwnedFd that \
              the AsyncFd owns does neither"
)]
pub(crate) fn register(fd: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(fd, interest)
}
