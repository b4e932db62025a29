//! The `lookup` probe: do names and entries come from the server, and how fast?
//!
//! Asks for the root's attributes past the caches (`statx`, FORCE_SYNC), then opens the root and reads its first entries.
//! A mount can answer `fstatfs` and refuse exactly these: an export whose directory was removed and made again does.
//!
//! Configuration: `{"slow_ms": 1000}`; either step taking as long is a warning `SLOW`. Other reasons are the codes of what
//! failed (docs/codes.md). Metrics: `statx_seconds`, `readdir_seconds`. Owns the two steps and the threshold.

#![forbid(unsafe_code)]

use rustix::fs::RawDir;
use serde::Deserialize;
use std::mem::MaybeUninit;
use std::time::{Duration, Instant};
use storewarden_plugin_sdk::{Cx, Error, Level, Probe, Target, Verdict, export_probe};
use storewarden_proof::{Code, ProofError, Root, code_of, expectation_from_json, verdict_number};

/// Entries read of the root: enough to make the server answer, few enough for a root with a million.
const ENTRIES_MAX: usize = 64;
/// Bytes for them at a time.
const BUFFER_BYTES: usize = 8192;

/// What can be configured.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// From how many milliseconds on a step is slow; at least 1.
    pub slow_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { slow_ms: 1_000 }
    }
}

/// The probe.
#[derive(Debug)]
pub struct Lookup {
    slow: Duration,
}

impl Probe for Lookup {
    type Config = Config;

    fn new(config: Config) -> Result<Self, Error> {
        if config.slow_ms == 0 {
            return Err(Error::config("slow_ms must be at least 1"));
        }
        Ok(Self { slow: Duration::from_millis(config.slow_ms) })
    }

    fn probe(&mut self, target: &Target<'_>, cx: &Cx<'_>) -> Result<Verdict, Error> {
        let expected = expectation_from_json(
            target.mount_point(),
            target.fs_type(),
            target.source(),
            target.identity_json(),
        )
        .map_err(Error::failed)?;
        let found = Root::attach(&expected).and_then(|root| {
            let statx = timed(cx, "statx_seconds", || root.fresh().map(drop))?;
            let readdir = timed(cx, "readdir_seconds", || read_some(&root))?;
            Ok((statx, readdir))
        });
        Ok(match found {
            Ok((statx, readdir)) => self.judge(statx, readdir),
            Err(error) => verdict(error.code, error.to_string()),
        })
    }
}

impl Lookup {
    fn judge(&self, statx: Duration, readdir: Duration) -> Verdict {
        if statx.max(readdir) < self.slow {
            return Verdict::ok();
        }
        let message = format!(
            "statx of the root took {} ms, reading its entries {} ms; slow is {} ms",
            statx.as_millis(),
            readdir.as_millis(),
            self.slow.as_millis()
        );
        verdict(Code::Slow, message)
    }
}

/// Runs one step and reports its duration, whether it fails or not.
fn timed(
    cx: &Cx<'_>,
    metric: &str,
    step: impl FnOnce() -> Result<(), ProofError>,
) -> Result<Duration, ProofError> {
    let began = Instant::now();
    let result = step();
    let took = began.elapsed();
    cx.gauge(metric, took.as_secs_f64());
    result.map(|()| took)
}

/// Opens the root and reads its first entries.
fn read_some(root: &Root) -> Result<(), ProofError> {
    let directory = root.readable()?;
    let mut buffer = [MaybeUninit::uninit(); BUFFER_BYTES];
    let mut entries = RawDir::new(directory, &mut buffer);
    for _ in 0..ENTRIES_MAX {
        match entries.next() {
            None => break,
            Some(Ok(_)) => {}
            Some(Err(errno)) => {
                return Err(ProofError {
                    code: code_of(errno),
                    operation: "reading the root's entries",
                    errno: Some(errno.raw_os_error()),
                    detail: errno.to_string(),
                });
            }
        }
    }
    Ok(())
}

fn verdict(code: Code, message: impl Into<String>) -> Verdict {
    Verdict::new(Level::from_number(verdict_number(code)), code.as_str(), message)
}

export_probe!(Lookup, name = "lookup", interval_ms = 5_000, deadline_ms = 3_000, capabilities = [read_data]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_step_can_be_slow() {
        let lookup = Lookup::new(Config { slow_ms: 100 }).unwrap_or_else(|e| panic!("{e}"));
        let reason = |statx, readdir| {
            lookup.judge(Duration::from_millis(statx), Duration::from_millis(readdir)).reason().to_owned()
        };
        assert_eq!([reason(99, 99), reason(100, 0), reason(0, 100)], ["OK", "SLOW", "SLOW"]);
    }
}
