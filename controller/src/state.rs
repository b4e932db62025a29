//! What readers see: the core's picture, and whether the ledger can be written. Owns the shape that is published, and
//! versions that never go back within one run.

use std::sync::Arc;
use storewarden_controller_core::View;
use storewarden_proto::convert::store_to_wire;
use storewarden_proto::v1;
use storewarden_types::{Mono, StoreStatus};

/// The newest state of the controller.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// The core's picture.
    pub(crate) view: Arc<View>,
    /// What to add to versions in it: a core that was made anew counts from 0 again.
    pub(crate) version_base: u64,
    /// Whether the ledger can be written.
    pub(crate) serving: bool,
}

impl State {
    /// The newest version of any store, as clients are told it.
    pub(crate) fn newest_version(&self) -> u64 {
        let newest = self.view.stores.values().map(|store| store.version).max().unwrap_or(0);
        self.version_base + newest
    }

    /// The version of a store, as clients are told it.
    pub(crate) fn version_of(&self, store: &StoreStatus) -> u64 {
        self.version_base + store.version
    }

    /// A store as clients see it.
    pub(crate) fn store(&self, store: &StoreStatus, now: Mono) -> v1::Store {
        v1::Store { version: self.version_of(store), ..store_to_wire(store, now) }
    }
}
