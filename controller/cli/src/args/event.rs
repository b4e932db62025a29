//! Arguments of the commands about events, and their help.

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum EventsCommand {
    Tail(TailArgs),
}

/// Print events, one line each.
///
/// Each line holds the cursor, the time (UTC), the kind, the first eight characters of the store's id, and a sentence.
/// Without --since it begins with the ledger's first event; with --follow and without --since it begins with what comes
/// next. Without --follow it ends at the ledger's end.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  storewarden events tail --follow
      What happens from now on, until you stop it.
  storewarden events tail --since 4711 --follow
      Everything after cursor 4711, then what comes.
  storewarden events tail -o json | jq -c '.deletion_ended | values'
      Every end of a deletion that the ledger holds.")]
pub(crate) struct TailArgs {
    /// Begin after this cursor.
    #[arg(long, value_name = "CURSOR")]
    pub(crate) since: Option<u64>,
    /// Go on when the end is reached.
    #[arg(long)]
    pub(crate) follow: bool,
}

impl TailArgs {
    /// The cursor to ask for: absent is the end, 0 the beginning.
    pub(crate) fn cursor(&self) -> Option<u64> {
        self.since.or((!self.follow).then_some(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_tail_begins() {
        let cursor = |since, follow| TailArgs { since, follow }.cursor();
        assert_eq!(cursor(None, false), Some(0));
        assert_eq!(cursor(None, true), None);
        assert_eq!(cursor(Some(7), false), Some(7));
        assert_eq!(cursor(Some(7), true), Some(7));
    }
}
