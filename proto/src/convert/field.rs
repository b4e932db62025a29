//! Reading single fields: presence, bounds, ids, lists. Owns the rule of what is clipped and what is refused; must not
//! know which message a field belongs to.
//!
//! The rule: text for people is clipped, and so is the tail of a list for people (reasons, faults). Whatever names,
//! counts or proves something is refused when out of bounds: clipped, it would name, count or prove something else.

use super::error::{At, DecodeError, Problem};
use storewarden_types::limits::{NAME_BYTES_MAX, PATH_BYTES_MAX, TEXT_BYTES_MAX, clip};
use storewarden_types::{AgentId, DeletionId, Epoch, Seq, StoreId, StorePath};

/// Largest place of a fact: a ledger keeps places as signed 64-bit integers, and "the place after" must exist.
pub const SEQ_MAX: u64 = i64::MAX.unsigned_abs() - 1;

/// Cuts a text for people to [`TEXT_BYTES_MAX`].
pub(crate) fn message(text: String) -> String {
    clipped(text, TEXT_BYTES_MAX)
}

/// Cuts a text for people to `max` bytes.
pub(crate) fn clipped(mut text: String, max: usize) -> String {
    text.truncate(clip(&text, max).len());
    text
}

/// Texts for people: the first `max` of them, each clipped.
pub(crate) fn messages(texts: Vec<String>, max: usize) -> Vec<String> {
    texts.into_iter().take(max).map(message).collect()
}

/// A text that names something, perhaps empty, of at most `max` bytes.
pub(crate) fn bounded(name: &str, text: String, max: usize) -> Result<String, DecodeError> {
    if text.len() > max {
        return Err(Problem::TooLong { bytes: text.len(), max }.of(name));
    }
    if text.contains('\0') {
        return Err(Problem::Nul.of(name));
    }
    Ok(text)
}

/// A text that names something and is never empty.
pub(crate) fn named(name: &str, text: String, max: usize) -> Result<String, DecodeError> {
    if text.is_empty() {
        return Err(Problem::Missing.of(name));
    }
    bounded(name, text, max)
}

/// A text where empty means absent.
pub(crate) fn named_or_none(name: &str, text: String, max: usize) -> Result<Option<String>, DecodeError> {
    if text.is_empty() { Ok(None) } else { bounded(name, text, max).map(Some) }
}

/// An absolute path on an agent's host.
pub(crate) fn mount_point(name: &str, text: String) -> Result<String, DecodeError> {
    let text = named(name, text, PATH_BYTES_MAX)?;
    if text.starts_with('/') { Ok(text) } else { Err(Problem::NotAbsolute.of(name)) }
}

/// A source as mountinfo writes it. May be empty: mount(2) takes an empty source.
pub(crate) fn source(text: String) -> Result<String, DecodeError> {
    bounded("source", text, PATH_BYTES_MAX)
}

/// A file-system type as mountinfo writes it.
pub(crate) fn fs_type(text: String) -> Result<String, DecodeError> {
    named("fs_type", text, NAME_BYTES_MAX)
}

/// A path inside a store.
pub(crate) fn store_path(text: &str) -> Result<StorePath, DecodeError> {
    StorePath::parse(text).map_err(|error| Problem::Path(error).of("path"))
}

/// The id of a deletion.
pub(crate) fn deletion(name: &str, text: &str) -> Result<DeletionId, DecodeError> {
    DeletionId::parse(text).map_err(|error| Problem::Id(error).of(name))
}

/// The id of a store.
pub(crate) fn store(name: &str, text: &str) -> Result<StoreId, DecodeError> {
    StoreId::parse(text).map_err(|error| Problem::Id(error).of(name))
}

/// The id of an agent.
pub(crate) fn agent(name: &str, text: &str) -> Result<AgentId, DecodeError> {
    AgentId::parse(text).map_err(|error| Problem::Id(error).of(name))
}

/// The life of an outbox: 16 bytes, most significant first.
pub(crate) fn epoch(bytes: &[u8]) -> Result<Epoch, DecodeError> {
    let whole: [u8; 16] =
        bytes.try_into().map_err(|_| Problem::WrongLength { bytes: bytes.len(), want: 16 }.of("epoch"))?;
    Ok(Epoch(u128::from_be_bytes(whole)))
}

/// A number within bounds.
pub(crate) fn within(name: &str, value: u64, min: u64, max: u64) -> Result<u64, DecodeError> {
    if (min..=max).contains(&value) {
        Ok(value)
    } else {
        Err(Problem::OutOfRange { value, min, max }.of(name))
    }
}

/// The place of a fact.
pub(crate) fn place(name: &str, value: u64) -> Result<Seq, DecodeError> {
    within(name, value, 1, SEQ_MAX).map(Seq)
}

/// A mark such as "acknowledged through": a place, or 0 for none.
pub(crate) fn mark(name: &str, value: u64) -> Result<Seq, DecodeError> {
    within(name, value, 0, SEQ_MAX).map(Seq)
}

/// A value of the enumeration `W` in the field `name`: for requests of clients, which services read themselves.
///
/// # Errors
/// [`Problem::UnknownValue`], for 0 too.
pub fn enumeration<W, D>(name: &str, raw: i32) -> Result<D, DecodeError>
where
    W: TryFrom<i32>,
    D: TryFrom<W, Error = DecodeError>,
{
    let wire = W::try_from(raw).map_err(|_| Problem::UnknownValue(raw).of(name))?;
    D::try_from(wire).at(name)
}

/// A field that must be there.
pub(crate) fn present<W>(name: &str, value: Option<W>) -> Result<W, DecodeError> {
    value.ok_or_else(|| Problem::Missing.of(name))
}

/// A message that must be there.
pub(crate) fn required<W, D>(name: &str, value: Option<W>) -> Result<D, DecodeError>
where
    D: TryFrom<W, Error = DecodeError>,
{
    D::try_from(present(name, value)?).at(name)
}

/// A message that may be absent.
pub(crate) fn optional<W, D>(name: &str, value: Option<W>) -> Result<Option<D>, DecodeError>
where
    D: TryFrom<W, Error = DecodeError>,
{
    value.map(|value| D::try_from(value).at(name)).transpose()
}

/// A list of at most `max` messages.
pub(crate) fn list<W, D>(name: &str, items: Vec<W>, max: usize) -> Result<Vec<D>, DecodeError>
where
    D: TryFrom<W, Error = DecodeError>,
{
    counted(name, items.len(), max)?;
    items.into_iter().enumerate().map(|(index, item)| D::try_from(item).at_item(name, index)).collect()
}

/// A list of 1 to `max` messages.
pub(crate) fn list_of_some<W, D>(name: &str, items: Vec<W>, max: usize) -> Result<Vec<D>, DecodeError>
where
    D: TryFrom<W, Error = DecodeError>,
{
    if items.is_empty() {
        return Err(Problem::Missing.of(name));
    }
    list(name, items, max)
}

/// Checks a count against its bound.
pub(crate) fn counted(name: &str, count: usize, max: usize) -> Result<(), DecodeError> {
    if count > max { Err(Problem::TooMany { count, max }.of(name)) } else { Ok(()) }
}
