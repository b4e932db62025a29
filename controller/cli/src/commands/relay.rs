//! A stream from the controller to stdout, one line per message, until one of the two ends.

use crate::connect::Controller;
use crate::failure::Failure;
use crate::json::Named;
use crate::out::{Out, reader_gone};
use crate::render::Ink;
use tonic::Streaming;

/// The name under which the metadata of an error tells the cursor to resume from.
const CURSOR: &str = "cursor";

/// Who ended a stream that did not fail.
pub(super) enum End {
    /// The controller, after this cursor.
    Stream(Option<u64>),
    /// Whoever read stdout.
    Reader,
}

/// Passes every message on. A failure says how to resume, where a cursor is known.
pub(super) async fn relay<M: Named + Default + 'static>(
    controller: &Controller,
    out: &mut Out,
    mut stream: Streaming<M>,
    view: impl Fn(&M, Ink) -> String,
    cursor: impl Fn(&M) -> Option<u64>,
    resume: impl Fn(u64) -> String,
) -> Result<End, Failure> {
    let mut last = None;
    let gone = reader_gone();
    tokio::pin!(gone);
    loop {
        let next = tokio::select! {
            // Messages first: what came before the reader went is for the reader.
            biased;
            next = stream.message() => next,
            () = &mut gone => return Ok(End::Reader),
        };
        match next {
            Ok(Some(message)) => {
                last = cursor(&message).or(last);
                out.answer(&message, &view)?;
                if out.closed() {
                    return Ok(End::Reader);
                }
            }
            Ok(None) => return Ok(End::Stream(last)),
            Err(status) => {
                let failure = controller.failure(&status);
                let told = failure.metadata().get(CURSOR).and_then(|cursor| cursor.parse().ok());
                return Err(match told.or(last) {
                    Some(cursor) => failure.resumable(resume(cursor)),
                    None => failure,
                });
            }
        }
    }
}
