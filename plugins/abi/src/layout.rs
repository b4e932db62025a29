//! Sizes and offsets, asserted when this crate is compiled. Owns the numbers that `tests/header.rs` asks a C compiler
//! to agree with. 64-bit Linux only: the ABI is not defined elsewhere.

use crate::{
    swp_create_args, swp_evidence, swp_host, swp_metric, swp_plugin, swp_probe_args, swp_str, swp_verdict,
};
use core::mem::{align_of, offset_of, size_of};

macro_rules! layout {
    ($name:ident: $size:literal { $($field:ident @ $offset:literal),+ $(,)? }) => {
        const _: () = {
            assert!(size_of::<$name>() == $size && align_of::<$name>() == 8);
            $(assert!(offset_of!($name, $field) == $offset);)+
        };
    };
}

layout!(swp_str: 16 { ptr @ 0, len @ 8 });
layout!(swp_metric: 32 { size @ 0, kind @ 4, name @ 8, value @ 24 });
layout!(swp_evidence: 40 { size @ 0, reserved @ 4, name @ 8, text @ 24 });
layout!(swp_verdict: 40 { size @ 0, code @ 4, reason @ 8, message @ 24 });
layout!(swp_host: 56 {
    size @ 0, abi_major @ 4, abi_minor @ 6, log @ 8, metric @ 16, evidence @ 24, verdict @ 32, fail @ 40, cancelled @ 48,
});
layout!(swp_create_args: 40 { size @ 0, reserved @ 4, host @ 8, config_json @ 16, deadline_ns @ 32 });
layout!(swp_probe_args: 80 {
    size @ 0, root_fd @ 4, deadline_ns @ 8, mount_point @ 16, fs_type @ 32, source @ 48, identity_json @ 64,
});
layout!(swp_plugin: 48 {
    size @ 0, abi_major @ 4, abi_minor @ 6, manifest_json @ 8, create @ 24, probe @ 32, destroy @ 40,
});
