//! The ledger cannot be written. Owns what follows: everyone is refused loudly, nothing is acknowledged, and the ledger
//! is tried again until it works; then a new core goes on from what it holds.

use super::Driver;
use super::ask::Ask;
use crate::state::State;
use crate::telemetry::chain;
use std::time::Duration;
use storewarden_controller_core::Controller;
use storewarden_ledger::LedgerError;
use storewarden_types::{Code, Refusal};

/// Pause before the first attempt, and the longest between two.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// Attempts after which a failing ledger is said again in the log.
const SAY_EVERY: u32 = 12;

impl Driver {
    /// Lives through an outage that began with `error`. `asks` are what the failed turn did not come to.
    ///
    /// False: told to stop meanwhile.
    pub(super) async fn outage(&mut self, error: LedgerError, asks: impl Iterator<Item = Ask>) -> bool {
        self.parts.health.serving(false).await;
        tracing::error!(
            error = chain(&error),
            "the ledger cannot be written; everything is refused until it can"
        );
        let refusal = Refusal::new(
            Code::LedgerUnavailable,
            "the controller's ledger cannot be written now; nothing was accepted; it is tried again by itself",
        );
        // Unless the disk lies, nothing of the failed turn is recorded. Should it be, the new core knows it from the
        // ledger, a repeated fact is answered by its mark, and a repeated request by its key.
        self.let_all_go(&refusal);
        for ask in asks {
            ask.refuse(&refusal);
        }
        self.parts.state.send_modify(|state| state.serving = false);
        for attempt in 1_u32.. {
            if !self.refuse_for(self.pause(), &refusal).await {
                return false;
            }
            self.failures = self.failures.saturating_add(1);
            match self.begin_anew() {
                Ok(()) => break,
                Err(error) if attempt % SAY_EVERY == 0 => {
                    tracing::error!(error = chain(&error), attempt, "the ledger still cannot be written");
                }
                Err(error) => {
                    tracing::debug!(error = chain(&error), attempt, "the ledger still cannot be written");
                }
            }
        }
        tracing::info!("the ledger is written again");
        self.parts.health.serving(true).await;
        true
    }

    /// How long to wait before the next attempt. It grows until something was committed again, not merely reopened.
    fn pause(&self) -> Duration {
        PAUSE_MIN.saturating_mul(1_u32 << self.failures.min(10)).min(PAUSE_MAX)
    }

    /// Refuses whatever comes for so long. False: told to stop.
    async fn refuse_for(&mut self, pause: Duration, refusal: &Refusal) -> bool {
        let until = tokio::time::Instant::now() + pause;
        loop {
            tokio::select! {
                biased;
                _ = self.parts.stopping.wait_for(|stop| *stop) => return false,
                () = tokio::time::sleep_until(until) => return true,
                ask = self.queue.recv() => match ask {
                    Some(ask) => ask.refuse(refusal),
                    None => return false,
                },
            }
        }
    }

    fn begin_anew(&mut self) -> Result<(), LedgerError> {
        self.parts.ledger.reopen()?;
        let restored = self.parts.reader.restore()?;
        let last = self.parts.reader.last_cursor()?;
        self.core = Controller::new(self.parts.config.clone(), restored, self.parts.clock.now());
        self.parts.feed.reset(last);
        let view = self.core.view();
        self.parts.state.send_modify(|state| {
            let version_base = state.newest_version();
            *state = State { view, version_base, serving: true };
        });
        Ok(())
    }
}
