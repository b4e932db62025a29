//! The `mount` probe: is the right store mounted here, and does its server answer?
//!
//! Owns nothing but the way from a proof to a verdict: what is proven, and in which order, is `storewarden-proof`'s, which
//! the verification of deletions uses too. So this probe and a verdict cannot disagree about a mount.
//!
//! The verdict's reason is a code of Storewarden (docs/codes.md): `NOT_MOUNTED`, `WRONG_STORE`, `STALE_HANDLE`,
//! `DISCONNECTED`, `PERMISSION_DENIED`, `IO_ERROR`; `CACHE_ANSWERS` as a warning when all is well but the mount's
//! options let the kernel answer for a dead server. Metric: `proof_seconds`. Evidence: `proof`, what was proven.

#![forbid(unsafe_code)]

use std::time::Instant;
use storewarden_plugin_sdk::{Cx, Error, Level, NoConfig, Probe, Target, Verdict, export_probe};
use storewarden_proof::{CacheRule, Code, Proof, expectation_from_json, prove, verdict_number};

/// The probe. It keeps nothing between two looks.
#[derive(Debug)]
pub struct Mount;

impl Probe for Mount {
    type Config = NoConfig;

    fn new(_: NoConfig) -> Result<Self, Error> {
        Ok(Self)
    }

    fn probe(&mut self, target: &Target<'_>, cx: &Cx<'_>) -> Result<Verdict, Error> {
        let expected = expectation_from_json(
            target.mount_point(),
            target.fs_type(),
            target.source(),
            target.identity_json(),
        )
        .map_err(Error::failed)?;
        let began = Instant::now();
        let proven = prove(&expected);
        cx.gauge("proof_seconds", began.elapsed().as_secs_f64());
        Ok(match proven {
            Ok(proof) => {
                cx.evidence("proof", &steps(&proof));
                match proof.cache {
                    CacheRule::Honest => Verdict::ok(),
                    CacheRule::HonestWithin(_) | CacheRule::Doubtful => found(
                        Code::CacheAnswers,
                        "mounted with softreval or softerr: the kernel answers from its cache when the server is dead",
                    ),
                }
            }
            Err(error) => found(error.code, error.to_string()),
        })
    }
}

fn found(code: Code, message: impl Into<String>) -> Verdict {
    Verdict::new(Level::from_number(verdict_number(code)), code.as_str(), message)
}

/// One line for each thing that was proven, with its duration.
fn steps(proof: &Proof) -> String {
    proof.steps.iter().map(|step| format!("{} us: {}\n", step.took.as_micros(), step.what)).collect()
}

export_probe!(Mount, name = "mount", interval_ms = 1_000, deadline_ms = 1_500, capabilities = [read_data]);
