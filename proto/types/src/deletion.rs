//! Tracked deletions: states, looks, evidence. Owns the shapes; the worker looks, the controller core concludes.

use crate::{AgentId, Code, MountIdentity, MountKind, Wall};

/// Where a deletion stands. The last three are the only ends there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeletionState {
    /// Not ended; looks are under way.
    Pending,
    /// Not ended; the name is gone but an NFS client still holds the bytes as `.nfsXXXX`.
    PendingSillyRename,
    /// Ended: absent from the proven store after the request, with evidence.
    Confirmed,
    /// Ended: at the deadline the path was still there.
    Failed,
    /// Ended: the store could not be examined (or the caller cancelled).
    Unknown,
}

impl DeletionState {
    /// Whether nothing more can change.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Confirmed | Self::Failed | Self::Unknown)
    }

    /// The word for people, logs and the ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::PendingSillyRename => "PendingSillyRename",
            Self::Confirmed => "Confirmed",
            Self::Failed => "Failed",
            Self::Unknown => "Unknown",
        }
    }
}

/// What a directory entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link (never followed).
    Symlink,
    /// A device, socket or pipe.
    Other,
}

/// What tells one file from another that takes its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FileIdentity {
    /// st_ino: on NFS the server's file id. Reused after a deletion, so never compared alone.
    pub file_id: u64,
    /// st_ctime in nanoseconds since the epoch. Changes with every change of the file.
    pub ctime_ns: i64,
    /// stx_btime in nanoseconds since the epoch, where the file system has one: constant for a file's life.
    pub btime_ns: Option<i64>,
    /// Bytes.
    pub size: u64,
    /// What it is.
    pub kind: FileKind,
    /// Hard links; above 1, a deletion of this name frees nothing.
    pub links: u64,
}

/// A file that was found where absence was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenFile {
    /// What is there.
    pub file: FileIdentity,
    /// Whether it is another file than the baseline.
    pub replaced: bool,
}

/// What one look at one path found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookOutcome {
    /// Absent between two proofs of the mount.
    Absent {
        /// How absence was seen, in words: which directory, how many entries were listed.
        how: String,
    },
    /// There.
    Present(SeenFile),
    /// The name is gone, the bytes are not.
    SillyRenamed {
        /// The `.nfsXXXX` name.
        name: String,
    },
    /// Could not be told.
    Unverifiable {
        /// Why.
        code: Code,
        /// One sentence naming the operation that failed.
        detail: String,
    },
}

impl LookOutcome {
    /// The stable code of this outcome.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Absent { .. } => Code::Absent,
            Self::Present(SeenFile { replaced: false, .. }) => Code::StillPresent,
            Self::Present(_) => Code::Replaced,
            Self::SillyRenamed { .. } => Code::SillyRenamed,
            Self::Unverifiable { code, .. } => *code,
        }
    }
}

/// The two proofs of the mount around a look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProofSummary {
    /// mountinfo's id of the mount, the same before and after.
    pub mount_id: u64,
    /// What was proven before, in words, in order.
    pub before: Vec<String>,
    /// What was proven again after, in words, in order.
    pub after: Vec<String>,
    /// Microseconds from the first call to the last.
    pub took_us: u64,
}

/// One look at one tracked path, as the agent tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// What was found.
    pub outcome: LookOutcome,
    /// When the look began, wall clock of the agent's host: for people.
    pub began_at: Wall,
}

/// What a Confirmed rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Who looked.
    pub agent: AgentId,
    /// Where the store was mounted there.
    pub mount_point: String,
    /// Source as mountinfo writes it.
    pub source: String,
    /// File-system type.
    pub fs_type: String,
    /// How the mount was proven.
    pub kind: MountKind,
    /// The marks that were compared.
    pub identity: MountIdentity,
    /// The two proofs.
    pub proof: ProofSummary,
    /// How absence was seen.
    pub how: String,
    /// When the look began, wall clock of the agent's host.
    pub began_at: Wall,
    /// When it ended, likewise.
    pub ended_at: Wall,
    /// The file that was tracked, if an earlier look found it.
    pub baseline: Option<FileIdentity>,
    /// File events seen for this path since it was tracked: hints that agree, not proof.
    pub sightings: u32,
}

/// How a deletion ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletionEnd {
    /// Confirmed, Failed or Unknown.
    pub state: DeletionState,
    /// Why.
    pub code: Code,
    /// One sentence for people.
    pub message: String,
    /// When, wall clock of the controller.
    pub at: Wall,
    /// Present exactly when Confirmed.
    pub evidence: Option<Evidence>,
}
