//! Help of every command, as it is printed.

use crate::program::run;

const COMMANDS: &[&[&str]] = &[
    &[],
    &["stores"],
    &["store"],
    &["store", "show"],
    &["preflight"],
    &["probe"],
    &["agents"],
    &["deletion"],
    &["deletion", "track"],
    &["deletion", "show"],
    &["deletion", "list"],
    &["deletion", "watch"],
    &["deletion", "cancel"],
    &["events"],
    &["events", "tail"],
];

#[test]
fn every_command_teaches_by_example() {
    for command in COMMANDS {
        let ran = run(&[*command, &["--help"]].concat());
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{command:?}");
        let example = ran.stdout.split("\nExamples:\n").nth(1).unwrap_or_default();
        let invocation = format!("storewarden {}", command.join(" "));
        assert!(example.contains(invocation.trim_end()), "{command:?}: {}", ran.stdout);
        assert!(ran.stdout.contains("--connect-timeout <SPAN>"), "{command:?} names the common options");
    }
}

#[test]
fn short_help_points_to_the_long_one() {
    let ran = run(&["-h"]);
    assert_eq!(ran.code, 0);
    assert!(ran.stdout.contains("`--help` says more"));
}

#[test]
fn help_tells_the_exit_codes_and_the_json() {
    let help = run(&["--help"]).stdout;
    for exit in 0..=8 {
        assert!(help.contains(&format!("\n  {exit}  ")), "{exit}");
    }
    assert!(help.contains("64-bit integers are strings") && help.contains("NDJSON"));
}

#[test]
fn the_version_is_told() {
    let ran = run(&["--version"]);
    assert_eq!((ran.code, ran.stdout), (0, format!("storewarden {}\n", env!("CARGO_PKG_VERSION"))));
}
