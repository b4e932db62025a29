//! `storewarden-controller`: arguments, configuration, logs, run, exit code.

#![forbid(unsafe_code)]

use clap::Parser;
use std::process::ExitCode;
use storewarden_controller::{Args, Config, asked_to_stop, run, telemetry};

/// The configuration is wrong; clap gives the same for the command line.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let args = Args::parse();
    let config = match args.config() {
        Ok(config) => config,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(USAGE);
        }
    };
    if args.check_config {
        println!("ok");
        return ExitCode::SUCCESS;
    }
    telemetry::install(&config.log, config.log_format);
    match serve(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("storewarden-controller: {}", telemetry::chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn serve(config: Config) -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        let stop = asked_to_stop()?;
        run(config, stop).await?;
        Ok(())
    });
    // Nothing is owed to what still runs: clients were told, the ledger is closed.
    runtime.shutdown_background();
    done
}
