//! Which mounts the agent answers for, and how each stands in mountinfo. Pure selection over a parsed table.

use crate::config::Discovery;
use storewarden_types::mountinfo::{MountEntry, last_at};
use storewarden_types::{Code, MountExpectation, MountKind, Reason};

/// What mountinfo says of an expected mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// The expected source and type are mounted (or, for a directory, nothing is mounted over it).
    There {
        /// Its mount id; 0 for a directory.
        mount_id: u64,
    },
    /// Not there, or something else is.
    Wrong(Reason),
}

/// New mounts to answer for, in the order of mountinfo, then those named by hand.
pub(crate) fn select(
    discovery: &Discovery,
    entries: &[MountEntry],
    known: impl Fn(&str) -> bool,
) -> Vec<MountExpectation> {
    let mut found: Vec<MountExpectation> = Vec::new();
    for entry in entries {
        let by_hand = discovery.by_hand.iter().any(|p| trimmed(p) == entry.mount_point);
        let wanted = by_hand
            || (discovery.fs_types.contains(&entry.fs_type) && is_under(discovery, &entry.mount_point));
        let newest = last_at(entries, &entry.mount_point) == Some(entry);
        if wanted && newest && !known(&entry.mount_point) {
            found.push(expectation(entry));
        }
    }
    for path in &discovery.by_hand {
        let path = trimmed(path);
        if last_at(entries, path).is_none() && !known(path) && !found.iter().any(|f| f.mount_point == path) {
            found.push(MountExpectation {
                mount_point: path.to_owned(),
                source: path.to_owned(),
                fs_type: "dir".into(),
                kind: MountKind::Dir,
                identity: None,
            });
        }
    }
    found
}

/// How an expected mount stands.
pub(crate) fn presence(expect: &MountExpectation, entries: &[MountEntry]) -> Presence {
    let path = &expect.mount_point;
    match (expect.kind, last_at(entries, path)) {
        (MountKind::Dir, None) => Presence::There { mount_id: 0 },
        (MountKind::Dir, Some(entry)) => Presence::Wrong(Reason::new(
            Code::WrongStore,
            format!(
                "{path} was taken as a plain directory, but {} ({}) is mounted over it",
                entry.source, entry.fs_type
            ),
        )),
        (_, None) => Presence::Wrong(Reason::new(
            Code::NotMounted,
            format!("nothing is mounted at {path}; expected {} ({})", expect.source, expect.fs_type),
        )),
        (_, Some(entry)) if entry.source == expect.source && entry.fs_type == expect.fs_type => {
            Presence::There { mount_id: entry.mount_id }
        }
        (_, Some(entry)) => Presence::Wrong(Reason::new(
            Code::WrongStore,
            format!(
                "{} ({}) is mounted at {path}; expected {} ({})",
                entry.source, entry.fs_type, expect.source, expect.fs_type
            ),
        )),
    }
}

/// What to expect instead, where the marks of the mount were never pinned: nothing was ever proven or promised there, so
/// whatever is mounted now is as good a first sight as any.
pub(crate) fn readopt(expect: &MountExpectation, entries: &[MountEntry]) -> Option<MountExpectation> {
    if expect.identity.is_some() {
        return None;
    }
    let entry = last_at(entries, &expect.mount_point)?;
    let fresh = expectation(entry);
    (fresh != *expect).then_some(fresh)
}

fn expectation(entry: &MountEntry) -> MountExpectation {
    MountExpectation {
        mount_point: entry.mount_point.clone(),
        source: entry.source.clone(),
        fs_type: entry.fs_type.clone(),
        kind: MountKind::of_fs_type(&entry.fs_type),
        identity: None,
    }
}

fn is_under(discovery: &Discovery, mount_point: &str) -> bool {
    discovery.under.iter().any(|prefix| {
        let prefix = trimmed(prefix.strip_suffix("/*").unwrap_or(prefix));
        prefix == "/"
            || mount_point == prefix
            || mount_point.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'))
    })
}

fn trimmed(path: &str) -> &str {
    let t = path.trim_end_matches('/');
    if t.is_empty() { "/" } else { t }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(mount_id: u64, mount_point: &str, fs_type: &str, source: &str) -> MountEntry {
        MountEntry {
            mount_id,
            root: "/".into(),
            mount_point: mount_point.into(),
            mount_options: "rw".into(),
            fs_type: fs_type.into(),
            source: source.into(),
            super_options: String::new(),
        }
    }

    #[test]
    fn finds_network_mounts_below_the_pattern_and_those_named_by_hand() {
        let table = [
            entry(1, "/", "ext4", "/dev/vda"),
            entry(2, "/mnt/SecStorage/a", "nfs4", "h:/a"),
            entry(3, "/mnt/SecStorageX/b", "nfs4", "h:/b"),
            entry(4, "/mnt/SecStorage/c", "tmpfs", "none"),
            entry(5, "/data", "fuse.x", "x"),
        ];
        let d = Discovery { by_hand: vec!["/data/".into(), "/plain".into()], ..Discovery::default() };
        let found = select(&d, &table, |_| false);
        let names: Vec<_> = found.iter().map(|f| (f.mount_point.as_str(), f.kind)).collect();
        assert_eq!(
            names,
            [
                ("/mnt/SecStorage/a", MountKind::Network),
                ("/data", MountKind::Local),
                ("/plain", MountKind::Dir)
            ]
        );
        assert!(select(&d, &table, |_| true).is_empty());
    }

    #[test]
    fn the_last_mount_at_a_point_decides() {
        let expect = expectation(&entry(2, "/m", "nfs4", "h:/a"));
        let right = entry(2, "/m", "nfs4", "h:/a");
        assert_eq!(presence(&expect, std::slice::from_ref(&right)), Presence::There { mount_id: 2 });
        let code = |entries: &[MountEntry]| match presence(&expect, entries) {
            Presence::Wrong(reason) => reason.code,
            Presence::There { .. } => Code::Ok,
        };
        assert_eq!(code(&[]), Code::NotMounted);
        assert_eq!(code(&[right.clone(), entry(3, "/m", "nfs4", "h:/b")]), Code::WrongStore);
        assert_eq!(code(&[right.clone(), entry(3, "/m", "tmpfs", "h:/a")]), Code::WrongStore);
        assert_eq!(code(&[entry(3, "/m", "tmpfs", "x"), right.clone()]), Code::Ok);
        assert_eq!(
            readopt(&expect, &[entry(3, "/m", "nfs4", "h:/b")]).map(|e| e.source),
            Some("h:/b".into())
        );
        assert_eq!(readopt(&expect, &[right]), None);
        let pinned = MountExpectation { identity: Some(Default::default()), ..expect.clone() };
        assert_eq!(readopt(&pinned, &[entry(3, "/m", "nfs4", "h:/b")]), None);
    }
}
