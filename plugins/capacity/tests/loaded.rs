//! The probe as it ships: the shared library, loaded by the host, asked about this machine.

#![allow(clippy::unwrap_used)] // a test may panic

use std::time::Duration;
use storewarden_plugin_host::{
    CancelFlag, Deadline, Plugin, ProbeError, ProbeErrorKind, ProbeReport, ProbeTarget,
};

fn plugin() -> Plugin {
    let exe = std::env::current_exe().unwrap();
    Plugin::load(&exe.parent().unwrap().join("libstorewarden_probe_capacity.so")).unwrap()
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
        ("capacity", 60_000, 3000)
    );
    assert!(plugin.capabilities().is_empty());
}

#[test]
fn it_counts_what_df_counts() {
    let report = ask(r#"{"min_free_percent":0,"min_free_inodes_percent":0}"#, "/usr").unwrap();
    assert_eq!((report.verdict, report.reason.as_str()), (0, "OK"));
    let value = |name: &str| report.metrics.iter().find(|(n, _)| n == name).unwrap().1;
    let df =
        std::process::Command::new("df").args(["--block-size=1", "--output=size,itotal", "/usr"]).output();
    let text = String::from_utf8(df.unwrap().stdout).unwrap();
    let mut numbers = text.split_whitespace().filter_map(|word| word.parse::<f64>().ok());
    assert_eq!(numbers.next(), Some(value("bytes_total")), "{text}");
    assert_eq!(numbers.next(), Some(value("inodes_total")), "{text}");
    assert!(value("bytes_available") <= value("bytes_free") && value("bytes_free") <= value("bytes_total"));
}

#[test]
fn a_floor_above_what_is_there_is_a_warning() {
    let report = ask(r#"{"min_free_percent":100}"#, "/usr").unwrap();
    assert_eq!((report.verdict, report.reason.as_str()), (1, "NO_SPACE"));
    assert!(report.message.contains("the floor is 100 %"), "{report:?}");
    assert_eq!(ask("{}", "/nonexistent/store").unwrap().reason, "NOT_MOUNTED");
    assert_eq!(ask(r#"{"min_free_percent":101}"#, "/usr").unwrap_err().kind, ProbeErrorKind::Config);
}
