//! From what was observed to how a mount stands. Owns the hysteresis and the merging of reasons; schedules nothing.

use storewarden_types::{Code, Condition, Reason};

/// How many times in a row a probe must say `code` before it is believed, given what is believed now.
///
/// One ESTALE is enough; one slow answer is not, and one good answer among slow ones is not either.
const fn needed(believed: Option<Code>, code: Code) -> u32 {
    match (believed, code) {
        (None, _) => 1,
        (_, Code::Slow) => 3,
        (Some(Code::Slow), Code::Ok) => 2,
        _ => 1,
    }
}

/// What is believed of one probe.
#[derive(Clone, Debug, Default)]
pub(crate) struct Belief {
    believed: Option<Code>,
    message: String,
    candidate: Option<Code>,
    streak: u32,
}

impl Belief {
    /// Takes one observation.
    pub(crate) fn observe(&mut self, code: Code, message: &str) {
        if self.believed == Some(code) {
            self.candidate = None;
            self.streak = 0;
            message.clone_into(&mut self.message);
            return;
        }
        self.streak = if self.candidate == Some(code) { self.streak + 1 } else { 1 };
        self.candidate = Some(code);
        if self.streak >= needed(self.believed, code) {
            self.believed = Some(code);
            message.clone_into(&mut self.message);
            self.candidate = None;
            self.streak = 0;
        }
    }

    /// The reason it gives, unless all is well or nothing was observed.
    pub(crate) fn reason(&self) -> Option<Reason> {
        let code = self.believed.filter(|c| *c != Code::Ok)?;
        Some(Reason::new(code, self.message.clone()))
    }
}

/// Merges reasons into a condition: the gravest grade wins; reasons are told gravest first, each code once.
pub(crate) fn merge(mut reasons: Vec<Reason>) -> (Condition, Vec<Reason>) {
    reasons.sort_by(|a, b| b.code.grade().weight().cmp(&a.code.grade().weight()).then(a.cmp(b)));
    reasons.dedup_by(|a, b| a.code == b.code);
    let condition = reasons.first().map_or(Condition::Available, |r| r.code.grade());
    (condition, reasons)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn believed(codes: &[Code]) -> Option<Code> {
        let mut b = Belief::default();
        for c in codes {
            b.observe(*c, "m");
        }
        b.reason().map(|r| r.code)
    }

    #[test]
    fn one_stale_is_enough_one_slow_is_not() {
        use Code::{Ok, Slow, StaleHandle};
        assert_eq!(believed(&[Ok, StaleHandle]), Some(StaleHandle));
        assert_eq!(believed(&[StaleHandle, Ok]), None);
        assert_eq!(believed(&[Ok, Slow, Slow]), None);
        assert_eq!(believed(&[Ok, Slow, Slow, Slow]), Some(Slow));
        assert_eq!(believed(&[Ok, Slow, Slow, Slow, Ok]), Some(Slow));
        assert_eq!(believed(&[Ok, Slow, Slow, Slow, Ok, Ok]), None);
        assert_eq!(believed(&[Ok, Slow, Slow, Ok, Slow]), None);
        assert_eq!(believed(&[]), None);
    }

    #[test]
    fn the_gravest_wins() {
        let r = |c| Reason::new(c, "m");
        assert_eq!(merge(vec![]).0, Condition::Available);
        let (condition, reasons) = merge(vec![r(Code::Slow), r(Code::ProbeCrashed), r(Code::StaleHandle)]);
        assert_eq!(condition, Condition::Unavailable);
        assert_eq!(reasons[0].code, Code::StaleHandle);
        assert_eq!(merge(vec![r(Code::Slow), r(Code::ProbeCrashed)]).0, Condition::Unknown);
    }
}
