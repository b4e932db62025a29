//! What a controller core needs to go on where the last one stopped. Owns the reading of whole tables, in one
//! transaction.

use crate::deletion::{columns, row, store, uuid};
use crate::error::Fault;
use crate::reader::as_i64;
use rusqlite::{Row, Transaction};
use storewarden_proto::convert::enumeration;
use storewarden_proto::v1;
use storewarden_types::limits::UNPROVEN_REMEMBERED_MAX;
use storewarden_types::{
    AgentId, Condition, DeletionId, Epoch, KnownAgent, KnownMount, MountKind, Restored, Seq, StoreId,
};

/// Reads it all.
pub(crate) fn restore(ledger: &Transaction<'_>) -> Result<Restored, Fault> {
    const PENDING: &str =
        concat!("SELECT ", columns!("d."), " FROM deletions d WHERE d.state = ?1 ORDER BY d.tracked");
    let mut pending = collect(ledger, PENDING, &[&1], |found| row(found, 0))?;
    pending.extend(collect(ledger, PENDING, &[&2], |found| row(found, 0))?);
    let mounts = "SELECT agent, mount_point, store, source, fs_type, kind FROM mounts WHERE forgotten IS NULL \
                  ORDER BY agent, mount_point, seen";
    Ok(Restored {
        agents: agents(ledger)?,
        mounts: collect(ledger, mounts, &[], mount)?,
        pending,
        unproven: unproven(ledger)?,
        conditions: collect(ledger, "SELECT store, condition FROM conditions", &[], condition)?,
    })
}

/// The newest ends without proof and without late proof, oldest first.
fn unproven(ledger: &Transaction<'_>) -> Result<Vec<(DeletionId, StoreId)>, Fault> {
    let sql = "SELECT id, store FROM deletions WHERE state > 3 AND late IS NULL ORDER BY ended DESC LIMIT ?1";
    let mut ids = collect(ledger, sql, &[&as_i64(UNPROVEN_REMEMBERED_MAX as u64)], |row| {
        Ok((DeletionId(uuid(row, 0)?), store(row, 1)?))
    })?;
    ids.reverse();
    Ok(ids)
}

fn agents(ledger: &Transaction<'_>) -> Result<Vec<KnownAgent>, Fault> {
    let mut agents =
        collect(ledger, "SELECT agent, epoch, host, version FROM agents ORDER BY agent", &[], |row| {
            let (epoch, host, version) = (epoch(row, 1)?, row.get(2)?, row.get(3)?);
            Ok(KnownAgent { agent: agent(row, 0)?, epoch, host, version, marks: Vec::new() })
        })?;
    let sql = "SELECT agent, epoch, high FROM epochs ORDER BY agent, origin";
    let marks = collect(ledger, sql, &[], |row| {
        Ok((agent(row, 0)?, epoch(row, 1)?, Seq(row.get::<_, i64>(2)?.unsigned_abs())))
    })?;
    let mut marks = marks.into_iter().peekable();
    for known in &mut agents {
        while let Some((_, epoch, high)) = marks.next_if(|(agent, ..)| *agent == known.agent) {
            known.marks.push((epoch, high));
        }
    }
    Ok(agents)
}

fn collect<T>(
    ledger: &Transaction<'_>,
    sql: &str,
    values: &[&dyn rusqlite::ToSql],
    mut read: impl FnMut(&Row<'_>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let mut select = ledger.prepare(sql)?;
    let mut rows = select.query(values)?;
    let mut all = Vec::new();
    while let Some(found) = rows.next()? {
        all.push(read(found)?);
    }
    Ok(all)
}

fn mount(row: &Row<'_>) -> Result<KnownMount, Fault> {
    Ok(KnownMount {
        agent: agent(row, 0)?,
        mount_point: row.get(1)?,
        store: store(row, 2)?,
        source: row.get(3)?,
        fs_type: row.get(4)?,
        kind: enumeration::<v1::MountKind, MountKind>("kind", small(row, 5)?)
            .map_err(|e| Fault::value("mount", e))?,
    })
}

fn condition(row: &Row<'_>) -> Result<(StoreId, Condition), Fault> {
    let condition = enumeration::<v1::Condition, _>("condition", small(row, 1)?)
        .map_err(|e| Fault::value("condition of a store", e))?;
    Ok((store(row, 0)?, condition))
}

/// The number of an enumeration; one that is out of its range is read as 0, which none has.
fn small(row: &Row<'_>, column: usize) -> Result<i32, Fault> {
    Ok(i32::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
}

fn agent(row: &Row<'_>, column: usize) -> Result<AgentId, Fault> {
    AgentId::parse(row.get_ref(column)?.as_str().map_err(rusqlite::Error::from)?)
        .map_err(|e| Fault::value("agent", e))
}

fn epoch(row: &Row<'_>, column: usize) -> Result<Epoch, Fault> {
    Ok(Epoch(u128::from_be_bytes(row.get(column)?)))
}
