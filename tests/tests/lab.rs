//! Every way a store fails on a real kernel NFS client: what is reported, how soon, what becomes of tracked deletions, and
//! how soon it is over. Ignored by `cargo test`, for it needs a virtual machine: `make lab-test` runs it, and where QEMU
//! cannot run it fails.
//!
//! Four mounts of one server meet each fault at once (NFSv3 and v4.2, `hard` and CloudStack's options); a fifth, of another
//! server, must feel none of it; and a deletion that is confirmed of a file that nobody removed fails every test.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use storewarden_system_tests::lab::report::{self, Row, after};
use storewarden_system_tests::lab::trouble::{BLIND, LONG, SHORT, Trouble};
use storewarden_system_tests::lab::{Lab, Mount, Standing};

/// Declares the tests, and thereby how many there are: the last one prints the table.
macro_rules! lab_tests {
    ($($(#[doc = $doc:literal])* $name:ident;)*) => {
        const TESTS: usize = [$(stringify!($name)),*].len();
        $($(#[doc = $doc])* #[test] #[ignore = "needs a virtual machine: make lab-test"] fn $name() {
            let _last = Last;
            scenes::$name(stringify!($name));
        })*
    };
}

lab_tests! {
    /// Exported under another fsid: every handle is stale.
    stale_by_fsid;
    /// The exported directory was removed and made again.
    stale_by_recreation;
    /// No longer exported.
    unexported;
    /// The server's packets vanish.
    server_hung;
    /// Connections are refused.
    server_rejecting;
    /// The NFS service is stopped.
    nfsd_stopped;
    /// Every packet comes late.
    slow;
    /// A third of the packets is lost.
    lossy;
    /// Not mounted.
    unmounted;
    /// Detached while it is in use.
    lazily_unmounted;
    /// Another server's export at the same path.
    wrong_export;
    /// A blank file system behind the same fsid.
    blank;
    /// No space left.
    full;
    /// Exported read-only, while the mount says it is writable.
    read_only;
    /// Another client deletes: no event tells of it.
    deleted_remotely;
    /// Another client deletes, and this client's cache still has the file.
    deleted_remotely_but_cached;
    /// Another client creates, and this client's cache still says that there is none.
    created_remotely_but_cached_as_absent;
    /// Removed while a process of this client has it open.
    removed_while_open;
    /// Removed through this mount.
    removed_locally;
}

/// Prints the table when the last test is over, well or not.
struct Last;

impl Drop for Last {
    fn drop(&mut self) {
        static ENDED: AtomicUsize = AtomicUsize::new(0);
        if ENDED.fetch_add(1, Ordering::SeqCst) + 1 == TESTS {
            println!("\n{}", report::table());
        }
    }
}

mod scenes {
    use super::*;

    /// A row about one deletion.
    fn row(name: &str, mount: Mount, deletion: String) -> Row {
        Row { deletion, ..Row::of(name, mount) }
    }

    /// All four names, as arguments of `nfslab`.
    fn all() -> String {
        Mount::ALL.map(Mount::name).join(" ")
    }

    fn heal(lab: &Lab) -> Instant {
        lab.heal(&Mount::ALL)
    }

    /// A fault of the exports that a look cannot see through.
    fn export(name: &str, kind: &str, codes: &'static [&'static str]) {
        let strike = |lab: &Lab| lab.fault(kind, &Mount::ALL);
        let removes = kind != "blank"; // The files are on the other file system.
        Trouble { strike: &strike, heal: &heal, codes, ends: BLIND, removes }.meet(name);
    }

    /// A fault of the exports that does not keep a look from the truth.
    fn hampered_export(name: &str, kind: &str, codes: &'static [&'static str]) {
        let strike = |lab: &Lab| lab.fault(kind, &Mount::ALL);
        Trouble { strike: &strike, heal: &heal, codes, ends: &["FAILED"], removes: true }.meet(name);
    }

    fn server(name: &str, kind: &str) {
        let strike = |lab: &Lab| lab.fault_server(kind);
        Trouble { strike: &strike, heal: &heal, codes: &["HUNG"], ends: BLIND, removes: true }.meet(name);
    }

    fn mounts(name: &str, strike: &str, heal: &str, codes: &'static [&'static str]) {
        let strike = |lab: &Lab| lab.strike(&format!("{strike} {}", all()));
        let heal = |lab: &Lab| lab.strike(&format!("{heal} {}", all()));
        Trouble { strike: &strike, heal: &heal, codes, ends: BLIND, removes: true }.meet(name);
    }

    pub(crate) fn stale_by_fsid(name: &str) {
        export(name, "fsid", &["STALE_HANDLE"]);
    }

    pub(crate) fn stale_by_recreation(name: &str) {
        let strike = |lab: &Lab| lab.fault("recreate", &Mount::ALL);
        // Only a new mount gets the new directory's handle; and that is not the pinned one, until an operator says that it
        // is right.
        let heal = |lab: &Lab| {
            let remounted = lab.strike(&format!("restore {}", all()));
            for mount in Mount::ALL {
                lab.wait_condition(mount, &["WRONG_STORE"], remounted);
            }
            lab.restart_agent(&Mount::ALL.map(|m| format!("--forget {}", m.path())).join(" "))
        };
        let codes = &["STALE_HANDLE"];
        Trouble { strike: &strike, heal: &heal, codes, ends: BLIND, removes: true }.meet(name);
    }

    pub(crate) fn unexported(name: &str) {
        // The server says EACCES or ESTALE, by call and version.
        export(name, "unexport", &["STALE_HANDLE", "PERMISSION_DENIED"]);
    }

    pub(crate) fn server_hung(name: &str) {
        server(name, "drop");
    }

    pub(crate) fn server_rejecting(name: &str) {
        server(name, "reject");
    }

    pub(crate) fn nfsd_stopped(name: &str) {
        server(name, "nfsd");
    }

    pub(crate) fn slow(name: &str) {
        // The last look may come too late: UNKNOWN is right as well.
        let strike = |lab: &Lab| lab.fault_server("slow:300");
        Trouble {
            strike: &strike,
            heal: &heal,
            codes: &["SLOW"],
            ends: &["FAILED", "UNKNOWN"],
            removes: true,
        }
        .meet(name);
    }

    pub(crate) fn unmounted(name: &str) {
        mounts(name, "umount", "mount", &["NOT_MOUNTED"]);
    }

    pub(crate) fn blank(name: &str) {
        // The root's handle stays valid; that of the identity file, if it was known, does not.
        export(name, "blank", &["WRONG_STORE", "STALE_HANDLE"]);
    }

    pub(crate) fn full(name: &str) {
        hampered_export(name, "full", &["NO_SPACE"]);
    }

    pub(crate) fn read_only(name: &str) {
        // Only a write would find it: the client goes on answering access(W_OK) from its cache.
        hampered_export(name, "readonly", &[]);
    }

    pub(crate) fn wrong_export(name: &str) {
        mounts(name, "wrong", "restore", &["WRONG_STORE"]);
    }

    pub(crate) fn lazily_unmounted(name: &str) {
        let strike = |lab: &Lab| {
            for mount in Mount::ALL {
                // Somebody sits in it, so that the mount lives on, detached.
                let sit = "(setsid sleep 3600 >/dev/null 2>&1 </dev/null &)";
                lab.guest().must(&format!("cd {} && {sit}", mount.path()));
            }
            lab.strike(&format!("umount -l {}", all()))
        };
        let heal = |lab: &Lab| lab.strike(&format!("mount {}", all()));
        let codes = &["NOT_MOUNTED"];
        Trouble { strike: &strike, heal: &heal, codes, ends: BLIND, removes: true }.meet(name);
    }

    /// Whatever is reported while packets are lost, a deletion ends rightly and afterwards all is well.
    pub(crate) fn lossy(name: &str) {
        let lab = Lab::up(name);
        let all = Mount::ALL;
        for path in ["d/stays", "d/goes"] {
            all.iter().for_each(|m| lab.make_remotely(*m, path));
        }
        let struck = lab.fault_server("loss:30");
        let stay = all.map(|m| lab.track(m, "d/stays", Duration::from_secs(30)));
        let go = all.map(|m| lab.track(m, "d/goes", Duration::from_secs(60)));
        all.iter().for_each(|m| {
            lab.remove_remotely(*m, "d/goes");
        });
        let stayed = stay.map(|id| lab.wait_ended(&id));
        let gone = go.map(|id| lab.wait_ended(&id));
        let histories = all.map(|m| lab.history(m));
        let healed = lab.heal(&all);
        let recovered = all.map(|m| lab.wait_available(m, healed));
        let rows = all.iter().enumerate().map(|(n, mount)| {
            let ended = after(gone[n].at, struck);
            let codes: Vec<_> =
                histories[n].iter().map(|c| if c.is_empty() { "OK" } else { c }).skip(1).collect();
            Row {
                code: codes.join(", "),
                recovered: Some(recovered[n]),
                ..row(
                    name,
                    *mount,
                    format!("stays: {}; removed: {} in {ended}", stayed[n].words(), gone[n].words()),
                )
            }
        });
        report::keep(rows.collect());
        for n in 0..all.len() {
            assert!(["FAILED", "UNKNOWN"].contains(&stayed[n].state.as_str()), "{}: {:?}", all[n], stayed[n]);
            assert!(["CONFIRMED", "UNKNOWN"].contains(&gone[n].state.as_str()), "{}: {:?}", all[n], gone[n]);
        }
        lab.finish();
    }

    /// Whether the client answers for a directory from its cache; CloudStack's acdirmax=0 forbids it.
    fn caches(mount: Mount) -> bool {
        matches!(mount, Mount::V3Hard | Mount::V4Hard)
    }

    /// Tracks `d/f` on all four, lets `remove` do away with it, and waits for the proof.
    fn removal(name: &str, remove: impl Fn(&Lab, Mount) -> Instant) {
        let lab = Lab::up(name);
        Mount::ALL.iter().for_each(|m| lab.make_remotely(*m, "d/f"));
        let ids = Mount::ALL.map(|m| lab.track(m, "d/f", LONG));
        ids.iter().for_each(|id| drop(lab.wait_seen(id)));
        let removed = Mount::ALL.map(|m| remove(&lab, m));
        let rows = Mount::ALL.iter().zip(&ids).zip(&removed).map(|((mount, id), at)| {
            let end = lab.wait_ended(id);
            assert_eq!(end.state, "CONFIRMED", "{mount}: {end:?}");
            row(name, *mount, format!("CONFIRMED {} after the removal", after(end.at, *at)))
        });
        let rows = rows.collect();
        report::keep(rows);
        lab.finish();
    }

    pub(crate) fn removed_locally(name: &str) {
        removal(name, |lab, mount| lab.remove_locally(mount, "d/f"));
    }

    pub(crate) fn deleted_remotely(name: &str) {
        removal(name, |lab, mount| lab.remove_remotely(mount, "d/f"));
    }

    /// Has the client know a file, removes it on the server, and asks the client again: (path, when, whether it is cached).
    /// Tracked only afterwards, for a look would refresh the cache.
    fn remove_behind_the_cache(lab: &Lab, mount: Mount, attempt: usize) -> (String, Instant, bool) {
        let path = format!("d/f{attempt}");
        lab.make_remotely(mount, &path);
        // A client trusts attributes that have not changed for some seconds.
        let know = "stat -c %i $f && sleep 4 && stat -c %i $f";
        let script = format!("nfslab remote {mount} 'rm {path}' && stat -c cached $f 2>&1 || true");
        let removed = lab.note_removed(mount, &path);
        let said = lab.guest().must(&format!("f={}/{path}; {know} && {script}", mount.path()));
        (path, removed, said.contains("cached"))
    }

    pub(crate) fn deleted_remotely_but_cached(name: &str) {
        let lab = Lab::up(name);
        let rows = Mount::ALL.map(|mount| {
            // The cache is the kernel's to keep or not: some attempts, where it may.
            let mut attempts = (1..=5).map(|n| remove_behind_the_cache(&lab, mount, n));
            let (path, removed, lies) =
                attempts.find(|(.., lies)| *lies == caches(mount)).expect("the cache behaves as described");
            let end = lab.wait_ended(&lab.track(mount, &path, LONG));
            assert_eq!(end.state, "CONFIRMED", "{mount}: {end:?}");
            let how = if lies { "stat says it is there" } else { "stat says there is none" };
            row(name, mount, format!("{how}; CONFIRMED {} after the removal", after(end.at, removed)))
        });
        report::keep(rows.into());
        lab.finish();
    }

    pub(crate) fn created_remotely_but_cached_as_absent(name: &str) {
        let lab = Lab::up(name);
        let rows = Mount::ALL.map(|mount| {
            lab.remote(mount, "mkdir d");
            // A directory's attributes are trusted for 30 s at least, and so is what was not in it; the first look at a
            // directory comes from the server.
            let said = lab.guest().must(&format!(
                "cd {0}/d && stat n 2>/dev/null; nfslab remote {mount} 'echo data > d/n'; stat -c here n 2>&1 || true",
                mount.path()
            ));
            let lies = !said.contains("here");
            assert_eq!(lies, caches(mount), "{mount}: {said}");
            let end = lab.wait_ended(&lab.track(mount, "d/n", SHORT));
            assert_eq!((end.state.as_str(), end.code.as_str()), ("FAILED", "STILL_PRESENT"), "{mount}");
            let how = if lies { "stat says there is none" } else { "stat says it is there" };
            row(name, mount, format!("{how}; {}", end.words()))
        });
        report::keep(rows.into());
        lab.finish();
    }

    pub(crate) fn removed_while_open(name: &str) {
        let lab = Lab::up(name);
        Mount::ALL.iter().for_each(|m| lab.make_remotely(*m, "d/f"));
        let ids = Mount::ALL.map(|m| lab.track(m, "d/f", LONG));
        ids.iter().for_each(|id| drop(lab.wait_seen(id)));
        let removed = Mount::ALL.map(|m| {
            let path = format!("{}/d/f", m.path());
            lab.guest().must(&format!(
                "(setsid sleep 3600 < {path} >/dev/null 2>&1 & echo $! > /tmp/holder-{m})
                 until [ \"$(readlink /proc/$(cat /tmp/holder-{m})/fd/0)\" = {path} ]; do sleep 0.05; done"
            ));
            let began = Instant::now();
            lab.guest().must(&format!("rm {path}"));
            began
        });
        let moved = ids.each_ref().map(|id| {
            let silly = |s: &Standing| s.state == "PENDING_SILLY_RENAME";
            lab.wait_standing(id, "known to be renamed", silly)
        });
        let closed = Mount::ALL.map(|m| {
            let began = lab.note_removed(m, "d/f");
            lab.guest().must(&format!("kill -9 $(cat /tmp/holder-{m})"));
            began
        });
        let rows = Mount::ALL.iter().enumerate().map(|(n, mount)| {
            let end = lab.wait_ended(&ids[n]);
            assert_eq!(end.state, "CONFIRMED", "{mount}: {end:?}");
            let silly = after(moved[n].at, removed[n]);
            let gone = after(end.at, closed[n]);
            let words = format!("PENDING_SILLY_RENAME in {silly}; after the close CONFIRMED in {gone}");
            row(name, *mount, words)
        });
        let rows = rows.collect();
        report::keep(rows);
        lab.finish();
    }
}
