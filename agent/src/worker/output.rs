//! What a worker writes to its standard output and error: kept for its post-mortem, and forwarded to our log in moderation.
//! Nothing that matters comes this way: stray prints, panics, messages of libraries.

use crate::telemetry::harmless;
use crate::throttle::{Pass, Throttle};
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Bytes kept as last words.
const LAST_WORDS_BYTES: usize = 4 * 1024;
/// Longest line forwarded; the rest of it is a line of its own.
const LINE_BYTES_MAX: usize = 1024;

/// The reading side of a worker's output.
#[derive(Debug)]
pub(crate) struct Output<R> {
    from: R,
    mount_point: String,
    last_words: Vec<u8>,
    /// The beginning of a line that has not ended yet.
    line: Vec<u8>,
    throttle: Throttle<()>,
}

impl<R: AsyncRead + Unpin> Output<R> {
    pub(crate) fn new(from: R, mount_point: String) -> Self {
        Self { from, mount_point, last_words: Vec::new(), line: Vec::new(), throttle: Throttle::default() }
    }

    /// Reads until the output ends. May be dropped and called again without losing anything.
    pub(crate) async fn read(&mut self) {
        let mut piece = [0; 1024];
        while let Ok(got @ 1..) = self.from.read(&mut piece).await {
            self.take(&piece[..got]);
        }
        if !self.line.is_empty() {
            self.forward();
        }
    }

    /// The last 4 KiB on one line; empty when nothing was written.
    pub(crate) fn last_words(&self) -> String {
        let text = String::from_utf8_lossy(&self.last_words);
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
        harmless(&lines.join(" | "))
    }

    fn take(&mut self, piece: &[u8]) {
        self.last_words.extend_from_slice(piece);
        let excess = self.last_words.len().saturating_sub(LAST_WORDS_BYTES);
        self.last_words.drain(..excess);
        for byte in piece {
            if *byte == b'\n' || self.line.len() >= LINE_BYTES_MAX {
                self.forward();
            }
            if *byte != b'\n' {
                self.line.push(*byte);
            }
        }
    }

    fn forward(&mut self) {
        let line = std::mem::take(&mut self.line);
        if let Pass::Say { left_out } = self.throttle.pass((), Instant::now()) {
            let text = harmless(&String::from_utf8_lossy(&line));
            if left_out > 0 {
                tracing::warn!(mount = self.mount_point, left_out, "worker wrote: {text}");
            } else {
                tracing::warn!(mount = self.mount_point, "worker wrote: {text}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_words_are_the_last_and_bounded() {
        let mut text = "x".repeat(10_000);
        text.push_str("\n\n  thread 'main' panicked\nat the end");
        let mut output = Output::new(text.as_bytes(), "/m".into());
        output.read().await;
        assert!(output.last_words().ends_with("x | thread 'main' panicked | at the end"));
        assert!(output.last_words.len() <= LAST_WORDS_BYTES);
        let mut rude = Output::new(&b"a\x1b[2Jb"[..], "/m".into());
        rude.read().await;
        assert_eq!(rude.last_words(), "a\u{fffd}[2Jb");
        assert!(output.line.is_empty());
    }
}
