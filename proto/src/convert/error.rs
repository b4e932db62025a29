//! Why a message of a peer is not taken: which field, and what is wrong with it. Owns the error and the way a field's
//! path grows from the inside out; must not know any single message.

use storewarden_types::PathError;
use storewarden_types::id::IdError;
use thiserror::Error;

/// A message that is refused as a whole: nothing of it was used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{field}: {problem}")]
pub struct DecodeError {
    /// Path of the field in its message, such as `hello.mounts[3].mount_point`.
    pub field: String,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    /// Absent (or empty, which on the wire is the same) where the protocol wants a value.
    #[error("is required and absent")]
    Missing,
    /// A text that names something is over its bound. Clipped, it would name something else.
    #[error("has {bytes} bytes; at most {max} are allowed")]
    TooLong {
        /// As received.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// A list is over its bound.
    #[error("has {count} items; at most {max} are allowed")]
    TooMany {
        /// As received.
        count: usize,
        /// The bound.
        max: usize,
    },
    /// Bytes of a fixed length have another.
    #[error("has {bytes} bytes; exactly {want} are wanted")]
    WrongLength {
        /// As received.
        bytes: usize,
        /// What is wanted.
        want: usize,
    },
    /// A value of an enumeration that this version does not know; 0 is never sent on purpose.
    #[error("holds the unknown value {0}")]
    UnknownValue(i32),
    /// NaN or an infinity.
    #[error("is not a finite number")]
    NotFinite,
    /// A number outside its range.
    #[error("is {value}; {min} to {max} are allowed")]
    OutOfRange {
        /// As received.
        value: u64,
        /// Smallest allowed.
        min: u64,
        /// Largest allowed.
        max: u64,
    },
    /// A mount point that does not begin with a slash.
    #[error("is not an absolute path")]
    NotAbsolute,
    /// A NUL byte, which no name of a file, mount or probe can hold.
    #[error("holds a NUL byte")]
    Nul,
    /// Two fields that cannot both be so.
    #[error("{0}")]
    Contradiction(&'static str),
    /// Not an id.
    #[error(transparent)]
    Id(#[from] IdError),
    /// Not a path inside a store.
    #[error(transparent)]
    Path(#[from] PathError),
}

impl Problem {
    /// This problem of the field `name`.
    pub(crate) fn of(self, name: &str) -> DecodeError {
        DecodeError { field: name.to_owned(), problem: self }
    }
}

impl DecodeError {
    /// The same error, seen from the message that holds the failed one in its field `name`.
    fn inside(mut self, name: &str) -> Self {
        let dot = if self.field.is_empty() || self.field.starts_with('[') { "" } else { "." };
        self.field = format!("{name}{dot}{}", self.field);
        self
    }
}

/// Tells an inner result where it stands in the outer message.
pub(crate) trait At<T> {
    /// In the field `name`.
    fn at(self, name: &str) -> Result<T, DecodeError>;
    /// In item `index` of the repeated field `name`.
    fn at_item(self, name: &str, index: usize) -> Result<T, DecodeError>;
}

impl<T> At<T> for Result<T, DecodeError> {
    fn at(self, name: &str) -> Self {
        self.map_err(|error| error.inside(name))
    }

    fn at_item(self, name: &str, index: usize) -> Self {
        self.map_err(|error| error.inside(&format!("{name}[{index}]")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_grows_from_the_inside_out() {
        let inner: Result<(), _> = Err(Problem::NotFinite.of("value"));
        let outer = inner.at_item("metrics", 2).at_item("observations", 0).at("mount").unwrap_err();
        assert_eq!(outer.to_string(), "mount.observations[0].metrics[2].value: is not a finite number");
        let bare: Result<(), _> = Err(Problem::UnknownValue(9).of(""));
        assert_eq!(bare.at("kind").unwrap_err().to_string(), "kind: holds the unknown value 9");
    }
}
