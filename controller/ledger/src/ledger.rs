//! The ledger as its users see it: appending and reading. Owns the two traits and the shapes they speak in; knows no
//! engine.

use crate::{ChainReport, LedgerError};
use std::sync::Arc;
use storewarden_proto::v1;
use storewarden_types::{DeletionId, DeletionRow, DeletionState, KnownKey, Record, Restored, StoreId};

/// One committed event.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its place, from 1 without holes.
    pub cursor: u64,
    /// The event; its own `cursor` is set.
    pub event: Arc<v1::Event>,
    /// The deletion it speaks of, as it stood right after this event. `None` for events of other things.
    pub deletion: Option<Arc<v1::Deletion>>,
    /// Size of the event on the wire, in bytes.
    pub bytes: usize,
}

/// What one commit made, in order. Records without an event (`KeyUsed`) are not in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Committed {
    /// The events.
    pub entries: Vec<Entry>,
}

/// Appends. There is one appender for a ledger.
pub trait Ledger: Send {
    /// Appends all of `records` in order, in one transaction: when this returns `Ok`, they survive a power loss.
    ///
    /// # Errors
    /// Nothing of `records` counts as recorded, and the appender refuses until [`Ledger::reopen`] succeeds.
    fn commit(&mut self, records: &[Record]) -> Result<Committed, LedgerError>;

    /// Brings the appender back after a failed commit: closes, opens, and shows by a durable write of its own that
    /// the storage takes one. What the ledger holds afterwards is the truth, whatever the failed commit said.
    ///
    /// # Errors
    /// The storage still fails; try again later.
    fn reopen(&mut self) -> Result<(), LedgerError>;
}

/// Which deletions a listing wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeletionFilter {
    /// Only these states; empty: all.
    pub states: Vec<DeletionState>,
    /// Only this store.
    pub store: Option<StoreId>,
    /// Only those tracked under this idempotency key.
    pub key: Option<String>,
}

/// One page of a listing, newest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeletionPage {
    /// At most as many rows as were asked for.
    pub rows: Vec<DeletionRow>,
    /// Where the next page begins: hand it back as `before`. `None`: this was the last.
    pub next: Option<u64>,
}

/// Deletions as they stood at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeletionsAt {
    /// The last cursor at that moment: what comes after it is not in the rows.
    pub cursor: u64,
    /// One for each id asked for, in order; `None`: no such deletion.
    pub rows: Vec<Option<DeletionRow>>,
}

/// Reads, from any thread, while the appender appends. Every call sees one committed state. Calls block.
pub trait Reader: Send + Sync {
    /// The place of the newest event; 0: there is none.
    ///
    /// # Errors
    /// The ledger cannot be read.
    fn last_cursor(&self) -> Result<u64, LedgerError>;

    /// At most `limit` events after `cursor`, in order; fewer when they are big. None at all only at the end.
    ///
    /// # Errors
    /// The ledger cannot be read.
    fn events_after(&self, cursor: u64, limit: usize) -> Result<Vec<Entry>, LedgerError>;

    /// One deletion.
    ///
    /// # Errors
    /// The ledger cannot be read.
    fn deletion(&self, id: DeletionId) -> Result<Option<DeletionRow>, LedgerError> {
        Ok(self.deletions(&[id])?.rows.pop().flatten())
    }

    /// Several deletions, and the cursor they stood at.
    ///
    /// # Errors
    /// The ledger cannot be read.
    fn deletions(&self, ids: &[DeletionId]) -> Result<DeletionsAt, LedgerError>;

    /// A page of at most `limit` deletions, newest first; `before` is the `next` of the page before.
    ///
    /// # Errors
    /// The ledger cannot be read.
    fn list(
        &self,
        filter: &DeletionFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<DeletionPage, LedgerError>;

    /// What an idempotency key was used for.
    ///
    /// # Errors
    /// The ledger cannot be read.
    fn key(&self, key: &str) -> Result<Option<KnownKey>, LedgerError>;

    /// Whether any agent ever had a mount of this store, forgotten or not.
    ///
    /// # Errors
    /// The ledger cannot be read.
    fn knows_store(&self, store: StoreId) -> Result<bool, LedgerError>;

    /// Everything a controller core needs to go on.
    ///
    /// # Errors
    /// The ledger cannot be read.
    fn restore(&self) -> Result<Restored, LedgerError>;

    /// Walks the whole hash chain.
    ///
    /// # Errors
    /// The ledger cannot be read, or the chain is broken (`Corrupt`, naming the cursor).
    fn verify_chain(&self) -> Result<ChainReport, LedgerError>;
}
