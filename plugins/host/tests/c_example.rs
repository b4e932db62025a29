//! The C example of the author's guide: compiled with the strictest flags, loaded, and asked.

#![allow(clippy::unwrap_used)] // a test may panic

mod common;

use common::{Scratch, compile_c};
use std::path::Path;
use std::time::Duration;
use storewarden_plugin_host::{CancelFlag, Deadline, Plugin, ProbeTarget};

#[test]
fn it_measures_and_it_notices() {
    let scratch = Scratch::new();
    let file = scratch.path().join("libstat_latency.so");
    compile_c(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/c/stat_latency.c"), &file, &[]);
    let plugin = Plugin::load(&file).unwrap();
    assert_eq!((plugin.name(), plugin.default_interval_ms()), ("stat-latency-c", 30_000));

    let (soon, cancel) = (Deadline::after(Duration::from_secs(5)), CancelFlag::default());
    let mut instance = plugin.create("{}", soon, &cancel).unwrap();
    let here = ProbeTarget { mount_point: b"/", ..ProbeTarget::default() };
    let report = instance.probe(&here, soon, &cancel).unwrap();
    assert_eq!((report.verdict, report.reason.as_str()), (0, "OK"));
    assert_eq!(report.metrics.len(), 1);
    assert!(report.metrics[0].0 == "stat_seconds" && (0.0..5.0).contains(&report.metrics[0].1), "{report:?}");

    let nowhere = ProbeTarget { mount_point: b"/nonexistent/mount", ..ProbeTarget::default() };
    let report = instance.probe(&nowhere, soon, &cancel).unwrap();
    assert_eq!((report.verdict, report.reason.as_str()), (2, "StatFailed"));
    assert!(report.message.contains("No such file"), "{report:?}");
}
