//! The agent as a pure state machine: [`Agent::handle`] takes an event and the time, and appends actions.
//!
//! Never fails, never blocks, reads no clock: same history in, same actions out. Must not know: sockets, files,
//! processes, async, logging, randomness.
//!
//! ```text
//! mountinfo ──► discovery ──► Mount ─┬─ presence   (mounted? the right source?)
//!                                    ├─ Slot       (one worker process, one operation, one clock)
//! worker reports ──────────────────► ├─ probes     (what is due, what was said, hysteresis)
//!                                    └─ looks      (pending deletions: when to look again)
//! facts ──► Outbox (persist, send, resend, trim) ──► Session (hello, anchor, heartbeats) ──► controller
//! ```

#![forbid(unsafe_code)]

mod agent;
pub mod config;
mod discovery;
pub mod event;
mod judge;
mod looks;
mod mount;
mod outbox;
mod probes;
mod session;
mod slot;
mod work;

pub use agent::Agent;
pub use config::{Config, Discovery, ProbeSettings};
pub use event::{Action, ConnectionId, Event, Generation, Identity, Level, Now, Restored};
