//! Deletions as rows: what is read from the table, and what the deletion looked like right after one of its events.

use crate::error::Fault;
use prost::Message;
use rusqlite::Row;
use storewarden_proto::convert::{decode_event, enumeration};
use storewarden_proto::v1;
use storewarden_types::{
    Code, DeletionId, DeletionRow, DeletionState, Evidence, Record, StoreId, StorePath, TrackedDeletion, Wall,
};
use uuid::Uuid;

/// The columns [`row`] reads, of table `deletions`, each after `$of` ("d." in a join, "" in RETURNING).
macro_rules! columns {
    ($of:literal) => {
        columns!($of, "id", "store", "path", "key", "place", "tracked_at", "deadline_ms", "state", "code",
            "message", "baseline"; "ended_at")
    };
    ($of:literal, $($name:literal),+; $last:literal) => {
        concat!($($of, $name, ", ",)+ $of, $last)
    };
}
pub(crate) use columns;

/// A whole deletion: [`columns`], the body of the event that confirmed it, the body of late evidence, and `tracked`.
pub(crate) const SELECT: &str = concat!(
    "SELECT ",
    columns!("d."),
    ", ended.body, late.body, d.tracked FROM deletions d \
     LEFT JOIN events ended ON ended.cursor = d.ended AND d.state = 3 \
     LEFT JOIN events late ON late.cursor = d.late "
);
/// Where `tracked` is in [`SELECT`].
pub(crate) const TRACKED_COLUMN: usize = 14;

/// Reads [`columns`], beginning at `first`; evidence is left out.
pub(crate) fn row(row: &Row<'_>, first: usize) -> Result<DeletionRow, Fault> {
    let state: i64 = row.get(first + 7)?;
    let code: Option<String> = row.get(first + 8)?;
    let baseline: Option<Vec<u8>> = row.get(first + 10)?;
    let path: String = row.get(first + 2)?;
    Ok(DeletionRow {
        tracked: TrackedDeletion {
            id: DeletionId(uuid(row, first)?),
            store: store(row, first + 1)?,
            path: StorePath::parse(&path).map_err(|e| Fault::value("path of a deletion", e))?,
            key: row.get(first + 3)?,
            index: row.get(first + 4)?,
            tracked_at: Wall(row.get(first + 5)?),
            deadline_ms: row.get::<_, i64>(first + 6)?.unsigned_abs(),
        },
        state: state_of(state)?,
        code: code.map(|word| code_of(&word)),
        message: row.get(first + 9)?,
        baseline: baseline.map(|bytes| decode_baseline(&bytes)).transpose()?,
        ended_at: row.get::<_, Option<i64>>(first + 11)?.map(Wall),
        evidence: None,
        late_evidence: None,
    })
}

/// Reads a row of [`SELECT`].
pub(crate) fn whole_row(from: &Row<'_>) -> Result<DeletionRow, Fault> {
    let mut whole = row(from, 0)?;
    whole.evidence = evidence(from.get_ref(12)?.as_bytes_or_null().map_err(rusqlite::Error::from)?)?;
    whole.late_evidence = evidence(from.get_ref(13)?.as_bytes_or_null().map_err(rusqlite::Error::from)?)?;
    Ok(whole)
}

/// `row` (the newest state, without evidence) as it stood right after `record`, one of the same deletion.
///
/// An event tells all that changed with it, and what it does not tell never changes afterwards: so an older state can
/// be told from the newest row and the event alone.
pub(crate) fn as_of(mut row: DeletionRow, record: &Record) -> DeletionRow {
    match record {
        Record::DeletionTracked(_) => {
            row.state = DeletionState::Pending;
            row.code = None;
            row.message.clear();
            row.baseline = None;
            row.ended_at = None;
        }
        Record::DeletionMoved { state, code, message, baseline, .. } => {
            row.state = *state;
            row.code = *code;
            row.message.clone_from(message);
            row.baseline.clone_from(baseline);
            row.ended_at = None;
        }
        Record::DeletionEnded { end, .. } => {
            row.state = end.state;
            row.code = Some(end.code);
            row.message.clone_from(&end.message);
            row.ended_at = Some(end.at);
            row.evidence.clone_from(&end.evidence);
        }
        Record::LateEvidence { evidence, .. } => row.late_evidence = Some(evidence.as_ref().clone()),
        _ => {}
    }
    row
}

/// The number of a state in the table: that of the `.proto`.
pub(crate) fn state_number(state: DeletionState) -> i64 {
    i64::from(i32::from(v1::DeletionState::from(state)))
}

fn state_of(number: i64) -> Result<DeletionState, Fault> {
    let raw = i32::try_from(number).unwrap_or(0);
    enumeration::<v1::DeletionState, _>("state", raw).map_err(|e| Fault::value("deletion", e))
}

/// A code of this version, or what an unknown one is taken for everywhere: a failure that is no success.
fn code_of(word: &str) -> Code {
    word.parse().unwrap_or(Code::ProbeFailed)
}

fn decode_baseline(bytes: &[u8]) -> Result<storewarden_types::FileIdentity, Fault> {
    let wire = v1::FileIdentity::decode(bytes).map_err(|e| Fault::value("baseline of a deletion", e))?;
    wire.try_into().map_err(|e| Fault::value("baseline of a deletion", e))
}

fn evidence(body: Option<&[u8]>) -> Result<Option<Evidence>, Fault> {
    let Some(body) = body else { return Ok(None) };
    match record(body)?.1 {
        Record::DeletionEnded { end, .. } => Ok(end.evidence),
        Record::LateEvidence { evidence, .. } => Ok(Some(*evidence)),
        other => Err(Fault::value("evidence of a deletion", format!("is another record: {other:?}"))),
    }
}

/// The event in these stored bytes, without its cursor, and its record.
pub(crate) fn record(body: &[u8]) -> Result<(v1::Event, Record), Fault> {
    let wire = v1::Event::decode(body).map_err(|e| Fault::value("event", e))?;
    let (_, record) = decode_event(wire.clone()).map_err(|e| Fault::value("event", e))?;
    Ok((wire, record))
}

/// Reads a UUID column.
pub(crate) fn uuid(row: &Row<'_>, column: usize) -> Result<Uuid, Fault> {
    let bytes = row.get_ref(column)?.as_blob().map_err(rusqlite::Error::from)?;
    Uuid::from_slice(bytes).map_err(|e| Fault::value("id", e))
}

/// Reads a store column.
pub(crate) fn store(row: &Row<'_>, column: usize) -> Result<StoreId, Fault> {
    // The type makes itself from text only: one spelling of an id, checked in one place.
    StoreId::parse(&uuid(row, column)?.to_string()).map_err(|e| Fault::value("store id", e))
}
