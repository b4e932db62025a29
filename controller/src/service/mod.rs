//! The gRPC services: each method as its `.proto` documents it. A method reads its request, asks, and puts the answer
//! into words; what is decided is decided in the core.

mod agent;
mod await_deletions;
mod deletion;
mod event;
mod fleet;
mod page;
mod preflight;
mod store;
mod track;

pub(crate) use agent::AgentApi;
pub(crate) use deletion::DeletionApi;
pub(crate) use event::EventApi;
pub(crate) use fleet::FleetApi;
pub(crate) use store::StoreApi;
