//! The agent process of Storewarden around its pure core: supervises workers, keeps the outbox, talks to a controller.
//!
//! ```text
//! main ─► config ─► run ─► driver ◄──► storewarden-agent-core        (one task: event in, actions out, perform)
//!                            │ ├─ outbox      SQLite on its own thread: facts, expected mounts
//!                            │ ├─ supervisor  worker processes: process, worker/, inspect
//!                            │ ├─ session     gRPC to one of several controllers
//!                            │ └─ mountinfo   /proc/self/mountinfo
//! ```
//!
//! The process makes no call on a monitored path: what must be looked at, a worker looks at.

#![forbid(unsafe_code)]

pub mod clock;
pub mod config;
mod config_file;
mod config_value;
pub mod data_dir;
mod driver;
pub mod host;
pub mod inspect;
pub mod log_queue;
pub mod mountinfo;
pub mod outbox;
mod perform;
pub mod process;
pub mod random;
mod readiness;
pub mod run;
mod session;
pub mod shutdown;
mod supervisor;
pub mod telemetry;
mod throttle;
mod worker;

pub use config::{Overrides, Problem, Settings};
pub use run::{RunError, run};
