//! The configuration: the shipped example is the truth about defaults, and all problems are told at once.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use storewarden_agent::config::OUTBOX_BYTES_DEFAULT;
use storewarden_agent::telemetry::LogFormat;
use storewarden_agent::{Overrides, Problem, Settings, config};
use storewarden_agent_core::Config;
use support::TempDir;

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/agent.toml")
}

/// Anything that exists and is a file.
fn with_worker(overrides: Overrides) -> Overrides {
    Overrides { worker: Some("/bin/true".into()), plugins: Some("/nonexistent".into()), ..overrides }
}

fn load_text(text: &str, overrides: Overrides) -> Result<Settings, Vec<Problem>> {
    let dir = TempDir::new();
    let file = dir.join("agent.toml");
    std::fs::write(&file, text).unwrap();
    let shorten = |p: Problem| Problem { place: p.place.replace(file.to_str().unwrap(), "FILE"), ..p };
    config::load(Some(&file), with_worker(overrides)).map_err(|ps| ps.into_iter().map(shorten).collect())
}

fn problems(text: &str) -> Vec<String> {
    load_text(text, Overrides::default()).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn the_shipped_example_shows_the_defaults() {
    let settings = config::load(Some(&example()), with_worker(Overrides::default())).unwrap();
    let plugin_dir = "/nonexistent".to_owned();
    assert_eq!(settings.core, Config { plugin_dir, ..Config::default() });
    assert_eq!(settings.data, Path::new(config::DATA_DEFAULT));
    assert_eq!(settings.outbox_bytes_max, OUTBOX_BYTES_DEFAULT);
    assert_eq!((settings.log.as_str(), settings.log_format), ("info", LogFormat::Text));
    assert_eq!(settings.agent_id, None);
    assert_eq!(settings.controllers.len(), 2);
}

#[test]
fn every_line_of_the_example_that_is_commented_out_is_right_too() {
    let text = std::fs::read_to_string(example()).unwrap();
    let uncomment = |line: &str| match line.strip_prefix("# ") {
        Some(rest)
            if rest.starts_with('[') || rest.split_once(" = ").is_some_and(|(key, _)| !key.contains(' ')) =>
        {
            rest.to_owned()
        }
        _ => line.to_owned(),
    };
    let text: Vec<String> = text.lines().map(uncomment).collect();
    let settings = load_text(&text.join("\n"), Overrides::default()).unwrap();
    assert_eq!(settings.agent_id.unwrap().as_str(), "s-17-VM");
    let probes: Vec<_> =
        settings.core.probes.iter().map(|p| (p.name.as_str(), p.interval_ms, p.deadline_ms)).collect();
    assert_eq!(probes, [("capacity", None, None), ("mount", Some(10_000), Some(5_000))]);
    assert_eq!(settings.core.probes[0].config_json, r#"{"crit_percent_free":5,"warn_percent_free":10}"#);
}

#[test]
fn all_problems_are_told_at_once_each_with_its_line() {
    let text = r#"
controllers = [
    "https://secure:7117",
    "ftp://x:1",
    "http://no-port",
]
data = "relative"
agent_id = "a/b"
colour = "red"
[discovery]
under = ["mnt"]
mounts = ["/ok",
    "/a/../b", "/"]
fs_types = "nfs"
[workers]
grace = "soon"
respawn_first = "10s"
respawn_max = "1s"
stuck_per_mount = 99
[outbox]
max_bytes = "1KiB"
[probe.mount]
interval = "1ms"
conf = {}
config = { limit = nan }
[log]
filter = "=[="
format = "xml"
"#;
    let found = problems(text);
    let expected = [
        ("FILE:3", "https is not yet supported"),
        ("FILE:4", "must begin with http://"),
        ("FILE:5", "names no port"),
        ("FILE:7", "data: \"relative\" must be an absolute path"),
        ("FILE:8", "may hold only letters"),
        ("FILE:9", "colour is not known here; known: controllers, data"),
        ("FILE:11", "discovery.under: \"mnt\" must be an absolute path"),
        ("FILE:13", "mount \"/a/../b\": must be written without . and .."),
        ("FILE:13", "the root of the host cannot be watched"),
        ("FILE:14", "discovery.fs_types: a list of texts is wanted"),
        ("FILE:16", "workers.grace: \"soon\" is no span"),
        ("FILE:18", "workers.respawn_first (10000 ms) must not be longer than respawn_max (1000 ms)"),
        ("FILE:19", "workers.stuck_per_mount: 99 is out of range: 1 to 16"),
        ("FILE:21", "outbox.max_bytes: \"1KiB\" is too small: at least 16 MiB"),
        ("FILE:23", "probe.mount.interval: \"1ms\" is out of range: 100ms to 1day"),
        ("FILE:24", "probe.mount.conf is not known here; known: interval, deadline, config"),
        ("FILE:25", "probe.mount.config: nan has no JSON form"),
        ("--log", "the log filter \"=[=\" makes no sense"),
        ("FILE:28", "log.format: \"xml\" is neither"),
    ];
    for (place, words) in expected {
        let is_it = |p: &&String| p.starts_with(&format!("{place}: ")) && p.contains(words);
        assert_eq!(found.iter().filter(is_it).count(), 1, "{place} {words}\nin {found:#?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn broken_toml_is_told_with_its_lines_and_does_not_hide_the_rest() {
    let found = problems("controllers = [\"http://a:1\"]\ndata = \ncolour = 1\nx = = 2\n");
    assert!(found.iter().any(|p| p.starts_with("FILE:2: ")), "{found:#?}");
    assert!(found.iter().any(|p| p.starts_with("FILE:3: colour")), "{found:#?}");
    assert!(found.iter().any(|p| p.starts_with("FILE:4: ")), "{found:#?}");
}

#[test]
fn the_command_line_goes_over_the_file() {
    let overrides = Overrides {
        controllers: vec!["http://b:2".into()],
        data: Some("/tmp/b".into()),
        mounts: vec!["/m//two/".into(), "/m/one".into()],
        agent_id: Some("cli".into()),
        log_format: Some(LogFormat::Json),
        ..Overrides::default()
    };
    let text = "controllers = [\"http://a:1\"]\ndata = \"/tmp/a\"\nagent_id = \"file\"\n[discovery]\nmounts = [\"/m/one\"]";
    let settings = load_text(text, overrides).unwrap();
    assert_eq!(settings.controllers, ["http://b:2"]);
    assert_eq!(settings.data, Path::new("/tmp/b"));
    assert_eq!(settings.core.discovery.by_hand, ["/m/one", "/m/two"]);
    assert_eq!(settings.agent_id.unwrap().as_str(), "cli");
    assert_eq!(settings.log_format, LogFormat::Json);
}

#[test]
fn nothing_of_the_agent_may_lie_on_what_it_watches() {
    let controllers = vec!["http://a:1".into()];
    let overrides = Overrides {
        controllers: controllers.clone(),
        data: Some("/stores/one/agent".into()),
        mounts: vec!["/stores/one".into()],
        ..Overrides::default()
    };
    let found = config::load(None, with_worker(overrides)).unwrap_err();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].place == "--data" && found[0].message.contains("/stores/one, which is watched"),
        "{found:?}"
    );
    // A neighbour whose name begins the same is no trouble.
    let overrides = Overrides {
        controllers,
        data: Some("/stores/one-agent".into()),
        mounts: vec!["/stores/one".into()],
        ..Overrides::default()
    };
    config::load(None, with_worker(overrides)).unwrap();
}

fn run(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_storewarden-agent"));
    command.args(args).env_remove("STOREWARDEN_CONTROLLER").output().unwrap()
}

#[test]
fn the_exit_code_tells_what_kind_of_trouble_it_is() {
    let file = example();
    let good = run(&["--config", file.to_str().unwrap(), "--worker", "/bin/true", "--check-config"]);
    let told = String::from_utf8(good.stdout).unwrap();
    assert!(told.starts_with("ok\n") && told.contains("nfs, nfs4 under /mnt/SecStorage"), "{told}");
    assert_eq!(good.status.code(), Some(0));

    let bad = run(&[
        "--controller",
        "https://x:1",
        "--mount",
        "relative",
        "--worker",
        "/bin/true",
        "--check-config",
    ]);
    let told = String::from_utf8(bad.stderr).unwrap();
    assert_eq!(told.lines().count(), 2, "{told}");
    assert_eq!(bad.status.code(), Some(2));

    let missing = run(&["--controller", "http://x:1", "--worker", "/no/such/worker", "--check-config"]);
    let told = String::from_utf8(missing.stderr).unwrap();
    assert!(told.contains("no worker at /no/such/worker"), "{told}");
    assert_eq!(missing.status.code(), Some(2));

    assert_eq!(run(&["--config", "/no/such/file"]).status.code(), Some(2));
    assert_eq!(run(&["--no-such-option"]).status.code(), Some(2));

    let dir = TempDir::new();
    std::fs::write(dir.join("a file"), "").unwrap();
    let data = dir.join("a file/data");
    let failed =
        run(&["--controller", "http://x:1", "--worker", "/bin/true", "--data", data.to_str().unwrap()]);
    let told = String::from_utf8(failed.stderr).unwrap();
    assert!(told.contains("cannot create the data directory"), "{told}");
    assert_eq!(failed.status.code(), Some(1));

    let help = String::from_utf8(run(&["--help"]).stdout).unwrap();
    assert!(help.contains("Examples:") && help.contains("Exit codes:"), "{help}");
}
