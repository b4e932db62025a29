//! R1 as code: reading a struct whose writer may know fewer or more fields than we do. Used by both sides, so that
//! there is one reading of the rule.

use crate::{swp_create_args, swp_evidence, swp_host, swp_metric, swp_plugin, swp_probe_args, swp_verdict};
use core::mem::{MaybeUninit, size_of};

/// A struct that begins with `size: u32` and of which every bit pattern of zeros is a valid value.
///
/// # Safety
/// `Self` is `repr(C)`, its first field is `size: u32`, all-zero bytes are a valid `Self`, and any value that a writer
/// may put into a field is valid for that field's type.
pub unsafe trait Prefixed: Copy {
    /// Size of the struct in version 1.0: every writer knows at least that much.
    const SIZE_V1_0: usize;
}

macro_rules! prefixed {
    ($($name:ident = $size:literal),+ $(,)?) => { $(
        // SAFETY: all fields of the ABI's structs are integers, floats, raw pointers, swp_str (pointer and integer) or
        // `Option` of function pointers; zero is valid for each, and `size: u32` comes first.
        unsafe impl Prefixed for $name { const SIZE_V1_0: usize = $size; }
    )+ };
}

// The sizes of 1.0, written out: they must not follow when a struct grows.
prefixed! {
    swp_metric = 32,
    swp_evidence = 40,
    swp_verdict = 40,
    swp_host = 56,
    swp_create_args = 40,
    swp_probe_args = 80,
    swp_plugin = 48,
}

/// The writer claims fewer bytes than version 1.0 has (or there is no struct at all: `size` 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooSmall {
    /// What the writer put into `size`.
    pub size: u32,
    /// What it must be at least.
    pub min: usize,
}

/// Copies what the writer filled in; what it does not know of reads as zero.
///
/// # Errors
/// When `at` is null or its `size` is below version 1.0's.
///
/// # Safety
/// `at` is null, or points at a struct that begins with an honest `size: u32`, aligned for `T`, and does not change
/// while this function runs.
pub unsafe fn read<T: Prefixed>(at: *const T) -> Result<T, TooSmall> {
    if at.is_null() {
        return Err(TooSmall { size: 0, min: T::SIZE_V1_0 });
    }
    // SAFETY: not null, and by contract at least the leading `size: u32` is there.
    let size = unsafe { at.cast::<u32>().read() };
    if (size as usize) < T::SIZE_V1_0 {
        return Err(TooSmall { size, min: T::SIZE_V1_0 });
    }
    let known = (size as usize).min(size_of::<T>());
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: `known` bytes are readable by contract (`size` is honest) and fit into `value`; zero bytes elsewhere are
    // valid by the contract of `Prefixed`.
    unsafe {
        core::ptr::copy_nonoverlapping(at.cast::<u8>(), value.as_mut_ptr().cast::<u8>(), known);
        Ok(value.assume_init())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SWP_GAUGE, swp_str};

    /// A struct of a later version: one field more than we know.
    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Later {
        metric: swp_metric,
        more: u64,
    }

    /// A reader of a later version, of a struct that an author of 1.0 wrote.
    // SAFETY: integers only; `size` (inside swp_metric) comes first.
    unsafe impl Prefixed for Later {
        const SIZE_V1_0: usize = 32;
    }

    fn metric(size: u32) -> swp_metric {
        swp_metric { size, kind: SWP_GAUGE, name: swp_str::EMPTY, value: 1.5 }
    }

    #[test]
    fn a_newer_writer_is_read_up_to_what_we_know() {
        let later = Later { metric: metric(40), more: 7 };
        // SAFETY: `later` is alive and its size is honest.
        let read = unsafe { read::<swp_metric>((&raw const later).cast()) }.unwrap();
        assert_eq!((read.size, read.kind), (40, SWP_GAUGE));
        assert!((read.value - 1.5).abs() < f64::EPSILON);
    }

    #[test]
    fn an_older_writer_leaves_zero_in_what_it_does_not_know() {
        // The byte after the old struct is not ours: a reader that takes it sees 0xff.
        #[repr(C)]
        struct Old {
            metric: swp_metric,
            foreign: u64,
        }
        let old = Old { metric: metric(32), foreign: u64::MAX };
        // SAFETY: `old` is alive and its size is honest.
        let read = unsafe { read::<Later>((&raw const old).cast()) }.unwrap();
        assert_eq!(read.more, 0);
        assert_eq!(old.foreign, u64::MAX);
    }

    #[test]
    fn less_than_version_1_0_is_refused() {
        let short = metric(31);
        // SAFETY: alive; the claimed size is smaller than the truth, which is the point.
        let error = unsafe { read(&raw const short) }.unwrap_err();
        assert_eq!(error, TooSmall { size: 31, min: 32 });
        // SAFETY: null is allowed.
        let error = unsafe { read::<swp_metric>(core::ptr::null()) }.unwrap_err();
        assert_eq!(error, TooSmall { size: 0, min: 32 });
    }
}
