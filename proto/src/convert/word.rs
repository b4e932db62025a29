//! Enumerations, codes and reasons, word for word. Owns what becomes of a word that this version does not know.
//!
//! An enumeration's unknown value is refused: there is nothing safe to take it for. An unknown *code* is not: codes
//! travel as text so that a newer peer can be understood by an older one. It becomes `PROBE_FAILED`, which is never
//! success, and the word is kept in the message.

use super::error::{DecodeError, Problem};
use super::field::{clipped, message};
use crate::v1;
use storewarden_types::{
    Code, Condition, Decision, DeletionState, FileKind, GapCause, MountKind, Operation, Reason, SightingKind,
    SightingSource, Verdict, WatchState,
};

/// Most reasons kept of one judgement. They come worst first, so that the tail is what can be missed.
pub const REASONS_MAX: usize = 64;
/// Longest part kept of a code that this version does not know, in bytes.
const UNKNOWN_CODE_BYTES_MAX: usize = 64;

macro_rules! words {
    ($($domain:ident { $($variant:ident),+ $(,)? })+) => {
        $(
            impl From<$domain> for v1::$domain {
                fn from(word: $domain) -> Self {
                    match word { $($domain::$variant => Self::$variant),+ }
                }
            }

            impl TryFrom<v1::$domain> for $domain {
                type Error = DecodeError;
                fn try_from(word: v1::$domain) -> Result<Self, DecodeError> {
                    match word {
                        v1::$domain::Unspecified => Err(Problem::UnknownValue(0).of("")),
                        $(v1::$domain::$variant => Ok(Self::$variant)),+
                    }
                }
            }
        )+

        #[cfg(test)]
        mod tests {
            use super::*;
            use crate::convert::field::enumeration;

            $(
                #[test]
                #[allow(non_snake_case)]
                fn $domain() {
                    let all = [$($domain::$variant),+];
                    for (index, word) in all.into_iter().enumerate() {
                        let raw = i32::from(v1::$domain::from(word));
                        assert_eq!(raw, i32::try_from(index).unwrap() + 1, "the order of the .proto");
                        assert_eq!(enumeration::<v1::$domain, $domain>("f", raw), Ok(word));
                    }
                    let past = i32::try_from(all.len()).unwrap() + 1;
                    for raw in [0, past, -1, i32::MAX, i32::MIN] {
                        assert_eq!(
                            enumeration::<v1::$domain, $domain>("f", raw),
                            Err(Problem::UnknownValue(raw).of("f")),
                        );
                    }
                }
            )+
        }
    };
}

words! {
    Condition { Available, Degraded, Unavailable, Unknown }
    MountKind { Network, Local, Dir }
    Verdict { Ok, Warn, Crit, Unknown }
    WatchState { Off, Starting, Watching, Partial }
    FileKind { File, Directory, Symlink, Other }
    SightingKind { Deleted, MovedAway, MissingAtRescan }
    SightingSource { Watch, Rescan }
    GapCause { Overflow, WorkerAbsent, Budget, Error }
    DeletionState { Pending, PendingSillyRename, Confirmed, Failed, Unknown }
    Operation { Create, Copy, Delete, Gc }
    Decision { Admit, Deny }
}

/// A code and its sentence. An unknown code becomes [`Code::ProbeFailed`] with the word before the sentence.
pub(crate) fn code_and_message(code: &str, sentence: String) -> Result<(Code, String), DecodeError> {
    if code.is_empty() {
        return Err(Problem::Missing.of("code"));
    }
    Ok(match code.parse() {
        Ok(code) => (code, message(sentence)),
        Err(_) => {
            let word = clipped(code.to_owned(), UNKNOWN_CODE_BYTES_MAX);
            (Code::ProbeFailed, message(format!("{word}: {sentence}")))
        }
    })
}

/// A code that may be absent, and its sentence.
pub(crate) fn code_or_none(code: &str, sentence: String) -> Result<(Option<Code>, String), DecodeError> {
    if code.is_empty() {
        return Ok((None, message(sentence)));
    }
    code_and_message(code, sentence).map(|(code, sentence)| (Some(code), sentence))
}

/// The word of an optional code; empty for none.
pub(crate) fn word_of(code: Option<Code>) -> String {
    code.map_or("", Code::as_str).to_owned()
}

impl From<&Reason> for v1::Reason {
    fn from(reason: &Reason) -> Self {
        Self { code: reason.code.as_str().into(), message: reason.message.clone() }
    }
}

impl TryFrom<v1::Reason> for Reason {
    type Error = DecodeError;
    fn try_from(wire: v1::Reason) -> Result<Self, DecodeError> {
        let (code, message) = code_and_message(&wire.code, wire.message)?;
        Ok(Self { code, message })
    }
}

/// Reasons onto the wire.
pub(crate) fn reasons_to_wire(reasons: &[Reason]) -> Vec<v1::Reason> {
    reasons.iter().map(v1::Reason::from).collect()
}

/// Reasons off the wire: the first [`REASONS_MAX`].
pub(crate) fn reasons(mut wire: Vec<v1::Reason>) -> Result<Vec<Reason>, DecodeError> {
    wire.truncate(REASONS_MAX);
    super::field::list("reasons", wire, REASONS_MAX)
}
