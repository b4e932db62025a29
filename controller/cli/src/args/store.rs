//! Arguments of the commands about stores, and their help.

use super::parse;
use clap::{Args, Subcommand, ValueEnum};
use std::time::Duration;

pub(super) const STORE_HELP: &str =
    "Which store: its source (nas1:/secondary), its id, or a mount point that is unambiguous";

/// List the stores and how they stand.
///
/// Every store that the controller knows, over all agents that mount it: its condition (AVAILABLE, DEGRADED,
/// UNAVAILABLE, UNKNOWN), the reasons as stable codes, and how old the evidence behind it is. UNKNOWN means that nobody
/// has looked lately: silence is not health.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  storewarden stores
      How every store stands now.
  storewarden stores --watch
      The same, then a line for each change, until you stop it.
  storewarden stores -o json | jq -r '.stores[] | [.source, .condition] | @tsv'
      Two columns for a script.")]
pub(crate) struct StoresArgs {
    /// Go on with a line for every change.
    #[arg(long)]
    pub(crate) watch: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Show one store with its mounts, probes and watches.
    ///
    /// Every mount of STORE: which agent has it, how it stands and why, how old the evidence is, what each probe found
    /// last, and how far the mount is watched for deletions.
    #[command(after_long_help = "\
Examples:
  storewarden store show nas1:/secondary
      By its source, as the mount table writes it.
  storewarden store show /mnt/SecStorage/5f1c0c5b
      By a mount point, where only one store has it.")]
    Show {
        #[arg(help = STORE_HELP)]
        store: String,
    },
}

/// Ask whether an operation may start on a store now.
///
/// Admits only on fresh proof that the store is the right one and answers; where the proof is older than --max-age, a
/// probe is run and waited for, at most --deadline. Exit code 0 is ADMIT. Anything else is no: 3 is DENY (or a decision
/// that this version does not know), 4 an unknown store, 7 no answer in time.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  storewarden preflight nas1:/secondary --operation delete && run-the-cleanup
      Gate a clean-up job.
  storewarden preflight nas1:/secondary --operation gc --max-age 0s
      Insist on a probe run for this answer.
  storewarden preflight nas1:/secondary --operation create -o json | jq .reasons
      Why not, as stable codes.")]
pub(crate) struct PreflightArgs {
    #[arg(help = STORE_HELP)]
    pub(crate) store: String,
    /// What is about to be done.
    #[arg(long, value_enum)]
    pub(crate) operation: OperationArg,
    /// How old evidence may be; 0s: a probe is always run.
    #[arg(long, default_value = "10s", value_name = "SPAN", value_parser = parse::span)]
    pub(crate) max_age: Duration,
    /// How long to wait for a fresh probe, at most 60s.
    #[arg(long, default_value = "3s", value_name = "SPAN", value_parser = parse::span)]
    pub(crate) deadline: Duration,
}

impl PreflightArgs {
    pub(crate) fn max_age_ms(&self) -> u64 {
        parse::as_ms(self.max_age)
    }

    pub(crate) fn deadline_ms(&self) -> u64 {
        parse::as_ms(self.deadline)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OperationArg {
    /// Write something new.
    Create,
    /// Write a copy here.
    Copy,
    /// Remove something.
    Delete,
    /// A garbage-collection run.
    Gc,
}
