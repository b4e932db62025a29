//! `storewarden-agent`: arguments, configuration, logging, runtime, run, exit code.

#![forbid(unsafe_code)]

mod args;

use clap::Parser as _;
use std::process::ExitCode;
use std::time::Duration;
use storewarden_agent::{Settings, config, host, run, shutdown, telemetry};

const FAILED: u8 = 1;
const MISCONFIGURED: u8 = 2;
/// Threads for name resolution, opening the outbox and inspecting stuck workers.
const BLOCKING_THREADS_MAX: usize = 16;
const BLOCKING_THREAD_IDLE: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let args = args::Args::parse();
    let (file, check_only) = (args.config.clone(), args.check_config);
    let settings = match config::load(file.as_deref(), args.into_overrides()) {
        Ok(settings) => settings,
        Err(problems) => {
            for problem in problems {
                eprintln!("{problem}");
            }
            return ExitCode::from(MISCONFIGURED);
        }
    };
    if check_only {
        println!("{}", config::summary(&settings));
        return ExitCode::SUCCESS;
    }
    match start(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("storewarden-agent: {}", telemetry::chain(error.as_ref()));
            ExitCode::from(FAILED)
        }
    }
}

fn start(settings: Settings) -> Result<(), Box<dyn std::error::Error>> {
    let log = telemetry::start(telemetry::parse_filter(&settings.log)?, settings.log_format)?;
    host::raise_descriptor_limit();
    // Whoever started us may stand on a monitored mount; we must not stay there.
    std::env::set_current_dir("/")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .thread_keep_alive(BLOCKING_THREAD_IDLE)
        .build()?;
    let outcome = runtime.block_on(async { run(settings, shutdown::on_signal()?).await.map_err(Box::from) });
    // Never wait for a thread that may be stuck.
    runtime.shutdown_background();
    log.finish();
    outcome
}
