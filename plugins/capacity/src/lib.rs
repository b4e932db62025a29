//! The `capacity` probe: how many bytes and inodes are left?
//!
//! Configuration: `{"min_free_percent": 2.0, "min_free_inodes_percent": 1.0}`; less than that is a warning `NO_SPACE` or
//! `NO_INODES`. Bytes count as left when an ordinary user may have them. A file system that reports no total (btrfs has no
//! count of inodes) is not judged by it. Other reasons are the codes of what failed (docs/codes.md). Metrics:
//! `bytes_total`, `bytes_free`, `bytes_available`, `inodes_total`, `inodes_free`. Owns the arithmetic and the floors.

#![forbid(unsafe_code)]

use serde::Deserialize;
use storewarden_plugin_sdk::{Cx, Error, Level, Probe, Target, Verdict, export_probe};
use storewarden_proof::{Code, Root, expectation_from_json, verdict_number};

/// What can be configured.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Floor of the available bytes, in percent of all; 0 switches it off.
    pub min_free_percent: f64,
    /// Floor of the free inodes, in percent of all; 0 switches it off.
    pub min_free_inodes_percent: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { min_free_percent: 2.0, min_free_inodes_percent: 1.0 }
    }
}

/// The probe.
#[derive(Debug)]
pub struct Capacity {
    config: Config,
}

impl Probe for Capacity {
    type Config = Config;

    fn new(config: Config) -> Result<Self, Error> {
        for (key, value) in [
            ("min_free_percent", config.min_free_percent),
            ("min_free_inodes_percent", config.min_free_inodes_percent),
        ] {
            if !(0.0..=100.0).contains(&value) {
                return Err(Error::config(format!("{key} is {value}; it must be from 0 to 100")));
            }
        }
        Ok(Self { config })
    }

    fn probe(&mut self, target: &Target<'_>, cx: &Cx<'_>) -> Result<Verdict, Error> {
        let expected = expectation_from_json(
            target.mount_point(),
            target.fs_type(),
            target.source(),
            target.identity_json(),
        )
        .map_err(Error::failed)?;
        let stat = match Root::attach(&expected).and_then(|root| root.statfs()) {
            Ok(stat) => stat,
            Err(error) => return Ok(verdict(error.code, error.to_string())),
        };
        // Blocks are counted in f_frsize; file systems that leave it out mean f_bsize (as statvfs(3) does).
        let unit = if stat.f_frsize > 0 { stat.f_frsize } else { stat.f_bsize };
        let unit = u64::try_from(unit).unwrap_or(0);
        let room = Room {
            bytes_total: stat.f_blocks.saturating_mul(unit),
            bytes_free: stat.f_bfree.saturating_mul(unit),
            bytes_available: stat.f_bavail.saturating_mul(unit),
            inodes_total: stat.f_files,
            inodes_free: stat.f_ffree,
        };
        room.report(cx);
        Ok(room.judge(&self.config))
    }
}

/// What a file system says about itself.
#[derive(Clone, Copy, Debug)]
struct Room {
    bytes_total: u64,
    bytes_free: u64,
    bytes_available: u64,
    inodes_total: u64,
    inodes_free: u64,
}

impl Room {
    fn report(&self, cx: &Cx<'_>) {
        for (name, value) in [
            ("bytes_total", self.bytes_total),
            ("bytes_free", self.bytes_free),
            ("bytes_available", self.bytes_available),
            ("inodes_total", self.inodes_total),
            ("inodes_free", self.inodes_free),
        ] {
            cx.gauge(name, value as f64);
        }
    }

    /// Bytes first: without them inodes are of no use.
    fn judge(&self, config: &Config) -> Verdict {
        if let Some(left) = too_little(self.bytes_available, self.bytes_total, config.min_free_percent) {
            let message =
                format!("{left:.2} % of the bytes are available; the floor is {} %", config.min_free_percent);
            return verdict(Code::NoSpace, message);
        }
        if let Some(left) = too_little(self.inodes_free, self.inodes_total, config.min_free_inodes_percent) {
            let message = format!(
                "{left:.2} % of the inodes are free; the floor is {} %",
                config.min_free_inodes_percent
            );
            return verdict(Code::NoInodes, message);
        }
        Verdict::ok()
    }
}

/// The percentage left, when it is under the floor. Nothing is, when no total is known.
fn too_little(left: u64, total: u64, floor: f64) -> Option<f64> {
    if total == 0 {
        return None;
    }
    let percent = left as f64 / total as f64 * 100.0;
    (percent < floor).then_some(percent)
}

fn verdict(code: Code, message: impl Into<String>) -> Verdict {
    Verdict::new(Level::from_number(verdict_number(code)), code.as_str(), message)
}

export_probe!(Capacity, name = "capacity", interval_ms = 60_000, deadline_ms = 3_000);

#[cfg(test)]
mod tests {
    use super::*;

    const ROOMY: Room = Room {
        bytes_total: 1000,
        bytes_free: 500,
        bytes_available: 400,
        inodes_total: 1000,
        inodes_free: 500,
    };

    fn reason(room: &Room) -> String {
        room.judge(&Config::default()).reason().to_owned()
    }

    #[test]
    fn floors() {
        assert_eq!(reason(&ROOMY), "OK");
        assert_eq!(reason(&Room { bytes_available: 20, ..ROOMY }), "OK", "at the floor");
        assert_eq!(reason(&Room { bytes_available: 19, ..ROOMY }), "NO_SPACE");
        assert_eq!(
            reason(&Room { bytes_available: 0, bytes_free: 500, ..ROOMY }),
            "NO_SPACE",
            "free, but not for users"
        );
        assert_eq!(reason(&Room { inodes_free: 9, ..ROOMY }), "NO_INODES");
        assert_eq!(reason(&Room { bytes_available: 0, inodes_free: 0, ..ROOMY }), "NO_SPACE");
    }

    #[test]
    fn what_has_no_total_is_not_judged() {
        assert_eq!(reason(&Room { inodes_total: 0, inodes_free: 0, ..ROOMY }), "OK");
        assert_eq!(reason(&Room { bytes_total: 0, bytes_available: 0, ..ROOMY }), "OK");
    }

    #[test]
    fn floors_are_percentages() {
        let with = |min_free_percent| Capacity::new(Config { min_free_percent, ..Config::default() });
        assert!(with(0.0).is_ok() && with(100.0).is_ok());
        assert!(with(-0.1).is_err() && with(100.1).is_err() && with(f64::NAN).is_err());
    }
}
