//! `/proc/self/mountinfo` as data (proc_pid_mountinfo(5)). Owns the parser; whoever reads the file hands the bytes in.
//!
//! Reading that file never touches the mounts it lists, which is why the agent may.

use crate::limits::PATH_BYTES_MAX;

/// One line of mountinfo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountEntry {
    /// Field 1. Unique while mounted, reused afterwards: proof of nothing by itself.
    pub mount_id: u64,
    /// Field 4: which directory of the file system is mounted here; `/` but for bind mounts and NFS sub-paths.
    pub root: String,
    /// Field 5, unescaped, absolute.
    pub mount_point: String,
    /// Field 6, as written: per-mount options.
    pub mount_options: String,
    /// File-system type, such as `nfs4` or `fuse.nfs-fault`.
    pub fs_type: String,
    /// Source, unescaped, such as `10.1.1.1:/export`.
    pub source: String,
    /// Per-superblock options, as written: `hard`, `softreval`, `timeo=600`, `addr=` live here.
    pub super_options: String,
}

/// Reads every line that is well-formed and UTF-8; others are counted in the second value, never guessed at.
#[must_use]
pub fn parse_counting(bytes: &[u8]) -> (Vec<MountEntry>, usize) {
    let mut entries = Vec::new();
    let mut odd = 0;
    for line in bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
        match std::str::from_utf8(line).ok().and_then(parse_line) {
            Some(entry) => entries.push(entry),
            None => odd += 1,
        }
    }
    (entries, odd)
}

/// [`parse_counting`] for those who need no count.
#[must_use]
pub fn parse(bytes: &[u8]) -> Vec<MountEntry> {
    parse_counting(bytes).0
}

/// What is mounted at `mount_point` now: the *last* entry, for mounts stack.
#[must_use]
pub fn last_at<'a>(entries: &'a [MountEntry], mount_point: &str) -> Option<&'a MountEntry> {
    entries.iter().rev().find(|e| e.mount_point == mount_point)
}

fn parse_line(line: &str) -> Option<MountEntry> {
    let (head, tail) = line.split_once(" - ")?;
    let mut head = head.split(' ');
    let mount_id = head.next()?.parse().ok()?;
    let _parent: u64 = head.next()?.parse().ok()?;
    let _device = head.next()?;
    let root = unescape(head.next()?)?;
    let mount_point = unescape(head.next()?)?;
    let mount_options = head.next()?.to_owned();
    let mut tail = tail.split(' ');
    let fs_type = tail.next()?.to_owned();
    let source = unescape(tail.next()?)?;
    let super_options = tail.next().unwrap_or("").to_owned();
    if !mount_point.starts_with('/') || mount_point.len() > PATH_BYTES_MAX || fs_type.is_empty() {
        return None;
    }
    Some(MountEntry { mount_id, root, mount_point, mount_options, fs_type, source, super_options })
}

/// Undoes the kernel's `\ooo` escapes of space, tab, newline and backslash (fs/proc_namespace.c, `mangle`).
fn unescape(field: &str) -> Option<String> {
    if !field.contains('\\') {
        return Some(field.to_owned());
    }
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte == b'\\' {
            let digits = after.get(..3)?;
            let text = std::str::from_utf8(digits).ok()?;
            out.push(u8::from_str_radix(text, 8).ok()?);
            rest = &after[3..];
        } else {
            out.push(byte);
            rest = after;
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &[u8] = b"\
22 1 0:21 / / rw,relatime shared:1 - ext4 /dev/vda rw\n\
36 22 0:40 / /mnt/SecStorage/a\\040b rw,relatime shared:5 master:1 - nfs4 10.1.1.1:/ex\\040port rw,vers=4.2,hard,timeo=600\n\
37 22 0:41 / /mnt/SecStorage/a\\040b rw - tmpfs none rw\n\
broken line\n\
38 22 0:42 / /bad\\9 rw - tmpfs none rw\n";

    #[test]
    fn reads_fields_and_escapes() {
        let (entries, odd) = parse_counting(SAMPLE);
        assert_eq!((entries.len(), odd), (3, 2));
        assert_eq!(entries[1].mount_point, "/mnt/SecStorage/a b");
        assert_eq!(entries[1].source, "10.1.1.1:/ex port");
        assert_eq!(entries[1].fs_type, "nfs4");
        assert_eq!(entries[1].super_options, "rw,vers=4.2,hard,timeo=600");
        assert_eq!(entries[1].mount_id, 36);
    }

    #[test]
    fn the_last_mount_at_a_point_hides_the_others() {
        let entries = parse(SAMPLE);
        assert_eq!(last_at(&entries, "/mnt/SecStorage/a b").unwrap().fs_type, "tmpfs");
        assert!(last_at(&entries, "/nowhere").is_none());
    }

    #[test]
    fn this_machine_has_a_root() {
        let bytes = std::fs::read("/proc/self/mountinfo").unwrap();
        let (entries, odd) = parse_counting(&bytes);
        assert_eq!(odd, 0);
        assert!(last_at(&entries, "/").is_some());
    }
}
