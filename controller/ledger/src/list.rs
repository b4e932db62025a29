//! Listing deletions, newest first, page by page. Owns the promise that a page costs work in proportion to itself, not
//! to the ledger: every filter is read along an index.

use crate::deletion::{SELECT, TRACKED_COLUMN, state_number, whole_row};
use crate::error::Fault;
use crate::reader::as_i64;
use crate::{DeletionFilter, DeletionPage};
use rusqlite::types::Value;
use rusqlite::{Transaction, params_from_iter};
use storewarden_types::{DeletionRow, DeletionState};

const ALL: [DeletionState; 5] = [
    DeletionState::Pending,
    DeletionState::PendingSillyRename,
    DeletionState::Confirmed,
    DeletionState::Failed,
    DeletionState::Unknown,
];

/// One page.
pub(crate) fn page(
    ledger: &Transaction<'_>,
    filter: &DeletionFilter,
    before: Option<u64>,
    limit: usize,
) -> Result<DeletionPage, Fault> {
    let before = before.map_or(i64::MAX, as_i64);
    let mut rows: Vec<(i64, DeletionRow)> = Vec::new();
    for query in queries(filter) {
        query.run(ledger, before, limit + 1, &mut rows)?;
    }
    rows.sort_unstable_by_key(|(tracked, _)| std::cmp::Reverse(*tracked));
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|(tracked, _)| tracked.unsigned_abs());
    Ok(DeletionPage { rows: rows.into_iter().map(|(_, row)| row).collect(), next })
}

/// One walk along one index. Several states are several walks, merged: "state IN (...)" ordered by age would sort
/// everything that was ever tracked.
struct Query {
    conditions: Vec<&'static str>,
    values: Vec<Value>,
}

fn queries(filter: &DeletionFilter) -> Vec<Query> {
    let mut states = filter.states.clone();
    states.sort_unstable();
    states.dedup();
    let mut common = Query { conditions: Vec::new(), values: Vec::new() };
    if let Some(store) = filter.store {
        common.and("d.store = ?", Value::Blob(store.uuid().as_bytes().to_vec()));
    }
    if let Some(key) = &filter.key {
        common.and("d.key <> '' AND d.key = ?", Value::Text(key.clone()));
    }
    let all = states.is_empty() || states.len() == ALL.len();
    // A key covers at most one request, so its rows are few: no walk a state. A store's index begins with the state.
    if filter.key.is_some() || (all && filter.store.is_none()) {
        if !all {
            common.and_states(&states);
        }
        return vec![common];
    }
    let wanted = if all { ALL.to_vec() } else { states };
    wanted.into_iter().map(|state| common.with_state(state)).collect()
}

impl Query {
    fn and(&mut self, condition: &'static str, value: Value) {
        self.conditions.push(condition);
        self.values.push(value);
    }

    fn and_states(&mut self, states: &[DeletionState]) {
        const SETS: [&str; 5] =
            ["FALSE", "d.state = ?", "d.state IN (?, ?)", "d.state IN (?, ?, ?)", "d.state IN (?, ?, ?, ?)"];
        self.conditions.push(SETS[states.len().min(4)]);
        self.values.extend(states.iter().take(4).map(|state| Value::Integer(state_number(*state))));
    }

    fn with_state(&self, state: DeletionState) -> Self {
        let mut query = Self { conditions: self.conditions.clone(), values: self.values.clone() };
        query.and("d.state = ?", Value::Integer(state_number(state)));
        query
    }

    fn run(
        mut self,
        ledger: &Transaction<'_>,
        before: i64,
        limit: usize,
        into: &mut Vec<(i64, DeletionRow)>,
    ) -> Result<(), Fault> {
        self.and("d.tracked < ?", Value::Integer(before));
        self.values.push(Value::Integer(as_i64(limit as u64)));
        let conditions = self.conditions.join(" AND ");
        let sql = format!("{SELECT} WHERE {conditions} ORDER BY d.tracked DESC LIMIT ?");
        let mut select = ledger.prepare_cached(&sql)?;
        let mut rows = select.query(params_from_iter(self.values))?;
        while let Some(found) = rows.next()? {
            into.push((found.get(TRACKED_COLUMN)?, whole_row(found)?));
        }
        Ok(())
    }
}
