//! `deletion show`, `list`, `watch`, `cancel`. `track` has a file of its own.

use super::relay::{End, relay};
use super::track::track;
use crate::args::{DeletionCommand, ListArgs, StateArg};
use crate::connect::{ANSWER_WITHIN, Controller};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::out::Out;
use crate::render;
use crate::standing::Standing;
use storewarden_proto::v1::{
    CancelDeletionRequest, Deletion, DeletionState, GetDeletionRequest, ListDeletionsRequest,
    ListDeletionsResponse, WatchDeletionsRequest, WatchDeletionsResponse,
};
use storewarden_types::limits::PAGE_SIZE_MAX;

/// Runs a command about deletions.
pub(super) async fn run(
    controller: &Controller,
    out: &mut Out,
    command: DeletionCommand,
) -> Result<Exit, Failure> {
    match command {
        DeletionCommand::Track(args) => track(controller, out, args).await,
        DeletionCommand::Show { id } => show(controller, out, id).await,
        DeletionCommand::List(args) => list(controller, out, args).await,
        DeletionCommand::Watch { since } => watch(controller, out, since).await,
        DeletionCommand::Cancel { id } => cancel(controller, out, id).await,
    }
}

async fn show(controller: &Controller, out: &mut Out, id: String) -> Result<Exit, Failure> {
    let request = GetDeletionRequest { id };
    let answer = controller.answer(ANSWER_WITHIN, controller.deletions().get(request)).await?;
    out.answer(&answer, render::deletion)?;
    Ok(understood(&[answer]))
}

async fn cancel(controller: &Controller, out: &mut Out, id: String) -> Result<Exit, Failure> {
    let request = CancelDeletionRequest { id };
    let answer = controller.answer(ANSWER_WITHIN, controller.deletions().cancel(request)).await?;
    out.answer(&answer, render::deletion)?;
    // A withdrawn deletion ends UNKNOWN; anything else is not what was asked.
    Ok(if Standing::of(&answer) == Standing::Unknown { Exit::Done } else { Exit::Failed })
}

async fn watch(controller: &Controller, out: &mut Out, since: Option<u64>) -> Result<Exit, Failure> {
    let request = WatchDeletionsRequest { store: String::new(), since };
    let stream = controller.answer(ANSWER_WITHIN, controller.deletions().watch(request)).await?;
    let resume = |cursor| format!("`storewarden deletion watch --since {cursor}` goes on from there");
    let cursor = |change: &WatchDeletionsResponse| Some(change.cursor);
    match relay(controller, out, stream, render::changed, cursor, resume).await? {
        End::Reader => Ok(Exit::Done),
        End::Stream(Some(cursor)) => Err(controller.ended().resumable(resume(cursor))),
        End::Stream(None) => Err(controller.ended()),
    }
}

async fn list(controller: &Controller, out: &mut Out, args: ListArgs) -> Result<Exit, Failure> {
    let answer = pages(controller, args).await?;
    out.answer(&answer, render::deletions)?;
    if !answer.next_page_token.is_empty() {
        out.note(&format!("the newest {} are shown; raise --limit to see more", answer.deletions.len()));
    }
    Ok(understood(&answer.deletions))
}

/// Page after page as one answer, with the token of what was left out.
async fn pages(controller: &Controller, args: ListArgs) -> Result<ListDeletionsResponse, Failure> {
    let limit = args.limit as usize;
    let states = args.state.into_iter().map(|state| wire(state).into()).collect();
    let mut request =
        ListDeletionsRequest { states, store: args.store.unwrap_or_default(), ..Default::default() };
    let mut all = ListDeletionsResponse::default();
    loop {
        let page_size = (limit - all.deletions.len()).min(PAGE_SIZE_MAX);
        request.page_size = u32::try_from(page_size).expect("a page is at most 1000 rows");
        let page = controller.answer(ANSWER_WITHIN, controller.deletions().list(request.clone())).await?;
        if page.deletions.is_empty() && !page.next_page_token.is_empty() {
            // Else a controller that answers so for ever would keep this program for ever.
            return Err(Failure::Nonsense("a page is empty, and not the last".into()));
        }
        all.deletions.extend(page.deletions);
        all.next_page_token = page.next_page_token;
        if all.next_page_token.is_empty() || all.deletions.len() >= limit {
            return Ok(all);
        }
        request.page_token.clone_from(&all.next_page_token);
    }
}

fn wire(state: StateArg) -> DeletionState {
    match state {
        StateArg::Pending => DeletionState::Pending,
        StateArg::PendingSillyRename => DeletionState::PendingSillyRename,
        StateArg::Confirmed => DeletionState::Confirmed,
        StateArg::Failed => DeletionState::Failed,
        StateArg::Unknown => DeletionState::Unknown,
    }
}

/// A state that this version does not know, or a CONFIRMED without evidence, is not success.
pub(super) fn understood(deletions: &[Deletion]) -> Exit {
    let known = deletions.iter().all(|deletion| Standing::of(deletion).makes_sense());
    if known { Exit::Done } else { Exit::Failed }
}
