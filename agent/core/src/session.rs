//! The session as the agent sees it: greeting, live, silent. Owns the clock anchors, revisions and heartbeats.
//!
//! A time is told to the controller only through an anchor that is *older* than it. A host that stood still between the
//! two (a paused virtual machine whose clock missed it) then only makes things look older, never younger; through a
//! newer anchor it would make stale evidence fresh.

use crate::config::Config;
use crate::event::{Action, ConnectionId};
use std::collections::VecDeque;
use storewarden_types::message::Anchor;
use storewarden_types::{AgentMessage, Code, Mono};

/// Anchors are kept this far apart.
const ANCHOR_EVERY_MS: u64 = 500;
/// And this many of them: what is older than the oldest cannot be told.
const ANCHORS_MAX: usize = 64;

/// The last anchors of a session, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Anchors {
    ring: VecDeque<Anchor>,
}

impl Anchors {
    fn push(&mut self, anchor: Anchor) {
        if self.ring.back().is_some_and(|last| anchor.mine.since(last.mine) < ANCHOR_EVERY_MS) {
            return;
        }
        if self.ring.len() == ANCHORS_MAX {
            self.ring.pop_front();
        }
        self.ring.push_back(anchor);
    }

    /// `time` on the controller's clock, never younger than it truly is. `None`: it cannot be told, for no anchor of this
    /// session is older.
    pub(crate) fn to_peer(&self, time: Mono) -> Option<Mono> {
        let anchor = self.ring.iter().rev().find(|a| a.mine <= time)?;
        Some(anchor.to_peer(time))
    }
}

#[derive(Debug)]
struct Line {
    connection: ConnectionId,
    anchors: Anchors,
    live: bool,
    heartbeat_ms: u64,
    heard: Mono,
    said: Mono,
    rev: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Session {
    line: Option<Line>,
}

impl Session {
    /// A connection stands; Hello goes out on it.
    pub(crate) fn greet(&mut self, now: Mono, connection: ConnectionId) {
        self.line = Some(Line {
            connection,
            anchors: Anchors::default(),
            live: false,
            heartbeat_ms: 5_000,
            heard: now,
            said: now,
            rev: 0,
        });
    }

    /// Whether `connection` is the current one; ends the session if so.
    pub(crate) fn lost(&mut self, connection: ConnectionId) -> bool {
        let mine = self.is_current(connection);
        if mine {
            self.line = None;
        }
        mine
    }

    pub(crate) fn is_current(&self, connection: ConnectionId) -> bool {
        self.line.as_ref().is_some_and(|l| l.connection == connection)
    }

    /// Something was heard: the anchor is renewed.
    pub(crate) fn heard(&mut self, now: Mono, clock: Mono) {
        if let Some(line) = &mut self.line {
            line.heard = now;
            line.anchors.push(Anchor { theirs: clock, mine: now });
        }
    }

    /// The controller welcomed us. False when it had done so before.
    pub(crate) fn welcome(&mut self, heartbeat_ms: u64) -> bool {
        let Some(line) = &mut self.line else { return false };
        let first = !line.live;
        line.live = true;
        line.heartbeat_ms = heartbeat_ms.clamp(100, 60_000);
        first
    }

    /// The anchors of a live session.
    pub(crate) fn anchors(&self) -> Option<&Anchors> {
        self.line.as_ref().filter(|l| l.live).map(|l| &l.anchors)
    }

    /// Says something that needs a revision number, if the session is live.
    pub(crate) fn tell(
        &mut self,
        now: Mono,
        out: &mut Vec<Action>,
        make: impl FnOnce(u64, &Anchors) -> AgentMessage,
    ) -> bool {
        let Some(line) = self.line.as_mut().filter(|l| l.live) else { return false };
        line.rev += 1;
        line.said = now;
        out.push(Action::Send { connection: line.connection, message: make(line.rev, &line.anchors) });
        true
    }

    /// Heartbeats out; silence noticed.
    pub(crate) fn wake(&mut self, now: Mono, config: &Config, out: &mut Vec<Action>) {
        let Some(line) = &mut self.line else { return };
        if now.since(line.heard) >= config.session_silence_ms {
            out.push(Action::Disconnect {
                connection: line.connection,
                code: Code::TimedOut,
                message: format!("nothing was heard from the controller for {} ms", now.since(line.heard)),
            });
            self.line = None;
        } else if line.live && now.since(line.said) >= line.heartbeat_ms {
            line.said = now;
            out.push(Action::Send { connection: line.connection, message: AgentMessage::Heartbeat });
        }
    }

    pub(crate) fn next_wakeup(&self, config: &Config) -> Option<Mono> {
        let line = self.line.as_ref()?;
        let silence = line.heard.plus(config.session_silence_ms);
        Some(if line.live { silence.min(line.said.plus(line.heartbeat_ms)) } else { silence })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_through_an_older_anchor_only() {
        let mut anchors = Anchors::default();
        assert_eq!(anchors.to_peer(Mono(5)), None);
        anchors.push(Anchor { theirs: Mono(1_000), mine: Mono(10) });
        anchors.push(Anchor { theirs: Mono(1_100), mine: Mono(20) }); // too close: not kept
        anchors.push(Anchor { theirs: Mono(9_000), mine: Mono(600) }); // we stood still for seconds
        assert_eq!(anchors.to_peer(Mono(9)), None);
        assert_eq!(anchors.to_peer(Mono(599)), Some(Mono(1_589)));
        assert_eq!(anchors.to_peer(Mono(600)), Some(Mono(9_000)));
        for n in 2..200 {
            anchors.push(Anchor { theirs: Mono(n), mine: Mono(n * 1_000) });
        }
        assert_eq!(anchors.ring.len(), ANCHORS_MAX);
    }

    #[test]
    fn silence_ends_a_session_and_heartbeats_fill_it() {
        let config = Config::default();
        let mut s = Session::default();
        let mut out = Vec::new();
        s.greet(Mono(0), ConnectionId(1));
        assert!(!s.tell(Mono(0), &mut out, |_, _| AgentMessage::Heartbeat), "not live before Welcome");
        s.heard(Mono(10), Mono(1_000));
        assert!(s.welcome(1_000));
        assert!(!s.welcome(1_000));
        s.wake(Mono(1_000), &config, &mut out);
        assert_eq!(out.len(), 1);
        s.wake(Mono(1_001), &config, &mut out);
        assert_eq!(out.len(), 1);
        s.wake(Mono(15_010), &config, &mut out);
        assert!(matches!(out[1], Action::Disconnect { code: Code::TimedOut, .. }));
        assert!(!s.is_current(ConnectionId(1)));
        assert_eq!(s.next_wakeup(&config), None);
    }
}
