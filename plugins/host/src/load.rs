//! From a file to a checked plugin. Owns libloading, and the order: look at the file, link it, read its table, read its
//! manifest.
//!
//! The file is opened once; what was looked at is what is linked (through `/proc/self/fd`), so that no rename in between
//! can slip another in.

use crate::error::{LoadError, ProbeError};
use crate::manifest::{Capability, Manifest, ManifestError};
use crate::{CancelFlag, Deadline, Instance};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use rustix::fs::{FileType, Mode, OFlags};
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use storewarden_plugin_abi as abi;

/// The functions of a plugin, none of them null.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Functions {
    pub(crate) create: abi::swp_create_fn,
    pub(crate) probe: abi::swp_probe_fn,
    pub(crate) destroy: abi::swp_destroy_fn,
}

/// A loaded plugin. Dropping it does not unload it.
#[derive(Debug)]
pub struct Plugin {
    path: PathBuf,
    manifest: Manifest,
    functions: Functions,
}

impl Plugin {
    /// Loads one file, running its constructors.
    ///
    /// # Errors
    /// See [`LoadError`]; each names the file.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        let file = open_trusted(path)?;
        let library = link(path, file)?;
        let table = table(path, &library)?;
        let missing = |name| LoadError::MissingFunction { path: path.into(), name };
        let functions = Functions {
            create: table.create.ok_or_else(|| missing("create"))?,
            probe: table.probe.ok_or_else(|| missing("probe"))?,
            destroy: table.destroy.ok_or_else(|| missing("destroy"))?,
        };
        let manifest = manifest(table.manifest_json)
            .map_err(|source| LoadError::Manifest { path: path.into(), source })?;
        Ok(Self { path: path.into(), manifest, functions })
    }

    /// Makes an instance from a configuration (one JSON object).
    ///
    /// # Errors
    /// When the probe refuses it or fails.
    pub fn create(
        &self,
        config_json: &str,
        deadline: Deadline,
        cancel: &CancelFlag,
    ) -> Result<Instance, ProbeError> {
        Instance::create(self.functions, config_json, deadline, cancel)
    }

    /// The file it came from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its name: `[a-z][a-z0-9-]*`, at most 64 bytes.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.manifest.name
    }

    /// Its own version; printable ASCII, at most 64 bytes.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.manifest.version
    }

    /// How often it wants to be asked when nothing is configured, in milliseconds.
    #[must_use]
    pub fn default_interval_ms(&self) -> u64 {
        self.manifest.default_interval_ms
    }

    /// How long an answer may take when nothing is configured, in milliseconds.
    #[must_use]
    pub fn default_deadline_ms(&self) -> u64 {
        self.manifest.default_deadline_ms
    }

    /// What it asks to be allowed.
    #[must_use]
    pub fn capabilities(&self) -> &[Capability] {
        &self.manifest.capabilities
    }
}

/// Opens a plugin file that nobody but root and we can have written.
fn open_trusted(path: &Path) -> Result<OwnedFd, LoadError> {
    // NONBLOCK: a pipe under that name must not keep us waiting for its writer.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = rustix::fs::open(path, flags, Mode::empty())
        .map_err(|e| LoadError::Open { path: path.into(), source: e.into() })?;
    check_trusted(path, file.as_fd(), FileType::RegularFile)?;
    Ok(file)
}

/// Refuses what others may write: the code would run with our rights. (sudo has the same rule for its plugins.)
pub(crate) fn check_trusted(path: &Path, file: impl AsFd, wanted: FileType) -> Result<(), LoadError> {
    let stat =
        rustix::fs::fstat(file).map_err(|e| LoadError::Open { path: path.into(), source: e.into() })?;
    let refuse = |why: String| Err(LoadError::Unsafe { path: path.into(), why });
    if FileType::from_raw_mode(stat.st_mode) != wanted {
        return refuse("is not a regular file or directory, as it should be".into());
    }
    let ours = rustix::process::geteuid().as_raw();
    if stat.st_uid != 0 && stat.st_uid != ours {
        return refuse(format!("is owned by user {}, not by root or {ours}", stat.st_uid));
    }
    if stat.st_mode & 0o022 != 0 {
        return refuse(format!(
            "is writable by its group or by everybody (mode {:o})",
            stat.st_mode & 0o7777
        ));
    }
    Ok(())
}

fn link(path: &Path, file: OwnedFd) -> Result<ManuallyDrop<Library>, LoadError> {
    // The descriptor stays open as long as the library, that is for ever: glibc knows libraries by the name they were
    // opened with, and a number used again would give back the first library under it.
    let file = ManuallyDrop::new(file);
    let name = format!("/proc/self/fd/{}", file.as_raw_fd());
    // RTLD_NOW: a missing symbol shows here, not in the middle of a probe. RTLD_LOCAL: plugins do not see each other.
    // SAFETY: this runs foreign code (constructors). The file is root's or ours; the process exists to run it and is
    // expendable. It is never unloaded, so its destructors run at exit only.
    let library = unsafe { Library::open(Some(name), RTLD_NOW | RTLD_LOCAL) };
    library.map(ManuallyDrop::new).map_err(|source| LoadError::Link { path: path.into(), source })
}

fn table(path: &Path, library: &Library) -> Result<abi::swp_plugin, LoadError> {
    // SAFETY: the symbol's name is the ABI's own; a library that exports it means this function.
    let Ok(entry) = (unsafe { library.get::<abi::swp_entry_fn>(abi::SWP_ENTRY_SYMBOL) }) else {
        return Err(other_major(path, library));
    };
    // SAFETY: the ABI's entry function takes nothing and only returns constant data.
    let at = unsafe { entry() };
    let too_small = |e: abi::TooSmall| LoadError::Table { path: path.into(), size: e.size, min: e.min };
    // SAFETY: null or a struct as R1 says; constant for the life of the process.
    let table = unsafe { abi::read(at) }.map_err(too_small)?;
    if table.abi_major != abi::SWP_ABI_MAJOR {
        return Err(LoadError::Major { path: path.into(), found: table.abi_major });
    }
    if table.abi_minor > abi::SWP_ABI_MINOR {
        return Err(LoadError::Minor { path: path.into(), needed: table.abi_minor });
    }
    Ok(table)
}

/// The major version is in the symbol's name: a plugin of a later one can at least be told from no plugin at all.
fn other_major(path: &Path, library: &Library) -> LoadError {
    for found in abi::SWP_ABI_MAJOR + 1..=abi::SWP_ABI_MAJOR + 8 {
        // SAFETY: only whether the symbol is there is asked; it is not called.
        if unsafe { library.get::<abi::swp_entry_fn>(format!("storewarden_probe_v{found}").as_str()) }.is_ok()
        {
            return LoadError::Major { path: path.into(), found };
        }
    }
    LoadError::NoEntry { path: path.into() }
}

fn manifest(text: abi::swp_str) -> Result<Manifest, ManifestError> {
    let len = usize::try_from(text.len).unwrap_or(usize::MAX);
    if text.ptr.is_null() || len > abi::SWP_MANIFEST_BYTES_MAX as usize {
        return Err(ManifestError::Length(text.len));
    }
    // SAFETY: not null, bounded, and constant data of a library that stays loaded (R2).
    Manifest::parse(unsafe { std::slice::from_raw_parts(text.ptr, len) })
}
