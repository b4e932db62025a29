//! Why something could not be proven: a code, the operation that failed, and the kernel's number.

use rustix::io::Errno;
use storewarden_types::Code;
use thiserror::Error;

/// A proof that failed. Nothing at all is known then, neither presence nor absence.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{operation}: {detail}")]
pub struct ProofError {
    /// The stable code.
    pub code: Code,
    /// What was being done, such as `fstatfs of the root`.
    pub operation: &'static str,
    /// The kernel's error number, when it was the kernel that refused.
    pub errno: Option<i32>,
    /// What is wrong, in words.
    pub detail: String,
}

impl ProofError {
    /// A failed system call, with the code that its number has.
    pub(crate) fn of_errno(operation: &'static str, errno: Errno) -> Self {
        Self::with_code(crate::code_of(errno), operation, errno)
    }

    /// A failed system call whose number means something special here.
    pub(crate) fn with_code(code: Code, operation: &'static str, errno: Errno) -> Self {
        Self { code, operation, errno: Some(errno.raw_os_error()), detail: errno.to_string() }
    }

    /// Something that is not as it must be.
    pub(crate) fn found(code: Code, operation: &'static str, detail: impl Into<String>) -> Self {
        Self { code, operation, errno: None, detail: detail.into() }
    }
}
