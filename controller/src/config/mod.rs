//! What the controller is told at start. Owns the values, their defaults and their ranges; where they come from is
//! `file` and `args`.

mod args;
mod file;
mod read;

pub use args::Args;
pub use file::{ConfigError, Problem};

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use storewarden_ledger::Check;

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Everything a controller is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to serve gRPC. Port 0 takes any free one.
    pub listen: SocketAddr,
    /// The data directory. Empty: not named yet, which is a problem.
    pub data: PathBuf,
    /// How thoroughly the ledger is checked at start.
    pub check: Check,
    /// What the core is told.
    pub core: storewarden_controller_core::Config,
    /// How long a client may leave a stream unread.
    pub slow_after: Duration,
    /// Which log lines are written, as `tracing_subscriber::EnvFilter` reads it.
    pub log: String,
    /// How they are written.
    pub log_format: LogFormat,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7420)),
            data: PathBuf::new(),
            check: Check::Quick,
            core: storewarden_controller_core::Config::default(),
            slow_after: Duration::from_secs(10),
            log: "info".into(),
            log_format: LogFormat::Text,
        }
    }
}
