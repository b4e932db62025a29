//! The command line, run as an operator runs it.

use super::Site;
use serde_json::Value;
use std::process::{Command, Stdio};

/// What a run of `storewarden` left behind.
#[derive(Clone, Debug)]
pub struct Output {
    /// Exit code; -1 for a signal.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Output {
    /// The JSON document on standard output.
    ///
    /// # Panics
    /// When it is none.
    #[track_caller]
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The JSON document, if the run succeeded.
    #[must_use]
    pub fn ok_json(&self) -> Option<Value> {
        (self.code == 0).then(|| serde_json::from_str(&self.stdout).ok())?
    }

    /// The stable code of the error that `-o json` told on standard error; empty if there was none.
    #[must_use]
    pub fn error_code(&self) -> String {
        let line = self.stderr.lines().rfind(|l| l.starts_with('{')).unwrap_or("{}");
        let error: Value = serde_json::from_str(line).unwrap_or_default();
        error["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Site {
    /// Runs `storewarden` with these arguments against the site's controller.
    #[must_use]
    pub fn cli(&self, args: &[&str]) -> Output {
        let output = self.cli_command(args).output().expect("storewarden runs");
        Output {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The same, not yet started.
    #[must_use]
    pub fn cli_command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.binary("storewarden"));
        command
            .args(args)
            .env("STOREWARDEN_CONTROLLER", format!("http://{}", self.address()))
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Tracks paths; returns the ids of the deletions.
    ///
    /// # Panics
    /// When the request is refused.
    #[track_caller]
    #[must_use]
    pub fn track(&self, store: &str, paths: &[&str], deadline: &str) -> Vec<String> {
        let mut args = vec!["-o", "json", "deletion", "track", store, "--deadline", deadline];
        args.extend(paths);
        let output = self.cli(&args);
        assert_eq!(output.code, 0, "{output:?}");
        let deletions = output.json()["deletions"].as_array().cloned().unwrap_or_default();
        deletions.iter().map(|d| d["id"].as_str().expect("an id").to_owned()).collect()
    }

    /// Every event of the ledger so far.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        let output = self.cli(&["-o", "json", "events", "tail", "--since", "0"]);
        assert_eq!(output.code, 0, "{output:?}");
        output.stdout.lines().filter_map(|l| serde_json::from_str(l).ok()).collect()
    }
}
