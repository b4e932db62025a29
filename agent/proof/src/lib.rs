//! Proof of a mount and proof of absence: the system calls behind every verdict.
//!
//! Two questions are answered here, and nowhere else in Storewarden:
//!
//! * *Is this mount the store it should be, and does its server answer?* [`prove`], [`identify`], and [`Root`] for
//!   probes that go on from there. The `mount` probe and the verification of deletions share it, so that a probe and
//!   a verdict cannot disagree about a mount.
//! * *Is this path absent from that store?* [`look`]: a bracket of proof, look, proof. "No error" is never evidence.
//!
//! Facts this rests on, all of them measured on Linux NFS clients 6.1 and 6.12 (v3 and v4.2):
//! an ENOENT may come from a cached negative entry although the file exists, even for `statx` with `AT_STATX_FORCE_SYNC`
//! on the child; the same flag on the *parent* cures it. `st_dev`, `f_fsid`, inode numbers and mount ids are empty or
//! used again on NFS; the root's file handle is not. `fstatfs` is never answered from a cache. With the mount options
//! `softreval` or `softerr` everything else is, once the server is dead.
//!
//! Every call may block for ever on a dead server; the caller is a process that can be killed. Descriptors live for one
//! question: one that stays open would make `umount` fail.
//!
//! Must not know: plugins, the wire, schedules, retries, what a verdict leads to. Reads no clock but for durations.

#![deny(unsafe_code)]

mod absence;
#[cfg(test)]
mod absence_tests;
mod bracket;
mod cache;
mod errno;
mod error;
#[allow(unsafe_code)] // one system call that rustix does not have
mod handle;
mod identity;
mod identity_json;
#[cfg(test)]
mod identity_tests;
mod listing;
mod mounts;
mod root;
mod seal;
#[cfg(test)]
mod testbed;

pub use absence::{LookBatch, LookRequest, look};
pub use cache::CacheRule;
pub use errno::{code_of, verdict_number};
pub use error::ProofError;
pub use identity::{Proof, Step, identify, prove};
pub use identity_json::{expectation_from_json, identity_to_json};
pub use root::Root;
pub use storewarden_types::Code;
