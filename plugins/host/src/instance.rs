//! A probe that has been made, and what it reports. Owns the life of a `swp_instance`: one thread, one call at a time.

use crate::call::{OpenCall, Said};
use crate::error::{ProbeError, ProbeErrorKind};
use crate::load::Functions;
use crate::{CancelFlag, Deadline};
use std::os::fd::{AsRawFd as _, BorrowedFd};
use storewarden_plugin_abi as abi;

/// The mount that is asked about.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProbeTarget<'a> {
    /// Absolute path of the mount point; bytes.
    pub mount_point: &'a [u8],
    /// File-system type as mountinfo writes it.
    pub fs_type: &'a str,
    /// Source as mountinfo writes it; bytes.
    pub source: &'a [u8],
    /// What the mount is expected to be, as one JSON object (keys: see `swp_probe_args` in the header); may be empty.
    pub identity_json: &'a str,
    /// An O_PATH descriptor of the mount's root, if there is one to lend.
    pub root: Option<BorrowedFd<'a>>,
}

/// One log line of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// 1 error, 2 warn, 3 info, 4 debug, 5 trace.
    pub level: u32,
    /// At most 1024 bytes.
    pub text: String,
}

/// What one look found. Everything is bounded, copied and valid UTF-8.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeReport {
    /// 0 OK, 1 WARN, 2 CRIT, 3 UNKNOWN.
    pub verdict: u32,
    /// A token `[A-Za-z0-9_]+` of at most 64 bytes.
    pub reason: String,
    /// One sentence of at most 1024 bytes; may be empty.
    pub message: String,
    /// At most 64 names with finite values, each name once. (Whether a metric is a gauge or a counter is checked and
    /// not kept.)
    pub metrics: Vec<(String, f64)>,
    /// At most 16 names with texts, 64 KiB of text together.
    pub evidence: Vec<(String, String)>,
    /// At most 64 lines, and two of the host's own about what it did not take.
    pub log: Vec<LogLine>,
}

/// A probe with its configuration. Not `Send`: the ABI promises the probe one thread.
#[derive(Debug)]
pub struct Instance {
    functions: Functions,
    raw: *mut abi::swp_instance,
}

impl Instance {
    /// Calls `create`. See [`Plugin::create`](crate::Plugin::create).
    pub(crate) fn create(
        functions: Functions,
        config_json: &str,
        deadline: Deadline,
        cancel: &CancelFlag,
    ) -> Result<Self, ProbeError> {
        let args = abi::swp_create_args {
            size: size_of::<abi::swp_create_args>() as u32,
            reserved: 0,
            host: &raw const crate::callbacks::HOST,
            config_json: abi::swp_str::lend(config_json.as_bytes()),
            deadline_ns: deadline.monotonic_ns(),
        };
        let call = OpenCall::begin(Said::new(false, deadline, cancel));
        let mut raw = std::ptr::null_mut();
        // SAFETY: the function was checked when the plugin was loaded and its library is never unloaded; the arguments
        // live until it returns, the host table for ever.
        let number = unsafe { (functions.create)(&raw const args, call.token(), &raw mut raw) };
        let Some(said) = call.end() else { return Err(ProbeError::lost()) };
        match ProbeErrorKind::of(number) {
            None if raw.is_null() => Err(ProbeError::from_said(ProbeErrorKind::NoInstance, said)),
            None => Ok(Self { functions, raw }),
            Some(kind) => Err(ProbeError::from_said(kind, said)),
        }
    }

    /// Looks once. Blocks as long as the probe blocks: the deadline is told to it, and enforced by whoever can end this
    /// process.
    ///
    /// # Errors
    /// When the probe has no verdict, or more than one. After [`ProbeErrorKind::Internal`] drop the instance and make
    /// another.
    pub fn probe(
        &mut self,
        target: &ProbeTarget<'_>,
        deadline: Deadline,
        cancel: &CancelFlag,
    ) -> Result<ProbeReport, ProbeError> {
        let args = abi::swp_probe_args {
            size: size_of::<abi::swp_probe_args>() as u32,
            root_fd: target.root.map_or(-1, |root| root.as_raw_fd()),
            deadline_ns: deadline.monotonic_ns(),
            mount_point: abi::swp_str::lend(target.mount_point),
            fs_type: abi::swp_str::lend(target.fs_type.as_bytes()),
            source: abi::swp_str::lend(target.source),
            identity_json: abi::swp_str::lend(target.identity_json.as_bytes()),
        };
        let call = OpenCall::begin(Said::new(true, deadline, cancel));
        // SAFETY: as in `create`; `raw` came from it, and `&mut self` makes this the only call.
        let number = unsafe { (self.functions.probe)(self.raw, &raw const args, call.token()) };
        let Some(said) = call.end() else { return Err(ProbeError::lost()) };
        report(number, said)
    }
}

/// The result and the words of a call, put together.
fn report(number: i32, mut said: Said) -> Result<ProbeReport, ProbeError> {
    if let Some(kind) = ProbeErrorKind::of(number) {
        return Err(ProbeError::from_said(kind, said));
    }
    if said.verdicts > 1 {
        return Err(ProbeError::from_said(ProbeErrorKind::TwoVerdicts, said));
    }
    let Some((verdict, reason, message)) = said.verdict.take() else {
        return Err(ProbeError::from_said(ProbeErrorKind::NoVerdict, said));
    };
    let log = said.close_log();
    Ok(ProbeReport { verdict, reason, message, metrics: said.metrics, evidence: said.evidence, log })
}

impl Drop for Instance {
    fn drop(&mut self) {
        // SAFETY: `raw` came from this plugin's `create` and is given back once.
        unsafe { (self.functions.destroy)(self.raw) }
    }
}
