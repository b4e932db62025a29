//! The rules of the house as ordinary tests: who may import whom, how long files are, what the documents promise.
//!
//! A new edge between our crates, or a new external crate with an owner, is a decision: it is made here, in the same
//! commit, and the commit says why.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Crate -> our crates that it may import. A crate that is missing here fails the test.
const LAYERS: &[(&str, &[&str])] = &[
    ("storewarden-types", &[]),
    ("storewarden-plugin-abi", &[]),
    ("storewarden-agent-core", &["storewarden-types"]),
    ("storewarden-controller-core", &["storewarden-types"]),
    ("storewarden-proto", &["storewarden-types"]),
    ("storewarden-plugin-sdk", &["storewarden-plugin-abi"]),
    ("storewarden-plugin-host", &["storewarden-plugin-abi"]),
    // Shared by the worker and the built-in probes: a probe and a verdict must never disagree about a mount.
    ("storewarden-proof", &["storewarden-types"]),
    ("storewarden-probe-mount", &["storewarden-plugin-sdk", "storewarden-proof", "storewarden-types"]),
    ("storewarden-probe-lookup", &["storewarden-plugin-sdk", "storewarden-proof", "storewarden-types"]),
    ("storewarden-probe-capacity", &["storewarden-plugin-sdk", "storewarden-proof", "storewarden-types"]),
    ("storewarden-probe-misbehave", &["storewarden-plugin-sdk", "storewarden-plugin-abi"]),
    (
        "storewarden-worker",
        &["storewarden-types", "storewarden-proto", "storewarden-proof", "storewarden-plugin-host"],
    ),
    ("storewarden-agent", &["storewarden-agent-core", "storewarden-types", "storewarden-proto"]),
    ("storewarden-ledger", &["storewarden-types", "storewarden-proto"]),
    (
        "storewarden-controller",
        &["storewarden-controller-core", "storewarden-ledger", "storewarden-types", "storewarden-proto"],
    ),
    ("storewarden-cli", &["storewarden-types", "storewarden-proto"]),
    ("storewarden-faultfs", &[]),
    ("storewarden-system-tests", &["*"]),
];

/// External crate -> the only crates of ours that may depend on it.
const OWNERS: &[(&str, &[&str])] = &[
    ("libloading", &["storewarden-plugin-host"]),
    ("notify", &["storewarden-worker"]),
    ("fuser", &["storewarden-faultfs"]),
    // The wire has one owner; the others only frame and store what it made.
    (
        "prost",
        &[
            "storewarden-proto",
            "storewarden-worker",
            "storewarden-agent",
            "storewarden-ledger",
            "storewarden-controller",
            "storewarden-cli",
        ],
    ),
    ("rusqlite", &["storewarden-agent", "storewarden-ledger"]),
];

/// Crates that hold `unsafe`, each with the reason in its own documentation.
const UNSAFE_CRATES: &[&str] = &[
    "storewarden-plugin-abi",
    "storewarden-plugin-sdk",
    "storewarden-plugin-host",
    "storewarden-probe-misbehave",
    "storewarden-proof",
    "storewarden-worker",
];

/// What a pure core may not even mention.
const IMPURE: &[&str] = &[
    "SystemTime::now",
    "Instant::now",
    "std::fs",
    "std::net",
    "std::thread",
    "std::env",
    "std::process",
    "println!",
    "eprintln!",
    "rand::",
    "tokio",
    "tracing",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the root").to_path_buf()
}

fn metadata() -> Value {
    let out = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo metadata");
    serde_json::from_slice(&out.stdout).expect("cargo metadata speaks JSON")
}

fn packages(meta: &Value) -> Vec<(&str, PathBuf, &Value)> {
    let list = meta["packages"].as_array().expect("packages");
    list.iter()
        .map(|p| {
            let manifest = Path::new(p["manifest_path"].as_str().expect("path"));
            (p["name"].as_str().expect("name"), manifest.parent().expect("dir").to_path_buf(), p)
        })
        .collect()
}

/// Every file below `dir` with this ending, but for build output and generated code.
fn files(dir: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a directory of ours") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() {
            if !name.starts_with('.') && !["target", "generated", "node_modules"].contains(&name.as_str()) {
                files(&path, ending, found);
            }
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
}

fn rust_files() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    files(&root(), ".rs", &mut found);
    found.into_iter().map(|p| (p.clone(), fs::read_to_string(&p).expect("readable"))).collect()
}

#[test]
fn imports_follow_the_layers() {
    let meta = metadata();
    let table: BTreeMap<&str, &[&str]> = LAYERS.iter().copied().collect();
    let mut bad = Vec::new();
    for (name, _, package) in packages(&meta) {
        let Some(allowed) = table.get(name) else {
            bad.push(format!("{name} has no layer"));
            continue;
        };
        for dep in package["dependencies"].as_array().expect("dependencies") {
            if dep["kind"] == "dev" {
                continue;
            }
            let dep = dep["name"].as_str().expect("name");
            if table.contains_key(dep) && !allowed.contains(&dep) && !allowed.contains(&"*") {
                bad.push(format!("{name} -> {dep}"));
            }
            if let Some((_, owners)) = OWNERS.iter().find(|(external, _)| *external == dep)
                && !owners.contains(&name)
                && name != "storewarden-system-tests"
            {
                bad.push(format!("{name} -> {dep} (owned by {owners:?})"));
            }
        }
    }
    assert!(bad.is_empty(), "forbidden imports: {bad:#?}");
}

#[test]
fn every_crate_takes_the_lints_and_forbids_unsafe_where_it_can() {
    let meta = metadata();
    let mut bad = Vec::new();
    for (name, dir, package) in packages(&meta) {
        let manifest = fs::read_to_string(dir.join("Cargo.toml")).expect("manifest");
        if !manifest.contains("[lints]\nworkspace = true") {
            bad.push(format!("{name}: [lints] workspace = true is missing"));
        }
        for target in package["targets"].as_array().expect("targets") {
            let kind = target["kind"][0].as_str().expect("kind");
            if !["lib", "cdylib", "bin"].contains(&kind) || UNSAFE_CRATES.contains(&name) {
                continue;
            }
            let source = fs::read_to_string(target["src_path"].as_str().expect("path")).expect("source");
            if !source.contains("#![forbid(unsafe_code)]") {
                bad.push(format!("{name} ({kind}): #![forbid(unsafe_code)] is missing"));
            }
        }
    }
    assert!(bad.is_empty(), "{bad:#?}");
}

#[test]
fn files_are_short_and_say_what_they_own() {
    let mut bad = Vec::new();
    for (path, text) in rust_files() {
        let lines = text.lines().count();
        let main = path.ends_with("src/main.rs") && !path.starts_with(root().join("tests"));
        if lines > if main { 60 } else { 400 } {
            bad.push(format!("{}: {lines} lines", path.display()));
        }
        if !text.trim_start().starts_with("//!") {
            bad.push(format!("{}: does not open with //!", path.display()));
        }
        for forbidden in ["todo!(", "unimplemented!(", "Not written yet"] {
            if text.contains(forbidden) && !path.ends_with("tidy.rs") {
                bad.push(format!("{}: {forbidden}", path.display()));
            }
        }
    }
    assert!(bad.is_empty(), "{bad:#?}");
}

#[test]
fn cores_are_pure() {
    let mut bad = Vec::new();
    for core in ["agent/core/src", "controller/core/src", "proto/types/src"] {
        let mut found = Vec::new();
        files(&root().join(core), ".rs", &mut found);
        for path in found {
            let text = fs::read_to_string(&path).expect("readable");
            // Tests beside the code may read this machine; the code may not.
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for (number, line) in code.lines().enumerate() {
                let line = line.trim_start();
                if !line.starts_with("//")
                    && let Some(word) = IMPURE.iter().find(|w| line.contains(**w))
                {
                    bad.push(format!("{}:{}: {word}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(bad.is_empty(), "{bad:#?}");
}

/// ARCHITECTURE.md lists numbered invariants, each naming the test that holds it, as `path/file.rs::test`.
#[test]
fn every_invariant_names_a_test_that_exists() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let mut named = 0;
    let mut bad = Vec::new();
    for word in text.split('`').filter(|w| w.contains(".rs::")) {
        let (file, test) = word.split_once("::").expect("split at ::");
        named += 1;
        let source = fs::read_to_string(root().join(file)).unwrap_or_default();
        if !source.contains(&format!("fn {test}")) {
            bad.push(word.to_owned());
        }
    }
    assert!(named >= 10, "only {named} invariants name a test");
    assert!(bad.is_empty(), "named, but not there: {bad:#?}");
}

/// docs/codes.md has a section for every code, and no other.
#[test]
fn every_code_has_its_page() {
    let text = fs::read_to_string(root().join("docs/codes.md")).expect("docs/codes.md");
    let told: BTreeSet<&str> = text.lines().filter_map(|l| l.strip_prefix("### ")).collect();
    let ours: BTreeSet<&str> = storewarden_types::Code::ALL.iter().map(|c| c.as_str()).collect();
    let missing: Vec<_> = ours.difference(&told).collect();
    let strange: Vec<_> = told.difference(&ours).collect();
    assert!(missing.is_empty() && strange.is_empty(), "missing {missing:?}, unknown {strange:?}");
}

/// Every service, message, enum, method, field and value of the `.proto` files says what it means.
#[test]
fn every_proto_field_is_documented() {
    let mut found = Vec::new();
    files(&root().join("proto/storewarden"), ".proto", &mut found);
    let mut bad = Vec::new();
    for path in found {
        let text = fs::read_to_string(&path).expect("readable");
        let mut above = "";
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            let entry = ["message ", "enum ", "service ", "rpc "].iter().any(|w| line.starts_with(w));
            let field = line.ends_with(';') && line.contains(" = ") && !line.starts_with("syntax");
            if (entry || field) && !line.contains("UNSPECIFIED") && !above.starts_with("//") {
                bad.push(format!("{}:{}: {line}", path.display(), number + 1));
            }
            above = line;
        }
    }
    assert!(bad.is_empty(), "undocumented: {bad:#?}");
}
