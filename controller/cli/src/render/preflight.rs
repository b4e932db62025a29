//! The gate's answer for people.

use super::ink::{Ink, clean};
use super::measure::age_or;
use super::word;
use storewarden_proto::v1::{PreflightRequest, PreflightResponse};

/// `storewarden preflight`: the decision first, then why.
pub(crate) fn preflight(asked: &PreflightRequest, answer: &PreflightResponse, ink: Ink) -> String {
    let operation = asked.operation().as_str_name().trim_start_matches("OPERATION_").to_ascii_lowercase();
    let mut text = format!(
        "{}  {operation} on {}: condition {}, evidence {}{}",
        word::decision(answer.decision).paint(ink),
        clean(&asked.store),
        word::condition(answer.condition).paint(ink),
        age_or(answer.evidence_age_ms, "none"),
        if answer.probed { ", probed for this answer" } else { "" },
    );
    for reason in &answer.reasons {
        text.push_str("\n  ");
        text.push_str(&clean(&word::because(&reason.code, &reason.message)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;
    use storewarden_proto::v1::{Condition, Decision, Operation};

    #[test]
    fn the_decision_comes_first() {
        let asked = PreflightRequest {
            store: "nas1:/export/secondary".into(),
            operation: Operation::Gc.into(),
            ..Default::default()
        };
        let mut answer = PreflightResponse {
            decision: Decision::Deny.into(),
            reasons: vec![samples::reason("STALE_HANDLE", "the server no longer knows the root")],
            condition: Condition::Unavailable.into(),
            evidence_age_ms: Some(120),
            probed: true,
            ..Default::default()
        };
        assert_eq!(
            preflight(&asked, &answer, Ink::PLAIN),
            "DENY  gc on nas1:/export/secondary: condition UNAVAILABLE, evidence 120 ms ago, probed for this answer\n  \
             STALE_HANDLE: the server no longer knows the root"
        );
        answer.decision = 9;
        assert!(preflight(&asked, &answer, Ink::PLAIN).starts_with("UNRECOGNISED(9)  gc on"));
    }
}
