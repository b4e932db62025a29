//! name_to_handle_at(2): the file handle of an open directory, as text. The one unsafe call of this crate.
//!
//! On NFS the handle holds the server's own file handle: it costs no request, works on a hung mount, and survives a
//! remount. That makes it the best cheap mark of a store there is (fs/nfs/export.c, nfs_encode_fh).

use rustix::io::Errno;
use std::fmt::Write as _;
use std::os::fd::{AsRawFd as _, BorrowedFd};

/// Room for a handle: MAX_HANDLE_SZ of fs/fhandle.c.
const HANDLE_BYTES_MAX: usize = 128;

/// `struct file_handle` with its room. libc's own type has no room and cannot be made on the stack.
#[repr(C)]
struct Handle {
    handle_bytes: libc::c_uint,
    handle_type: libc::c_int,
    f_handle: [u8; HANDLE_BYTES_MAX],
}

/// Type (8 digits) and bytes of the handle of `directory`, in hexadecimal. `None` where the file system has no handles:
/// NFS v4.0, overlayfs without `nfs_export` (EOPNOTSUPP, or EOVERFLOW for one that no caller could hold).
pub(crate) fn of(directory: BorrowedFd<'_>) -> Result<Option<String>, Errno> {
    let mut handle = Handle {
        handle_bytes: HANDLE_BYTES_MAX as libc::c_uint,
        handle_type: 0,
        f_handle: [0; HANDLE_BYTES_MAX],
    };
    let mut mount_id: libc::c_int = 0;
    // SAFETY: the descriptor is borrowed and open; the path is an empty C string, which AT_EMPTY_PATH allows; `handle`
    // has the layout of struct file_handle followed by the `handle_bytes` bytes it claims, and both out-parameters are
    // exclusively ours.
    let result = unsafe {
        libc::name_to_handle_at(
            directory.as_raw_fd(),
            c"".as_ptr(),
            (&raw mut handle).cast(),
            &raw mut mount_id,
            libc::AT_EMPTY_PATH,
        )
    };
    if result != 0 {
        let number = std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO);
        return match number {
            libc::EOPNOTSUPP | libc::EOVERFLOW => Ok(None),
            number => Err(Errno::from_raw_os_error(number)),
        };
    }
    let length = (handle.handle_bytes as usize).min(HANDLE_BYTES_MAX);
    let mut text = format!("{:08x}", handle.handle_type);
    for byte in &handle.f_handle[..length] {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use rustix::fs::{Mode, OFlags, open};
    use std::os::fd::AsFd as _;

    fn of(path: &str) -> Option<String> {
        let fd = open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        super::of(fd.as_fd()).unwrap()
    }

    #[test]
    fn a_directory_has_one_handle_and_proc_has_none() {
        let dir = std::env::temp_dir();
        let (handle, again) = (of(dir.to_str().unwrap()), of(dir.to_str().unwrap()));
        assert_eq!(handle, again);
        let text = handle.unwrap();
        assert!(text.len() > 8 && text.bytes().all(|b| b.is_ascii_hexdigit()), "{text}");
        assert_eq!(of("/proc"), None);
    }
}
