//! Bad input, end to end: each mistake a clear error with its stable code and exit code, and nothing lost.

#![allow(clippy::unwrap_used, reason = "helpers of tests: a failure here is the test's failure")]

use std::fs;
use storewarden_system_tests::site::{Output, Site};

fn refused(output: &Output, code: &str, exit: i32) {
    assert_eq!(output.error_code(), code, "{output:?}");
    assert_eq!(output.code, exit, "{output:?}");
}

#[test]
fn every_mistake_has_its_code() {
    let mut site = Site::new("refusals");
    let store = site.make_dir("store");
    fs::create_dir(store.join("real")).unwrap();
    fs::write(store.join("real/file"), "x").unwrap();
    std::os::unix::fs::symlink("real", store.join("link")).unwrap();
    site.start_controller();
    site.start_agent("agent", &[&store], &[]);
    let at = store.to_str().unwrap().to_owned();
    site.wait_condition(&at, "Available");
    let cli = |args: &[&str]| site.cli(&[&["-o", "json"], args].concat());

    refused(&cli(&["store", "show", "no-such-store"]), "STORE_UNKNOWN", 4);
    refused(&cli(&["preflight", "no-such-store", "--operation", "delete"]), "STORE_UNKNOWN", 4);
    refused(&cli(&["deletion", "track", "no-such-store", "x"]), "STORE_UNKNOWN", 4);
    refused(&cli(&["deletion", "track", &at, "a/../b"]), "PATH_INVALID", 2);
    refused(&cli(&["deletion", "track", &at, "/etc/passwd"]), "PATH_OUTSIDE_STORE", 2);
    refused(&cli(&["deletion", "track", &at, ".storewarden/identity"]), "PATH_RESERVED", 2);
    refused(&cli(&["deletion", "track", &at, "x", "--deadline", "0s"]), "DEADLINE_EXPIRED", 2);
    refused(&cli(&["deletion", "track", &at, "x", "--deadline", "9days"]), "DEADLINE_TOO_FAR", 2);
    let unknown = "01890000-0000-7000-8000-000000000000";
    refused(&cli(&["deletion", "show", unknown]), "DELETION_UNKNOWN", 4);
    refused(&cli(&["deletion", "cancel", unknown]), "DELETION_UNKNOWN", 4);
    refused(&cli(&["events", "tail", "--since", "999999999"]), "CURSOR_INVALID", 2);
    assert_eq!(site.cli(&["deletion", "track", &at]).code, 2, "no path is a usage error");
    assert_eq!(site.cli(&["preflight", &at, "--operation", "nonsense"]).code, 2);

    // The same key with another body.
    let first = cli(&["deletion", "track", &at, "k1", "--key", "K"]);
    assert_eq!(first.code, 0, "{first:?}");
    let again = cli(&["deletion", "track", &at, "k1", "--key", "K"]);
    assert_eq!(again.json()["replayed"], true);
    assert_eq!(again.json()["deletions"][0]["id"], first.json()["deletions"][0]["id"]);
    refused(&cli(&["deletion", "track", &at, "k2", "--key", "K"]), "KEY_REUSED", 8);

    // Ten megabytes of paths.
    let list = site.path("paths.txt");
    fs::write(&list, (0..100_000).map(|n| format!("{n:0>100}\n")).collect::<String>()).unwrap();
    refused(&cli(&["deletion", "track", &at, "--paths-from", list.to_str().unwrap()]), "BATCH_TOO_LARGE", 2);

    // A symbolic link in the path is seen by the worker only: the deletion ends at once, not verified.
    let output = cli(&["deletion", "track", &at, "link/file", "--deadline", "20s", "--wait"]);
    assert_eq!(output.code, 5, "{output:?}");
    let listed = cli(&["deletion", "list"]).stdout;
    assert!(listed.contains("SYMLINK_IN_PATH"), "{listed}");

    // After all that the store still works.
    let ids = site.track(&at, &["real/file"], "20s");
    fs::remove_file(store.join("real/file")).unwrap();
    assert_eq!(site.wait_ended(&ids[0])["state"], "DELETION_STATE_CONFIRMED");

    // Nobody there.
    site.controller().kill9();
    let output = site.cli(&["stores"]);
    assert_eq!(output.code, 7, "{output:?}");
}
