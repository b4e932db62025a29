//! The hash chain that binds every event to all before it. Owns the link; walking the table is the reader's business.

use sha2::{Digest, Sha256};

/// The link before the first event.
pub const GENESIS: [u8; 32] = [0; 32];

/// One link: SHA-256 over the link before and the event's stored bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain(pub [u8; 32]);

impl Chain {
    /// The link of an event with these bytes, after this one.
    #[must_use]
    pub fn next(self, body: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(body);
        Self(hash.finalize().into())
    }
}

/// What a walk over the whole chain saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainReport {
    /// How many events, which is also the newest cursor.
    pub events: u64,
    /// The newest link.
    pub head: Chain,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_depends_on_everything_before_it() {
        let start = Chain(GENESIS);
        assert_ne!(start.next(b"a").next(b"b"), start.next(b"b").next(b"a"));
        assert_ne!(start.next(b"a"), start.next(b"a").next(b""));
        // Pinned: SHA-256 of 32 zero bytes.
        assert_eq!(start.next(b"").0[..4], [0x66, 0x68, 0x7a, 0xad]);
    }
}
