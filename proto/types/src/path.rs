//! Paths inside a store. Owns what a well-formed one is; touches no file system.

use crate::limits::{NAME_BYTES_MAX, PATH_BYTES_MAX};
use std::fmt;
use thiserror::Error;

/// The name of Storewarden's own directory at the root of a store.
pub const OWN_DIRECTORY: &str = ".storewarden";

/// A path relative to a store's root: one or more components, none of them empty, `.` or `..`, no NUL, at most
/// [`PATH_BYTES_MAX`] bytes in all and [`NAME_BYTES_MAX`] each. Compared byte by byte: Storewarden folds neither case
/// nor Unicode forms.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StorePath(String);

/// Why a text is not a [`StorePath`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PathError {
    /// Nothing, or nothing but slashes.
    #[error("the path is empty; a store's root cannot be tracked")]
    Empty,
    /// More than [`PATH_BYTES_MAX`] bytes.
    #[error("the path has {0} bytes; at most {PATH_BYTES_MAX} are possible")]
    TooLong(usize),
    /// A component over [`NAME_BYTES_MAX`] bytes.
    #[error("a component of the path has {0} bytes; at most {NAME_BYTES_MAX} are possible")]
    NameTooLong(usize),
    /// A `.` or `..` component.
    #[error("the path has a {0:?} component; write it without")]
    Dots(&'static str),
    /// A NUL byte.
    #[error("the path holds a NUL byte")]
    Nul,
    /// An absolute path where none of the store's mount points is a prefix.
    #[error("the absolute path is not under a mount point of the store ({mount_points})")]
    Outside {
        /// The mount points that would have done, separated by commas.
        mount_points: String,
    },
    /// Storewarden's own directory.
    #[error("the path is in {OWN_DIRECTORY}/, which is Storewarden's own")]
    Reserved,
}

impl PathError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> crate::Code {
        match self {
            Self::Outside { .. } => crate::Code::PathOutsideStore,
            Self::Reserved => crate::Code::PathReserved,
            _ => crate::Code::PathInvalid,
        }
    }
}

impl StorePath {
    /// Reads a path relative to the store's root. Repeated and trailing slashes are dropped.
    ///
    /// # Errors
    /// See [`PathError`]; an absolute path is `Outside`.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if text.starts_with('/') {
            return Err(PathError::Outside { mount_points: "a relative path is wanted here".into() });
        }
        Self::relative(text)
    }

    /// Reads a path as a person gives it: relative to the root, or absolute under one of `mount_points`.
    ///
    /// # Errors
    /// See [`PathError`].
    pub fn parse_under<'a>(
        text: &str,
        mount_points: impl Iterator<Item = &'a str> + Clone,
    ) -> Result<Self, PathError> {
        if !text.starts_with('/') {
            return Self::relative(text);
        }
        for mount_point in mount_points.clone() {
            let prefix = mount_point.trim_end_matches('/');
            if let Some(rest) = text.strip_prefix(prefix)
                && (rest.is_empty() || rest.starts_with('/'))
            {
                return Self::relative(rest);
            }
        }
        let listed: Vec<&str> = mount_points.take(8).collect();
        Err(PathError::Outside { mount_points: listed.join(", ") })
    }

    fn relative(text: &str) -> Result<Self, PathError> {
        if text.len() > PATH_BYTES_MAX {
            return Err(PathError::TooLong(text.len()));
        }
        if text.contains('\0') {
            return Err(PathError::Nul);
        }
        let mut clean = String::with_capacity(text.len());
        for name in text.split('/').filter(|n| !n.is_empty()) {
            match name {
                "." => return Err(PathError::Dots(".")),
                ".." => return Err(PathError::Dots("..")),
                _ if name.len() > NAME_BYTES_MAX => return Err(PathError::NameTooLong(name.len())),
                _ => {}
            }
            if !clean.is_empty() {
                clean.push('/');
            }
            clean.push_str(name);
        }
        match clean.split('/').next() {
            Some("") | None => Err(PathError::Empty),
            Some(OWN_DIRECTORY) => Err(PathError::Reserved),
            Some(_) => Ok(Self(clean)),
        }
    }

    /// The path as text, without a leading slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Parent (empty for a child of the root) and last component.
    #[must_use]
    pub fn split(&self) -> (&str, &str) {
        self.0.rsplit_once('/').unwrap_or(("", &self.0))
    }
}

impl fmt::Display for StorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        let mps = ["/mnt/a", "/mnt/b/"];
        let p = |t: &str| StorePath::parse_under(t, mps.into_iter()).map(|p| p.0);
        assert_eq!(p("x/y").as_deref(), Ok("x/y"));
        assert_eq!(p("x//y/").as_deref(), Ok("x/y"));
        assert_eq!(p("/mnt/a/x").as_deref(), Ok("x"));
        assert_eq!(p("/mnt/b/x").as_deref(), Ok("x"));
        assert_eq!(p("/mnt/a"), Err(PathError::Empty));
        assert_eq!(p(""), Err(PathError::Empty));
        assert!(matches!(p("/mnt/ab/x"), Err(PathError::Outside { .. })));
        assert_eq!(p("x/../y"), Err(PathError::Dots("..")));
        assert_eq!(p("/mnt/a/../b"), Err(PathError::Dots("..")));
        assert_eq!(p("./x"), Err(PathError::Dots(".")));
        assert_eq!(p("a\0b"), Err(PathError::Nul));
        assert_eq!(p(".storewarden/identity"), Err(PathError::Reserved));
        assert_eq!(p(&"n".repeat(256)), Err(PathError::NameTooLong(256)));
        assert_eq!(p(&"n/".repeat(2048)), Err(PathError::TooLong(4096)));
        assert_eq!(StorePath::parse("a/b/c").unwrap().split(), ("a/b", "c"));
        assert_eq!(StorePath::parse("c").unwrap().split(), ("", "c"));
    }
}
