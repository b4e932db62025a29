//! Mounts as their agent judges them: identity, observations, watch, report. Owns this part of the wire; judges
//! nothing.
//!
//! `From` here is the session's form, with readings of the controller's clock; clients get ages instead, see
//! [`super::client`].

use super::error::{DecodeError, Problem};
use super::field::{
    enumeration, fs_type, list, message, mount_point, named, named_or_none, required, source,
};
use super::word::{code_and_message, reasons, reasons_to_wire};
use crate::v1;
use storewarden_types::limits::{METRICS_PER_OBSERVATION_MAX, NAME_BYTES_MAX, TEXT_BYTES_MAX};
use storewarden_types::{
    Code, Metric, Mono, MountIdentity, MountReport, Observation, ProbeSaid, Verdict, WatchStatus,
};

/// Longest root handle in hexadecimal, in bytes: the kernel's MAX_HANDLE_SZ is 128 bytes (include/linux/exportfs.h);
/// twice that for hexadecimal, and room for the type.
pub const ROOT_HANDLE_BYTES_MAX: usize = 512;
/// Most observations of one mount: one for each probe.
pub const OBSERVATIONS_MAX: usize = 64;

impl From<&MountIdentity> for v1::MountIdentity {
    fn from(identity: &MountIdentity) -> Self {
        let (root_inode, root_birth_ns) = identity.root_inode.unwrap_or_default();
        Self {
            root_handle: identity.root_handle.clone().unwrap_or_default(),
            root_inode,
            root_birth_ns,
            file_id: identity.file_id.clone().unwrap_or_default(),
        }
    }
}

impl TryFrom<v1::MountIdentity> for MountIdentity {
    type Error = DecodeError;
    fn try_from(wire: v1::MountIdentity) -> Result<Self, DecodeError> {
        let root_inode = match (wire.root_inode, wire.root_birth_ns) {
            (0, 0) => None,
            (0, _) => return Err(Problem::Contradiction("set without root_inode").of("root_birth_ns")),
            pair => Some(pair),
        };
        Ok(Self {
            root_handle: named_or_none("root_handle", wire.root_handle, ROOT_HANDLE_BYTES_MAX)?,
            root_inode,
            file_id: named_or_none("file_id", wire.file_id, TEXT_BYTES_MAX)?,
        })
    }
}

impl From<&Metric> for v1::Metric {
    fn from(metric: &Metric) -> Self {
        Self { name: metric.name.clone(), value: metric.value }
    }
}

impl TryFrom<v1::Metric> for Metric {
    type Error = DecodeError;
    fn try_from(wire: v1::Metric) -> Result<Self, DecodeError> {
        if !wire.value.is_finite() {
            return Err(Problem::NotFinite.of("value"));
        }
        Ok(Self { name: named("name", wire.name, NAME_BYTES_MAX)?, value: wire.value })
    }
}

impl From<&ProbeSaid> for v1::Observation {
    fn from(said: &ProbeSaid) -> Self {
        Self {
            probe: said.probe.clone(),
            verdict: v1::Verdict::from(said.verdict).into(),
            code: said.code.as_str().into(),
            message: said.message.clone(),
            metrics: said.metrics.iter().map(v1::Metric::from).collect(),
            began_clock_ms: 0,
            took_us: 0,
            age_ms: 0,
        }
    }
}

impl TryFrom<v1::Observation> for ProbeSaid {
    type Error = DecodeError;
    fn try_from(wire: v1::Observation) -> Result<Self, DecodeError> {
        let mut verdict = enumeration::<v1::Verdict, Verdict>("verdict", wire.verdict)?;
        // "Fine, because of something I do not understand" is not fine.
        if verdict == Verdict::Ok && wire.code.parse::<Code>().is_err() {
            verdict = Verdict::Unknown;
        }
        let (code, message) = code_and_message(&wire.code, wire.message)?;
        Ok(Self {
            probe: named("probe", wire.probe, NAME_BYTES_MAX)?,
            verdict,
            code,
            message,
            metrics: list("metrics", wire.metrics, METRICS_PER_OBSERVATION_MAX)?,
        })
    }
}

impl From<&Observation> for v1::Observation {
    fn from(seen: &Observation) -> Self {
        Self {
            probe: seen.probe.clone(),
            verdict: v1::Verdict::from(seen.verdict).into(),
            code: seen.code.as_str().into(),
            message: seen.message.clone(),
            metrics: seen.metrics.iter().map(v1::Metric::from).collect(),
            began_clock_ms: seen.began.0,
            took_us: seen.took_us,
            age_ms: 0,
        }
    }
}

impl TryFrom<v1::Observation> for Observation {
    type Error = DecodeError;
    fn try_from(wire: v1::Observation) -> Result<Self, DecodeError> {
        let (began, took_us) = (Mono(wire.began_clock_ms), wire.took_us);
        let ProbeSaid { probe, verdict, code, message, metrics } = wire.try_into()?;
        Ok(Self { probe, verdict, code, message, metrics, began, took_us })
    }
}

impl From<&WatchStatus> for v1::WatchStatus {
    fn from(watch: &WatchStatus) -> Self {
        Self {
            state: v1::WatchState::from(watch.state).into(),
            directories: watch.directories,
            indexed: watch.indexed,
            overflows: watch.overflows,
            message: watch.message.clone(),
        }
    }
}

impl TryFrom<v1::WatchStatus> for WatchStatus {
    type Error = DecodeError;
    fn try_from(wire: v1::WatchStatus) -> Result<Self, DecodeError> {
        Ok(Self {
            state: enumeration::<v1::WatchState, _>("state", wire.state)?,
            directories: wire.directories,
            indexed: wire.indexed,
            overflows: wire.overflows,
            message: message(wire.message),
        })
    }
}

impl From<&MountReport> for v1::MountReport {
    fn from(report: &MountReport) -> Self {
        Self {
            mount_point: report.mount_point.clone(),
            source: report.source.clone(),
            fs_type: report.fs_type.clone(),
            kind: v1::MountKind::from(report.kind).into(),
            identity: report.identity.as_ref().map(v1::MountIdentity::from),
            condition: v1::Condition::from(report.condition).into(),
            reasons: reasons_to_wire(&report.reasons),
            evidence_clock_ms: report.evidence.map(|at| at.0),
            observations: report.observations.iter().map(v1::Observation::from).collect(),
            watch: Some((&report.watch).into()),
            stuck_workers: report.stuck_workers,
            evidence_age_ms: None,
        }
    }
}

impl TryFrom<v1::MountReport> for MountReport {
    type Error = DecodeError;
    fn try_from(wire: v1::MountReport) -> Result<Self, DecodeError> {
        Ok(Self {
            mount_point: mount_point("mount_point", wire.mount_point)?,
            source: source(wire.source)?,
            fs_type: fs_type(wire.fs_type)?,
            kind: enumeration::<v1::MountKind, _>("kind", wire.kind)?,
            identity: super::field::optional("identity", wire.identity)?,
            condition: enumeration::<v1::Condition, _>("condition", wire.condition)?,
            reasons: reasons(wire.reasons)?,
            evidence: wire.evidence_clock_ms.map(Mono),
            observations: list("observations", wire.observations, OBSERVATIONS_MAX)?,
            watch: required("watch", wire.watch)?,
            stuck_workers: wire.stuck_workers,
        })
    }
}
