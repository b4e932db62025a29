//! What readers see of the controller: an immutable picture, shared, renewed after each turn that changed something.
//! Owns the shapes only.

use std::collections::BTreeMap;
use std::sync::Arc;
use storewarden_types::condition::MountStanding;
use storewarden_types::{AgentId, Mono, Seq, StoreId, StoreStatus};

/// One agent as the controller knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentStatus {
    /// Who.
    pub agent: AgentId,
    /// Host name.
    pub host: String,
    /// Version.
    pub version: String,
    /// Whether it has a session now.
    pub connected: bool,
    /// When it was last heard in this run, to about a second.
    pub last_heard: Option<Mono>,
    /// Through which place the ledger holds its facts, in its newest epoch.
    pub acked: Seq,
    /// Its mounts, with the store each belongs to.
    pub mounts: Vec<(StoreId, MountStanding)>,
}

/// Everything, at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// Grows with every renewal.
    pub version: u64,
    /// Stores by id.
    pub stores: BTreeMap<StoreId, Arc<StoreStatus>>,
    /// Agents by id.
    pub agents: BTreeMap<AgentId, Arc<AgentStatus>>,
}
