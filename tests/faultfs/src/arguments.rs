//! The command line. Owns its words; must not know what they lead to.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;
use storewarden_faultfs::Options;

/// For people.
pub(crate) const USAGE: &str = "usage: faultfs BACKING MOUNTPOINT [--ttl-ms N] [--source NAME]";

/// What to mount, where, and how.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) backing: PathBuf,
    pub(crate) at: PathBuf,
    pub(crate) options: Options,
}

impl Arguments {
    /// Reads the words after the program's name; what is wrong, in words.
    pub(crate) fn parse(words: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let mut words = words;
        let mut options = Options::default();
        let mut paths = Vec::new();
        while let Some(word) = words.next() {
            let mut value = |name: &str| {
                let value = words.next().ok_or_else(|| format!("{name} needs a value"))?;
                value.into_string().map_err(|odd| format!("{name} {} is not UTF-8", odd.display()))
            };
            match word.to_str() {
                Some("--ttl-ms") => {
                    let text = value("--ttl-ms")?;
                    let ms = text.parse().map_err(|_| format!("--ttl-ms {text} is not a number"))?;
                    options.ttl = Duration::from_millis(ms);
                }
                Some("--source") => options.source_name = value("--source")?,
                Some(flag) if flag.starts_with('-') => return Err(format!("{flag} is not known")),
                _ => paths.push(PathBuf::from(word)),
            }
        }
        let [backing, at] = <[PathBuf; 2]>::try_from(paths)
            .map_err(|paths| format!("two paths are needed, {} given", paths.len()))?;
        Ok(Self { backing, at, options })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, String> {
        Arguments::parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn options_may_stand_anywhere() {
        let options = Options { ttl: Duration::from_millis(1500), source_name: "nfs1:/exp".into() };
        let expected = Arguments { backing: "/b".into(), at: "/m".into(), options };
        assert_eq!(parse("/b --ttl-ms 1500 /m --source nfs1:/exp").as_ref(), Ok(&expected));
        assert_eq!(parse("--source nfs1:/exp --ttl-ms 1500 /b /m").as_ref(), Ok(&expected));
        assert_eq!(parse("/b /m").unwrap().options, Options::default());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, word) in [
            ("/b", "1 given"),
            ("/b /m /x", "3 given"),
            ("/b /m --ttl-ms", "needs a value"),
            ("/b /m --ttl-ms soon", "soon"),
            ("/b /m --fast", "--fast"),
        ] {
            let problem = parse(line).unwrap_err();
            assert!(problem.contains(word), "{line}: {problem}");
        }
    }
}
