//! A request turned down, with its stable code. Owns the shape; services map it to a gRPC status.

use crate::Code;
use thiserror::Error;

/// Why a request was not done. Nothing has changed because of it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct Refusal {
    /// The stable code.
    pub code: Code,
    /// One or two sentences: which thing, what is wrong, what to do.
    pub message: String,
}

impl Refusal {
    /// A refusal from its parts.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}
