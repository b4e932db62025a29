//! May this operation start on this store now? A pure function of the store's standing, the question and the time.

use storewarden_types::{
    Code, Condition, Decision, Mono, Operation, PreflightAnswer, PreflightQuestion, Reason, StoreStatus,
};

/// What comes of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Known now.
    Answer(PreflightAnswer),
    /// The evidence is older than the question allows: probe, and ask again when it is younger.
    Probe,
}

/// Judges on the evidence at hand. `asked` is when the question was first put: evidence from after that always is fresh
/// enough, so that a question with `max_age_ms` 0 can be answered at all.
#[must_use]
pub fn judge(
    store: &StoreStatus,
    now: Mono,
    asked: Mono,
    ttl_ms: u64,
    question: &PreflightQuestion,
) -> Judgement {
    let Some(evidence) = store.evidence else { return Judgement::Probe };
    let fresh = evidence >= asked || now.since(evidence) <= question.max_age_ms;
    if !fresh || now.since(evidence) > ttl_ms {
        return Judgement::Probe;
    }
    Judgement::Answer(decide(store, now, question.operation))
}

/// The answer when no fresh evidence came in time: always a denial.
#[must_use]
pub fn give_up(store: &StoreStatus, now: Mono, ttl_ms: u64, question: &PreflightQuestion) -> PreflightAnswer {
    let age = store.evidence.map(|e| now.since(e));
    let reason = match age {
        None => Reason::new(Code::Unobserved, "there is no evidence on this store"),
        Some(age) => Reason::new(
            Code::EvidenceExpired,
            format!(
                "the newest proof is {age} ms old; {} ms are allowed and no fresh one came in time",
                question.max_age_ms.min(ttl_ms)
            ),
        ),
    };
    let mut reasons = store.reasons.clone();
    if !reasons.iter().any(|r| r.code == reason.code) {
        reasons.insert(0, reason);
    }
    PreflightAnswer { decision: Decision::Deny, reasons, condition: store.condition, evidence_age_ms: age }
}

fn decide(store: &StoreStatus, now: Mono, operation: Operation) -> PreflightAnswer {
    let decision = match store.condition {
        Condition::Available => Decision::Admit,
        Condition::Degraded if store.reasons.iter().all(|r| tolerable(r.code, operation)) => Decision::Admit,
        Condition::Degraded | Condition::Unavailable | Condition::Unknown => Decision::Deny,
    };
    PreflightAnswer {
        decision,
        reasons: store.reasons.clone(),
        condition: store.condition,
        evidence_age_ms: store.evidence.map(|e| now.since(e)),
    }
}

/// Whether an operation may start in spite of a degradation.
const fn tolerable(code: Code, operation: Operation) -> bool {
    match code {
        Code::Slow | Code::CacheAnswers => true,
        // Removing makes room; writing needs it.
        Code::NoSpace | Code::NoInodes => matches!(operation, Operation::Delete | Operation::Gc),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use storewarden_types::{AgentId, MountKind, StoreId};

    fn store(condition: Condition, codes: &[Code], evidence: Option<i64>) -> StoreStatus {
        StoreStatus {
            id: StoreId::of(&AgentId::parse("a").unwrap(), "/m", "h:/e", true),
            source: "h:/e".into(),
            fs_type: "nfs4".into(),
            kind: MountKind::Network,
            condition,
            reasons: codes.iter().map(|c| Reason::new(*c, "m")).collect(),
            evidence: evidence.map(Mono),
            mounts: Vec::new(),
            version: 1,
        }
    }

    fn ask(s: &StoreStatus, operation: Operation, max_age_ms: u64) -> Judgement {
        judge(s, Mono(10_000), Mono(9_000), 30_000, &PreflightQuestion { store: s.id, operation, max_age_ms })
    }

    fn admitted(s: &StoreStatus, operation: Operation) -> bool {
        matches!(ask(s, operation, 60_000), Judgement::Answer(a) if a.decision == Decision::Admit)
    }

    #[test]
    fn only_fresh_evidence_answers() {
        let s = store(Condition::Available, &[], Some(5_000));
        assert_eq!(ask(&s, Operation::Delete, 4_999), Judgement::Probe);
        assert!(matches!(ask(&s, Operation::Delete, 5_000), Judgement::Answer(_)));
        assert!(matches!(
            ask(&store(Condition::Available, &[], Some(9_000)), Operation::Delete, 0),
            Judgement::Answer(_)
        ));
        assert_eq!(ask(&store(Condition::Available, &[], None), Operation::Delete, 5_000), Judgement::Probe);
        assert_eq!(
            ask(&store(Condition::Available, &[], Some(-20_001)), Operation::Gc, u64::MAX),
            Judgement::Probe
        );
    }

    #[test]
    fn each_operation_tolerates_what_does_not_hurt_it() {
        use Operation::{Copy, Create, Delete, Gc};
        let all = [Create, Copy, Delete, Gc];
        let may = |c, codes: &[Code]| all.map(|o| admitted(&store(c, codes, Some(9_999)), o));
        assert_eq!(may(Condition::Available, &[]), [true; 4]);
        assert_eq!(may(Condition::Degraded, &[Code::Slow]), [true; 4]);
        assert_eq!(may(Condition::Degraded, &[Code::NoSpace]), [false, false, true, true]);
        assert_eq!(may(Condition::Degraded, &[Code::ReadOnly]), [false; 4]);
        assert_eq!(may(Condition::Degraded, &[Code::Slow, Code::NoInodes]), [false, false, true, true]);
        assert_eq!(may(Condition::Unavailable, &[Code::StaleHandle]), [false; 4]);
        assert_eq!(may(Condition::Unknown, &[Code::AgentLost]), [false; 4]);
    }

    #[test]
    fn giving_up_denies_whatever_the_condition_was() {
        let s = store(Condition::Available, &[], Some(0));
        let q = PreflightQuestion { store: s.id, operation: Operation::Create, max_age_ms: 10 };
        let a = give_up(&s, Mono(10_000), 30_000, &q);
        assert_eq!((a.decision, a.reasons[0].code), (Decision::Deny, Code::EvidenceExpired));
        let none = store(Condition::Unknown, &[Code::Unobserved], None);
        assert_eq!(give_up(&none, Mono(0), 1, &q).reasons.len(), 1);
    }
}
