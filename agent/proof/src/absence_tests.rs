//! `look` against real directories and mounts: what is absent, what is not, and what must never be called absent.
//!
//! Interference happens at named moments inside the look, on the same thread: no sleeping, no luck.

#![allow(clippy::unwrap_used)] // a test may panic

use crate::absence::look_with;
use crate::bracket::Moment;
use crate::testbed::{Bed, store_path};
use crate::{CacheRule, LookBatch, LookRequest, look};
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::time::Duration;
use storewarden_types::{Code, FileIdentity, FileKind, LookOutcome, MountExpectation};

fn first_look(path: &str) -> LookRequest {
    LookRequest { path: store_path(path), baseline: None }
}

fn again(path: &str, baseline: &FileIdentity) -> LookRequest {
    LookRequest { path: store_path(path), baseline: Some(baseline.clone()) }
}

fn outcome(expected: &MountExpectation, path: &str) -> LookOutcome {
    look(expected, &[first_look(path)]).unwrap().outcomes.remove(0)
}

fn code(expected: &MountExpectation, path: &str) -> Code {
    outcome(expected, path).code()
}

fn file_at(expected: &MountExpectation, path: &str) -> FileIdentity {
    match outcome(expected, path) {
        LookOutcome::Present(seen) => seen.file,
        other => panic!("{path}: {other:?}"),
    }
}

fn how(outcome: &LookOutcome) -> &str {
    match outcome {
        LookOutcome::Absent { how } => how,
        other => panic!("{other:?}"),
    }
}

/// Looks once, doing `interfere` the first time that `when` comes.
fn disturbed(
    expected: &MountExpectation,
    requests: &[LookRequest],
    when: Moment,
    interfere: impl FnOnce(),
) -> LookBatch {
    let mut interfere = Some(interfere);
    let mut hook = |moment| {
        if moment == when
            && let Some(interfere) = interfere.take()
        {
            interfere();
        }
    };
    let batch = look_with(expected, requests, None, &mut hook).unwrap();
    assert!(interfere.is_none(), "{when:?} never came");
    batch
}

#[test]
fn present_and_absent_in_the_order_of_the_requests() {
    let bed = Bed::new();
    let expected = bed.pinned_dir();
    bed.write("m/a/x", "12345");
    bed.write("m/y", "");
    let batch = look(&expected, &["a/x", "nope", "y", "a/z"].map(first_look)).unwrap();
    let codes: Vec<Code> = batch.outcomes.iter().map(LookOutcome::code).collect();
    assert_eq!(codes, [Code::StillPresent, Code::Absent, Code::StillPresent, Code::Absent]);
    assert_eq!(how(&batch.outcomes[1]), "looked up in the root and not among its 2 entries");
    assert_eq!(how(&batch.outcomes[3]), "looked up in a and not among its 1 entries");
    let LookOutcome::Present(seen) = &batch.outcomes[0] else { panic!("{:?}", batch.outcomes[0]) };
    let truth = std::fs::metadata(bed.at("m/a/x")).unwrap();
    assert_eq!((seen.file.file_id, seen.file.size, seen.file.links), (truth.ino(), 5, 1));
    assert_eq!(seen.file.ctime_ns, truth.ctime() * 1_000_000_000 + truth.ctime_nsec());
    assert_eq!((seen.file.kind, seen.replaced), (FileKind::File, false));
    assert_eq!((batch.proof.before.len(), batch.proof.after.len()), (4, 3), "{:?}", batch.proof);
    assert!(batch.proof.mount_id > 0 && batch.proof.took_us > 0);
}

#[test]
fn nothing_is_looked_at_when_the_first_proof_fails() {
    let Some(bed) = Bed::mounting() else { return };
    let expected = bed.pinned_tmpfs();
    bed.detach("m");
    assert_eq!(look(&expected, &[first_look("x")]).unwrap_err().code, Code::NotMounted);
}

#[test]
fn a_directory_is_present_until_it_is_gone() {
    let bed = Bed::new();
    let expected = bed.pinned_dir();
    bed.write("m/d/sub/x", "");
    assert_eq!(file_at(&expected, "d").kind, FileKind::Directory);
    bed.remove("m/d/sub");
    assert_eq!(code(&expected, "d"), Code::StillPresent);
    bed.remove("m/d");
    assert_eq!(code(&expected, "d"), Code::Absent);
}

#[test]
fn a_symbolic_link_is_itself_and_leads_nowhere() {
    let bed = Bed::new();
    let expected = bed.pinned_dir();
    bed.mkdir("m/real");
    symlink("real", bed.at("m/link")).unwrap();
    symlink("nowhere", bed.at("m/dangling")).unwrap();
    assert_eq!(file_at(&expected, "dangling").kind, FileKind::Symlink);
    assert_eq!(code(&expected, "link/x"), Code::SymlinkInPath);
    assert_eq!(code(&expected, "link/deeper/x"), Code::SymlinkInPath);
    // The walk stops at the missing directory; the link above it is met all the same.
    assert_eq!(code(&expected, "real/x"), Code::Absent);
}

#[test]
fn another_mount_inside_is_never_looked_into() {
    let Some(bed) = Bed::mounting() else { return };
    let expected = bed.pinned_tmpfs();
    bed.mkdir("m/inner");
    bed.mkdir("m/bound/sub");
    bed.tmpfs("m/inner", "other");
    bed.bind("m/bound", "m/bound");
    assert_eq!(code(&expected, "inner/x"), Code::CrossesMount);
    assert_eq!(code(&expected, "bound/sub/x"), Code::CrossesMount, "a bind mount of the same file system");
    assert_eq!(code(&expected, "inner"), Code::CrossesMount, "the name itself is a mount");
}

#[test]
fn a_missing_parent_is_proven_further_up() {
    let bed = Bed::new();
    let expected = bed.pinned_dir();
    bed.write("m/a/b/x", "");
    let batch = look(&expected, &["a/b/no/where/x", "a/b/no/y", "gone/x"].map(first_look)).unwrap();
    assert_eq!(how(&batch.outcomes[0]), "no above it: looked up in a/b and not among its 1 entries");
    assert_eq!(how(&batch.outcomes[1]), how(&batch.outcomes[0]));
    assert_eq!(how(&batch.outcomes[2]), "gone above it: looked up in the root and not among its 1 entries");
}

#[test]
fn a_file_where_a_directory_should_be_has_nothing_in_it() {
    let bed = Bed::new();
    let expected = bed.pinned_dir();
    bed.write("m/a/file", "");
    for path in ["a/file/x", "a/file/deeper/x"] {
        assert_eq!(how(&outcome(&expected, path)), "file above it, in a, is not a directory");
    }
}

#[test]
fn a_replaced_file_is_another_file() {
    let bed = Bed::new();
    let expected = bed.pinned_dir();
    bed.write("m/x", "old");
    let old = file_at(&expected, "x");
    bed.write("m/x", "old, and longer");
    let one = |batch: LookBatch| batch.outcomes[0].code();
    assert_eq!(one(look(&expected, &[again("x", &old)]).unwrap()), Code::StillPresent);
    bed.write("m/new", "new");
    std::fs::rename(bed.at("m/new"), bed.at("m/x")).unwrap();
    assert_eq!(one(look(&expected, &[again("x", &old)]).unwrap()), Code::Replaced);
    bed.remove("m/x");
    assert_eq!(one(look(&expected, &[again("x", &old)]).unwrap()), Code::Absent);
}

#[test]
fn bytes_that_an_nfs_client_keeps_are_not_gone() {
    let bed = Bed::new();
    let expected = bed.pinned_dir();
    bed.write("m/d/x", "bytes");
    let file = file_at(&expected, "d/x");
    let silly = format!(".nfs{:016x}0000002c", file.file_id);
    let one = || look(&expected, &[again("d/x", &file)]).unwrap().outcomes.remove(0);
    std::fs::rename(bed.at("m/d/x"), bed.at("m/d").join(&silly)).unwrap();
    assert_eq!(one(), LookOutcome::SillyRenamed { name: silly.clone() });
    // Another file's leftovers are none of ours; and on what is no NFS mount, an unknown file has none.
    std::fs::rename(bed.at("m/d").join(&silly), bed.at("m/d/.nfs00000000000000010000002c")).unwrap();
    assert_eq!(one().code(), Code::Absent);
    assert_eq!(code(&expected, "d/x"), Code::Absent);
}

#[test]
fn fifty_thousand_entries() {
    let Some(bed) = Bed::mounting() else { return };
    let expected = bed.pinned_tmpfs();
    bed.mkdir("m/big");
    for n in 0..50_000 {
        std::fs::File::create(bed.at(&format!("m/big/file-{n:06}"))).unwrap();
    }
    let batch = look(&expected, &["big/file-049999", "big/file-050000"].map(first_look)).unwrap();
    assert_eq!(batch.outcomes[0].code(), Code::StillPresent);
    assert_eq!(how(&batch.outcomes[1]), "looked up in big and not among its 50000 entries");
}

#[test]
fn a_file_that_only_the_listing_knows_is_present() {
    let bed = Bed::new();
    let expected = bed.pinned_dir();
    let batch = disturbed(&expected, &[first_look("x")], Moment::LookedUp, || bed.write("m/x", ""));
    assert_eq!(batch.outcomes[0].code(), Code::StillPresent);
}

#[test]
fn a_mount_that_changes_during_the_look_takes_absence_back() {
    // By one that looks like it, and by one that does not.
    for (when, lid) in [(Moment::Proven, "bed"), (Moment::LookedUp, "bed"), (Moment::Looked, "lid")] {
        let Some(bed) = Bed::mounting() else { return };
        let expected = bed.pinned_tmpfs();
        bed.write("m/there", "");
        let requests = ["nope", "there", "no/parent"].map(first_look);
        let over = disturbed(&expected, &requests, when, || bed.tmpfs("m", lid));
        let codes: Vec<Code> = over.outcomes.iter().map(LookOutcome::code).collect();
        assert_eq!(codes, [Code::MountChanged, Code::StillPresent, Code::MountChanged], "{when:?}");
        assert!(over.proof.after.is_empty());
        bed.detach("m");
        let gone = disturbed(&expected, &requests, when, || bed.detach("m"));
        assert_eq!(gone.outcomes[0].code(), Code::MountChanged, "{when:?}");
    }
}

#[test]
fn a_mount_that_comes_back_is_another_one() {
    let Some(bed) = Bed::mounting() else { return };
    bed.tmpfs("origin", "bed");
    bed.mkdir("m");
    bed.bind("origin", "m");
    let expected = bed.expect("m", "bed", "tmpfs", storewarden_types::MountKind::Local);
    // Same source, type, root and handle: only the id of the mount can tell.
    let batch = disturbed(&expected, &[first_look("x")], Moment::LookedUp, || {
        bed.detach("m");
        bed.bind("origin", "m");
    });
    assert_eq!(batch.outcomes[0].code(), Code::MountChanged);
    assert_eq!(code(&expected, "x"), Code::Absent);
}

#[test]
fn a_plain_directory_that_is_swapped_takes_absence_back() {
    let bed = Bed::new();
    let expected = bed.pinned_dir();
    let unpinned = MountExpectation { identity: None, ..expected };
    let batch = disturbed(&unpinned, &[first_look("x")], Moment::Looked, || {
        std::fs::rename(bed.at("m"), bed.at("old")).unwrap();
        bed.mkdir("m");
    });
    assert_eq!(batch.outcomes[0].code(), Code::MountChanged);
}

#[test]
fn a_directory_removed_while_it_is_looked_at_is_looked_for_again() {
    for when in [Moment::DirectoryOpen, Moment::LookedUp, Moment::Listed] {
        let bed = Bed::new();
        let expected = bed.pinned_dir();
        bed.mkdir("m/d");
        let batch = disturbed(&expected, &[first_look("d/x")], when, || bed.remove("m/d"));
        assert_eq!(
            how(&batch.outcomes[0]),
            "d above it: looked up in the root and not among its 0 entries",
            "{when:?}"
        );
    }
}

#[test]
fn a_parent_that_appears_is_gone_into() {
    let bed = Bed::new();
    let expected = bed.pinned_dir();
    let batch =
        disturbed(&expected, &[first_look("d/e/x")], Moment::DirectoryOpen, || bed.write("m/d/e/x", ""));
    assert_eq!(batch.outcomes[0].code(), Code::StillPresent);
}

#[test]
fn a_tree_that_never_rests_cannot_be_told() {
    let bed = Bed::new();
    let expected = bed.pinned_dir();
    bed.mkdir("m/d");
    let mut hook = |moment| {
        if moment == Moment::DirectoryOpen {
            if bed.at("m/d").exists() { bed.remove("m/d") } else { bed.mkdir("m/d") }
        }
    };
    let batch = look_with(&expected, &[first_look("d/x")], None, &mut hook).unwrap();
    assert_eq!(batch.outcomes[0].code(), Code::IoError);
}

#[test]
fn answers_that_a_cache_may_have_given_prove_no_absence() {
    let bed = Bed::new();
    let expected = bed.pinned_dir();
    bed.write("m/there", "");
    let requests = ["nope", "there"].map(first_look);
    let codes = |rule| {
        let batch = look_with(&expected, &requests, Some(rule), &mut |_| {}).unwrap();
        batch.outcomes.iter().map(LookOutcome::code).collect::<Vec<_>>()
    };
    assert_eq!(codes(CacheRule::HonestWithin(Duration::ZERO)), [Code::CacheAnswers, Code::StillPresent]);
    assert_eq!(codes(CacheRule::Doubtful), [Code::CacheAnswers, Code::StillPresent]);
    assert_eq!(codes(CacheRule::HonestWithin(Duration::from_secs(600))), [Code::Absent, Code::StillPresent]);
}
