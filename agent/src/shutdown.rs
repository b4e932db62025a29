//! When to stop: SIGINT or SIGTERM. A second one ends the process at once.

use std::io;
use tokio::signal::unix::{SignalKind, signal};

/// Installs the handlers now; the future resolves at the first signal.
///
/// # Errors
/// When the handlers cannot be installed.
pub fn on_signal() -> io::Result<impl Future<Output = ()>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        let name = tokio::select! {
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
        };
        tracing::info!(signal = name, "stopping");
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            std::process::exit(1);
        });
    })
}
