//! The deletions of one `track --wait` and how they stand. Pure: fed with answers, asked what is left and how it ended.

use crate::exit::Exit;
use crate::standing::Standing;
use std::collections::HashMap;
use std::fmt::Write as _;
use storewarden_proto::v1::Deletion;

/// How the deletions of one request stand. Holds as many as the request had, whatever a stream tells.
pub(crate) struct Tally {
    order: Vec<String>,
    standing: HashMap<String, Standing>,
    /// Kept along, so that a word about one of ten thousand costs no look at the others.
    counts: Counts,
}

/// How many stand how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) all: usize,
    pub(crate) ended: usize,
    pub(crate) confirmed: usize,
    pub(crate) failed: usize,
    pub(crate) unknown: usize,
    pub(crate) silly_renamed: usize,
    /// Unproven or unrecognised.
    pub(crate) senseless: usize,
}

impl Tally {
    /// The deletions that were tracked. None of them counts as ended yet: [`Self::take`] says which do.
    pub(crate) fn new(deletions: &[Deletion]) -> Self {
        let order: Vec<_> = deletions.iter().map(|deletion| deletion.id.clone()).collect();
        let standing: HashMap<_, _> = order.iter().map(|id| (id.clone(), Standing::Pending)).collect();
        let counts = Counts { all: standing.len(), ..Default::default() };
        Self { order, standing, counts }
    }

    /// Takes how a deletion stands now. True when it has ended by this; an end stands, and strangers are ignored.
    pub(crate) fn take(&mut self, deletion: &Deletion) -> bool {
        let Some(standing) = self.standing.get_mut(&deletion.id) else { return false };
        if standing.has_ended() {
            return false;
        }
        let new = Standing::of(deletion);
        if let Some(count) = self.counts.of(std::mem::replace(standing, new)) {
            *count -= 1;
        }
        if let Some(count) = self.counts.of(new) {
            *count += 1;
        }
        self.counts.ended += usize::from(new.has_ended());
        new.has_ended()
    }

    /// Whether every one has ended.
    pub(crate) const fn all_ended(&self) -> bool {
        self.counts.ended == self.counts.all
    }

    /// Those that have not ended, in the request's order.
    pub(crate) fn open(&self) -> Vec<String> {
        self.order.iter().filter(|id| !self.standing[*id].has_ended()).cloned().collect()
    }

    /// Whether nothing is left to wait for after the stream has ended by itself: what stands in a state that this
    /// version does not know then counts as ended, for the controller said that all have.
    pub(crate) fn is_over(&self) -> bool {
        self.standing.values().all(|standing| standing.has_ended() || !standing.makes_sense())
    }

    /// How many stand how.
    pub(crate) const fn counts(&self) -> Counts {
        self.counts
    }

    /// How the program ends: done only when every single one is confirmed.
    pub(crate) const fn exit(&self) -> Exit {
        let Counts { all, confirmed, .. } = self.counts;
        if confirmed == all && all > 0 { Exit::Done } else { Exit::NotVerified }
    }
}

impl Counts {
    /// The count that such a deletion is in.
    fn of(&mut self, standing: Standing) -> Option<&mut usize> {
        match standing {
            Standing::Pending => None,
            Standing::SillyRenamed => Some(&mut self.silly_renamed),
            Standing::Confirmed => Some(&mut self.confirmed),
            Standing::Failed => Some(&mut self.failed),
            Standing::Unknown => Some(&mut self.unknown),
            Standing::Unproven | Standing::Unrecognised { .. } => Some(&mut self.senseless),
        }
    }

    /// "3 confirmed, 1 failed", leaving out what there is none of.
    pub(crate) fn ends(&self) -> String {
        let mut text = format!("{} confirmed", self.confirmed);
        for (count, word) in [
            (self.failed, "failed"),
            (self.unknown, "unknown"),
            (self.senseless, "not understood (a newer controller?)"),
        ] {
            if count > 0 {
                let _ = write!(text, ", {count} {word}");
            }
        }
        text
    }

    /// The line that is shown while waiting.
    pub(crate) fn progress(&self) -> String {
        let mut text = format!("{} of {} ended: {}", self.ended, self.all, self.ends());
        if self.silly_renamed > 0 {
            let _ = write!(text, "; {} held open as .nfs files", self.silly_renamed);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use storewarden_proto::v1::{DeletionState, Evidence};

    fn deletion(id: &str, state: DeletionState) -> Deletion {
        let evidence = (state == DeletionState::Confirmed).then(Evidence::default);
        Deletion { id: id.into(), state: state.into(), evidence, ..Default::default() }
    }

    fn pending(ids: &[&str]) -> Tally {
        Tally::new(&ids.iter().map(|id| deletion(id, DeletionState::Pending)).collect::<Vec<_>>())
    }

    #[test]
    fn an_end_is_told_once_and_stands() {
        let mut tally = pending(&["a", "b"]);
        assert!(!tally.take(&deletion("a", DeletionState::PendingSillyRename)));
        assert!(tally.take(&deletion("a", DeletionState::Failed)));
        assert!(!tally.take(&deletion("a", DeletionState::Confirmed)));
        assert!(!tally.take(&deletion("stranger", DeletionState::Confirmed)));
        assert_eq!(tally.open(), ["b"]);
        assert!(!tally.is_over());
        assert!(!tally.all_ended());
        assert!(tally.take(&deletion("b", DeletionState::Confirmed)));
        assert!(tally.is_over() && tally.all_ended());
        assert_eq!(tally.exit(), Exit::NotVerified);
        assert_eq!(tally.counts().progress(), "2 of 2 ended: 1 confirmed, 1 failed");
    }

    #[test]
    fn done_is_all_of_them() {
        let mut tally = pending(&["a", "b"]);
        assert_eq!(tally.exit(), Exit::NotVerified);
        tally.take(&deletion("a", DeletionState::Confirmed));
        assert_eq!(tally.exit(), Exit::NotVerified);
        tally.take(&deletion("b", DeletionState::Confirmed));
        assert_eq!(tally.exit(), Exit::Done);
        assert_eq!(pending(&[]).exit(), Exit::NotVerified);
    }

    #[test]
    fn a_state_of_next_year_does_not_keep_the_wait_open_and_is_no_success() {
        let mut tally = pending(&["a"]);
        let strange = Deletion { state: 9, ..deletion("a", DeletionState::Confirmed) };
        assert!(!tally.take(&strange));
        assert!(tally.is_over() && !tally.all_ended());
        assert_eq!(tally.exit(), Exit::NotVerified);
        assert_eq!(tally.open(), ["a"]);
    }

    #[test]
    fn progress_tells_of_silly_renames() {
        let mut tally = pending(&["a", "b"]);
        tally.take(&deletion("a", DeletionState::PendingSillyRename));
        assert_eq!(tally.counts().progress(), "0 of 2 ended: 0 confirmed; 1 held open as .nfs files");
        tally.take(&deletion("a", DeletionState::Pending));
        assert_eq!(tally.counts().progress(), "0 of 2 ended: 0 confirmed");
    }
}
