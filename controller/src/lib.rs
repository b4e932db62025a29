//! The controller's process: sessions of agents, gRPC services, the ledger, and one driver between them.
//!
//! [`run`] is the whole of it. Decisions are made in `storewarden-controller-core`, records are kept by
//! `storewarden-ledger`; here is what moves between sockets, core and disk, and every bound on it.
//!
//! ```text
//! listener ─► guard ─► service/* ──asks──► driver (core + appender, own thread) ──► ledger
//!                        ▲    ▲                │ after each commit
//!                        │    └── state ◄──────┤ the core's picture
//!                        └─────── feed ◄───────┘ committed events ─► Tail, Watch, Await
//! ```

#![forbid(unsafe_code)]

mod clock;
pub mod config;
mod context;
mod driver;
mod feed;
mod grpc_timeout;
mod guard;
mod health;
mod listener;
mod outbox;
mod outflow;
mod panic;
mod probes;
mod reads;
mod run;
mod service;
mod signal;
mod state;
mod status;
pub mod telemetry;

pub use config::{Args, Config, ConfigError};
pub use run::{RunError, Server, run};
pub use signal::asked_to_stop;
