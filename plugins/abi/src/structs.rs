//! The structs that cross the border, field by field as in the header. Owns layout; no behaviour but what makes an
//! empty or a borrowed value.
//!
//! Function pointers are `Option`: a C author can leave one NULL, and a reader must find that out, not run into it.

use core::marker::{PhantomData, PhantomPinned};

/// Text or bytes, lent. Frozen: it has no `size` and never changes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct swp_str {
    /// First byte; may be null when `len` is 0.
    pub ptr: *const u8,
    /// Bytes.
    pub len: u64,
}

// SAFETY: a swp_str is two plain words. What it points at is governed by R2 (lent, and never written through), and
// whoever reads it does so in an `unsafe` block that answers for that.
unsafe impl Sync for swp_str {}
// SAFETY: as for Sync.
unsafe impl Send for swp_str {}

impl swp_str {
    /// Nothing.
    pub const EMPTY: Self = Self { ptr: core::ptr::null(), len: 0 };

    /// Lends `bytes`; the caller keeps them alive as long as R2 asks.
    #[must_use]
    pub const fn lend(bytes: &[u8]) -> Self {
        Self { ptr: bytes.as_ptr(), len: bytes.len() as u64 }
    }
}

/// A probe's own state, opaque to the host.
#[repr(C)]
pub struct swp_instance {
    _bytes: [u8; 0],
    _not_ours: PhantomData<(*mut u8, PhantomPinned)>,
}

/// The host's token for one call, opaque to the probe.
#[repr(C)]
pub struct swp_call {
    _bytes: [u8; 0],
    _not_ours: PhantomData<(*mut u8, PhantomPinned)>,
}

/// One measured number.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct swp_metric {
    /// R1.
    pub size: u32,
    /// `SWP_GAUGE` or `SWP_COUNTER`.
    pub kind: u32,
    /// `[a-zA-Z_][a-zA-Z0-9_]*`, its unit last.
    pub name: swp_str,
    /// Finite.
    pub value: f64,
}

/// One text that a verdict rests on.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct swp_evidence {
    /// R1.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// What the text is.
    pub name: swp_str,
    /// The text.
    pub text: swp_str,
}

/// What a probe found.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct swp_verdict {
    /// R1.
    pub size: u32,
    /// `SWP_VERDICT_*`.
    pub code: u32,
    /// A stable token, `[A-Za-z0-9_]+`.
    pub reason: swp_str,
    /// One sentence.
    pub message: swp_str,
}

/// `log` of [`swp_host`].
pub type swp_log_fn = unsafe extern "C" fn(call: *mut swp_call, level: u32, message: swp_str);
/// `metric` of [`swp_host`].
pub type swp_metric_fn = unsafe extern "C" fn(call: *mut swp_call, metric: *const swp_metric) -> i32;
/// `evidence` of [`swp_host`].
pub type swp_evidence_fn = unsafe extern "C" fn(call: *mut swp_call, evidence: *const swp_evidence) -> i32;
/// `verdict` of [`swp_host`].
pub type swp_verdict_fn = unsafe extern "C" fn(call: *mut swp_call, verdict: *const swp_verdict) -> i32;
/// `fail` of [`swp_host`].
pub type swp_fail_fn = unsafe extern "C" fn(call: *mut swp_call, message: swp_str);
/// `cancelled` of [`swp_host`].
pub type swp_cancelled_fn = unsafe extern "C" fn(call: *mut swp_call) -> i32;

/// What a host offers.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct swp_host {
    /// R1.
    pub size: u32,
    /// `SWP_ABI_MAJOR`.
    pub abi_major: u16,
    /// The host's minor.
    pub abi_minor: u16,
    /// Says something to people who debug.
    pub log: Option<swp_log_fn>,
    /// Reports a number.
    pub metric: Option<swp_metric_fn>,
    /// Reports a text.
    pub evidence: Option<swp_evidence_fn>,
    /// Reports the finding, exactly once.
    pub verdict: Option<swp_verdict_fn>,
    /// The text that goes with a negative result.
    pub fail: Option<swp_fail_fn>,
    /// 1 once nobody waits any more.
    pub cancelled: Option<swp_cancelled_fn>,
}

/// Arguments of `create`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct swp_create_args {
    /// R1.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Lent until `destroy` returns.
    pub host: *const swp_host,
    /// One JSON object.
    pub config_json: swp_str,
    /// CLOCK_MONOTONIC, absolute, nanoseconds.
    pub deadline_ns: u64,
}

/// Arguments of `probe`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct swp_probe_args {
    /// R1.
    pub size: u32,
    /// O_PATH descriptor of the mount's root, or -1.
    pub root_fd: i32,
    /// CLOCK_MONOTONIC, absolute, nanoseconds.
    pub deadline_ns: u64,
    /// Bytes: absolute path.
    pub mount_point: swp_str,
    /// File-system type.
    pub fs_type: swp_str,
    /// Bytes: what is mounted.
    pub source: swp_str,
    /// What the mount is expected to be; the keys are listed in the header.
    pub identity_json: swp_str,
}

/// `create` of [`swp_plugin`].
pub type swp_create_fn = unsafe extern "C" fn(
    args: *const swp_create_args,
    call: *mut swp_call,
    out: *mut *mut swp_instance,
) -> i32;
/// `probe` of [`swp_plugin`].
pub type swp_probe_fn = unsafe extern "C" fn(
    instance: *mut swp_instance,
    args: *const swp_probe_args,
    call: *mut swp_call,
) -> i32;
/// `destroy` of [`swp_plugin`].
pub type swp_destroy_fn = unsafe extern "C" fn(instance: *mut swp_instance);

/// What a probe is.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct swp_plugin {
    /// R1.
    pub size: u32,
    /// `SWP_ABI_MAJOR`.
    pub abi_major: u16,
    /// The lowest host minor it can work with.
    pub abi_minor: u16,
    /// Name, version, defaults, wanted capabilities.
    pub manifest_json: swp_str,
    /// Makes an instance from a configuration.
    pub create: Option<swp_create_fn>,
    /// Looks once.
    pub probe: Option<swp_probe_fn>,
    /// Ends an instance.
    pub destroy: Option<swp_destroy_fn>,
}

/// The type of the exported function.
pub type swp_entry_fn = unsafe extern "C" fn() -> *const swp_plugin;
