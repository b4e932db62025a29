//! What an errno means: the one table from error numbers to codes, and from codes to the four verdict numbers.
//!
//! Must not know which call failed; where the call matters (ENOENT of a mount point, ENOTDIR of a parent) its caller
//! decides before asking here.

use rustix::io::Errno;
use storewarden_types::{Code, Condition};

/// The code of a failed system call on a store. Numbers without a code of their own are `IO_ERROR`, among them ERESTARTSYS
/// (512), which NFS lets out of calls interrupted by `umount -f`.
///
/// ESTALE is taken at its word. An `open` on a *soft* NFS mount also gives it when the server merely timed out, which
/// is why a proof asks `fstatfs` first: that tells a timeout from staleness.
#[must_use]
pub fn code_of(errno: Errno) -> Code {
    match errno {
        Errno::STALE => Code::StaleHandle,
        Errno::ACCESS | Errno::PERM => Code::PermissionDenied,
        Errno::ROFS => Code::ReadOnly,
        Errno::NOSPC | Errno::DQUOT => Code::NoSpace,
        Errno::LOOP => Code::SymlinkInPath,
        Errno::XDEV => Code::CrossesMount,
        Errno::NOTCONN
        | Errno::CONNREFUSED
        | Errno::CONNABORTED
        | Errno::CONNRESET
        | Errno::TIMEDOUT
        | Errno::HOSTDOWN
        | Errno::HOSTUNREACH
        | Errno::NETDOWN
        | Errno::NETUNREACH => Code::Disconnected,
        _ => Code::IoError,
    }
}

/// The verdict number (0 OK, 1 WARN, 2 CRIT, 3 UNKNOWN) of a probe that found `code`.
#[must_use]
pub fn verdict_number(code: Code) -> u32 {
    match code.grade() {
        Condition::Available => 0,
        Condition::Degraded => 1,
        Condition::Unavailable => 2,
        Condition::Unknown => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_that_have_a_code() {
        let table = [
            (libc::ESTALE, Code::StaleHandle),
            (libc::EACCES, Code::PermissionDenied),
            (libc::EPERM, Code::PermissionDenied),
            (libc::EROFS, Code::ReadOnly),
            (libc::ENOSPC, Code::NoSpace),
            (libc::EDQUOT, Code::NoSpace),
            (libc::ELOOP, Code::SymlinkInPath),
            (libc::EXDEV, Code::CrossesMount),
            (libc::ENOTCONN, Code::Disconnected),
            (libc::ECONNREFUSED, Code::Disconnected),
            (libc::ETIMEDOUT, Code::Disconnected),
            (libc::EHOSTDOWN, Code::Disconnected),
            (libc::EHOSTUNREACH, Code::Disconnected),
            (libc::EIO, Code::IoError),
            (libc::ENOENT, Code::IoError),
            (512, Code::IoError),
        ];
        for (number, code) in table {
            assert_eq!(code_of(Errno::from_raw_os_error(number)), code, "errno {number}");
        }
    }

    #[test]
    fn no_errno_is_ever_success_or_absence() {
        for number in 1..=600 {
            let code = code_of(Errno::from_raw_os_error(number));
            assert!(!matches!(code, Code::Ok | Code::Absent), "errno {number}");
        }
    }

    #[test]
    fn verdict_numbers_follow_the_grades() {
        assert_eq!(
            [Code::Ok, Code::Slow, Code::StaleHandle, Code::ProbeFailed].map(verdict_number),
            [0, 1, 2, 3]
        );
    }
}
