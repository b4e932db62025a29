//! Spans, ages, times and sizes in words. Ages and spans are rounded up: evidence is never told younger than it is.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The last moment that RFC 3339 can write: 9999-12-31T23:59:59.999Z.
const LAST_MS: i64 = 253_402_300_799_999;

/// "3 s", "2 min", "5 h", "4 d".
pub(super) fn span(ms: u64) -> String {
    const SECOND: u64 = 1000;
    const MINUTE: u64 = 60 * SECOND;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let (unit, word) = match ms {
        0..SECOND => (1, "ms"),
        // A little past the next unit, so that "90 s" is not "2 min".
        SECOND..=119_000 => (SECOND, "s"),
        119_001..=7_140_000 => (MINUTE, "min"),
        7_140_001..=169_200_000 => (HOUR, "h"),
        _ => (DAY, "d"),
    };
    format!("{} {word}", ms.div_ceil(unit))
}

/// "3 s ago".
pub(super) fn age(ms: u64) -> String {
    format!("{} ago", span(ms))
}

/// An age that may be missing.
pub(super) fn age_or(ms: Option<u64>, missing: &str) -> String {
    ms.map_or_else(|| missing.to_owned(), age)
}

/// How long a call took, from microseconds: "850 us", "1.2 ms", "3.4 s".
pub(super) fn took(us: u64) -> String {
    match us {
        0..1000 => format!("{us} us"),
        1000..1_000_000 => format!("{}.{} ms", us / 1000, us % 1000 / 100),
        _ => format!("{}.{} s", us / 1_000_000, us % 1_000_000 / 100_000),
    }
}

/// Bytes: "512 bytes", "5.0 GiB (5368709120 bytes)".
pub(super) fn size(bytes: u64) -> String {
    let mut unit = 1_u64;
    let mut word = "";
    for next in ["KiB", "MiB", "GiB", "TiB", "PiB"] {
        if bytes / unit < 1024 {
            break;
        }
        unit <<= 10;
        word = next;
    }
    if word.is_empty() {
        return format!("{bytes} bytes");
    }
    let tenths = u128::from(bytes) * 10 / u128::from(unit);
    format!("{}.{} {word} ({bytes} bytes)", tenths / 10, tenths % 10)
}

/// Wall clock of milliseconds since the epoch as RFC 3339 in UTC. A time that cannot be one is told as the number.
pub(super) fn utc(ms: i64) -> String {
    match u64::try_from(ms) {
        Ok(since) if ms <= LAST_MS => {
            humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(since)).to_string()
        }
        _ => format!("{ms} ms"),
    }
}

/// As [`utc`], from nanoseconds.
pub(super) fn utc_of_ns(ns: i64) -> String {
    utc(ns.div_euclid(1_000_000))
}

/// Milliseconds since the epoch of a reading of the wall clock.
pub(crate) fn wall_ms(now: SystemTime) -> i64 {
    now.duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or(0)
}

/// The first eight characters of an id: enough to tell stores apart at a glance.
pub(super) fn short(id: &str) -> &str {
    storewarden_types::limits::clip(id, 8)
}

/// "1 mount", "2 mounts".
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_rounded_up() {
        for (ms, text) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1000, "1 s"),
            (1001, "2 s"),
            (90_000, "90 s"),
            (119_000, "119 s"),
            (119_001, "2 min"),
            (7_140_000, "119 min"),
            (7_140_001, "2 h"),
            (169_200_000, "47 h"),
            (169_200_001, "2 d"),
        ] {
            assert_eq!(span(ms), text, "{ms}");
        }
        assert!(span(u64::MAX).ends_with(" d"));
        assert_eq!(age(3000), "3 s ago");
        assert_eq!(age_or(None, "never"), "never");
    }

    #[test]
    fn calls_and_sizes() {
        assert_eq!([took(0), took(999), took(1250), took(3_400_000)], ["0 us", "999 us", "1.2 ms", "3.4 s"]);
        assert_eq!(size(0), "0 bytes");
        assert_eq!(size(1023), "1023 bytes");
        assert_eq!(size(1536), "1.5 KiB (1536 bytes)");
        assert_eq!(size(5 << 30), "5.0 GiB (5368709120 bytes)");
        assert!(size(u64::MAX).starts_with("16383.9 PiB"));
    }

    #[test]
    fn times_that_cannot_be_do_no_harm() {
        assert_eq!(utc(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(utc(1_760_000_000_123), "2025-10-09T08:53:20.123Z");
        assert_eq!(utc(LAST_MS), "9999-12-31T23:59:59.999Z");
        assert_eq!(utc(LAST_MS + 1), "253402300800000 ms");
        assert_eq!(utc(-1), "-1 ms");
        assert_eq!(utc(i64::MIN), format!("{} ms", i64::MIN));
        assert_eq!(utc_of_ns(1_760_000_000_123_456_789), "2025-10-09T08:53:20.123Z");
        assert_eq!(wall_ms(UNIX_EPOCH), 0);
    }

    #[test]
    fn short_ids() {
        assert_eq!(short("0199f0a2-7c11"), "0199f0a2");
        assert_eq!(short(""), "");
        assert_eq!(short("ééééé"), "éééé");
    }
}
