//! The ledger's records as events. Owns this part of the wire; orders and filters nothing.
//!
//! Every record has one event but `KeyUsed`, which is the ledger's own bookkeeping.

use super::error::{At, DecodeError, Problem};
use super::field::{
    agent, bounded, clipped, deletion, enumeration, epoch, fs_type, mount_point, optional, place, present,
    required, source, store, store_path, within,
};
use super::word::{code_and_message, code_or_none, reasons, reasons_to_wire, word_of};
use crate::v1;
use crate::v1::event::Event;
use storewarden_types::limits::{DEADLINE_MS_MAX, KEY_BYTES_MAX, NAME_BYTES_MAX};
use storewarden_types::{AgentId, DeletionEnd, DeletionState, Record, StoreId, TrackedDeletion, Wall};

/// The event of a record at `cursor`; `None` for a record that has none.
#[must_use]
pub fn encode_record(cursor: u64, record: &Record) -> Option<v1::Event> {
    let (store, agent, at) = frame_of(record)?;
    Some(v1::Event {
        cursor,
        at_ms: at.0,
        store_id: store.map(|id| id.to_string()).unwrap_or_default(),
        agent: agent.map(|id| id.as_str().to_owned()).unwrap_or_default(),
        event: Some(body_of(record)?),
    })
}

/// The store a record speaks of, the agent it came from, and when it was made.
fn frame_of(record: &Record) -> Option<(Option<StoreId>, Option<&AgentId>, Wall)> {
    Some(match record {
        Record::AgentSeen { agent, at, .. } | Record::MountForgotten { agent, at, .. } => {
            (None, Some(agent), *at)
        }
        Record::MountSeen { agent, store, at, .. } => (Some(*store), Some(agent), *at),
        Record::FactAccepted { agent, store, at, .. } => (*store, Some(agent), *at),
        Record::KeyUsed { .. } => return None,
        Record::DeletionTracked(tracked) => (Some(tracked.store), None, tracked.tracked_at),
        Record::DeletionEnded { store, end, .. } => (Some(*store), None, end.at),
        Record::LateEvidence { store, evidence, at, .. } => (Some(*store), Some(&evidence.agent), *at),
        Record::DeletionMoved { store, at, .. } | Record::ConditionChanged { store, at, .. } => {
            (Some(*store), None, *at)
        }
    })
}

fn body_of(record: &Record) -> Option<Event> {
    Some(match record {
        Record::AgentSeen { epoch, host, version, .. } => Event::AgentSeen(v1::AgentSeen {
            epoch: epoch.0.to_be_bytes().to_vec(),
            host: host.clone(),
            version: version.clone(),
        }),
        Record::MountSeen { mount_point, source, fs_type, kind, .. } => Event::MountSeen(v1::MountSeen {
            mount_point: mount_point.clone(),
            source: source.clone(),
            fs_type: fs_type.clone(),
            kind: v1::MountKind::from(*kind).into(),
        }),
        Record::MountForgotten { mount_point, .. } => {
            Event::MountForgotten(v1::MountGone { mount_point: mount_point.clone() })
        }
        Record::FactAccepted { epoch, seq, fact, .. } => Event::FactAccepted(v1::FactAccepted {
            epoch: epoch.0.to_be_bytes().to_vec(),
            seq: seq.0,
            fact: Some(fact.into()),
        }),
        Record::KeyUsed { .. } => return None,
        Record::DeletionTracked(tracked) => Event::DeletionTracked(v1::DeletionTracked {
            id: tracked.id.to_string(),
            path: tracked.path.as_str().into(),
            key: tracked.key.clone(),
            index: tracked.index,
            deadline_ms: tracked.deadline_ms,
        }),
        Record::DeletionMoved { id, state, code, message, baseline, .. } => {
            Event::DeletionMoved(v1::DeletionMoved {
                id: id.to_string(),
                state: v1::DeletionState::from(*state).into(),
                baseline: baseline.as_ref().map(v1::FileIdentity::from),
                code: word_of(*code),
                message: message.clone(),
            })
        }
        Record::DeletionEnded { id, end, .. } => Event::DeletionEnded(v1::DeletionEnded {
            id: id.to_string(),
            state: v1::DeletionState::from(end.state).into(),
            code: end.code.as_str().into(),
            message: end.message.clone(),
            evidence: end.evidence.as_ref().map(v1::Evidence::from),
        }),
        Record::LateEvidence { id, evidence, .. } => Event::LateEvidence(v1::LateEvidence {
            id: id.to_string(),
            evidence: Some(evidence.as_ref().into()),
        }),
        Record::ConditionChanged { from, to, reasons, .. } => Event::ConditionChanged(v1::ConditionChanged {
            from: v1::Condition::from(*from).into(),
            to: v1::Condition::from(*to).into(),
            reasons: reasons_to_wire(reasons),
        }),
    })
}

/// What every event carries beside its body.
struct Frame {
    store_id: String,
    agent: String,
    at: Wall,
}

impl Frame {
    fn store(&self) -> Result<StoreId, DecodeError> {
        store("store_id", &self.store_id)
    }

    fn store_or_none(&self) -> Result<Option<StoreId>, DecodeError> {
        if self.store_id.is_empty() { Ok(None) } else { self.store().map(Some) }
    }

    fn agent(&self) -> Result<AgentId, DecodeError> {
        agent("agent", &self.agent)
    }
}

/// The cursor of an event and its record.
///
/// # Errors
/// Names the first field that is absent or out of bounds.
pub fn decode_event(wire: v1::Event) -> Result<(u64, Record), DecodeError> {
    let frame = Frame { store_id: wire.store_id, agent: wire.agent, at: Wall(wire.at_ms) };
    let record = match present("event", wire.event)? {
        Event::AgentSeen(body) => agent_seen(&frame, body).at("agent_seen"),
        Event::MountSeen(body) => mount_seen(&frame, body).at("mount_seen"),
        Event::MountForgotten(body) => mount_forgotten(&frame, body).at("mount_forgotten"),
        Event::FactAccepted(body) => fact_accepted(&frame, body).at("fact_accepted"),
        Event::DeletionTracked(body) => deletion_tracked(&frame, body).at("deletion_tracked"),
        Event::DeletionMoved(body) => deletion_moved(&frame, body).at("deletion_moved"),
        Event::DeletionEnded(body) => deletion_ended(&frame, body).at("deletion_ended"),
        Event::LateEvidence(body) => late_evidence(&frame, body).at("late_evidence"),
        Event::ConditionChanged(body) => condition_changed(&frame, body).at("condition_changed"),
    }?;
    Ok((wire.cursor, record))
}

fn agent_seen(frame: &Frame, body: v1::AgentSeen) -> Result<Record, DecodeError> {
    Ok(Record::AgentSeen {
        agent: frame.agent()?,
        epoch: epoch(&body.epoch)?,
        host: clipped(body.host, NAME_BYTES_MAX),
        version: clipped(body.version, NAME_BYTES_MAX),
        at: frame.at,
    })
}

fn mount_seen(frame: &Frame, body: v1::MountSeen) -> Result<Record, DecodeError> {
    Ok(Record::MountSeen {
        agent: frame.agent()?,
        mount_point: mount_point("mount_point", body.mount_point)?,
        store: frame.store()?,
        source: source(body.source)?,
        fs_type: fs_type(body.fs_type)?,
        kind: enumeration::<v1::MountKind, _>("kind", body.kind)?,
        at: frame.at,
    })
}

fn mount_forgotten(frame: &Frame, body: v1::MountGone) -> Result<Record, DecodeError> {
    Ok(Record::MountForgotten {
        agent: frame.agent()?,
        mount_point: mount_point("mount_point", body.mount_point)?,
        at: frame.at,
    })
}

fn fact_accepted(frame: &Frame, body: v1::FactAccepted) -> Result<Record, DecodeError> {
    Ok(Record::FactAccepted {
        agent: frame.agent()?,
        epoch: epoch(&body.epoch)?,
        seq: place("seq", body.seq)?,
        store: frame.store_or_none()?,
        fact: required("fact", body.fact)?,
        at: frame.at,
    })
}

fn deletion_tracked(frame: &Frame, body: v1::DeletionTracked) -> Result<Record, DecodeError> {
    Ok(Record::DeletionTracked(Box::new(TrackedDeletion {
        id: deletion("id", &body.id)?,
        store: frame.store()?,
        path: store_path(&body.path)?,
        key: bounded("key", body.key, KEY_BYTES_MAX)?,
        index: body.index,
        tracked_at: frame.at,
        deadline_ms: within("deadline_ms", body.deadline_ms, 0, DEADLINE_MS_MAX)?,
    })))
}

fn deletion_moved(frame: &Frame, body: v1::DeletionMoved) -> Result<Record, DecodeError> {
    let state: DeletionState = enumeration::<v1::DeletionState, _>("state", body.state)?;
    if state.is_terminal() {
        return Err(Problem::Contradiction("is an end; a deletion moves between pending states").of("state"));
    }
    let (code, message) = code_or_none(&body.code, body.message)?;
    Ok(Record::DeletionMoved {
        id: deletion("id", &body.id)?,
        store: frame.store()?,
        state,
        code,
        message,
        baseline: optional("baseline", body.baseline)?,
        at: frame.at,
    })
}

fn deletion_ended(frame: &Frame, body: v1::DeletionEnded) -> Result<Record, DecodeError> {
    let state: DeletionState = enumeration::<v1::DeletionState, _>("state", body.state)?;
    if !state.is_terminal() {
        return Err(Problem::Contradiction("is pending; a deletion ends in an end").of("state"));
    }
    if (state == DeletionState::Confirmed) != body.evidence.is_some() {
        return Err(Problem::Contradiction("must be there exactly when CONFIRMED").of("evidence"));
    }
    let (code, message) = code_and_message(&body.code, body.message)?;
    let evidence = optional("evidence", body.evidence)?;
    let end = DeletionEnd { state, code, message, at: frame.at, evidence };
    Ok(Record::DeletionEnded { id: deletion("id", &body.id)?, store: frame.store()?, end: Box::new(end) })
}

fn late_evidence(frame: &Frame, body: v1::LateEvidence) -> Result<Record, DecodeError> {
    Ok(Record::LateEvidence {
        id: deletion("id", &body.id)?,
        store: frame.store()?,
        evidence: Box::new(required("evidence", body.evidence)?),
        at: frame.at,
    })
}

fn condition_changed(frame: &Frame, body: v1::ConditionChanged) -> Result<Record, DecodeError> {
    Ok(Record::ConditionChanged {
        store: frame.store()?,
        from: enumeration::<v1::Condition, _>("from", body.from)?,
        to: enumeration::<v1::Condition, _>("to", body.to)?,
        reasons: reasons(body.reasons)?,
        at: frame.at,
    })
}
