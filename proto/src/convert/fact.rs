//! Facts: sightings, gaps, baselines, proofs of absence. Owns this part of the wire; keeps and acknowledges nothing.

use super::error::{At, DecodeError};
use super::field::{deletion, enumeration, list_of_some, message, mount_point, named, present, required};
use crate::v1;
use storewarden_types::limits::{PATH_BYTES_MAX, SIGHTINGS_PER_FACT_MAX};
use storewarden_types::{Fact, Gap, Sighting, Sightings, Wall};

/// Longest path of a sighting as it is written, in bytes: one byte of a name that is not UTF-8 takes four (`\xNN`).
pub const SIGHTING_PATH_BYTES_MAX: usize = 4 * PATH_BYTES_MAX;

impl From<&Sighting> for v1::Sighting {
    fn from(sighting: &Sighting) -> Self {
        Self {
            path: sighting.path.clone(),
            kind: v1::SightingKind::from(sighting.kind).into(),
            directory: sighting.directory,
        }
    }
}

impl TryFrom<v1::Sighting> for Sighting {
    type Error = DecodeError;
    fn try_from(wire: v1::Sighting) -> Result<Self, DecodeError> {
        Ok(Self {
            path: named("path", wire.path, SIGHTING_PATH_BYTES_MAX)?,
            kind: enumeration::<v1::SightingKind, _>("kind", wire.kind)?,
            directory: wire.directory,
        })
    }
}

impl From<&Sightings> for v1::Sightings {
    fn from(sightings: &Sightings) -> Self {
        Self {
            mount_point: sightings.mount_point.clone(),
            source: v1::SightingSource::from(sightings.source).into(),
            items: sightings.items.iter().map(v1::Sighting::from).collect(),
            at_ms: sightings.at.0,
        }
    }
}

impl TryFrom<v1::Sightings> for Sightings {
    type Error = DecodeError;
    fn try_from(wire: v1::Sightings) -> Result<Self, DecodeError> {
        Ok(Self {
            mount_point: mount_point("mount_point", wire.mount_point)?,
            source: enumeration::<v1::SightingSource, _>("source", wire.source)?,
            items: list_of_some("items", wire.items, SIGHTINGS_PER_FACT_MAX)?,
            at: Wall(wire.at_ms),
        })
    }
}

impl From<&Gap> for v1::Gap {
    fn from(gap: &Gap) -> Self {
        Self {
            mount_point: gap.mount_point.clone(),
            cause: v1::GapCause::from(gap.cause).into(),
            complete: gap.complete,
            missing: gap.missing,
            present: gap.present,
            at_ms: gap.at.0,
            message: gap.message.clone(),
        }
    }
}

impl TryFrom<v1::Gap> for Gap {
    type Error = DecodeError;
    fn try_from(wire: v1::Gap) -> Result<Self, DecodeError> {
        Ok(Self {
            mount_point: mount_point("mount_point", wire.mount_point)?,
            cause: enumeration::<v1::GapCause, _>("cause", wire.cause)?,
            complete: wire.complete,
            missing: wire.missing,
            present: wire.present,
            at: Wall(wire.at_ms),
            message: message(wire.message),
        })
    }
}

impl From<&Fact> for v1::Fact {
    fn from(fact: &Fact) -> Self {
        use v1::fact::Fact as Wire;
        Self {
            fact: Some(match fact {
                Fact::Sightings(sightings) => Wire::Sightings(sightings.into()),
                Fact::Gap(gap) => Wire::Gap(gap.into()),
                Fact::Baseline { deletion, file } => Wire::Baseline(v1::Baseline {
                    deletion_id: deletion.to_string(),
                    file: Some(file.into()),
                }),
                Fact::Absent { deletion, evidence } => Wire::Absent(v1::Absent {
                    deletion_id: deletion.to_string(),
                    evidence: Some(evidence.as_ref().into()),
                }),
            }),
        }
    }
}

impl TryFrom<v1::Fact> for Fact {
    type Error = DecodeError;
    fn try_from(wire: v1::Fact) -> Result<Self, DecodeError> {
        use v1::fact::Fact as Wire;
        match present("fact", wire.fact)? {
            Wire::Sightings(sightings) => sightings.try_into().at("sightings").map(Self::Sightings),
            Wire::Gap(gap) => gap.try_into().at("gap").map(Self::Gap),
            Wire::Baseline(baseline) => self::baseline(baseline).at("baseline"),
            Wire::Absent(absent) => self::absent(absent).at("absent"),
        }
    }
}

fn baseline(wire: v1::Baseline) -> Result<Fact, DecodeError> {
    Ok(Fact::Baseline {
        deletion: deletion("deletion_id", &wire.deletion_id)?,
        file: required("file", wire.file)?,
    })
}

fn absent(wire: v1::Absent) -> Result<Fact, DecodeError> {
    Ok(Fact::Absent {
        deletion: deletion("deletion_id", &wire.deletion_id)?,
        evidence: Box::new(required("evidence", wire.evidence)?),
    })
}
