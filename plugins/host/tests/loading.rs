//! Which files become plugins: every reason for refusal, each with a real library that has exactly this flaw.

#![allow(clippy::unwrap_used)] // a test may panic

mod common;

use common::{Scratch, compile_c};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;
use storewarden_plugin_host::{
    CancelFlag, Capability, Deadline, LoadError, PLUGINS_MAX, Plugin, ProbeErrorKind, ProbeTarget, load_dir,
};

fn broken(to: &Path, flags: &[&str]) {
    compile_c(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken.c"), to, flags);
}

/// Loads a library with one flaw.
fn flawed(flags: &[&str]) -> Result<Plugin, LoadError> {
    let scratch = Scratch::new();
    let file = scratch.path().join("lib.so");
    broken(&file, flags);
    let loaded = Plugin::load(&file);
    if let Err(error) = &loaded {
        assert!(error.to_string().starts_with(file.to_str().unwrap()), "no file in: {error}");
    }
    loaded
}

#[test]
fn the_flawless_one_loads() {
    let plugin = flawed(&[]).unwrap();
    assert_eq!(
        (plugin.name(), plugin.version(), plugin.capabilities()),
        ("broken", "1", &[Capability::Network][..])
    );
    let soon = Deadline::after(Duration::from_secs(5));
    let mut instance = plugin.create("{}", soon, &CancelFlag::default()).unwrap();
    let error = instance.probe(&ProbeTarget::default(), soon, &CancelFlag::default()).unwrap_err();
    assert_eq!(error.kind, ProbeErrorKind::Unsupported);
}

#[test]
fn what_a_table_lacks_is_named() {
    for (flag, missing) in [("-DCREATE=0", "create"), ("-DPROBE=0", "probe"), ("-DDESTROY=0", "destroy")] {
        match flawed(&[flag]) {
            Err(LoadError::MissingFunction { name, .. }) => assert_eq!(name, missing),
            other => panic!("{flag}: {other:?}"),
        }
    }
    assert!(matches!(flawed(&["-DSIZE=47"]), Err(LoadError::Table { size: 47, min: 48, .. })));
    assert!(matches!(flawed(&["-DNULL_TABLE"]), Err(LoadError::Table { size: 0, .. })));
    assert!(matches!(flawed(&["-DNAME=\"Not A Name\""]), Err(LoadError::Manifest { .. })));
}

#[test]
fn other_versions_are_told_from_no_plugin() {
    assert!(matches!(flawed(&["-DMAJOR=2"]), Err(LoadError::Major { found: 2, .. })));
    assert!(matches!(flawed(&["-DENTRY=storewarden_probe_v3"]), Err(LoadError::Major { found: 3, .. })));
    assert!(matches!(flawed(&["-DMINOR=1"]), Err(LoadError::Minor { needed: 1, .. })));
    assert!(matches!(flawed(&["-DENTRY=something_else"]), Err(LoadError::NoEntry { .. })));
    // A table of a later minor version is longer; what we know of it is enough.
    assert!(flawed(&["-DSIZE=48+8"]).is_ok());
}

#[test]
fn an_instance_that_is_none_is_an_error() {
    let plugin = flawed(&["-DNULL_INSTANCE"]).unwrap();
    let error =
        plugin.create("{}", Deadline::after(Duration::from_secs(5)), &CancelFlag::default()).unwrap_err();
    assert_eq!(error.kind, ProbeErrorKind::NoInstance);
}

#[test]
fn a_missing_symbol_shows_when_it_is_loaded() {
    let scratch = Scratch::new();
    let (source, file) = (scratch.path().join("a.c"), scratch.path().join("a.so"));
    let text = "int nowhere(void); int here(void); int here(void) { return nowhere(); }";
    std::fs::write(&source, text).unwrap();
    compile_c(&source, &file, &["-Wl,-z,undefs,-z,lazy"]);
    assert!(matches!(Plugin::load(&file), Err(LoadError::Link { .. })));
}

fn plugin_file(dir: &Scratch, file: &str, name: &str) -> PathBuf {
    let path = dir.path().join(file);
    broken(&path, &[&format!("-DNAME=\"{name}\"")]);
    path
}

#[test]
fn what_others_can_write_is_refused() {
    let dir = Scratch::new();
    let file = plugin_file(&dir, "a.so", "a");
    for mode in [0o775, 0o757] {
        std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
        assert!(matches!(Plugin::load(&file), Err(LoadError::Unsafe { .. })), "{mode:o}");
    }
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).unwrap();
    assert!(Plugin::load(&file).is_ok());

    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let (plugins, errors) = load_dir(dir.path());
    assert!(plugins.is_empty() && matches!(errors[..], [LoadError::Unsafe { .. }]), "{errors:?}");
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();

    if chown(&file, Some(65534), None).is_ok() {
        assert!(matches!(Plugin::load(&file), Err(LoadError::Unsafe { .. })), "a stranger's file");
    } else {
        eprintln!("not root: a file of another owner was not tried");
    }
}

#[test]
fn a_pipe_under_a_plugins_name_does_not_block() {
    let dir = Scratch::new();
    let path = dir.path().join("a.so");
    assert!(std::process::Command::new("mkfifo").arg("-m755").arg(&path).status().unwrap().success());
    assert!(matches!(Plugin::load(&path), Err(LoadError::Unsafe { .. })));
}

#[test]
fn a_directory_is_read_by_name_and_one_bad_file_keeps_none_out() {
    let dir = Scratch::new();
    plugin_file(&dir, "libc.so", "third");
    plugin_file(&dir, "liba.so", "first");
    plugin_file(&dir, "libb.so", "second");
    plugin_file(&dir, "libd.so", "first");
    std::fs::write(dir.path().join("libe.so"), "not a library").unwrap();
    std::fs::write(dir.path().join("readme.txt"), "not meant to be one").unwrap();
    let (plugins, errors) = load_dir(dir.path());
    assert_eq!(plugins.iter().map(Plugin::name).collect::<Vec<_>>(), ["first", "second", "third"]);
    match &errors[..] {
        [LoadError::Duplicate { path, name, first }, LoadError::Link { path: bad, .. }] => {
            assert!(path.ends_with("libd.so") && first.ends_with("liba.so") && name == "first");
            assert!(bad.ends_with("libe.so"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_directory_that_is_none_and_one_that_is_too_full() {
    let (plugins, errors) = load_dir(Path::new("/nonexistent/storewarden"));
    assert!(plugins.is_empty() && matches!(errors[..], [LoadError::Directory { .. }]), "{errors:?}");

    let dir = Scratch::new();
    for n in 0..=PLUGINS_MAX {
        std::fs::write(dir.path().join(format!("lib{n:03}.so")), "").unwrap();
    }
    let (_, errors) = load_dir(dir.path());
    assert!(
        matches!(&errors[0], LoadError::TooMany { first, .. } if first.ends_with("lib064.so")),
        "{errors:?}"
    );
    assert_eq!(errors.len(), 1 + PLUGINS_MAX, "the one beyond is not tried");
}

#[test]
fn two_plugins_in_one_process_are_two() {
    // glibc knows a library by the name it was opened with: a name used twice would give the first one twice.
    let dir = Scratch::new();
    let one = Plugin::load(&plugin_file(&dir, "a.so", "one")).unwrap();
    let two = Plugin::load(&plugin_file(&dir, "b.so", "two")).unwrap();
    assert_eq!((one.name(), two.name()), ("one", "two"));
}
