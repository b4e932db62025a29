//! The virtual machine of one test: started by `tests/lab/lab`, gone when this process is, however it goes.

use super::guest::Guest;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// A lab that is up.
#[derive(Debug)]
pub(super) struct Vm {
    lab: Child,
    /// `lab` takes its machine down when this closes.
    stdin: Option<ChildStdin>,
    guest: Guest,
}

impl Vm {
    /// A fresh lab, its run files in `run`; `payload` is /payload in the guest.
    ///
    /// # Panics
    /// When QEMU cannot run here, with `lab`'s reason.
    pub(super) fn up(run: &Path, payload: &Path) -> Self {
        let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("lab/lab");
        let mut lab = Command::new(lab)
            .arg("--run")
            .arg(run)
            .arg("up")
            .arg("-p")
            .arg(payload)
            .arg("--hold")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("tests/lab/lab runs (it needs python3)");
        let stdin = lab.stdin.take();
        let mut line = String::new();
        BufReader::new(lab.stdout.take().expect("a pipe")).read_line(&mut line).expect("lab speaks");
        let Some(port) = line.strip_prefix("port ").and_then(|p| p.trim().parse().ok()) else {
            let mut why = String::new();
            let _ = lab.stderr.take().expect("a pipe").read_to_string(&mut why);
            panic!("the lab cannot be had: {why}");
        };
        Self { lab, stdin, guest: Guest::at(port) }
    }

    /// Its guest.
    pub(super) fn guest(&self) -> &Guest {
        &self.guest
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        self.stdin = None;
        let _ = self.lab.wait();
    }
}

/// What the guest is given: the agent, the worker and the built-in probes, from the build output, and a configuration.
///
/// # Panics
/// When one is missing.
pub(super) fn pack(built: &Path, payload: &Path) {
    fs::create_dir_all(payload.join("plugins")).expect("a directory");
    let mut files = vec![("storewarden-agent".to_owned(), ""), ("storewarden-worker".to_owned(), "")];
    for probe in ["mount", "lookup", "capacity"] {
        files.push((format!("libstorewarden_probe_{probe}.so"), "plugins"));
    }
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("lab/agent.toml"), payload.join("agent.toml"))
        .expect("the lab's agent.toml");
    for (name, place) in files {
        let source = built.join(&name);
        let copied = fs::copy(&source, payload.join(place).join(&name));
        copied.unwrap_or_else(|error| panic!("{}: {error}: run `make build`", source.display()));
    }
}
