//! The agent's log: to standard error, as text or JSON lines, never under a monitored path.
//! Fields: `mount` (what it is about), `code` (the stable code), `error` (a chain of causes).

use crate::log_queue::LogQueue;
use crate::throttle::{Pass, Throttle};
use std::error::Error;
use std::time::Instant;
use storewarden_agent_core::Level;
use storewarden_types::{Code, MountExpectation, MountKind};
use thiserror::Error as ThisError;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Why logging could not begin.
#[derive(Debug, ThisError)]
pub enum TelemetryError {
    /// The filter makes no sense.
    #[error("the log filter {filter:?} makes no sense")]
    Filter {
        /// As given.
        filter: String,
        /// Why.
        source: tracing_subscriber::filter::ParseError,
    },
    /// No thread could be started.
    #[error("cannot start the log's thread")]
    Thread(#[source] std::io::Error),
}

/// Reads a filter: a level, or levels by module, such as `warn,storewarden_agent=debug`. (Not `EnvFilter`: its span
/// filters bring regular expressions along, half a megabyte of them.)
///
/// # Errors
/// When it makes no sense.
pub fn parse_filter(filter: &str) -> Result<Targets, TelemetryError> {
    filter.parse().map_err(|source| TelemetryError::Filter { filter: filter.to_owned(), source })
}

/// Starts logging for the whole process; what it returns writes out the last lines. A second call changes nothing.
///
/// # Errors
/// When the thread that writes cannot be started.
pub fn start(filter: Targets, format: LogFormat) -> Result<LogQueue, TelemetryError> {
    let queue = LogQueue::start(std::io::stderr()).map_err(TelemetryError::Thread)?;
    let layer = tracing_subscriber::fmt::layer().with_writer(queue.writer());
    let layer = match format {
        LogFormat::Text => layer.with_ansi(false).with_target(false).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    // An error means that someone set a logger before us (a test): then that one stays.
    let _ = tracing_subscriber::registry().with(layer.with_filter(filter)).try_init();
    Ok(queue)
}

/// An error with everything behind it, as one text. A cause that only repeats the one before it is left out.
#[must_use]
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut last = error.to_string();
    let mut text = last.clone();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if words != last {
            text.push_str(": ");
            text.push_str(&words);
        }
        last = words;
        source = cause.source();
    }
    text
}

/// Text of a stranger on one line of ours: control characters are shown, not sent to a terminal.
#[must_use]
pub fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// Puts the core's notes into the log, repeats in moderation.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    throttle: Throttle<(u8, String, Option<Code>)>,
}

impl Notes {
    /// One note. Debug lines are never held back: whoever asks for them wants them all.
    pub(crate) fn take(&mut self, level: Level, about: String, code: Option<Code>, message: &str) {
        let (mount, message) = (about.clone(), harmless(message));
        let code_text = code.map(Code::as_str);
        let left_out = match level {
            Level::Debug => 0,
            _ => match self.throttle.pass((level as u8, about, code), Instant::now()) {
                Pass::Say { left_out } => left_out,
                Pass::Hold => return,
            },
        };
        if left_out > 0 {
            tracing::info!(mount, code = code_text, left_out, "lines like the next were left out");
        }
        match level {
            Level::Debug => tracing::debug!(mount, code = code_text, "{message}"),
            Level::Info => tracing::info!(mount, code = code_text, "{message}"),
            Level::Warn => tracing::warn!(mount, code = code_text, "{message}"),
            Level::Error => tracing::error!(mount, code = code_text, "{message}"),
        }
    }
}

/// Says that a mount was found, and what its kind means. One whose marks are pinned was found before.
pub(crate) fn announce_found(mount: &MountExpectation) {
    if mount.identity.is_none() {
        announce_mount(mount);
    }
}

/// Says which mount is expected from now on, and what its kind means.
pub(crate) fn announce_mount(mount: &MountExpectation) {
    let MountExpectation { mount_point, source, fs_type, kind, identity } = mount;
    let meaning = match kind {
        MountKind::Network => "a network store, named by its source on every host",
        MountKind::Local => "a local file system: the store is this host's own",
        MountKind::Dir => "a plain directory: for trying things out; cannot tell unmounted from empty",
    };
    let pinned = identity
        .as_ref()
        .map_or_else(|| "not pinned yet".to_owned(), storewarden_types::MountIdentity::describe);
    tracing::info!(
        mount = mount_point,
        source,
        fs_type,
        kind = kind.as_str(),
        pinned,
        "expected here: {meaning}"
    );
}
