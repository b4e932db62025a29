//! Events for people: one line each, of cursor, time, kind, store and a sentence.

use super::evidence::file;
use super::ink::{Ink, Tone, clean};
use super::measure::{count, short, span, utc};
use super::word;
use storewarden_proto::v1::event::Event as Kind;
use storewarden_proto::v1::fact::Fact as FactKind;
use storewarden_proto::v1::{Event, Evidence, Fact, Gap, Sightings};

/// How many names a line of sightings tells before it only counts.
const NAMES_TOLD: usize = 3;
/// Columns of the longest kind.
const KIND_COLUMNS: usize = 17;

/// A line of `storewarden events tail`.
pub(crate) fn event(event: &Event, ink: Ink) -> String {
    let (kind, tone, sentence) = event.event.as_ref().map_or_else(
        || ("unrecognised", Tone::Bad, "an event of a newer controller".to_owned()),
        |kind| tell(kind, &event.agent),
    );
    let store = if event.store_id.is_empty() { "-" } else { short(&event.store_id) };
    format!(
        "{}  {}  {}  {:8}  {}",
        event.cursor,
        utc(event.at_ms),
        ink.paint(tone, &format!("{kind:KIND_COLUMNS$}")),
        clean(store),
        clean(&sentence)
    )
}

fn tell(kind: &Kind, agent: &str) -> (&'static str, Tone, String) {
    match kind {
        Kind::AgentSeen(seen) => {
            let said =
                format!("{agent} came with a new outbox (host {}, version {})", seen.host, seen.version);
            ("agent_seen", Tone::Plain, said)
        }
        Kind::MountSeen(seen) => {
            let said = format!("{agent} has {} at {} ({})", seen.source, seen.mount_point, seen.fs_type);
            ("mount_seen", Tone::Plain, said)
        }
        Kind::MountForgotten(gone) => {
            ("mount_forgotten", Tone::Plain, format!("{agent} was told to forget {}", gone.mount_point))
        }
        Kind::FactAccepted(accepted) => {
            ("fact_accepted", Tone::Plain, format!("{agent}: {}", fact(accepted.fact.as_ref())))
        }
        Kind::DeletionTracked(tracked) => {
            let said = format!("{} for {}, given {}", tracked.id, tracked.path, span(tracked.deadline_ms));
            ("deletion_tracked", Tone::Busy, said)
        }
        Kind::DeletionMoved(moved) => {
            let mut said = format!("{} is {}", moved.id, word::state(moved.state).plain());
            if !moved.code.is_empty() {
                said = format!("{said}, {}", word::because(&moved.code, &moved.message));
            }
            if let Some(owed) = &moved.baseline {
                said = format!("{said}; owed: {}", file(owed));
            }
            ("deletion_moved", Tone::Busy, said)
        }
        Kind::DeletionEnded(ended) => {
            let state = word::state(ended.state);
            let mut said = format!("{} ended {}", ended.id, state.plain());
            if !ended.code.is_empty() {
                said = format!("{said}, {}", word::because(&ended.code, &ended.message));
            }
            ("deletion_ended", state.tone(), said)
        }
        Kind::LateEvidence(late) => {
            let said = format!("{} was absent after its end: {}", late.id, seen(late.evidence.as_ref()));
            ("late_evidence", Tone::Warn, said)
        }
        Kind::ConditionChanged(changed) => {
            let to = word::condition(changed.to);
            let mut said = format!("{} to {}", word::condition(changed.from).plain(), to.plain());
            if let Some(worst) = changed.reasons.first() {
                said = format!("{said}, {}", word::because(&word::codes(&changed.reasons), &worst.message));
            }
            ("condition_changed", to.tone(), said)
        }
    }
}

fn fact(fact: Option<&Fact>) -> String {
    match fact.and_then(|fact| fact.fact.as_ref()) {
        Some(FactKind::Sightings(seen)) => sightings(seen),
        Some(FactKind::Gap(blind)) => gap(blind),
        Some(FactKind::Baseline(base)) => {
            let owed = base.file.as_ref().map_or_else(|| "a file".to_owned(), file);
            format!("{} is for {owed}", base.deletion_id)
        }
        Some(FactKind::Absent(absent)) => {
            format!("{} is absent: {}", absent.deletion_id, seen(absent.evidence.as_ref()))
        }
        None => "a fact of a newer agent".to_owned(),
    }
}

fn seen(evidence: Option<&Evidence>) -> String {
    evidence.map_or_else(
        || "no evidence came with it".to_owned(),
        |evidence| format!("{} at {}", evidence.how, evidence.mount_point),
    )
}

fn sightings(seen: &Sightings) -> String {
    let number = count(seen.items.len() as u64, "name", "names");
    let told: Vec<_> = seen
        .items
        .iter()
        .take(NAMES_TOLD)
        .map(|item| format!("{} {}", item.path, word::sighting_kind(item.kind)))
        .collect();
    let more = if seen.items.len() > NAMES_TOLD { ", ..." } else { "" };
    let source = word::sighting_source(seen.source);
    format!("{number} went on {} ({source}): {}{more}", seen.mount_point, told.join(", "))
}

fn gap(gap: &Gap) -> String {
    let cause = word::gap_cause(gap.cause);
    let end = if gap.complete { "made whole by a rescan" } else { "sightings are missing for good" };
    let found = format!("{} missing, {} present", gap.missing, gap.present);
    let mut said = format!("blind on {} ({cause}), {end}: {found}", gap.mount_point);
    if !gap.message.is_empty() {
        said = format!("{said}; {}", gap.message);
    }
    said
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;
    use storewarden_proto::v1::{
        Absent, AgentSeen, Baseline, Condition, ConditionChanged, DeletionEnded, DeletionMoved,
        DeletionState, DeletionTracked, FactAccepted, GapCause, LateEvidence, MountGone, MountSeen, Sighting,
        SightingKind, SightingSource,
    };

    fn line(kind: Option<Kind>) -> String {
        let sample = Event {
            cursor: 42,
            at_ms: 1_760_000_000_000,
            store_id: "5f1c0c5b-0000".into(),
            agent: "ssvm-1".into(),
            event: kind,
        };
        event(&sample, Ink::PLAIN)
    }

    fn sentence(kind: Kind) -> String {
        let line = line(Some(kind));
        let rest = line.strip_prefix("42  2025-10-09T08:53:20.000Z  ").expect("cursor and time");
        assert_eq!(rest.lines().count(), 1, "{rest}");
        rest.replacen(&format!("{:8}", "5f1c0c5b"), "|", 1).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn agents_and_mounts() {
        let seen = AgentSeen { host: "s-1-VM".into(), version: "0.1.0".into(), ..Default::default() };
        assert_eq!(
            sentence(Kind::AgentSeen(seen)),
            "agent_seen | ssvm-1 came with a new outbox (host s-1-VM, version 0.1.0)"
        );
        let seen = MountSeen {
            mount_point: "/mnt/a".into(),
            source: "nas1:/x".into(),
            fs_type: "nfs4".into(),
            ..Default::default()
        };
        assert_eq!(sentence(Kind::MountSeen(seen)), "mount_seen | ssvm-1 has nas1:/x at /mnt/a (nfs4)");
        assert_eq!(
            sentence(Kind::MountForgotten(MountGone { mount_point: "/mnt/a".into() })),
            "mount_forgotten | ssvm-1 was told to forget /mnt/a"
        );
    }

    #[test]
    fn deletions() {
        let tracked = DeletionTracked {
            id: "d1".into(),
            path: "a.qcow2".into(),
            deadline_ms: 60_000,
            ..Default::default()
        };
        assert_eq!(sentence(Kind::DeletionTracked(tracked)), "deletion_tracked | d1 for a.qcow2, given 60 s");
        let moved = DeletionMoved {
            id: "d1".into(),
            state: DeletionState::Pending.into(),
            code: "STILL_PRESENT".into(),
            message: "there".into(),
            baseline: samples::confirmed().baseline,
        };
        assert!(
            sentence(Kind::DeletionMoved(moved))
                .starts_with("deletion_moved | d1 is PENDING, STILL_PRESENT: there; owed: file 4711")
        );
        let ended = DeletionEnded {
            id: "d1".into(),
            state: DeletionState::Failed.into(),
            code: "STILL_PRESENT".into(),
            message: "there".into(),
            evidence: None,
        };
        assert_eq!(
            sentence(Kind::DeletionEnded(ended)),
            "deletion_ended | d1 ended FAILED, STILL_PRESENT: there"
        );
        let late = LateEvidence { id: "d1".into(), evidence: samples::confirmed().evidence };
        assert!(
            sentence(Kind::LateEvidence(late))
                .starts_with("late_evidence | d1 was absent after its end: statx")
        );
    }

    #[test]
    fn facts() {
        let fact = |kind| {
            let fact = Some(Fact { fact: Some(kind) });
            sentence(Kind::FactAccepted(FactAccepted { fact, ..Default::default() }))
        };
        let item =
            |path: &str| Sighting { path: path.into(), kind: SightingKind::Deleted.into(), directory: false };
        let seen = Sightings {
            mount_point: "/mnt/a".into(),
            source: SightingSource::Watch.into(),
            items: ["a", "b", "c", "d"].map(item).to_vec(),
            at_ms: 0,
        };
        assert_eq!(
            fact(FactKind::Sightings(seen)),
            "fact_accepted | ssvm-1: 4 names went on /mnt/a (watch): a deleted, b deleted, c deleted, ..."
        );
        let blind = Gap {
            mount_point: "/mnt/a".into(),
            cause: GapCause::Overflow.into(),
            complete: true,
            missing: 2,
            present: 7,
            ..Default::default()
        };
        assert_eq!(
            fact(FactKind::Gap(blind)),
            "fact_accepted | ssvm-1: blind on /mnt/a (overflow), made whole by a rescan: 2 missing, 7 present"
        );
        let base = Baseline { deletion_id: "d1".into(), file: samples::confirmed().baseline };
        assert!(fact(FactKind::Baseline(base)).starts_with("fact_accepted | ssvm-1: d1 is for file 4711"));
        let absent = Absent { deletion_id: "d1".into(), evidence: None };
        assert_eq!(
            fact(FactKind::Absent(absent)),
            "fact_accepted | ssvm-1: d1 is absent: no evidence came with it"
        );
        let nothing = sentence(Kind::FactAccepted(FactAccepted::default()));
        assert_eq!(nothing, "fact_accepted | ssvm-1: a fact of a newer agent");
    }

    #[test]
    fn conditions_and_the_unknown() {
        let changed = ConditionChanged {
            from: Condition::Available.into(),
            to: 9,
            reasons: vec![samples::reason("HUNG", "no answer")],
        };
        assert_eq!(
            sentence(Kind::ConditionChanged(changed)),
            "condition_changed | AVAILABLE to UNRECOGNISED(9), HUNG: no answer"
        );
        assert_eq!(
            line(None),
            "42  2025-10-09T08:53:20.000Z  unrecognised       5f1c0c5b  an event of a newer controller"
        );
    }
}
