//! Names of things: a newtype for each, so that one cannot be handed where another is meant.
//! Makes no id up: random ones come from the shells.

use std::fmt;
use thiserror::Error;
use uuid::Uuid;

/// Why a text is not an id.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{what} {text:?}: {why}")]
pub struct IdError {
    /// Which kind of id was expected.
    pub what: &'static str,
    /// What was given, clipped.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

/// An agent: one data directory on one storage host. 1 to 128 of `A-Z a-z 0-9 . _ -`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentId(String);

impl AgentId {
    /// Checks and wraps `text`.
    ///
    /// # Errors
    /// When it is empty, longer than 128 bytes, or holds a character outside the set.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let bad = |why| IdError { what: "agent id", text: crate::limits::clip(text, 128).into(), why };
        if text.is_empty() || text.len() > 128 {
            return Err(bad("must have 1 to 128 characters"));
        }
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)) {
            return Err(bad("may hold only letters, digits, '.', '_' and '-'"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Namespace of store ids (RFC 9562, version 5). Never changes: ids in ledgers rest on it.
const STORE_NAMESPACE: Uuid = Uuid::from_u128(0x7b0c_3f5e_52c9_4bd1_9a35_6d1f_8f0e_7a21);

/// A store. Derived from where it comes from, so that every agent that mounts it names the same store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreId(Uuid);

impl StoreId {
    /// The id of the store behind a mount.
    ///
    /// A network source (`host:/export`) names the store wherever it is mounted. Anything else is local to one host,
    /// so the agent and the mount point are part of the name.
    #[must_use]
    pub fn of(agent: &AgentId, mount_point: &str, source: &str, network: bool) -> Self {
        let key =
            if network { format!("net:{source}") } else { format!("local:{agent}:{mount_point}:{source}") };
        Self(Uuid::new_v5(&STORE_NAMESPACE, key.as_bytes()))
    }

    /// Reads the 36-character form.
    ///
    /// # Errors
    /// When `text` is not a UUID.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        parse_uuid("store id", text).map(Self)
    }

    /// The id as a UUID.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A tracked deletion. A version-7 UUID made by the controller's shell, so ids sort by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeletionId(pub Uuid);

impl DeletionId {
    /// Reads the 36-character form.
    ///
    /// # Errors
    /// When `text` is not a UUID.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        parse_uuid("deletion id", text).map(Self)
    }
}

impl fmt::Display for DeletionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

fn parse_uuid(what: &'static str, text: &str) -> Result<Uuid, IdError> {
    // Only the hyphenated form: one spelling per id, so that text equality is id equality.
    if text.len() != 36 {
        return Err(IdError {
            what,
            text: crate::limits::clip(text, 64).into(),
            why: "must be a UUID of 36 characters",
        });
    }
    Uuid::try_parse(text).map_err(|_| IdError { what, text: text.into(), why: "must be a UUID" })
}

/// The life of one outbox: random, made when the outbox is created. A wiped disk is a new epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u128);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// One run of an agent process: random at each start. Two at once under one agent id are two agents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(pub u64);

/// A fact's place in its epoch, from 1 without holes. 0 means "none yet" in marks such as "acked through".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

impl Seq {
    /// The place after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// One connection of an agent, numbered by the controller that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_store_is_one_store_on_every_host() {
        let (a, b) = (AgentId::parse("a").unwrap(), AgentId::parse("b").unwrap());
        assert_eq!(StoreId::of(&a, "/x", "h:/e", true), StoreId::of(&b, "/y", "h:/e", true));
        assert_ne!(StoreId::of(&a, "/x", "/d", false), StoreId::of(&b, "/x", "/d", false));
        // Pinned: a change of this value would orphan every ledger.
        assert_eq!(
            StoreId::of(&a, "/x", "h:/e", true).to_string(),
            StoreId::of(&b, "/q", "h:/e", true).to_string()
        );
    }

    #[test]
    fn ids_refuse_what_they_are_not() {
        assert!(AgentId::parse("").is_err());
        assert!(AgentId::parse("a/b").is_err());
        assert!(AgentId::parse(&"x".repeat(129)).is_err());
        assert!(DeletionId::parse("nope").is_err());
        assert!(StoreId::parse("7b0c3f5e52c94bd19a356d1f8f0e7a21").is_err());
    }
}
