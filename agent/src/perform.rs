//! Performs the core's actions, in order. One match; decides nothing.

use crate::driver::Driver;
use crate::outbox::{OutboxError, Write};
use crate::telemetry::announce_found;
use storewarden_agent_core::{Action, ConnectionId, Event};
use storewarden_types::AgentMessage;

impl Driver {
    /// Empties `actions`. Durable ones in a row become one commit, awaited before whatever follows them.
    pub(crate) async fn perform(&mut self, actions: &mut Vec<Action>) -> Result<(), OutboxError> {
        let mut writes = Vec::new();
        for action in actions.drain(..) {
            tracing::trace!(?action, "performing");
            if !is_write(&action) && !writes.is_empty() {
                self.outbox.commit(std::mem::take(&mut writes)).await?;
            }
            match action {
                Action::Persist { first, facts } => writes.push(Write::Persist { first, facts }),
                Action::Remember(mount) => {
                    announce_found(&mount);
                    writes.push(Write::Remember(mount));
                }
                Action::Forget { mount_point } => writes.push(Write::Forget { mount_point }),
                Action::Trim { through } => self.outbox.trim(through)?,
                Action::LoadFacts { first, max } => {
                    let items = self.outbox.load(first, max).await?;
                    self.echoes.push_back(Event::FactsLoaded { first, items });
                }
                Action::Spawn { mount_point, generation, start } => {
                    self.echoes.extend(self.supervisor.spawn(mount_point, generation, &start));
                }
                Action::Request { mount_point, generation, id, op } => {
                    self.supervisor.request(&mount_point, generation, id, &op);
                }
                Action::Kill { mount_point, generation } => self.supervisor.doom(&mount_point, generation),
                Action::Send { connection, message } => self.send(connection, &message),
                Action::Disconnect { connection, code, message } => {
                    tracing::warn!(code = code.as_str(), "closing the session: {message}");
                    self.line.take_if(|line| line.connection() == connection);
                }
                Action::Note { level, about, code, message } => self.notes.take(level, about, code, &message),
            }
        }
        if writes.is_empty() { Ok(()) } else { self.outbox.commit(writes).await }
    }

    fn send(&mut self, connection: ConnectionId, message: &AgentMessage) {
        let line = self.line.as_ref().filter(|line| line.connection() == connection);
        if line.is_some_and(|line| line.send(message).is_err()) {
            tracing::warn!("the controller does not read what it is sent: starting over");
            self.line = None;
        }
    }
}

/// Whether an action is one of those that a commit takes together.
const fn is_write(action: &Action) -> bool {
    matches!(action, Action::Persist { .. } | Action::Remember(_) | Action::Forget { .. })
}
