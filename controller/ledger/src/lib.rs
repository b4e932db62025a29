//! The durable record behind the controller: what was committed here has happened, once, in this order.
//!
//! [`Ledger`] appends (one transaction a call, durable when it returns), [`Reader`] reads while it does. The SQLite
//! implementation is [`SqliteLedger`] and [`SqliteReader`], opened together by [`open`] in a directory that one
//! process owns at a time.
//!
//! Invariants, each with a test:
//! 1. A commit is whole or absent, whatever kills the process or fills the disk.
//! 2. A fact's place (agent, epoch, seq) is held at most once.
//! 3. A deletion ends at most once, and Confirmed only with evidence.
//! 4. Cursors are 1, 2, 3, ... without holes; every event is bound to the one before it by SHA-256.
//!
//! Must not know: gRPC, async, clocks, what a record means to the controller.

#![forbid(unsafe_code)]

mod append;
mod chain;
mod deletion;
mod directory;
mod engine;
mod error;
mod kind;
mod ledger;
mod list;
mod pool;
mod reader;
mod restore;
mod schema;

pub use chain::{Chain, ChainReport, GENESIS};
pub use directory::DataDirectory;
pub use engine::{Check, SqliteLedger, open};
pub use error::LedgerError;
pub use kind::EventKind;
pub use ledger::{Committed, DeletionFilter, DeletionPage, DeletionsAt, Entry, Ledger, Reader};
pub use pool::READERS_MAX;
pub use reader::SqliteReader;
