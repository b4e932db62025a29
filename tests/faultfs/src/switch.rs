//! The switch: which fault is on, and what it does to a call. Owns the waiting of held calls; must not know FUSE.

use rustix::io::Errno;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The longest `slow` there is.
pub const SLOW_MAX: Duration = Duration::from_secs(3600);

/// What is wrong with the file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// ESTALE from every call: the server no longer knows its own file handles.
    Stale,
    /// EIO from every call.
    Eio,
    /// No room left.
    Enospc,
    /// EROFS from every change.
    ReadOnly,
    /// Every call is answered this much later, as if nothing were wrong.
    Slow(Duration),
    /// No call is answered until the fault changes, and callers cannot be killed.
    Hang,
}

/// The word is no fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown fault {0:?}: none, stale, eio, enospc, readonly, hang, or slow:MS with at most 3600000")]
pub struct ParseFaultError(String);

impl FromStr for Fault {
    type Err = ParseFaultError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Ok(match word {
            "none" => Self::None,
            "stale" => Self::Stale,
            "eio" => Self::Eio,
            "enospc" => Self::Enospc,
            "readonly" => Self::ReadOnly,
            "hang" => Self::Hang,
            other => other
                .strip_prefix("slow:")
                .and_then(|ms| ms.parse().ok())
                .map(Duration::from_millis)
                .filter(|delay| *delay <= SLOW_MAX)
                .map(Self::Slow)
                .ok_or_else(|| ParseFaultError(other.to_owned()))?,
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Stale => f.write_str("stale"),
            Self::Eio => f.write_str("eio"),
            Self::Enospc => f.write_str("enospc"),
            Self::ReadOnly => f.write_str("readonly"),
            Self::Hang => f.write_str("hang"),
            Self::Slow(delay) => write!(f, "slow:{}", delay.as_millis()),
        }
    }
}

/// What a call would do to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Touch {
    /// Reads.
    Look,
    /// Changes names or attributes; needs no room.
    Change,
    /// Writes, or makes something new.
    Grow,
    /// Makes durable what was accepted before.
    Commit,
}

#[derive(Debug, Default)]
struct State {
    fault: Fault,
    held: usize,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Turns faults on and off while the file system is mounted. Clones are the same switch; several mounts may share one.
#[derive(Clone, Debug, Default)]
pub struct Switch(Arc<Shared>);

impl Switch {
    /// A switch with no fault on.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Turns this fault on, in place of the one before. Calls that were held go on under the new one.
    pub fn set(&self, fault: Fault) {
        self.0.lock().fault = fault;
        self.0.changed.notify_all();
    }

    /// The fault that is on.
    #[must_use]
    pub fn fault(&self) -> Fault {
        self.0.lock().fault
    }

    /// How many calls `hang` or `slow` hold at this moment.
    #[must_use]
    pub fn held(&self) -> usize {
        self.0.lock().held
    }

    /// Waits until at least `count` calls are held. False: they were not, `within` that time.
    #[must_use]
    pub fn wait_held(&self, count: usize, within: Duration) -> bool {
        let state = self.0.lock();
        let waited = self.0.changed.wait_timeout_while(state, within, |state| state.held < count);
        waited.map_or_else(|poisoned| poisoned.into_inner().0.held, |(state, _)| state.held) >= count
    }
}

/// The switch as one mount sees it: it lets every held call of that mount go when the mount goes.
#[derive(Debug)]
pub(crate) struct Gate {
    switch: Switch,
    closed: AtomicBool,
}

impl Gate {
    pub(crate) fn new(switch: Switch) -> Self {
        Self { switch, closed: AtomicBool::new(false) }
    }

    pub(crate) fn fault(&self) -> Fault {
        self.switch.fault()
    }

    /// What the fault says to a call; waits where it says so.
    pub(crate) fn pass(&self, touch: Touch) -> Result<(), Errno> {
        let shared = &self.switch.0;
        let began = Instant::now();
        let mut state = shared.lock();
        loop {
            if self.closed.load(Ordering::Relaxed) {
                return Err(Errno::NOTCONN);
            }
            let wait = match state.fault {
                Fault::Hang => Duration::MAX,
                Fault::Slow(delay) => match delay.checked_sub(began.elapsed()) {
                    None | Some(Duration::ZERO) => return Ok(()),
                    Some(rest) => rest,
                },
                fault => return verdict(fault, touch),
            };
            state.held += 1;
            shared.changed.notify_all();
            let fault = state.fault;
            let open = |state: &mut State| state.fault == fault && !self.closed.load(Ordering::Relaxed);
            state = match shared.changed.wait_timeout_while(state, wait, open) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            };
            state.held -= 1;
        }
    }

    /// Whether a call would go through now, without waiting for it.
    pub(crate) fn is_open(&self, touch: Touch) -> bool {
        match self.fault() {
            Fault::Hang => false,
            fault => verdict(fault, touch).is_ok(),
        }
    }

    /// Ends every held call of this mount, undone, and every later one.
    pub(crate) fn close(&self) {
        let _state = self.switch.0.lock();
        self.closed.store(true, Ordering::Relaxed);
        self.switch.0.changed.notify_all();
    }
}

/// What a fault that makes nobody wait says.
fn verdict(fault: Fault, touch: Touch) -> Result<(), Errno> {
    match (fault, touch) {
        (Fault::Stale, _) => Err(Errno::STALE),
        (Fault::Eio, _) => Err(Errno::IO),
        (Fault::Enospc, Touch::Grow | Touch::Commit) => Err(Errno::NOSPC),
        (Fault::ReadOnly, Touch::Grow | Touch::Change) => Err(Errno::ROFS),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    /// Long enough for any machine; nothing waits for it to pass.
    const BOUND: Duration = Duration::from_secs(20);

    #[test]
    fn every_word_reads_back() {
        for word in ["none", "stale", "eio", "enospc", "readonly", "hang", "slow:0", "slow:3600000"] {
            assert_eq!(word.parse::<Fault>().unwrap().to_string(), word);
        }
        for word in
            ["", "heal", "slow", "slow:", "slow:-1", "slow:3600001", "slow:99999999999999999999", "Hang "]
        {
            assert!(word.parse::<Fault>().is_err(), "{word:?}");
        }
    }

    #[test]
    fn each_fault_stops_what_it_should_and_nothing_else() {
        use Touch::{Change, Commit, Grow, Look};
        let table = [
            (Fault::None, [None; 4]),
            (Fault::Stale, [Some(Errno::STALE); 4]),
            (Fault::Eio, [Some(Errno::IO); 4]),
            (Fault::Enospc, [None, None, Some(Errno::NOSPC), Some(Errno::NOSPC)]),
            (Fault::ReadOnly, [None, Some(Errno::ROFS), Some(Errno::ROFS), None]),
        ];
        let switch = Switch::new();
        let gate = Gate::new(switch.clone());
        for (fault, expected) in table {
            switch.set(fault);
            let seen = [Look, Change, Grow, Commit].map(|touch| gate.pass(touch).err());
            assert_eq!(seen, expected, "{fault}");
        }
    }

    #[test]
    fn a_held_call_goes_on_under_the_next_fault() {
        let switch = Switch::new();
        let gate = Gate::new(switch.clone());
        switch.set(Fault::Hang);
        thread::scope(|scope| {
            let call = scope.spawn(|| gate.pass(Touch::Look));
            assert!(switch.wait_held(1, BOUND));
            switch.set(Fault::Slow(SLOW_MAX));
            assert!(switch.wait_held(1, BOUND));
            switch.set(Fault::Stale);
            assert_eq!(call.join().unwrap(), Err(Errno::STALE));
        });
        assert_eq!(switch.held(), 0);
        assert!(!switch.wait_held(1, Duration::from_millis(1)));
    }

    #[test]
    fn closing_one_mount_frees_its_calls_and_leaves_the_switch_to_others() {
        let switch = Switch::new();
        let (gone, other) = (Gate::new(switch.clone()), Gate::new(switch.clone()));
        switch.set(Fault::Hang);
        thread::scope(|scope| {
            let first = scope.spawn(|| gone.pass(Touch::Look));
            let second = scope.spawn(|| other.pass(Touch::Look));
            assert!(switch.wait_held(2, BOUND));
            gone.close();
            assert_eq!(first.join().unwrap(), Err(Errno::NOTCONN));
            assert!(!second.is_finished());
            switch.set(Fault::None);
            assert_eq!(second.join().unwrap(), Ok(()));
        });
        assert_eq!(gone.pass(Touch::Look), Err(Errno::NOTCONN));
    }

    #[test]
    fn slow_is_late_and_right() {
        let switch = Switch::new();
        let gate = Gate::new(switch.clone());
        switch.set(Fault::Slow(Duration::from_millis(30)));
        let began = Instant::now();
        assert_eq!(gate.pass(Touch::Grow), Ok(()));
        assert!(began.elapsed() >= Duration::from_millis(30));
    }
}
