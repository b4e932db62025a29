//! The paths of one `deletion track`: from arguments and lists, within the bounds of one request. Owns those bounds on
//! this side; what a good path is, the controller says.
//!
//! A list is taken byte for byte. What looks like a slip of the list (a carriage return at a line's end) is refused, not
//! repaired and not sent: the proof that a name is absent which never was there would be worthless.

use crate::failure::Failure;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use storewarden_types::limits::{TRACK_BYTES_MAX, TRACK_PATHS_MAX};

/// Paths that fit one request.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    list: Vec<String>,
    bytes: usize,
}

impl Paths {
    /// Those of the arguments, then those of the list.
    pub(crate) fn gather(args: Vec<String>, list: Option<&Path>) -> Result<Vec<String>, Failure> {
        let mut paths = Self::default();
        for path in args {
            paths.add(path)?;
        }
        if let Some(file) = list {
            let unread = |source| Failure::PathsUnread { file: file.to_owned(), source };
            if file == Path::new("-") {
                paths.read(io::stdin().lock(), file)?;
            } else {
                paths.read(BufReader::new(File::open(file).map_err(unread)?), file)?;
            }
        }
        if paths.list.is_empty() {
            return Err(Failure::Argument("no path was given: the list is empty".into()));
        }
        Ok(paths.list)
    }

    fn add(&mut self, path: String) -> Result<(), Failure> {
        self.bytes += path.len();
        if self.list.len() == TRACK_PATHS_MAX {
            return Err(Failure::BatchTooLarge(format!(
                "more than {TRACK_PATHS_MAX} paths, the most that one request may hold"
            )));
        }
        if self.bytes > TRACK_BYTES_MAX {
            return Err(Failure::BatchTooLarge(format!(
                "more than {} MiB of paths ({TRACK_BYTES_MAX} bytes), the most that one request may hold",
                TRACK_BYTES_MAX >> 20
            )));
        }
        self.list.push(path);
        Ok(())
    }

    fn read(&mut self, mut input: impl BufRead, file: &Path) -> Result<(), Failure> {
        let mut number = 0_u64;
        loop {
            number += 1;
            let mut line = Vec::new();
            // One byte more than may be, so that a line without end is found too long, not cut.
            let most = TRACK_BYTES_MAX as u64 + 2;
            let read = input.by_ref().take(most).read_until(b'\n', &mut line);
            if read.map_err(|source| Failure::PathsUnread { file: file.to_owned(), source })? == 0 {
                return Ok(());
            }
            if line.last() == Some(&b'\n') {
                line.pop();
            }
            if line.is_empty() {
                continue;
            }
            let place = || format!("line {number} of {}", file.display());
            if line.last() == Some(&b'\r') {
                return Err(Failure::Argument(format!(
                    "{} ends in a carriage return; write the list with plain line ends (dos2unix)",
                    place()
                )));
            }
            let path = String::from_utf8(line)
                .map_err(|_| Failure::Argument(format!("{} is not UTF-8, which paths must be", place())))?;
            self.add(path)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    fn read(bytes: &[u8]) -> Result<Vec<String>, Failure> {
        let mut paths = Paths::default();
        paths.read(bytes, Path::new("list")).map(|()| paths.list)
    }

    #[test]
    fn a_list_is_taken_line_by_line() {
        assert_eq!(read(b"a/b\n\n c d \nlast").expect("paths"), ["a/b", " c d ", "last"]);
        assert!(read(b"").expect("paths").is_empty());
    }

    #[test]
    fn slips_are_refused_by_line() {
        for (bytes, said) in
            [(&b"a\nb\r\nc"[..], "line 2 of list ends in a carriage"), (b"\xff", "line 1 of list is not")]
        {
            let failure = read(bytes).expect_err("refused");
            assert!(failure.to_string().starts_with(said), "{failure}");
            assert_eq!(failure.exit(), Exit::Usage);
        }
    }

    #[test]
    fn the_bounds_hold_to_the_last_path_and_byte() {
        assert_eq!(read("p\n".repeat(TRACK_PATHS_MAX).as_bytes()).expect("just fits").len(), TRACK_PATHS_MAX);
        let many = read("p\n".repeat(TRACK_PATHS_MAX + 1).as_bytes()).expect_err("one too many");
        assert!(many.to_string().contains("10000 paths"), "{many}");
        assert_eq!(many.code(), "BATCH_TOO_LARGE");

        assert!(read("p".repeat(TRACK_BYTES_MAX).as_bytes()).is_ok());
        let long = read("p".repeat(TRACK_BYTES_MAX + 1).as_bytes()).expect_err("one byte too many");
        assert!(long.to_string().contains("2 MiB"), "{long}");
        assert_eq!(long.code(), "BATCH_TOO_LARGE");
    }

    #[test]
    fn a_list_without_end_is_not_read_to_it() {
        let endless = BufReader::new(io::repeat(b'p'));
        let failure = Paths::default().read(endless, Path::new("-")).expect_err("too long");
        assert_eq!(failure.code(), "BATCH_TOO_LARGE");
        let endless = BufReader::new(io::repeat(b'\n').take(1 << 20));
        Paths::default().read(endless, Path::new("-")).expect("empty lines are nothing");
    }

    #[test]
    fn nothing_at_all_is_a_usage_error() {
        let failure = Paths::gather(Vec::new(), Some(Path::new("/dev/null"))).expect_err("no path");
        assert_eq!(failure.exit(), Exit::Usage);
        let failure = Paths::gather(Vec::new(), Some(Path::new("/nonexistent/list"))).expect_err("no list");
        assert_eq!(failure.exit(), Exit::Failed);
    }
}
