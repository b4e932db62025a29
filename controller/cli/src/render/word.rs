//! The API's enums as words with their tone. A value of a newer controller is told as its number, in the tone of a
//! failure.

use super::ink::{Ink, Tone};
use comfy_table::Cell;
use storewarden_proto::v1;

/// A word and how it looks.
pub(super) struct Word {
    text: String,
    tone: Tone,
}

impl Word {
    /// In a table.
    pub(super) fn cell(&self, ink: Ink) -> Cell {
        ink.cell(self.tone, &self.text)
    }

    /// In a line.
    pub(super) fn paint(&self, ink: Ink) -> String {
        ink.paint(self.tone, &self.text)
    }

    /// The same with something said beside it, in brackets.
    pub(super) fn with(self, beside: &str) -> Self {
        Self { text: format!("{} ({beside})", self.text), ..self }
    }

    /// In a line, filled up to `width` columns so that lines agree.
    pub(super) fn padded(&self, ink: Ink, width: usize) -> String {
        ink.paint(self.tone, &format!("{:width$}", self.text))
    }

    /// How it looks.
    pub(super) const fn tone(&self) -> Tone {
        self.tone
    }

    /// The word alone.
    pub(super) fn plain(&self) -> &str {
        &self.text
    }
}

/// The word of `value`, which is one of this version, is not UNSPECIFIED, and has `prefix` in the .proto.
fn known(value: i32, prefix: &str, name: Option<&'static str>, tone: Tone) -> Word {
    match name.and_then(|name| name.strip_prefix(prefix)) {
        Some(word) if value != 0 => Word { text: word.to_owned(), tone },
        _ => Word { text: format!("UNRECOGNISED({value})"), tone: Tone::Bad },
    }
}

/// How a mount or store stands.
pub(super) fn condition(value: i32) -> Word {
    use v1::Condition as C;
    let condition = C::try_from(value).ok();
    let tone = match condition {
        Some(C::Available) => Tone::Good,
        Some(C::Degraded) => Tone::Warn,
        Some(C::Unavailable) => Tone::Bad,
        _ => Tone::Doubt,
    };
    known(value, "CONDITION_", condition.map(|c| c.as_str_name()), tone)
}

/// Where a deletion stands.
pub(super) fn state(value: i32) -> Word {
    use v1::DeletionState as S;
    let state = S::try_from(value).ok();
    let tone = match state {
        Some(S::Confirmed) => Tone::Good,
        Some(S::Failed) => Tone::Bad,
        Some(S::Pending | S::PendingSillyRename) => Tone::Busy,
        _ => Tone::Doubt,
    };
    known(value, "DELETION_STATE_", state.map(|s| s.as_str_name()), tone)
}

/// What the gate says.
pub(super) fn decision(value: i32) -> Word {
    use v1::Decision as D;
    let decision = D::try_from(value).ok();
    let tone = if decision == Some(D::Admit) { Tone::Good } else { Tone::Bad };
    known(value, "DECISION_", decision.map(|d| d.as_str_name()), tone)
}

/// What a probe said.
pub(super) fn verdict(value: i32) -> Word {
    use v1::Verdict as V;
    let verdict = V::try_from(value).ok();
    let tone = match verdict {
        Some(V::Ok) => Tone::Good,
        Some(V::Warn) => Tone::Warn,
        Some(V::Crit) => Tone::Bad,
        _ => Tone::Doubt,
    };
    known(value, "VERDICT_", verdict.map(|v| v.as_str_name()), tone)
}

/// How far a watch reaches.
pub(super) fn watch(value: i32) -> Word {
    use v1::WatchState as W;
    let state = W::try_from(value).ok();
    let tone = match state {
        Some(W::Watching) => Tone::Good,
        Some(W::Starting) => Tone::Busy,
        _ => Tone::Warn,
    };
    known(value, "WATCH_STATE_", state.map(|w| w.as_str_name()), tone)
}

/// How a mount is proven, in lower case for sentences.
pub(super) fn mount_kind(value: i32) -> String {
    let name = v1::MountKind::try_from(value).ok().map(|kind| kind.as_str_name());
    lower(&known(value, "MOUNT_KIND_", name, Tone::Plain))
}

/// What a directory entry is.
pub(super) fn file_kind(value: i32) -> String {
    let name = v1::FileKind::try_from(value).ok().map(|kind| kind.as_str_name());
    lower(&known(value, "FILE_KIND_", name, Tone::Plain))
}

/// What a file event said.
pub(super) fn sighting_kind(value: i32) -> String {
    let name = v1::SightingKind::try_from(value).ok().map(|kind| kind.as_str_name());
    lower(&known(value, "SIGHTING_KIND_", name, Tone::Plain))
}

/// Where sightings came from.
pub(super) fn sighting_source(value: i32) -> String {
    let name = v1::SightingSource::try_from(value).ok().map(|source| source.as_str_name());
    lower(&known(value, "SIGHTING_SOURCE_", name, Tone::Plain))
}

/// Why sightings may be missing.
pub(super) fn gap_cause(value: i32) -> String {
    let name = v1::GapCause::try_from(value).ok().map(|cause| cause.as_str_name());
    lower(&known(value, "GAP_CAUSE_", name, Tone::Plain))
}

fn lower(word: &Word) -> String {
    word.text.to_ascii_lowercase().replace('_', " ")
}

/// The codes of reasons: "PARTIAL, STALE_HANDLE", or a dash.
pub(super) fn codes(reasons: &[v1::Reason]) -> String {
    if reasons.is_empty() {
        return "-".to_owned();
    }
    reasons.iter().map(|reason| reason.code.as_str()).collect::<Vec<_>>().join(", ")
}

/// "CODE: sentence", with what is missing left out.
pub(super) fn because(code: &str, message: &str) -> String {
    match (code, message) {
        ("", message) => message.to_owned(),
        (code, "") => code.to_owned(),
        (code, message) => format!("{code}: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lose_their_prefix() {
        assert_eq!(condition(1).plain(), "AVAILABLE");
        assert_eq!(state(2).plain(), "PENDING_SILLY_RENAME");
        assert_eq!(decision(2).plain(), "DENY");
        assert_eq!(verdict(3).plain(), "CRIT");
        assert_eq!(watch(4).plain(), "PARTIAL");
        assert_eq!(sighting_kind(3), "missing at rescan");
        assert_eq!(mount_kind(1), "network");
    }

    #[test]
    fn what_is_not_known_is_bad() {
        for word in [condition(0), condition(9), state(0), state(9), decision(9), verdict(0), watch(-3)] {
            assert!(word.plain().starts_with("UNRECOGNISED("), "{}", word.plain());
            assert_eq!(word.tone, Tone::Bad);
        }
        assert_eq!(file_kind(77), "unrecognised(77)");
    }

    #[test]
    fn reasons_in_short() {
        let reason = |code: &str| v1::Reason { code: code.into(), message: "m".into() };
        assert_eq!(codes(&[]), "-");
        assert_eq!(codes(&[reason("PARTIAL"), reason("HUNG")]), "PARTIAL, HUNG");
        assert_eq!(because("HUNG", "it hangs"), "HUNG: it hangs");
        assert_eq!(because("", "it hangs"), "it hangs");
        assert_eq!(because("HUNG", ""), "HUNG");
    }
}
