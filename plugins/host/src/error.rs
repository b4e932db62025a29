//! What can go wrong: at loading (per file) and in a call (per kind). Owns the words; Display never repeats a source.

use crate::call::Said;
use crate::instance::LogLine;
use crate::manifest::ManifestError;
use std::path::PathBuf;
use storewarden_plugin_abi as abi;
use thiserror::Error;

/// Why a file is no plugin.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The directory cannot be read.
    #[error("{}: cannot read the plugin directory", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There are more files than [`PLUGINS_MAX`](crate::PLUGINS_MAX).
    #[error("{}: more than {max} plugins; {} and what follows by name is not loaded", path.display(), first.display())]
    TooMany {
        /// The directory.
        path: PathBuf,
        /// The bound.
        max: usize,
        /// The first file beyond it.
        first: PathBuf,
    },
    /// The file cannot be opened.
    #[error("{}: cannot open the plugin", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Somebody else could have written what would be run here.
    #[error("{}: {why}; refused, for what is loaded runs with our rights", path.display())]
    Unsafe {
        /// The file or directory.
        path: PathBuf,
        /// Owner or mode, in words.
        why: String,
    },
    /// The dynamic linker refuses it.
    #[error("{}: cannot be loaded as a shared library", path.display())]
    Link {
        /// The file.
        path: PathBuf,
        /// What the linker says: a missing library or symbol, another architecture, a newer glibc.
        source: libloading::Error,
    },
    /// It exports no entry function.
    #[error("{}: exports no {}; not a Storewarden probe", path.display(), abi::SWP_ENTRY_SYMBOL)]
    NoEntry {
        /// The file.
        path: PathBuf,
    },
    /// It speaks another major version of the ABI.
    #[error("{}: speaks version {found} of the probe ABI; this host speaks {}", path.display(), abi::SWP_ABI_MAJOR)]
    Major {
        /// The file.
        path: PathBuf,
        /// The plugin's major.
        found: u16,
    },
    /// It needs a newer minor version of the ABI.
    #[error("{}: needs probe ABI {}.{needed}; this host has {}.{}", path.display(), abi::SWP_ABI_MAJOR,
        abi::SWP_ABI_MAJOR, abi::SWP_ABI_MINOR)]
    Minor {
        /// The file.
        path: PathBuf,
        /// The minor it needs.
        needed: u16,
    },
    /// Its table is smaller than version 1.0's.
    #[error("{}: its table says {size} bytes; version 1.0 has {min}", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// What its `size` says; 0 also when the entry function returned NULL.
        size: u32,
        /// What it must be at least.
        min: usize,
    },
    /// A function is NULL.
    #[error("{}: the function {name} is missing from its table", path.display())]
    MissingFunction {
        /// The file.
        path: PathBuf,
        /// Which.
        name: &'static str,
    },
    /// Its manifest is not one.
    #[error("{}: its manifest is no good", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ManifestError,
    },
    /// Another file has the same name in its manifest.
    #[error("{}: a probe named {name:?} was loaded from {} already", path.display(), first.display())]
    Duplicate {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
        /// The file that has it.
        first: PathBuf,
    },
}

/// How a call ended without a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProbeErrorKind {
    /// The configuration cannot work.
    #[error("refuses its configuration")]
    Config,
    /// Gave up because it was cancelled.
    #[error("was cancelled")]
    Cancelled,
    /// Has no meaning for this target: skip it, no alarm.
    #[error("does not apply to this mount")]
    Unsupported,
    /// Could not measure.
    #[error("could not measure")]
    Failed,
    /// A fault of the probe itself; its instance is no good any more.
    #[error("has a fault of its own")]
    Internal,
    /// `create` said OK and made nothing.
    #[error("made no instance")]
    NoInstance,
    /// `probe` said OK and gave no verdict.
    #[error("gave no verdict")]
    NoVerdict,
    /// `probe` gave several verdicts.
    #[error("gave more than one verdict")]
    TwoVerdicts,
    /// A result that the ABI does not know.
    #[error("returned {0}, which means nothing")]
    Unknown(i32),
}

impl ProbeErrorKind {
    /// The kind of a result; `None` for success.
    pub(crate) const fn of(number: i32) -> Option<Self> {
        Some(match number {
            abi::SWP_OK => return None,
            abi::SWP_E_CONFIG => Self::Config,
            abi::SWP_E_CANCELLED => Self::Cancelled,
            abi::SWP_E_UNSUPPORTED => Self::Unsupported,
            abi::SWP_E_FAILED => Self::Failed,
            abi::SWP_E_INTERNAL => Self::Internal,
            other => Self::Unknown(other),
        })
    }
}

/// A call without a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the probe {kind}{}{message}", if message.is_empty() { "" } else { ": " })]
pub struct ProbeError {
    /// How it ended.
    pub kind: ProbeErrorKind,
    /// The probe's own text, or what the host had refused; may be empty.
    pub message: String,
    /// What it logged before.
    pub log: Vec<LogLine>,
}

impl ProbeError {
    pub(crate) fn from_said(kind: ProbeErrorKind, mut said: Said) -> Self {
        let log = said.close_log();
        let refused = said.refusal.map(|what| format!("the host refused {what}"));
        let message = if said.failure.is_empty() { refused.unwrap_or_default() } else { said.failure };
        Self { kind, message, log }
    }

    /// The call's own record was gone: a fault of this host.
    pub(crate) fn lost() -> Self {
        Self { kind: ProbeErrorKind::Internal, message: "the host lost the call".into(), log: Vec::new() }
    }
}
