//! Requests about deletions, orders to agents, and ends. Owns "persist, then tell" for deletions.

use crate::controller::Controller;
use crate::event::{Action, Answer, Now, ReplyId, TrackOrder};
use std::collections::{BTreeMap, VecDeque};
use storewarden_types::limits::{UNPROVEN_REMEMBERED_MAX, VERIFIERS_PER_DELETION_MAX};
use storewarden_types::{
    AgentId, Code, ControllerMessage, DeletionEnd, DeletionId, DeletionState, Evidence, KnownKey, Record,
    Refusal, SessionId, StoreId, TrackedDeletion, VerifyOrder,
};

/// Keys used in this run, for the moment between a turn and its commit; the ledger knows the rest.
const RECENT_KEYS_MAX: usize = 10_000;
/// Most orders in one message.
const ORDERS_PER_MESSAGE_MAX: usize = 256;

/// Keys and ends that must be known faster than the ledger can tell.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    keys: BTreeMap<String, KnownKey>,
    key_order: VecDeque<String>,
    /// Ended without proof: late evidence may come.
    unproven: BTreeMap<DeletionId, StoreId>,
    unproven_order: VecDeque<DeletionId>,
}

impl Recent {
    fn remember_key(&mut self, key: &str, known: KnownKey) {
        if self.keys.insert(key.to_owned(), known).is_none() {
            self.key_order.push_back(key.to_owned());
        }
        while self.key_order.len() > RECENT_KEYS_MAX {
            if let Some(old) = self.key_order.pop_front() {
                self.keys.remove(&old);
            }
        }
    }

    pub(crate) fn remember_unproven(&mut self, id: DeletionId, store: StoreId) {
        if self.unproven.insert(id, store).is_none() {
            self.unproven_order.push_back(id);
        }
        while self.unproven_order.len() > UNPROVEN_REMEMBERED_MAX {
            if let Some(old) = self.unproven_order.pop_front() {
                self.unproven.remove(&old);
            }
        }
    }

    /// Takes out one that ended without proof: its late evidence has come.
    pub(crate) fn take_unproven(&mut self, id: DeletionId) -> Option<StoreId> {
        self.unproven.remove(&id)
    }
}

/// Orders of one turn, by session, so that each session gets few messages.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    verify: BTreeMap<SessionId, Vec<VerifyOrder>>,
    release: BTreeMap<SessionId, Vec<DeletionId>>,
}

impl Orders {
    /// Sends them. Last in a turn, so after every `Persist`.
    pub(crate) fn flush(&mut self, out: &mut Vec<Action>) {
        for (session, mut orders) in std::mem::take(&mut self.verify) {
            while !orders.is_empty() {
                let rest = orders.split_off(orders.len().min(ORDERS_PER_MESSAGE_MAX));
                out.push(Action::Send { session, message: ControllerMessage::Verify(orders) });
                orders = rest;
            }
        }
        for (session, ids) in std::mem::take(&mut self.release) {
            for ids in ids.chunks(ORDERS_PER_MESSAGE_MAX) {
                out.push(Action::Send { session, message: ControllerMessage::Release(ids.to_vec()) });
            }
        }
    }
}

impl Controller {
    pub(crate) fn track(&mut self, now: Now, reply: ReplyId, order: TrackOrder, out: &mut Vec<Action>) {
        let answer = self.try_track(now, order, out).unwrap_or_else(Answer::Refused);
        out.push(Action::Reply { to: reply, answer });
    }

    fn try_track(&mut self, now: Now, order: TrackOrder, out: &mut Vec<Action>) -> Result<Answer, Refusal> {
        let TrackOrder { store, paths, deadline_ms, key, fingerprint, known } = order;
        if !key.is_empty()
            && let Some(known) = known.or_else(|| self.recent.keys.get(&key).cloned())
        {
            return if known.fingerprint == fingerprint {
                Ok(Answer::Tracked { deletions: known.deletions, replayed: true })
            } else {
                Err(Refusal::new(
                    Code::KeyReused,
                    format!(
                        "the key {key:?} was used before with another request; use a new key for a new request"
                    ),
                ))
            };
        }
        if !self.stores.contains(store) {
            return Err(Refusal::new(Code::StoreUnknown, format!("no store has the id {store}")));
        }
        if self.deletions.len() + paths.len() > self.config.pending_max {
            return Err(Refusal::new(
                Code::Overloaded,
                format!(
                    "{} deletions are pending, at most {} may be",
                    self.deletions.len(),
                    self.config.pending_max
                ),
            ));
        }
        let deletions: Vec<DeletionId> = paths.iter().map(|(id, _)| *id).collect();
        if !key.is_empty() {
            let known = KnownKey { fingerprint, deletions: deletions.clone() };
            self.recent.remember_key(&key, known.clone());
            out.push(Action::Persist(Record::KeyUsed { key: key.clone(), known }));
        }
        for (index, (id, path)) in paths.into_iter().enumerate() {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            let tracked = TrackedDeletion {
                id,
                store,
                path,
                key: key.clone(),
                index,
                tracked_at: now.wall,
                deadline_ms,
            };
            out.push(Action::Persist(Record::DeletionTracked(Box::new(tracked.clone()))));
            self.deletions.insert(tracked, now.mono.plus(deadline_ms));
            self.assign(now, id);
        }
        Ok(Answer::Tracked { deletions, replayed: false })
    }

    pub(crate) fn cancel(&mut self, now: Now, reply: ReplyId, id: DeletionId, out: &mut Vec<Action>) {
        let answer = if self.deletions.get(id).is_some() {
            self.end(
                now,
                id,
                DeletionState::Unknown,
                Code::Cancelled,
                "the caller withdrew it".into(),
                None,
                out,
            );
            Answer::Cancelled(id)
        } else {
            Answer::Refused(Refusal::new(
                Code::DeletionEnded,
                format!("deletion {id} has ended; nothing to cancel"),
            ))
        };
        out.push(Action::Reply { to: reply, answer });
    }

    /// Asks connected observers of the store until enough are asked.
    pub(crate) fn assign(&mut self, now: Now, id: DeletionId) {
        let Some(pending) = self.deletions.get(id) else { return };
        let room = VERIFIERS_PER_DELETION_MAX.saturating_sub(pending.asked.len());
        let fresh: Vec<(AgentId, String)> = self
            .stores
            .observers(pending.tracked.store)
            .into_iter()
            .filter(|(agent, _)| !pending.asked.contains_key(agent))
            .take(room)
            .collect();
        for (agent, mount_point) in fresh {
            self.ask(now, id, agent, mount_point);
        }
    }

    /// Asks one agent to look for a deletion on one of its mounts.
    fn ask(&mut self, now: Now, id: DeletionId, agent: AgentId, mount_point: String) {
        let (Some(session), Some(pending)) = (self.fleet.session_of(&agent), self.deletions.get(id)) else {
            return;
        };
        let due_in_ms = pending.deadline.since(now.mono).saturating_sub(pending.margin_ms()).max(1);
        let order = VerifyOrder {
            deletion: id,
            mount_point,
            path: pending.tracked.path.clone(),
            due_in_ms,
            baseline: pending.baseline.clone(),
        };
        self.orders.verify.entry(session).or_default().push(order);
        let retry = now.mono.plus(self.config.reorder_ms);
        self.deletions.asked(now.mono, id, agent, session, retry);
    }

    /// Asks again those who were asked and said nothing.
    pub(crate) fn retry(&mut self, now: Now) {
        for (id, silent) in self.deletions.take_retries(now.mono) {
            let Some(store) = self.deletions.get(id).map(|p| p.tracked.store) else { continue };
            let places = self.stores.observers(store);
            for agent in silent {
                if let Some((_, mount_point)) = places.iter().find(|(a, _)| *a == agent) {
                    self.ask(now, id, agent, mount_point.clone());
                }
            }
            self.assign(now, id);
        }
    }

    /// Ends what is out of time.
    pub(crate) fn expire(&mut self, now: Now, out: &mut Vec<Action>) {
        for id in self.deletions.take_expired(now.mono) {
            let Some(pending) = self.deletions.get(id) else { continue };
            let observed = self.stores.is_observed(pending.tracked.store);
            let (state, code, message) = pending.expire(observed);
            self.end(now, id, state, code, message, None, out);
        }
    }

    /// The one place where a deletion ends.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is one column of the end; a struct would only rename them"
    )]
    pub(crate) fn end(
        &mut self,
        now: Now,
        id: DeletionId,
        state: DeletionState,
        code: Code,
        message: String,
        evidence: Option<Evidence>,
        out: &mut Vec<Action>,
    ) {
        let Some(pending) = self.deletions.end(id) else { return };
        let store = pending.tracked.store;
        let end = DeletionEnd { state, code, message, at: now.wall, evidence };
        out.push(Action::Persist(Record::DeletionEnded { id, store, end: Box::new(end) }));
        if state != DeletionState::Confirmed {
            self.recent.remember_unproven(id, store);
        }
        for (session, _) in pending.asked.into_values() {
            self.orders.release.entry(session).or_default().push(id);
        }
    }
}
