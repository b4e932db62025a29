//! Which store is meant: by id, by source, or by mount point where that is unambiguous. Pure look-up in a view.

use crate::view::View;
use std::collections::BTreeSet;
use storewarden_types::{Code, Refusal, StoreId, limits};

/// Finds the store that `text` names. A full id wins over a source, a source over a mount point.
///
/// # Errors
/// `INVALID_ARGUMENT` when it is empty, `STORE_UNKNOWN`, or `STORE_AMBIGUOUS` with the candidates.
pub fn resolve(view: &View, text: &str) -> Result<StoreId, Refusal> {
    if text.is_empty() {
        return Err(Refusal::new(
            Code::InvalidArgument,
            "name a store: its id, its source or its mount point",
        ));
    }
    if let Ok(id) = StoreId::parse(text)
        && view.stores.contains_key(&id)
    {
        return Ok(id);
    }
    let by_source: BTreeSet<StoreId> =
        view.stores.values().filter(|s| s.source == text).map(|s| s.id).collect();
    if !by_source.is_empty() {
        return only(view, text, &by_source);
    }
    let path = if text.len() > 1 { text.trim_end_matches('/') } else { text };
    let by_mount: BTreeSet<StoreId> = view
        .stores
        .values()
        .filter(|s| s.mounts.iter().any(|(_, m)| m.mount_point == path))
        .map(|s| s.id)
        .collect();
    only(view, text, &by_mount)
}

fn only(view: &View, text: &str, found: &BTreeSet<StoreId>) -> Result<StoreId, Refusal> {
    let shown = limits::clip(text, 256);
    let mut ids = found.iter();
    match (ids.next(), ids.next()) {
        (Some(id), None) => Ok(*id),
        (None, _) => Err(Refusal::new(
            Code::StoreUnknown,
            format!(
                "no store goes by {shown:?}; `storewarden stores` lists the {} that are known",
                view.stores.len()
            ),
        )),
        (Some(_), Some(_)) => {
            let all: Vec<String> = found
                .iter()
                .take(8)
                .filter_map(|id| view.stores.get(id))
                .map(|s| {
                    let agents: Vec<&str> = s.mounts.iter().take(4).map(|(a, _)| a.as_str()).collect();
                    format!("{} ({} on {})", s.id, s.source, agents.join(", "))
                })
                .collect();
            Err(Refusal::new(
                Code::StoreAmbiguous,
                format!("{} stores go by {shown:?}; use one of the ids: {}", found.len(), all.join("; ")),
            ))
        }
    }
}

/// Where a store is or was mounted, each place once.
#[must_use]
pub fn mount_points(view: &View, store: StoreId) -> Vec<String> {
    let places: BTreeSet<String> = view
        .stores
        .get(&store)
        .into_iter()
        .flat_map(|s| s.mounts.iter().map(|(_, m)| m.mount_point.clone()))
        .collect();
    places.into_iter().collect()
}
