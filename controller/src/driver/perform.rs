//! Events into the core, and its actions done. One match over each; no decisions here.

use super::Driver;
use super::ask::{Ask, Granted, Waiting};
use crate::status::refuse;
use std::collections::HashMap;
use std::sync::Arc;
use storewarden_controller_core::{Action, Answer, Event, ReplyId};
use storewarden_ledger::{Entry, LedgerError};
use storewarden_proto::v1;
use storewarden_types::{Code, ControllerMessage, DeletionId, KnownKey, Record, Refusal, SessionId};
use tokio::sync::oneshot;

impl Driver {
    /// Hands one ask to the core.
    pub(super) fn take(&mut self, ask: Ask, actions: &mut Vec<Action>) {
        let event = match ask {
            Ask::Opened(session, outbox) => {
                self.sessions.insert(session, outbox);
                return;
            }
            // What a session still said after its end counts for nothing.
            Ask::Said(session, ..) if !self.sessions.contains_key(&session) => return,
            Ask::Said(session, message, _room) => {
                tracing::trace!(session.id = session.0, ?message, "an agent said");
                Event::Agent { session, message }
            }
            Ask::Gone(session) => {
                self.sessions.remove(&session);
                Event::SessionGone(session)
            }
            Ask::Track(mut order, answer) => {
                match self.known_key(&order.key) {
                    Ok(known) => order.known = known,
                    Err(refusal) => return Waiting(answer).refuse(&refusal),
                }
                Event::Track { reply: self.wait_for(answer), order: *order }
            }
            Ask::Cancel(deletion, answer) => Event::Cancel { reply: self.wait_for(answer), deletion },
            Ask::Probe(store) => Event::Probe(store),
        };
        self.core.handle(self.parts.clock.now(), event, actions);
    }

    fn known_key(&self, key: &str) -> Result<Option<KnownKey>, Refusal> {
        if key.is_empty() {
            return Ok(None);
        }
        self.parts.reader.key(key).map_err(|error| {
            tracing::error!(
                error = crate::telemetry::chain(&error),
                "an idempotency key could not be looked up"
            );
            Refusal::new(
                Code::LedgerUnavailable,
                "the controller's ledger cannot be read now; nothing was accepted",
            )
        })
    }

    fn wait_for(&mut self, answer: oneshot::Sender<Result<Granted, Refusal>>) -> ReplyId {
        self.next_reply += 1;
        let reply = ReplyId(self.next_reply);
        self.waiting.insert(reply, Waiting(answer));
        reply
    }

    /// Commits every record among `actions`, in order and in one transaction, publishes them, and leaves the rest.
    pub(super) fn commit(&mut self, actions: &mut Vec<Action>) -> Result<(usize, Vec<Entry>), LedgerError> {
        let mut records: Vec<Record> = Vec::new();
        let rest = actions.drain(..).filter_map(|action| match action {
            Action::Persist(record) => {
                records.push(record);
                None
            }
            other => Some(other),
        });
        let rest: Vec<Action> = rest.collect();
        *actions = rest;
        if records.is_empty() {
            return Ok((0, Vec::new()));
        }
        let committed = self.parts.ledger.commit(&records)?;
        self.failures = 0;
        self.parts.feed.publish(committed.entries.clone());
        Ok((records.len(), committed.entries))
    }

    /// Does everything that is not a record, in order.
    pub(super) fn perform(&mut self, actions: &mut Vec<Action>, committed: Vec<Entry>) {
        let mut rows = Rows::new(committed);
        for action in actions.drain(..) {
            match action {
                // `commit` took them all.
                Action::Persist(_) => {}
                Action::Send { session, message } => self.send(session, message),
                Action::Close { session, code, message } => {
                    if let Some(outbox) = self.sessions.remove(&session) {
                        tracing::info!(session.id = session.0, %code, message, "a session is ended");
                        outbox.end(Err(refuse(code, message)));
                    }
                }
                Action::Reply { to, answer } => self.reply(to, answer, &mut rows),
                Action::Note { warn, code, message } => {
                    let code = code.map_or("", Code::as_str);
                    if warn {
                        tracing::warn!(code, "{message}");
                    } else {
                        tracing::info!(code, "{message}");
                    }
                }
            }
        }
    }

    fn send(&mut self, session: SessionId, message: ControllerMessage) {
        tracing::trace!(session.id = session.0, ?message, "an agent is told");
        let Some(outbox) = self.sessions.get(&session) else { return };
        if outbox.send(message).is_err() {
            tracing::warn!(session.id = session.0, "an agent does not read its session; it is let go");
            // Its reader sees the end and tells us that the session is gone.
            self.sessions.remove(&session);
        }
    }

    fn reply(&mut self, to: ReplyId, answer: Answer, rows: &mut Rows) {
        let Some(Waiting(waiting)) = self.waiting.remove(&to) else { return };
        let granted = match answer {
            Answer::Tracked { deletions, replayed } => {
                Ok(Granted { rows: rows.of(&deletions), ids: deletions, replayed })
            }
            Answer::Cancelled(id) => Ok(Granted { rows: rows.of(&[id]), ids: vec![id], replayed: false }),
            Answer::Refused(refusal) => Err(refusal),
        };
        let _ = waiting.send(granted);
    }
}

/// The deletions of one commit, looked up when somebody waits for one.
struct Rows {
    committed: Vec<Entry>,
    by_id: Option<HashMap<String, Arc<v1::Deletion>>>,
}

impl Rows {
    fn new(committed: Vec<Entry>) -> Self {
        Self { committed, by_id: None }
    }

    /// All of `ids` as they stand after the commit; `None` when one of them is not of it.
    fn of(&mut self, ids: &[DeletionId]) -> Option<Vec<Arc<v1::Deletion>>> {
        let committed = &mut self.committed;
        let by_id = self.by_id.get_or_insert_with(|| {
            // Later entries win: they are what stands.
            committed.drain(..).filter_map(|e| e.deletion).map(|row| (row.id.clone(), row)).collect()
        });
        ids.iter().map(|id| by_id.get(&id.to_string()).cloned()).collect()
    }
}
