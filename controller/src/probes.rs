//! Probes asked for by clients. Owns their pace: however many clients ask about one store, its agents are told so now and
//! then, and one probe answers all who asked before it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use storewarden_types::{Mono, StoreId};

/// Least pause between two orders to probe one store, in milliseconds.
const PAUSE_MS: u64 = 50;

/// When each store was last ordered to be probed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Probes(Arc<Mutex<HashMap<StoreId, Mono>>>);

/// What to do for one who wants a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// Order one.
    Order,
    /// One was ordered since the question was put; its answer is on the way.
    Ordered,
    /// Ask again then.
    Wait(Mono),
}

impl Probes {
    /// A caller who put its question at `asked` wants `store` probed. `Order` is said to one caller at a time. Called
    /// with known stores only: there is one entry for each.
    pub(crate) fn want(&self, store: StoreId, asked: Mono, now: Mono) -> Want {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match last.get(&store).copied() {
            Some(at) if at >= asked => Want::Ordered,
            Some(at) if now.since(at) < PAUSE_MS => Want::Wait(at.plus(PAUSE_MS)),
            _ => {
                last.insert(store, now);
                Want::Order
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use storewarden_types::AgentId;

    #[test]
    fn one_order_answers_all_who_asked_before_it() {
        let probes = Probes::default();
        let store = StoreId::of(&AgentId::parse("a").unwrap(), "/m", "h:/e", true);
        let other = StoreId::of(&AgentId::parse("a").unwrap(), "/m", "h:/f", true);
        assert_eq!(probes.want(store, Mono(100), Mono(100)), Want::Order);
        assert_eq!(probes.want(store, Mono(90), Mono(100)), Want::Ordered);
        assert_eq!(probes.want(store, Mono(110), Mono(110)), Want::Wait(Mono(150)));
        assert_eq!(probes.want(other, Mono(110), Mono(110)), Want::Order);
        assert_eq!(probes.want(store, Mono(110), Mono(150)), Want::Order);
        assert_eq!(
            probes.want(store, Mono(111), Mono(151)),
            Want::Ordered,
            "the order at 150 is after both questions"
        );
    }
}
