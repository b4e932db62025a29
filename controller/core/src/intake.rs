//! Facts and looks from agents. Owns "exactly once": a fact is taken when it is the next of its epoch, recorded, and only
//! then acknowledged; whatever comes again is acknowledged again and changes nothing.

use crate::controller::Controller;
use crate::deletions::Moved;
use crate::event::{Action, Now};
use storewarden_types::{
    AgentId, Code, ControllerMessage, DeletionId, DeletionState, Evidence, Fact, FileIdentity, Look, Mono,
    Record, Seq, SessionId, StoreId,
};

impl Controller {
    pub(crate) fn facts(
        &mut self,
        now: Now,
        session: SessionId,
        agent: &AgentId,
        first: Seq,
        items: Vec<Fact>,
        out: &mut Vec<Action>,
    ) {
        let Some(state) = self.fleet.agents.get(agent) else { return };
        let epoch = state.epoch;
        let mut mark = state.mark();
        for (offset, fact) in items.into_iter().enumerate() {
            let seq = Seq(first.0.saturating_add(offset as u64));
            if seq <= mark {
                continue; // Held already.
            }
            if seq != mark.next() {
                break; // A hole: what is missing comes first, so nothing after it is taken.
            }
            mark = seq;
            let store = self.store_of(agent, &fact);
            out.push(Action::Persist(Record::FactAccepted {
                agent: agent.clone(),
                epoch,
                seq,
                store,
                fact: fact.clone(),
                at: now.wall,
            }));
            self.learn(now, agent, fact, out);
        }
        if let Some(state) = self.fleet.agents.get_mut(agent) {
            state.marks.insert(epoch, mark);
        }
        self.touched.insert(agent.clone());
        out.push(Action::Send { session, message: ControllerMessage::Ack { through: mark } });
    }

    fn store_of(&self, agent: &AgentId, fact: &Fact) -> Option<StoreId> {
        match fact {
            Fact::Sightings(s) => self.fleet.store_at(agent, &s.mount_point),
            Fact::Gap(g) => self.fleet.store_at(agent, &g.mount_point),
            Fact::Absent { evidence, .. } => self.fleet.store_at(agent, &evidence.mount_point),
            Fact::Baseline { deletion, .. } => self.deletions.get(*deletion).map(|p| p.tracked.store),
        }
    }

    fn learn(&mut self, now: Now, agent: &AgentId, fact: Fact, out: &mut Vec<Action>) {
        match fact {
            Fact::Baseline { deletion, file } => self.learn_baseline(now, deletion, &file, out),
            Fact::Absent { deletion, evidence } => self.learn_absent(now, agent, deletion, *evidence, out),
            Fact::Sightings(_) | Fact::Gap(_) => {}
        }
    }

    fn learn_baseline(&mut self, now: Now, id: DeletionId, file: &FileIdentity, out: &mut Vec<Action>) {
        if self.deletions.baseline(id, file) {
            self.record_move(now, id, out);
        }
    }

    /// Proof of absence. It confirms only the deletion it names, on the store that the agent's mount belongs to, and only
    /// if the agent signs with its own name.
    fn learn_absent(
        &mut self,
        now: Now,
        agent: &AgentId,
        id: DeletionId,
        evidence: Evidence,
        out: &mut Vec<Action>,
    ) {
        let seen_on = self.fleet.store_at(agent, &evidence.mount_point);
        let credible = |store: StoreId| seen_on == Some(store) && evidence.agent == *agent;
        if let Some(pending) = self.deletions.get(id) {
            if credible(pending.tracked.store) {
                let message = format!("absent: {}", evidence.how);
                self.end(now, id, DeletionState::Confirmed, Code::Absent, message, Some(evidence), out);
            } else {
                out.push(not_credible(agent, id));
            }
        } else if let Some(store) = self.recent.take_unproven(id) {
            if credible(store) {
                let evidence = Box::new(evidence);
                out.push(Action::Persist(Record::LateEvidence { id, store, evidence, at: now.wall }));
            } else {
                self.recent.remember_unproven(id, store);
                out.push(not_credible(agent, id));
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one look, as it came")]
    pub(crate) fn look(
        &mut self,
        now: Now,
        session: SessionId,
        agent: &AgentId,
        id: DeletionId,
        rev: u64,
        look: &Look,
        began: Mono,
        out: &mut Vec<Action>,
    ) {
        // Nobody has looked in the future: a clock that says so is wrong, and is held to the present.
        match self.deletions.look(id, agent, session, rev, look, began.min(now.mono)) {
            Moved::No => {}
            Moved::Yes => self.record_move(now, id, out),
            Moved::Hopeless(code, message) => {
                self.end(now, id, DeletionState::Unknown, code, message, None, out);
            }
        }
    }

    fn record_move(&self, now: Now, id: DeletionId, out: &mut Vec<Action>) {
        if let Some(pending) = self.deletions.get(id) {
            out.push(Action::Persist(Record::DeletionMoved {
                id,
                store: pending.tracked.store,
                state: pending.state,
                code: pending.code,
                message: pending.message.clone(),
                baseline: pending.baseline.clone(),
                at: now.wall,
            }));
        }
    }
}

fn not_credible(agent: &AgentId, id: DeletionId) -> Action {
    let message = format!(
        "agent {agent} claims proof for deletion {id} from a mount that is not of its store; not believed"
    );
    Action::Note { warn: true, code: Some(Code::WrongStore), message }
}
