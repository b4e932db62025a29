//! `make demo`: the incident of apache/cloudstack #9730, replayed on real files, with every step asserted.
//!
//! Starts a controller and an agent on loopback with temporary data, breaks stores on purpose, and shows what
//! Storewarden says. Ends non-zero if anything differs from what is told, and leaves nothing running. With `--stay` it
//! starts the same site, prints what to try, and waits for Ctrl-C.

#![forbid(unsafe_code)]

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use storewarden_system_tests::site::{FaultyMount, Site};

fn main() {
    let stay = std::env::args().any(|a| a == "--stay");
    match FaultyMount::obstacle() {
        None => say("Stores: real FUSE file systems with a switch for faults."),
        Some(why) => {
            say(&format!("FUSE cannot be used here ({why}): plain directories stand in, and say so."));
        }
    }
    if stay { up() } else { incident() }
}

/// A store of the demo: a FUSE mount where possible, a plain directory elsewhere.
enum Share {
    Fuse(FaultyMount),
    Dir(PathBuf),
}

impl Share {
    fn new(site: &Site, name: &str) -> Self {
        let (backing, at) = (site.path(&format!("{name}-server")), site.path(&format!("mnt/{name}")));
        if FaultyMount::obstacle().is_none() {
            return Self::Fuse(FaultyMount::mount(&site.binary("faultfs"), &backing, &at));
        }
        fs::create_dir_all(&at).expect("a directory");
        Self::Dir(at)
    }

    fn path(&self) -> &Path {
        match self {
            Self::Fuse(mount) => mount.path(),
            Self::Dir(path) => path,
        }
    }

    /// Where the server sees the files: what happens there gives no event here.
    fn server(&self) -> &Path {
        match self {
            Self::Fuse(mount) => mount.backing(),
            Self::Dir(path) => path,
        }
    }
}

fn put(dir: &Path, path: &str, text: &str) {
    let path = dir.join(path);
    fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
    fs::write(path, text).expect("a file");
}

fn say(text: &str) {
    println!("{text}");
}

fn step(number: u32, text: &str) {
    println!("\n\x1b[1m{number}. {text}\x1b[0m");
}

/// Checks what was just told; a demo that lies ends here.
#[track_caller]
fn check(what: &str, holds: bool) {
    assert!(holds, "the demo told something that is not so: {what}");
    println!("   ok: {what}");
}

/// Runs a command as an operator would, shows it with its output, and returns its exit code.
fn show(site: &Site, args: &[&str]) -> i32 {
    let shown: Vec<String> =
        args.iter().map(|a| if a.contains(' ') { format!("'{a}'") } else { (*a).to_owned() }).collect();
    println!("   $ storewarden {}", shown.join(" "));
    let output = site.cli(args);
    for line in output.stdout.lines().chain(output.stderr.lines()) {
        println!("     {line}");
    }
    output.code
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

fn incident() {
    let mut site = Site::new("demo");
    let (healthy, sick, lost) =
        (Share::new(&site, "healthy"), Share::new(&site, "sick"), Share::new(&site, "lost"));
    for share in [&healthy, &sick, &lost] {
        put(share.server(), "snapshots/2/201/backup.qcow2", "the data an operator wants gone");
    }
    site.start_controller();
    site.start_agent("ssvm", &[healthy.path(), sick.path(), lost.path()], &[]);
    for share in [&healthy, &sick, &lost] {
        site.wait_condition(share.path().to_str().expect("UTF-8"), "Available");
    }

    step(1, "Three stores on one storage host, all well.");
    check("stores are listed", show(&site, &["stores"]) == 0);

    step(2, "A deletion on a healthy store: tracked, done, proven.");
    deletion_on_healthy_store(&site, &healthy);
    let mut sick = stale_store(&site, sick);
    heals_and_is_confirmed(&site, &mut sick);
    unmounted_store(&site, lost);

    site.agent("ssvm").send(storewarden_system_tests::site::Signal::Interrupt);
    let status = site.agent("ssvm").wait_end(std::time::Duration::from_secs(5));
    step(6, "Ctrl-C ends the agent at once.");
    check("the agent ended cleanly", status.success());
    println!("\nDemo finished: everything told above was asserted.");
}

fn deletion_on_healthy_store(site: &Site, healthy: &Share) {
    let store = healthy.path().to_str().expect("UTF-8");
    let admitted = show(site, &["preflight", store, "--operation", "delete"]) == 0;
    check("the gate admits", admitted);
    let ids = site.track(store, &["snapshots/2/201/backup.qcow2"], "30s");
    say("   The file is tracked. Now it is deleted, as the cloud would do it.");
    fs::remove_file(healthy.path().join("snapshots/2/201/backup.qcow2")).expect("deleted");
    let deletion = site.wait_ended(&ids[0]);
    show(site, &["deletion", "show", &ids[0]]);
    check("Confirmed, with evidence", text(&deletion, "state") == "DELETION_STATE_CONFIRMED");
    check("the evidence names who looked", text(&deletion["evidence"], "agent") == "ssvm");
}

/// The store goes stale. Returns it, still stale.
fn stale_store(site: &Site, mut sick: Share) -> Share {
    step(3, "A store goes stale, as the NFS mount of the incident did.");
    let store = sick.path().to_str().expect("UTF-8").to_owned();
    let code = match &mut sick {
        Share::Fuse(mount) => {
            mount.fault("stale");
            "STALE_HANDLE"
        }
        Share::Dir(path) => {
            // The next best real thing: the directory is replaced by another one, so every handle to it is stale.
            fs::rename(&path, path.with_extension("old")).expect("moved away");
            fs::create_dir_all(&path).expect("another directory");
            put(path, "snapshots/2/201/backup.qcow2", "the same name in another directory");
            "WRONG_STORE"
        }
    };
    let seen = site.wait_condition(&store, "Unavailable");
    check(&format!("the store is Unavailable: {code}"), text(&seen["reasons"][0], "code") == code);
    let denied = show(site, &["preflight", &store, "--operation", "delete"]);
    check("the gate denies (exit code 3)", denied == 3);
    say(
        "   A cloud that does not ask goes on: it tracks nothing, says \"deleted\", and the file stays. We track it:",
    );
    let ids = site.track(&store, &["snapshots/2/201/backup.qcow2"], "2s");
    let deletion = site.wait_ended(&ids[0]);
    show(site, &["deletion", "show", &ids[0]]);
    check("the file remains and nothing is confirmed", text(&deletion, "state") == "DELETION_STATE_UNKNOWN");
    check(&format!("it says why: {code}"), text(&deletion, "code") == code);
    sick
}

fn heals_and_is_confirmed(site: &Site, sick: &mut Share) {
    step(4, "The store heals; the file is deleted behind the agent's back, with no file event.");
    let store = sick.path().to_str().expect("UTF-8").to_owned();
    let ids = site.track(&store, &["snapshots/2/201/backup.qcow2"], "60s");
    match sick {
        Share::Fuse(mount) => mount.fault("none"),
        Share::Dir(path) => {
            fs::remove_dir_all(&path).expect("the impostor goes");
            fs::rename(path.with_extension("old"), &path).expect("the store is back");
        }
    }
    site.wait_condition(&store, "Available");
    fs::remove_file(sick.server().join("snapshots/2/201/backup.qcow2")).expect("deleted on the server");
    let deletion = site.wait_ended(&ids[0]);
    check("Confirmed by verification alone", text(&deletion, "state") == "DELETION_STATE_CONFIRMED");
    if matches!(sick, Share::Fuse(_)) {
        let sightings = deletion["evidence"]["sightings"].as_u64().unwrap_or(99);
        check("no file event was involved", sightings == 0);
    }
    say(&format!("   How it was seen: {}", text(&deletion["evidence"], "how")));
}

fn unmounted_store(site: &Site, lost: Share) {
    step(5, "A store is unmounted; its empty mount point would fool a naive check.");
    let store = lost.path().to_str().expect("UTF-8").to_owned();
    let path = lost.path().to_path_buf();
    let code = match lost {
        Share::Fuse(mount) => {
            mount.unmount();
            "NOT_MOUNTED"
        }
        Share::Dir(path) => {
            fs::rename(&path, path.with_extension("gone")).expect("moved away");
            fs::create_dir_all(&path).expect("an empty directory");
            "WRONG_STORE"
        }
    };
    check("`test -e` says that the file is gone", !path.join("snapshots/2/201/backup.qcow2").exists());
    let seen = site.wait_condition(&store, "Unavailable");
    check(&format!("Storewarden says {code}"), text(&seen["reasons"][0], "code") == code);
    let ids = site.track(&store, &["snapshots/2/201/backup.qcow2"], "2s");
    let deletion = site.wait_ended(&ids[0]);
    show(site, &["deletion", "show", &ids[0]]);
    check("the deletion is Unknown, never Confirmed", text(&deletion, "state") == "DELETION_STATE_UNKNOWN");
    check(&format!("it says why: {code}"), text(&deletion, "code") == code);
}

/// `make up`: the same site, to play with.
fn up() {
    let mut site = Site::new("up");
    let (a, b) = (Share::new(&site, "store-a"), Share::new(&site, "store-b"));
    for share in [&a, &b] {
        put(share.server(), "snapshots/2/201/backup.qcow2", "try to delete me");
    }
    site.start_controller();
    site.start_agent("ssvm", &[a.path(), b.path()], &[]);
    let cli = site.binary("storewarden");
    println!("\nA controller and an agent run. In another terminal:\n");
    println!("  export STOREWARDEN_CONTROLLER=http://{}", site.address());
    println!("  alias storewarden={}", cli.display());
    println!("  storewarden stores --watch");
    println!("  storewarden preflight {} --operation delete", a.path().display());
    println!("  storewarden deletion track {} snapshots/2/201/backup.qcow2 --wait &", a.path().display());
    println!("  rm {}/snapshots/2/201/backup.qcow2", a.path().display());
    println!("  umount {}          # then: storewarden stores", b.path().display());
    println!("  storewarden events tail --follow\n\nCtrl-C ends everything.");
    let (send, wait) = std::sync::mpsc::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    std::thread::spawn(move || {
        let _ = runtime.block_on(tokio::signal::ctrl_c());
        let _ = send.send(());
    });
    let _ = wait.recv();
    println!("\nStopping.");
}
