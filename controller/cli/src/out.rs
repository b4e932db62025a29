//! Where answers, notes and errors go: stdout and stderr, as tables or JSON. Owns the closed pipe, and whether to
//! colour; must not know what it prints.

use crate::args::{Color, Format, Globals};
use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::hint;
use crate::json::{self, Named};
use crate::render::{Ink, clean, terminal_width};
use std::ffi::OsStr;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Stdout, Write};
use std::os::fd::AsFd;
use tokio::io::Interest;
use tokio::net::unix::pipe::Sender;

/// The outlets of this process.
pub(crate) struct Out {
    format: Format,
    ink: Ink,
    stdout: BufWriter<Stdout>,
    /// Whether the reader of stdout has gone. What is written after that is lost, which is no failure.
    closed: bool,
}

impl Out {
    /// The outlets as the arguments and the terminal would have them.
    pub(crate) fn new(globals: &Globals) -> Self {
        let terminal = io::stdout().is_terminal();
        let colour = colours(globals.color, terminal, std::env::var_os("NO_COLOR").as_deref());
        let ink = Ink { colour, width: terminal_width() };
        Self { format: globals.output, ink, stdout: BufWriter::new(io::stdout()), closed: false }
    }

    /// Whether answers are written for people.
    pub(crate) fn for_people(&self) -> bool {
        self.format == Format::Table
    }

    /// Whether nobody reads any more.
    pub(crate) const fn closed(&self) -> bool {
        self.closed
    }

    /// Writes an answer: as one JSON line, or as `view` puts it.
    pub(crate) fn answer<M: Named>(
        &mut self,
        message: &M,
        view: impl FnOnce(&M, Ink) -> String,
    ) -> Result<(), Failure> {
        match self.format {
            Format::Json => self.write(&json::line(message)),
            Format::Table => self.write(&view(message, self.ink)),
        }
    }

    /// Writes an answer for programs, nothing for people.
    pub(crate) fn json<M: Named>(&mut self, message: &M) -> Result<(), Failure> {
        if self.for_people() { Ok(()) } else { self.write(&json::line(message)) }
    }

    /// Writes for people, nothing for programs.
    pub(crate) fn text(&mut self, view: impl FnOnce(Ink) -> String) -> Result<(), Failure> {
        if self.for_people() { self.write(&view(self.ink)) } else { Ok(()) }
    }

    /// Says something beside the answer, to people only.
    pub(crate) fn note(&self, text: &str) {
        if self.for_people() {
            json::eprint_line(text);
        }
    }

    /// Tells a failure, and how the program ends because of it.
    pub(crate) fn fail(&self, failure: &Failure) -> Exit {
        match self.format {
            Format::Json => json::eprint_line(&json::error(failure)),
            Format::Table => {
                let word = match failure.code() {
                    "" => exit::status_name(failure.status()),
                    code => code,
                };
                json::eprint_line(&format!("error: {} [{}]", clean(&failure.story()), clean(word)));
                if let Some(next) = hint::next(failure) {
                    json::eprint_line(&format!("next: {}", clean(&next)));
                }
            }
        }
        failure.exit()
    }

    /// Writes a line or several, and sees to it that they are out.
    fn write(&mut self, text: &str) -> Result<(), Failure> {
        if self.closed || text.is_empty() {
            return Ok(());
        }
        let written =
            writeln!(self.stdout, "{}", text.trim_end_matches('\n')).and_then(|()| self.stdout.flush());
        match written {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            Err(source) => Err(Failure::Unwritten { source }),
            Ok(()) => Ok(()),
        }
    }
}

/// Ends when the reader of stdout has gone, so that `| head` ends a stream that has nothing to say. Never ends where
/// stdout is no pipe: such a thing cannot be watched, or does not close.
pub(crate) async fn reader_gone() {
    // Registered for its error condition only (EPOLLERR, epoll_ctl(2)) and never written through, so that it need not
    // be, and is not, set to O_NONBLOCK: that flag would be shared with every other process that has this pipe.
    let watched = io::stdout().as_fd().try_clone_to_owned().and_then(Sender::from_owned_fd_unchecked);
    if let Ok(watched) = watched
        // An error here means that the event loop is going away, and this future with it.
        && watched.ready(Interest::ERROR).await.is_ok()
    {
        return;
    }
    std::future::pending::<()>().await;
}

/// <https://no-color.org>: any value but an empty one means no. An option of our own goes first.
fn colours(choice: Color, terminal: bool, no_color: Option<&OsStr>) -> bool {
    match choice {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => terminal && no_color.is_none_or(OsStr::is_empty),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_to_colour() {
        let set = Some(OsStr::new("1"));
        assert!(colours(Color::Auto, true, None));
        assert!(colours(Color::Auto, true, Some(OsStr::new(""))));
        assert!(!colours(Color::Auto, true, set));
        assert!(!colours(Color::Auto, false, None));
        assert!(colours(Color::Always, false, set));
        assert!(!colours(Color::Never, true, None));
    }
}
