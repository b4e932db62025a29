//! What is noted of a remembered name, in one byte. Owns the bits; the follower gives them their meaning.

/// What a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Anything but a directory; symbolic links are never followed.
    File,
    /// A directory that is followed.
    Directory,
    /// A directory of another mount: not ours to look into.
    Foreign,
}

/// What is noted of a name, in one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Note(pub(super) u8);

impl Note {
    pub(super) const KIND: u8 = 0b11;
    /// Told and gone; kept because an event that says so once more is still expected.
    const GONE: u8 = 1 << 2;
    /// The listing under way has it.
    const SEEN: u8 = 1 << 3;
    /// A listing did not have it, and no event has said so yet.
    const SUSPECT: u8 = 1 << 4;
    /// An event "removed" of an earlier directory of this name is still expected.
    const ECHO: u8 = 1 << 5;
    /// There was an echo once, and one word may have been taken for another.
    const SHAKY: u8 = 1 << 6;
    /// The name was removed and its bytes wait to be given back.
    pub(super) const DEAD: u8 = 1 << 7;

    pub(super) const fn of(kind: Kind) -> Self {
        Self(kind as u8)
    }

    pub(super) const fn kind(self) -> Kind {
        match self.0 & Self::KIND {
            0 => Kind::File,
            1 => Kind::Directory,
            _ => Kind::Foreign,
        }
    }

    pub(super) const fn is_gone(self) -> bool {
        self.0 & Self::GONE != 0
    }

    pub(super) const fn is_seen(self) -> bool {
        self.0 & Self::SEEN != 0
    }

    pub(super) const fn is_suspect(self) -> bool {
        self.0 & Self::SUSPECT != 0
    }

    pub(super) const fn has_echo(self) -> bool {
        self.0 & Self::ECHO != 0
    }

    pub(super) const fn is_shaky(self) -> bool {
        self.0 & Self::SHAKY != 0
    }

    const fn with(self, bit: u8, on: bool) -> Self {
        if on { Self(self.0 | bit) } else { Self(self.0 & !bit) }
    }

    pub(super) const fn gone(self, on: bool) -> Self {
        self.with(Self::GONE, on)
    }

    pub(super) const fn seen(self, on: bool) -> Self {
        self.with(Self::SEEN, on)
    }

    pub(super) const fn suspect(self, on: bool) -> Self {
        self.with(Self::SUSPECT, on)
    }

    /// With an echo to come, the name is shaky from now on.
    pub(super) const fn echo(self, on: bool) -> Self {
        self.with(Self::ECHO, on).with(Self::SHAKY, on || self.is_shaky())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_keep_the_kind() {
        for kind in [Kind::File, Kind::Directory, Kind::Foreign] {
            let note = Note::of(kind).gone(true).seen(true).suspect(true).echo(true);
            assert!(note.is_gone() && note.is_seen() && note.is_suspect() && note.has_echo());
            let none = note.gone(false).seen(false).suspect(false).echo(false);
            assert_eq!((note.kind(), none.kind()), (kind, kind));
            assert!(!none.is_gone() && !none.is_seen() && !none.is_suspect() && !none.has_echo());
            assert!(none.is_shaky() && !Note::of(kind).is_shaky());
        }
    }
}
