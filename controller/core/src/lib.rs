//! The controller as a pure state machine: [`Controller::handle`] takes an event and the time, and appends actions.
//!
//! Never fails, never blocks, reads no clock: same history in, same actions out. Must not know: sockets, files, the
//! ledger's engine, async, logging, randomness.
//!
//! ```text
//! agent messages ─► fleet (who, which session, which mounts) ─► stores (merge over observers) ─► View
//!                └► intake (facts: exactly once, then Ack) ──► deletions (pending → ended)
//! client requests ───────────────────────────────────────────► deletions
//! View ─► preflight (admit or deny), naming (which store is meant)
//! ```

#![forbid(unsafe_code)]

pub mod config;
mod controller;
mod damping;
mod deletions;
pub mod event;
mod fleet;
mod intake;
pub mod naming;
pub mod preflight;
mod stores;
mod tracking;
pub mod view;

pub use config::Config;
pub use controller::Controller;
pub use event::{Action, Answer, Event, Now, ReplyId, TrackOrder};
pub use view::{AgentStatus, View};
