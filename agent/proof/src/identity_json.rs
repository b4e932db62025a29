//! What a mount is expected to be, as the text that probes are given (`identity_json` of the probe ABI). Owns both
//! directions, so that the worker that writes it and the probe that reads it cannot drift apart.

use serde::{Deserialize, Serialize};
use std::path::Path;
use storewarden_types::{MountExpectation, MountIdentity, MountKind};

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Json {
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    root_handle: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    root_inode: Option<(u64, i64)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_id: Option<String>,
}

/// The text for a mount that is expected so.
#[must_use]
pub fn identity_to_json(expected: &MountExpectation) -> String {
    let pinned = expected.identity.clone().unwrap_or_default();
    let json = Json {
        kind: Some(expected.kind.as_str().into()),
        root_handle: pinned.root_handle,
        root_inode: pinned.root_inode,
        file_id: pinned.file_id,
    };
    // Strings and integers only: nothing in it can fail to be JSON.
    serde_json::to_string(&json).unwrap_or_default()
}

/// The expectation of a probe's target, from its parts and that text. An empty text expects nothing beyond source and
/// type; an unknown `kind` is taken from the file-system type. Keys it does not know are passed over.
///
/// # Errors
/// In words, when the text is not such a JSON object or the mount point or source is not UTF-8.
pub fn expectation_from_json(
    mount_point: &Path,
    fs_type: &str,
    source: &[u8],
    identity_json: &str,
) -> Result<MountExpectation, String> {
    let mount_point = mount_point.to_str().ok_or("the mount point is not UTF-8")?;
    let source = std::str::from_utf8(source).map_err(|_| "the source is not UTF-8")?;
    let json: Json = match identity_json {
        "" => Json::default(),
        text => serde_json::from_str(text).map_err(|e| format!("identity_json: {e}"))?,
    };
    let kinds = [MountKind::Network, MountKind::Local, MountKind::Dir];
    let named = kinds.into_iter().find(|k| json.kind.as_deref() == Some(k.as_str()));
    let kind = named.unwrap_or_else(|| MountKind::of_fs_type(fs_type));
    let identity =
        MountIdentity { root_handle: json.root_handle, root_inode: json.root_inode, file_id: json.file_id };
    Ok(MountExpectation {
        mount_point: mount_point.into(),
        source: source.into(),
        fs_type: fs_type.into(),
        kind,
        identity: (identity != MountIdentity::default()).then_some(identity),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(expected: &MountExpectation) -> MountExpectation {
        let json = identity_to_json(expected);
        let (path, source) = (Path::new(&expected.mount_point), expected.source.as_bytes());
        expectation_from_json(path, &expected.fs_type, source, &json).unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        let mut expected = MountExpectation {
            mount_point: "/mnt/a b".into(),
            source: "h:/e \"x\"".into(),
            fs_type: "nfs4".into(),
            kind: MountKind::Network,
            identity: None,
        };
        assert_eq!(back(&expected), expected);
        expected.kind = MountKind::Dir;
        expected.identity = Some(MountIdentity {
            root_handle: Some("00000001ab".into()),
            root_inode: Some((u64::MAX, i64::MIN)),
            file_id: Some("it's \"mine\" \\ é\u{1}".into()),
        });
        assert_eq!(back(&expected), expected);
    }

    #[test]
    fn an_empty_text_expects_source_and_type() {
        let read = |fs_type, json| expectation_from_json(Path::new("/m"), fs_type, b"s", json);
        let plain = read("ext4", "").unwrap();
        assert_eq!((plain.kind, plain.identity), (MountKind::Local, None));
        assert_eq!(read("nfs", "{}").unwrap().kind, MountKind::Network);
        assert_eq!(read("nfs", r#"{"kind":"strange","later":1}"#).unwrap().kind, MountKind::Network);
        assert!(read("nfs", "[").is_err() && read("nfs", r#"{"root_handle":7}"#).is_err());
        assert!(expectation_from_json(Path::new("/m"), "nfs", b"\xff", "").is_err());
    }
}
