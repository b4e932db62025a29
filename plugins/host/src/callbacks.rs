//! The six functions that a probe may call. Owns the way from foreign pointers to [`Said`]; decides nothing.
//!
//! None of them panics: a panic that leaves an `extern "C"` function ends the process.

use crate::call::{Said, with};
use crate::text::take;
use storewarden_plugin_abi as abi;

/// What every probe is given; lives as long as the process.
pub(crate) static HOST: abi::swp_host = abi::swp_host {
    size: size_of::<abi::swp_host>() as u32,
    abi_major: abi::SWP_ABI_MAJOR,
    abi_minor: abi::SWP_ABI_MINOR,
    log: Some(log),
    metric: Some(metric),
    evidence: Some(evidence),
    verdict: Some(verdict),
    fail: Some(fail),
    cancelled: Some(cancelled),
};

/// One byte over the bound, so that a name too long is seen to be so and refused instead of cut.
const NAME_MAX: usize = abi::SWP_NAME_BYTES_MAX as usize + 1;
const TEXT_MAX: usize = abi::SWP_TEXT_BYTES_MAX as usize;

fn malformed(said: &mut Said, what: &str) -> i32 {
    said.refuse(abi::SWP_E_INVALID, || format!("a malformed {what}"))
}

/// # Safety
/// `message` is lent as R2 says. The same for every function below.
unsafe extern "C" fn log(call: *mut abi::swp_call, level: u32, message: abi::swp_str) {
    with(call, (), |said| {
        // SAFETY: by this function's contract.
        if let Some(text) = unsafe { take(message, TEXT_MAX) } {
            said.log(level, text);
        }
    });
}

/// # Safety
/// `metric` is null or a struct as R1 says, its strings lent as R2 says.
unsafe extern "C" fn metric(call: *mut abi::swp_call, metric: *const abi::swp_metric) -> i32 {
    with(call, abi::SWP_E_ENDED, |said| {
        // SAFETY: by this function's contract.
        let Ok(metric) = (unsafe { abi::read(metric) }) else { return malformed(said, "metric") };
        // SAFETY: likewise.
        let Some(name) = (unsafe { take(metric.name, NAME_MAX) }) else { return malformed(said, "metric") };
        said.metric(metric.kind, name, metric.value)
    })
}

/// # Safety
/// As for `metric`.
unsafe extern "C" fn evidence(call: *mut abi::swp_call, evidence: *const abi::swp_evidence) -> i32 {
    with(call, abi::SWP_E_ENDED, |said| {
        // SAFETY: by this function's contract.
        let Ok(evidence) = (unsafe { abi::read(evidence) }) else {
            return malformed(said, "piece of evidence");
        };
        // SAFETY: likewise.
        let name = unsafe { take(evidence.name, abi::SWP_NAME_BYTES_MAX as usize) };
        // SAFETY: likewise.
        let text = unsafe { take(evidence.text, said.evidence_room()) };
        let (Some(name), Some(text)) = (name, text) else { return malformed(said, "piece of evidence") };
        said.evidence(name, text)
    })
}

/// # Safety
/// As for `metric`.
unsafe extern "C" fn verdict(call: *mut abi::swp_call, verdict: *const abi::swp_verdict) -> i32 {
    with(call, abi::SWP_E_ENDED, |said| {
        // SAFETY: by this function's contract.
        let Ok(verdict) = (unsafe { abi::read(verdict) }) else { return malformed(said, "verdict") };
        // SAFETY: likewise.
        let (reason, message) = unsafe { (take(verdict.reason, NAME_MAX), take(verdict.message, TEXT_MAX)) };
        let (Some(reason), Some(message)) = (reason, message) else { return malformed(said, "verdict") };
        said.say(verdict.code, reason, message)
    })
}

/// # Safety
/// As for `log`.
unsafe extern "C" fn fail(call: *mut abi::swp_call, message: abi::swp_str) {
    with(call, (), |said| {
        // SAFETY: by this function's contract.
        if let Some(text) = unsafe { take(message, TEXT_MAX) } {
            said.fail(text);
        }
    });
}

unsafe extern "C" fn cancelled(call: *mut abi::swp_call) -> i32 {
    // A call that is over is certainly not waited for.
    with(call, 1, |said| i32::from(said.is_over()))
}
