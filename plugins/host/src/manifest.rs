//! What a plugin says about itself, checked. Owns the keys and their bounds.

use serde_json::Value;
use std::ops::RangeInclusive;
use storewarden_plugin_abi::SWP_MANIFEST_BYTES_MAX;
use thiserror::Error;

/// Intervals that a plugin may ask for, in milliseconds: a tenth of a second to a day.
const INTERVAL_MS: RangeInclusive<u64> = 100..=86_400_000;
/// Deadlines that a plugin may ask for, in milliseconds: a hundredth of a second to ten minutes.
const DEADLINE_MS: RangeInclusive<u64> = 10..=600_000;
/// Characters in a name or a version.
const WORD_MAX: usize = 64;

/// Something that a probe asks to be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// Open and read files under the mount.
    ReadData,
    /// Create, write and remove files there.
    WriteData,
    /// ioctls on the device behind it.
    RawDevice,
    /// Connections of its own.
    Network,
    /// Other programs.
    Exec,
}

impl Capability {
    /// Every capability.
    pub const ALL: [Self; 5] = [Self::ReadData, Self::WriteData, Self::RawDevice, Self::Network, Self::Exec];

    /// The word in the manifest.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadData => "read_data",
            Self::WriteData => "write_data",
            Self::RawDevice => "raw_device",
            Self::Network => "network",
            Self::Exec => "exec",
        }
    }
}

/// What is wrong with a manifest.
#[derive(Debug, Error)]
pub enum ManifestError {
    /// The text is missing or too long.
    #[error("it has {0} bytes; 2 to {SWP_MANIFEST_BYTES_MAX} are possible")]
    Length(u64),
    /// The text is not UTF-8.
    #[error("it is not UTF-8")]
    Encoding,
    /// The text is not JSON.
    #[error("it is not JSON")]
    Json(#[source] serde_json::Error),
    /// A key is missing or its value is not what it must be.
    #[error("its {key:?} must be {wanted}")]
    Key {
        /// Which.
        key: &'static str,
        /// What it must be.
        wanted: String,
    },
}

/// A checked manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) default_interval_ms: u64,
    pub(crate) default_deadline_ms: u64,
    pub(crate) capabilities: Vec<Capability>,
}

impl Manifest {
    /// Reads and checks a manifest. Keys it does not know are for people and are passed over.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, ManifestError> {
        if text.len() < 2 || text.len() > SWP_MANIFEST_BYTES_MAX as usize {
            return Err(ManifestError::Length(text.len() as u64));
        }
        let text = std::str::from_utf8(text).map_err(|_| ManifestError::Encoding)?;
        let json: Value = serde_json::from_str(text).map_err(ManifestError::Json)?;
        Ok(Self {
            name: word(&json, "name", "a word of a-z, 0-9 and -, starting with a letter", |name| {
                name.starts_with(|c: char| c.is_ascii_lowercase())
                    && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            })?,
            version: word(&json, "version", "a version such as 1.2.0", |version| {
                version.bytes().all(|b| b.is_ascii_graphic())
            })?,
            default_interval_ms: number(&json, "default_interval_ms", &INTERVAL_MS)?,
            default_deadline_ms: number(&json, "default_deadline_ms", &DEADLINE_MS)?,
            capabilities: capabilities(&json)?,
        })
    }
}

fn wrong(key: &'static str, wanted: impl Into<String>) -> ManifestError {
    ManifestError::Key { key, wanted: wanted.into() }
}

fn word(
    json: &Value,
    key: &'static str,
    wanted: &str,
    fine: impl Fn(&str) -> bool,
) -> Result<String, ManifestError> {
    match json.get(key).and_then(Value::as_str) {
        Some(text) if !text.is_empty() && text.len() <= WORD_MAX && fine(text) => Ok(text.into()),
        _ => Err(wrong(key, format!("{wanted}, of at most {WORD_MAX} characters"))),
    }
}

fn number(json: &Value, key: &'static str, bounds: &RangeInclusive<u64>) -> Result<u64, ManifestError> {
    json.get(key)
        .and_then(Value::as_u64)
        .filter(|n| bounds.contains(n))
        .ok_or_else(|| wrong(key, format!("a number from {} to {}", bounds.start(), bounds.end())))
}

/// An unknown word is an error: what cannot be named cannot be granted or refused.
fn capabilities(json: &Value) -> Result<Vec<Capability>, ManifestError> {
    let bad =
        || wrong("capabilities", format!("a list of {}", Capability::ALL.map(Capability::as_str).join(", ")));
    let list = json.get("capabilities").and_then(Value::as_array).ok_or_else(bad)?;
    let mut found = Vec::new();
    for word in list {
        let capability =
            Capability::ALL.into_iter().find(|c| Some(c.as_str()) == word.as_str()).ok_or_else(bad)?;
        if !found.contains(&capability) {
            found.push(capability);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"name":"nfs-rtt","version":"1.2.0","default_interval_ms":30000,"default_deadline_ms":5000,
        "capabilities":["network","network"],"homepage":"for people"}"#;

    #[test]
    fn a_good_one_is_read() {
        let manifest = Manifest::parse(GOOD.as_bytes()).unwrap();
        assert_eq!((manifest.name.as_str(), manifest.version.as_str()), ("nfs-rtt", "1.2.0"));
        assert_eq!((manifest.default_interval_ms, manifest.default_deadline_ms), (30_000, 5_000));
        assert_eq!(manifest.capabilities, [Capability::Network]);
    }

    #[test]
    fn each_key_has_bounds() {
        let refused = |from: &str, to: &str| {
            let text = GOOD.replacen(from, to, 1);
            assert_ne!(text, GOOD, "{from} is not in the sample");
            Manifest::parse(text.as_bytes()).unwrap_err().to_string()
        };
        assert!(refused("nfs-rtt", "").contains("name"));
        assert!(refused("nfs-rtt", "Nfs").contains("name"));
        assert!(refused("nfs-rtt", "../x").contains("name"));
        assert!(refused("nfs-rtt", &"n".repeat(65)).contains("name"));
        assert!(refused("1.2.0", "1 2").contains("version"));
        assert!(refused("30000", "99").contains("default_interval_ms"));
        assert!(refused("30000", "86400001").contains("default_interval_ms"));
        assert!(refused("30000", "-1").contains("default_interval_ms"));
        assert!(refused("5000", "600001").contains("default_deadline_ms"));
        assert!(refused("\"network\"", "\"root\"").contains("capabilities"));
        assert!(refused("capabilities", "wishes").contains("capabilities"));
        assert!(refused("{", "[").contains("not JSON"));
    }

    #[test]
    fn text_that_cannot_be_one_is_refused() {
        assert!(matches!(Manifest::parse(b""), Err(ManifestError::Length(0))));
        assert!(matches!(Manifest::parse(&[b' '; 70_000]), Err(ManifestError::Length(70_000))));
        assert!(matches!(Manifest::parse(b"\xff\xff"), Err(ManifestError::Encoding)));
    }
}
