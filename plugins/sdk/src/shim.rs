//! The three C functions behind a Rust probe. Owns every unsafe line of the SDK: null checks, borrowed strings,
//! `catch_unwind` around each entry, poisoning. Not for authors: [`export_probe!`](crate::export_probe) names it.
//!
//! A panic must be caught on this side. Rust cannot catch one that comes out of another copy of its runtime: a guard in
//! the host ends the process all the same (rust-lang/rust: "Rust cannot catch foreign exceptions").

use crate::cx::Sink;
use crate::{Cx, Error, ErrorKind, LogLevel, MetricKind, Probe, Target, Verdict};
use std::any::Any;
use std::ffi::OsStr;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, Once, PoisonError};
use storewarden_plugin_abi as abi;

/// What the macro can find wrong with a manifest while the probe is compiled. The host checks again.
pub mod manifest {
    /// Refuses a name that is not of `a-z`, `0-9`, `-`, starting with a letter, 64 bytes at most.
    pub const fn name(name: &str) {
        let bytes = name.as_bytes();
        assert!(!bytes.is_empty() && bytes.len() <= 64, "a probe's name has 1 to 64 characters");
        assert!(bytes[0].is_ascii_lowercase(), "a probe's name starts with a letter a-z");
        let mut at = 0;
        while at < bytes.len() {
            let byte = bytes[at];
            let fine = byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            assert!(fine, "a probe's name is of a-z, 0-9 and -");
            at += 1;
        }
    }

    /// Refuses a word that is no capability.
    pub const fn capability(word: &str) {
        let known =
            matches!(word.as_bytes(), b"read_data" | b"write_data" | b"raw_device" | b"network" | b"exec");
        assert!(known, "capabilities are read_data, write_data, raw_device, network and exec");
    }
}

/// The constant data that a probe's entry function returns.
#[must_use]
pub const fn plugin<P: Probe>(manifest_json: &'static str) -> abi::swp_plugin {
    abi::swp_plugin {
        size: size_of::<abi::swp_plugin>() as u32,
        abi_major: abi::SWP_ABI_MAJOR,
        abi_minor: 0,
        manifest_json: abi::swp_str::lend(manifest_json.as_bytes()),
        create: Some(create::<P>),
        probe: Some(probe::<P>),
        destroy: Some(destroy::<P>),
    }
}

/// Makes a probe from JSON text.
pub(crate) fn make<P: Probe>(config_json: &str) -> Result<P, Error> {
    let config =
        serde_json::from_str(config_json).map_err(|e| Error::config(format!("configuration: {e}")))?;
    P::new(config)
}

/// What the host holds as `swp_instance`.
struct Instance<P> {
    probe: P,
    host: abi::swp_host,
    /// Set by a panic: whatever it left behind is not to be trusted.
    poisoned: bool,
}

/// The host's callbacks for one call.
struct Line<'a> {
    host: &'a abi::swp_host,
    call: *mut abi::swp_call,
}

impl Line<'_> {
    fn fail(&self, message: &str) {
        if let Some(fail) = self.host.fail {
            // SAFETY: the host's own function, the host's own token, a string lent for the length of the call (R2).
            unsafe { fail(self.call, abi::swp_str::lend(message.as_bytes())) }
        }
    }

    /// Returns the callback's result; a host without it takes nothing.
    fn verdict(&self, verdict: &Verdict) -> i32 {
        let filled = abi::swp_verdict {
            size: size_of::<abi::swp_verdict>() as u32,
            code: verdict.level as u32,
            reason: abi::swp_str::lend(verdict.reason.as_bytes()),
            message: abi::swp_str::lend(verdict.message.as_bytes()),
        };
        // SAFETY: as in `fail`; the struct and its strings live until the callback returns.
        self.host.verdict.map_or(abi::SWP_E_INVALID, |say| unsafe { say(self.call, &raw const filled) })
    }
}

impl Sink for Line<'_> {
    fn metric(&self, kind: MetricKind, name: &str, value: f64) {
        let filled = abi::swp_metric {
            size: size_of::<abi::swp_metric>() as u32,
            kind: kind as u32,
            name: abi::swp_str::lend(name.as_bytes()),
            value,
        };
        if let Some(metric) = self.host.metric {
            // SAFETY: as in `verdict`. A refusal is the host's to log.
            unsafe { metric(self.call, &raw const filled) };
        }
    }

    fn evidence(&self, name: &str, text: &str) {
        let filled = abi::swp_evidence {
            size: size_of::<abi::swp_evidence>() as u32,
            reserved: 0,
            name: abi::swp_str::lend(name.as_bytes()),
            text: abi::swp_str::lend(text.as_bytes()),
        };
        if let Some(evidence) = self.host.evidence {
            // SAFETY: as in `metric`.
            unsafe { evidence(self.call, &raw const filled) };
        }
    }

    fn log(&self, level: LogLevel, message: &str) {
        if let Some(log) = self.host.log {
            // SAFETY: as in `fail`.
            unsafe { log(self.call, level as u32, abi::swp_str::lend(message.as_bytes())) }
        }
    }

    fn cancelled(&self) -> bool {
        // SAFETY: the host's own function and token.
        self.host.cancelled.is_some_and(|ask| unsafe { ask(self.call) } != 0)
    }
}

/// How a guarded piece of the author's code ended badly; `fail` has been told why.
enum Bad {
    Error(i32),
    Panic,
}

/// Runs the author's code; neither an error nor a panic gets past.
fn guarded<T>(line: &Line<'_>, code: impl FnOnce() -> Result<T, Error>) -> Result<T, Bad> {
    match catch_unwind(AssertUnwindSafe(code)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => {
            line.fail(&error.to_string());
            Err(Bad::Error(error.kind().number()))
        }
        Err(payload) => {
            let text = format!("panicked{}: {}", take_place(), panic_text(payload.as_ref()));
            line.log(LogLevel::Error, &text);
            line.fail(&text);
            // Dropping a foreign payload may panic again, outside of any guard.
            std::mem::forget(payload);
            Err(Bad::Panic)
        }
    }
}

fn panic_text(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&'static str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(a payload that is no text)")
}

/// Where the last panic of this library happened. The hook is this library's own: a cdylib brings its own std.
static PLACE: Mutex<String> = Mutex::new(String::new());

fn note_places() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let earlier = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if let Some(at) = info.location() {
                *PLACE.lock().unwrap_or_else(PoisonError::into_inner) = format!(" at {at}");
            }
            earlier(info);
        }));
    });
}

fn take_place() -> String {
    std::mem::take(&mut PLACE.lock().unwrap_or_else(PoisonError::into_inner))
}

/// # Safety
/// `text` is empty or lent by the host for at least `'a` (R2).
unsafe fn bytes<'a>(text: abi::swp_str) -> &'a [u8] {
    match usize::try_from(text.len) {
        // SAFETY: by contract `len` bytes at `ptr` are readable for 'a.
        Ok(len) if len > 0 && !text.ptr.is_null() => unsafe { std::slice::from_raw_parts(text.ptr, len) },
        _ => &[],
    }
}

fn utf8<'a>(what: &str, bytes: &'a [u8]) -> Result<&'a str, Error> {
    std::str::from_utf8(bytes).map_err(|_| Error::new(ErrorKind::Internal, format!("{what} is not UTF-8")))
}

/// `create` of the ABI.
///
/// # Safety
/// As the header says: `args` and `call` are the host's, `out` is writable.
unsafe extern "C" fn create<P: Probe>(
    args: *const abi::swp_create_args,
    call: *mut abi::swp_call,
    out: *mut *mut abi::swp_instance,
) -> i32 {
    // SAFETY: the host's struct, alive during this call (R1, R2).
    let Ok(args) = (unsafe { abi::read(args) }) else { return abi::SWP_E_INTERNAL };
    // SAFETY: likewise; it even lives until `destroy` returns.
    let Ok(host) = (unsafe { abi::read(args.host) }) else { return abi::SWP_E_INTERNAL };
    note_places();
    let made = guarded(&Line { host: &host, call }, || {
        // SAFETY: lent until this function returns, and no longer used than that.
        make::<P>(utf8("config_json", unsafe { bytes(args.config_json) })?)
    });
    match made {
        Ok(_) if out.is_null() => abi::SWP_E_INTERNAL,
        Ok(probe) => {
            let instance = Box::new(Instance { probe, host, poisoned: false });
            // SAFETY: not null, and writable by contract.
            unsafe { out.write(Box::into_raw(instance).cast()) };
            abi::SWP_OK
        }
        Err(Bad::Error(number)) => number,
        Err(Bad::Panic) => abi::SWP_E_INTERNAL,
    }
}

/// `probe` of the ABI.
///
/// # Safety
/// As the header says: `instance` came from `create::<P>` and is used by one call at a time.
unsafe extern "C" fn probe<P: Probe>(
    instance: *mut abi::swp_instance,
    args: *const abi::swp_probe_args,
    call: *mut abi::swp_call,
) -> i32 {
    // SAFETY: null or made by `create::<P>`; R5 makes this the only reference.
    let Some(instance) = (unsafe { instance.cast::<Instance<P>>().as_mut() }) else {
        return abi::SWP_E_INTERNAL;
    };
    let Instance { probe, host, poisoned } = instance;
    let line = Line { host, call };
    if *poisoned {
        line.fail("this instance panicked before; it answers no more");
        return abi::SWP_E_INTERNAL;
    }
    // SAFETY: the host's struct, alive during this call.
    let Ok(args) = (unsafe { abi::read(args) }) else { return abi::SWP_E_INTERNAL };
    let found = guarded(&line, || {
        // SAFETY: everything in `args` is lent until this function returns, and the target does not outlive it.
        let target = unsafe { target(&args) }?;
        probe.probe(&target, &Cx::new(&line, args.deadline_ns))
    });
    match found {
        // A verdict that the host does not take (a malformed reason) is a fault of the probe.
        Ok(verdict) => match line.verdict(&verdict) {
            abi::SWP_OK => abi::SWP_OK,
            number => {
                line.fail(&format!("the host refused the verdict {:?} ({number})", verdict.reason));
                abi::SWP_E_INTERNAL
            }
        },
        Err(Bad::Error(number)) => number,
        Err(Bad::Panic) => {
            *poisoned = true;
            abi::SWP_E_INTERNAL
        }
    }
}

/// # Safety
/// What `args` points at lives for `'a`.
unsafe fn target<'a>(args: &abi::swp_probe_args) -> Result<Target<'a>, Error> {
    // SAFETY: by contract.
    let (mount_point, fs_type, source, identity) = unsafe {
        (bytes(args.mount_point), bytes(args.fs_type), bytes(args.source), bytes(args.identity_json))
    };
    // SAFETY: a descriptor that is not -1 is open and lent by the host during the call.
    let root = (args.root_fd >= 0).then(|| unsafe { BorrowedFd::borrow_raw(args.root_fd) });
    Ok(Target::at(OsStr::from_bytes(mount_point))
        .with_fs_type(utf8("fs_type", fs_type)?)
        .with_source(source)
        .with_identity_json(utf8("identity_json", identity)?)
        .with_root(root))
}

/// `destroy` of the ABI.
///
/// # Safety
/// `instance` came from `create::<P>` and is not used afterwards.
unsafe extern "C" fn destroy<P: Probe>(instance: *mut abi::swp_instance) {
    if instance.is_null() {
        return;
    }
    // SAFETY: made by `Box::into_raw` in `create::<P>`, given back once.
    let instance = unsafe { Box::from_raw(instance.cast::<Instance<P>>()) };
    // A `Drop` that panics is an author's too. There is no call here, so nobody can be told.
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(instance))) {
        std::mem::forget(payload);
    }
}
