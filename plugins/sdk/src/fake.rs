//! A host for the unit tests of probes: runs one in the same process, without a `.so`, and keeps what it said. Owns
//! the record; enforces none of the real host's bounds.

use crate::cx::{Sink, monotonic_ns};
use crate::{Cx, Error, LogLevel, MetricKind, Probe, Target, Verdict};
use std::cell::RefCell;
use std::time::Duration;

/// One number that a probe reported.
#[derive(Clone, Debug, PartialEq)]
pub struct FakeMetric {
    /// Its behaviour over time.
    pub kind: MetricKind,
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: f64,
}

/// What one call said.
#[derive(Clone, Debug, PartialEq)]
pub struct FakeRun {
    /// The finding, or why there is none.
    pub outcome: Result<Verdict, Error>,
    /// Numbers, in order.
    pub metrics: Vec<FakeMetric>,
    /// Name and text, in order.
    pub evidence: Vec<(String, String)>,
    /// Log lines, in order.
    pub log: Vec<(LogLevel, String)>,
}

impl FakeRun {
    /// The verdict.
    ///
    /// # Panics
    /// When the probe had none: this is for tests.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        self.outcome.as_ref().unwrap_or_else(|error| panic!("no verdict: {error}"))
    }

    /// The number of this name.
    #[must_use]
    pub fn metric(&self, name: &str) -> Option<f64> {
        self.metrics.iter().find(|m| m.name == name).map(|m| m.value)
    }
}

/// Runs probes in the test's own process.
#[derive(Debug)]
pub struct FakeHost {
    deadline: Duration,
    cancelled: bool,
}

impl Default for FakeHost {
    fn default() -> Self {
        Self::new()
    }
}

impl FakeHost {
    /// A host that gives every call 5 seconds.
    #[must_use]
    pub fn new() -> Self {
        Self { deadline: Duration::from_secs(5), cancelled: false }
    }

    /// Gives every call this long. Nobody enforces it; the probe sees it in [`Cx::remaining`].
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// From now on calls find themselves cancelled.
    pub fn cancel(&mut self) {
        self.cancelled = true;
    }

    /// Makes a probe from its configuration, as JSON text, the way a real host does.
    ///
    /// # Errors
    /// When the text is no configuration of this probe, or the probe refuses it.
    pub fn create<P: Probe>(&self, config_json: &str) -> Result<P, Error> {
        crate::shim::make(config_json)
    }

    /// Makes a probe and asks it once.
    ///
    /// # Panics
    /// When it cannot be made: this is for tests.
    pub fn run<P: Probe>(&mut self, config_json: &str, target: &Target<'_>) -> FakeRun {
        let mut probe: P =
            self.create(config_json).unwrap_or_else(|error| panic!("no probe from {config_json}: {error}"));
        self.ask(&mut probe, target)
    }

    /// Asks a probe once more.
    pub fn ask<P: Probe>(&mut self, probe: &mut P, target: &Target<'_>) -> FakeRun {
        let record = Record { cancelled: self.cancelled, ..Record::default() };
        let deadline_ns =
            monotonic_ns().saturating_add(u64::try_from(self.deadline.as_nanos()).unwrap_or(u64::MAX));
        let outcome = probe.probe(target, &Cx::new(&record, deadline_ns));
        let Record { metrics, evidence, log, .. } = record;
        FakeRun { outcome, metrics: metrics.take(), evidence: evidence.take(), log: log.take() }
    }
}

#[derive(Default)]
struct Record {
    cancelled: bool,
    metrics: RefCell<Vec<FakeMetric>>,
    evidence: RefCell<Vec<(String, String)>>,
    log: RefCell<Vec<(LogLevel, String)>>,
}

impl Sink for Record {
    fn metric(&self, kind: MetricKind, name: &str, value: f64) {
        self.metrics.borrow_mut().push(FakeMetric { kind, name: name.into(), value });
    }
    fn evidence(&self, name: &str, text: &str) {
        self.evidence.borrow_mut().push((name.into(), text.into()));
    }
    fn log(&self, level: LogLevel, message: &str) {
        self.log.borrow_mut().push((level, message.into()));
    }
    fn cancelled(&self) -> bool {
        self.cancelled
    }
}
