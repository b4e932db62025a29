//! One commit, record by record, inside its transaction. Owns the promises a record is checked against on its way in;
//! begins and ends no transaction.

use crate::chain::Chain;
use crate::deletion::{as_of, columns, row, state_number};
use crate::error::Fault;
use crate::{Entry, EventKind};
use prost::Message;
use rusqlite::{OptionalExtension, Transaction, params};
use std::collections::HashMap;
use std::sync::Arc;
use storewarden_proto::convert::{deletion_to_wire, encode_record};
use storewarden_proto::v1;
use storewarden_types::{
    AgentId, DeletionId, DeletionRow, DeletionState, Epoch, MountKind, Record, Seq, StoreId, TrackedDeletion,
};

/// Through which place the ledger holds the facts of one outbox.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    epoch: Epoch,
    origin: i64,
    high: Seq,
    /// Whether `high` is ahead of the table.
    ahead: bool,
}

/// The marks met so far, so that a fact costs no query. Forgotten as a whole when a commit fails.
pub(crate) type Marks = HashMap<AgentId, Vec<Mark>>;

/// A commit under way.
pub(crate) struct Append<'a> {
    pub(crate) transaction: &'a Transaction<'a>,
    pub(crate) marks: &'a mut Marks,
    pub(crate) cursor: u64,
    pub(crate) chain: Chain,
    pub(crate) entries: Vec<Entry>,
}

/// What the columns of an event's row say beside its bytes.
#[derive(Default)]
struct Columns<'r> {
    store: Option<StoreId>,
    agent: Option<&'r AgentId>,
    deletion: Option<DeletionId>,
    fact: Option<(i64, Seq)>,
}

impl Append<'_> {
    /// Appends one record.
    pub(crate) fn record(&mut self, record: &Record) -> Result<(), Fault> {
        match record {
            Record::KeyUsed { key, known } => self.key_used(key, &known.fingerprint),
            Record::AgentSeen { agent, epoch, host, version, at } => {
                self.agent_seen(agent, *epoch, host, version, at.0)?;
                self.event(record, &Columns { agent: Some(agent), ..Columns::default() }).map(drop)
            }
            Record::MountSeen { agent, store, .. } => {
                let columns = Columns { agent: Some(agent), store: Some(*store), ..Columns::default() };
                let cursor = self.event(record, &columns)?;
                self.mount_seen(record, cursor)
            }
            Record::MountForgotten { agent, mount_point, .. } => {
                let cursor = self.event(record, &Columns { agent: Some(agent), ..Columns::default() })?;
                let sql = "UPDATE mounts SET forgotten = ?3 \
                           WHERE agent = ?1 AND mount_point = ?2 AND forgotten IS NULL";
                self.transaction.prepare_cached(sql)?.execute(params![
                    agent.as_str(),
                    mount_point,
                    cursor
                ])?;
                Ok(())
            }
            Record::FactAccepted { agent, epoch, seq, store, .. } => {
                let origin = self.advance(agent, *epoch, *seq)?;
                let fact = Some((origin, *seq));
                self.event(record, &Columns { agent: Some(agent), store: *store, fact, deletion: None })
                    .map(drop)
            }
            Record::DeletionTracked(tracked) => self.tracked(record, tracked),
            Record::DeletionMoved { id, .. } => self.moved(record, *id),
            Record::DeletionEnded { id, .. } => self.ended(record, *id),
            Record::LateEvidence { id, .. } => self.late(record, *id),
            Record::ConditionChanged { store, to, at, .. } => {
                let sql = "INSERT INTO conditions(store, condition, since) VALUES (?1, ?2, ?3) \
                           ON CONFLICT(store) DO UPDATE SET condition = excluded.condition, since = excluded.since";
                let condition = i64::from(i32::from(v1::Condition::from(*to)));
                self.transaction.prepare_cached(sql)?.execute(params![
                    store.uuid().as_bytes(),
                    condition,
                    at.0
                ])?;
                self.event(record, &Columns { store: Some(*store), ..Columns::default() }).map(drop)
            }
        }
    }

    /// Writes what was only counted so far.
    pub(crate) fn finish(self) -> Result<(Vec<Entry>, u64, Chain), Fault> {
        let mut update = self.transaction.prepare_cached("UPDATE epochs SET high = ?2 WHERE origin = ?1")?;
        for mark in self.marks.values_mut().flatten().filter(|mark| mark.ahead) {
            update.execute(params![mark.origin, place(mark.high)?])?;
            mark.ahead = false;
        }
        Ok((self.entries, self.cursor, self.chain))
    }

    /// Inserts the event of `record` and gives its cursor.
    fn event(&mut self, record: &Record, columns: &Columns<'_>) -> Result<i64, Fault> {
        let cursor = self.cursor + 1;
        let row = i64::try_from(cursor).map_err(|_| Fault::Broken("the ledger has no cursor left".into()))?;
        let Some(mut event) = encode_record(0, record) else {
            return Err(Fault::Broken("a record without an event was to be an event".into()));
        };
        let Some(kind) = event.event.as_ref().map(EventKind::of) else {
            return Err(Fault::Broken("an event without a body".into()));
        };
        let body = event.encode_to_vec();
        let (chain, body_bytes) = (self.chain.next(&body), body.len());
        let sql = "INSERT INTO events(cursor, at, kind, store, agent, deletion, origin, seq, body, chain) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        self.transaction.prepare_cached(sql)?.execute(params![
            row,
            event.at_ms,
            kind.number(),
            columns.store.map(|id| *id.uuid().as_bytes()),
            columns.agent.map(AgentId::as_str),
            columns.deletion.map(|id| *id.0.as_bytes()),
            columns.fact.map(|(origin, _)| origin),
            columns.fact.map(|(_, seq)| place(seq)).transpose()?,
            body,
            chain.0,
        ])?;
        event.cursor = cursor;
        let bytes = on_the_wire(body_bytes, cursor);
        self.entries.push(Entry { cursor, event: Arc::new(event), deletion: None, bytes });
        self.cursor = cursor;
        self.chain = chain;
        Ok(row)
    }

    fn key_used(&self, key: &str, fingerprint: &[u8; 32]) -> Result<(), Fault> {
        let sql = "INSERT INTO keys(key, fingerprint) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        if self.transaction.prepare_cached(sql)?.execute(params![key, fingerprint])? == 0 {
            return Err(Fault::Broken(format!("the idempotency key {key:?} was used before")));
        }
        Ok(())
    }

    fn agent_seen(
        &self,
        agent: &AgentId,
        epoch: Epoch,
        host: &str,
        version: &str,
        at: i64,
    ) -> Result<(), Fault> {
        let epoch = epoch.0.to_be_bytes();
        let sql = "INSERT INTO agents(agent, epoch, host, version, seen_at) VALUES (?1, ?2, ?3, ?4, ?5) \
                   ON CONFLICT(agent) DO UPDATE SET epoch = excluded.epoch, host = excluded.host, \
                   version = excluded.version, seen_at = excluded.seen_at";
        self.transaction.prepare_cached(sql)?.execute(params![agent.as_str(), epoch, host, version, at])?;
        let sql = "INSERT INTO epochs(agent, epoch) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        self.transaction.prepare_cached(sql)?.execute(params![agent.as_str(), epoch])?;
        Ok(())
    }

    fn mount_seen(&self, record: &Record, cursor: i64) -> Result<(), Fault> {
        let Record::MountSeen { agent, mount_point, store, source, fs_type, kind, .. } = record else {
            return Ok(());
        };
        let sql = "INSERT INTO mounts(agent, mount_point, store, source, fs_type, kind, seen) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET source = excluded.source, \
                   fs_type = excluded.fs_type, kind = excluded.kind, seen = excluded.seen, forgotten = NULL";
        let (agent, store, kind) = (agent.as_str(), store.uuid(), kind_number(*kind));
        self.transaction.prepare_cached(sql)?.execute(params![
            agent,
            mount_point,
            store.as_bytes(),
            source,
            fs_type,
            kind,
            cursor
        ])?;
        Ok(())
    }

    /// Moves the mark of an outbox to `seq` and gives its origin; a place at or below the mark is a broken promise.
    fn advance(&mut self, agent: &AgentId, epoch: Epoch, seq: Seq) -> Result<i64, Fault> {
        let known = self.marks.get(agent).is_some_and(|marks| marks.iter().any(|mark| mark.epoch == epoch));
        if !known {
            let mark = self.read_mark(agent, epoch)?;
            self.marks.entry(agent.clone()).or_default().push(mark);
        }
        let mark = self.marks.get_mut(agent).into_iter().flatten().find(|mark| mark.epoch == epoch);
        match mark {
            Some(mark) if seq > mark.high => {
                mark.high = seq;
                mark.ahead = true;
                Ok(mark.origin)
            }
            Some(Mark { high, .. }) => Err(Fault::Broken(format!(
                "fact {seq} of agent {agent}, epoch {epoch}: every fact through {high} is held already"
            ))),
            None => Err(Fault::Broken(format!("agent {agent} has no mark for epoch {epoch}"))),
        }
    }

    fn read_mark(&self, agent: &AgentId, epoch: Epoch) -> Result<Mark, Fault> {
        let sql = "SELECT origin, high FROM epochs WHERE agent = ?1 AND epoch = ?2";
        let found = self
            .transaction
            .prepare_cached(sql)?
            .query_row(params![agent.as_str(), epoch.0.to_be_bytes()], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
            })
            .optional()?;
        let Some((origin, high)) = found else {
            let what = format!("a fact of agent {agent}, epoch {epoch}, that was never seen");
            return Err(Fault::Broken(what));
        };
        Ok(Mark { epoch, origin, high: Seq(high.unsigned_abs()), ahead: false })
    }

    fn tracked(&mut self, record: &Record, tracked: &TrackedDeletion) -> Result<(), Fault> {
        let (id, store) = (tracked.id, tracked.store);
        let cursor =
            self.event(record, &Columns { store: Some(store), deletion: Some(id), ..Columns::default() })?;
        let deadline = i64::try_from(tracked.deadline_ms)
            .map_err(|_| Fault::Broken(format!("deletion {id} has a deadline beyond all time")))?;
        let sql = "INSERT INTO deletions(tracked, id, store, path, key, place, tracked_at, deadline_ms, state, message) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1, '') ON CONFLICT(id) DO NOTHING";
        let made = self.transaction.prepare_cached(sql)?.execute(params![
            cursor,
            id.0.as_bytes(),
            store.uuid().as_bytes(),
            tracked.path.as_str(),
            tracked.key,
            tracked.index,
            tracked.tracked_at.0,
            deadline,
        ])?;
        if made == 0 {
            return Err(Fault::Broken(format!("deletion {id} is tracked already")));
        }
        self.attach(&DeletionRow {
            tracked: tracked.clone(),
            state: DeletionState::Pending,
            code: None,
            message: String::new(),
            baseline: None,
            ended_at: None,
            evidence: None,
            late_evidence: None,
        });
        Ok(())
    }

    fn moved(&mut self, record: &Record, id: DeletionId) -> Result<(), Fault> {
        let Record::DeletionMoved { store, state, code, message, baseline, .. } = record else {
            return Ok(());
        };
        if state.is_terminal() {
            return Err(Fault::Broken(format!("deletion {id} was to move to {}, an end", state.as_str())));
        }
        self.event(record, &Columns { store: Some(*store), deletion: Some(id), ..Columns::default() })?;
        let baseline = baseline.as_ref().map(|file| v1::FileIdentity::from(file).encode_to_vec());
        let sql = concat!(
            "UPDATE deletions SET state = ?2, code = ?3, message = ?4, baseline = ?5 \
             WHERE id = ?1 AND ended IS NULL RETURNING ",
            columns!("")
        );
        let code = code.map(storewarden_types::Code::as_str);
        let values = params![id.0.as_bytes(), state_number(*state), code, message, baseline];
        self.change(sql, values, record, id, "is not pending and cannot move")
    }

    fn ended(&mut self, record: &Record, id: DeletionId) -> Result<(), Fault> {
        let Record::DeletionEnded { store, end, .. } = record else { return Ok(()) };
        if !end.state.is_terminal() {
            return Err(Fault::Broken(format!("deletion {id} was to end as {}, no end", end.state.as_str())));
        }
        if (end.state == DeletionState::Confirmed) != end.evidence.is_some() {
            let what = "evidence belongs to Confirmed, and Confirmed needs evidence";
            return Err(Fault::Broken(format!("deletion {id}: {what}")));
        }
        let cursor =
            self.event(record, &Columns { store: Some(*store), deletion: Some(id), ..Columns::default() })?;
        let sql = concat!(
            "UPDATE deletions SET state = ?2, code = ?3, message = ?4, ended = ?5, ended_at = ?6 \
             WHERE id = ?1 AND ended IS NULL RETURNING ",
            columns!("")
        );
        let (code, state) = (end.code.as_str(), state_number(end.state));
        let values = params![id.0.as_bytes(), state, code, end.message, cursor, end.at.0];
        self.change(sql, values, record, id, "is not pending and cannot end")
    }

    fn late(&mut self, record: &Record, id: DeletionId) -> Result<(), Fault> {
        let Record::LateEvidence { store, evidence, .. } = record else { return Ok(()) };
        let agent = Some(&evidence.agent);
        let cursor =
            self.event(record, &Columns { store: Some(*store), deletion: Some(id), agent, fact: None })?;
        let sql =
            concat!("UPDATE deletions SET late = ?2 WHERE id = ?1 AND state > 3 RETURNING ", columns!(""));
        let values = params![id.0.as_bytes(), cursor];
        self.change(sql, values, record, id, "did not end without proof, so none can be late")
    }

    /// Updates the row of a deletion, which must be one row, and hangs its new state on the event.
    fn change(
        &mut self,
        sql: &str,
        values: &[&dyn rusqlite::ToSql],
        record: &Record,
        id: DeletionId,
        otherwise: &str,
    ) -> Result<(), Fault> {
        let mut update = self.transaction.prepare_cached(sql)?;
        let mut rows = update.query(values)?;
        let Some(found) = rows.next()? else {
            return Err(Fault::Broken(format!("deletion {id} {otherwise}")));
        };
        let now = as_of(row(found, 0)?, record);
        // A RETURNING statement is done only when stepped to its end.
        while rows.next()?.is_some() {}
        self.attach(&now);
        Ok(())
    }

    fn attach(&mut self, row: &DeletionRow) {
        if let Some(entry) = self.entries.last_mut() {
            entry.deletion = Some(Arc::new(deletion_to_wire(row)));
        }
    }
}

/// Size of an event on the wire: its stored bytes, and its cursor with the tag before it.
pub(crate) fn on_the_wire(body_bytes: usize, cursor: u64) -> usize {
    body_bytes + 1 + prost::encoding::encoded_len_varint(cursor)
}

/// A place as the table keeps it.
fn place(seq: Seq) -> Result<i64, Fault> {
    i64::try_from(seq.0)
        .map_err(|_| Fault::Broken(format!("fact {seq} has a place beyond what a ledger can keep")))
}

fn kind_number(kind: MountKind) -> i64 {
    i64::from(i32::from(v1::MountKind::from(kind)))
}
