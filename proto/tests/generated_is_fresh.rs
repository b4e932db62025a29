//! Holds the committed generated code equal to the `.proto` files. Owns the generator's settings.
//!
//! The code is committed so that building Storewarden needs neither protoc nor a code generator. After a change of a
//! `.proto`: `make proto` (this test with `UPDATE=1`), and commit both.

use prost_types::FileDescriptorSet;
use std::path::{Path, PathBuf};

const FILES: &[&str] = &[
    "storewarden/v1/common.proto",
    "storewarden/v1/agent.proto",
    "storewarden/v1/store.proto",
    "storewarden/v1/deletion.proto",
    "storewarden/v1/event.proto",
    "storewarden/v1/fleet.proto",
    "storewarden/worker/v1/worker.proto",
];

fn generate(into: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let set: FileDescriptorSet = protox::Compiler::new([root])
        .expect("proto root")
        .include_source_info(true)
        .include_imports(true)
        .open_files(FILES)
        .expect("the .proto files compile")
        .file_descriptor_set();
    // Clients get the comments too: grpcurl and friends show them through reflection.
    std::fs::write(into.join("descriptor.bin"), prost::Message::encode_to_vec(&set)).expect("write");
    tonic_prost_build::configure()
        .out_dir(into)
        .server_mod_attribute("storewarden.v1", "#[cfg(feature = \"grpc\")]")
        .client_mod_attribute("storewarden.v1", "#[cfg(feature = \"grpc\")]")
        .build_transport(true)
        .compile_fds(set)
        .expect("code generation");
}

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/generated")
}

#[test]
fn committed_code_is_what_the_protos_say() {
    if std::env::var_os("UPDATE").is_some() {
        generate(&committed());
        return;
    }
    let fresh = std::env::temp_dir().join(format!("storewarden-generated-{}", std::process::id()));
    std::fs::create_dir_all(&fresh).expect("temp dir");
    generate(&fresh);
    for entry in std::fs::read_dir(&fresh).expect("read") {
        let entry = entry.expect("entry");
        let old = std::fs::read(committed().join(entry.file_name())).unwrap_or_default();
        let new = std::fs::read(entry.path()).expect("read");
        assert!(
            old == new,
            "{} is stale: run `make proto` and commit it",
            entry.file_name().to_string_lossy()
        );
    }
    std::fs::remove_dir_all(&fresh).expect("clean up");
}
