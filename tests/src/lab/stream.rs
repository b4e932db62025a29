//! A `storewarden` command that streams JSON lines, each stamped on the host's clock as it comes. Nothing is polled: the
//! emulated guest needs the processor.

use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// One line, and when it came.
pub(super) type Line = (Instant, Value);

#[derive(Debug, Default)]
struct Heard {
    lines: Mutex<Vec<Line>>,
    more: Condvar,
}

impl Heard {
    fn lines(&self) -> MutexGuard<'_, Vec<Line>> {
        self.lines.lock().expect("no holder panics")
    }
}

/// A running stream and everything it has said.
#[derive(Debug)]
pub(super) struct Stream {
    child: Child,
    heard: Arc<Heard>,
}

impl Stream {
    /// Starts the command; its standard output must be a pipe.
    pub(super) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().expect("storewarden runs");
        let stdout = child.stdout.take().expect("a pipe");
        let heard = Arc::new(Heard::default());
        let hears = Arc::clone(&heard);
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Ok(value) = serde_json::from_str(&line) {
                    hears.lines().push((Instant::now(), value));
                    hears.more.notify_all();
                }
            }
        });
        Self { child, heard }
    }

    /// Everything so far.
    pub(super) fn so_far(&self) -> Vec<Line> {
        self.heard.lines().clone()
    }

    /// Looks at everything said so far, again at each new line, until `look` finds something or time runs out.
    pub(super) fn wait<T>(
        &self,
        patience: Duration,
        mut look: impl FnMut(&[Line]) -> Option<T>,
    ) -> Option<T> {
        let deadline = Instant::now() + patience;
        let mut lines = self.heard.lines();
        loop {
            if let Some(found) = look(&lines) {
                return Some(found);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            lines = self.heard.more.wait_timeout(lines, left).expect("no holder panics").0;
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
