//! What agent and worker say to each other. Owns both directions of their wire; [`crate::frame`] puts it into frames.

use super::error::{At, DecodeError};
use super::field::{
    bounded, clipped, enumeration, fs_type, list, list_of_some, message, messages, mount_point, named,
    optional, present, required, source, store_path, within,
};
use crate::v1;
use crate::worker as wire;
use storewarden_types::limits::{NAME_BYTES_MAX, PATH_BYTES_MAX, VERIFY_BATCH_MAX};
use storewarden_types::{
    Look, LookOutcome, MountExpectation, ProbeInfo, Verified, VerifyItem, Wall, WorkerOp, WorkerReport,
    WorkerResult, WorkerStart,
};
use wire::from_worker::Message as Said;
use wire::request::Op;
use wire::response::Result as Outcome;
use wire::to_worker::Message as To;

/// Most probes of one worker, loaded or not.
pub const PROBES_MAX: usize = 64;

/// What a worker hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToWorkerMessage {
    /// Always first, once.
    Start(WorkerStart),
    /// One thing to do.
    Request {
        /// Comes back in the response.
        id: u64,
        /// What.
        op: WorkerOp,
    },
}

/// The first word to a worker. The identity of `start.mount` is not told: it comes with each request.
#[must_use]
pub fn encode_start(start: &WorkerStart) -> wire::ToWorker {
    let mount = &start.mount;
    let message = To::Start(wire::Start {
        mount_point: mount.mount_point.clone(),
        source: mount.source.clone(),
        fs_type: mount.fs_type.clone(),
        kind: v1::MountKind::from(mount.kind).into(),
        plugin_dir: start.plugin_dir.clone(),
        probe_config: start.probe_config.iter().cloned().collect(),
    });
    wire::ToWorker { message: Some(message) }
}

/// One request to a worker.
#[must_use]
pub fn encode_request(id: u64, op: &WorkerOp) -> wire::ToWorker {
    let op = match op {
        WorkerOp::Identify => Op::Identify(wire::Identify {}),
        WorkerOp::Probe { name, deadline_ms, identity } => Op::Probe(wire::RunProbe {
            name: name.clone(),
            deadline_ms: *deadline_ms,
            identity: identity.as_ref().map(v1::MountIdentity::from),
        }),
        WorkerOp::Verify { identity, items } => Op::Verify(wire::Verify {
            identity: Some(identity.into()),
            items: items.iter().map(wire::VerifyItem::from).collect(),
        }),
        WorkerOp::StartWatch { directories_max, names_max } => {
            Op::Watch(wire::StartWatch { directories_max: *directories_max, names_max: *names_max })
        }
    };
    wire::ToWorker { message: Some(To::Request(wire::Request { id, op: Some(op) })) }
}

/// What an agent told its worker.
///
/// # Errors
/// Names the first field that is absent or out of bounds.
pub fn decode_to_worker(frame: wire::ToWorker) -> Result<ToWorkerMessage, DecodeError> {
    match present("message", frame.message)? {
        To::Start(told) => start(told).at("start").map(ToWorkerMessage::Start),
        To::Request(wire::Request { id, op }) => {
            let op = present("request.op", op)?;
            let op = self::op(op).at("request")?;
            Ok(ToWorkerMessage::Request { id, op })
        }
    }
}

fn start(told: wire::Start) -> Result<WorkerStart, DecodeError> {
    super::field::counted("probe_config", told.probe_config.len(), PROBES_MAX)?;
    let mut probe_config = Vec::with_capacity(told.probe_config.len());
    for (name, json) in told.probe_config {
        probe_config.push((named("probe_config", name, NAME_BYTES_MAX)?, json));
    }
    // The map has no order of its own; the same frame must always be the same value.
    probe_config.sort();
    Ok(WorkerStart {
        mount: MountExpectation {
            mount_point: mount_point("mount_point", told.mount_point)?,
            source: source(told.source)?,
            fs_type: fs_type(told.fs_type)?,
            kind: enumeration::<v1::MountKind, _>("kind", told.kind)?,
            identity: None,
        },
        plugin_dir: bounded("plugin_dir", told.plugin_dir, PATH_BYTES_MAX)?,
        probe_config,
    })
}

fn op(told: Op) -> Result<WorkerOp, DecodeError> {
    Ok(match told {
        Op::Identify(wire::Identify {}) => WorkerOp::Identify,
        Op::Probe(run) => WorkerOp::Probe {
            name: named("probe.name", run.name, NAME_BYTES_MAX)?,
            deadline_ms: run.deadline_ms,
            identity: optional("identity", run.identity).at("probe")?,
        },
        Op::Verify(verify) => WorkerOp::Verify {
            identity: required("identity", verify.identity).at("verify")?,
            items: list_of_some("items", verify.items, VERIFY_BATCH_MAX).at("verify")?,
        },
        Op::Watch(wire::StartWatch { directories_max, names_max }) => {
            WorkerOp::StartWatch { directories_max, names_max }
        }
    })
}

impl From<&VerifyItem> for wire::VerifyItem {
    fn from(item: &VerifyItem) -> Self {
        Self { path: item.path.as_str().into(), baseline: item.baseline.as_ref().map(v1::FileIdentity::from) }
    }
}

impl TryFrom<wire::VerifyItem> for VerifyItem {
    type Error = DecodeError;
    fn try_from(item: wire::VerifyItem) -> Result<Self, DecodeError> {
        Ok(Self { path: store_path(&item.path)?, baseline: optional("baseline", item.baseline)? })
    }
}

/// One report of a worker.
#[must_use]
pub fn encode_report(report: &WorkerReport) -> wire::FromWorker {
    let message = match report {
        WorkerReport::Ready { probes, faults } => Said::Ready(wire::Ready {
            probes: probes.iter().map(wire::ProbeInfo::from).collect(),
            faults: faults.clone(),
        }),
        WorkerReport::Response { id, took_us, result } => {
            Said::Response(wire::Response { id: *id, took_us: *took_us, result: Some(result.into()) })
        }
        WorkerReport::Sightings(sightings) => Said::Sightings(sightings.into()),
        WorkerReport::Gap(gap) => Said::Gap(gap.into()),
        WorkerReport::Watch(status) => Said::Watch(status.into()),
        WorkerReport::Log { level, message } => {
            Said::Log(wire::Log { level: *level, message: message.clone() })
        }
    };
    wire::FromWorker { message: Some(message) }
}

/// What a worker told its agent.
///
/// # Errors
/// Names the first field that is absent or out of bounds.
pub fn decode_report(frame: wire::FromWorker) -> Result<WorkerReport, DecodeError> {
    Ok(match present("message", frame.message)? {
        Said::Ready(ready) => WorkerReport::Ready {
            probes: list("probes", ready.probes, PROBES_MAX).at("ready")?,
            faults: messages(ready.faults, PROBES_MAX),
        },
        Said::Response(wire::Response { id, took_us, result }) => {
            let result = present("response.result", result)?.try_into().at("response")?;
            WorkerReport::Response { id, took_us, result }
        }
        Said::Sightings(sightings) => WorkerReport::Sightings(sightings.try_into().at("sightings")?),
        Said::Gap(gap) => WorkerReport::Gap(gap.try_into().at("gap")?),
        Said::Watch(status) => WorkerReport::Watch(status.try_into().at("watch")?),
        Said::Log(log) => {
            within("log.level", log.level.into(), 1, 4)?;
            WorkerReport::Log { level: log.level, message: message(log.message) }
        }
    })
}

impl From<&ProbeInfo> for wire::ProbeInfo {
    fn from(probe: &ProbeInfo) -> Self {
        Self {
            name: probe.name.clone(),
            version: probe.version.clone(),
            default_interval_ms: probe.default_interval_ms,
            default_deadline_ms: probe.default_deadline_ms,
        }
    }
}

impl TryFrom<wire::ProbeInfo> for ProbeInfo {
    type Error = DecodeError;
    fn try_from(probe: wire::ProbeInfo) -> Result<Self, DecodeError> {
        Ok(Self {
            name: named("name", probe.name, NAME_BYTES_MAX)?,
            version: clipped(probe.version, NAME_BYTES_MAX),
            default_interval_ms: probe.default_interval_ms,
            default_deadline_ms: probe.default_deadline_ms,
        })
    }
}

impl From<&WorkerResult> for Outcome {
    fn from(result: &WorkerResult) -> Self {
        match result {
            WorkerResult::Identified(identity) => Self::Identified(identity.into()),
            WorkerResult::Observed(said) => Self::Observation(said.into()),
            WorkerResult::Verified(verified) => Self::Verified(verified.into()),
            WorkerResult::WatchStarted => Self::WatchStarted(wire::WatchStarted {}),
            WorkerResult::Failed(reason) => Self::Failed(reason.into()),
        }
    }
}

impl TryFrom<Outcome> for WorkerResult {
    type Error = DecodeError;
    fn try_from(outcome: Outcome) -> Result<Self, DecodeError> {
        Ok(match outcome {
            Outcome::Identified(identity) => Self::Identified(identity.try_into().at("identified")?),
            Outcome::Observation(said) => Self::Observed(said.try_into().at("observation")?),
            Outcome::Verified(verified) => Self::Verified(verified.try_into().at("verified")?),
            Outcome::WatchStarted(wire::WatchStarted {}) => Self::WatchStarted,
            Outcome::Failed(reason) => Self::Failed(reason.try_into().at("failed")?),
        })
    }
}

impl From<&Verified> for wire::Verified {
    fn from(verified: &Verified) -> Self {
        let began_at_ms = verified.began_at.0;
        let look = |outcome: &LookOutcome| v1::Look { began_at_ms, outcome: Some(outcome.into()) };
        Self {
            proof: Some((&verified.proof).into()),
            looks: verified.looks.iter().map(look).collect(),
            began_at_ms,
            ended_at_ms: verified.ended_at.0,
        }
    }
}

impl TryFrom<wire::Verified> for Verified {
    type Error = DecodeError;
    fn try_from(verified: wire::Verified) -> Result<Self, DecodeError> {
        let looks: Vec<Look> = list_of_some("looks", verified.looks, VERIFY_BATCH_MAX)?;
        Ok(Self {
            proof: required("proof", verified.proof)?,
            looks: looks.into_iter().map(|look| look.outcome).collect(),
            began_at: Wall(verified.began_at_ms),
            ended_at: Wall(verified.ended_at_ms),
        })
    }
}
