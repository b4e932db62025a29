//! Reading the ledger from async code. Owns the bound on reads at the same time: a read blocks its thread.

use crate::status::{ledger_failed, refuse};
use std::sync::Arc;
use storewarden_ledger::{LedgerError, READERS_MAX, Reader};
use storewarden_types::Code;
use tokio::sync::Semaphore;
use tonic::Status;

/// Reads for clients at the same time: one of the ledger's readers is left for the driver, which must not wait for them.
const READS_MAX: usize = READERS_MAX - 1;

/// Hands reads to threads that may block.
#[derive(Clone)]
pub(crate) struct Reads {
    reader: Arc<dyn Reader>,
    room: Arc<Semaphore>,
}

impl Reads {
    pub(crate) fn new(reader: Arc<dyn Reader>) -> Self {
        Self { reader, room: Arc::new(Semaphore::new(READS_MAX)) }
    }

    /// Does `read` on the ledger.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Reader) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, Status> {
        let stopping = || refuse(Code::ShuttingDown, "the controller is stopping");
        let permit = Arc::clone(&self.room).acquire_owned().await.map_err(|_| stopping())?;
        let reader = Arc::clone(&self.reader);
        let done = tokio::task::spawn_blocking(move || {
            // Given back when the read is done, even if its caller has gone.
            let _permit = permit;
            read(reader.as_ref())
        });
        match done.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(ledger_failed(&error)),
            Err(failed) if failed.is_panic() => Err(refuse(
                Code::Internal,
                "reading the ledger failed inside the controller; its log says more",
            )),
            Err(_) => Err(stopping()),
        }
    }
}

impl std::fmt::Debug for Reads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reads").field("room", &self.room).finish_non_exhaustive()
    }
}
