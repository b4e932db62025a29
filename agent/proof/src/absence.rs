//! A look at a batch of paths: proof of the mount, a bracket per directory, proof again. Owns the way from paths to
//! directories and from what was seen to outcomes.
//!
//! A path whose parent is missing is not simply absent: the ENOENT may be a cached one. It is absent when the first
//! missing component above it is, by a bracket in the deepest directory that can be opened; likewise when that component
//! is a file.

use crate::bracket::{Moment, Seen, Session, Silly, Wanted};
use crate::cache::Stopwatch;
use crate::identity::{Proven, establish};
use crate::root::beneath;
use crate::seal::{prove_again, seal};
use crate::{CacheRule, ProofError, Root, code_of};
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, openat2};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::time::Instant;
use storewarden_types::{
    Code, FileIdentity, FileKind, LookOutcome, MountExpectation, ProofSummary, SeenFile, StorePath,
};

/// How often a look follows a tree that changes under it before it gives up.
const ROUNDS_MAX: usize = 3;

/// One path to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookRequest {
    /// Which path.
    pub path: StorePath,
    /// The file that an earlier look found there; `None` on the first look.
    pub baseline: Option<FileIdentity>,
}

/// What a batch of looks found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookBatch {
    /// One outcome for each request, in their order.
    pub outcomes: Vec<LookOutcome>,
    /// The two proofs around all of them.
    pub proof: ProofSummary,
}

/// Looks at paths on a mount that must be the expected one, before and after.
///
/// # Errors
/// When the first proof fails: then nothing was looked at. A second proof that fails is told per path: whatever was seen
/// to be gone becomes `Unverifiable`.
pub fn look(expected: &MountExpectation, requests: &[LookRequest]) -> Result<LookBatch, ProofError> {
    look_with(expected, requests, None, &mut |_| {})
}

/// [`look`], with what its tests need: another rule of belief, and interference in between.
pub(crate) fn look_with(
    expected: &MountExpectation,
    requests: &[LookRequest],
    rule: Option<CacheRule>,
    hook: &mut dyn FnMut(Moment),
) -> Result<LookBatch, ProofError> {
    let began = Instant::now();
    let first = establish(expected)?;
    let Proven { root, proof, .. } = &first;
    let rule = rule.unwrap_or(proof.cache);
    let mut session = Session { mount_id: root.mount_id(), watch: Stopwatch::new(rule), hook };
    (session.hook)(Moment::Proven);

    let nfs = root.entry().is_some_and(|e| e.fs_type.starts_with("nfs"));
    let mut outcomes: Vec<Option<LookOutcome>> = vec![None; requests.len()];
    for _ in 0..ROUNDS_MAX {
        Round { root, session: &mut session, requests, nfs, outcomes: &mut outcomes }.run();
    }
    let gave_up = || LookOutcome::Unverifiable {
        code: Code::IoError,
        detail: "the directories above it kept changing during the look".into(),
    };
    let mut outcomes: Vec<LookOutcome> = outcomes.into_iter().map(|o| o.unwrap_or_else(gave_up)).collect();

    (session.hook)(Moment::Looked);
    let again = session.watch.time("the second proof", || prove_again(expected, &first));
    seal(&mut outcomes, again.as_ref().err(), session.watch.doubt());
    let summary = ProofSummary {
        mount_id: root.mount_id(),
        before: proof.steps.iter().map(|step| step.what.clone()).collect(),
        after: again.unwrap_or_default(),
        took_us: u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
    };
    Ok(LookBatch { outcomes, proof: summary })
}

/// Where the way to a directory ended.
enum Reached {
    /// There.
    Directory(OwnedFd),
    /// In this directory, above the wanted one: it has no directory of this name.
    Above { ancestor: String, component: String },
    /// Nowhere.
    Trouble(LookOutcome),
}

/// One pass over the requests without an outcome.
struct Round<'r, 's> {
    root: &'r Root,
    session: &'r mut Session<'s>,
    requests: &'r [LookRequest],
    nfs: bool,
    outcomes: &'r mut [Option<LookOutcome>],
}

impl Round<'_, '_> {
    fn run(&mut self) {
        let mut by_parent: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, request) in self.requests.iter().enumerate().filter(|(at, _)| self.outcomes[*at].is_none()) {
            by_parent.entry(request.path.split().0).or_default().push(at);
        }
        // Ancestor -> missing component -> requests below it. One listing tells all components of an ancestor.
        let mut above: BTreeMap<String, BTreeMap<String, Vec<usize>>> = BTreeMap::new();
        for (parent, members) in by_parent {
            match self.reach(parent) {
                Reached::Directory(fd) => self.look_in(&fd, parent, &members),
                Reached::Above { ancestor, component } => {
                    above.entry(ancestor).or_default().entry(component).or_default().extend(members);
                }
                Reached::Trouble(outcome) => self.settle(&members, &outcome),
            }
        }
        for (ancestor, components) in above {
            self.look_above(&ancestor, &components);
        }
    }

    /// Opens the directory, or finds the deepest one above it that can be opened.
    fn reach(&mut self, parent: &str) -> Reached {
        let mut directory = parent;
        loop {
            match self.open(directory) {
                Ok(fd) if directory == parent => return Reached::Directory(fd),
                Ok(_) => {
                    let rest = parent[directory.len()..].trim_start_matches('/');
                    let component = rest.split('/').next().unwrap_or(rest);
                    return Reached::Above { ancestor: directory.into(), component: component.into() };
                }
                Err(Errno::NOENT | Errno::NOTDIR) if !directory.is_empty() => {
                    directory = directory.rsplit_once('/').map_or("", |(up, _)| up);
                }
                Err(errno) => return Reached::Trouble(cannot_open(directory, errno)),
            }
        }
    }

    /// O_RDONLY, not O_PATH: on NFS only that asks the server whether the directory is still the same (close-to-open).
    fn open(&mut self, directory: &str) -> Result<OwnedFd, Errno> {
        let path = if directory.is_empty() { "." } else { directory };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = self.root.fd();
        self.session
            .watch
            .time("opening the directory", || openat2(root, path, flags, Mode::empty(), beneath()))
    }

    fn look_in(&mut self, fd: &OwnedFd, parent: &str, members: &[usize]) {
        let requests = self.requests;
        let wanted: Vec<Wanted<'_>> = members
            .iter()
            .map(|&at| Wanted { name: requests[at].path.split().1, silly: self.silly(&requests[at]) })
            .collect();
        for (&at, seen) in members.iter().zip(self.session.bracket(fd, &wanted)) {
            let baseline = requests[at].baseline.as_ref();
            self.outcomes[at] = match seen {
                Seen::Absent { entries } => {
                    let how = format!("looked up in {} and not among its {entries} entries", words(parent));
                    Some(LookOutcome::Absent { how })
                }
                Seen::There(file) => {
                    let replaced = baseline.is_some_and(|known| is_another(known, &file));
                    Some(LookOutcome::Present(SeenFile { file, replaced }))
                }
                Seen::Silly(name) => Some(LookOutcome::SillyRenamed { name }),
                Seen::Unclear { code, detail } => Some(LookOutcome::Unverifiable { code, detail }),
                Seen::Changed => None,
            };
        }
    }

    /// Which silly-renamed file could be what is left of the wanted one.
    fn silly(&self, request: &LookRequest) -> Silly {
        match &request.baseline {
            Some(known) => Silly::OfFile(known.file_id),
            None if self.nfs => Silly::Any,
            None => Silly::Never,
        }
    }

    /// Looks in `ancestor` for the components that the way to some requests lacks.
    fn look_above(&mut self, ancestor: &str, components: &BTreeMap<String, Vec<usize>>) {
        let members: Vec<usize> = components.values().flatten().copied().collect();
        let fd = match self.open(ancestor) {
            Ok(fd) => fd,
            // It was there a moment ago: the next round will see.
            Err(Errno::NOENT | Errno::NOTDIR) => return,
            Err(errno) => return self.settle(&members, &cannot_open(ancestor, errno)),
        };
        let wanted: Vec<Wanted<'_>> =
            components.keys().map(|name| Wanted { name, silly: Silly::Never }).collect();
        for ((component, members), seen) in components.iter().zip(self.session.bracket(&fd, &wanted)) {
            let place = words(ancestor);
            let outcome = match seen {
                Seen::Absent { entries } => LookOutcome::Absent {
                    how: format!(
                        "{component} above it: looked up in {place} and not among its {entries} entries"
                    ),
                },
                Seen::There(file) => match file.kind {
                    // Made meanwhile, or its absence was a cached one: the next round goes further down.
                    FileKind::Directory => continue,
                    FileKind::Symlink => LookOutcome::Unverifiable {
                        code: Code::SymlinkInPath,
                        detail: format!("{component} in {place} is a symbolic link"),
                    },
                    FileKind::File | FileKind::Other => LookOutcome::Absent {
                        how: format!("{component} above it, in {place}, is not a directory"),
                    },
                },
                Seen::Unclear { code, detail } => LookOutcome::Unverifiable { code, detail },
                Seen::Silly(_) | Seen::Changed => continue,
            };
            self.settle(members, &outcome);
        }
    }

    fn settle(&mut self, members: &[usize], outcome: &LookOutcome) {
        for &at in members {
            self.outcomes[at] = Some(outcome.clone());
        }
    }
}

fn cannot_open(directory: &str, errno: Errno) -> LookOutcome {
    LookOutcome::Unverifiable {
        code: code_of(errno),
        detail: format!("opening {}: {errno}", words(directory)),
    }
}

fn words(directory: &str) -> &str {
    if directory.is_empty() { "the root" } else { directory }
}

/// Whether `found` is certainly another file than `known`. File ids are used again, and a changed file has another ctime,
/// so the same id is another file only when kind or birth time say so; in doubt it is the same.
fn is_another(known: &FileIdentity, found: &FileIdentity) -> bool {
    let born_apart = known.btime_ns.zip(found.btime_ns).is_some_and(|(a, b)| a != b);
    known.file_id != found.file_id || known.kind != found.kind || born_apart
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_file_is_told_only_by_what_cannot_change() {
        let known = FileIdentity {
            file_id: 7,
            ctime_ns: 100,
            btime_ns: Some(50),
            size: 10,
            kind: FileKind::File,
            links: 1,
        };
        let grown = FileIdentity { ctime_ns: 900, size: 99, links: 2, ..known.clone() };
        assert!(!is_another(&known, &grown));
        assert!(!is_another(&known, &FileIdentity { btime_ns: None, ..grown.clone() }));
        assert!(is_another(&known, &FileIdentity { btime_ns: Some(51), ..known.clone() }));
        assert!(is_another(&known, &FileIdentity { file_id: 8, ..known.clone() }));
        assert!(is_another(&known, &FileIdentity { kind: FileKind::Directory, ..known.clone() }));
    }
}
