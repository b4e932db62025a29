//! `events tail`.

use super::relay::{End, relay};
use crate::args::TailArgs;
use crate::connect::{ANSWER_WITHIN, Controller};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::out::Out;
use crate::render;
use storewarden_proto::v1::{Event, TailRequest};

/// Prints events: those there are, and with `--follow` those that come.
pub(super) async fn tail(controller: &Controller, out: &mut Out, args: &TailArgs) -> Result<Exit, Failure> {
    let request = TailRequest { since: args.cursor(), follow: args.follow, ..Default::default() };
    let stream = controller.answer(ANSWER_WITHIN, controller.events().tail(request)).await?;
    let resume = |cursor| format!("`storewarden events tail --since {cursor}` goes on from there");
    match relay(controller, out, stream, render::event, |event: &Event| Some(event.cursor), resume).await? {
        End::Reader => Ok(Exit::Done),
        End::Stream(_) if !args.follow => Ok(Exit::Done),
        End::Stream(cursor) => {
            Err(cursor
                .map_or_else(|| controller.ended(), |cursor| controller.ended().resumable(resume(cursor))))
        }
    }
}
