//! How facts and mounts lie in the outbox's tables: a fact as its wire message, a mount as columns.

use prost::Message as _;
use rusqlite::types::Type;
use rusqlite::{Connection, Row, params};
use storewarden_proto::v1;
use storewarden_types::{Fact, MountExpectation, MountIdentity, MountKind};

/// A fact as it goes over the wire, so that nothing is translated twice.
pub(super) fn encode_fact(fact: &Fact) -> Vec<u8> {
    v1::Fact::from(fact).encode_to_vec()
}

/// The way back; the error is one sentence.
pub(super) fn decode_fact(body: &[u8]) -> Result<Fact, String> {
    let wire = v1::Fact::decode(body).map_err(|e| e.to_string())?;
    Fact::try_from(wire).map_err(|e| e.to_string())
}

/// Inserts or replaces an expected mount.
pub(super) fn write_mount(connection: &Connection, mount: &MountExpectation) -> rusqlite::Result<()> {
    let marks = mount.identity.as_ref();
    let inode = marks.and_then(|m| m.root_inode);
    connection
        .prepare("INSERT OR REPLACE INTO mounts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?
        .execute(params![
            mount.mount_point,
            mount.source,
            mount.fs_type,
            mount.kind.as_str(),
            marks.is_some(),
            marks.and_then(|m| m.root_handle.as_deref()),
            // SQLite's integers are signed; an inode number keeps its bits.
            inode.map(|(number, _)| number.cast_signed()),
            inode.map(|(_, btime_ns)| btime_ns),
            marks.and_then(|m| m.file_id.as_deref()),
        ])
        .map(|_| ())
}

/// Reads the columns of `mounts` in the order of the table.
pub(super) fn read_mount(row: &Row<'_>) -> rusqlite::Result<MountExpectation> {
    let kind = match row.get_ref(3)?.as_str()? {
        "network" => MountKind::Network,
        "local" => MountKind::Local,
        "dir" => MountKind::Dir,
        other => {
            let why = format!("kind {other:?}").into();
            return Err(rusqlite::Error::FromSqlConversionFailure(3, Type::Text, why));
        }
    };
    let inode = match (row.get::<_, Option<i64>>(6)?, row.get(7)?) {
        (Some(number), Some(btime_ns)) => Some((number.cast_unsigned(), btime_ns)),
        _ => None,
    };
    let pinned: bool = row.get(4)?;
    let identity = if pinned {
        Some(MountIdentity { root_handle: row.get(5)?, root_inode: inode, file_id: row.get(8)? })
    } else {
        None
    };
    Ok(MountExpectation {
        mount_point: row.get(0)?,
        source: row.get(1)?,
        fs_type: row.get(2)?,
        kind,
        identity,
    })
}
