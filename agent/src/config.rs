//! What the agent is told: defaults, then the configuration file, then the command line; checked as a whole, so that all
//! problems are told at once.
//!
//! Owns the merged [`Settings`] and the checks across fields. Must not know: TOML (see `config_file`), clap.

use crate::config_file::{FileSettings, parse};
use crate::mountinfo;
use crate::telemetry::{LogFormat, parse_filter};
use std::fmt;
use std::path::{Component, Path, PathBuf};
use storewarden_agent_core::{Config, Discovery};
use storewarden_types::limits::MOUNTS_PER_AGENT_MAX;
use storewarden_types::mountinfo::MountEntry;
use storewarden_types::{AgentId, limits};
use tonic::transport::Uri;

/// Facts that may wait for a controller before sightings are held back: 256 MiB.
pub const OUTBOX_BYTES_DEFAULT: u64 = 256 * 1024 * 1024;
/// Where the agent keeps what must outlive it.
pub const DATA_DEFAULT: &str = "/var/lib/storewarden-agent";
/// Largest configuration file read.
const CONFIG_BYTES_MAX: u64 = 1024 * 1024;

/// Everything an agent is told, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Controllers, tried in turn.
    pub controllers: Vec<Uri>,
    /// The agent's own directory.
    pub data: PathBuf,
    /// Who it is; without one, the id kept in the data directory, made at the first start.
    pub agent_id: Option<AgentId>,
    /// The worker's executable.
    pub worker: PathBuf,
    /// What the core is told.
    pub core: Config,
    /// Bytes of facts beyond which sightings are held back.
    pub outbox_bytes_max: u64,
    /// Mounts to be forgotten at the start.
    pub forget: Vec<String>,
    /// Log filter.
    pub log: String,
    /// Log format.
    pub log_format: LogFormat,
}

/// What the command line says. Lists add to the file's, but controllers replace them.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--controller`.
    pub controllers: Vec<String>,
    /// `--data`.
    pub data: Option<PathBuf>,
    /// `--mount`.
    pub mounts: Vec<String>,
    /// `--plugins`.
    pub plugins: Option<PathBuf>,
    /// `--agent-id`.
    pub agent_id: Option<String>,
    /// `--worker`.
    pub worker: Option<PathBuf>,
    /// `--forget`.
    pub forget: Vec<String>,
    /// `--log`.
    pub log: Option<String>,
    /// `--log-format`.
    pub log_format: Option<LogFormat>,
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// `FILE:LINE`, or the option of the command line.
    pub place: String,
    /// One sentence.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// A value and the place it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub place: String,
}

/// Reads and checks everything. Looks at no monitored path: what is a mount comes from mountinfo.
///
/// # Errors
/// Every problem there is.
pub fn load(file: Option<&Path>, overrides: Overrides) -> Result<Settings, Vec<Problem>> {
    let mut problems = Vec::new();
    let from_file = match file.map(read) {
        None => FileSettings::default(),
        Some(Ok(text)) => {
            let name = file.unwrap_or(Path::new("")).display().to_string();
            parse(&name, &text, &mut problems)
        }
        // Without the file nothing else can be judged.
        Some(Err(problem)) => return Err(vec![problem]),
    };
    let settings = merge(from_file, overrides, &mut problems);
    match mountinfo::read_now() {
        Ok(entries) => check_own_paths(&settings, &entries, &mut problems),
        Err(error) => problems.push(problem("mount table", crate::telemetry::chain(&error))),
    }
    // Only now: a path that might be on a monitored mount must not even be looked at.
    if problems.is_empty() && !settings.worker.is_file() {
        let path = settings.worker.display();
        problems.push(problem(
            "--worker",
            format!(
                "no worker at {path}: install storewarden-worker beside the agent, or name it with --worker"
            ),
        ));
    }
    if problems.is_empty() { Ok(settings) } else { Err(problems) }
}

fn problem(place: &str, message: impl Into<String>) -> Problem {
    Problem { place: place.to_owned(), message: message.into() }
}

fn read(path: &Path) -> Result<String, Problem> {
    use std::io::Read as _;
    let mut text = String::new();
    let at = path.display().to_string();
    std::fs::File::open(path)
        .and_then(|file| file.take(CONFIG_BYTES_MAX + 1).read_to_string(&mut text))
        .map_err(|error| problem(&at, format!("cannot be read: {error}")))?;
    if text.len() as u64 > CONFIG_BYTES_MAX {
        return Err(problem(&at, format!("has more than {CONFIG_BYTES_MAX} bytes")));
    }
    Ok(text)
}

fn merge(file: FileSettings, overrides: Overrides, problems: &mut Vec<Problem>) -> Settings {
    let placed = |option: &str, texts: Vec<String>| -> Vec<Placed<String>> {
        texts.into_iter().map(|value| Placed { value, place: option.to_owned() }).collect()
    };
    let controllers = match placed("--controller", overrides.controllers) {
        none if none.is_empty() => file.controllers,
        some => some,
    };
    if controllers.is_empty() {
        let message =
            "no controller is named: give --controller http://HOST:PORT, or `controllers` in the file";
        problems.push(problem("--controller", message));
    }
    let controllers = keep(controllers.into_iter().map(|c| check_controller(&c)), problems);
    let mounts = file.mounts.into_iter().chain(placed("--mount", overrides.mounts));
    let by_hand = keep(mounts.map(|m| check_mount(&m)), problems);
    if by_hand.len() > MOUNTS_PER_AGENT_MAX {
        let message =
            format!("{} mounts are named; at most {MOUNTS_PER_AGENT_MAX} can be watched", by_hand.len());
        problems.push(problem("--mount", message));
    }
    let forget = keep(placed("--forget", overrides.forget).iter().map(check_mount), problems);
    let agent_id =
        overrides.agent_id.map(|value| Placed { value, place: "--agent-id".into() }).or(file.agent_id);
    let agent_id = keep(
        agent_id.iter().map(|id| AgentId::parse(&id.value).map_err(|e| problem(&id.place, e.to_string()))),
        problems,
    )
    .pop();
    let log = overrides.log.or(file.log).unwrap_or_else(|| "info".into());
    if let Err(error) = parse_filter(&log) {
        problems.push(problem("--log", crate::telemetry::chain(&error)));
    }
    let beside = own_directory();
    let plugin_dir = overrides.plugins.or(file.plugins).map(|p| absolute(&p));
    let plugin_dir = plugin_dir.or_else(|| beside.as_deref().and_then(default_plugins));
    Settings {
        controllers,
        data: absolute(&overrides.data.or(file.data).unwrap_or_else(|| DATA_DEFAULT.into())),
        agent_id,
        worker: overrides
            .worker
            .or(file.worker)
            .map(|p| absolute(&p))
            .unwrap_or_else(|| beside.unwrap_or_else(|| "/".into()).join("storewarden-worker")),
        core: Config {
            discovery: Discovery { by_hand, ..file.core.discovery },
            plugin_dir: plugin_dir.map(|p| p.to_string_lossy().into_owned()).unwrap_or_default(),
            ..file.core
        },
        outbox_bytes_max: file.outbox_bytes_max.unwrap_or(OUTBOX_BYTES_DEFAULT),
        forget,
        log,
        log_format: overrides.log_format.or(file.log_format).unwrap_or_default(),
    }
}

/// Puts the bad ones among the problems, without repeats among the good ones.
fn keep<T: PartialEq>(
    checked: impl Iterator<Item = Result<T, Problem>>,
    problems: &mut Vec<Problem>,
) -> Vec<T> {
    let mut good = Vec::new();
    for item in checked {
        match item {
            Ok(value) if !good.contains(&value) => good.push(value),
            Ok(_) => {}
            Err(problem) => problems.push(problem),
        }
    }
    good
}

fn check_controller(address: &Placed<String>) -> Result<Uri, Problem> {
    let bad = |why: &str| problem(&address.place, format!("controller {:?}: {why}", address.value));
    let uri: Uri = address.value.parse().map_err(|_| bad("is no address; write http://HOST:PORT"))?;
    match uri.scheme_str() {
        Some("http") => {}
        Some("https") => return Err(bad("https is not yet supported; use http on a network you trust")),
        _ => return Err(bad("must begin with http://")),
    }
    if uri.host().is_none_or(str::is_empty) {
        return Err(bad("names no host"));
    }
    if uri.port_u16().is_none() {
        return Err(bad("names no port"));
    }
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        return Err(bad("must end after the port"));
    }
    Ok(uri)
}

/// A mount point as mountinfo would write it. Text only: the path is not looked at.
fn check_mount(mount: &Placed<String>) -> Result<String, Problem> {
    let bad = |why: &str| Err(problem(&mount.place, format!("mount {:?}: {why}", mount.value)));
    let path = Path::new(&mount.value);
    if !path.is_absolute() {
        return bad("must be an absolute path");
    }
    if mount.value.len() > limits::PATH_BYTES_MAX || mount.value.contains('\0') {
        return bad("is no possible path");
    }
    if path.components().any(|c| c == Component::ParentDir) || mount.value.split('/').any(|c| c == ".") {
        return bad("must be written without . and ..");
    }
    let clean: Vec<&str> = mount.value.split('/').filter(|c| !c.is_empty()).collect();
    if clean.is_empty() {
        return bad("the root of the host cannot be watched: the agent itself lives there");
    }
    Ok(format!("/{}", clean.join("/")))
}

/// Nothing of the agent's own may lie on what it watches: a hung store would then hang the agent.
fn check_own_paths(settings: &Settings, entries: &[MountEntry], problems: &mut Vec<Problem>) {
    let plugins = (!settings.core.plugin_dir.is_empty()).then(|| PathBuf::from(&settings.core.plugin_dir));
    let own = [
        ("--data", Some(&settings.data)),
        ("--worker", Some(&settings.worker)),
        ("--plugins", plugins.as_ref()),
    ];
    for (option, path) in own {
        if let Some(path) = path
            && let Some(mount) = monitored_above(path, &settings.core.discovery, entries)
        {
            let message = format!(
                "{} lies on {mount}, which is watched; the agent must not depend on what it watches",
                path.display()
            );
            problems.push(problem(option, message));
        }
    }
}

/// The watched mount that `path` lies on.
fn monitored_above(path: &Path, discovery: &Discovery, entries: &[MountEntry]) -> Option<String> {
    if let Some(mount) = discovery.by_hand.iter().find(|mount| path.starts_with(mount)) {
        return Some(mount.clone());
    }
    let mount = entries
        .iter()
        .rev()
        .filter(|e| path.starts_with(&e.mount_point))
        .max_by_key(|e| e.mount_point.len())?;
    let watched = discovery.fs_types.contains(&mount.fs_type)
        && discovery.under.iter().any(|under| {
            Path::new(&mount.mount_point).starts_with(under.strip_suffix("/*").unwrap_or(under))
        });
    watched.then(|| mount.mount_point.clone())
}

/// Absolute without looking at it; what cannot be made absolute (no working directory) stays as it is.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn own_directory() -> Option<PathBuf> {
    std::env::current_exe().ok()?.parent().map(Path::to_owned)
}

/// `plugins` or `lib/storewarden/plugins` beside the binary or, as packages lay things out, beside its directory; or the
/// binary's own directory when probes lie there (as after a build).
fn default_plugins(beside: &Path) -> Option<PathBuf> {
    let layouts = ["plugins", "lib/storewarden/plugins"];
    let roots = [Some(beside), beside.parent()];
    let mut packaged = roots.iter().flatten().flat_map(|root| layouts.iter().map(|layout| root.join(layout)));
    packaged.find(|p| p.is_dir()).or_else(|| holds_probes(beside).then(|| beside.to_owned()))
}

fn holds_probes(directory: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(directory) else { return false };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libstorewarden_probe_") && name.ends_with(".so")
    })
}

/// What `--check-config` says when all is well.
#[must_use]
pub fn summary(settings: &Settings) -> String {
    let controllers: Vec<String> = settings.controllers.iter().map(ToString::to_string).collect();
    let Discovery { fs_types, under, by_hand } = &settings.core.discovery;
    format!(
        "ok\n  controllers  {}\n  data         {}\n  worker       {}\n  plugins      {}\n  discovery    {} under {}\n  \
         by hand      {}",
        controllers.join(", "),
        settings.data.display(),
        settings.worker.display(),
        if settings.core.plugin_dir.is_empty() { "(none found)" } else { &settings.core.plugin_dir },
        fs_types.join(", "),
        under.join(", "),
        if by_hand.is_empty() { "(none)".into() } else { by_hand.join(", ") },
    )
}
