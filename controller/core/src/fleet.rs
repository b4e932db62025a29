//! Agents: who they are, which session speaks for each, what they mount, how far their facts are in the ledger.
//! Owns identity and fencing; concludes nothing about stores.

use crate::view::AgentStatus;
use std::collections::BTreeMap;
use std::sync::Arc;
use storewarden_types::condition::MountStanding;
use storewarden_types::limits::{AGENTS_MAX, MOUNTS_PER_AGENT_MAX};
use storewarden_types::{
    AgentId, Code, Epoch, Hello, KnownAgent, KnownMount, Mono, MountKind, MountReport, Refusal, Seq,
    SessionId, StoreId,
};

/// One mount of an agent.
#[derive(Clone, Debug)]
pub(crate) struct AgentMount {
    pub(crate) store: StoreId,
    /// Last report of this run.
    pub(crate) report: Option<MountReport>,
    /// Order of that report in its session.
    pub(crate) rev: u64,
}

/// A session that was greeted.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) session: SessionId,
    pub(crate) heard: Mono,
    pub(crate) said: Mono,
}

#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) host: String,
    pub(crate) version: String,
    pub(crate) epoch: Epoch,
    /// Through which place the ledger holds each epoch.
    pub(crate) marks: BTreeMap<Epoch, Seq>,
    pub(crate) live: Option<Live>,
    pub(crate) mounts: BTreeMap<String, AgentMount>,
    last_heard: Option<Mono>,
}

impl Agent {
    /// Through which place the ledger holds the newest epoch.
    pub(crate) fn mark(&self) -> Seq {
        self.marks.get(&self.epoch).copied().unwrap_or_default()
    }

    pub(crate) fn standing(&self, mount_point: &str) -> Option<MountStanding> {
        let mount = self.mounts.get(mount_point)?;
        Some(MountStanding {
            connected: self.live.is_some(),
            report: mount.report.clone(),
            mount_point: mount_point.to_owned(),
        })
    }
}

/// What a Hello led to.
#[derive(Debug)]
pub(crate) struct Greeted {
    /// The session that spoke for the agent before.
    pub(crate) superseded: Option<SessionId>,
    /// The agent or its epoch is new to the ledger.
    pub(crate) new: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Fleet {
    pub(crate) agents: BTreeMap<AgentId, Agent>,
    sessions: BTreeMap<SessionId, AgentId>,
    /// Pictures for readers, renewed by `refresh`.
    statuses: BTreeMap<AgentId, Arc<AgentStatus>>,
}

impl Fleet {
    pub(crate) fn restore(&mut self, known: Vec<KnownAgent>, mounts: &[KnownMount]) {
        for k in known {
            let agent = Agent {
                host: k.host,
                version: k.version,
                epoch: k.epoch,
                marks: k.marks.into_iter().collect(),
                live: None,
                mounts: BTreeMap::new(),
                last_heard: None,
            };
            self.agents.insert(k.agent, agent);
        }
        for m in mounts {
            if let Some(agent) = self.agents.get_mut(&m.agent) {
                agent
                    .mounts
                    .insert(m.mount_point.clone(), AgentMount { store: m.store, report: None, rev: 0 });
            }
        }
    }

    pub(crate) fn speaker(&self, session: SessionId) -> Option<&AgentId> {
        self.sessions.get(&session)
    }

    pub(crate) fn session_of(&self, agent: &AgentId) -> Option<SessionId> {
        Some(self.agents.get(agent)?.live.as_ref()?.session)
    }

    /// Checks a Hello before anything of it is believed.
    pub(crate) fn check(&self, session: SessionId, hello: &Hello) -> Result<(), Refusal> {
        let Some(agent) = self.agents.get(&hello.agent) else {
            return if self.agents.len() >= AGENTS_MAX {
                Err(Refusal::new(
                    Code::Overloaded,
                    format!("{AGENTS_MAX} agents are known, more are not served"),
                ))
            } else {
                Ok(())
            };
        };
        if agent.live.as_ref().is_some_and(|l| l.session > session) {
            return Err(Refusal::new(Code::SessionSuperseded, "a newer session of this agent stands"));
        }
        let mark = agent.marks.get(&hello.epoch).copied().unwrap_or_default();
        if hello.next_seq <= mark {
            return Err(Refusal::new(
                Code::OutboxRolledBack,
                format!(
                    "agent {}: its outbox continues at fact {}, but the ledger already holds {mark} of the same epoch; \
                     the agent's data directory was restored from an old image: move it aside and restart the agent",
                    hello.agent, hello.next_seq
                ),
            ));
        }
        Ok(())
    }

    /// Takes a checked Hello: this session speaks for the agent from now on. Its mounts are not yet taken.
    pub(crate) fn greet(&mut self, now: Mono, session: SessionId, hello: &Hello) -> Greeted {
        let known = self.agents.get(&hello.agent);
        let new = known
            .is_none_or(|a| a.epoch != hello.epoch || a.version != hello.version || a.host != hello.host);
        let agent = self.agents.entry(hello.agent.clone()).or_insert_with(|| Agent {
            host: String::new(),
            version: String::new(),
            epoch: hello.epoch,
            marks: BTreeMap::new(),
            live: None,
            mounts: BTreeMap::new(),
            last_heard: None,
        });
        agent.host.clone_from(&hello.host);
        agent.version.clone_from(&hello.version);
        agent.epoch = hello.epoch;
        agent.marks.entry(hello.epoch).or_default();
        let superseded = agent.live.replace(Live { session, heard: now, said: now }).map(|l| l.session);
        if let Some(old) = superseded {
            self.sessions.remove(&old);
        }
        self.sessions.insert(session, hello.agent.clone());
        for mount in agent.mounts.values_mut() {
            mount.rev = 0;
        }
        Greeted { superseded, new }
    }

    /// A session ended. Returns whose it was.
    pub(crate) fn lose(&mut self, session: SessionId) -> Option<AgentId> {
        let agent = self.sessions.remove(&session)?;
        if let Some(state) = self.agents.get_mut(&agent) {
            state.live = None;
        }
        Some(agent)
    }

    pub(crate) fn heard(&mut self, now: Mono, agent: &AgentId) {
        if let Some(live) = self.agents.get_mut(agent).and_then(|a| a.live.as_mut()) {
            live.heard = now;
        }
    }

    /// Takes a mount report. `None`: too late, too many, or a stranger's. `Some(true)`: the mount is new.
    pub(crate) fn report(
        &mut self,
        agent_id: &AgentId,
        rev: u64,
        report: MountReport,
    ) -> Option<(StoreId, bool)> {
        let agent = self.agents.get_mut(agent_id)?;
        let network = report.kind == MountKind::Network;
        let store = StoreId::of(agent_id, &report.mount_point, &report.source, network);
        let full = agent.mounts.len() >= MOUNTS_PER_AGENT_MAX;
        match agent.mounts.get_mut(&report.mount_point) {
            Some(mount) if rev < mount.rev => None,
            // A Hello tells no times. What was known of the mount before stays until the next word about it.
            Some(mount) if rev == 0 && mount.store == store && mount.report.is_some() => Some((store, false)),
            Some(mount) => {
                let moved = mount.store != store;
                *mount = AgentMount { store, rev, report: Some(report) };
                Some((store, moved))
            }
            None if full => None,
            None => {
                let place = report.mount_point.clone();
                agent.mounts.insert(place, AgentMount { store, rev, report: Some(report) });
                Some((store, true))
            }
        }
    }

    /// The store that an agent's mount belongs to.
    pub(crate) fn store_at(&self, agent: &AgentId, mount_point: &str) -> Option<StoreId> {
        Some(self.agents.get(agent)?.mounts.get(mount_point)?.store)
    }

    pub(crate) fn sessions(&self) -> impl Iterator<Item = (SessionId, &AgentId)> {
        self.sessions.iter().map(|(s, a)| (*s, a))
    }

    pub(crate) fn has_sessions(&self) -> bool {
        !self.sessions.is_empty()
    }

    /// Renews the picture of one agent. True when readers see a difference.
    pub(crate) fn refresh(&mut self, id: &AgentId) -> bool {
        let Some(agent) = self.agents.get_mut(id) else { return false };
        if let Some(live) = &agent.live {
            agent.last_heard = Some(live.heard);
        }
        let agent = &*agent;
        let mounts = agent.mounts.iter().filter_map(|(p, m)| Some((m.store, agent.standing(p)?))).collect();
        let status = AgentStatus {
            agent: id.clone(),
            host: agent.host.clone(),
            version: agent.version.clone(),
            connected: agent.live.is_some(),
            last_heard: agent.last_heard,
            acked: agent.mark(),
            mounts,
        };
        if self.statuses.get(id).is_some_and(|old| **old == status) {
            return false;
        }
        self.statuses.insert(id.clone(), Arc::new(status));
        true
    }

    pub(crate) fn statuses(&self) -> BTreeMap<AgentId, Arc<AgentStatus>> {
        self.statuses.clone()
    }
}
