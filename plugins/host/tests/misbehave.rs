//! The real misbehaving library, loaded and called: each misdeed is told from the others, and none gets past its bound.

#![allow(clippy::unwrap_used)] // a test may panic

mod common;

use common::{built, example, wait_for};
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use storewarden_plugin_host::{
    CancelFlag, Deadline, Instance, Plugin, ProbeError, ProbeErrorKind, ProbeReport, ProbeTarget,
};

const LIBRARY: &str = "libstorewarden_probe_misbehave.so";

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(10))
}

fn create(mode: &str) -> Instance {
    let plugin = Plugin::load(&built(LIBRARY)).unwrap();
    plugin.create(&format!("{{\"mode\":\"{mode}\"}}"), soon(), &CancelFlag::default()).unwrap()
}

fn ask(instance: &mut Instance) -> Result<ProbeReport, ProbeError> {
    let target =
        ProbeTarget { mount_point: b"/", fs_type: "ext4", source: b"/dev/x", ..ProbeTarget::default() };
    instance.probe(&target, soon(), &CancelFlag::default())
}

#[test]
fn a_good_call_has_a_verdict_and_the_manifest_is_read() {
    let plugin = Plugin::load(&built(LIBRARY)).unwrap();
    assert_eq!(
        (plugin.name(), plugin.default_interval_ms(), plugin.default_deadline_ms()),
        ("misbehave", 1000, 100)
    );
    assert!(plugin.capabilities().is_empty());
    let report = ask(&mut create("ok")).unwrap();
    assert_eq!((report.verdict, report.reason.as_str(), report.message.as_str()), (0, "OK", ""));
}

#[test]
fn a_configuration_that_makes_no_sense_is_refused_with_its_reason() {
    let plugin = Plugin::load(&built(LIBRARY)).unwrap();
    for config in ["", "{}", "{\"mode\":\"nonsense\"}", "{\"mode\":\"ok\",\"x\":1}"] {
        let error = plugin.create(config, soon(), &CancelFlag::default()).unwrap_err();
        assert_eq!(error.kind, ProbeErrorKind::Config, "{config}: {error}");
        assert!(error.message.starts_with("configuration: "), "{error}");
    }
}

#[test]
fn a_panic_is_told_and_ends_the_instance_only() {
    let mut instance = create("panic");
    let error = ask(&mut instance).unwrap_err();
    assert_eq!(error.kind, ProbeErrorKind::Internal);
    assert!(error.message.contains("a panic on purpose") && error.message.contains("lib.rs:"), "{error}");
    assert!(error.log.iter().any(|l| l.level == 1 && l.text.contains("a panic on purpose")), "{error:?}");
    let again = ask(&mut instance).unwrap_err();
    assert_eq!(again.kind, ProbeErrorKind::Internal);
    assert!(again.message.contains("panicked before"), "{again}");
    drop(instance);
    assert!(ask(&mut create("ok")).is_ok());
}

#[test]
fn a_panic_at_the_end_stays_inside() {
    let mut instance = create("drop_panic");
    assert!(ask(&mut instance).is_ok());
    drop(instance);
}

#[test]
fn exactly_one_verdict() {
    assert_eq!(ask(&mut create("no_verdict")).unwrap_err().kind, ProbeErrorKind::NoVerdict);
    let two = ask(&mut create("two_verdicts")).unwrap_err();
    assert_eq!(two.kind, ProbeErrorKind::TwoVerdicts);
    assert!(two.message.contains("Second"), "{two}");
    assert_eq!(ask(&mut create("odd_result")).unwrap_err().kind, ProbeErrorKind::Unknown(77));
}

#[test]
fn a_callback_after_the_end_of_its_call_is_refused() {
    let mut instance = create("late_callback");
    let first = ask(&mut instance).unwrap();
    assert_eq!((first.reason.as_str(), first.metrics.len()), ("Started", 0));
    let second = ask(&mut instance).unwrap();
    assert_eq!(second.reason, "Joined");
    let ended = f64::from(storewarden_plugin_abi::SWP_E_ENDED);
    let expected = [("late_metric_result".to_owned(), ended), ("late_verdict_result".to_owned(), ended)];
    assert_eq!(second.metrics, expected, "nothing of the late call may show up in the next one");
}

#[test]
fn everything_has_its_bound() {
    let report = ask(&mut create("huge_metrics")).unwrap();
    assert_eq!(report.metrics.len(), 64);
    assert_eq!(report.metrics[63], ("metric_63".to_owned(), 63.0));
    assert_eq!(report.evidence.len(), 7, "seven texts of 10 000 bytes fill 64 KiB");
    assert_eq!(report.evidence.iter().map(|(_, text)| text.len()).sum::<usize>(), 65536);
    assert!(report.evidence.iter().all(|(_, text)| text.chars().all(|c| c == 'é')), "cut between characters");
    assert_eq!(report.message.len(), 1024);
    assert_eq!(report.log.len(), 66);
    assert!(report.log[..64].iter().all(|l| l.text.len() == 1024));
    assert!(
        report.log[64].text.contains("metric_64") && report.log[64].text.contains("refusals"),
        "{:?}",
        report.log[64]
    );
    assert!(report.log[65].text.contains("36 more"), "{:?}", report.log[65]);
}

#[test]
fn broken_text_is_repaired_or_refused() {
    let report = ask(&mut create("bad_utf8")).unwrap();
    assert_eq!(report.message, "broken \u{fffd}\u{fffd} text");
    assert_eq!(report.reason, "Fine");
    assert!(report.metrics.is_empty());
    assert!(report.log[0].text.contains("2 refusals"), "{:?}", report.log);
}

#[test]
fn a_deadline_or_a_flag_ends_a_probe_that_asks() {
    let mut instance = create("until_cancelled");
    let target = ProbeTarget { mount_point: b"/", ..ProbeTarget::default() };
    let began = Instant::now();
    let by_clock =
        instance.probe(&target, Deadline::after(Duration::from_millis(30)), &CancelFlag::default());
    assert_eq!(by_clock.unwrap_err().kind, ProbeErrorKind::Cancelled);
    assert!(began.elapsed() >= Duration::from_millis(30));
    let (cancel, began) = (CancelFlag::default(), Instant::now());
    cancel.cancel();
    assert_eq!(instance.probe(&target, soon(), &cancel).unwrap_err().kind, ProbeErrorKind::Cancelled);
    assert!(began.elapsed() < Duration::from_secs(9), "it was the deadline, not the flag");
}

fn spawn(mode: &str, deadline_ms: &str) -> Child {
    let config = format!("{{\"mode\":\"{mode}\"}}");
    let library = built(LIBRARY);
    Command::new(example("run_probe"))
        .args([library.to_str().unwrap(), "/", &config, deadline_ms])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn read_until_probing(child: &mut Child) {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "probing"), "it never came to the call");
}

#[test]
fn a_crash_is_a_signal_for_the_parent_to_see() {
    let status = spawn("crash", "1000").wait().unwrap();
    assert_eq!(status.signal(), Some(11), "{status}");
}

#[test]
fn a_hang_lasts_until_the_process_is_killed() {
    let mut child = spawn("hang", "20");
    let began = Instant::now();
    read_until_probing(&mut child);
    wait_for("the deadline to pass", || began.elapsed() > Duration::from_millis(60));
    assert_eq!(child.try_wait().unwrap(), None, "it came back by itself");
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9));
}
