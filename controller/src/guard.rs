//! What stands before every service: room, time, panics, and errors in our own shape. Owns the bounds on calls; knows no
//! method.

use crate::grpc_timeout;
use crate::panic::CatchPanic;
use crate::status::refuse;
use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use storewarden_types::Code;
use tokio::sync::{Semaphore, watch};
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::NamedService;
use tonic::{Code as Grpc, Status};

/// Calls under way at the same time, until their response begins; a stream's response begins at once, and streams have
/// bounds of their own.
const CALLS_MAX: usize = 8192;
/// Longest a call may take to begin its response, whatever its caller allows: above the longest Preflight.
const CALL_TIME_MAX: Duration = Duration::from_secs(70);

/// Shared by the guards of all services.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    room: Arc<Semaphore>,
    stopping: watch::Receiver<bool>,
}

impl Guard {
    pub(crate) fn new(stopping: watch::Receiver<bool>) -> Self {
        Self { room: Arc::new(Semaphore::new(CALLS_MAX)), stopping }
    }

    /// Puts this guard before a service.
    pub(crate) fn before<S>(&self, service: S) -> Guarded<S> {
        Guarded { guard: self.clone(), service }
    }
}

/// A service behind the guard.
#[derive(Clone, Debug)]
pub(crate) struct Guarded<S> {
    guard: Guard,
    service: S,
}

impl<S: NamedService> NamedService for Guarded<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<http::Request<Body>> for Guarded<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<http::Response<Body>, Infallible>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        if *self.guard.stopping.borrow() {
            return refused(refuse(Code::ShuttingDown, "the controller is stopping"));
        }
        let Ok(place) = Arc::clone(&self.guard.room).try_acquire_owned() else {
            return refused(refuse(
                Code::Overloaded,
                format!("{CALLS_MAX} calls are under way; try again later"),
            ));
        };
        let allowed = grpc_timeout::of_headers(request.headers());
        let time = allowed.map_or(CALL_TIME_MAX, |time| time.min(CALL_TIME_MAX));
        let method = request.uri().path().to_owned();
        let answering = CatchPanic::new(self.service.call(request));
        Box::pin(async move {
            let _place = place;
            let response = match tokio::time::timeout(time, answering).await {
                Ok(Ok(Ok(response))) => in_our_shape(response),
                Ok(Ok(Err(never))) => match never {},
                Ok(Err(_)) => {
                    tracing::error!(method, "a call panicked");
                    refuse(Code::Internal, "the call failed inside the controller; its log says more")
                        .into_http()
                }
                Err(_) => refuse(Code::TimedOut, LATE).into_http(),
            };
            Ok(response)
        })
    }
}

const LATE: &str = "time ran out before the answer was known; what was asked may still happen: ask again, with the same \
                    idempotency key where there is one";

fn refused(status: Status) -> BoxFuture<http::Response<Body>, Infallible> {
    Box::pin(std::future::ready(Ok(status.into_http())))
}

/// Errors that gRPC itself made, told as ours are: with a stable code.
fn in_our_shape(response: http::Response<Body>) -> http::Response<Body> {
    let Some(status) = response.extensions().get::<Status>() else { return response };
    if !status.details().is_empty() {
        return response;
    }
    let message = status.message();
    let ours = match status.code() {
        // What prost says of bytes that are no message of this kind, a text that is not UTF-8 among them.
        Grpc::Internal if message.starts_with("failed to decode Protobuf message") => {
            refuse(Code::InvalidArgument, message)
        }
        Grpc::OutOfRange if message.contains("message length too large") => {
            refuse(Code::BatchTooLarge, message)
        }
        _ => return response,
    };
    ours.into_http()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic_types::StatusExt;

    /// Does what its path says.
    #[derive(Clone)]
    struct Fake;

    impl Service<http::Request<Body>> for Fake {
        type Response = http::Response<Body>;
        type Error = Infallible;
        type Future = BoxFuture<http::Response<Body>, Infallible>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: http::Request<Body>) -> Self::Future {
            Box::pin(async move {
                match request.uri().path() {
                    "/panic" => panic!("on purpose"),
                    "/hang" => std::future::pending().await,
                    "/bytes" => Ok(Status::internal("failed to decode Protobuf message: x").into_http()),
                    "/own" => Ok(refuse(Code::KeyReused, "k").into_http()),
                    _ => Ok(http::Response::new(Body::empty())),
                }
            })
        }
    }

    async fn code(guard: &Guard, path: &str) -> Option<String> {
        let request =
            http::Request::builder().uri(path).header("grpc-timeout", "2S").body(Body::empty()).unwrap();
        let response = guard.before(Fake).call(request).await.unwrap();
        let status = response.extensions().get::<Status>()?;
        Some(status.get_error_details().error_info().unwrap().reason.clone())
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_happens_inside_the_caller_hears_a_code() {
        let (running, stopping) = watch::channel(false);
        let guard = Guard::new(stopping);
        assert_eq!(code(&guard, "/fine").await, None);
        assert_eq!(code(&guard, "/panic").await.as_deref(), Some("INTERNAL"));
        assert_eq!(code(&guard, "/hang").await.as_deref(), Some("TIMED_OUT"));
        assert_eq!(code(&guard, "/bytes").await.as_deref(), Some("INVALID_ARGUMENT"));
        assert_eq!(code(&guard, "/own").await.as_deref(), Some("KEY_REUSED"));
        assert_eq!(guard.room.available_permits(), CALLS_MAX, "every place was given back");
        let all = Arc::clone(&guard.room).try_acquire_many_owned(u32::try_from(CALLS_MAX).unwrap()).unwrap();
        assert_eq!(code(&guard, "/fine").await.as_deref(), Some("OVERLOADED"));
        drop(all);
        running.send_replace(true);
        assert_eq!(code(&guard, "/fine").await.as_deref(), Some("SHUTTING_DOWN"));
    }
}
