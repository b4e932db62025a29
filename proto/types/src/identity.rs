//! What proves that a mount is the right store. Owns the data; `storewarden-proof` makes and checks it.

/// What kind of thing a mount is, which decides how it is proven and how its store is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MountKind {
    /// A network file system (nfs, nfs4, cifs, ...): the source names the store on every host.
    Network,
    /// Any other mounted file system: the store is local to the host.
    Local,
    /// A plain directory, for trying things out: nothing is mounted there, so "not mounted" cannot be told from "empty".
    Dir,
}

impl MountKind {
    /// The kind that a file-system type belongs to.
    #[must_use]
    pub fn of_fs_type(fs_type: &str) -> Self {
        match fs_type {
            "nfs" | "nfs4" | "cifs" | "smb3" | "ceph" | "glusterfs" | "fuse.glusterfs" | "9p" => {
                Self::Network
            }
            _ => Self::Local,
        }
    }

    /// The word for people and the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Local => "local",
            Self::Dir => "dir",
        }
    }
}

/// The marks of a store's root, taken once when the mount is first proven ("pinned") and compared ever after.
///
/// On NFS, `st_dev`, `f_fsid`, inode numbers and mount ids are reused or empty, so none of them is here; the file
/// handle of the root is the server's own and survives a remount.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct MountIdentity {
    /// name_to_handle_at(2) of the root: handle type and bytes, in hexadecimal. `None` where the file system has no
    /// handles (EOPNOTSUPP).
    pub root_handle: Option<String>,
    /// Inode number and birth time (ns) of the root: the weaker stand-in where there is no handle.
    pub root_inode: Option<(u64, i64)>,
    /// First line of `.storewarden/identity`; the only mark that tells a blank file system behind the same export.
    pub file_id: Option<String>,
}

impl MountIdentity {
    /// In words, strongest first: for evidence and for `store show`.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut parts = Vec::new();
        if self.file_id.is_some() {
            parts.push("identity file");
        }
        if self.root_handle.is_some() {
            parts.push("root file handle");
        } else if self.root_inode.is_some() {
            parts.push("root inode and birth time (weak: no file handles here)");
        }
        if parts.is_empty() { "source and type only (weak)".into() } else { parts.join(", ") }
    }
}

/// What a mount must be found to be before any look at it counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MountExpectation {
    /// Absolute path.
    pub mount_point: String,
    /// Source as mountinfo writes it; for kind `Dir` the directory itself.
    pub source: String,
    /// File-system type as mountinfo writes it; for kind `Dir` the word `dir`.
    pub fs_type: String,
    /// How it is proven.
    pub kind: MountKind,
    /// The pinned marks; `None` until the first proof pins them.
    pub identity: Option<MountIdentity>,
}
