//! A stream to one client: a task puts in, gRPC takes out as fast as the client reads. Owns the bound on what waits
//! between them, and the verdict that a client is too slow.

use crate::panic::CatchPanic;
use crate::status::refuse;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use storewarden_types::Code;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio_stream::Stream;
use tonic::Status;

/// What may wait for one client, in bytes on the wire. One item bigger than that waits alone.
const BYTES_MAX: u32 = 256 * 1024;
/// Items that may wait for one client.
const ITEMS_MAX: usize = 1024;

/// The task's side.
#[derive(Debug)]
pub(crate) struct Outflow<T> {
    items: mpsc::Sender<(T, OwnedSemaphorePermit)>,
    room: Arc<Semaphore>,
    shared: Arc<Shared>,
    slow_after: Duration,
}

/// gRPC's side.
#[derive(Debug)]
pub(crate) struct OutflowStream<T> {
    items: mpsc::Receiver<(T, OwnedSemaphorePermit)>,
    shared: Arc<Shared>,
    _place: OwnedSemaphorePermit,
}

#[derive(Debug, Default)]
struct Shared {
    /// Items the client took: as long as it grows, the client reads.
    taken: AtomicU64,
    /// What the stream ends with after its items; a clean end when there is none.
    end: Mutex<Option<Status>>,
}

/// Why nothing more can be put in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Blocked {
    /// The client went away; nobody is left to be told.
    Gone,
    /// The client reads nothing.
    Slow,
}

impl<T: Send + 'static> Outflow<T> {
    /// Puts one item of this size in, waiting while the client reads what is there.
    pub(crate) async fn send(&self, item: T, bytes: usize) -> Result<(), Blocked> {
        let bytes = u32::try_from(bytes).unwrap_or(BYTES_MAX).clamp(1, BYTES_MAX);
        let put = async {
            let room = Arc::clone(&self.room).acquire_many_owned(bytes).await.map_err(|_| Blocked::Gone)?;
            self.items.send((item, room)).await.map_err(|_| Blocked::Gone)
        };
        tokio::select! {
            // The usual case, a client with room, makes no timer.
            biased;
            done = put => done,
            blocked = self.watch_client() => Err(blocked),
        }
    }

    /// Comes back when the client has gone, or has read nothing for too long.
    async fn watch_client(&self) -> Blocked {
        loop {
            let before = self.shared.taken.load(Ordering::Acquire);
            tokio::select! {
                () = self.items.closed() => return Blocked::Gone,
                () = tokio::time::sleep(self.slow_after) => {}
            }
            if self.shared.taken.load(Ordering::Acquire) == before {
                return Blocked::Slow;
            }
        }
    }

    /// Comes back when the client has gone.
    pub(crate) async fn closed(&self) {
        self.items.closed().await;
    }
}

/// A stream fed by `feed`, which runs until it returns, the client goes, or the controller stops. `place` is given back
/// at the end of the stream.
///
/// What `feed` returns is how the stream ends; a panic in it ends the stream with INTERNAL, never silently.
pub(crate) fn start<T, F>(
    place: OwnedSemaphorePermit,
    slow_after: Duration,
    mut stopping: watch::Receiver<bool>,
    feed: impl FnOnce(Arc<Outflow<T>>) -> F,
) -> OutflowStream<T>
where
    T: Send + 'static,
    F: Future<Output = Result<(), Status>> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(ITEMS_MAX);
    let shared = Arc::new(Shared::default());
    let room = Arc::new(Semaphore::new(BYTES_MAX as usize));
    let outflow = Arc::new(Outflow { items: sender, room, shared: Arc::clone(&shared), slow_after });
    let feeding = CatchPanic::new(feed(Arc::clone(&outflow)));
    tokio::spawn(async move {
        let end = tokio::select! {
            done = feeding => match done {
                Ok(Ok(())) => None,
                Ok(Err(status)) => Some(status),
                Err(_) => Some(refuse(Code::Internal, "the stream failed inside the controller; its log says more")),
            },
            _ = stopping.wait_for(|stop| *stop) => Some(refuse(Code::ShuttingDown, "the controller is stopping")),
            () = outflow.closed() => None,
        };
        *outflow.shared.end.lock().unwrap_or_else(PoisonError::into_inner) = end;
        // Dropping the last sender ends the stream, after what is in it.
    });
    OutflowStream { items: receiver, shared, _place: place }
}

impl<T> Stream for OutflowStream<T> {
    type Item = Result<T, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.items.poll_recv(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some((item, _room))) => {
                self.shared.taken.fetch_add(1, Ordering::AcqRel);
                Poll::Ready(Some(Ok(item)))
            }
            Poll::Ready(None) => {
                let end = self.shared.end.lock().unwrap_or_else(PoisonError::into_inner).take();
                Poll::Ready(end.map(Err))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_stream::StreamExt;

    fn place() -> OwnedSemaphorePermit {
        Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap()
    }

    const SLOW: Duration = Duration::from_millis(50);

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_nothing_is_slow_and_little_waits_for_it() {
        let (_running, stopping) = watch::channel(false);
        let (count, counted) = watch::channel(0_u32);
        let mut stream = start(place(), SLOW, stopping, |out| async move {
            loop {
                match out.send(7_u8, 100_000).await {
                    Ok(()) => count.send_modify(|n| *n += 1),
                    Err(blocked) => {
                        assert_eq!(blocked, Blocked::Slow);
                        return Err(Status::resource_exhausted("slow"));
                    }
                }
            }
        });
        let mut ended = counted.clone();
        while ended.changed().await.is_ok() {}
        assert_eq!(*counted.borrow(), 2, "256 KiB hold two of them");
        assert_eq!(stream.next().await.unwrap().unwrap(), 7);
        assert_eq!(stream.next().await.unwrap().unwrap(), 7);
        assert_eq!(stream.next().await.unwrap().unwrap_err().code(), tonic::Code::ResourceExhausted);
        assert!(stream.next().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_a_little_now_and_then_is_not_slow() {
        let (_running, stopping) = watch::channel(false);
        let mut stream = start(place(), SLOW, stopping, |out| async move {
            for n in 0..6_u8 {
                // Bigger than all room: each waits until the one before it was read.
                out.send(n, usize::MAX).await.map_err(|_| Status::resource_exhausted("slow"))?;
            }
            Ok(())
        });
        for n in 0..6 {
            tokio::time::sleep(SLOW * 3 / 5).await;
            assert_eq!(stream.next().await.unwrap().unwrap(), n);
        }
        assert!(stream.next().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_and_a_stop_end_the_stream_with_a_status() {
        let (running, stopping) = watch::channel(false);
        let mut stream = start::<u8, _>(place(), SLOW, stopping.clone(), |_| async { panic!("on purpose") });
        assert_eq!(stream.next().await.unwrap().unwrap_err().code(), tonic::Code::Internal);
        let mut stream = start::<u8, _>(place(), SLOW, stopping, |_| std::future::pending());
        running.send_replace(true);
        assert_eq!(stream.next().await.unwrap().unwrap_err().code(), tonic::Code::Unavailable);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_goes_ends_the_task_and_gives_its_place_back() {
        let (_running, stopping) = watch::channel(false);
        let places = Arc::new(Semaphore::new(1));
        let place = Arc::clone(&places).try_acquire_owned().unwrap();
        let (alive, mut ended) = watch::channel(());
        let stream = start::<u8, _>(place, SLOW, stopping, |_| async move {
            let _alive = alive;
            std::future::pending().await
        });
        drop(stream);
        while ended.changed().await.is_ok() {}
        assert_eq!(places.available_permits(), 1);
    }
}
