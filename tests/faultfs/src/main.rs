//! `faultfs BACKING MOUNTPOINT [--ttl-ms N] [--source NAME]`: serves one mount until its standard input ends or it is told
//! to terminate. Says `mounted`, then reads fault words, one a line, and answers each with `ok WORD` or `error WHY`.

#![forbid(unsafe_code)]

mod arguments;
mod session;

use arguments::Arguments;
use std::process::ExitCode;
use storewarden_faultfs::{Switch, mount};

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args_os().skip(1)) {
        Ok(arguments) => arguments,
        Err(problem) => {
            eprintln!("faultfs: {problem}\n{}", arguments::USAGE);
            return ExitCode::from(64);
        }
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("faultfs: {}", chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let stop = runtime.block_on(async { session::Stop::listen() })?;
    let switch = Switch::new();
    let mounted = mount(&arguments.backing, &arguments.at, switch.clone(), &arguments.options)?;
    // Whoever started us may be gone; what counts is that the mount goes too.
    let told = runtime.block_on(session::serve(&switch, stop));
    mounted.unmount()?;
    Ok(told?)
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |e| e.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
