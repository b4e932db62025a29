//! Reading single values of the configuration. Owns what a duration, a count, a word may be; must not know which key
//! it reads.

use std::time::Duration;
use toml::de::DeValue;

/// What is wrong with a value, in words that say what would be right.
pub(crate) type Wrong = String;

/// A text.
pub(crate) fn text<'v>(value: &'v DeValue<'_>) -> Result<&'v str, Wrong> {
    match value {
        DeValue::String(text) => Ok(text),
        other => Err(format!("wants a text in quotes, not {}", a(other))),
    }
}

/// A text that parses.
pub(crate) fn parsed<T: std::str::FromStr>(value: &DeValue<'_>, what: &str) -> Result<T, Wrong> {
    let text = text(value)?;
    text.parse().map_err(|_| format!("{text:?} is not {what}"))
}

/// A span of time such as "10s" or "1m 30s", of at least `min` and at most `max`.
pub(crate) fn span(value: &DeValue<'_>, min: Duration, max: Duration) -> Result<Duration, Wrong> {
    let text =
        text(value).map_err(|_| format!("wants a span in quotes, such as \"10s\", not {}", a(value)))?;
    let span = humantime::parse_duration(text).map_err(|why| format!("{text:?} is not a span: {why}"))?;
    if span < min || span > max {
        let (min, max) = (humantime::format_duration(min), humantime::format_duration(max));
        return Err(format!("{text:?} is out of range; {min} to {max} are allowed"));
    }
    Ok(span)
}

/// The same in milliseconds.
pub(crate) fn span_ms(value: &DeValue<'_>, min: Duration, max: Duration) -> Result<u64, Wrong> {
    span(value, min, max).map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

/// A whole number of at least `min` and at most `max`.
pub(crate) fn count(value: &DeValue<'_>, min: usize, max: usize) -> Result<usize, Wrong> {
    let DeValue::Integer(number) = value else {
        return Err(format!("wants a whole number, not {}", a(value)));
    };
    let digits = number.as_str().replace('_', "");
    match usize::from_str_radix(&digits, number.radix()) {
        Ok(count) if (min..=max).contains(&count) => Ok(count),
        _ => Err(format!("{} is out of range; {min} to {max} are allowed", number.as_str())),
    }
}

/// One of a few words.
pub(crate) fn word<T: Copy>(value: &DeValue<'_>, words: &[(&str, T)]) -> Result<T, Wrong> {
    let all = || words.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
    let said = text(value).map_err(|_| format!("wants one of {}, not {}", all(), a(value)))?;
    let found = words.iter().find(|(word, _)| *word == said);
    found.map(|(_, meaning)| *meaning).ok_or_else(|| format!("{said:?} is none of {}", all()))
}

fn a(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
