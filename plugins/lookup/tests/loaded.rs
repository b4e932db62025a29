//! The probe as it ships: the shared library, loaded by the host, asked about this machine.

#![allow(clippy::unwrap_used)] // a test may panic

use std::time::Duration;
use storewarden_plugin_host::{
    CancelFlag, Deadline, Plugin, ProbeError, ProbeErrorKind, ProbeReport, ProbeTarget,
};

fn plugin() -> Plugin {
    let exe = std::env::current_exe().unwrap();
    Plugin::load(&exe.parent().unwrap().join("libstorewarden_probe_lookup.so")).unwrap()
}

fn ask(config: &str, mount_point: &str) -> Result<ProbeReport, ProbeError> {
    let (soon, cancel) = (Deadline::after(Duration::from_secs(10)), CancelFlag::default());
    let mut instance = plugin().create(config, soon, &cancel)?;
    let (mount_point, identity_json) = (mount_point.as_bytes(), r#"{"kind":"dir"}"#);
    instance.probe(&ProbeTarget { mount_point, identity_json, ..ProbeTarget::default() }, soon, &cancel)
}

#[test]
fn the_manifest_is_what_the_schedule_rests_on() {
    let plugin = plugin();
    assert_eq!(
        (plugin.name(), plugin.default_interval_ms(), plugin.default_deadline_ms()),
        ("lookup", 5000, 3000)
    );
}

#[test]
fn a_quick_directory_is_ok_and_measured() {
    let report = ask("{}", "/usr/bin").unwrap();
    assert_eq!((report.verdict, report.reason.as_str()), (0, "OK"));
    let names: Vec<&str> = report.metrics.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["statx_seconds", "readdir_seconds"]);
    assert!(report.metrics.iter().all(|(_, seconds)| (0.0..5.0).contains(seconds)), "{report:?}");
}

#[test]
fn what_cannot_be_looked_up_has_its_code() {
    let report = ask("{}", "/nonexistent/store").unwrap();
    assert_eq!((report.verdict, report.reason.as_str()), (2, "NOT_MOUNTED"));
    let report = ask("{}", "/proc").unwrap();
    assert_eq!((report.verdict, report.reason.as_str()), (2, "WRONG_STORE"), "a mount is no plain directory");
}

#[test]
fn a_threshold_of_nothing_is_refused() {
    for config in [r#"{"slow_ms":0}"#, r#"{"slow_ms":-1}"#, r#"{"slow":1}"#] {
        assert_eq!(ask(config, "/usr").unwrap_err().kind, ProbeErrorKind::Config, "{config}");
    }
}
