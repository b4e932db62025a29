//! What agent and controller say to each other, as domain values. Owns the session's vocabulary; `storewarden-proto`
//! puts it on the wire. `proto/storewarden/v1/agent.proto` tells the rules field by field.

use crate::{
    AgentId, Code, DeletionId, Epoch, Fact, FileIdentity, InstanceId, Look, Mono, MountReport, Seq, StorePath,
};

/// The first message of an agent.
#[derive(Clone, Debug, PartialEq)]
pub struct Hello {
    /// Who it is.
    pub agent: AgentId,
    /// This run of the process.
    pub instance: InstanceId,
    /// The outbox's life.
    pub epoch: Epoch,
    /// The place the next new fact will take in that epoch.
    pub next_seq: Seq,
    /// Host name, for people.
    pub host: String,
    /// Version of the agent.
    pub version: String,
    /// Every mount it answers for, now.
    pub mounts: Vec<MountReport>,
}

/// The controller's answer to a [`Hello`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// Through which place of the agent's epoch the ledger holds every fact.
    pub acked: Seq,
    /// The controller's clock as it sent this.
    pub clock: Mono,
    /// How often the agent must say something, in milliseconds.
    pub heartbeat_ms: u64,
}

/// A change of one mount since the last word about it.
#[derive(Clone, Debug, PartialEq)]
pub enum MountDelta {
    /// It stands so now.
    Changed(Box<MountReport>),
    /// The agent no longer answers for it: an operator forgot it.
    Forgotten {
        /// Which.
        mount_point: String,
    },
}

/// From agent to controller.
#[derive(Clone, Debug, PartialEq)]
pub enum AgentMessage {
    /// Always first.
    Hello(Box<Hello>),
    /// A state. `rev` grows with each; an older one that comes late is ignored.
    Mount {
        /// Order among the deltas of one session.
        rev: u64,
        /// What changed.
        delta: MountDelta,
    },
    /// Facts in order, without holes; `first` is the place of the first.
    Facts {
        /// Place of `items[0]`.
        first: Seq,
        /// The facts.
        items: Vec<Fact>,
    },
    /// A look that is not yet an end. A state: the latest wins.
    Look {
        /// Which deletion.
        deletion: DeletionId,
        /// Order among the looks of one session.
        rev: u64,
        /// What was found.
        look: Look,
        /// When the look began, on the controller's clock, never younger than it truly is.
        began: Mono,
    },
    /// Nothing new, still here.
    Heartbeat,
}

/// An order to look for a path until it is absent or its time is up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyOrder {
    /// Which deletion. Told twice, it is one order.
    pub deletion: DeletionId,
    /// On which of the agent's mounts.
    pub mount_point: String,
    /// Relative to its root.
    pub path: StorePath,
    /// Milliseconds, from receipt, in which the last look must be *reported*. A span, for clocks differ.
    pub due_in_ms: u64,
    /// The file that is owed, if an earlier look found it.
    pub baseline: Option<FileIdentity>,
}

/// From controller to agent. Every message carries the controller's clock outside of this enum.
#[derive(Clone, Debug, PartialEq)]
pub enum ControllerMessage {
    /// Answer to Hello.
    Welcome(Welcome),
    /// The ledger holds every fact through this place.
    Ack {
        /// The place.
        through: Seq,
    },
    /// Look for these.
    Verify(Vec<VerifyOrder>),
    /// These have ended; stop looking.
    Release(Vec<DeletionId>),
    /// Run every probe of this mount now.
    Probe {
        /// Which mount.
        mount_point: String,
    },
    /// Nothing new; keeps the clock anchor and the connection fresh.
    Heartbeat,
    /// The session is over; do not come back under the same terms.
    Refuse {
        /// Why.
        code: Code,
        /// One sentence for people.
        message: String,
    },
}

/// Ties this process's clock to a peer's: "when my clock said `mine`, the peer's had said `theirs` *already*".
///
/// A reading translated through it is therefore never younger than the truth: the way from peer to here is counted
/// as age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The peer's clock when it sent.
    pub theirs: Mono,
    /// Our clock when we received.
    pub mine: Mono,
}

impl Anchor {
    /// `time` of our clock on the peer's clock.
    #[must_use]
    pub const fn to_peer(self, time: Mono) -> Mono {
        Mono(self.theirs.0.saturating_add(time.0.saturating_sub(self.mine.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_anchor_never_makes_things_younger() {
        // The peer sent at its 1000; its true clock was 1030 when we read 500.
        let anchor = Anchor { theirs: Mono(1000), mine: Mono(500) };
        assert_eq!(anchor.to_peer(Mono(520)), Mono(1020)); // truth: 1050
        assert_eq!(anchor.to_peer(Mono(400)), Mono(900));
    }
}
