//! `stores`, `store show`, `probe`, `preflight`.

use super::relay::{End, relay};
use crate::args::{OperationArg, PreflightArgs};
use crate::connect::{ANSWER_MARGIN, ANSWER_WITHIN, Controller};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::out::Out;
use crate::render::{self, Ink};
use crate::standing::knows_condition;
use std::time::SystemTime;
use storewarden_proto::v1::{
    Decision, GetStoreRequest, ListStoresRequest, Operation, PreflightRequest, ProbeNowRequest, Store,
    WatchStoresRequest, WatchStoresResponse,
};

/// Every store once.
pub(super) async fn list(controller: &Controller, out: &mut Out) -> Result<Exit, Failure> {
    let answer = controller.answer(ANSWER_WITHIN, controller.stores().list(ListStoresRequest {})).await?;
    out.answer(&answer, render::stores)?;
    Ok(understood(&answer.stores))
}

/// Every store once, then each change.
pub(super) async fn watch(controller: &Controller, out: &mut Out) -> Result<Exit, Failure> {
    let request = WatchStoresRequest::default();
    let stream = controller.answer(ANSWER_WITHIN, controller.stores().watch(request)).await?;
    let view = |change: &WatchStoresResponse, ink: Ink| {
        let store = change.store.clone().unwrap_or_default();
        render::store_changed(&store, render::wall_ms(SystemTime::now()), ink)
    };
    match relay(controller, out, stream, view, |_| None, |_| String::new()).await? {
        End::Reader => Ok(Exit::Done),
        End::Stream(_) => Err(controller.ended()),
    }
}

/// One store in full.
pub(super) async fn show(controller: &Controller, out: &mut Out, store: String) -> Result<Exit, Failure> {
    let answer = controller.answer(ANSWER_WITHIN, controller.stores().get(GetStoreRequest { store })).await?;
    out.answer(&answer, render::store)?;
    Ok(understood(&[answer]))
}

/// One store in full, as it is found right now.
pub(super) async fn probe(controller: &Controller, out: &mut Out, store: String) -> Result<Exit, Failure> {
    let request = ProbeNowRequest { store, deadline_ms: None };
    let answer = controller.answer(ANSWER_WITHIN, controller.stores().probe_now(request)).await?;
    out.answer(&answer, render::store)?;
    Ok(understood(&[answer]))
}

/// The gate. Only ADMIT admits.
pub(super) async fn preflight(
    controller: &Controller,
    out: &mut Out,
    args: &PreflightArgs,
) -> Result<Exit, Failure> {
    let operation = match args.operation {
        OperationArg::Create => Operation::Create,
        OperationArg::Copy => Operation::Copy,
        OperationArg::Delete => Operation::Delete,
        OperationArg::Gc => Operation::Gc,
    };
    let request = PreflightRequest {
        store: args.store.clone(),
        operation: operation.into(),
        max_age_ms: Some(args.max_age_ms()),
        deadline_ms: Some(args.deadline_ms()),
    };
    let within = args.deadline.saturating_add(ANSWER_MARGIN);
    let answer = controller.answer(within, controller.stores().preflight(request.clone())).await?;
    out.answer(&answer, |answer, ink| render::preflight(&request, answer, ink))?;
    Ok(if answer.decision == Decision::Admit as i32 { Exit::Done } else { Exit::Denied })
}

/// A condition that this version does not know is not success, whatever it may mean.
fn understood(stores: &[Store]) -> Exit {
    let known = stores.iter().all(|store| knows_condition(store.condition));
    if known { Exit::Done } else { Exit::Failed }
}
