//! The header and the mirror say the same: the system's C and C++ compilers are asked to agree with every size, offset
//! and number of the Rust side, under the strictest flags an author may use.

#![allow(clippy::unwrap_used)] // a test may panic

use std::fmt::Write as _;
use std::mem::{offset_of, size_of};
use std::path::{Path, PathBuf};
use std::process::Command;
use storewarden_plugin_abi as abi;

/// A C condition that must hold, as text.
fn claims() -> Vec<String> {
    let mut claims = Vec::new();
    macro_rules! layout {
        ($name:ident { $($field:ident),+ }) => {
            claims.push(format!("sizeof({}) == {}", stringify!($name), size_of::<abi::$name>()));
            $(claims.push(format!(
                "offsetof({}, {}) == {}", stringify!($name), stringify!($field), offset_of!(abi::$name, $field)
            ));)+
        };
    }
    layout!(swp_str { ptr, len });
    layout!(swp_metric { size, kind, name, value });
    layout!(swp_evidence { size, reserved, name, text });
    layout!(swp_verdict { size, code, reason, message });
    layout!(swp_host { size, abi_major, abi_minor, log, metric, evidence, verdict, fail, cancelled });
    layout!(swp_create_args { size, reserved, host, config_json, deadline_ns });
    layout!(swp_probe_args { size, root_fd, deadline_ns, mount_point, fs_type, source, identity_json });
    layout!(swp_plugin { size, abi_major, abi_minor, manifest_json, create, probe, destroy });
    macro_rules! number {
        ($($name:ident),+ $(,)?) => { $(claims.push(format!("{} == {}", stringify!($name), abi::$name));)+ };
    }
    number!(
        SWP_ABI_MAJOR,
        SWP_ABI_MINOR,
        SWP_OK,
        SWP_E_CONFIG,
        SWP_E_CANCELLED,
        SWP_E_UNSUPPORTED,
        SWP_E_FAILED,
        SWP_E_INTERNAL,
        SWP_E_LIMIT,
        SWP_E_ENDED,
        SWP_E_INVALID,
        SWP_VERDICT_OK,
        SWP_VERDICT_WARN,
        SWP_VERDICT_CRIT,
        SWP_VERDICT_UNKNOWN,
        SWP_GAUGE,
        SWP_COUNTER,
        SWP_LOG_ERROR,
        SWP_LOG_WARN,
        SWP_LOG_INFO,
        SWP_LOG_DEBUG,
        SWP_LOG_TRACE,
        SWP_NAME_BYTES_MAX,
        SWP_TEXT_BYTES_MAX,
        SWP_METRICS_MAX,
        SWP_EVIDENCE_MAX,
        SWP_EVIDENCE_BYTES_MAX,
        SWP_LOG_LINES_MAX,
        SWP_MANIFEST_BYTES_MAX,
    );
    claims.push(format!("sizeof(SWP_ENTRY_SYMBOL) == {}", abi::SWP_ENTRY_SYMBOL.len() + 1));
    claims
}

/// The header's own bytes. A number that only the header has would be a number that Rust does not know.
fn header() -> String {
    std::fs::read_to_string(include_dir().join("storewarden_probe.h")).unwrap()
}

fn include_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("include")
}

/// Compiles `claims` as negative array sizes: valid C99 and C++11 alike, unlike `_Static_assert`.
fn compile(compiler: &str, std: &str, extension: &str, claims: &[String]) -> Result<(), String> {
    let mut source = String::from("#include <stddef.h>\n#include \"storewarden_probe.h\"\n");
    for (at, claim) in claims.iter().enumerate() {
        writeln!(source, "typedef char claim_{at}[({claim}) ? 1 : -1]; /* {claim} */").unwrap();
    }
    let dir =
        std::env::temp_dir().join(format!("swp-header-{}-{extension}-{}", std::process::id(), claims.len()));
    std::fs::create_dir_all(&dir).unwrap();
    let file = dir.join(format!("claims.{extension}"));
    std::fs::write(&file, source).unwrap();
    let output = Command::new(compiler)
        .args([std, "-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"])
        .arg("-I")
        .arg(include_dir())
        .arg(&file)
        .output()
        .unwrap_or_else(|e| panic!("{compiler}: {e}"));
    std::fs::remove_dir_all(&dir).unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

#[test]
fn c99_agrees() {
    compile("cc", "-std=c99", "c", &claims()).unwrap();
}

#[test]
fn cxx11_agrees_where_there_is_a_compiler() {
    if Command::new("g++").arg("--version").output().is_err() {
        eprintln!("no g++ here: the header was not tried as C++11");
        return;
    }
    compile("g++", "-std=c++11", "cc", &claims()).unwrap();
}

#[test]
fn a_wrong_claim_is_noticed() {
    let error = compile("cc", "-std=c99", "c", &["sizeof(swp_plugin) == 49".into()]).unwrap_err();
    assert!(error.contains("claim_0"), "{error}");
}

#[test]
fn every_number_of_the_header_is_claimed() {
    let claims = claims().join("\n");
    for line in header().lines().filter_map(|l| l.strip_prefix("#define SWP_")) {
        let name = line.split_whitespace().next().unwrap();
        if name.contains('(') {
            continue; // a helper, not a number
        }
        assert!(claims.contains(&format!("SWP_{name}")), "SWP_{name} is in the header only");
    }
}
