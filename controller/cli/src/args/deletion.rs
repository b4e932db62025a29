//! Arguments of the commands about deletions, and their help.

use super::{parse, store::STORE_HELP};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// Most rows `deletion list` fetches: they are held in memory, about 1 KiB each, until they are written.
const LIST_MAX: i64 = 100_000;

#[derive(Debug, Subcommand)]
pub(crate) enum DeletionCommand {
    Track(TrackArgs),
    /// Show one deletion with its evidence.
    ///
    /// How the deletion stands and why. For a CONFIRMED one, the evidence: who looked, what was proven before, how
    /// absence was seen, what was proven after, which file was owed, and the sightings that agree.
    #[command(after_long_help = "\
Examples:
  storewarden deletion show 0199f0a2-7c11-7d3e-9a55-2f6b8f1f4c10
      The deletion, legibly.
  storewarden -o json deletion show 0199f0a2-7c11-7d3e-9a55-2f6b8f1f4c10
      With the evidence as the ledger keeps it.")]
    Show {
        /// The deletion's id, as `deletion track` and `deletion list` print it.
        id: String,
    },
    List(ListArgs),
    /// Print every change of deletions as it is committed.
    ///
    /// One line per change, until you stop it. With --since it first tells everything after that cursor, so that
    /// nothing is missed between two runs: each line begins with the cursor to resume from.
    #[command(after_long_help = "\
Examples:
  storewarden deletion watch
      What changes from now on.
  storewarden deletion watch --since 4711
      What changed after cursor 4711, then what comes.
  storewarden deletion watch -o json | jq -r '[.cursor, .deletion.state] | @tsv'
      Two columns for a script.")]
    Watch {
        /// Begin after this cursor.
        #[arg(long, value_name = "CURSOR")]
        since: Option<u64>,
    },
    /// Withdraw a tracked deletion.
    ///
    /// A pending deletion ends UNKNOWN with the code CANCELLED, and nobody looks for it any more. One that has ended
    /// stays as it ended: exit code 8 (DELETION_ENDED).
    #[command(after_long_help = "\
Examples:
  storewarden deletion cancel 0199f0a2-7c11-7d3e-9a55-2f6b8f1f4c10
      Stop looking for this one.")]
    Cancel {
        /// The deletion's id.
        id: String,
    },
}

/// Ask for the proof that paths are gone by a deadline.
///
/// Tracks each PATH as a deletion: agents that mount STORE look for it until it is absent from the proven store, or the
/// deadline has passed. All paths are accepted, durably, or none. It deletes nothing: delete the files your way, before
/// or after. A PATH is relative to the store's root, or absolute under one of its mount points; at most 10,000 paths
/// and 2 MiB in one call.
///
/// With --wait it follows the deletions to their end and exits 0 only when every one of them is CONFIRMED, else 5. With
/// -o json, --wait prints the answer to the request and then one line for each change. Ctrl-C stops the waiting, not
/// the tracking.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  storewarden deletion track nas1:/secondary snapshots/2/31/a.qcow2 --wait
      Wait for the proof, at most 60 s.
  list-doomed | storewarden deletion track nas1:/sec --paths-from - --key run-7
      A list, one path per line; with a key, sending it again is safe.
  storewarden -o json deletion track nas1:/sec a b | jq -r '.deletions[].id'
      The ids, to ask for later.")]
pub(crate) struct TrackArgs {
    #[arg(help = STORE_HELP)]
    pub(crate) store: String,
    /// Paths that are to be gone.
    #[arg(value_name = "PATH", required_unless_present = "paths_from")]
    pub(crate) paths: Vec<String>,
    /// Read more paths from FILE, or from standard input with -; one per line, empty lines are left out.
    #[arg(long, value_name = "FILE|-")]
    pub(crate) paths_from: Option<PathBuf>,
    /// How long the deletions may take, at most 7 days.
    #[arg(long, default_value = "60s", value_name = "SPAN", value_parser = parse::span)]
    pub(crate) deadline: Duration,
    /// Wait until every deletion has ended.
    #[arg(long)]
    pub(crate) wait: bool,
    /// Idempotency key: the same request under the same key is tracked once, however often it is sent.
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
}

impl TrackArgs {
    pub(crate) fn deadline_ms(&self) -> u64 {
        parse::as_ms(self.deadline)
    }
}

/// List deletions, newest first.
///
/// Fetches page after page until --limit rows are there. When more exist, it says so (as a note on stderr, or with -o
/// json as a next_page_token that is not empty).
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  storewarden deletion list --state failed
      What was to be gone and is still there.
  storewarden deletion list --state pending --store nas1:/secondary
      What is still looked for on one store.
  storewarden deletion list --limit 20000 -o json | jq -r '.deletions[].path'
      A long list, for a script.")]
pub(crate) struct ListArgs {
    /// Only deletions in this state; may be given several times.
    #[arg(long, value_enum, value_name = "STATE")]
    pub(crate) state: Vec<StateArg>,
    /// Only deletions on this store: its source, id or mount point.
    #[arg(long, value_name = "STORE")]
    pub(crate) store: Option<String>,
    /// Most rows, from 1 to 100000.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=LIST_MAX))]
    pub(crate) limit: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateArg {
    /// Looks are under way.
    Pending,
    /// The name is gone, an NFS client still holds the bytes.
    PendingSillyRename,
    /// Absent from the proven store, with evidence.
    Confirmed,
    /// Still there at the deadline.
    Failed,
    /// The store could not be examined, or the caller cancelled.
    Unknown,
}
