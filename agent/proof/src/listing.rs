//! One pass over a directory's entries in constant memory: are the wanted names there, and what has the NFS client left
//! behind? Owns the reading of names; concludes nothing.

use rustix::fd::OwnedFd;
use rustix::fs::RawDir;
use rustix::io::Errno;
use std::collections::BTreeMap;

/// Bytes read from the kernel at a time.
const BUFFER_BYTES: usize = 64 * 1024;
/// What names of silly-renamed files begin with (fs/nfs/unlink.c).
const SILLY_PREFIX: &[u8] = b".nfs";
/// Hexadecimal digits of the file id after it (SILLYNAME_FILEID_LEN, same file).
const SILLY_DIGITS: usize = 16;

/// What a listing is asked for, and what it found.
#[derive(Debug, Default)]
pub(crate) struct Listing<'a> {
    /// Wanted name -> whether it was met.
    names: BTreeMap<&'a [u8], bool>,
    /// Wanted file id -> the silly name that holds it.
    file_ids: BTreeMap<u64, Option<String>>,
    /// The first silly name of any file.
    pub(crate) first_silly: Option<String>,
    /// Entries, without `.` and `..`.
    pub(crate) entries: u64,
}

impl<'a> Listing<'a> {
    pub(crate) fn want_name(&mut self, name: &'a str) {
        self.names.insert(name.as_bytes(), false);
    }

    pub(crate) fn want_file_id(&mut self, file_id: u64) {
        self.file_ids.insert(file_id, None);
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.get(name.as_bytes()).copied().unwrap_or(false)
    }

    /// The `.nfsXXXX` name that holds the bytes of this file.
    pub(crate) fn silly_of(&self, file_id: u64) -> Option<&str> {
        self.file_ids.get(&file_id).and_then(Option::as_deref)
    }

    /// Reads `directory` from where it stands (a descriptor just opened: from the start) to its end.
    pub(crate) fn read(&mut self, directory: &OwnedFd) -> Result<(), Errno> {
        let mut buffer = Vec::with_capacity(BUFFER_BYTES);
        let mut entries = RawDir::new(directory, buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            self.meet(entry?.file_name().to_bytes());
        }
        Ok(())
    }

    fn meet(&mut self, name: &[u8]) {
        if matches!(name, b"." | b"..") {
            return;
        }
        self.entries += 1;
        if let Some(met) = self.names.get_mut(name) {
            *met = true;
        }
        if !name.starts_with(SILLY_PREFIX) {
            return;
        }
        let text = || String::from_utf8_lossy(name).into_owned();
        if self.first_silly.is_none() {
            self.first_silly = Some(text());
        }
        if let Some(held) = silly_file_id(name).and_then(|id| self.file_ids.get_mut(&id)) {
            *held = Some(text());
        }
    }
}

/// The file id in a silly name: 16 hexadecimal digits, followed by a counter.
fn silly_file_id(name: &[u8]) -> Option<u64> {
    let digits = name.strip_prefix(SILLY_PREFIX)?.get(..SILLY_DIGITS)?;
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silly_names_hold_a_file_id() {
        assert_eq!(silly_file_id(b".nfs00000000000a00ff0000002c"), Some(0xa00ff));
        assert_eq!(silly_file_id(b".nfs1234"), None);
        assert_eq!(silly_file_id(b".nfsxyz0000000a00ff0000002c"), None);
        assert_eq!(silly_file_id(b"nfs00000000000a00ff0000002c"), None);
    }

    #[test]
    fn names_are_met_whole() {
        let mut listing = Listing::default();
        listing.want_name("b");
        listing.want_name("c");
        listing.want_file_id(0xa00ff);
        for name in [&b"."[..], b"..", b"a", b"bb", b"c", b".nfs0", b".nfs00000000000a00ff0000002c"] {
            listing.meet(name);
        }
        assert_eq!(
            (listing.entries, listing.has("b"), listing.has("c"), listing.has("d")),
            (5, false, true, false)
        );
        assert_eq!(listing.first_silly.as_deref(), Some(".nfs0"));
        assert_eq!(listing.silly_of(0xa00ff), Some(".nfs00000000000a00ff0000002c"));
        assert_eq!(listing.silly_of(1), None);
    }
}
