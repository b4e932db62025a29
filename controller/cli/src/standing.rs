//! What a deletion's answer is worth. Owns the rule that nothing but a proven CONFIRMED is success: a state or code that
//! this version does not know, or a CONFIRMED without evidence, is not.

use storewarden_proto::v1::{Condition, Deletion, DeletionState};
use storewarden_types::Code;

/// Where a deletion stands, as far as this version can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Looks are under way.
    Pending,
    /// The name is gone, the bytes are not.
    SillyRenamed,
    /// Ended with evidence.
    Confirmed,
    /// Ended; the path is there.
    Failed,
    /// Ended; nobody could tell.
    Unknown,
    /// Ended as CONFIRMED, but without evidence or under a code of a newer controller.
    Unproven,
    /// In a state of a newer controller.
    Unrecognised {
        /// Whether it says when it ended.
        ended: bool,
    },
}

impl Standing {
    /// Where `deletion` stands.
    pub(crate) fn of(deletion: &Deletion) -> Self {
        match DeletionState::try_from(deletion.state) {
            Ok(DeletionState::Pending) => Self::Pending,
            Ok(DeletionState::PendingSillyRename) => Self::SillyRenamed,
            Ok(DeletionState::Failed) => Self::Failed,
            Ok(DeletionState::Unknown) => Self::Unknown,
            Ok(DeletionState::Confirmed) if is_proven(deletion) => Self::Confirmed,
            Ok(DeletionState::Confirmed) => Self::Unproven,
            Ok(DeletionState::Unspecified) | Err(_) => {
                Self::Unrecognised { ended: deletion.ended_at_ms.is_some() }
            }
        }
    }

    /// Whether nothing more can change.
    pub(crate) const fn has_ended(self) -> bool {
        match self {
            Self::Pending | Self::SillyRenamed => false,
            Self::Confirmed | Self::Failed | Self::Unknown | Self::Unproven => true,
            Self::Unrecognised { ended } => ended,
        }
    }

    /// Whether this version can take the answer as it is.
    pub(crate) const fn makes_sense(self) -> bool {
        !matches!(self, Self::Unproven | Self::Unrecognised { .. })
    }
}

fn is_proven(deletion: &Deletion) -> bool {
    deletion.evidence.is_some() && (deletion.code.is_empty() || deletion.code.parse::<Code>().is_ok())
}

/// Whether this version knows a condition.
pub(crate) fn knows_condition(condition: i32) -> bool {
    Condition::try_from(condition).is_ok_and(|condition| condition != Condition::Unspecified)
}

#[cfg(test)]
mod tests {
    use super::*;
    use storewarden_proto::v1::Evidence;

    fn deletion(state: i32) -> Deletion {
        Deletion { state, code: "ABSENT".into(), evidence: Some(Evidence::default()), ..Default::default() }
    }

    #[test]
    fn only_a_proven_confirmed_is_confirmed() {
        let confirmed = DeletionState::Confirmed as i32;
        assert_eq!(Standing::of(&deletion(confirmed)), Standing::Confirmed);
        let bare = Deletion { evidence: None, ..deletion(confirmed) };
        assert_eq!(Standing::of(&bare), Standing::Unproven);
        let novel = Deletion { code: "A_CODE_OF_NEXT_YEAR".into(), ..deletion(confirmed) };
        assert_eq!(Standing::of(&novel), Standing::Unproven);
        for state in (-1..=20).filter(|state| *state != confirmed) {
            assert_ne!(Standing::of(&deletion(state)), Standing::Confirmed, "{state}");
        }
    }

    #[test]
    fn a_state_of_next_year_has_ended_when_it_says_so() {
        let state = Deletion { ended_at_ms: Some(1), ..deletion(9) };
        assert_eq!(Standing::of(&state), Standing::Unrecognised { ended: true });
        assert_eq!(Standing::of(&deletion(9)), Standing::Unrecognised { ended: false });
        assert_eq!(Standing::of(&deletion(0)), Standing::Unrecognised { ended: false });
        assert!(!Standing::of(&deletion(9)).makes_sense());
    }

    #[test]
    fn conditions_of_next_year_are_not_known() {
        assert!((1..=4).all(knows_condition));
        assert!(!knows_condition(0) && !knows_condition(5));
    }
}
