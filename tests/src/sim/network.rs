//! Virtual time and everything that is under way: one queue, one random number generator.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use storewarden_agent_core::{ConnectionId, Generation};
use storewarden_types::{AgentMessage, ControllerMessage, Mono, SessionId, WorkerOp, WorkerReport};

/// Something that will happen.
#[derive(Clone, Debug)]
pub(crate) enum Coming {
    /// The world does something to somebody: a fault, a file, a request.
    Mischief,
    /// An agent tries to connect.
    Dial { agent: usize },
    /// A connection stands, as the agent sees it.
    Up { agent: usize, connection: ConnectionId },
    /// A connection is gone, as the agent sees it.
    Down { agent: usize, connection: ConnectionId },
    /// A session is gone, as the controller sees it.
    Gone { session: SessionId },
    /// A message arrives at an agent.
    ToAgent { agent: usize, connection: ConnectionId, clock: Mono, message: ControllerMessage },
    /// A message arrives at the controller.
    ToController { session: SessionId, message: AgentMessage },
    /// A worker executes what it was asked.
    Work { agent: usize, mount: usize, generation: Generation, id: u64, op: WorkerOp },
    /// A worker's word arrives at its agent.
    Word { agent: usize, mount: usize, generation: Generation, report: WorkerReport },
    /// A killed or dead worker is reaped.
    Reaped { agent: usize, mount: usize, generation: Generation },
    /// An agent reads mountinfo; `again`: this is the reading that repeats.
    Mountinfo { agent: usize, life: u64, again: bool },
    /// An agent's facts come back from its disk.
    Loaded { agent: usize, life: u64, first: storewarden_types::Seq, max: usize },
    /// An agent's timer; stale ones are ignored.
    AgentTimer { agent: usize, life: u64, at: i64 },
    /// The controller's timer; stale ones are ignored.
    ControllerTimer { life: u64, at: i64 },
    /// A crashed agent starts again.
    AgentStart { agent: usize },
    /// A crashed controller starts again.
    ControllerStart,
    /// A frozen host goes on.
    Thaw { agent: usize },
    /// The frozen controller host goes on.
    ControllerThaw,
}

/// The queue of what is coming.
#[derive(Debug)]
pub(crate) struct Queue {
    heap: BinaryHeap<Reverse<(i64, u64, usize)>>,
    items: Vec<Option<Coming>>,
    free: Vec<usize>,
    ties: u64,
}

impl Queue {
    pub(crate) const fn new() -> Self {
        Self { heap: BinaryHeap::new(), items: Vec::new(), free: Vec::new(), ties: 0 }
    }

    pub(crate) fn push(&mut self, at: i64, item: Coming) {
        self.ties += 1;
        let place = self.free.pop().unwrap_or_else(|| {
            self.items.push(None);
            self.items.len() - 1
        });
        self.items[place] = Some(item);
        self.heap.push(Reverse((at, self.ties, place)));
    }

    pub(crate) fn pop(&mut self) -> Option<(i64, Coming)> {
        let Reverse((at, _, place)) = self.heap.pop()?;
        self.free.push(place);
        let item = self.items[place].take().expect("a queued place holds an item");
        Some((at, item))
    }
}

/// How badly messages fare.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// Chance that a message is lost.
    pub(crate) loss: f64,
    /// Chance that it comes twice.
    pub(crate) doubling: f64,
    /// Longest delay in milliseconds; each message draws its own, so messages overtake each other.
    pub(crate) delay_max: i64,
}

impl Weather {
    pub(crate) const CALM: Self = Self { loss: 0.0, doubling: 0.0, delay_max: 2 };

    /// When the copies of one message arrive, if any does.
    pub(crate) fn arrivals(self, rng: &mut fastrand::Rng, now: i64) -> Vec<i64> {
        if rng.f64() < self.loss {
            return Vec::new();
        }
        let copies = if rng.f64() < self.doubling { 2 } else { 1 };
        (0..copies).map(|_| now + rng.i64(0..=self.delay_max)).collect()
    }
}

/// The host that an event happens on.
pub(crate) const fn concerned(coming: &Coming) -> Option<usize> {
    match coming {
        Coming::Dial { agent }
        | Coming::Up { agent, .. }
        | Coming::Down { agent, .. }
        | Coming::ToAgent { agent, .. }
        | Coming::Work { agent, .. }
        | Coming::Word { agent, .. }
        | Coming::Reaped { agent, .. }
        | Coming::Mountinfo { agent, .. }
        | Coming::Loaded { agent, .. }
        | Coming::AgentTimer { agent, .. }
        | Coming::AgentStart { agent } => Some(*agent),
        _ => None,
    }
}

/// Whether an event happens on the controller's host.
pub(crate) const fn is_controllers(coming: &Coming) -> bool {
    matches!(
        coming,
        Coming::Gone { .. }
            | Coming::ToController { .. }
            | Coming::ControllerTimer { .. }
            | Coming::ControllerStart
    )
}
