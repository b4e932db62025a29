//! The configuration file: TOML, every key known, every problem told with its line.
//!
//! Reads by hand instead of through serde's derive, which stops at the first problem. `examples/agent.toml` shows every key.
//! Must not know: the command line, which paths exist.

use crate::config::{Placed, Problem};
use crate::config_value::{Section, bytes, count, number, path, span, string, strings, table_to_json};
use crate::telemetry::LogFormat;
use std::path::PathBuf;
use storewarden_agent_core::{Config, ProbeSettings};
use toml::de::DeTable;

/// What a file says, as far as it says anything. What is absent has the core's default.
#[derive(Clone, Debug, Default)]
pub(crate) struct FileSettings {
    /// `controllers`.
    pub(crate) controllers: Vec<Placed<String>>,
    /// `data`.
    pub(crate) data: Option<PathBuf>,
    /// `agent_id`.
    pub(crate) agent_id: Option<Placed<String>>,
    /// `worker`.
    pub(crate) worker: Option<PathBuf>,
    /// `plugins`.
    pub(crate) plugins: Option<PathBuf>,
    /// `discovery.mounts`.
    pub(crate) mounts: Vec<Placed<String>>,
    /// `outbox.max_bytes`.
    pub(crate) outbox_bytes_max: Option<u64>,
    /// `log.filter`.
    pub(crate) log: Option<String>,
    /// `log.format`.
    pub(crate) log_format: Option<LogFormat>,
    /// The rest.
    pub(crate) core: Config,
}

/// Smallest outbox that makes sense: a few facts of the largest kind.
const OUTBOX_BYTES_MIN: u64 = 16 * 1024 * 1024;
/// Longest span anywhere, in milliseconds: a day.
const DAY_MS: u64 = 24 * 3600 * 1000;

/// Reads `text`; `name` is the file's, for the places. Goes on after a problem, so that all are found.
pub(crate) fn parse(name: &str, text: &str, problems: &mut Vec<Problem>) -> FileSettings {
    let (document, errors) = DeTable::parse_recoverable(text);
    let place = |at: usize| format!("{name}:{}", 1 + text[..at.min(text.len())].matches('\n').count());
    for error in errors {
        let message = error.message().to_owned();
        problems.push(Problem { place: place(error.span().map_or(0, |s| s.start)), message });
    }
    let mut settings = FileSettings::default();
    let mut root = Section::new("", document.get_ref(), &place, problems);
    settings.controllers = root.placed("controllers", strings).unwrap_or_default();
    settings.data = root.take("data", path);
    settings.agent_id = root.placed("agent_id", |v| string(v).map(|s| vec![s])).and_then(|mut ids| ids.pop());
    settings.worker = root.take("worker", path);
    settings.plugins = root.take("plugins", path);
    root.section("discovery", |s| discovery(s, &mut settings));
    root.section("workers", |s| workers(s, &mut settings.core));
    root.section("looks", |s| looks(s, &mut settings.core));
    root.section("watch", |s| watch(s, &mut settings.core));
    root.section("session", |s| session(s, &mut settings.core));
    root.section("outbox", |s| {
        settings.outbox_bytes_max = s.take("max_bytes", |v| bytes(v, OUTBOX_BYTES_MIN));
    });
    root.section("log", |s| {
        settings.log = s.take("filter", string);
        settings.log_format = s.take("format", |v| match string(v)?.as_str() {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            other => Err(format!("{other:?} is neither \"text\" nor \"json\"")),
        });
    });
    root.section("probe", |s| {
        s.each_section(|name, s| {
            let probe = probe(name, s);
            settings.core.probes.push(probe);
        });
    });
    root.finish();
    settings
}

fn discovery(s: &mut Section<'_, '_>, settings: &mut FileSettings) {
    let discovery = &mut settings.core.discovery;
    s.set("fs_types", &mut discovery.fs_types, strings);
    s.set("under", &mut discovery.under, |value| {
        let paths = strings(value)?;
        match paths.iter().find(|p| !p.starts_with('/')) {
            Some(relative) => Err(format!("{relative:?} must be an absolute path")),
            None => Ok(paths),
        }
    });
    settings.mounts = s.placed("mounts", strings).unwrap_or_default();
}

fn workers(s: &mut Section<'_, '_>, core: &mut Config) {
    s.set("start_deadline", &mut core.start_deadline_ms, |v| span(v, 100, DAY_MS));
    s.set("grace", &mut core.grace_ms, |v| span(v, 0, 60_000));
    s.set("respawn_first", &mut core.respawn_first_ms, |v| span(v, 10, DAY_MS));
    let place = s.place_of("respawn_max");
    s.set("respawn_max", &mut core.respawn_max_ms, |v| span(v, 10, DAY_MS));
    s.ordered(place, ("respawn_first", core.respawn_first_ms), ("respawn_max", core.respawn_max_ms));
    s.set("stuck_per_mount", &mut core.stuck_per_mount_max, |v| number(v, 1, 16));
}

fn looks(s: &mut Section<'_, '_>, core: &mut Config) {
    s.set("deadline", &mut core.look_deadline_ms, |v| span(v, 100, DAY_MS));
    s.set("again_first", &mut core.relook_first_ms, |v| span(v, 10, DAY_MS));
    let place = s.place_of("again_max");
    s.set("again_max", &mut core.relook_max_ms, |v| span(v, 10, DAY_MS));
    s.ordered(place, ("again_first", core.relook_first_ms), ("again_max", core.relook_max_ms));
    s.set("pending_max", &mut core.pending_max, |v| number(v, 1, 10_000_000));
}

fn watch(s: &mut Section<'_, '_>, core: &mut Config) {
    s.set("directories_max", &mut core.watch_directories_max, |v| count(v, 1));
    s.set("names_max", &mut core.watch_names_max, |v| count(v, 1));
}

fn session(s: &mut Section<'_, '_>, core: &mut Config) {
    s.set("silence", &mut core.session_silence_ms, |v| span(v, 1_000, DAY_MS));
    s.set("window_facts", &mut core.window_facts, |v| count(v, 1));
}

fn probe(name: &str, s: &mut Section<'_, '_>) -> ProbeSettings {
    ProbeSettings {
        name: name.to_owned(),
        interval_ms: s.take("interval", |v| span(v, 100, DAY_MS)),
        deadline_ms: s.take("deadline", |v| span(v, 10, 600_000)),
        config_json: s.take("config", table_to_json).unwrap_or_default(),
    }
}
