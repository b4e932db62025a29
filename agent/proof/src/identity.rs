//! Whether a mount is the store it should be and its server answers: the first half of every bracket, and the whole of
//! the `mount` probe.

use crate::{CacheRule, ProofError, Root};
use rustix::fs::{Statx, StatxFlags};
use std::time::{Duration, Instant};
use storewarden_types::{Code, MountExpectation, MountIdentity};

/// One thing that was proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// In words.
    pub what: String,
    /// How long it took.
    pub took: Duration,
}

/// A proven mount: what was proven, in order, and how long it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// mountinfo's id of the mount; proof of nothing after it is unmounted.
    pub mount_id: u64,
    /// What the kernel's further answers on this mount are worth.
    pub cache: CacheRule,
    /// What was proven.
    pub steps: Vec<Step>,
    /// From the first call to the last.
    pub took: Duration,
}

/// A proof with the root still open, to go on from.
pub(crate) struct Proven {
    pub(crate) root: Root,
    pub(crate) proof: Proof,
    /// The root's file handle and inode number as found, for the second proof to find again.
    pub(crate) handle: Option<String>,
    pub(crate) root_inode: u64,
}

/// Takes the marks of the store that is mounted at `mount_point` now: to be pinned, and compared ever after.
///
/// The file handle of the root; where there are no handles its inode number and birth time (0 where the file system has
/// none), which is weaker, for both may be used again; the identity file's first line, when there is one.
///
/// # Errors
/// When the root cannot be opened, or its server does not answer, or the identity file is malformed.
pub fn identify(mount_point: &str) -> Result<MountIdentity, ProofError> {
    let root = Root::attach_unseen(mount_point)?;
    let root_handle = root.handle()?;
    root.statfs()?;
    let stat = root.fresh()?;
    let root_inode = root_handle.is_none().then(|| inode_mark(&stat));
    let file_id = root.identity_file()?;
    Ok(MountIdentity { root_handle, root_inode, file_id })
}

/// Proves that the expected mount is there, is the pinned store, and answers.
///
/// # Errors
/// The code of the first thing that is not so. Nothing further was looked at then.
pub fn prove(expected: &MountExpectation) -> Result<Proof, ProofError> {
    establish(expected).map(|proven| proven.proof)
}

/// [`prove`], with the root left open. Cheap and certain first: nothing asks the server before the kernel's own tables
/// agree.
pub(crate) fn establish(expected: &MountExpectation) -> Result<Proven, ProofError> {
    let began = Instant::now();
    let mut steps = Vec::new();
    let mut last = began;
    let mut step = |what: String| {
        let now = Instant::now();
        steps.push(Step { what, took: now - last });
        last = now;
    };

    let root = Root::attach(expected)?;
    step(match root.entry() {
        Some(entry) => {
            format!("mountinfo and root agree: {} {}, mount {}", entry.fs_type, entry.source, root.mount_id())
        }
        None => format!("a plain directory on mount {}", root.mount_id()),
    });
    let pinned = expected.identity.as_ref();
    let handle = root.handle()?;
    if let Some(wanted) = pinned.and_then(|p| p.root_handle.as_deref()) {
        compare_handle(wanted, handle.as_deref())?;
        step("the root's file handle is the pinned one".into());
    }
    root.statfs()?;
    step("fstatfs was answered".into());
    let stat = root.fresh()?;
    step("the root's attributes are fresh".into());
    if let Some(wanted) = pinned.and_then(|p| p.root_inode) {
        compare_inode(wanted, inode_mark(&stat))?;
        step("the root's inode and birth time are the pinned ones (weak)".into());
    }
    if let Some(wanted) = pinned.and_then(|p| p.file_id.as_deref()) {
        compare_file(wanted, root.identity_file()?)?;
        step("the identity file is the pinned one".into());
    }
    let cache = root.entry().map_or(CacheRule::Honest, CacheRule::of);
    let proof = Proof { mount_id: root.mount_id(), cache, steps, took: began.elapsed() };
    Ok(Proven { root, proof, handle, root_inode: stat.stx_ino })
}

fn compare_handle(wanted: &str, found: Option<&str>) -> Result<(), ProofError> {
    const WHAT: &str = "comparing the root's file handle";
    match found {
        Some(found) if found == wanted => Ok(()),
        Some(_) => Err(ProofError::found(
            Code::WrongStore,
            WHAT,
            "it is not the pinned one: another store is mounted here",
        )),
        None => Err(ProofError::found(Code::WrongStore, WHAT, "there is none any more, but one was pinned")),
    }
}

fn compare_inode(wanted: (u64, i64), found: (u64, i64)) -> Result<(), ProofError> {
    if wanted == found {
        return Ok(());
    }
    let detail = format!("{found:?} is not the pinned {wanted:?}: another store is mounted here");
    Err(ProofError::found(Code::WrongStore, "comparing the root's inode and birth time", detail))
}

fn compare_file(wanted: &str, found: Option<String>) -> Result<(), ProofError> {
    const WHAT: &str = "comparing the identity file";
    match found {
        Some(found) if found == wanted => Ok(()),
        Some(_) => Err(ProofError::found(Code::WrongStore, WHAT, "it names another store")),
        None => Err(ProofError::found(Code::WrongStore, WHAT, "it is gone: this may be a blank file system")),
    }
}

/// Inode number and birth time in ns; 0 where the file system keeps no birth time.
fn inode_mark(stat: &Statx) -> (u64, i64) {
    (stat.stx_ino, birth_ns(stat).unwrap_or(0))
}

/// Birth time in nanoseconds since the epoch, where the file system has one.
pub(crate) fn birth_ns(stat: &Statx) -> Option<i64> {
    (stat.stx_mask & StatxFlags::BTIME.bits() != 0).then(|| nanoseconds(&stat.stx_btime))
}

/// A timestamp in nanoseconds since the epoch (saturating: a file system may hold anything).
pub(crate) fn nanoseconds(time: &rustix::fs::StatxTimestamp) -> i64 {
    time.tv_sec.saturating_mul(1_000_000_000).saturating_add(i64::from(time.tv_nsec))
}
