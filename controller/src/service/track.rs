//! A Track request, checked completely before anything is asked of the core. Owns every bound of `TrackRequest`, and
//! what "the same request" means.

use crate::clock::wall;
use crate::context::quoted;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use storewarden_controller_core::{TrackOrder, View, naming};
use storewarden_proto::v1;
use storewarden_proto::v1::track_request::Deadline;
use storewarden_types::limits::{
    DEADLINE_MS_DEFAULT, DEADLINE_MS_MAX, KEY_BYTES_MAX, TRACK_BYTES_MAX, TRACK_PATHS_MAX,
};
use storewarden_types::{Code, DeletionId, Refusal, StorePath, Wall};
use uuid::Uuid;

/// What can be refused of a request without knowing anything else: it will never be better.
pub(crate) fn check_bounds(request: &v1::TrackRequest) -> Result<(), Refusal> {
    let count = request.paths.len();
    if count == 0 {
        return Err(Refusal::new(Code::InvalidArgument, "paths: name at least one path"));
    }
    if count > TRACK_PATHS_MAX {
        let words = format!(
            "paths: {count} are too many; at most {TRACK_PATHS_MAX} in one request, send several with a key each"
        );
        return Err(Refusal::new(Code::BatchTooLarge, words));
    }
    let bytes: usize = request.paths.iter().map(String::len).sum();
    if bytes > TRACK_BYTES_MAX {
        let words = format!("paths: {bytes} bytes are too many; at most {TRACK_BYTES_MAX} in one request");
        return Err(Refusal::new(Code::BatchTooLarge, words));
    }
    if request.key.len() > KEY_BYTES_MAX {
        let words = format!("key: {} bytes are too many; at most {KEY_BYTES_MAX}", request.key.len());
        return Err(Refusal::new(Code::InvalidArgument, words));
    }
    Ok(())
}

/// What makes a request the same request: its fields as they were sent, without the key.
///
/// As sent, and not as understood: an answer under a key must not change because a store was mounted elsewhere
/// meanwhile, or a moment has passed.
pub(crate) fn fingerprint(request: &v1::TrackRequest) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut text = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    text(b"storewarden.v1.TrackRequest");
    text(request.store.as_bytes());
    match request.deadline {
        None => text(&[]),
        Some(Deadline::DeadlineInMs(ms)) => text(&[&[1], ms.to_be_bytes().as_slice()].concat()),
        Some(Deadline::DeadlineAtMs(at)) => text(&[&[2], at.to_be_bytes().as_slice()].concat()),
    }
    for path in &request.paths {
        text(path.as_bytes());
    }
    hash.finalize().into()
}

/// The order that a request is, with fresh ids.
pub(crate) fn order(
    request: &v1::TrackRequest,
    fingerprint: [u8; 32],
    view: &View,
) -> Result<TrackOrder, Refusal> {
    let store = naming::resolve(view, &request.store)?;
    let deadline_ms = deadline_ms(request.deadline, wall())?;
    let mount_points = naming::mount_points(view, store);
    let mut seen = HashSet::with_capacity(request.paths.len());
    let mut paths = Vec::with_capacity(request.paths.len());
    for (index, text) in request.paths.iter().enumerate() {
        let path =
            StorePath::parse_under(text, mount_points.iter().map(String::as_str)).map_err(|error| {
                Refusal::new(error.code(), format!("paths[{index}] {}: {error}", quoted(text)))
            })?;
        if !seen.insert(path.clone()) {
            let words = format!("paths[{index}] {}: this path is in the request twice", quoted(text));
            return Err(Refusal::new(Code::InvalidArgument, words));
        }
        paths.push((DeletionId(Uuid::now_v7()), path));
    }
    Ok(TrackOrder { store, paths, deadline_ms, key: request.key.clone(), fingerprint, known: None })
}

/// How long the deletions may take, from `now`.
fn deadline_ms(deadline: Option<Deadline>, now: Wall) -> Result<u64, Refusal> {
    let ms = match deadline {
        None => DEADLINE_MS_DEFAULT,
        Some(Deadline::DeadlineInMs(ms)) => ms,
        Some(Deadline::DeadlineAtMs(at)) => Wall(at).since(now),
    };
    if ms == 0 {
        let words = format!("the deadline has passed; the controller's clock shows {} ms", now.0);
        return Err(Refusal::new(Code::DeadlineExpired, words));
    }
    if ms > DEADLINE_MS_MAX {
        let words = format!("the deadline is {ms} ms away; at most {DEADLINE_MS_MAX} (7 days) are possible");
        return Err(Refusal::new(Code::DeadlineTooFar, words));
    }
    Ok(ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_of_every_field_but_the_key() {
        let base = v1::TrackRequest {
            store: "s".into(),
            paths: vec!["ab".into(), "c".into()],
            deadline: Some(Deadline::DeadlineInMs(1)),
            key: "k".into(),
        };
        let same = v1::TrackRequest { key: "other".into(), ..base.clone() };
        assert_eq!(fingerprint(&base), fingerprint(&same));
        let others = [
            v1::TrackRequest { store: "t".into(), ..base.clone() },
            v1::TrackRequest { paths: vec!["a".into(), "bc".into()], ..base.clone() },
            v1::TrackRequest { paths: vec!["c".into(), "ab".into()], ..base.clone() },
            v1::TrackRequest { deadline: None, ..base.clone() },
            v1::TrackRequest { deadline: Some(Deadline::DeadlineInMs(2)), ..base.clone() },
            v1::TrackRequest { deadline: Some(Deadline::DeadlineAtMs(1)), ..base.clone() },
        ];
        for other in others {
            assert_ne!(fingerprint(&base), fingerprint(&other), "{other:?}");
        }
        // Pinned: a change would turn every replay after an upgrade into KEY_REUSED.
        let hex: String = fingerprint(&base).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "2bbf94d3");
    }

    #[test]
    fn deadlines() {
        let now = Wall(1_000_000);
        let of = |deadline| deadline_ms(deadline, now).map_err(|refusal| refusal.code);
        assert_eq!(of(None), Ok(60_000));
        assert_eq!(of(Some(Deadline::DeadlineInMs(1))), Ok(1));
        assert_eq!(of(Some(Deadline::DeadlineInMs(0))), Err(Code::DeadlineExpired));
        assert_eq!(of(Some(Deadline::DeadlineInMs(DEADLINE_MS_MAX))), Ok(DEADLINE_MS_MAX));
        assert_eq!(of(Some(Deadline::DeadlineInMs(u64::MAX))), Err(Code::DeadlineTooFar));
        assert_eq!(of(Some(Deadline::DeadlineAtMs(1_000_007))), Ok(7));
        for past in [1_000_000, 0, -5, i64::MIN] {
            assert_eq!(of(Some(Deadline::DeadlineAtMs(past))), Err(Code::DeadlineExpired));
        }
        assert_eq!(of(Some(Deadline::DeadlineAtMs(i64::MAX))), Err(Code::DeadlineTooFar));
    }
}
