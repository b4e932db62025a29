//! The command line. Owns the flags and the words of --help; a flag wins over the file.

use super::file::{self, ConfigError, Problem};
use super::{Config, LogFormat};
use clap::Parser;
use std::net::SocketAddr;
use std::path::PathBuf;

const ABOUT: &str = "Serves agents and clients of Storewarden, and keeps the ledger.";

const MORE: &str = "\
Storage hosts run an agent each; the agents dial this controller. Clients ask it over gRPC: how stores stand, \
whether an operation may start, whether a deletion has truly happened. Everything is recorded in a ledger in the \
data directory, which one controller owns at a time.";

const AFTER: &str = "\
Examples:
  storewarden-controller --data /var/lib/storewarden/controller
  storewarden-controller --config /etc/storewarden/controller.toml --check-config
  grpcurl -plaintext 127.0.0.1:7420 list

As soon as it serves it prints one line to standard output: listening on ADDRESS:PORT. \
Logs go to standard error. Health is grpc.health.v1 at the same address: NOT_SERVING while \
the ledger cannot be written; it recovers by itself. SIGINT and SIGTERM stop it in order, \
within 5 seconds.

Exit codes:
  0  stopped as asked, or --check-config found nothing wrong
  1  failed: address taken, data directory in use, ledger damaged; see standard error
  2  the command line or the configuration file is wrong; every problem is listed";

/// The command line of `storewarden-controller`.
#[derive(Clone, Debug, Default, Parser)]
#[command(name = "storewarden-controller", version, about = ABOUT, long_about = format!("{ABOUT}\n\n{MORE}"), after_long_help = AFTER)]
pub struct Args {
    /// Where to serve gRPC; port 0 takes any free one [default: 127.0.0.1:7420]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// The data directory, made if it is not there; it holds the ledger
    #[arg(long, value_name = "DIRECTORY")]
    pub data: Option<PathBuf>,
    /// Configuration file (TOML); flags win over it
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Read the configuration, list every problem with its line, and stop
    #[arg(long)]
    pub check_config: bool,
    /// Which log lines are written: a level, or levels by module such as info,h2=warn [default: info]
    #[arg(long, value_name = "FILTER", env = "RUST_LOG")]
    pub log: Option<String>,
    /// How log lines are written [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}

impl Args {
    /// Defaults, the file over them, the flags over both.
    ///
    /// # Errors
    /// Every problem of the file, or of what flags and file are together.
    pub fn config(&self) -> Result<Config, ConfigError> {
        let mut config = self.config.as_deref().map_or_else(|| Ok(Config::default()), file::load)?;
        let mut problems = Vec::new();
        if let Some(listen) = self.listen {
            config.listen = listen;
        }
        if let Some(data) = &self.data {
            config.data.clone_from(data);
        }
        if let Some(format) = self.log_format {
            config.log_format = format;
        }
        if let Some(filter) = self.log.as_deref().filter(|filter| !filter.is_empty()) {
            match file::log_filter(filter) {
                Ok(filter) => config.log = filter,
                Err(what) => problems.push(Problem { line: None, what: format!("--log: {what}") }),
            }
        }
        if config.data.as_os_str().is_empty() {
            let what =
                "data: name the data directory, by --data or as `data` in the configuration file".into();
            problems.push(Problem { line: None, what });
        }
        if problems.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError { path: self.config.clone(), problems })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_and_the_data_directory_is_wanted() {
        let args =
            Args::try_parse_from(["c", "--data", "/d", "--listen", "127.0.0.1:0", "--log", "warn"]).unwrap();
        let config = args.config().unwrap();
        assert_eq!((config.listen.port(), config.data.as_path()), (0, std::path::Path::new("/d")));
        assert_eq!(config.log, "warn");
        let error = Args::try_parse_from(["c", "--log", "a=b=c"]).unwrap().config().unwrap_err();
        assert_eq!(error.problems.len(), 2, "{error}");
    }
}
