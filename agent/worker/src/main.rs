//! `storewarden-worker`: see the library. Exit codes: 0 the agent is gone, 1 a fault, 2 started by hand.

#![forbid(unsafe_code)]

use std::process::ExitCode;
use storewarden_worker::{SetUpError, run, take_socket};

fn main() -> ExitCode {
    let socket = match take_socket() {
        Ok(socket) => socket,
        Err(error @ SetUpError::ByHand) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
        Err(error @ SetUpError::Call { .. }) => {
            eprintln!(
                "storewarden-worker: {error}: {}",
                std::error::Error::source(&error).map_or_else(String::new, ToString::to_string)
            );
            return ExitCode::FAILURE;
        }
    };
    match run(socket) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("storewarden-worker: {error}");
            ExitCode::FAILURE
        }
    }
}
