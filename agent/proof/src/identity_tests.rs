//! `identify` and `prove` against real mounts: each thing that can be wrong with a mount, and its code.

#![allow(clippy::unwrap_used)] // a test may panic

use crate::testbed::{Bed, text};
use crate::{CacheRule, identify, prove};
use std::os::unix::fs::symlink;
use storewarden_types::{Code, MountExpectation, MountKind};

fn code(expected: &MountExpectation) -> Code {
    prove(expected).map_or_else(|e| e.code, |_| Code::Ok)
}

#[test]
fn a_mount_that_is_what_it_was_is_proven() {
    let Some(bed) = Bed::mounting() else { return };
    let expected = bed.pinned_tmpfs();
    let identity = expected.identity.as_ref().unwrap();
    assert!(identity.root_handle.is_some() && identity.root_inode.is_none() && identity.file_id.is_none());
    let proof = prove(&expected).unwrap();
    assert_eq!((proof.cache, proof.steps.len()), (CacheRule::Honest, 4), "{proof:?}");
    assert!(proof.steps[0].what.contains("tmpfs bed"), "{proof:?}");
    assert!(proof.took >= proof.steps.iter().map(|s| s.took).sum());
}

#[test]
fn what_is_not_mounted_is_not_proven() {
    let Some(bed) = Bed::mounting() else { return };
    let expected = bed.pinned_tmpfs();
    bed.detach("m");
    assert_eq!(code(&expected), Code::NotMounted);
    bed.remove("m");
    assert_eq!(code(&expected), Code::NotMounted);
}

#[test]
fn another_source_or_type_is_another_store() {
    let Some(bed) = Bed::mounting() else { return };
    let expected = bed.pinned_tmpfs();
    assert_eq!(code(&MountExpectation { source: "other".into(), ..expected.clone() }), Code::WrongStore);
    assert_eq!(code(&MountExpectation { fs_type: "ext4".into(), ..expected.clone() }), Code::WrongStore);
    assert_eq!(code(&expected), Code::Ok);
}

#[test]
fn the_last_mount_at_a_point_counts_and_its_handle_gives_it_away() {
    let Some(bed) = Bed::mounting() else { return };
    let expected = bed.pinned_tmpfs();
    bed.tmpfs("m", "bed");
    let error = prove(&expected).unwrap_err();
    assert_eq!((error.code, error.operation), (Code::WrongStore, "comparing the root's file handle"));
    assert_eq!(code(&MountExpectation { identity: None, ..expected.clone() }), Code::Ok);
    bed.tmpfs("m", "third");
    assert_eq!(prove(&expected).unwrap_err().operation, "mountinfo");
}

#[test]
fn a_mount_hidden_by_another_further_up_is_not_reached() {
    let Some(bed) = Bed::mounting() else { return };
    bed.mkdir("up/m");
    bed.tmpfs("up/m", "bed");
    let expected = bed.expect("up/m", "bed", "tmpfs", MountKind::Local);
    // mountinfo goes on listing the hidden mount; only the opened root tells.
    bed.tmpfs("up", "lid");
    assert_eq!(code(&expected), Code::NotMounted);
    bed.mkdir("up/m");
    let error = prove(&expected).unwrap_err();
    assert_eq!((error.code, error.operation), (Code::NotMounted, "comparing the root with mountinfo"));
}

#[test]
fn a_plain_directory_must_stay_plain() {
    let Some(bed) = Bed::mounting() else { return };
    let expected = bed.pinned_dir();
    assert_eq!(code(&expected), Code::Ok);
    // Even by a source that happens to be called like the directory.
    bed.mount("m", &expected.source, "tmpfs");
    let lidded = MountExpectation { fs_type: "tmpfs".into(), ..expected.clone() };
    for expected in [&expected, &lidded] {
        let error = prove(expected).unwrap_err();
        assert!(error.code == Code::WrongStore && error.detail.ends_with("over the directory"), "{error:?}");
    }
    bed.detach("m");
    assert_eq!(code(&expected), Code::Ok);
    std::fs::rename(bed.at("m"), bed.at("old")).unwrap();
    bed.mkdir("m");
    assert_eq!(code(&expected), Code::WrongStore);
}

#[test]
fn no_symbolic_link_leads_to_a_root() {
    let bed = Bed::new();
    bed.mkdir("real/m");
    symlink(bed.at("real"), bed.at("link")).unwrap();
    assert_eq!(identify(&text(&bed.at("link/m"))).unwrap_err().code, Code::SymlinkInPath);
    assert_eq!(identify(&text(&bed.at("link"))).unwrap_err().code, Code::SymlinkInPath);
    assert!(identify(&text(&bed.at("real/m"))).is_ok());
}

#[test]
fn the_identity_file_tells_a_blank_store() {
    let bed = Bed::new();
    bed.mkdir("m");
    bed.write("m/.storewarden/identity", "  store-1 \nmore\n");
    let expected = bed.pinned_dir();
    assert_eq!(expected.identity.as_ref().unwrap().file_id.as_deref(), Some("store-1"));
    assert_eq!(code(&expected), Code::Ok);
    bed.write("m/.storewarden/identity", "store-2\n");
    let error = prove(&expected).unwrap_err();
    assert_eq!((error.code, error.operation), (Code::WrongStore, "comparing the identity file"));
    bed.remove("m/.storewarden");
    assert_eq!(code(&expected), Code::WrongStore);
}

#[test]
fn an_identity_file_that_is_none_is_refused() {
    let bed = Bed::new();
    bed.mkdir("m/.storewarden");
    let identify_m = || identify(&text(&bed.at("m"))).map_err(|e| e.code);
    let file = bed.at("m/.storewarden/identity");
    for bad in [vec![], b"\n".to_vec(), b"\xff\n".to_vec(), vec![b'x'; 4097]] {
        std::fs::write(&file, &bad).unwrap();
        assert_eq!(identify_m(), Err(Code::WrongStore), "{} bytes", bad.len());
    }
    std::fs::write(&file, vec![b'x'; 4096]).unwrap();
    assert!(identify_m().is_ok());
    std::fs::remove_file(&file).unwrap();
    bed.write("elsewhere", "store-1\n");
    symlink(bed.at("elsewhere"), &file).unwrap();
    assert_eq!(identify_m(), Err(Code::SymlinkInPath));
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    assert_eq!(identify_m(), Err(Code::WrongStore), "a directory");
    std::fs::remove_dir(&file).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&file).status().unwrap().success());
    assert_eq!(identify_m(), Err(Code::WrongStore), "and it must not wait for a writer");
}

#[test]
fn where_there_are_no_handles_the_inode_stands_in() {
    let Some(bed) = Bed::mounting() else { return };
    bed.mount("p", "bed", "proc");
    let mut expected = bed.expect("p", "bed", "proc", MountKind::Local);
    let identity = expected.identity.as_mut().unwrap();
    assert!(identity.root_handle.is_none() && identity.root_inode.is_some(), "{identity:?}");
    assert_eq!(code(&expected), Code::Ok);
    let identity = expected.identity.as_mut().unwrap();
    identity.root_inode.as_mut().unwrap().0 += 1;
    assert_eq!(code(&expected), Code::WrongStore);
    let identity = expected.identity.as_mut().unwrap();
    identity.root_inode = None;
    identity.root_handle = Some("00000001ff".into());
    assert_eq!(code(&expected), Code::WrongStore, "a pinned handle that is gone is no match");
}
