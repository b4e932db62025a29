//! The kinds of events, by the name and number of their field in `v1.Event`. Owns the list; it never changes but by
//! growing, for the numbers are in ledgers and the names in clients.

use storewarden_proto::v1::event::Event;

macro_rules! kinds {
    ($($variant:ident = $number:literal $name:literal),+ $(,)?) => {
        /// What an event tells.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventKind {
            $(#[doc = concat!("Field `", $name, "` of `v1.Event`.")] $variant = $number),+
        }

        impl EventKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The kind of an event.
            #[must_use]
            pub const fn of(event: &Event) -> Self {
                match event { $(Event::$variant(_) => Self::$variant),+ }
            }

            /// The field's name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

kinds! {
    AgentSeen = 5 "agent_seen",
    MountSeen = 6 "mount_seen",
    MountForgotten = 7 "mount_forgotten",
    FactAccepted = 8 "fact_accepted",
    DeletionTracked = 9 "deletion_tracked",
    DeletionMoved = 10 "deletion_moved",
    DeletionEnded = 11 "deletion_ended",
    LateEvidence = 12 "late_evidence",
    ConditionChanged = 13 "condition_changed",
}

impl EventKind {
    /// The kind of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// The field's number.
    #[must_use]
    pub const fn number(self) -> i64 {
        self as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_those_of_the_proto() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::named(kind.name()), Some(*kind));
            // FieldDescriptorProto: name is field 1 (0x0a), number is field 3 (0x18).
            let name = kind.name().as_bytes();
            let mut field = vec![0x0a, u8::try_from(name.len()).unwrap()];
            field.extend_from_slice(name);
            field.extend_from_slice(&[0x18, u8::try_from(kind.number()).unwrap()]);
            let found = storewarden_proto::DESCRIPTOR.windows(field.len()).any(|w| w == field);
            assert!(found, "{} is not field {} of any message", kind.name(), kind.number());
        }
    }
}
