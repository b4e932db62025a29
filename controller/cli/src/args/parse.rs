//! Single values of the command line: spans and the controller's address. Owns their spelling and bounds.

use std::time::Duration;
use tonic::transport::Endpoint;

/// Longest patience with an unreachable controller.
const PATIENCE_MAX: Duration = Duration::from_secs(3600);

/// A span such as "500ms", "10s", "2m" or "1h 30m".
pub(super) fn span(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write a span such as 500ms, 10s, 2m or 1h30m"))
}

/// A span that one can wait: 1 ms to 1 h.
pub(super) fn patience(text: &str) -> Result<Duration, String> {
    let patience = span(text)?;
    if (Duration::from_millis(1)..=PATIENCE_MAX).contains(&patience) {
        Ok(patience)
    } else {
        Err("must be from 1ms to 1h".into())
    }
}

/// The controller's address: `http://HOST:PORT`, the scheme may be left out.
pub(super) fn controller(text: &str) -> Result<String, String> {
    let url = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    if !url.starts_with("http://") {
        return Err("this program speaks plain gRPC only; write http://HOST:PORT".into());
    }
    let endpoint = Endpoint::from_shared(url.clone())
        .map_err(|_| "not an address; write http://HOST:PORT".to_owned())?;
    if endpoint.uri().host().is_none_or(str::is_empty) || !matches!(endpoint.uri().path(), "" | "/") {
        return Err("not an address; write http://HOST:PORT without a path".into());
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// Milliseconds of a span, for the wire.
pub(super) fn as_ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read() {
        assert_eq!(span("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(span("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(span("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(span("0s"), Ok(Duration::ZERO));
        for bad in ["", "10", "ten seconds", "-1s"] {
            assert!(span(bad).is_err(), "{bad}");
        }
        assert!(patience("0s").is_err() && patience("2h").is_err());
        assert_eq!(patience("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(as_ms(Duration::MAX), u64::MAX);
    }

    #[test]
    fn addresses_are_read() {
        for (text, url) in [
            ("http://127.0.0.1:7420", "http://127.0.0.1:7420"),
            ("http://[::1]:7420/", "http://[::1]:7420"),
            ("mgmt1:7420", "http://mgmt1:7420"),
        ] {
            assert_eq!(controller(text).as_deref(), Ok(url));
        }
        for bad in
            ["", "https://mgmt1:7420", "http://", "http://a b", "http://mgmt1:7420/api", "unix:///run/x"]
        {
            assert!(controller(bad).is_err(), "{bad}");
        }
    }
}
