//! Await: the named deletions as they stand, then each again when it changes, until all have ended. Owns "nothing is
//! missed between the first look and the following": both are of one cursor.

use crate::context::{Context, quoted};
use crate::outflow::OutflowStream;
use crate::status::refuse;
use prost::Message;
use std::collections::HashSet;
use storewarden_proto::convert::deletion_to_wire;
use storewarden_proto::v1;
use storewarden_types::limits::TRACK_PATHS_MAX;
use storewarden_types::{Code, DeletionId};
use tonic::Status;

/// A stream of the deletions with these ids.
pub(crate) async fn stream(context: &Context, ids: &[String]) -> Result<OutflowStream<v1::Deletion>, Status> {
    let ids = parse(ids)?;
    let asked = ids.clone();
    let at = context.reads.run(move |ledger| ledger.deletions(&asked)).await?;
    let mut rows = Vec::with_capacity(at.rows.len());
    for (id, row) in ids.iter().zip(at.rows) {
        let unknown = || refuse(Code::DeletionUnknown, format!("no deletion has the id {id}"));
        rows.push(row.ok_or_else(unknown)?);
    }
    // The ledger may be a moment ahead of the feed; a follower from there waits for the feed to come by.
    let mut follower = crate::feed::Follower::new(&context.feed, &context.reads, at.cursor);
    let context_of_task = context.clone();
    context.stream(|out| async move {
        let context = context_of_task;
        let send = async |row: v1::Deletion, cursor| {
            let bytes = row.encoded_len();
            out.send(row, bytes).await.map_err(|why| context.blocked(why, cursor))
        };
        let mut open: HashSet<String> = HashSet::new();
        for row in &rows {
            if !row.state.is_terminal() {
                open.insert(row.tracked.id.to_string());
            }
            send(deletion_to_wire(row), at.cursor).await?;
        }
        drop(rows);
        let mut told = at.cursor;
        while !open.is_empty() {
            for entry in follower.next().await? {
                if let Some(row) = entry.deletion.filter(|row| open.contains(&row.id)) {
                    if row.ended_at_ms.is_some() {
                        open.remove(&row.id);
                    }
                    send(v1::Deletion::clone(&row), told).await?;
                }
                told = entry.cursor;
            }
        }
        Ok(())
    })
}

fn parse(ids: &[String]) -> Result<Vec<DeletionId>, Status> {
    if ids.is_empty() {
        return Err(refuse(Code::InvalidArgument, "ids: name at least one deletion"));
    }
    if ids.len() > TRACK_PATHS_MAX {
        let words = format!("ids: {} are too many; at most {TRACK_PATHS_MAX} in one request", ids.len());
        return Err(refuse(Code::BatchTooLarge, words));
    }
    let mut seen = HashSet::with_capacity(ids.len());
    let mut parsed = Vec::with_capacity(ids.len());
    for text in ids {
        let unknown = |_| refuse(Code::DeletionUnknown, format!("no deletion has the id {}", quoted(text)));
        let id = DeletionId::parse(text).map_err(unknown)?;
        if seen.insert(id) {
            parsed.push(id);
        }
    }
    Ok(parsed)
}
