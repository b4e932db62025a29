//! What is to be looked at. Owns the borrowed view of one mount; opens nothing.

use std::ffi::OsStr;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// The mount that is asked about. Lent for one call.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    mount_point: &'a [u8],
    fs_type: &'a str,
    source: &'a [u8],
    identity_json: &'a str,
    root: Option<BorrowedFd<'a>>,
}

impl<'a> Target<'a> {
    /// The mount at an absolute path, with nothing else known. The other parts are added with the methods below; a host
    /// fills in all of them.
    #[must_use]
    pub fn at(mount_point: &'a (impl AsRef<OsStr> + ?Sized)) -> Self {
        let mount_point = mount_point.as_ref().as_bytes();
        Self { mount_point, fs_type: "", source: b"", identity_json: "", root: None }
    }

    /// With this file-system type.
    #[must_use]
    pub fn with_fs_type(self, fs_type: &'a str) -> Self {
        Self { fs_type, ..self }
    }

    /// With this source.
    #[must_use]
    pub fn with_source(self, source: &'a [u8]) -> Self {
        Self { source, ..self }
    }

    /// With this expected identity.
    #[must_use]
    pub fn with_identity_json(self, identity_json: &'a str) -> Self {
        Self { identity_json, ..self }
    }

    /// With this descriptor of its root.
    #[must_use]
    pub fn with_root(self, root: Option<BorrowedFd<'a>>) -> Self {
        Self { root, ..self }
    }

    /// Absolute path of the mount point; need not be UTF-8.
    #[must_use]
    pub fn mount_point(&self) -> &'a Path {
        Path::new(OsStr::from_bytes(self.mount_point))
    }

    /// File-system type as mountinfo writes it: `nfs4`.
    #[must_use]
    pub fn fs_type(&self) -> &'a str {
        self.fs_type
    }

    /// Source as mountinfo writes it, such as `server:/export`; bytes.
    #[must_use]
    pub fn source(&self) -> &'a [u8] {
        self.source
    }

    /// What the mount is expected to be, as one JSON object; empty when nothing is known. Keys: see `swp_probe_args`
    /// in the header.
    #[must_use]
    pub fn identity_json(&self) -> &'a str {
        self.identity_json
    }

    /// An O_PATH descriptor of the mount's root, when the host holds one. Otherwise open the mount point yourself.
    #[must_use]
    pub fn root(&self) -> Option<BorrowedFd<'a>> {
        self.root
    }
}
