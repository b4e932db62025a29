//! One call under way: what the probe has said so far, within bounds. Owns the bounds and the table of open calls.
//!
//! A call is known to the probe by a number in the shape of a pointer. It is never followed and never used twice, so a
//! callback that comes too late, from whatever thread, finds no entry and is refused.

use crate::instance::LogLine;
use crate::text::{is_metric_name, is_token};
use crate::{CancelFlag, Deadline};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use storewarden_plugin_abi as abi;

/// What a probe said in one call.
pub(crate) struct Said {
    pub(crate) metrics: Vec<(String, f64)>,
    pub(crate) evidence: Vec<(String, String)>,
    pub(crate) log: Vec<LogLine>,
    /// Level, reason, message of the first well-formed verdict.
    pub(crate) verdict: Option<(u32, String, String)>,
    /// Well-formed verdicts in all.
    pub(crate) verdicts: u32,
    /// The text given to `fail`.
    pub(crate) failure: String,
    /// The first thing that was refused, in words.
    pub(crate) refusal: Option<String>,
    refused: u64,
    log_dropped: u64,
    evidence_bytes_left: usize,
    /// Whether metrics, evidence and verdicts are in place here: in `probe`, not in `create`.
    reporting: bool,
    deadline: Deadline,
    cancel: CancelFlag,
}

impl Said {
    pub(crate) fn new(reporting: bool, deadline: Deadline, cancel: &CancelFlag) -> Self {
        Self {
            metrics: Vec::new(),
            evidence: Vec::new(),
            log: Vec::new(),
            verdict: None,
            verdicts: 0,
            failure: String::new(),
            refusal: None,
            refused: 0,
            log_dropped: 0,
            evidence_bytes_left: abi::SWP_EVIDENCE_BYTES_MAX as usize,
            reporting,
            deadline,
            cancel: cancel.clone(),
        }
    }

    pub(crate) fn metric(&mut self, kind: u32, name: String, value: f64) -> i32 {
        if !self.reporting {
            return self.refuse(abi::SWP_E_INVALID, || "a metric outside of probe()".into());
        }
        if !is_metric_name(&name) || !matches!(kind, abi::SWP_GAUGE | abi::SWP_COUNTER) || !value.is_finite()
        {
            return self
                .refuse(abi::SWP_E_INVALID, || format!("the metric {name:?} = {value} of kind {kind}"));
        }
        if self.metrics.len() >= abi::SWP_METRICS_MAX as usize {
            return self.refuse(abi::SWP_E_LIMIT, || {
                format!("the metric {name:?}: there are {} already", abi::SWP_METRICS_MAX)
            });
        }
        if self.metrics.iter().any(|(known, _)| *known == name) {
            return self
                .refuse(abi::SWP_E_INVALID, || format!("the metric {name:?}: reported before in this call"));
        }
        self.metrics.push((name, value));
        abi::SWP_OK
    }

    /// Bytes of evidence that can still be taken; a longer text is cut to it.
    pub(crate) fn evidence_room(&self) -> usize {
        self.evidence_bytes_left
    }

    pub(crate) fn evidence(&mut self, name: String, text: String) -> i32 {
        if !self.reporting || name.is_empty() {
            return self
                .refuse(abi::SWP_E_INVALID, || "evidence without a name, or outside of probe()".into());
        }
        if self.evidence.len() >= abi::SWP_EVIDENCE_MAX as usize || self.evidence_bytes_left == 0 {
            return self
                .refuse(abi::SWP_E_LIMIT, || format!("the evidence {name:?}: there is enough already"));
        }
        self.evidence_bytes_left -= text.len().min(self.evidence_bytes_left);
        self.evidence.push((name, text));
        abi::SWP_OK
    }

    pub(crate) fn say(&mut self, level: u32, reason: String, message: String) -> i32 {
        if !self.reporting || level > abi::SWP_VERDICT_UNKNOWN || !is_token(&reason) {
            return self.refuse(abi::SWP_E_INVALID, || format!("the verdict {level} with reason {reason:?}"));
        }
        self.verdicts = self.verdicts.saturating_add(1);
        if self.verdicts > 1 {
            return self.refuse(abi::SWP_E_INVALID, || format!("a second verdict, {reason:?}"));
        }
        self.verdict = Some((level, reason, message));
        abi::SWP_OK
    }

    pub(crate) fn log(&mut self, level: u32, text: String) {
        if self.log.len() >= abi::SWP_LOG_LINES_MAX as usize {
            self.log_dropped += 1;
            return;
        }
        self.log.push(LogLine { level: level.clamp(abi::SWP_LOG_ERROR, abi::SWP_LOG_TRACE), text });
    }

    pub(crate) fn fail(&mut self, text: String) {
        self.failure = text;
    }

    /// Whether the answer is not wanted any more.
    pub(crate) fn is_over(&self) -> bool {
        self.cancel.is_cancelled() || self.deadline.has_passed()
    }

    pub(crate) fn refuse(&mut self, number: i32, what: impl FnOnce() -> String) -> i32 {
        self.refused += 1;
        if self.refusal.is_none() {
            self.refusal = Some(what());
        }
        number
    }

    /// The log lines, with a last word of the host about what it did not take.
    pub(crate) fn close_log(&mut self) -> Vec<LogLine> {
        let mut log = std::mem::take(&mut self.log);
        if let Some(refusal) = &self.refusal {
            let more =
                if self.refused > 1 { format!(" ({} refusals in all)", self.refused) } else { String::new() };
            log.push(LogLine { level: abi::SWP_LOG_WARN, text: format!("the host refused {refusal}{more}") });
        }
        if self.log_dropped > 0 {
            let text = format!("the host dropped {} more log lines", self.log_dropped);
            log.push(LogLine { level: abi::SWP_LOG_WARN, text });
        }
        log
    }
}

/// The calls that have not returned yet. Usually none or one; a process may hold several instances in its tests.
static OPEN: Mutex<BTreeMap<usize, Said>> = Mutex::new(BTreeMap::new());
static NEXT: AtomicUsize = AtomicUsize::new(1);

fn table() -> MutexGuard<'static, BTreeMap<usize, Said>> {
    // Nothing panics while it holds the lock; if it did, the table is still only a table.
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call that is open until this value goes away.
pub(crate) struct OpenCall {
    number: usize,
}

impl OpenCall {
    pub(crate) fn begin(said: Said) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        table().insert(number, said);
        Self { number }
    }

    /// What the probe knows it by.
    pub(crate) fn token(&self) -> *mut abi::swp_call {
        std::ptr::without_provenance_mut(self.number)
    }

    /// Closes the call; callbacks are refused from here on. `None` never happens: only this removes the entry.
    pub(crate) fn end(self) -> Option<Said> {
        table().remove(&self.number)
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        table().remove(&self.number);
    }
}

/// Runs `body` on the open call behind `token`, or gives `ended` when there is none.
pub(crate) fn with<T>(token: *mut abi::swp_call, ended: T, body: impl FnOnce(&mut Said) -> T) -> T {
    table().get_mut(&token.addr()).map_or(ended, body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn said(reporting: bool) -> Said {
        Said::new(reporting, Deadline::after(Duration::from_secs(60)), &CancelFlag::default())
    }

    #[test]
    fn a_metric_is_taken_once_and_only_when_it_is_one() {
        let mut said = said(true);
        let gauge = |said: &mut Said, name: &str, value| said.metric(abi::SWP_GAUGE, name.into(), value);
        assert_eq!(gauge(&mut said, "a", 1.0), abi::SWP_OK);
        assert_eq!(gauge(&mut said, "a", 2.0), abi::SWP_E_INVALID, "twice");
        assert_eq!(gauge(&mut said, "9", 1.0), abi::SWP_E_INVALID);
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(gauge(&mut said, "b", value), abi::SWP_E_INVALID);
        }
        assert_eq!(said.metric(3, "c".into(), 1.0), abi::SWP_E_INVALID, "of no kind");
        assert_eq!(said.metrics, [("a".to_owned(), 1.0)]);
    }

    #[test]
    fn nothing_is_reported_while_an_instance_is_made() {
        let mut said = said(false);
        assert_eq!(said.metric(abi::SWP_GAUGE, "a".into(), 1.0), abi::SWP_E_INVALID);
        assert_eq!(said.evidence("a".into(), "b".into()), abi::SWP_E_INVALID);
        assert_eq!(said.say(abi::SWP_VERDICT_OK, "OK".into(), String::new()), abi::SWP_E_INVALID);
        assert!(said.metrics.is_empty() && said.evidence.is_empty() && said.verdict.is_none());
        said.log(abi::SWP_LOG_INFO, "but it may talk".into());
        assert_eq!(said.close_log().len(), 2, "its line, and the host's about the refusals");
    }

    #[test]
    fn a_verdict_has_a_level_and_a_token() {
        let mut said = said(true);
        assert_eq!(said.say(4, "OK".into(), String::new()), abi::SWP_E_INVALID);
        assert_eq!(said.say(0, "not a token".into(), String::new()), abi::SWP_E_INVALID);
        assert_eq!(said.verdicts, 0, "what is no verdict is not counted as one");
        assert_eq!(said.say(3, "Fine".into(), String::new()), abi::SWP_OK);
    }

    #[test]
    fn evidence_is_counted_and_named() {
        let mut said = said(true);
        assert_eq!(said.evidence(String::new(), "x".into()), abi::SWP_E_INVALID);
        for n in 0..abi::SWP_EVIDENCE_MAX {
            assert_eq!(said.evidence(format!("{n}"), "x".into()), abi::SWP_OK);
        }
        assert_eq!(said.evidence("more".into(), "x".into()), abi::SWP_E_LIMIT);
    }
}
