//! Reading TOML values one by one, collecting problems instead of stopping at the first.
//! Must not know: which keys there are.

use crate::config::{Placed, Problem};
use serde_json::Value;
use std::path::PathBuf;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

type Outcome<T> = Result<T, String>;

/// One table of the file: hands out what it is asked for, then tells what nobody asked for.
pub(crate) struct Section<'a, 'p> {
    /// Dotted name, empty for the root.
    name: String,
    table: &'a DeTable<'a>,
    known: Vec<&'static str>,
    /// Any name is known here.
    open: bool,
    place: &'a dyn Fn(usize) -> String,
    problems: &'p mut Vec<Problem>,
}

impl<'a, 'p> Section<'a, 'p> {
    pub(crate) fn new(
        name: impl Into<String>,
        table: &'a DeTable<'a>,
        place: &'a dyn Fn(usize) -> String,
        problems: &'p mut Vec<Problem>,
    ) -> Self {
        Self { name: name.into(), table, known: Vec::new(), open: false, place, problems }
    }

    /// The value of `key`, if it is there and `read` likes it.
    pub(crate) fn take<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&DeValue<'_>) -> Outcome<T>,
    ) -> Option<T> {
        self.known.push(key);
        let value = find(self.table, key)?;
        match read(value.get_ref()) {
            Ok(read) => Some(read),
            Err(why) => {
                self.complain(value.span().start, format!("{}: {why}", self.dotted(key)));
                None
            }
        }
    }

    /// Overwrites `target` with the value of `key`, if there is a good one.
    pub(crate) fn set<T>(
        &mut self,
        key: &'static str,
        target: &mut T,
        read: impl FnOnce(&DeValue<'_>) -> Outcome<T>,
    ) {
        if let Some(value) = self.take(key, read) {
            *target = value;
        }
    }

    /// A list of values, each with the line of the list's own element where there is one.
    pub(crate) fn placed(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&DeValue<'_>) -> Outcome<Vec<String>>,
    ) -> Option<Vec<Placed<String>>> {
        let values = self.take(key, read)?;
        let value = find(self.table, key)?;
        let whole = value.span().start;
        let place_of = |at: usize| match value.get_ref().as_array() {
            Some(array) => array.get(at).map_or(whole, |item| item.span().start),
            None => whole,
        };
        let placed = values
            .into_iter()
            .enumerate()
            .map(|(at, value)| Placed { value, place: (self.place)(place_of(at)) });
        Some(placed.collect())
    }

    /// Reads the table `key`, if it is there.
    pub(crate) fn section(&mut self, key: &'static str, read: impl FnOnce(&mut Section<'_, '_>)) {
        self.known.push(key);
        if let Some(value) = find(self.table, key) {
            self.enter(key, value, read);
        }
    }

    /// Reads every table in this one, whatever its name.
    pub(crate) fn each_section(&mut self, mut read: impl FnMut(&str, &mut Section<'_, '_>)) {
        self.open = true;
        for (key, value) in self.table.iter() {
            let name = key.get_ref().as_ref();
            self.enter(name, value, |section| read(name, section));
        }
    }

    /// Where `key` stands, for problems that are found later.
    pub(crate) fn place_of(&self, key: &str) -> Option<usize> {
        find(self.table, key).map(|value| value.span().start)
    }

    /// Complains unless the first is at most the second.
    pub(crate) fn ordered(&mut self, place: Option<usize>, low: (&str, u64), high: (&str, u64)) {
        if low.1 > high.1 {
            let at = place.or_else(|| self.place_of(low.0)).unwrap_or(0);
            let (low, high) =
                (format!("{} ({} ms)", self.dotted(low.0), low.1), format!("{} ({} ms)", high.0, high.1));
            self.complain(at, format!("{low} must not be longer than {high}"));
        }
    }

    /// Tells what nobody asked for.
    pub(crate) fn finish(&mut self) {
        for (key, _) in self.table.iter() {
            let name = key.get_ref().as_ref();
            if !self.open && !self.known.contains(&name) {
                let known = self.known.join(", ");
                self.complain(
                    key.span().start,
                    format!("{} is not known here; known: {known}", self.dotted(name)),
                );
            }
        }
    }

    fn enter(&mut self, key: &str, value: &'a Spanned<DeValue<'a>>, read: impl FnOnce(&mut Section<'_, '_>)) {
        let name = self.dotted(key);
        match value.get_ref().as_table() {
            Some(table) => {
                let mut section = Section::new(name, table, self.place, self.problems);
                read(&mut section);
                section.finish();
            }
            None => {
                let is = value.get_ref().type_str();
                self.complain(value.span().start, format!("{name}: a table is wanted, this is of type {is}"));
            }
        }
    }

    fn complain(&mut self, at: usize, message: String) {
        self.problems.push(Problem { place: (self.place)(at), message });
    }

    fn dotted(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }
}

fn find<'a>(table: &'a DeTable<'a>, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
    table.iter().find(|(k, _)| k.get_ref().as_ref() == key).map(|(_, value)| value)
}

pub(crate) fn string(value: &DeValue<'_>) -> Outcome<String> {
    value.as_str().map(ToOwned::to_owned).ok_or_else(|| wanted("a text", value))
}

pub(crate) fn strings(value: &DeValue<'_>) -> Outcome<Vec<String>> {
    let array = value.as_array().ok_or_else(|| wanted("a list of texts", value))?;
    array.iter().map(|item| string(item.get_ref())).collect()
}

pub(crate) fn path(value: &DeValue<'_>) -> Outcome<PathBuf> {
    match string(value)?.as_str() {
        "" => Err("is empty".into()),
        text if !text.starts_with('/') => Err(format!("{text:?} must be an absolute path")),
        text => Ok(text.into()),
    }
}

/// A span such as "250ms" or "1m 30s", in milliseconds.
pub(crate) fn span(value: &DeValue<'_>, min_ms: u64, max_ms: u64) -> Outcome<u64> {
    let text = value.as_str().ok_or_else(|| wanted("a span such as \"250ms\" or \"1m 30s\"", value))?;
    let span = humantime::parse_duration(text)
        .map_err(|error| format!("{text:?} is no span such as \"250ms\" or \"1m 30s\" ({error})"))?;
    let ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    if (min_ms..=max_ms).contains(&ms) {
        return Ok(ms);
    }
    let bound = |ms| humantime::format_duration(std::time::Duration::from_millis(ms));
    Err(format!("{text:?} is out of range: {} to {}", bound(min_ms), bound(max_ms)))
}

pub(crate) fn count(value: &DeValue<'_>, min: u64) -> Outcome<u64> {
    number(value, min, i64::MAX.unsigned_abs())
}

pub(crate) fn number<N: TryFrom<u64>>(value: &DeValue<'_>, min: u64, max: u64) -> Outcome<N> {
    let integer = value.as_integer().ok_or_else(|| wanted("a whole number", value))?;
    let read =
        u64::from_str_radix(integer.as_str(), integer.radix()).ok().filter(|n| (min..=max).contains(n));
    let upper = if max == i64::MAX.unsigned_abs() { "more".to_owned() } else { max.to_string() };
    read.and_then(|n| N::try_from(n).ok())
        .ok_or_else(|| format!("{integer} is out of range: {min} to {upper}"))
}

/// A number of bytes, or a text such as "256MiB".
pub(crate) fn bytes(value: &DeValue<'_>, min: u64) -> Outcome<u64> {
    const UNITS: [(&str, u64); 3] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
    let Some(text) = value.as_str() else { return count(value, min) };
    let read = UNITS.iter().find_map(|(unit, factor)| {
        text.strip_suffix(unit)?.trim_end().parse::<u64>().ok()?.checked_mul(*factor)
    });
    match read {
        None => Err(format!("{text:?} is no size such as \"256MiB\" (KiB, MiB, GiB)")),
        Some(bytes) if bytes < min => Err(format!("{text:?} is too small: at least {} MiB", min >> 20)),
        Some(bytes) => Ok(bytes),
    }
}

/// A table as JSON text, for what is handed on to a plugin.
pub(crate) fn table_to_json(value: &DeValue<'_>) -> Outcome<String> {
    match value {
        DeValue::Table(_) => json(value).map(|json| json.to_string()),
        _ => Err(wanted("a table", value)),
    }
}

fn json(value: &DeValue<'_>) -> Outcome<Value> {
    Ok(match value {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Boolean(word) => (*word).into(),
        DeValue::Datetime(time) => time.to_string().into(),
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
            .map_err(|_| format!("{integer} is out of range"))?
            .into(),
        DeValue::Float(float) => {
            let number = float.as_str().parse::<f64>().ok().filter(|f| f.is_finite());
            number.ok_or_else(|| format!("{float} has no JSON form"))?.into()
        }
        DeValue::Array(items) => items.iter().map(|i| json(i.get_ref())).collect::<Outcome<Vec<_>>>()?.into(),
        DeValue::Table(table) => table
            .iter()
            .map(|(key, value)| Ok((key.get_ref().to_string(), json(value.get_ref())?)))
            .collect::<Outcome<serde_json::Map<_, _>>>()?
            .into(),
    })
}

fn wanted(what: &str, value: &DeValue<'_>) -> String {
    format!("{what} is wanted, this is of type {}", value.type_str())
}
