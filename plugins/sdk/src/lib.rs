//! Write a Storewarden probe in Rust: one trait, one macro.
//!
//! A probe answers one question about one mount. Implement [`Probe`], name it in [`export_probe!`], build the crate as
//! a `cdylib`, and put the `.so` into the agent's plugin directory. This is a complete one:
//!
//! ```
//! #![forbid(unsafe_code)]
//! use storewarden_plugin_sdk::{Cx, Error, Probe, Target, Verdict, export_probe, serde::Deserialize};
//!
//! #[derive(Deserialize)]
//! #[serde(crate = "storewarden_plugin_sdk::serde", deny_unknown_fields, default)]
//! struct Config { slow_ms: u64 }
//! impl Default for Config { fn default() -> Self { Self { slow_ms: 500 } } }
//!
//! struct StatLatency(Config);
//! impl Probe for StatLatency {
//!     type Config = Config;
//!     fn new(config: Config) -> Result<Self, Error> { Ok(Self(config)) }
//!     fn probe(&mut self, target: &Target<'_>, cx: &Cx<'_>) -> Result<Verdict, Error> {
//!         let began = std::time::Instant::now();
//!         std::fs::symlink_metadata(target.mount_point())?;
//!         cx.gauge("stat_seconds", began.elapsed().as_secs_f64());
//!         let slow = began.elapsed().as_millis() > u128::from(self.0.slow_ms);
//!         Ok(if slow { Verdict::warn("Slow", "stat took too long") } else { Verdict::ok() })
//!     }
//! }
//! export_probe!(StatLatency, name = "stat-latency", interval_ms = 30_000, deadline_ms = 5_000);
//!
//! // And its unit test, without a `.so` and without a host process:
//! # fn main() {
//! let mut host = storewarden_plugin_sdk::FakeHost::new();
//! let run = host.run::<StatLatency>("{}", &Target::at("/tmp"));
//! assert_eq!(run.verdict(), &Verdict::ok());
//! assert_eq!(run.metrics[0].name, "stat_seconds");
//! # }
//! ```
//!
//! What happens around it: every call comes from one thread, one at a time, in a process that exists for one mount. A
//! panic is caught, told to the host and ends the instance; a call past its deadline ends the process. So a probe may
//! simply block: it need not defend itself against a dead server. It must not keep descriptors of the mount open
//! between calls (a held descriptor makes `umount` fail) and must not write there unless that is its purpose.
//!
//! Owns the safe side of the C ABI. Must not know: how the library is loaded, Storewarden's codes, any store.

mod cx;
mod error;
mod export;
mod fake;
mod probe;
#[doc(hidden)]
pub mod shim;
mod target;
mod verdict;

pub use cx::{Cx, LogLevel, MetricKind};
pub use error::{Error, ErrorKind};
pub use fake::{FakeHost, FakeMetric, FakeRun};
pub use probe::{NoConfig, Probe};
pub use serde;
pub use serde_json;
#[doc(hidden)]
pub use storewarden_plugin_abi as abi;
pub use target::Target;
pub use verdict::{Level, Verdict};
