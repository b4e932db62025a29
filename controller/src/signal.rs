//! When the process is asked to stop. Owns which signals mean that.

use tokio::signal::unix::{SignalKind, signal};

/// Comes back on SIGINT or SIGTERM. Signals are taken from the moment this is called, not when it is awaited.
///
/// # Errors
/// The kernel refuses the handlers.
pub fn asked_to_stop() -> std::io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
