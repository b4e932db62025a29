//! The talk with whoever started the program: fault words in, answers out, until the words end or a signal comes.

use std::io::{BufRead as _, Write as _};
use storewarden_faultfs::Switch;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// Words that were read but not acted upon; the reader waits when it is full.
const WORDS_MAX: usize = 16;

/// The signals that end the program politely.
pub(crate) struct Stop {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Stop {
    /// From here on these signals no longer kill.
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn signalled(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

/// Says `mounted`, then obeys. Fails only when nobody listens any more.
pub(crate) async fn serve(switch: &Switch, mut stop: Stop) -> std::io::Result<()> {
    let mut words = read_words();
    say("mounted")?;
    loop {
        tokio::select! {
            () = stop.signalled() => return Ok(()),
            word = words.recv() => match word {
                None => return Ok(()),
                Some(word) => match word.parse() {
                    Ok(fault) => {
                        switch.set(fault);
                        say(&format!("ok {word}"))?;
                    }
                    Err(error) => say(&format!("error {error}"))?,
                },
            },
        }
    }
}

/// A thread of its own: a read of standard input cannot be called off. It ends with the program.
fn read_words() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(WORDS_MAX);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if sender.blocking_send(line.trim().to_owned()).is_err() {
                return;
            }
        }
    });
    receiver
}

fn say(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
