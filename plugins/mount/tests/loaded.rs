//! The probe as it ships: the shared library, loaded by the host, asked about real directories and mounts.

#![allow(clippy::unwrap_used)] // a test may panic

use std::path::{Path, PathBuf};
use std::time::Duration;
use storewarden_plugin_host::{
    CancelFlag, Capability, Deadline, Plugin, ProbeErrorKind, ProbeReport, ProbeTarget,
};
use storewarden_plugin_sdk::{FakeHost, Target};
use storewarden_probe_mount::Mount;
use storewarden_proof::{expectation_from_json, identify, identity_to_json};

/// A directory that goes away with the value.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("probe-mount-{name}-{}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self(std::fs::canonicalize(path).unwrap())
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    /// The identity of what is there now, as a worker would pin it.
    fn pin(&self) -> String {
        let mut expected =
            expectation_from_json(Path::new(self.path()), "dir", self.path().as_bytes(), r#"{"kind":"dir"}"#)
                .unwrap();
        expected.identity = Some(identify(self.path()).unwrap());
        identity_to_json(&expected)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn plugin() -> Plugin {
    let exe = std::env::current_exe().unwrap();
    Plugin::load(&exe.parent().unwrap().join("libstorewarden_probe_mount.so")).unwrap()
}

fn ask(mount_point: &str, fs_type: &str, source: &str, identity_json: &str) -> ProbeReport {
    let (soon, cancel) = (Deadline::after(Duration::from_secs(10)), CancelFlag::default());
    let mut instance = plugin().create("{}", soon, &cancel).unwrap();
    let target = ProbeTarget {
        mount_point: mount_point.as_bytes(),
        fs_type,
        source: source.as_bytes(),
        identity_json,
        root: None,
    };
    instance.probe(&target, soon, &cancel).unwrap()
}

#[test]
fn the_manifest_is_what_the_schedule_rests_on() {
    let plugin = plugin();
    assert_eq!((plugin.name(), plugin.version()), ("mount", env!("CARGO_PKG_VERSION")));
    assert_eq!((plugin.default_interval_ms(), plugin.default_deadline_ms()), (1000, 1500));
    assert_eq!(plugin.capabilities(), [Capability::ReadData]);
}

#[test]
fn a_pinned_directory_is_ok_until_it_is_another() {
    let scratch = Scratch::new("pinned");
    std::fs::create_dir(scratch.0.join(".storewarden")).unwrap();
    std::fs::write(scratch.0.join(".storewarden/identity"), "store-1\n").unwrap();
    let identity = scratch.pin();
    let report = ask(scratch.path(), "dir", scratch.path(), &identity);
    assert_eq!((report.verdict, report.reason.as_str()), (0, "OK"));
    assert!(report.metrics[0].0 == "proof_seconds" && report.metrics[0].1 < 5.0, "{report:?}");
    assert!(report.evidence[0].1.contains("fstatfs was answered"), "{report:?}");

    std::fs::write(scratch.0.join(".storewarden/identity"), "store-2\n").unwrap();
    let report = ask(scratch.path(), "dir", scratch.path(), &identity);
    assert_eq!((report.verdict, report.reason.as_str()), (2, "WRONG_STORE"));
    assert!(report.message.contains("identity file"), "{report:?}");
}

#[test]
fn what_is_not_mounted_is_critical() {
    let scratch = Scratch::new("bare");
    let report = ask(scratch.path(), "nfs4", "h:/e", "");
    assert_eq!((report.verdict, report.reason.as_str()), (2, "NOT_MOUNTED"));
    let report = ask("/proc", "nfs4", "h:/e", "");
    assert_eq!((report.verdict, report.reason.as_str()), (2, "WRONG_STORE"));
}

#[test]
fn an_identity_that_cannot_be_read_is_a_failure_not_a_verdict() {
    let (soon, cancel) = (Deadline::after(Duration::from_secs(10)), CancelFlag::default());
    let mut instance = plugin().create("{}", soon, &cancel).unwrap();
    let target = ProbeTarget { mount_point: b"/", identity_json: "[", ..ProbeTarget::default() };
    let error = instance.probe(&target, soon, &cancel).unwrap_err();
    assert_eq!(error.kind, ProbeErrorKind::Failed);
    assert!(error.message.contains("identity_json"), "{error}");
}

#[test]
fn the_library_and_the_linked_probe_say_the_same() {
    let scratch = Scratch::new("same");
    let identity = scratch.pin();
    let target = Target::at(scratch.path())
        .with_fs_type("dir")
        .with_source(scratch.path().as_bytes())
        .with_identity_json(&identity);
    let run = FakeHost::new().run::<Mount>("{}", &target);
    let report = ask(scratch.path(), "dir", scratch.path(), &identity);
    assert_eq!(run.verdict().reason(), report.reason);
    assert_eq!(run.metrics.len(), report.metrics.len());
}
