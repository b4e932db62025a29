//! The program as an operator meets it: words, exit codes, signals, and a clear refusal of what it cannot work with.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::path::Path;
use std::time::{Duration, Instant};
use support::TestDir;
use support::process::{Process, program};

/// Runs to its end; gives exit code, standard output and standard error.
fn run(args: &[&str]) -> (i32, String, String) {
    let output = program(args).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn example() -> String {
    format!("{}/examples/controller.toml", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn help_teaches() {
    let (code, out, _) = run(&["--help"]);
    assert_eq!(code, 0);
    for word in ["--listen", "--data", "--config", "--check-config", "listening on", "Exit codes", "SIGTERM"]
    {
        assert!(out.contains(word), "--help does not say {word}");
    }
}

#[test]
fn the_shipped_configuration_is_right_and_says_the_defaults() {
    let (code, out, err) = run(&["--check-config", "--config", &example()]);
    assert_eq!((code, out.trim(), err.as_str()), (0, "ok", ""));
    // Every commented-out default is what holds without it: switched on, nothing changes and nothing is refused.
    let dir = TestDir::new();
    let on: String = std::fs::read_to_string(example())
        .unwrap()
        .lines()
        .map(|line| line.strip_prefix("#: ").unwrap_or(line).to_owned() + "\n")
        .collect();
    let path = dir.path().join("on.toml");
    std::fs::write(&path, on).unwrap();
    use clap::Parser;
    let load =
        |path: &str| storewarden_controller::Args::parse_from(["c", "--config", path]).config().unwrap();
    assert_eq!(format!("{:?}", load(path.to_str().unwrap())), format!("{:?}", load(&example())));
}

#[test]
fn a_wrong_configuration_is_listed_whole_and_ends_with_2() {
    let dir = TestDir::new();
    let path = dir.path().join("wrong.toml");
    std::fs::write(&path, "listen = 'x'\n\n[evidence]\nttl = '1 fortnight'\nttk = 1\n").unwrap();
    let path = path.to_str().unwrap();
    for args in [vec!["--check-config", "--config", path], vec!["--config", path, "--data", "/tmp/none"]] {
        let (code, out, err) = run(&args);
        assert_eq!((code, out.as_str()), (2, ""));
        for line in ["wrong.toml:1: listen", "wrong.toml:4: evidence.ttl", "wrong.toml:5: evidence.ttk"] {
            assert!(err.contains(line), "{err:?} does not say {line:?}");
        }
    }
    assert_eq!(run(&["--config", "/nonexistent"]).0, 2);
    assert_eq!(run(&["--no-such-flag"]).0, 2);
    assert_eq!(run(&[]).0, 2, "without a data directory");
}

#[test]
fn signals_stop_it_in_order_within_five_seconds() {
    let dir = TestDir::new();
    for signal in ["-TERM", "-INT"] {
        let process = Process::start(dir.path());
        let begun = Instant::now();
        assert_eq!(process.signal(signal).code(), Some(0), "{signal}");
        assert!(begun.elapsed() < Duration::from_secs(5));
        let left = std::fs::metadata(dir.path().join("ledger.sqlite-wal")).map_or(0, |wal| wal.len());
        assert_eq!(left, 0, "the ledger was not closed");
    }
}

#[test]
fn what_cannot_work_is_refused_with_1_and_the_next_step() {
    let dir = TestDir::new();
    let data = dir.path().to_str().unwrap();
    let process = Process::start(dir.path());
    let (code, out, err) = run(&["--listen", "127.0.0.1:0", "--data", data]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("data directory in use") && err.contains("controller.lock"), "{err}");

    let other = TestDir::new();
    let taken = process.address.to_string();
    let (code, _, err) = run(&["--listen", &taken, "--data", other.path().to_str().unwrap()]);
    assert!(code == 1 && err.contains("cannot listen on") && err.contains(&taken), "{code} {err}");
    process.signal("-TERM");

    damage(&dir.path().join("ledger.sqlite"));
    let (code, out, err) = run(&["--listen", "127.0.0.1:0", "--data", data]);
    assert_eq!((code, out.as_str()), (1, ""));
    for word in ["ledger.sqlite", "damaged", "restore from a backup"] {
        assert!(err.contains(word), "{err:?} does not say {word:?}");
    }
}

/// Overwrites a page in the middle.
fn damage(ledger: &Path) {
    use std::os::unix::fs::FileExt;
    let file = std::fs::OpenOptions::new().write(true).open(ledger).unwrap();
    let pages = file.metadata().unwrap().len() / 4096;
    assert!(pages > 4);
    file.write_all_at(&[0xaa; 4096], pages / 2 * 4096).unwrap();
}

#[test]
fn logs_are_json_when_asked() {
    let dir = TestDir::new();
    let err = std::process::Stdio::piped();
    let data = dir.path().to_str().unwrap();
    let mut child = program(&["--listen", "127.0.0.1:0", "--data", data, "--log-format", "json"])
        .stdout(std::process::Stdio::null())
        .stderr(err)
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stderr.take().unwrap()), &mut line)
        .unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(line.starts_with('{') && line.contains("\"level\":\"INFO\""), "{line}");
}
