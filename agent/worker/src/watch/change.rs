//! One thing that a watch said, as the follower wants to hear it. Owns the translation from `notify`'s events; knows no
//! index.
//!
//! How inotify(7) reaches us through `notify` 9 (src/inotify.rs): IN_CREATE is Create; IN_DELETE is Remove(File|Folder);
//! IN_MOVED_FROM and IN_MOVED_TO are Name(From) and Name(To) with the cookie as tracker, and Name(Both) again when both
//! were seen; IN_DELETE_SELF is Remove(Folder) with the directory's own path, so that a watched directory's removal is
//! told twice; IN_MOVE_SELF is Name(From) without a tracker; IN_UNMOUNT is Remove(Other); IN_Q_OVERFLOW has the flag
//! Rescan and no path.

use notify::event::{CreateKind, Event, EventKind, ModifyKind, RemoveKind, RenameMode};
use std::path::PathBuf;

/// What came to a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// A new file, link or the like.
    File,
    /// A new directory.
    Directory,
    /// Something moved here; the number ties it to where it moved from.
    Moved(usize),
}

/// How a name went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Departure {
    /// unlink.
    File,
    /// rmdir, or the directory's own word that it is gone.
    Directory,
    /// Moved elsewhere; the number ties it to where it moved to.
    Moved(usize),
}

/// One thing that a watch said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Something came to this path.
    Came(PathBuf, Arrival),
    /// Something went from this path.
    Went(PathBuf, Departure),
    /// A watched directory itself was moved.
    SelfMoved(PathBuf),
    /// The file system was unmounted.
    Unmounted,
}

/// What an event means for the watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Something changed.
    Change(Change),
    /// Events were lost.
    Lost,
    /// Nothing that matters here.
    Nothing,
}

impl Heard {
    /// Reads one event of `notify`.
    pub(super) fn of(mut event: Event) -> Self {
        if event.need_rescan() {
            return Self::Lost;
        }
        let (tracker, unmount) = (event.tracker(), event.info() == Some("unmount"));
        let Some(path) = event.paths.pop() else { return Self::Nothing };
        let change = match event.kind {
            EventKind::Create(CreateKind::Folder) => Change::Came(path, Arrival::Directory),
            EventKind::Create(_) => Change::Came(path, Arrival::File),
            EventKind::Remove(RemoveKind::Other) if unmount => Change::Unmounted,
            EventKind::Remove(RemoveKind::Folder) => Change::Went(path, Departure::Directory),
            EventKind::Remove(_) => Change::Went(path, Departure::File),
            EventKind::Modify(ModifyKind::Name(RenameMode::From)) => match tracker {
                Some(cookie) => Change::Went(path, Departure::Moved(cookie)),
                None => Change::SelfMoved(path),
            },
            EventKind::Modify(ModifyKind::Name(RenameMode::To)) => {
                Change::Came(path, Arrival::Moved(tracker.unwrap_or_default()))
            }
            _ => return Self::Nothing,
        };
        Self::Change(change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::event::Flag;

    fn heard(kind: EventKind, paths: &[&str], tracker: Option<usize>) -> Heard {
        let mut event = Event::new(kind);
        event.paths = paths.iter().map(PathBuf::from).collect();
        if let Some(tracker) = tracker {
            event = event.set_tracker(tracker);
        }
        Heard::of(event)
    }

    #[test]
    fn table() {
        let name = |mode| EventKind::Modify(ModifyKind::Name(mode));
        let p = || PathBuf::from("/m/x");
        let change = Heard::Change;
        for (kind, tracker, wanted) in [
            (EventKind::Create(CreateKind::File), None, change(Change::Came(p(), Arrival::File))),
            (EventKind::Create(CreateKind::Folder), None, change(Change::Came(p(), Arrival::Directory))),
            (EventKind::Remove(RemoveKind::File), None, change(Change::Went(p(), Departure::File))),
            (EventKind::Remove(RemoveKind::Folder), None, change(Change::Went(p(), Departure::Directory))),
            (name(RenameMode::From), Some(7), change(Change::Went(p(), Departure::Moved(7)))),
            (name(RenameMode::To), Some(7), change(Change::Came(p(), Arrival::Moved(7)))),
            (name(RenameMode::From), None, change(Change::SelfMoved(p()))),
            (name(RenameMode::Both), Some(7), Heard::Nothing),
            (EventKind::Any, None, Heard::Nothing),
        ] {
            assert_eq!(heard(kind, &["/m/x"], tracker), wanted, "{kind:?}");
        }
        let unmount = Event::new(EventKind::Remove(RemoveKind::Other)).add_path(p()).set_info("unmount");
        assert_eq!(Heard::of(unmount), change(Change::Unmounted));
        assert_eq!(Heard::of(Event::new(EventKind::Other).set_flag(Flag::Rescan)), Heard::Lost);
        assert_eq!(heard(EventKind::Other, &[], None), Heard::Nothing);
    }
}
