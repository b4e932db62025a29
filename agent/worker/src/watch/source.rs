//! `notify`: the only place that knows it. Owns one watcher after the other; hands on what it hears, adds watches one
//! directory at a time (recursion is the follower's).
//!
//! The kernel is asked for names that come and go and for nothing else: IN_CREATE, IN_DELETE, IN_MOVED_FROM,
//! IN_MOVED_TO, and IN_DELETE_SELF, IN_MOVE_SELF of the directory itself. No open, access, write or attribute event is
//! ever queued, so our own listings feed us nothing.

use super::change::{Change, Heard};
use super::files::WatchFault;
use super::inbox::{Inbox, Patience, Taken};
use notify::{
    Config, ErrorKind, Event, EventHandler, EventKindMask, PathOp, RecommendedWatcher, RecursiveMode,
};
use notify::{WatchPathConfig, Watcher as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// How long to wait for an old watcher to give its watches back before a new one takes its own: the kernel counts both
/// (fs.inotify.max_user_watches). An old one that takes longer costs memory for a while, nothing else.
const FAREWELL: Duration = Duration::from_secs(2);

/// Why there is no watcher.
#[derive(Debug, Error)]
pub(super) enum SourceError {
    /// inotify_init1(2) gave EMFILE.
    #[error("no inotify instance is left: fs.inotify.max_user_instances is {0}")]
    Instances(String),
    /// Anything else.
    #[error("cannot start watching: {0}")]
    Start(notify::Error),
}

/// One watcher and what it said.
#[derive(Debug)]
pub(super) struct Source {
    watcher: RecommendedWatcher,
    inbox: Arc<Inbox>,
}

/// Runs on `notify`'s thread.
struct Handler {
    root: PathBuf,
    inbox: Arc<Inbox>,
}

impl EventHandler for Handler {
    fn handle_event(&mut self, event: notify::Result<Event>) {
        match event.map(Heard::of) {
            // Only the root's own move matters; another's was told by its parent.
            Ok(Heard::Change(Change::SelfMoved(path))) if path != self.root => {}
            Ok(Heard::Change(change)) => self.inbox.push(change),
            Ok(Heard::Nothing) => {}
            Ok(Heard::Lost) | Err(_) => self.inbox.lose(),
        }
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        self.inbox.end();
    }
}

impl Source {
    /// Starts to watch below `root`; nothing is watched yet.
    pub(super) fn start(root: &Path) -> Result<Self, SourceError> {
        let inbox = Arc::new(Inbox::default());
        let handler = Handler { root: root.into(), inbox: Arc::clone(&inbox) };
        let kinds = EventKindMask::CREATE | EventKindMask::REMOVE | EventKindMask::MODIFY_NAME;
        let config = Config::default().with_follow_symlinks(false).with_event_kinds(kinds);
        let watcher = RecommendedWatcher::new(handler, config).map_err(|error| match &error.kind {
            ErrorKind::Io(io) if io.raw_os_error() == Some(libc::EMFILE) => {
                SourceError::Instances(sysctl("max_user_instances"))
            }
            _ => SourceError::Start(error),
        })?;
        Ok(Self { watcher, inbox })
    }

    /// Ends this watcher, as far as that does not take long. What it had said and nobody had heard is the result.
    pub(super) fn close(self) -> Vec<Change> {
        let left = self.inbox.close();
        drop(self.watcher);
        self.inbox.wait_for_end(FAREWELL);
        left
    }

    /// Takes what was said.
    pub(super) fn take(&self, patience: Patience) -> Taken {
        self.inbox.take(patience)
    }

    /// How many changes were said so far.
    pub(super) fn delivered(&self) -> u64 {
        self.inbox.delivered()
    }

    /// Watches directories; one answer each, in order.
    pub(super) fn watch(&mut self, paths: Vec<PathBuf>) -> Vec<Result<(), WatchFault>> {
        // A link in a directory's place is not followed.
        let config = WatchPathConfig::new(RecursiveMode::NonRecursive).with_dereference_symlinks(false);
        let count = paths.len();
        let mut left: Vec<PathOp> =
            paths.into_iter().map(|path| PathOp::Watch(path, config.clone())).collect();
        let mut answers = Vec::with_capacity(count);
        // A batch ends at its first failure; what follows that one is asked again.
        while !left.is_empty() {
            let asked = left.len();
            let Err(error) = self.watcher.update_paths(left) else {
                answers.extend((0..asked).map(|_| Ok(())));
                break;
            };
            left = error.remaining;
            let failed = usize::from(error.origin.is_some());
            answers.extend((0..asked - left.len() - failed).map(|_| Ok(())));
            if failed == 0 {
                // The watcher's thread is gone, and nothing was done.
                answers.resize(count, Err(WatchFault::Other(error.source.to_string())));
                break;
            }
            answers.push(Err(fault(&error.source)));
        }
        answers
    }

    /// Takes a watch away, if there is one.
    pub(super) fn unwatch(&mut self, path: &Path) {
        // There is none when its directory has gone meanwhile, which is as well.
        let _ = self.watcher.unwatch(path);
    }

    /// Returns when everything that the kernel had queued before has been said.
    ///
    /// `notify` reads all that is queued when it is given paths, and says it after it has answered; hence twice.
    pub(super) fn fence(&mut self) {
        for _ in 0..2 {
            // It fails only when the watcher's thread is gone, and then nothing more is said.
            let _ = self.watcher.update_paths(Vec::new());
        }
    }
}

fn fault(error: &notify::Error) -> WatchFault {
    match &error.kind {
        ErrorKind::MaxFilesWatch => WatchFault::Full,
        ErrorKind::PathNotFound => WatchFault::Gone,
        ErrorKind::Io(io) if matches!(io.raw_os_error(), Some(libc::ENOENT)) => WatchFault::Gone,
        ErrorKind::Io(io) => WatchFault::Other(format!("cannot be watched: {io}")),
        _ => WatchFault::Other(format!("cannot be watched: {error}")),
    }
}

/// A limit of inotify(7), as the kernel has it now.
pub(super) fn sysctl(name: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/sys/fs/inotify/{name}")).unwrap_or_default();
    if text.is_empty() { "unknown".into() } else { text.trim().into() }
}
