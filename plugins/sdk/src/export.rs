//! `export_probe!`: one line that makes a crate a plugin. Owns the manifest's text and the exported symbol.

/// Exports a [`Probe`](crate::Probe) as this library's one probe.
///
/// ```standalone_crate
/// # use storewarden_plugin_sdk::{Cx, Error, NoConfig, Probe, Target, Verdict, export_probe};
/// # struct NfsRtt;
/// # impl Probe for NfsRtt {
/// #     type Config = NoConfig;
/// #     fn new(_: NoConfig) -> Result<Self, Error> { Ok(Self) }
/// #     fn probe(&mut self, _: &Target<'_>, _: &Cx<'_>) -> Result<Verdict, Error> { Ok(Verdict::ok()) }
/// # }
/// # fn main() {}
/// export_probe!(NfsRtt, name = "nfs-rtt", interval_ms = 30_000, deadline_ms = 5_000, capabilities = [network]);
/// ```
///
/// * `name`: of letters `a-z`, digits and `-`; unique among the plugins of an agent.
/// * `interval_ms`, `deadline_ms`: what an agent uses when its configuration says nothing.
/// * `capabilities`: what the probe asks for, of `read_data` (open and read files under the mount), `write_data`,
///   `raw_device`, `network`, `exec`. Without the list: nothing.
///
/// The version is the crate's own. Works in a crate with `#![forbid(unsafe_code)]`.
///
/// What cannot be right does not compile: a name out of the set, a capability that is none, a type that is no probe.
///
/// ```compile_fail,E0080
/// # use storewarden_plugin_sdk::{Cx, Error, NoConfig, Probe, Target, Verdict, export_probe};
/// # struct NfsRtt;
/// # impl Probe for NfsRtt {
/// #     type Config = NoConfig;
/// #     fn new(_: NoConfig) -> Result<Self, Error> { Ok(Self) }
/// #     fn probe(&mut self, _: &Target<'_>, _: &Cx<'_>) -> Result<Verdict, Error> { Ok(Verdict::ok()) }
/// # }
/// # fn main() {}
/// export_probe!(NfsRtt, name = "NFS RTT", interval_ms = 30_000, deadline_ms = 5_000);
/// ```
/// ```compile_fail,E0080
/// # use storewarden_plugin_sdk::{Cx, Error, NoConfig, Probe, Target, Verdict, export_probe};
/// # struct NfsRtt;
/// # impl Probe for NfsRtt {
/// #     type Config = NoConfig;
/// #     fn new(_: NoConfig) -> Result<Self, Error> { Ok(Self) }
/// #     fn probe(&mut self, _: &Target<'_>, _: &Cx<'_>) -> Result<Verdict, Error> { Ok(Verdict::ok()) }
/// # }
/// # fn main() {}
/// export_probe!(NfsRtt, name = "nfs-rtt", interval_ms = 30_000, deadline_ms = 5_000, capabilities = [everything]);
/// ```
/// ```compile_fail,E0277
/// # use storewarden_plugin_sdk::{Cx, Error, NoConfig, Probe, Target, Verdict, export_probe};
/// # struct NfsRtt;
/// # impl Probe for NfsRtt {
/// #     type Config = NoConfig;
/// #     fn new(_: NoConfig) -> Result<Self, Error> { Ok(Self) }
/// #     fn probe(&mut self, _: &Target<'_>, _: &Cx<'_>) -> Result<Verdict, Error> { Ok(Verdict::ok()) }
/// # }
/// # fn main() {}
/// export_probe!(String, name = "nfs-rtt", interval_ms = 30_000, deadline_ms = 5_000);
/// ```
///
/// A crate that unwinds on panic is required: with `panic = "abort"` nothing could be caught, and the build fails:
/// set `panic = "unwind"` (the default) in the profile.
#[macro_export]
macro_rules! export_probe {
    (
        $probe:ty, name = $name:literal, interval_ms = $interval_ms:literal, deadline_ms = $deadline_ms:literal
        $(, capabilities = [$($capability:ident),* $(,)?])? $(,)?
    ) => {
        const _: () = {
            #[cfg(panic = "abort")]
            ::core::compile_error!("a Storewarden probe must be built with panic = \"unwind\"");

            $crate::shim::manifest::name($name);
            $($($crate::shim::manifest::capability(::core::stringify!($capability));)*)?

            static PLUGIN: $crate::abi::swp_plugin = $crate::shim::plugin::<$probe>(::core::concat!(
                "{\"name\":\"", $name,
                "\",\"version\":\"", ::core::env!("CARGO_PKG_VERSION"),
                "\",\"default_interval_ms\":", $interval_ms,
                ",\"default_deadline_ms\":", $deadline_ms,
                ",\"capabilities\":[", $crate::__quoted_list!($($($capability),*)?), "]}"
            ));

            #[unsafe(no_mangle)]
            extern "C" fn storewarden_probe_v1() -> *const $crate::abi::swp_plugin {
                &raw const PLUGIN
            }
        };
    };
}

/// `a, b` as `"a","b"`, at compile time.
#[doc(hidden)]
#[macro_export]
macro_rules! __quoted_list {
    () => { "" };
    ($first:ident $(, $more:ident)*) => {
        ::core::concat!("\"", ::core::stringify!($first), "\"" $(, ",\"", ::core::stringify!($more), "\"")*)
    };
}
