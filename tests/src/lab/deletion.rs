//! Tracked deletions in the lab, and what truly became of the files: the test's own record against which every
//! confirmation is held.

use super::stream::Stream;
use super::{Lab, Mount, PATIENCE};
use crate::site::Site;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What was tracked, what was removed, and what the controller said of it.
#[derive(Debug)]
pub(super) struct Ledger {
    said: Stream,
    tracked: RefCell<BTreeMap<String, (Mount, String)>>,
    /// Absent from the server since.
    removed: RefCell<BTreeMap<(Mount, String), Instant>>,
}

/// How a deletion stands, as the controller told it.
#[derive(Clone, Debug)]
pub struct Standing {
    /// PENDING, PENDING_SILLY_RENAME, CONFIRMED, FAILED, UNKNOWN.
    pub state: String,
    /// Why.
    pub code: String,
    /// When that was heard.
    pub at: Instant,
}

impl Standing {
    /// Whether it has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        !self.state.starts_with("PENDING")
    }

    /// State and code in words.
    #[must_use]
    pub fn words(&self) -> String {
        if self.state == "CONFIRMED" { self.state.clone() } else { format!("{} {}", self.state, self.code) }
    }

    fn read((at, line): &(Instant, Value), id: &str) -> Option<Self> {
        let deletion = &line["deletion"];
        (deletion["id"] == id).then(|| Self {
            state: deletion["state"]
                .as_str()
                .unwrap_or_default()
                .trim_start_matches("DELETION_STATE_")
                .to_owned(),
            code: deletion["code"].as_str().unwrap_or_default().to_owned(),
            at: *at,
        })
    }
}

impl Ledger {
    pub(super) fn follow(site: &Site) -> Self {
        let said = Stream::start(site.cli_command(&["-o", "json", "deletion", "watch", "--since", "0"]));
        Self { said, tracked: RefCell::default(), removed: RefCell::default() }
    }

    #[track_caller]
    pub(super) fn assert_no_false_confirmation(&self) {
        let removed = self.removed.borrow();
        for (id, what) in self.tracked.borrow().iter() {
            let standings = self.said.so_far();
            let confirmed =
                standings.iter().filter_map(|l| Standing::read(l, id)).find(|s| s.state == "CONFIRMED");
            let Some(confirmed) = confirmed else { continue };
            let since = removed.get(what);
            assert!(
                since.is_some_and(|since| *since <= confirmed.at),
                "FALSE CONFIRMATION: {what:?} was there, and deletion {id} was confirmed"
            );
        }
    }
}

impl Lab {
    /// Tracks a path of a store.
    #[track_caller]
    pub fn track(&self, mount: Mount, path: &str, deadline: Duration) -> String {
        let deadline = format!("{}ms", deadline.as_millis());
        let id = self.site.track(&mount.path(), &[path], &deadline).remove(0);
        self.ledger.tracked.borrow_mut().insert(id.clone(), (mount, path.to_owned()));
        id
    }

    /// Makes a file on the server, behind the client's back.
    #[track_caller]
    pub fn make_remotely(&self, mount: Mount, path: &str) {
        self.ledger.removed.borrow_mut().remove(&(mount, path.to_owned()));
        self.remote(mount, &format!("mkdir -p \"$(dirname {path})\" && echo data > {path}"));
    }

    /// Removes a file on the server, behind the client's back; returns when that began.
    #[track_caller]
    pub fn remove_remotely(&self, mount: Mount, path: &str) -> Instant {
        let began = self.note_removed(mount, path);
        self.remote(mount, &format!("rm {path}"));
        began
    }

    /// Removes a file through the client's mount; returns when that began.
    #[track_caller]
    pub fn remove_locally(&self, mount: Mount, path: &str) -> Instant {
        let began = self.note_removed(mount, path);
        self.guest().must(&format!("rm {}/{path}", mount.path()));
        began
    }

    /// From now on a confirmation that this path is gone is true.
    pub fn note_removed(&self, mount: Mount, path: &str) -> Instant {
        let began = Instant::now();
        self.ledger.removed.borrow_mut().insert((mount, path.to_owned()), began);
        began
    }

    /// How a deletion stands; `None` before anything was told.
    #[must_use]
    pub fn standing(&self, id: &str) -> Option<Standing> {
        self.ledger.said.so_far().iter().rev().find_map(|line| Standing::read(line, id))
    }

    /// Waits until a deletion's latest standing satisfies `is`; returns it.
    #[track_caller]
    pub fn wait_standing(&self, id: &str, what: &str, is: impl Fn(&Standing) -> bool) -> Standing {
        let found = self
            .ledger
            .said
            .wait(PATIENCE, |lines| lines.iter().rev().find_map(|line| Standing::read(line, id)).filter(&is));
        found.unwrap_or_else(|| {
            panic!("{:?} is not {what}: {:?}", self.ledger.tracked.borrow().get(id), self.standing(id))
        })
    }

    /// Waits until a look has found the file.
    #[track_caller]
    pub fn wait_seen(&self, id: &str) -> Standing {
        self.wait_standing(id, "seen", |s| s.code == "STILL_PRESENT")
    }

    /// Waits until a deletion has ended.
    #[track_caller]
    pub fn wait_ended(&self, id: &str) -> Standing {
        self.wait_standing(id, "ended", Standing::has_ended)
    }
}
