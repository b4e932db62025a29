//! Looks once at paths on a mount, without an agent: `look MOUNT_POINT PATH...`.
//!
//! Pins what is mounted there now, unless the environment variable `IDENTITY` holds an earlier pin (the `identity` line
//! of an earlier run). Prints what was proven and one outcome per path; exit code 2 when the mount could not be proven.

use std::path::Path;
use std::process::ExitCode;
use storewarden_proof::{LookRequest, expectation_from_json, identify, identity_to_json, look};
use storewarden_types::mountinfo::{last_at, parse};
use storewarden_types::{LookOutcome, MountExpectation, StorePath};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error {error}");
            ExitCode::from(2)
        }
    }
}

fn expected(mount_point: &str) -> Result<MountExpectation, String> {
    let table = std::fs::read("/proc/self/mountinfo").map_err(|e| e.to_string())?;
    let entries = parse(&table);
    let (fs_type, source) = match last_at(&entries, mount_point) {
        Some(entry) => (entry.fs_type.as_str(), entry.source.as_str()),
        None => ("dir", mount_point),
    };
    let pin = std::env::var("IDENTITY").unwrap_or_default();
    let kind = if fs_type == "dir" { r#"{"kind":"dir"}"# } else { "" };
    let pin = if pin.is_empty() { kind } else { &pin };
    let mut expected = expectation_from_json(Path::new(mount_point), fs_type, source.as_bytes(), pin)?;
    if expected.identity.is_none() {
        expected.identity = Some(identify(mount_point).map_err(|e| format!("{} {e}", e.code))?);
    }
    Ok(expected)
}

fn run() -> Result<(), String> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [mount_point, paths @ ..] = args.as_slice() else {
        return Err("usage: look MOUNT_POINT PATH...".into());
    };
    let expected = expected(mount_point)?;
    println!("identity {}", identity_to_json(&expected));
    let mut requests = Vec::new();
    for path in paths {
        let path = StorePath::parse(path).map_err(|e| e.to_string())?;
        requests.push(LookRequest { path, baseline: None });
    }
    let batch = look(&expected, &requests).map_err(|e| format!("{} {e}", e.code))?;
    for step in batch.proof.before.iter().chain(&batch.proof.after) {
        println!("proven {step}");
    }
    for (request, outcome) in requests.iter().zip(&batch.outcomes) {
        let words = match outcome {
            LookOutcome::Absent { how } => how.clone(),
            LookOutcome::Present(seen) => format!("{:?}", seen.file),
            LookOutcome::SillyRenamed { name } => name.clone(),
            LookOutcome::Unverifiable { detail, .. } => detail.clone(),
        };
        println!("{} {}: {words}", outcome.code(), request.path);
    }
    println!("took {} us", batch.proof.took_us);
    Ok(())
}
