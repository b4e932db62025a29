//! The simulated controller host: a real controller core, its ledger, its sessions and its callers.

use super::disk::Ledger;
use std::collections::BTreeMap;
use storewarden_controller_core::{Answer, Config, Controller, Now, ReplyId};
use storewarden_types::{Mono, SessionId, Wall};

/// The host of the controller.
#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) core: Option<Controller>,
    pub(crate) ledger: Ledger,
    pub(crate) config: Config,
    pub(crate) life: u64,
    /// When the timer fires; an earlier one replaces it, and what it replaced is ignored.
    pub(crate) timer: Option<i64>,
    pub(crate) started: i64,
    mono_offset: i64,
    /// Standing still; what comes waits in the backlog.
    pub(crate) frozen: bool,
    pub(crate) thawed: i64,
    pub(crate) backlog: Vec<super::network::Coming>,
    /// Time that its monotonic clock has missed in all: deadlines come that much later.
    pub(crate) lost_ms: i64,
    pub(crate) wall_offset: i64,
    /// Whether the wall clock ever jumped: deadlines across a restart then count anew.
    pub(crate) wall_jumped: bool,
    /// Which agent is behind which session.
    pub(crate) sessions: BTreeMap<SessionId, usize>,
    pub(crate) next_session: u64,
    pub(crate) next_reply: u64,
    /// Callers that wait for an answer, with a name for the trace.
    pub(crate) waiting: BTreeMap<ReplyId, String>,
}

impl Control {
    pub(crate) fn new(rng: &mut fastrand::Rng) -> Self {
        Self {
            core: None,
            ledger: Ledger::default(),
            config: Config { evidence_ttl_ms: 10_000, ..Config::default() },
            life: 0,
            timer: None,
            started: 0,
            mono_offset: rng.i64(0..1_000_000),
            frozen: false,
            thawed: 0,
            backlog: Vec::new(),
            lost_ms: 0,
            wall_offset: 0,
            wall_jumped: false,
            sessions: BTreeMap::new(),
            next_session: 0,
            next_reply: 0,
            waiting: BTreeMap::new(),
        }
    }

    pub(crate) const fn mono(&self, now: i64) -> Mono {
        Mono(now + self.mono_offset)
    }

    pub(crate) fn is_timer(&self, life: u64, at: i64) -> bool {
        self.life == life && self.timer == Some(at)
    }

    pub(crate) const fn now(&self, now: i64) -> Now {
        Now { mono: self.mono(now), wall: Wall(now + self.wall_offset) }
    }

    pub(crate) fn start(&mut self, now: i64, rng: &mut fastrand::Rng) {
        self.life += 1;
        self.timer = None;
        self.started = now;
        self.mono_offset = rng.i64(0..1_000_000) - now; // A new process, a new origin.
        self.core = Some(Controller::new(self.config.clone(), self.ledger.restored(), self.now(now)));
    }

    /// A time of the core's clock as true time.
    pub(crate) const fn true_time(&self, mono: Mono) -> i64 {
        mono.0 - self.mono_offset
    }

    /// The host stands still; its monotonic clock misses that time, its wall clock does not.
    pub(crate) const fn freeze(&mut self, ms: i64) {
        self.frozen = true;
        self.mono_offset -= ms;
        self.lost_ms += ms;
    }

    pub(crate) fn crash(&mut self) {
        self.life += 1;
        self.timer = None;
        self.core = None;
        self.sessions.clear();
        self.waiting.clear();
    }

    pub(crate) fn caller(&mut self, what: String) -> ReplyId {
        self.next_reply += 1;
        self.waiting.insert(ReplyId(self.next_reply), what);
        ReplyId(self.next_reply)
    }

    /// Checks an answer against the ledger: nothing is promised that is not kept.
    pub(crate) fn answered(&mut self, to: ReplyId, answer: &Answer) -> Result<(), String> {
        if self.waiting.remove(&to).is_none() {
            return Err(format!("{to:?} was answered twice or never asked"));
        }
        if let Answer::Tracked { deletions, .. } = answer {
            for id in deletions {
                if !self.ledger.deletions.contains_key(id) {
                    return Err(format!(
                        "invariant_told_after_kept: {id} was promised before it was recorded"
                    ));
                }
            }
        }
        Ok(())
    }
}
