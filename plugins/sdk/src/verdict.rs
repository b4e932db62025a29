//! What a probe found: a level, a token for machines, a sentence for people. Owns the shape; judges nothing.

use std::borrow::Cow;
use storewarden_plugin_abi::{SWP_VERDICT_CRIT, SWP_VERDICT_OK, SWP_VERDICT_UNKNOWN, SWP_VERDICT_WARN};

/// How bad it is, with the four numbers that check programs have always used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Level {
    /// As it should be.
    Ok = SWP_VERDICT_OK,
    /// Needs attention.
    Warn = SWP_VERDICT_WARN,
    /// Broken.
    Crit = SWP_VERDICT_CRIT,
    /// Could not tell.
    Unknown = SWP_VERDICT_UNKNOWN,
}

impl Level {
    /// The level of a number; anything but 0, 1 and 2 is `Unknown`, as with check programs.
    #[must_use]
    pub const fn from_number(number: u32) -> Self {
        match number {
            SWP_VERDICT_OK => Self::Ok,
            SWP_VERDICT_WARN => Self::Warn,
            SWP_VERDICT_CRIT => Self::Crit,
            _ => Self::Unknown,
        }
    }
}

/// What one look found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub(crate) level: Level,
    pub(crate) reason: Cow<'static, str>,
    pub(crate) message: String,
}

impl Verdict {
    /// Nothing to say.
    #[must_use]
    pub fn ok() -> Self {
        Self::new(Level::Ok, "OK", "")
    }

    /// Needs attention.
    pub fn warn(reason: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::new(Level::Warn, reason, message)
    }

    /// Broken.
    pub fn crit(reason: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::new(Level::Crit, reason, message)
    }

    /// Looked, and could not tell.
    pub fn unknown(reason: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::new(Level::Unknown, reason, message)
    }

    /// A verdict whose level is computed.
    ///
    /// `reason` is a stable token of letters, digits and `_`, at most 64 bytes (the host refuses others); `message` is
    /// one sentence of at most 1024 bytes (the host cuts longer ones).
    pub fn new(level: Level, reason: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { level, reason: reason.into(), message: message.into() }
    }

    /// The level.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// The token.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The sentence.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_levels_are_one_table() {
        for level in [Level::Ok, Level::Warn, Level::Crit, Level::Unknown] {
            assert_eq!(Level::from_number(level as u32), level);
        }
        assert_eq!(Level::from_number(4), Level::Unknown);
    }
}
