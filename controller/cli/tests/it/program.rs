//! The program under test: started, fed, read, and never waited for without a bound.

use crate::server::Scripted;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// Far longer than anything here takes: a hang is a failure, not a wait.
const BOUND: Duration = Duration::from_secs(60);

/// What a run of the program left.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Every line of stdout as JSON.
    pub(crate) fn json(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        self.stdout.lines().map(parse).collect()
    }

    /// The error on stderr, with nothing on stdout.
    pub(crate) fn json_error(&self) -> Value {
        assert_eq!(self.stdout, "", "an error leaves nothing on stdout");
        assert_eq!(self.stderr.lines().count(), 1, "{}", self.stderr);
        let value: Value =
            serde_json::from_str(&self.stderr).unwrap_or_else(|e| panic!("{e}: {}", self.stderr));
        value["error"].clone()
    }
}

/// The program with these arguments, knowing nothing of this environment.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_storewarden"));
    command.args(args).env_remove("STOREWARDEN_CONTROLLER").env_remove("NO_COLOR");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The same, pointed at a controller.
pub(crate) fn command_at(controller: &Scripted, args: &[&str]) -> Command {
    let mut command = command(args);
    command.env("STOREWARDEN_CONTROLLER", controller.url());
    command
}

pub(crate) fn run(args: &[&str]) -> Ran {
    finish(command(args).spawn().unwrap())
}

pub(crate) fn run_at(controller: &Scripted, args: &[&str]) -> Ran {
    finish(command_at(controller, args).spawn().unwrap())
}

/// Runs with something on standard input.
pub(crate) fn run_fed(controller: &Scripted, args: &[&str], input: &[u8]) -> Ran {
    let mut child = command_at(controller, args).stdin(Stdio::piped()).spawn().unwrap();
    // A program that has read enough closes its end; what it makes of that is its answer.
    let _ = child.stdin.take().unwrap().write_all(input);
    finish(child)
}

/// Reads whatever is left, and waits for the end.
pub(crate) fn finish(mut child: Child) -> Ran {
    let stdout = child.stdout.take().map(read_all);
    let stderr = child.stderr.take().map(read_all);
    let code = code(&mut child);
    let text = |reader: Option<std::thread::JoinHandle<String>>| {
        reader.map(|reader| reader.join().unwrap()).unwrap_or_default()
    };
    Ran { code, stdout: text(stdout), stderr: text(stderr) }
}

fn read_all(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        from.read_to_string(&mut text).unwrap();
        text
    })
}

/// The exit code; a program that a signal ended has none.
pub(crate) fn code(child: &mut Child) -> i32 {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().unwrap_or_else(|| panic!("ended by a signal: {status}"));
        }
        if began.elapsed() > BOUND {
            let _ = child.kill();
            let _ = child.wait();
            panic!("the program did not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A program that is read line by line while it runs.
pub(crate) struct Running {
    pub(crate) child: Child,
    lines: Option<BufReader<ChildStdout>>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let lines = child.stdout.take().map(BufReader::new);
        Self { child, lines }
    }

    /// The next line of stdout, without its end. The program must write one.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.as_mut().expect("stdout is open").read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "stdout ended: {line:?}");
        line.trim_end_matches('\n').to_owned()
    }

    /// Stops reading, as `head` does.
    pub(crate) fn close_stdout(&mut self) {
        self.lines = None;
    }

    /// The rest of its output, and its end.
    pub(crate) fn finish(mut self) -> Ran {
        let rest = self.lines.take().map(read_all);
        let mut ran = finish(self.child);
        ran.stdout = rest.map(|rest| rest.join().unwrap()).unwrap_or_default();
        ran
    }
}
