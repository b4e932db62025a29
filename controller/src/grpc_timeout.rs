//! The header in which a caller says how long it waits (gRPC over HTTP/2: `grpc-timeout`). Owns its reading, and the
//! margin within which an answer still reaches a caller.

use std::time::Duration;
use tonic::codegen::http::HeaderMap;

/// Kept back of a caller's time for the way of the answer.
const MARGIN: Duration = Duration::from_millis(50);

/// How long a call may take so that its caller still hears the answer. `None`: it waits for ever, or said it in a way
/// that is none.
pub(crate) fn of_headers(headers: &HeaderMap) -> Option<Duration> {
    headers.get("grpc-timeout")?.to_str().ok().and_then(parse).map(less_margin)
}

/// 1 to 8 digits and a unit.
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

/// A tenth, or [`MARGIN`], whichever is less.
fn less_margin(time: Duration) -> Duration {
    time - (time / 10).min(MARGIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        let s = Duration::from_secs;
        let cases = [("1H", s(3600)), ("2M", s(120)), ("3S", s(3)), ("99999999S", s(99_999_999))];
        for (text, span) in cases {
            assert_eq!(parse(text), Some(span), "{text}");
        }
        assert_eq!(parse("1500m"), Some(Duration::from_millis(1500)));
        assert_eq!(
            (parse("7u"), parse("8n")),
            (Some(Duration::from_micros(7)), Some(Duration::from_nanos(8)))
        );
        for text in ["", "S", "1", "-1S", "1x", "999999999S", "1.5S", "é"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(less_margin(s(3)), Duration::from_millis(2950));
        assert_eq!(less_margin(Duration::from_millis(100)), Duration::from_millis(90));
    }
}
