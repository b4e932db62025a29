//! `agents`.

use crate::connect::{ANSWER_WITHIN, Controller};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::out::Out;
use crate::render;
use storewarden_proto::v1::ListAgentsRequest;

/// Lists the agents.
pub(super) async fn list(controller: &Controller, out: &mut Out) -> Result<Exit, Failure> {
    let answer =
        controller.answer(ANSWER_WITHIN, controller.fleet().list_agents(ListAgentsRequest {})).await?;
    out.answer(&answer, render::agents)?;
    Ok(Exit::Done)
}
