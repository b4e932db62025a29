//! The outbox's bookkeeping: places, windows, resends. Owns the order "persist, then send"; the driver owns the disk.
//!
//! Facts of one turn are collected and leave as one `Persist` followed by the `Send`s that depend on it. In memory there
//! are at most the facts of one turn; a backlog is read back from disk as the window opens.

use crate::event::{Action, ConnectionId};
use storewarden_types::limits::{FACTS_BYTES_MAX, FACTS_PER_MESSAGE_MAX};
use storewarden_types::{AgentMessage, Epoch, Fact, Mono, Seq};

/// Without progress of acknowledgements for this long, everything unacknowledged is sent again.
const RESEND_AFTER_MS: u64 = 5_000;

#[derive(Debug)]
pub(crate) struct Outbox {
    pub(crate) epoch: Epoch,
    /// Place the next fact takes.
    next: Seq,
    /// Through here the ledger holds them.
    acked: Seq,
    /// Facts of this turn, not yet persisted; the first takes `next`.
    turn: Vec<Fact>,
    line: Option<Line>,
    window: u64,
}

/// The live connection, as the outbox sees it.
#[derive(Debug)]
struct Line {
    connection: ConnectionId,
    /// Through here they were sent on this connection.
    sent: Seq,
    /// A read-back is under way from here.
    loading: Option<Seq>,
    /// When acknowledgements last moved (or sending began).
    progress: Mono,
}

impl Outbox {
    pub(crate) fn new(epoch: Epoch, next: Seq, acked: Seq, window: u64) -> Self {
        Self { epoch, next, acked, turn: Vec::new(), line: None, window: window.max(1) }
    }

    /// Place the next fact takes once this turn is flushed.
    pub(crate) const fn next_seq(&self) -> Seq {
        self.next
    }

    /// Takes a fact of this turn; returns its place.
    pub(crate) fn push(&mut self, fact: Fact) -> Seq {
        self.turn.push(fact);
        Seq(self.next.0 + self.turn.len() as u64 - 1)
    }

    /// A session stands; the ledger holds everything through `acked`.
    pub(crate) fn open(&mut self, now: Mono, connection: ConnectionId, acked: Seq, out: &mut Vec<Action>) {
        self.line = Some(Line { connection, sent: acked.max(self.acked), loading: None, progress: now });
        self.acknowledge(now, acked, out);
        self.read_back(out);
    }

    pub(crate) fn close(&mut self) {
        self.line = None;
    }

    pub(crate) fn acknowledge(&mut self, now: Mono, through: Seq, out: &mut Vec<Action>) {
        // A peer that acknowledges what was never sent is not believed.
        let through = through.min(Seq(self.next.0 - 1));
        if through <= self.acked {
            return;
        }
        self.acked = through;
        out.push(Action::Trim { through });
        if let Some(line) = &mut self.line {
            line.progress = now;
            line.sent = line.sent.max(through);
        }
        self.read_back(out);
    }

    pub(crate) const fn acked(&self) -> Seq {
        self.acked
    }

    /// Facts came back from disk.
    pub(crate) fn loaded(&mut self, now: Mono, first: Seq, items: Vec<Fact>, out: &mut Vec<Action>) {
        let Some(line) = &mut self.line else { return };
        if line.loading != Some(first) {
            return; // Asked for by an earlier connection.
        }
        line.loading = None;
        if items.is_empty() {
            return; // Nothing there; asking again at once would spin.
        }
        if first != line.sent.next() {
            return self.read_back(out); // An acknowledgement overtook the read-back.
        }
        self.transmit(now, first, items, out);
        self.read_back(out);
    }

    /// Ends a turn: persists what it made, then sends it if the line is clear.
    pub(crate) fn flush(&mut self, now: Mono, out: &mut Vec<Action>) {
        if self.turn.is_empty() {
            return;
        }
        let facts = std::mem::take(&mut self.turn);
        let first = self.next;
        self.next = Seq(first.0 + facts.len() as u64);
        out.push(Action::Persist { first, facts: facts.clone() });
        let Some(line) = &self.line else { return };
        let room = self.window.saturating_sub(line.sent.0 - self.acked.0);
        if line.sent.next() == first && line.loading.is_none() && room >= facts.len() as u64 {
            self.transmit(now, first, facts, out);
        } else {
            self.read_back(out);
        }
    }

    /// Sends again what met no acknowledgement for long.
    pub(crate) fn wake(&mut self, now: Mono, out: &mut Vec<Action>) {
        if self.resend_at().is_some_and(|at| at <= now)
            && let Some(line) = &mut self.line
        {
            line.sent = self.acked;
            line.loading = None;
            line.progress = now;
            self.read_back(out);
        }
    }

    pub(crate) fn next_wakeup(&self) -> Option<Mono> {
        self.resend_at()
    }

    fn resend_at(&self) -> Option<Mono> {
        let line = self.line.as_ref()?;
        (line.sent > self.acked).then(|| line.progress.plus(RESEND_AFTER_MS))
    }

    fn transmit(&mut self, now: Mono, first: Seq, items: Vec<Fact>, out: &mut Vec<Action>) {
        let Some(line) = &mut self.line else { return };
        if line.sent == self.acked {
            line.progress = now;
        }
        let mut first = first;
        let mut items = items.into_iter().peekable();
        while items.peek().is_some() {
            let mut chunk: Vec<Fact> = Vec::new();
            let mut weight = 0;
            while chunk.len() < FACTS_PER_MESSAGE_MAX
                && let Some(fact) =
                    items.next_if(|f| chunk.is_empty() || weight + f.weight() <= FACTS_BYTES_MAX)
            {
                weight += fact.weight();
                chunk.push(fact);
            }
            let count = chunk.len() as u64;
            out.push(Action::Send {
                connection: line.connection,
                message: AgentMessage::Facts { first, items: chunk },
            });
            first = Seq(first.0 + count);
        }
        line.sent = Seq(first.0 - 1);
    }

    /// Asks for the next piece of a backlog when there is one and the window has room.
    fn read_back(&mut self, out: &mut Vec<Action>) {
        let next = self.next;
        let Some(line) = &mut self.line else { return };
        let room = self.window.saturating_sub(line.sent.0 - self.acked.0);
        let max = room.min(FACTS_PER_MESSAGE_MAX as u64);
        if line.loading.is_none() && line.sent.next() < next && max > 0 {
            let first = line.sent.next();
            line.loading = Some(first);
            out.push(Action::LoadFacts { first, max: max as usize });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use storewarden_types::{Gap, GapCause, Wall};

    fn fact(n: u64) -> Fact {
        Fact::Gap(Gap {
            mount_point: "/m".into(),
            cause: GapCause::Error,
            complete: false,
            missing: n,
            present: 0,
            at: Wall(0),
            message: String::new(),
        })
    }

    fn sent(out: &[Action]) -> Vec<(u64, usize)> {
        out.iter()
            .filter_map(|a| match a {
                Action::Send { message: AgentMessage::Facts { first, items }, .. } => {
                    Some((first.0, items.len()))
                }
                _ => None,
            })
            .collect()
    }

    #[test]
    fn a_fact_is_persisted_before_it_is_sent() {
        let mut o = Outbox::new(Epoch(1), Seq(1), Seq(0), 10);
        let mut out = Vec::new();
        o.open(Mono(0), ConnectionId(1), Seq(0), &mut out);
        o.push(fact(1));
        o.flush(Mono(0), &mut out);
        assert!(matches!(out[0], Action::Persist { first: Seq(1), .. }));
        assert_eq!(sent(&out[1..]), [(1, 1)]);
    }

    #[test]
    fn the_window_holds_and_the_backlog_is_read_back() {
        let mut o = Outbox::new(Epoch(1), Seq(1), Seq(0), 2);
        let mut out = Vec::new();
        o.open(Mono(0), ConnectionId(1), Seq(0), &mut out);
        for n in 0..5 {
            o.push(fact(n));
            o.flush(Mono(0), &mut out);
        }
        assert_eq!(sent(&out), [(1, 1), (2, 1)]);
        out.clear();
        o.acknowledge(Mono(1), Seq(2), &mut out);
        assert!(out.contains(&Action::LoadFacts { first: Seq(3), max: 2 }));
        out.clear();
        o.loaded(Mono(1), Seq(3), vec![fact(3), fact(4)], &mut out);
        assert_eq!(sent(&out), [(3, 2)]);
    }

    #[test]
    fn a_new_connection_resumes_after_what_the_ledger_holds() {
        let mut o = Outbox::new(Epoch(1), Seq(8), Seq(2), 100);
        let mut out = Vec::new();
        o.open(Mono(0), ConnectionId(1), Seq(5), &mut out);
        assert_eq!(out, [Action::Trim { through: Seq(5) }, Action::LoadFacts { first: Seq(6), max: 100 }]);
        // What an older connection asked for is ignored by a newer one.
        o.open(Mono(0), ConnectionId(2), Seq(5), &mut out);
        out.clear();
        o.loaded(Mono(0), Seq(3), vec![fact(3)], &mut out);
        assert!(out.is_empty());
    }

    #[test]
    fn silence_leads_to_a_resend_and_a_lying_ack_is_clamped() {
        let mut o = Outbox::new(Epoch(1), Seq(1), Seq(0), 10);
        let mut out = Vec::new();
        o.open(Mono(0), ConnectionId(1), Seq(0), &mut out);
        o.push(fact(1));
        o.flush(Mono(0), &mut out);
        out.clear();
        o.wake(Mono(4_999), &mut out);
        assert!(out.is_empty());
        o.wake(Mono(5_000), &mut out);
        assert_eq!(out, [Action::LoadFacts { first: Seq(1), max: 10 }]);
        o.acknowledge(Mono(5_001), Seq(99), &mut out);
        assert_eq!(o.acked(), Seq(1));
    }
}
