//! The probes of this worker: loaded once, configured once, run one at a time. Owns the translation from what a plugin
//! says to an observation.

use std::path::Path;
use std::time::Duration;
use storewarden_plugin_host::{
    CancelFlag, Deadline, Instance, LogLine, ProbeError, ProbeErrorKind, ProbeReport, ProbeTarget, load_dir,
};
use storewarden_proof::identity_to_json;
use storewarden_types::limits::{METRICS_PER_OBSERVATION_MAX, TEXT_BYTES_MAX, clip};
use storewarden_types::{
    Code, Metric, MountExpectation, ProbeInfo, ProbeSaid, Reason, Verdict, WorkerResult, WorkerStart,
};

/// How long a probe may take to accept its configuration.
const CREATE_BUDGET: Duration = Duration::from_secs(2);

/// What loading left behind.
pub(crate) struct Loaded {
    pub(crate) probes: Probes,
    pub(crate) infos: Vec<ProbeInfo>,
    pub(crate) faults: Vec<String>,
}

/// The probes that accepted their configuration, by name.
#[derive(Default)]
pub(crate) struct Probes {
    instances: Vec<(String, Instance)>,
}

/// Loads every plugin of the directory and makes an instance of each. Whatever fails is told, and leaves the others.
pub(crate) fn load(start: &WorkerStart) -> Loaded {
    let mut loaded = Loaded { probes: Probes::default(), infos: Vec::new(), faults: Vec::new() };
    if start.plugin_dir.is_empty() {
        loaded.faults.push("no plugin directory is configured, so no probe is loaded".into());
        return loaded;
    }
    let (plugins, errors) = load_dir(Path::new(&start.plugin_dir));
    loaded.faults.extend(errors.iter().map(chain));
    for plugin in plugins {
        let name = plugin.name().to_owned();
        let config = start.probe_config.iter().find(|(n, _)| *n == name).map_or("{}", |(_, c)| c.as_str());
        match plugin.create(config, Deadline::after(CREATE_BUDGET), &CancelFlag::default()) {
            Ok(instance) => {
                loaded.infos.push(ProbeInfo {
                    name: name.clone(),
                    version: plugin.version().into(),
                    default_interval_ms: plugin.default_interval_ms(),
                    default_deadline_ms: plugin.default_deadline_ms(),
                });
                loaded.probes.instances.push((name, instance));
            }
            Err(error) => loaded.faults.push(format!("{} ({}): {error}", name, plugin.path().display())),
        }
    }
    for (name, _) in &start.probe_config {
        if !loaded.infos.iter().any(|i| i.name == *name) {
            loaded
                .faults
                .push(format!("there is a configuration for the probe {name:?}, which is not loaded"));
        }
    }
    loaded
}

impl Probes {
    /// Runs one probe; the lines it logged come along.
    pub(crate) fn run(
        &mut self,
        name: &str,
        deadline_ms: u64,
        mount: &MountExpectation,
    ) -> (WorkerResult, Vec<LogLine>) {
        let Some((_, instance)) = self.instances.iter_mut().find(|(n, _)| n == name) else {
            let reason = Reason::new(Code::ProbeFailed, format!("no probe {name:?} is loaded"));
            return (WorkerResult::Failed(reason), Vec::new());
        };
        let identity = identity_to_json(mount);
        let target = ProbeTarget {
            mount_point: mount.mount_point.as_bytes(),
            fs_type: &mount.fs_type,
            source: mount.source.as_bytes(),
            identity_json: &identity,
            ..ProbeTarget::default()
        };
        let deadline = Deadline::after(Duration::from_millis(deadline_ms));
        match instance.probe(&target, deadline, &CancelFlag::default()) {
            Ok(mut report) => {
                let log = std::mem::take(&mut report.log);
                (WorkerResult::Observed(said(name, report)), log)
            }
            Err(mut error) => {
                let log = std::mem::take(&mut error.log);
                (WorkerResult::Observed(failed(name, &error)), log)
            }
        }
    }
}

/// A verdict as an observation. A reason that is no code of ours keeps its word in the message.
fn said(probe: &str, report: ProbeReport) -> ProbeSaid {
    let verdict = match report.verdict {
        0 => Verdict::Ok,
        1 => Verdict::Warn,
        2 => Verdict::Crit,
        _ => Verdict::Unknown,
    };
    let (code, message) = match (verdict, report.reason.parse::<Code>()) {
        (Verdict::Ok, _) => (Code::Ok, report.message),
        (_, Ok(Code::Ok)) | (_, Err(_)) => {
            (Code::ProbeFailed, format!("{}: {}", report.reason, report.message))
        }
        (_, Ok(code)) => (code, report.message),
    };
    let metrics = report
        .metrics
        .into_iter()
        .take(METRICS_PER_OBSERVATION_MAX)
        .map(|(name, value)| Metric { name, value })
        .collect();
    let message = clip(&message, TEXT_BYTES_MAX).to_owned();
    ProbeSaid { probe: probe.into(), verdict, code, message, metrics }
}

/// A call without a verdict as an observation.
fn failed(probe: &str, error: &ProbeError) -> ProbeSaid {
    let (verdict, code) = match error.kind {
        ProbeErrorKind::Unsupported => (Verdict::Ok, Code::Ok),
        ProbeErrorKind::Internal => (Verdict::Unknown, Code::ProbeCrashed),
        _ => (Verdict::Unknown, Code::ProbeFailed),
    };
    let message = clip(&error.to_string(), TEXT_BYTES_MAX).to_owned();
    ProbeSaid { probe: probe.into(), verdict, code, message, metrics: Vec::new() }
}

/// An error with everything behind it, in one line.
fn chain(error: &impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
