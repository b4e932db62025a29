//! Loads Storewarden probes from shared libraries and calls them. The only user of libloading.
//!
//! ```no_run
//! use std::{path::Path, time::Duration};
//! use storewarden_plugin_host::{CancelFlag, Deadline, ProbeTarget, load_dir};
//!
//! let (plugins, errors) = load_dir(Path::new("/usr/lib/storewarden/plugins"));
//! for error in &errors {
//!     eprintln!("{error}");
//! }
//! let target = ProbeTarget { mount_point: b"/mnt/a", fs_type: "nfs4", source: b"h:/e", ..ProbeTarget::default() };
//! let cancel = CancelFlag::default();
//! for plugin in &plugins {
//!     let mut instance = plugin.create("{}", Deadline::after(Duration::from_secs(1)), &cancel)?;
//!     let report = instance.probe(&target, Deadline::after(Duration::from_secs(5)), &cancel)?;
//!     println!("{}: {} {}", plugin.name(), report.verdict, report.reason);
//! }
//! # Ok::<(), storewarden_plugin_host::ProbeError>(())
//! ```
//!
//! Owns the trust border between Storewarden and foreign machine code, as far as one process can hold it: which files
//! are loaded, that a table of functions is complete, that everything a probe says is bounded and copied, that a
//! callback after the end of its call finds nothing. What one process cannot hold is left to its parent: a probe that
//! crashes takes this process along, and one that hangs is ended with it. So this crate has no timeouts, and is used
//! inside a small worker process only.
//!
//! Libraries are never unloaded: there is no sound way to unload one that has thread-local state (rust-lang/rust #59629,
//! unsafe-code-guidelines #526). A new version of a plugin is a new process.
//!
//! Must not know: Storewarden's codes, conditions, wire. One process, one mount; it need not know which.

mod call;
mod callbacks;
mod deadline;
mod directory;
mod error;
mod instance;
mod load;
mod manifest;
mod text;

pub use deadline::{CancelFlag, Deadline};
pub use directory::{PLUGINS_MAX, load_dir};
pub use error::{LoadError, ProbeError, ProbeErrorKind};
pub use instance::{Instance, LogLine, ProbeReport, ProbeTarget};
pub use load::Plugin;
pub use manifest::{Capability, ManifestError};
