//! Logs: where they go and in which form. Owns the set-up and the way an error is written; logs nothing of its own but
//! panics.

use crate::config::LogFormat;
use std::error::Error;
use std::fmt::Write;
use tracing_subscriber::EnvFilter;

/// An error with everything that caused it, on one line.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}

/// Sends logs to standard error from now on, panics among them. `filter` was checked when the configuration was read.
pub fn install(filter: &str, format: LogFormat) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Installed before, by a test for example: then that one is used.
    let _ = match format {
        LogFormat::Text => builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, ToString::to_string);
        let words = words_of(panic.payload());
        let backtrace = std::backtrace::Backtrace::capture();
        tracing::error!(place, words, %backtrace, "a task of the controller panicked; this is a fault, please report it");
    }));
}

/// What `panic!` was given.
fn words_of(payload: &dyn std::any::Any) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no words")
}

#[cfg(test)]
mod tests {
    use super::*;
    use thiserror::Error;

    #[derive(Debug, Error)]
    #[error("outer")]
    struct Outer(#[source] Inner);

    #[derive(Debug, Error)]
    #[error("inner")]
    struct Inner;

    #[test]
    fn a_chain_tells_each_cause_once() {
        assert_eq!(chain(&Outer(Inner)), "outer: inner");
    }
}
