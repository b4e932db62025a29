//! What the lab found, as a table: printed row by row, and kept as Markdown where `STOREWARDEN_LAB_TABLE` says.

use super::Mount;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Names the file that holds the table; it is rewritten after every test.
pub const TABLE: &str = "STOREWARDEN_LAB_TABLE";

/// One fault on one mount.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// What was done.
    pub fault: String,
    /// To which mount.
    pub mount: String,
    /// The code that was reported; empty where none was to be.
    pub code: String,
    /// From the beginning of the fault to the report at a client of the controller.
    pub told: Option<Duration>,
    /// What the tracked deletions said.
    pub deletion: String,
    /// From the beginning of the healing to AVAILABLE.
    pub recovered: Option<Duration>,
}

impl Row {
    /// A row of this test, nothing told yet.
    #[must_use]
    pub fn of(test: &str, mount: Mount) -> Self {
        Self { fault: test.replace('_', " "), mount: mount.name().into(), ..Self::default() }
    }
}

static ROWS: Mutex<Vec<Row>> = Mutex::new(Vec::new());

/// Keeps the rows of one test.
///
/// # Panics
/// When the table cannot be written.
pub fn keep(rows: Vec<Row>) {
    let mut all = ROWS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for row in &rows {
        println!("{}", line(row));
    }
    all.extend(rows);
    all.sort();
    if let Some(path) = std::env::var_os(TABLE) {
        std::fs::write(&path, markdown(&all)).expect("the table can be written");
    }
}

/// The table so far.
#[must_use]
pub fn table() -> String {
    markdown(&ROWS.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
}

fn markdown(rows: &[Row]) -> String {
    let mut text = String::from(
        "| fault | mount | code | told after | tracked deletions | recovered after |\n|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let _ = writeln!(text, "{}", line(row));
    }
    text
}

/// The time between two moments, in words.
#[must_use]
pub fn after(at: Instant, since: Instant) -> String {
    seconds(Some(at.saturating_duration_since(since)))
}

fn line(row: &Row) -> String {
    let Row { fault, mount, code, deletion, .. } = row;
    format!(
        "| {fault} | {mount} | {code} | {} | {deletion} | {} |",
        seconds(row.told),
        seconds(row.recovered)
    )
}

/// To a tenth of a second: the guest is emulated, and less would pretend.
fn seconds(span: Option<Duration>) -> String {
    span.map(|s| format!("{:.1} s", s.as_secs_f64())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_a_line_of_the_table() {
        let row = Row {
            fault: "drop".into(),
            mount: "v3-hard".into(),
            code: "HUNG".into(),
            told: Some(Duration::from_millis(1_640)),
            deletion: "UNKNOWN HUNG".into(),
            recovered: None,
        };
        let text = markdown(&[row]);
        assert_eq!(text.lines().last(), Some("| drop | v3-hard | HUNG | 1.6 s | UNKNOWN HUNG |  |"));
    }
}
