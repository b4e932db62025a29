//! `storewarden`: ask a controller, track deletions, follow what happens.
//!
//! The table of contents: arguments, runtime, the command, the exit code. Everything the program knows comes from the
//! controller's gRPC API; it must not know ledgers, agents' insides or mounts.

#![forbid(unsafe_code)]

mod args;
mod commands;
mod connect;
mod exit;
mod failure;
mod hint;
mod json;
mod out;
mod paths;
mod render;
mod standing;
mod tally;

use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match args::read() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let mut out = out::Out::new(&cli.globals);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(source) => return out.fail(&failure::Failure::Runtime { source }).into(),
    };
    let result = runtime.block_on(commands::run(cli, &mut out));
    // Not dropped: a name lookup that hangs in a thread of its own must not hold the program.
    runtime.shutdown_background();
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => out.fail(&failure).into(),
    }
}
