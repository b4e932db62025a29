//! Pending deletions: who looks for each, what they found, when time is up. Owns every transition from pending to ended.
//!
//! ```text
//! Pending ◄──► PendingSillyRename ──► Confirmed   proof of absence from a mount of this store
//!    │                │          └──► Failed      at the deadline a fresh look had found it there
//!    └────────────────┴─────────────► Unknown     at the deadline nothing fresh was known; or cancelled
//! ```

use std::collections::{BTreeMap, BTreeSet};
use storewarden_types::{
    AgentId, Code, DeletionId, DeletionRow, DeletionState, FileIdentity, Look, LookOutcome, Mono, SessionId,
    StoreId, TrackedDeletion,
};

/// What one agent last said of a deletion.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    session: SessionId,
    rev: u64,
    code: Code,
    message: String,
    began: Mono,
}

#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) tracked: TrackedDeletion,
    pub(crate) deadline: Mono,
    pub(crate) state: DeletionState,
    pub(crate) code: Option<Code>,
    pub(crate) message: String,
    pub(crate) baseline: Option<FileIdentity>,
    /// Who was asked, on which session, when.
    pub(crate) asked: BTreeMap<AgentId, (SessionId, Mono)>,
    seen: BTreeMap<AgentId, Seen>,
    /// When to ask again those who did not answer.
    retry: Option<Mono>,
}

impl Pending {
    /// How long before the deadline the agents' last look must be reported, in milliseconds.
    pub(crate) fn margin_ms(&self) -> u64 {
        (self.tracked.deadline_ms / 20).clamp(20, 1_000)
    }

    /// How old, at the deadline, a look may be that says "still there", in milliseconds.
    fn fresh_ms(&self) -> u64 {
        2 * self.margin_ms() + 1_000
    }

    /// How it ends now that time is up.
    pub(crate) fn expire(&self, observed: bool) -> (DeletionState, Code, String) {
        let fresh = |s: &&Seen| s.began >= self.deadline.minus(self.fresh_ms());
        let there = |c: Code| matches!(c, Code::StillPresent | Code::Replaced | Code::SillyRenamed);
        if let Some(seen) = self.seen.values().filter(fresh).find(|s| there(s.code)) {
            let message = format!("at the deadline: {}", seen.message);
            return (DeletionState::Failed, seen.code, message);
        }
        if let Some(seen) = self.seen.values().filter(|s| !there(s.code)).max_by_key(|s| s.began) {
            return (DeletionState::Unknown, seen.code, format!("could not be examined: {}", seen.message));
        }
        let stale = self
            .seen
            .values()
            .max_by_key(|s| s.began)
            .map(|s| format!("; {} ms before the deadline: {}", self.deadline.since(s.began), s.message));
        let stale = stale.unwrap_or_default();
        if !observed {
            let message = format!("no connected agent sees the store{stale}");
            return (DeletionState::Unknown, Code::AgentLost, message);
        }
        let message = format!("no verifying agent reported before the deadline{stale}");
        (DeletionState::Unknown, Code::NoVerdict, message)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Deletions {
    pending: BTreeMap<DeletionId, Pending>,
    by_store: BTreeMap<StoreId, BTreeSet<DeletionId>>,
    deadlines: BTreeSet<(Mono, DeletionId)>,
    retries: BTreeSet<(Mono, DeletionId)>,
}

/// What a look changed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Moved {
    /// Nothing that is recorded.
    No,
    /// The code or the pending state: recorded.
    Yes,
    /// A code that no further look can change: ends at once.
    Hopeless(Code, String),
}

impl Deletions {
    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }

    pub(crate) fn get(&self, id: DeletionId) -> Option<&Pending> {
        self.pending.get(&id)
    }

    pub(crate) fn of_store(&self, store: StoreId) -> impl Iterator<Item = DeletionId> + '_ {
        self.by_store.get(&store).into_iter().flatten().copied()
    }

    pub(crate) fn insert(&mut self, tracked: TrackedDeletion, deadline: Mono) {
        let (id, store) = (tracked.id, tracked.store);
        self.by_store.entry(store).or_default().insert(id);
        self.deadlines.insert((deadline, id));
        let pending = Pending {
            tracked,
            deadline,
            state: DeletionState::Pending,
            code: None,
            message: String::new(),
            baseline: None,
            asked: BTreeMap::new(),
            seen: BTreeMap::new(),
            retry: None,
        };
        self.pending.insert(id, pending);
    }

    pub(crate) fn restore(&mut self, row: DeletionRow, deadline: Mono) {
        let id = row.tracked.id;
        self.insert(row.tracked, deadline);
        if let Some(pending) = self.pending.get_mut(&id) {
            pending.state = row.state;
            pending.code = row.code;
            pending.message = row.message;
            pending.baseline = row.baseline;
        }
    }

    /// Takes it out: it has ended.
    pub(crate) fn end(&mut self, id: DeletionId) -> Option<Pending> {
        let pending = self.pending.remove(&id)?;
        self.deadlines.remove(&(pending.deadline, id));
        if let Some(at) = pending.retry {
            self.retries.remove(&(at, id));
        }
        if let Some(ids) = self.by_store.get_mut(&pending.tracked.store) {
            ids.remove(&id);
            if ids.is_empty() {
                self.by_store.remove(&pending.tracked.store);
            }
        }
        Some(pending)
    }

    /// An agent was asked; unless it answers, it is asked again at `retry`.
    pub(crate) fn asked(
        &mut self,
        now: Mono,
        id: DeletionId,
        agent: AgentId,
        session: SessionId,
        retry: Mono,
    ) {
        let Some(pending) = self.pending.get_mut(&id) else { return };
        pending.asked.insert(agent, (session, now));
        if pending.retry.is_none_or(|at| at > retry) {
            if let Some(at) = pending.retry.replace(retry) {
                self.retries.remove(&(at, id));
            }
            self.retries.insert((retry, id));
        }
    }

    /// A session ended: whoever was asked on it is no longer asked.
    pub(crate) fn unask(&mut self, session: SessionId, stores: impl Iterator<Item = StoreId>) {
        for store in stores {
            for id in self.by_store.get(&store).into_iter().flatten() {
                if let Some(pending) = self.pending.get_mut(id) {
                    pending.asked.retain(|_, (s, _)| *s != session);
                }
            }
        }
    }

    /// Deletions whose silent verifiers are to be asked again, with those who did not answer.
    pub(crate) fn take_retries(&mut self, now: Mono) -> Vec<(DeletionId, Vec<AgentId>)> {
        let mut found = Vec::new();
        while let Some(&(at, id)) = self.retries.first()
            && at <= now
        {
            self.retries.remove(&(at, id));
            if let Some(pending) = self.pending.get_mut(&id) {
                pending.retry = None;
                let silent: Vec<AgentId> = pending
                    .asked
                    .iter()
                    .filter(|(agent, (session, _))| {
                        pending.seen.get(*agent).is_none_or(|s| s.session != *session)
                    })
                    .map(|(agent, _)| agent.clone())
                    .collect();
                found.push((id, silent));
            }
        }
        found
    }

    /// Takes a look.
    pub(crate) fn look(
        &mut self,
        id: DeletionId,
        agent: &AgentId,
        session: SessionId,
        rev: u64,
        look: &Look,
        began: Mono,
    ) -> Moved {
        let Some(pending) = self.pending.get_mut(&id) else { return Moved::No };
        if !pending.asked.contains_key(agent) {
            return Moved::No; // Not asked: not believed.
        }
        if pending.seen.get(agent).is_some_and(|s| s.session == session && s.rev >= rev) {
            return Moved::No;
        }
        let code = look.outcome.code();
        let message = sentence(&look.outcome);
        pending.seen.insert(agent.clone(), Seen { session, rev, code, message: message.clone(), began });
        if code.is_permanent() {
            return Moved::Hopeless(code, message);
        }
        if code == Code::Unobserved {
            // It does not answer for the mount, now: it may soon, and is then asked again.
            pending.asked.remove(agent);
        }
        let state = match look.outcome {
            LookOutcome::SillyRenamed { .. } => DeletionState::PendingSillyRename,
            LookOutcome::Unverifiable { .. } => pending.state,
            LookOutcome::Absent { .. } | LookOutcome::Present(_) => DeletionState::Pending,
        };
        pending.message = message;
        if pending.code == Some(code) && pending.state == state {
            return Moved::No;
        }
        pending.code = Some(code);
        pending.state = state;
        Moved::Yes
    }

    /// The file that is owed became known. True when that is new.
    pub(crate) fn baseline(&mut self, id: DeletionId, file: &FileIdentity) -> bool {
        match self.pending.get_mut(&id) {
            Some(pending) if pending.baseline.is_none() => {
                pending.baseline = Some(file.clone());
                true
            }
            _ => false,
        }
    }

    pub(crate) fn take_expired(&self, now: Mono) -> Vec<DeletionId> {
        self.deadlines.iter().take_while(|(at, _)| *at <= now).map(|(_, id)| *id).collect()
    }

    pub(crate) fn next_wakeup(&self) -> Option<Mono> {
        let deadline = self.deadlines.first().map(|(at, _)| *at);
        let retry = self.retries.first().map(|(at, _)| *at);
        deadline.into_iter().chain(retry).min()
    }
}

/// One sentence on a look.
fn sentence(outcome: &LookOutcome) -> String {
    match outcome {
        LookOutcome::Absent { how } => how.clone(),
        LookOutcome::Present(seen) if seen.replaced => {
            format!("the path is there again as another file ({} bytes)", seen.file.size)
        }
        LookOutcome::Present(seen) => format!("the path is still there ({} bytes)", seen.file.size),
        LookOutcome::SillyRenamed { name } => {
            format!("the name is gone, a client still holds the bytes as {name}")
        }
        LookOutcome::Unverifiable { detail, .. } => detail.clone(),
    }
}
