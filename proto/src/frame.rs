//! Frames between agent and worker: 4 bytes of length, most significant first, then that many bytes of one message.
//! Owns the framing over blocking readers and writers, and the two halves that an asynchronous side needs; must not
//! know sockets, nor which messages there are.

use prost::Message;
use std::io::{self, Read, Write};
use storewarden_types::limits::FRAME_BYTES_MAX;
use thiserror::Error;

/// Bytes of a frame's length.
pub const HEADER_BYTES: usize = 4;

/// Why no message came out of a stream, or none fits into a frame. The stream cannot be used after it.
#[derive(Debug, Error)]
pub enum FrameError {
    /// The stream failed.
    #[error("cannot read a frame")]
    Io(#[source] io::Error),
    /// The stream ended within a frame.
    #[error("the stream ended within a frame: {got} of {want} bytes came")]
    Torn {
        /// Bytes of the header, or of the body, that came.
        got: usize,
        /// Bytes it should have had.
        want: usize,
    },
    /// The frame is over [`FRAME_BYTES_MAX`].
    #[error("a frame of {bytes} bytes; at most {FRAME_BYTES_MAX} are allowed")]
    TooLarge {
        /// Its length without the header.
        bytes: usize,
    },
    /// The frame holds no such message.
    #[error("the frame holds no valid message")]
    Malformed(#[source] prost::DecodeError),
}

/// The length of the body that follows a header.
///
/// # Errors
/// [`FrameError::TooLarge`].
pub const fn decode_len(header: [u8; HEADER_BYTES]) -> Result<usize, FrameError> {
    let bytes = u32::from_be_bytes(header) as usize;
    if bytes > FRAME_BYTES_MAX { Err(FrameError::TooLarge { bytes }) } else { Ok(bytes) }
}

/// One message as a frame, header and body.
///
/// # Errors
/// [`FrameError::TooLarge`]: the peer would refuse it.
pub fn encode_frame<M: Message>(message: &M) -> Result<Vec<u8>, FrameError> {
    let mut frame = Vec::new();
    encode_into(message, &mut frame)?;
    Ok(frame)
}

/// The message of a frame's body.
///
/// # Errors
/// [`FrameError::Malformed`].
pub fn decode_body<M: Message + Default>(body: &[u8]) -> Result<M, FrameError> {
    M::decode(body).map_err(FrameError::Malformed)
}

fn encode_into<M: Message>(message: &M, frame: &mut Vec<u8>) -> Result<(), FrameError> {
    let bytes = message.encoded_len();
    let header = u32::try_from(bytes).ok().filter(|_| bytes <= FRAME_BYTES_MAX);
    let header = header.ok_or(FrameError::TooLarge { bytes })?;
    frame.clear();
    frame.reserve(HEADER_BYTES + bytes);
    frame.extend_from_slice(&header.to_be_bytes());
    message.encode(frame).expect("a Vec grows as needed");
    Ok(())
}

/// Writes one frame in one piece and flushes. `scratch` keeps its memory for the next one.
///
/// # Errors
/// Those of the writer; [`io::ErrorKind::InvalidInput`] with a [`FrameError::TooLarge`] inside, and nothing written,
/// for a message that does not fit.
pub fn write_frame<M: Message>(
    writer: &mut impl Write,
    message: &M,
    scratch: &mut Vec<u8>,
) -> io::Result<()> {
    encode_into(message, scratch).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    writer.write_all(scratch)?;
    writer.flush()
}

/// Reads one frame; `None` when the stream ended between frames. `scratch` keeps its memory for the next one, and
/// grows only with what really came.
///
/// # Errors
/// See [`FrameError`].
pub fn read_frame<M: Message + Default>(
    reader: &mut impl Read,
    scratch: &mut Vec<u8>,
) -> Result<Option<M>, FrameError> {
    let mut header = [0; HEADER_BYTES];
    match read_up_to(reader, &mut header)? {
        0 => return Ok(None),
        HEADER_BYTES => {}
        got => return Err(FrameError::Torn { got, want: HEADER_BYTES }),
    }
    let want = decode_len(header)?;
    scratch.clear();
    let got = reader.by_ref().take(want as u64).read_to_end(scratch).map_err(FrameError::Io)?;
    if got < want {
        return Err(FrameError::Torn { got, want });
    }
    decode_body(scratch).map(Some)
}

/// Fills `buffer` as far as the stream reaches.
fn read_up_to(reader: &mut impl Read, buffer: &mut [u8]) -> Result<usize, FrameError> {
    let mut got = 0;
    while got < buffer.len() {
        match reader.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(FrameError::Io(error)),
        }
    }
    Ok(got)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::{FromWorker, Log, from_worker};

    fn log(bytes: usize) -> FromWorker {
        let log = Log { level: 3, message: "x".repeat(bytes) };
        FromWorker { message: Some(from_worker::Message::Log(log)) }
    }

    /// Hands out one byte at a time, with an interruption before each: the worst a pipe may do.
    struct Drip<'a>(&'a [u8], bool);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let n = self.0.len().min(buffer.len()).min(1);
            buffer[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    #[test]
    fn frames_follow_one_another_until_a_clean_end() {
        let (mut pipe, mut scratch) = (Vec::new(), Vec::new());
        let sent = [log(5), FromWorker::default(), log(70_000)];
        for message in &sent {
            let before = pipe.len();
            write_frame(&mut pipe, message, &mut scratch).unwrap();
            assert_eq!(pipe[before..], encode_frame(message).unwrap());
        }
        let mut reader = Drip(&pipe, false);
        for message in sent {
            assert_eq!(read_frame(&mut reader, &mut scratch).unwrap(), Some(message));
        }
        assert!(read_frame::<FromWorker>(&mut reader, &mut scratch).unwrap().is_none());
    }

    #[test]
    fn the_header_is_the_length_most_significant_first() {
        let frame = encode_frame(&log(300)).unwrap();
        assert_eq!(frame[..4], u32::try_from(frame.len() - 4).unwrap().to_be_bytes());
        assert_eq!(decode_len([0, 0, 1, 2]).unwrap(), 258);
        assert_eq!(decode_body::<FromWorker>(&frame[4..]).unwrap(), log(300));
    }

    #[test]
    fn a_torn_frame_is_an_error_wherever_it_tore() {
        let frame = encode_frame(&log(20)).unwrap();
        for cut in 1..frame.len() {
            let error = read_frame::<FromWorker>(&mut &frame[..cut], &mut Vec::new()).unwrap_err();
            let (got, want) = if cut < HEADER_BYTES {
                (cut, HEADER_BYTES)
            } else {
                (cut - HEADER_BYTES, frame.len() - HEADER_BYTES)
            };
            assert!(
                matches!(error, FrameError::Torn { got: g, want: w } if (g, w) == (got, want)),
                "{cut}: {error}"
            );
        }
    }

    #[test]
    fn the_bound_holds_both_ways_and_is_exact() {
        let overhead = log(FRAME_BYTES_MAX / 2).encoded_len() - FRAME_BYTES_MAX / 2;
        let (fits, over) = (log(FRAME_BYTES_MAX - overhead), log(FRAME_BYTES_MAX - overhead + 1));
        let (mut pipe, mut scratch) = (Vec::new(), Vec::new());
        let error = write_frame(&mut pipe, &over, &mut scratch).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(pipe.is_empty(), "nothing of it was written");
        assert!(matches!(encode_frame(&over), Err(FrameError::TooLarge { .. })));

        write_frame(&mut pipe, &fits, &mut scratch).unwrap();
        assert_eq!(pipe.len(), HEADER_BYTES + FRAME_BYTES_MAX);
        assert_eq!(read_frame(&mut pipe.as_slice(), &mut scratch).unwrap(), Some(fits));

        // A stranger's length is refused before anything is read or reserved for it.
        for claim in [u32::try_from(FRAME_BYTES_MAX).unwrap() + 1, u32::MAX] {
            let mut scratch = Vec::new();
            let error = read_frame::<FromWorker>(&mut &claim.to_be_bytes()[..], &mut scratch).unwrap_err();
            assert!(matches!(error, FrameError::TooLarge { bytes } if bytes == claim as usize));
            assert_eq!(scratch.capacity(), 0);
        }
    }

    #[test]
    fn garbage_in_a_frame_is_malformed() {
        let error = read_frame::<FromWorker>(&mut &[0, 0, 0, 1, 0xff][..], &mut Vec::new()).unwrap_err();
        assert!(matches!(error, FrameError::Malformed(_)), "{error}");
    }
}
