//! Looks and what they rest on: file identities, outcomes, proofs, evidence. Owns this part of the wire; concludes
//! nothing.

use super::error::{At, DecodeError, Problem};
use super::field::{
    agent, counted, enumeration, fs_type, message, messages, mount_point, named, optional, present, required,
    source,
};
use super::word::code_and_message;
use crate::v1;
use storewarden_types::limits::NAME_BYTES_MAX;
use storewarden_types::{Evidence, FileIdentity, Look, LookOutcome, ProofSummary, SeenFile, Wall};

/// Most steps of one proof of a mount. More than any proof takes; bounds what a peer can make the ledger keep.
pub const PROOF_STEPS_MAX: usize = 32;

impl From<&FileIdentity> for v1::FileIdentity {
    fn from(file: &FileIdentity) -> Self {
        Self {
            file_id: file.file_id,
            ctime_ns: file.ctime_ns,
            btime_ns: file.btime_ns,
            size: file.size,
            kind: v1::FileKind::from(file.kind).into(),
            links: file.links,
        }
    }
}

impl TryFrom<v1::FileIdentity> for FileIdentity {
    type Error = DecodeError;
    fn try_from(wire: v1::FileIdentity) -> Result<Self, DecodeError> {
        Ok(Self {
            file_id: wire.file_id,
            ctime_ns: wire.ctime_ns,
            btime_ns: wire.btime_ns,
            size: wire.size,
            kind: enumeration::<v1::FileKind, _>("kind", wire.kind)?,
            links: wire.links,
        })
    }
}

impl From<&SeenFile> for v1::SeenFile {
    fn from(seen: &SeenFile) -> Self {
        Self { file: Some((&seen.file).into()), replaced: seen.replaced }
    }
}

impl TryFrom<v1::SeenFile> for SeenFile {
    type Error = DecodeError;
    fn try_from(wire: v1::SeenFile) -> Result<Self, DecodeError> {
        Ok(Self { file: required("file", wire.file)?, replaced: wire.replaced })
    }
}

impl From<&LookOutcome> for v1::look::Outcome {
    fn from(outcome: &LookOutcome) -> Self {
        match outcome {
            LookOutcome::Absent { how } => Self::Absent(how.clone()),
            LookOutcome::Present(seen) => Self::Present(seen.into()),
            LookOutcome::SillyRenamed { name } => Self::SillyRenamed(name.clone()),
            LookOutcome::Unverifiable { code, detail } => {
                Self::Unverifiable(v1::Reason { code: code.as_str().into(), message: detail.clone() })
            }
        }
    }
}

impl TryFrom<v1::look::Outcome> for LookOutcome {
    type Error = DecodeError;
    fn try_from(wire: v1::look::Outcome) -> Result<Self, DecodeError> {
        Ok(match wire {
            v1::look::Outcome::Absent(how) => Self::Absent { how: message(how) },
            v1::look::Outcome::Present(seen) => Self::Present(seen.try_into().at("present")?),
            v1::look::Outcome::SillyRenamed(name) => Self::SillyRenamed { name: file_name(name)? },
            v1::look::Outcome::Unverifiable(v1::Reason { code, message }) => {
                let (code, detail) = code_and_message(&code, message).at("unverifiable")?;
                Self::Unverifiable { code, detail }
            }
        })
    }
}

impl From<&Look> for v1::Look {
    fn from(look: &Look) -> Self {
        Self { began_at_ms: look.began_at.0, outcome: Some((&look.outcome).into()) }
    }
}

impl TryFrom<v1::Look> for Look {
    type Error = DecodeError;
    fn try_from(wire: v1::Look) -> Result<Self, DecodeError> {
        let outcome = present("outcome", wire.outcome)?.try_into()?;
        Ok(Self { outcome, began_at: Wall(wire.began_at_ms) })
    }
}

impl From<&ProofSummary> for v1::ProofSummary {
    fn from(proof: &ProofSummary) -> Self {
        Self {
            mount_id: proof.mount_id,
            before: proof.before.clone(),
            after: proof.after.clone(),
            took_us: proof.took_us,
        }
    }
}

impl TryFrom<v1::ProofSummary> for ProofSummary {
    type Error = DecodeError;
    fn try_from(wire: v1::ProofSummary) -> Result<Self, DecodeError> {
        counted("before", wire.before.len(), PROOF_STEPS_MAX)?;
        counted("after", wire.after.len(), PROOF_STEPS_MAX)?;
        Ok(Self {
            mount_id: wire.mount_id,
            before: messages(wire.before, PROOF_STEPS_MAX),
            after: messages(wire.after, PROOF_STEPS_MAX),
            took_us: wire.took_us,
        })
    }
}

impl From<&Evidence> for v1::Evidence {
    fn from(evidence: &Evidence) -> Self {
        Self {
            agent: evidence.agent.as_str().into(),
            mount_point: evidence.mount_point.clone(),
            source: evidence.source.clone(),
            fs_type: evidence.fs_type.clone(),
            kind: v1::MountKind::from(evidence.kind).into(),
            identity: Some((&evidence.identity).into()),
            proof: Some((&evidence.proof).into()),
            how: evidence.how.clone(),
            began_at_ms: evidence.began_at.0,
            ended_at_ms: evidence.ended_at.0,
            baseline: evidence.baseline.as_ref().map(v1::FileIdentity::from),
            sightings: evidence.sightings,
        }
    }
}

impl TryFrom<v1::Evidence> for Evidence {
    type Error = DecodeError;
    fn try_from(wire: v1::Evidence) -> Result<Self, DecodeError> {
        Ok(Self {
            agent: agent("agent", &wire.agent)?,
            mount_point: mount_point("mount_point", wire.mount_point)?,
            source: source(wire.source)?,
            fs_type: fs_type(wire.fs_type)?,
            kind: enumeration::<v1::MountKind, _>("kind", wire.kind)?,
            identity: required("identity", wire.identity)?,
            proof: required("proof", wire.proof)?,
            how: message(wire.how),
            began_at: Wall(wire.began_at_ms),
            ended_at: Wall(wire.ended_at_ms),
            baseline: optional("baseline", wire.baseline)?,
            sightings: wire.sightings,
        })
    }
}

/// The name of one directory entry.
fn file_name(text: String) -> Result<String, DecodeError> {
    let name = named("silly_renamed", text, NAME_BYTES_MAX)?;
    if name.contains('/') {
        return Err(Problem::Contradiction("is a path; the name of one entry is wanted").of("silly_renamed"));
    }
    Ok(name)
}
