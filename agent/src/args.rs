//! The command line: what it offers and how it teaches.

use clap::Parser;
use std::path::PathBuf;
use storewarden_agent::Overrides;
use storewarden_agent::telemetry::LogFormat;

const EXAMPLES: &str = "\
Examples:
  Watch the secondary-storage mounts of a CloudStack SSVM (nfs and nfs4 under /mnt/SecStorage are found by themselves):
    storewarden-agent --controller http://10.1.1.5:7117
  Try it out on any directory, with nothing installed (a plain directory cannot tell unmounted from empty):
    storewarden-agent --controller http://127.0.0.1:7117 --data /tmp/agent --mount /tmp/store
  Two controllers, everything else from a file; check the file first:
    storewarden-agent --config /etc/storewarden/agent.toml --check-config
    storewarden-agent --config /etc/storewarden/agent.toml --controller http://a:7117 --controller http://b:7117
  A store was taken away for good and is reported as NOT_MOUNTED ever since:
    storewarden-agent --config /etc/storewarden/agent.toml --forget /mnt/SecStorage/old

The agent never touches what it watches: worker processes do, one for each mount. Every key of the configuration file is
shown with its default in examples/agent.toml.

Exit codes:
  0  stopped by SIGINT or SIGTERM (within 2 seconds, whatever the mounts do)
  1  failed; standard error says why
  2  wrong usage or configuration; all problems are listed at once";

/// The Storewarden agent: watches the stores mounted on this host and tells a controller how they stand and what was
/// deleted. Dials out; needs no open port.
#[derive(Debug, Parser)]
#[command(name = "storewarden-agent", version, after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Controller to dial, tried in turn when given several times. Replaces `controllers` of the file.
    #[arg(long = "controller", value_name = "URL", env = "STOREWARDEN_CONTROLLER", value_delimiter = ',')]
    controllers: Vec<String>,
    /// Directory of the agent's own, on a local disk: outbox, agent id [default: /var/lib/storewarden-agent]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Mount point to watch besides those that are found; a path where nothing is mounted is taken as a plain directory.
    #[arg(long = "mount", value_name = "PATH")]
    mounts: Vec<String>,
    /// Directory of probe plugins [default: `plugins` or `lib/storewarden/plugins` beside this program]
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
    /// Configuration file (TOML).
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Check the configuration, print `ok` or all problems, and exit.
    #[arg(long)]
    pub(crate) check_config: bool,
    /// Who this agent is [default: made up once as HOST-xxxxxxxx and kept in the data directory]
    #[arg(long, value_name = "ID")]
    agent_id: Option<String>,
    /// The worker program [default: `storewarden-worker` beside this program]
    #[arg(long, value_name = "PATH")]
    worker: Option<PathBuf>,
    /// Forget an expected mount that was taken away for good.
    #[arg(long, value_name = "PATH")]
    forget: Vec<String>,
    /// What to log, such as `info` or `warn,storewarden_agent=debug` [default: info]
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// How to log.
    #[arg(long, value_enum, value_name = "FORMAT")]
    log_format: Option<LogFormat>,
}

impl Args {
    /// The part that goes over the configuration file.
    pub(crate) fn into_overrides(self) -> Overrides {
        Overrides {
            controllers: self.controllers,
            data: self.data,
            mounts: self.mounts,
            plugins: self.plugins,
            agent_id: self.agent_id,
            worker: self.worker,
            forget: self.forget,
            log: self.log,
            log_format: self.log_format,
        }
    }
}
