//! The configuration file (TOML). Owns its keys, and the promise that every problem is told at once, with its line:
//! nobody repairs a file one error a start.

use super::read::{self, Wrong};
use super::{Config, LogFormat};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use storewarden_ledger::Check;
use storewarden_types::limits::PENDING_DELETIONS_MAX;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use tracing_subscriber::EnvFilter;

/// Largest file that is read, in bytes: a configuration has a few dozen lines.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line of the file, from 1. `None`: the file as a whole, or the command line.
    pub line: Option<usize>,
    /// What is wrong and what would be right.
    pub what: String,
}

/// Everything that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// The file; `None`: the command line alone.
    pub path: Option<PathBuf>,
    /// At least one.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let newline = if index == 0 { "" } else { "\n" };
            match (&self.path, problem.line) {
                (Some(path), Some(line)) => {
                    write!(f, "{newline}{}:{line}: {}", path.display(), problem.what)?;
                }
                (Some(path), None) => write!(f, "{newline}{}: {}", path.display(), problem.what)?,
                (None, _) => write!(f, "{newline}{}", problem.what)?,
            }
        }
        Ok(())
    }
}

struct Key {
    name: &'static str,
    read: fn(&mut Config, &DeValue<'_>) -> Result<(), Wrong>,
}

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Every key there is.
const KEYS: &[Key] = &[
    Key {
        name: "listen",
        read: |c, v| set(&mut c.listen, read::parsed(v, "an address with a port, such as 127.0.0.1:7420")),
    },
    Key { name: "data", read: |c, v| set(&mut c.data, read::text(v).map(PathBuf::from)) },
    Key { name: "log.filter", read: |c, v| set(&mut c.log, read::text(v).and_then(log_filter)) },
    Key { name: "log.format", read: |c, v| set(&mut c.log_format, read::word(v, FORMATS)) },
    Key { name: "ledger.check", read: |c, v| set(&mut c.check, read::word(v, CHECKS)) },
    Key {
        name: "evidence.ttl",
        read: |c, v| set(&mut c.core.evidence_ttl_ms, read::span_ms(v, SECOND, HOUR)),
    },
    Key {
        name: "agents.heartbeat",
        read: |c, v| set(&mut c.core.heartbeat_ms, read::span_ms(v, SECOND / 10, HOUR)),
    },
    Key {
        name: "agents.silence",
        read: |c, v| set(&mut c.core.session_silence_ms, read::span_ms(v, SECOND / 5, HOUR)),
    },
    Key {
        name: "agents.reorder",
        read: |c, v| set(&mut c.core.reorder_ms, read::span_ms(v, SECOND / 10, HOUR)),
    },
    Key {
        name: "deletions.pending_max",
        read: |c, v| set(&mut c.core.pending_max, read::count(v, 1, PENDING_DELETIONS_MAX)),
    },
    Key { name: "clients.slow_after", read: |c, v| set(&mut c.slow_after, read::span(v, SECOND / 10, HOUR)) },
];
const FORMATS: &[(&str, LogFormat)] = &[("text", LogFormat::Text), ("json", LogFormat::Json)];
const CHECKS: &[(&str, Check)] = &[("none", Check::None), ("quick", Check::Quick), ("full", Check::Full)];

fn set<T>(slot: &mut T, value: Result<T, Wrong>) -> Result<(), Wrong> {
    *slot = value?;
    Ok(())
}

/// Checks a log filter.
pub(crate) fn log_filter(text: &str) -> Result<String, Wrong> {
    match EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(why) => Err(format!("{text:?} is not a log filter: {why}")),
    }
}

/// Reads a file over the defaults.
pub(crate) fn load(path: &Path) -> Result<Config, ConfigError> {
    let whole = |what: String| ConfigError {
        path: Some(path.to_owned()),
        problems: vec![Problem { line: None, what }],
    };
    let meta = std::fs::metadata(path).map_err(|why| whole(format!("cannot be read: {why}")))?;
    if meta.len() > FILE_BYTES_MAX {
        return Err(whole(format!("has {} bytes; at most {FILE_BYTES_MAX} are read", meta.len())));
    }
    let text = std::fs::read_to_string(path).map_err(|why| whole(format!("cannot be read: {why}")))?;
    parse(&text).map_err(|problems| ConfigError { path: Some(path.to_owned()), problems })
}

/// Reads a text over the defaults.
pub(crate) fn parse(text: &str) -> Result<Config, Vec<Problem>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let line_of = |offset: usize| text.as_bytes().iter().take(offset).filter(|b| **b == b'\n').count() + 1;
    let mut file =
        File { line_of: &line_of, config: Config::default(), problems: Vec::new(), lines: BTreeMap::new() };
    for error in errors {
        file.problem(error.span().map(|span| span.start), error.message().to_owned());
    }
    file.table("", table.get_ref());
    file.check_together();
    if file.problems.is_empty() {
        return Ok(file.config);
    }
    file.problems.sort_by_key(|problem| problem.line);
    Err(file.problems)
}

struct File<'t> {
    line_of: &'t dyn Fn(usize) -> usize,
    config: Config,
    problems: Vec<Problem>,
    /// Where each key was set.
    lines: BTreeMap<&'static str, usize>,
}

impl File<'_> {
    fn problem(&mut self, offset: Option<usize>, what: String) {
        self.problems.push(Problem { line: offset.map(self.line_of), what });
    }

    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let full = format!("{prefix}{}", name.get_ref());
            self.entry(&full, name.span().start, value);
        }
    }

    fn entry(&mut self, name: &str, at: usize, value: &Spanned<DeValue<'_>>) {
        if let Some(key) = KEYS.iter().find(|key| key.name == name) {
            self.lines.insert(key.name, (self.line_of)(at));
            if let Err(wrong) = (key.read)(&mut self.config, value.get_ref()) {
                self.problem(Some(at), format!("{name}: {wrong}"));
            }
            return;
        }
        let inside = format!("{name}.");
        let is_section = KEYS.iter().any(|key| key.name.starts_with(&inside));
        match value.get_ref() {
            DeValue::Table(table) if is_section => self.table(&inside, table),
            _ if is_section => {
                self.problem(Some(at), format!("{name}: is a section; write [{name}] above its keys"));
            }
            _ => {
                let known: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
                self.problem(Some(at), format!("{name}: no such key; known are {}", known.join(", ")));
            }
        }
    }

    /// What no single key can know.
    fn check_together(&mut self) {
        let core = &self.config.core;
        let (heartbeat, silence) = (core.heartbeat_ms, core.session_silence_ms);
        if silence < heartbeat.saturating_mul(2) {
            let line = self.lines.get("agents.silence").or(self.lines.get("agents.heartbeat")).copied();
            let what = format!(
                "agents.silence: {silence} ms is under twice agents.heartbeat ({heartbeat} ms); one late message \
                 would end a session"
            );
            self.problems.push(Problem { line, what });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<(Option<usize>, String)> {
        parse(text).unwrap_err().into_iter().map(|p| (p.line, p.what)).collect()
    }

    #[test]
    fn every_key_is_read() {
        let text = "listen = '[::1]:7'\ndata = '/d'\n[log]\nfilter = 'debug,h2=warn'\nformat = 'json'\n\
                    [ledger]\ncheck = 'full'\n[evidence]\nttl = '1m'\n[agents]\nheartbeat = '1s'\nsilence = '3s'\n\
                    reorder = '4s'\n[deletions]\npending_max = 1_000\n[clients]\nslow_after = '200ms'\n";
        let config = parse(text).unwrap();
        assert_eq!((config.listen.to_string(), config.data), ("[::1]:7".into(), PathBuf::from("/d")));
        assert_eq!((config.log.as_str(), config.log_format), ("debug,h2=warn", LogFormat::Json));
        assert_eq!((config.check, config.slow_after), (Check::Full, Duration::from_millis(200)));
        let core = config.core;
        assert_eq!(
            (core.evidence_ttl_ms, core.heartbeat_ms, core.session_silence_ms),
            (60_000, 1_000, 3_000)
        );
        assert_eq!((core.reorder_ms, core.pending_max), (4_000, 1_000));
        assert_eq!(text.lines().filter(|line| line.contains('=')).count(), KEYS.len(), "a key is not tested");
    }

    #[test]
    fn all_problems_are_told_at_once_with_their_lines() {
        let text = "listen = 'here'\nlog = 3\n\n[agents]\nheartbeat = 5\nsilence = '2ms'\nhartbeat = '5s'\n\
                    [ledger]\ncheck = 'very'\n[deletions]\npending_max = 0\n[typo]\nx = 1\n";
        let found = problems(text);
        let lines: Vec<Option<usize>> = found.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 2, 5, 6, 7, 9, 11, 12].map(Some), "{found:#?}");
        let words = [
            "\"here\" is not an address",
            "log: is a section",
            "wants a span in quotes",
            "out of range; 200ms to 1h",
            "agents.hartbeat: no such key",
            "none of \"none\", \"quick\", \"full\"",
            "0 is out of range; 1 to 1000000",
            "typo: no such key",
        ];
        for ((_, what), words) in found.iter().zip(words) {
            assert!(what.contains(words), "{what} does not say {words:?}");
        }
    }

    #[test]
    fn broken_toml_is_told_with_its_line_beside_the_rest() {
        let found = problems("data = '/d'\nlisten = \nlog = 3\n");
        assert!(found.iter().any(|(line, _)| *line == Some(2)), "{found:?}");
        assert!(found.iter().any(|(line, what)| *line == Some(3) && what.contains("section")), "{found:?}");
    }

    #[test]
    fn what_no_single_key_can_know_is_checked() {
        let found = problems("[agents]\nheartbeat = '10s'\nsilence = '15s'\n");
        assert_eq!(found[0].0, Some(3));
        assert!(found[0].1.contains("twice agents.heartbeat"), "{found:?}");
    }
}
