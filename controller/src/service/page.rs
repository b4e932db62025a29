//! Tokens of pages: where the next page begins, and of which listing. Opaque to clients; a token of another listing is
//! refused, for its page would be neither's.

use crate::status::refuse;
use sha2::{Digest, Sha256};
use storewarden_ledger::DeletionFilter;
use storewarden_types::Code;
use tonic::Status;

/// Digits of the place, then of the listing's mark.
const TOKEN_CHARS: usize = 16 + 16;

/// The token of the page that begins at `next`.
pub(crate) fn token(next: u64, filter: &DeletionFilter) -> String {
    format!("{next:016x}{:016x}", mark(filter))
}

/// Where the page of `token` begins; `None` for the first page.
pub(crate) fn place(token: &str, filter: &DeletionFilter) -> Result<Option<u64>, Status> {
    if token.is_empty() {
        return Ok(None);
    }
    let bad =
        || refuse(Code::InvalidArgument, "page_token: hand back the next_page_token of the same listing");
    if token.len() != TOKEN_CHARS || !token.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(bad());
    }
    let (place, of) = token.split_at(16);
    let number = |digits| u64::from_str_radix(digits, 16).map_err(|_| bad());
    if number(of)? == mark(filter) { Ok(Some(number(place)?)) } else { Err(bad()) }
}

/// A short hash of a filter.
fn mark(filter: &DeletionFilter) -> u64 {
    let mut states: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
    states.sort_unstable();
    states.dedup();
    let store = filter.store.map(|id| id.to_string()).unwrap_or_default();
    let key = filter.key.as_deref().unwrap_or_default();
    // A key is last: it may hold any character.
    let hash = Sha256::digest(format!("{}\n{store}\n{key}", states.join(",")));
    hash.iter().take(8).fold(0, |mark, byte| mark << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use storewarden_types::DeletionState::{Failed, Unknown};

    #[test]
    fn a_token_is_of_one_listing() {
        let filter = DeletionFilter { states: vec![Failed, Unknown], store: None, key: Some("k".into()) };
        let again = DeletionFilter { states: vec![Unknown, Failed], ..filter.clone() };
        let other = DeletionFilter { key: None, ..filter.clone() };
        let token = token(77, &filter);
        assert_eq!(place(&token, &again).unwrap(), Some(77));
        assert_eq!(place("", &filter).unwrap(), None);
        for (token, filter) in
            [(token.as_str(), &other), ("zz", &filter), (&token[1..], &filter), (&"é".repeat(16), &filter)]
        {
            assert_eq!(place(token, filter).unwrap_err().code(), tonic::Code::InvalidArgument, "{token}");
        }
    }
}
