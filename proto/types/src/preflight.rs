//! "May this operation start on this store now?" Owns question and answer; the controller core decides.

use crate::{Condition, Reason, StoreId};

/// What is about to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// Write something new.
    Create,
    /// Read here, or write a copy here.
    Copy,
    /// Remove something.
    Delete,
    /// A garbage-collection run.
    Gc,
}

impl Operation {
    /// The word for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Copy => "copy",
            Self::Delete => "delete",
            Self::Gc => "gc",
        }
    }
}

/// The question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreflightQuestion {
    /// Which store.
    pub store: StoreId,
    /// What is about to be done.
    pub operation: Operation,
    /// How old evidence may be, in milliseconds.
    pub max_age_ms: u64,
}

/// Admit or deny; there is no third.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Decision {
    /// Go ahead.
    Admit,
    /// Do not; the reasons say why.
    Deny,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreflightAnswer {
    /// Admit or deny.
    pub decision: Decision,
    /// Why denied; or, when admitted, what to know nevertheless.
    pub reasons: Vec<Reason>,
    /// The store's condition.
    pub condition: Condition,
    /// Age of the evidence in milliseconds, never younger than it truly is. `None`: no evidence.
    pub evidence_age_ms: Option<u64>,
}
