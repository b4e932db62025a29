//! The life of a mount's worker process: one at a time, one operation at a time, and the clock decides.
//!
//! Owns who runs, since when, and when patience ends. A killed worker that is not reaped is *stuck*: it is counted and
//! never waited for, and a successor starts only while the count allows.

use crate::config::Config;
use crate::event::Generation;
use std::collections::BTreeMap;
use storewarden_types::{DeletionId, Mono};

/// What a worker is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Job {
    Identify,
    Probe(String),
    Verify(Vec<DeletionId>),
    StartWatch,
}

/// An operation under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flight {
    pub(crate) id: u64,
    pub(crate) job: Job,
    /// The operation's name, for people.
    pub(crate) name: String,
    pub(crate) began: Mono,
    /// Past this the clock decides.
    pub(crate) kill_at: Mono,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Down { not_before: Mono },
    Starting { generation: Generation, began: Mono, kill_at: Mono },
    Idle { generation: Generation },
    Busy { generation: Generation, flight: Flight },
}

/// What the clock found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Overdue {
    pub(crate) generation: Generation,
    /// `None`: it never became ready.
    pub(crate) flight: Option<Flight>,
    pub(crate) began: Mono,
}

/// A worker's end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    /// One that had been killed was reaped at last.
    Reaped,
    /// The current one died by itself, perhaps in the middle of something.
    Died(Option<Flight>),
    /// Nobody we know.
    Stranger,
}

#[derive(Debug)]
pub(crate) struct Slot {
    state: State,
    /// Killed, not reaped; since when.
    stuck: BTreeMap<Generation, Mono>,
    /// Failures in a row, for the backoff.
    failures: u32,
}

impl Slot {
    pub(crate) fn new(now: Mono) -> Self {
        Self { state: State::Down { not_before: now }, stuck: BTreeMap::new(), failures: 0 }
    }

    pub(crate) fn stuck(&self) -> u32 {
        u32::try_from(self.stuck.len()).unwrap_or(u32::MAX)
    }

    pub(crate) const fn generation(&self) -> Option<Generation> {
        match &self.state {
            State::Down { .. } => None,
            State::Starting { generation, .. }
            | State::Idle { generation }
            | State::Busy { generation, .. } => Some(*generation),
        }
    }

    pub(crate) const fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle { .. })
    }

    /// Whether a worker may be started now. While one is stuck a successor waits for the longest pause: reaping is the
    /// better sign of recovery, and a second stuck process helps nobody.
    pub(crate) fn may_spawn(&self, now: Mono, config: &Config) -> bool {
        self.spawn_at(config).is_some_and(|at| at <= now)
    }

    fn spawn_at(&self, config: &Config) -> Option<Mono> {
        let State::Down { not_before } = self.state else { return None };
        if self.stuck() >= config.stuck_per_mount_max {
            return None;
        }
        let stuck_since = self.stuck.values().max();
        Some(stuck_since.map_or(not_before, |since| not_before.max(since.plus(config.respawn_max_ms))))
    }

    pub(crate) fn spawned(&mut self, now: Mono, generation: Generation, config: &Config) {
        let kill_at = now.plus(config.start_deadline_ms + config.grace_ms);
        self.state = State::Starting { generation, began: now, kill_at };
    }

    /// The current worker said Ready.
    pub(crate) fn ready(&mut self, generation: Generation) -> bool {
        let mine = matches!(self.state, State::Starting { generation: g, .. } if g == generation);
        if mine {
            self.state = State::Idle { generation };
        }
        mine
    }

    /// Gives the idle worker something to do.
    pub(crate) fn assign(&mut self, flight: Flight) {
        if let State::Idle { generation } = self.state {
            self.state = State::Busy { generation, flight };
        }
    }

    /// The current worker answered `id`; returns what it was about.
    pub(crate) fn answered(&mut self, generation: Generation, id: u64) -> Option<Flight> {
        match &self.state {
            State::Busy { generation: g, flight } if *g == generation && flight.id == id => {
                let flight = flight.clone();
                self.state = State::Idle { generation };
                Some(flight)
            }
            _ => None,
        }
    }

    /// All is well with this worker: the next failure starts the backoff anew.
    pub(crate) const fn prosper(&mut self) {
        self.failures = 0;
    }

    /// Takes the current worker out if its time is up. The caller kills it.
    pub(crate) fn overdue(&mut self, now: Mono, config: &Config) -> Option<Overdue> {
        let found = match &self.state {
            State::Starting { generation, began, kill_at } if *kill_at <= now => {
                Overdue { generation: *generation, flight: None, began: *began }
            }
            State::Busy { generation, flight } if flight.kill_at <= now => {
                Overdue { generation: *generation, began: flight.began, flight: Some(flight.clone()) }
            }
            _ => return None,
        };
        self.stuck.insert(found.generation, now);
        self.fail(now, config);
        Some(found)
    }

    /// Takes the current worker out because it is not wanted any more. The caller kills it.
    pub(crate) fn dismiss(&mut self, now: Mono) -> Option<(Generation, Option<Flight>)> {
        let generation = self.generation()?;
        let flight = match &self.state {
            State::Busy { flight, .. } => Some(flight.clone()),
            _ => None,
        };
        self.stuck.insert(generation, now);
        self.state = State::Down { not_before: now };
        Some((generation, flight))
    }

    /// A worker was reaped.
    pub(crate) fn gone(&mut self, now: Mono, generation: Generation, config: &Config) -> Gone {
        if self.stuck.remove(&generation).is_some() {
            return Gone::Reaped;
        }
        if self.generation() != Some(generation) {
            return Gone::Stranger;
        }
        let flight = match &self.state {
            State::Busy { flight, .. } => Some(flight.clone()),
            _ => None,
        };
        self.fail(now, config);
        Gone::Died(flight)
    }

    fn fail(&mut self, now: Mono, config: &Config) {
        let pause =
            config.respawn_first_ms.saturating_mul(1 << self.failures.min(20)).min(config.respawn_max_ms);
        self.failures = self.failures.saturating_add(1);
        self.state = State::Down { not_before: now.plus(pause) };
    }

    pub(crate) fn next_wakeup(&self, config: &Config) -> Option<Mono> {
        match &self.state {
            State::Down { .. } => self.spawn_at(config),
            State::Starting { kill_at, .. } => Some(*kill_at),
            State::Idle { .. } => None,
            State::Busy { flight, .. } => Some(flight.kill_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flight(id: u64, kill_at: i64) -> Flight {
        Flight { id, job: Job::Identify, name: "identify".into(), began: Mono(0), kill_at: Mono(kill_at) }
    }

    #[test]
    fn the_clock_decides_and_a_stuck_worker_holds_back_its_successor() {
        let config = Config::default();
        let mut slot = Slot::new(Mono(0));
        assert!(slot.may_spawn(Mono(0), &config));
        slot.spawned(Mono(0), Generation(1), &config);
        assert!(slot.ready(Generation(1)));
        slot.assign(flight(7, 1_000));
        assert_eq!(slot.overdue(Mono(999), &config), None);
        assert_eq!(slot.overdue(Mono(1_000), &config).unwrap().generation, Generation(1));
        assert_eq!(slot.stuck(), 1);
        // Backoff is 500 ms, but while the old one is stuck the longest pause holds.
        assert!(!slot.may_spawn(Mono(1_500), &config));
        assert!(slot.may_spawn(Mono(11_000), &config));
        // Reaped: the short backoff counts.
        assert_eq!(slot.gone(Mono(1_200), Generation(1), &config), Gone::Reaped);
        assert!(slot.may_spawn(Mono(1_500), &config));
    }

    #[test]
    fn at_the_bound_no_successor_is_started() {
        let config = Config { stuck_per_mount_max: 1, ..Config::default() };
        let mut slot = Slot::new(Mono(0));
        slot.spawned(Mono(0), Generation(1), &config);
        assert!(slot.overdue(Mono(6_000), &config).is_some());
        assert!(!slot.may_spawn(Mono(1_000_000), &config));
        assert_eq!(slot.next_wakeup(&config), None);
    }

    #[test]
    fn late_and_foreign_words_are_known_as_such() {
        let config = Config::default();
        let mut slot = Slot::new(Mono(0));
        slot.spawned(Mono(0), Generation(2), &config);
        assert!(!slot.ready(Generation(1)));
        assert!(slot.ready(Generation(2)));
        slot.assign(flight(7, 1_000));
        assert_eq!(slot.answered(Generation(2), 6), None);
        assert_eq!(slot.answered(Generation(1), 7), None);
        assert_eq!(slot.gone(Mono(0), Generation(1), &config), Gone::Stranger);
        assert_eq!(slot.answered(Generation(2), 7).unwrap().id, 7);
        assert_eq!(slot.gone(Mono(0), Generation(2), &config), Gone::Died(None));
    }
}
