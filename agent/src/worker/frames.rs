//! Reads a worker's frames from its socket, one report at a time, without trusting it.
//! Must not know: what reports mean, processes.

use std::io;
use storewarden_proto::convert::{DecodeError, decode_report};
use storewarden_proto::frame::{FrameError, HEADER_BYTES, decode_body, decode_len};
use storewarden_types::WorkerReport;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Room made before each read. Memory grows with what came, not with what a header claims.
const READ_BYTES: usize = 16 * 1024;
/// A buffer that grew beyond this for a big frame is given back.
const BUFFER_KEPT_BYTES: usize = 256 * 1024;

/// Why a worker is not listened to any longer.
#[derive(Debug, Error)]
pub(crate) enum Garbage {
    /// The socket failed.
    #[error("its socket cannot be read")]
    Io(#[source] io::Error),
    /// It ended in the middle.
    #[error("its socket ended {0} bytes into a frame")]
    Torn(usize),
    /// Not a frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A frame, but not a report.
    #[error("it sent a report that makes no sense: {0}")]
    Report(#[from] DecodeError),
}

/// The reading side of a worker's socket.
#[derive(Debug)]
pub(crate) struct FrameReader<R> {
    from: R,
    buffer: Vec<u8>,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub(crate) const fn new(from: R) -> Self {
        Self { from, buffer: Vec::new() }
    }

    /// The next report; `None` at a clean end. May be dropped and called again without losing anything.
    pub(crate) async fn next(&mut self) -> Result<Option<WorkerReport>, Garbage> {
        loop {
            if let Some(report) = self.take()? {
                return Ok(Some(report));
            }
            self.buffer.reserve(READ_BYTES);
            let got = match self.from.read_buf(&mut self.buffer).await {
                Ok(got) => got,
                // The worker was killed with our words unread: an end like any other (unix(7), ECONNRESET).
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
                Err(error) => return Err(Garbage::Io(error)),
            };
            if got == 0 {
                return if self.buffer.is_empty() { Ok(None) } else { Err(Garbage::Torn(self.buffer.len())) };
            }
        }
    }

    /// The first whole frame of the buffer, if there is one.
    fn take(&mut self) -> Result<Option<WorkerReport>, Garbage> {
        let Some((header, rest)) = self.buffer.split_first_chunk::<HEADER_BYTES>() else { return Ok(None) };
        let length = decode_len(*header)?;
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let report = decode_report(decode_body(body)?)?;
        self.buffer.drain(..HEADER_BYTES + length);
        if self.buffer.capacity() > BUFFER_KEPT_BYTES && self.buffer.is_empty() {
            self.buffer = Vec::new();
        }
        Ok(Some(report))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use storewarden_proto::convert::encode_report;
    use storewarden_proto::frame::encode_frame;
    use storewarden_types::limits::FRAME_BYTES_MAX;

    fn log(message: &str) -> WorkerReport {
        WorkerReport::Log { level: 3, message: message.into() }
    }

    fn reader(bytes: &[u8]) -> FrameReader<&[u8]> {
        FrameReader::new(bytes)
    }

    #[tokio::test]
    async fn frames_come_out_as_they_went_in() {
        let bytes: Vec<u8> =
            ["a", "b"].iter().flat_map(|m| encode_frame(&encode_report(&log(m))).unwrap()).collect();
        let mut frames = reader(&bytes);
        assert_eq!(frames.next().await.unwrap(), Some(log("a")));
        assert_eq!(frames.next().await.unwrap(), Some(log("b")));
        assert_eq!(frames.next().await.unwrap(), None);
    }

    #[tokio::test]
    async fn garbage_is_named_and_ends_it() {
        let whole = encode_frame(&encode_report(&log("a"))).unwrap();
        let torn = reader(&whole[..whole.len() - 1]).next().await.unwrap_err();
        assert!(matches!(torn, Garbage::Torn(n) if n == whole.len() - 1), "{torn}");

        let claim = u32::try_from(FRAME_BYTES_MAX + 1).unwrap().to_be_bytes();
        let mut frames = reader(&claim);
        assert!(matches!(frames.next().await.unwrap_err(), Garbage::Frame(FrameError::TooLarge { .. })));
        assert!(frames.buffer.capacity() <= 2 * READ_BYTES, "nothing is reserved for a mere claim");

        let text = reader(b"GET / HTTP/1.1\r\n").next().await.unwrap_err();
        assert!(matches!(text, Garbage::Frame(FrameError::TooLarge { .. })), "{text}");
        let empty = reader(&[0, 0, 0, 0]).next().await.unwrap_err();
        assert!(matches!(empty, Garbage::Report(_)), "{empty}");
    }
}
