//! Waiting for tracked deletions to end: follows Await, takes up again what breaks, and stops for Ctrl-C. Owns that
//! patience; how each stands is in `tally`.

use super::patience::{Next, Patience};
use crate::connect::{ANSWER_MARGIN, Controller};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::out::Out;
use crate::render;
use crate::tally::Tally;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;
use storewarden_proto::v1::{AwaitDeletionsRequest, Deletion, TrackResponse};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep, timeout};

/// One wait.
pub(super) struct Wait<'a> {
    controller: &'a Controller,
    out: &'a mut Out,
    tally: Tally,
    patience: Patience,
    progress: Progress,
    interrupt: Signal,
    key: &'a str,
}

impl<'a> Wait<'a> {
    /// From here on Ctrl-C stops the waiting, not the program.
    pub(super) fn new(
        controller: &'a Controller,
        out: &'a mut Out,
        answer: &TrackResponse,
        key: &'a str,
    ) -> Result<Self, Failure> {
        let interrupt = signal(SignalKind::interrupt()).map_err(|source| Failure::Runtime { source })?;
        let progress = Progress { shown: out.for_people() && io::stderr().is_terminal() };
        let tally = Tally::new(&answer.deletions);
        let patience = Patience::new(controller.patience());
        Ok(Self { controller, out, tally, patience, progress, interrupt, key })
    }

    /// Waits until every deletion has ended. Only when all of them are CONFIRMED this is done.
    ///
    /// Every deletion ends by its deadline, so a controller that has not told of it a while after (as long as it may be
    /// away, and the way from it to here) does not answer.
    pub(super) async fn until_ended(
        mut self,
        answer: &TrackResponse,
        deadline: Duration,
    ) -> Result<Exit, Failure> {
        self.out.json(answer)?;
        self.out.note(&render::accepted(answer));
        let within = deadline.saturating_add(self.patience.limit()).saturating_add(ANSWER_MARGIN);
        let followed = timeout(within, self.follow()).await;
        self.progress.clear();
        match followed {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => return Err(self.resumable(failure)),
            Err(_) => return Err(self.resumable(self.controller.silent(within))),
        }
        let counts = self.tally.counts();
        self.out.text(|ink| render::summary(counts, ink))?;
        Ok(self.tally.exit())
    }

    /// Follows Await after Await, until nothing is left to wait for.
    async fn follow(&mut self) -> Result<(), Failure> {
        loop {
            let broken = match self.listen().await {
                Ok(()) if self.tally.is_over() => return Ok(()),
                Ok(()) => self.controller.ended(),
                Err(failure) if failure.may_pass() => failure,
                Err(failure) => return Err(failure),
            };
            let Next::Ask { pause, first } = self.patience.broke(Instant::now()) else { return Err(broken) };
            if first {
                self.progress.clear();
                self.out.note(&format!("{}; asking again", render::clean(&broken.story())));
            }
            tokio::select! {
                () = sleep(pause) => {}
                _ = self.interrupt.recv() => return Err(Failure::Interrupted),
            }
        }
    }

    /// Follows one Await over what is still open, until it ends or breaks.
    async fn listen(&mut self) -> Result<(), Failure> {
        let request = AwaitDeletionsRequest { ids: self.tally.open() };
        let mut client = self.controller.deletions();
        let mut stream = tokio::select! {
            stream = self.controller.answer(self.controller.patience(), client.r#await(request)) => stream?,
            _ = self.interrupt.recv() => return Err(Failure::Interrupted),
        };
        loop {
            let message = tokio::select! {
                message = stream.message() => message,
                _ = self.interrupt.recv() => return Err(Failure::Interrupted),
            };
            match message {
                Ok(Some(deletion)) => self.hear(&deletion)?,
                Ok(None) => return Ok(()),
                Err(status) => return Err(self.controller.failure(&status)),
            }
            if self.tally.all_ended() {
                // Nothing can come any more; how the stream ends does not matter.
                return Ok(());
            }
        }
    }

    fn hear(&mut self, deletion: &Deletion) -> Result<(), Failure> {
        self.patience.heard();
        let ended = self.tally.take(deletion);
        self.out.json(deletion)?;
        if ended {
            self.progress.clear();
            self.out.text(|ink| render::ended(deletion, ink))?;
        }
        self.progress.show(&self.tally.counts().progress());
        Ok(())
    }

    /// The failure that ends the wait, with how to go on: what was tracked stays tracked.
    fn resumable(&self, failure: Failure) -> Failure {
        let open = self.tally.open();
        let next = match (open.as_slice(), self.key) {
            ([], _) => return failure,
            (_, key) if !key.is_empty() => {
                "run the same command again (the key makes it one request), or `storewarden deletion list`"
                    .into()
            }
            ([id], _) => format!("`storewarden deletion show {id}`"),
            ([id, rest @ ..], _) => format!(
                "`storewarden deletion show {id}` (and {} more: `storewarden deletion list --state pending`)",
                rest.len()
            ),
        };
        failure.resumable(next)
    }
}

/// One line on the terminal that is written over; nothing anywhere else.
struct Progress {
    shown: bool,
}

impl Progress {
    fn show(&self, line: &str) {
        self.write(&format!("\r{line}\x1b[K"));
    }

    fn clear(&self) {
        self.write("\r\x1b[K");
    }

    fn write(&self, text: &str) {
        if self.shown {
            // Progress that cannot be shown is no failure.
            let mut stderr = io::stderr();
            let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
        }
    }
}
