//! The command line as data: global options here, each noun's commands in a file of its own. Owns words, help and
//! bounds of single arguments; must not know the API's messages.

mod deletion;
mod event;
mod parse;
mod store;

pub(crate) use deletion::{DeletionCommand, ListArgs, StateArg, TrackArgs};
pub(crate) use event::{EventsCommand, TailArgs};
pub(crate) use store::{OperationArg, PreflightArgs, StoreCommand, StoresArgs};

use crate::{exit, json};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::{OsStr, OsString};
use std::process::ExitCode;
use std::time::Duration;

/// Where a controller listens unless told otherwise.
pub(crate) const CONTROLLER_DEFAULT: &str = "http://127.0.0.1:7420";

const EXAMPLES: &str = "\
Examples:
  storewarden stores
      How every secondary storage stands now.
  storewarden preflight nas1:/secondary --operation delete && run-the-cleanup
      Start the clean-up only on fresh proof that the store is well.
  storewarden deletion track nas1:/secondary snapshots/2/31/a.qcow2 --wait
      Wait for the proof that a deleted file is gone.

JSON (-o json):
  Every answer is one line: the canonical proto3 JSON mapping of the API's
  message, with the field names of the .proto files and default values written
  out. 64-bit integers are strings, as that mapping has it. A stream is one line
  per message (NDJSON). An error is one line on stderr, and nothing on stdout
  but what a stream told before:
    {\"error\":{\"code\":\"STORE_UNKNOWN\",\"message\":\"...\",
     \"status\":\"NOT_FOUND\",\"metadata\":{}}}
  `code` is a stable code (docs/codes.md), empty where there is none; `status`
  is the gRPC status.
";

/// Asks a Storewarden controller how stores stand, whether an operation may start, and whether deleted files are gone.
///
/// Storewarden watches secondary storage from every host that mounts it. This program asks its controller: how stores
/// stand, whether an operation may start on one now, and for the proof that a deleted file is really gone. It changes
/// nothing on any store.
#[derive(Debug, Parser)]
#[command(
    name = "storewarden",
    version,
    arg_required_else_help = true,
    after_long_help = format!("{EXAMPLES}\n{}", exit::HELP),
    after_help = "`--help` says more, with examples and the exit codes."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection and output")]
pub(crate) struct Globals {
    /// Where the controller listens.
    #[arg(
        long,
        global = true,
        env = "STOREWARDEN_CONTROLLER",
        default_value = CONTROLLER_DEFAULT,
        value_name = "URL",
        value_parser = parse::controller
    )]
    pub(crate) controller: String,
    /// How answers are written; see `storewarden --help` for what json holds.
    #[arg(short = 'o', long, global = true, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    pub(crate) output: Format,
    /// Whether tables are coloured; auto: on a terminal, unless NO_COLOR is set.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(crate) color: Color,
    /// How long to try to reach the controller.
    #[arg(long, global = true, default_value = "5s", value_name = "SPAN", value_parser = parse::patience)]
    pub(crate) connect_timeout: Duration,
}

/// How answers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// Whether to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always, even when NO_COLOR is set.
    Always,
    /// Never.
    Never,
}

/// What to do. Their documentation is their help, so it stands beside their arguments.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Stores(StoresArgs),
    /// Look at one store.
    ///
    /// One store in every detail that the controller has.
    #[command(
        subcommand,
        arg_required_else_help = true,
        after_long_help = "\
Examples:
  storewarden store show nas1:/secondary
      The store, its mounts, and what each probe found."
    )]
    Store(StoreCommand),
    Preflight(PreflightArgs),
    /// Run every probe of a store now and show what they found.
    ///
    /// Has every connected agent run every probe on its mount of STORE, waits for all of them (at most 5 s), and shows
    /// the store as `store show` does. The exit code says that the question was answered, not that the store is well:
    /// to decide on an operation, use `preflight`.
    #[command(after_long_help = "\
Examples:
  storewarden probe nas1:/secondary
      What a look right now finds.
  storewarden probe nas1:/secondary -o json | jq -r .condition
      The condition alone.")]
    Probe {
        #[arg(help = store::STORE_HELP)]
        store: String,
    },
    /// List the agents and their mounts.
    ///
    /// Every agent that the controller knows, whether it is connected, when it was last heard, and how each of its
    /// mounts stands and is watched.
    #[command(after_long_help = "\
Examples:
  storewarden agents
      One row for each mount of each agent.
  storewarden agents -o json | jq '.agents[] | select(.connected | not).id'
      The agents that are away.")]
    Agents,
    /// Track deletions, and see their proof.
    ///
    /// A deletion is a tracked request that a path be gone from a store by a deadline. It ends CONFIRMED (with
    /// evidence), FAILED (the path is still there) or UNKNOWN (the store could not be examined). Storewarden deletes
    /// nothing itself.
    #[command(
        subcommand,
        arg_required_else_help = true,
        after_long_help = "\
Examples:
  storewarden deletion track nas1:/secondary snapshots/2/31/a.qcow2 --wait
      Track one path and wait for its end.
  storewarden deletion list --state failed
      What was to be gone and is still there."
    )]
    Deletion(DeletionCommand),
    /// Read the ledger as a stream of events.
    ///
    /// The ledger holds every fact once, in order: agents and mounts as they came, sightings, deletions and their
    /// ends, changes of condition.
    #[command(
        subcommand,
        arg_required_else_help = true,
        after_long_help = "\
Examples:
  storewarden events tail --follow
      What happens from now on."
    )]
    Events(EventsCommand),
}

/// Reads the arguments of this process.
///
/// # Errors
/// The exit code, after help or a usage error has been written.
pub(crate) fn read() -> Result<Cli, ExitCode> {
    Cli::try_parse().map_err(|error| {
        let args: Vec<_> = std::env::args_os().skip(1).collect();
        if error.use_stderr() && asks_for_json(args.iter().map(OsString::as_os_str)) {
            json::usage_error(&error.to_string());
        } else {
            // A closed pipe cannot be told of.
            let _ = error.print();
        }
        if error.use_stderr() { exit::Exit::Usage.into() } else { exit::Exit::Done.into() }
    })
}

/// Whether arguments that could not be parsed ask for JSON nevertheless, so that programs get their kind of error.
fn asks_for_json<'a>(args: impl Iterator<Item = &'a OsStr>) -> bool {
    let mut value_next = false;
    for arg in args.filter_map(OsStr::to_str) {
        if matches!(arg, "-ojson" | "-o=json" | "--output=json") || (value_next && arg == "json") {
            return true;
        }
        value_next = matches!(arg, "-o" | "--output");
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn json_is_recognised_in_every_spelling() {
        let asks = |args: &[&str]| asks_for_json(args.iter().map(OsStr::new));
        for yes in
            [&["-o", "json"][..], &["-ojson"], &["-o=json"], &["--output=json"], &["x", "--output", "json"]]
        {
            assert!(asks(yes), "{yes:?}");
        }
        for no in [&["json"][..], &["-o", "table", "json"], &["--output"], &[]] {
            assert!(!asks(no), "{no:?}");
        }
    }

    #[test]
    fn every_command_has_a_purpose_a_paragraph_and_an_example() {
        fn check(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            let long = command.get_long_about().map(ToString::to_string).unwrap_or_default();
            let after = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
            assert!(!about.is_empty() && !about.contains('\n'), "{path}: purpose");
            assert!(long.len() > about.len() + 40, "{path}: paragraph");
            assert!(after.contains("Examples:\n  storewarden "), "{path}: example");
            // Wider, and a terminal would break an example that one wants to copy.
            assert!(after.lines().all(|line| line.chars().count() <= 80), "{path}: {after}");
            for sub in command.get_subcommands() {
                check(sub, &path);
            }
        }
        check(&Cli::command(), "");
    }
}
