//! A queue between whoever logs and standard error, so that a reader of the log who stops reading stops nobody else.
//!
//! Owns the thread that writes. A full queue loses lines and says how many. Must not know: what lines say.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};
use tracing_subscriber::fmt::MakeWriter;

/// Lines that may wait. At some 200 bytes each this is 200 kB.
const LINES_MAX: usize = 1024;
/// How long the last lines may take at a stop.
const FINISH_MAX: Duration = Duration::from_millis(300);

/// The writing thread as its owner sees it.
#[derive(Debug)]
pub struct LogQueue {
    lines: SyncSender<Line>,
    lost: Arc<AtomicU64>,
    done: Receiver<()>,
}

#[derive(Debug)]
enum Line {
    Text(Vec<u8>),
    End,
}

/// Where lines are put; cheap to make, one for each line.
#[derive(Clone, Debug)]
pub struct LineWriter {
    lines: SyncSender<Line>,
    lost: Arc<AtomicU64>,
}

impl LogQueue {
    /// Starts the thread that writes to `out`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(mut out: impl Write + Send + 'static) -> io::Result<Self> {
        let (lines, queue) = sync_channel(LINES_MAX);
        let lost = Arc::new(AtomicU64::new(0));
        let (finished, done) = sync_channel(1);
        let missing = Arc::clone(&lost);
        std::thread::Builder::new().name("log".into()).spawn(move || {
            while let Ok(Line::Text(line)) = queue.recv() {
                // A log that cannot be written cannot be complained about either.
                let _ = out.write_all(&line);
                let lost = missing.swap(0, Ordering::Relaxed);
                if lost > 0 {
                    let _ = writeln!(out, "{lost} log lines were lost: nobody read them in time");
                }
            }
            let _ = finished.send(());
        })?;
        Ok(Self { lines, lost, done })
    }

    /// A way to put lines in.
    #[must_use]
    pub fn writer(&self) -> LineWriter {
        LineWriter { lines: self.lines.clone(), lost: Arc::clone(&self.lost) }
    }

    /// Gives what was logged so far a moment to be written. False when it was not enough.
    pub fn finish(self) -> bool {
        let end = Instant::now() + FINISH_MAX;
        while self.lines.try_send(Line::End).is_err() {
            if Instant::now() >= end {
                return false;
            }
            std::thread::sleep(FINISH_MAX / 60);
        }
        let left = end.saturating_duration_since(Instant::now());
        !matches!(self.done.recv_timeout(left), Err(RecvTimeoutError::Timeout))
    }
}

impl Write for LineWriter {
    /// Never blocks. Takes all of it: the formatter hands over a whole line at once.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.lines.try_send(Line::Text(line.to_vec())).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LineWriter {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader};

    #[test]
    fn lines_arrive_in_order_and_the_last_before_the_end() {
        let (read, write) = io::pipe().unwrap();
        let queue = LogQueue::start(write).unwrap();
        let mut writer = queue.writer();
        for n in 0..100 {
            writeln!(writer, "{n}").unwrap();
        }
        assert!(queue.finish());
        // The thread has ended and closed its end, though a writer is still there.
        let lines: Vec<String> = BufReader::new(read).lines().map(Result::unwrap).collect();
        assert_eq!(lines, (0..100).map(|n| n.to_string()).collect::<Vec<_>>());
    }

    #[test]
    fn a_reader_that_does_not_read_stops_nobody_and_learns_what_it_missed() {
        let (read, write) = io::pipe().unwrap();
        let queue = LogQueue::start(write).unwrap();
        let mut writer = queue.writer();
        let line = format!("{}\n", "x".repeat(1023));
        for _ in 0..5 * LINES_MAX {
            writer.write_all(line.as_bytes()).unwrap();
        }
        assert!(!queue.finish(), "nobody reads, so it cannot finish in time");
        drop(writer);
        let (mut lost, mut read_lines) = (0, 0);
        for line in BufReader::new(read).lines().map(Result::unwrap) {
            match line.strip_suffix(" log lines were lost: nobody read them in time") {
                Some(count) => lost += count.parse::<usize>().unwrap(),
                None => read_lines += 1,
            }
        }
        assert_eq!(lost + read_lines, 5 * LINES_MAX, "every line is read or told as lost");
        assert!(lost > 3 * LINES_MAX, "{lost}");
    }
}
