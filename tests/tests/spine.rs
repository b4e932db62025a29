//! The spine, end to end with real processes: from a watched directory to a proven deletion, through crashes, hangs, floods
//! and nonsense.

#![allow(clippy::unwrap_used, reason = "helpers of tests: a failure here is the test's failure")]

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use storewarden_system_tests::site::{FaultyMount, PATIENCE, Signal, Site, eventually};

fn site_with_store(name: &str) -> (Site, std::path::PathBuf) {
    let mut site = Site::new(name);
    let store = site.make_dir("store");
    site.start_controller();
    site.start_agent("agent", &[&store], &[]);
    site.wait_condition(store.to_str().unwrap(), "Available");
    (site, store)
}

fn ended(events: &[Value], id: &str) -> Vec<String> {
    let ends = events.iter().map(|e| &e["deletion_ended"]).filter(|e| e["id"] == id);
    ends.map(|e| e["state"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_deletion_is_proven_and_its_evidence_kept() {
    let (site, store) = site_with_store("spine");
    fs::create_dir_all(store.join("a/b")).unwrap();
    fs::write(store.join("a/b/file"), "x").unwrap();
    let at = store.to_str().unwrap();
    let ids = site.track(at, &["a/b/file", "never/there"], "30s");
    assert_eq!(site.wait_ended(&ids[1])["state"], "DELETION_STATE_CONFIRMED");
    let pending = site.cli(&["-o", "json", "deletion", "show", &ids[0]]).json();
    assert_eq!(pending["state"], "DELETION_STATE_PENDING");
    fs::remove_file(store.join("a/b/file")).unwrap();
    let done = site.wait_ended(&ids[0]);
    assert_eq!(done["state"], "DELETION_STATE_CONFIRMED");
    assert_eq!(done["evidence"]["agent"], "agent");
    assert!(!done["evidence"]["proof"]["before"].as_array().unwrap().is_empty(), "{done}");
    assert!(!done["evidence"]["proof"]["after"].as_array().unwrap().is_empty(), "{done}");
    assert_eq!(done["baseline"]["size"], "1");
    let kept = eventually("the sighting is in the ledger", PATIENCE, || {
        let events = site.events();
        let seen =
            events.iter().any(|e| e["fact_accepted"]["fact"]["sightings"]["items"][0]["path"] == "a/b/file");
        seen.then_some(events)
    });
    assert_eq!(ended(&kept, &ids[0]), ["DELETION_STATE_CONFIRMED"]);
}

#[test]
fn a_file_that_stays_fails_and_a_plain_wait_says_so() {
    let (site, store) = site_with_store("stays");
    fs::write(store.join("stays"), "x").unwrap();
    let at = store.to_str().unwrap();
    let output = site.cli(&["deletion", "track", at, "stays", "--deadline", "1s", "--wait"]);
    assert_eq!(output.code, 5, "{output:?}");
    assert!(output.stdout.contains("STILL_PRESENT") || output.stderr.contains("STILL_PRESENT"), "{output:?}");
}

#[test]
fn the_agent_dies_between_unlink_and_ack_and_exactly_one_confirmed_remains() {
    let (mut site, store) = site_with_store("agent-dies");
    let at = store.to_str().unwrap().to_owned();
    for round in 0..5 {
        let name = format!("file-{round}");
        fs::write(store.join(&name), "x").unwrap();
        let ids = site.track(&at, &[&name], "60s");
        eventually("the file was looked at", PATIENCE, || {
            let d = site.cli(&["-o", "json", "deletion", "show", &ids[0]]).json();
            (d["code"] == "STILL_PRESENT").then_some(())
        });
        // The controller stands still: whatever the agent records now is not acknowledged before the agent is killed.
        site.controller().send(Signal::Stop);
        fs::remove_file(store.join(&name)).unwrap();
        std::thread::sleep(Duration::from_millis(30 * round)); // Before, while and after it is recorded.
        site.agent("agent").kill9();
        site.controller().send(Signal::Continue);
        site.restart_agent("agent");
        assert_eq!(site.wait_ended(&ids[0])["state"], "DELETION_STATE_CONFIRMED", "round {round}");
        assert_eq!(ended(&site.events(), &ids[0]), ["DELETION_STATE_CONFIRMED"], "round {round}");
    }
}

#[test]
fn the_controller_dies_between_receive_and_commit_and_exactly_one_confirmed_remains() {
    let (mut site, store) = site_with_store("controller-dies");
    let at = store.to_str().unwrap().to_owned();
    for round in 0..8_u64 {
        let names: Vec<String> = (0..40).map(|n| format!("r{round}-{n}")).collect();
        for name in &names {
            fs::write(store.join(name), "x").unwrap();
        }
        let paths: Vec<&str> = names.iter().map(String::as_str).collect();
        let ids = site.track(&at, &paths, "60s");
        for name in &names {
            fs::remove_file(store.join(name)).unwrap();
        }
        // Somewhere in the stream of facts, commits and acknowledgements.
        std::thread::sleep(Duration::from_millis(round * 3));
        site.controller().kill9();
        site.start_controller();
        for id in &ids {
            assert_eq!(site.wait_ended(id)["state"], "DELETION_STATE_CONFIRMED", "round {round}");
        }
        let events = site.events();
        for id in &ids {
            assert_eq!(ended(&events, id), ["DELETION_STATE_CONFIRMED"], "round {round}");
        }
        facts_are_whole(&events);
    }
}

/// Every fact of every outbox is there once, without holes.
fn facts_are_whole(events: &[Value]) {
    let mut places: Vec<(String, u64)> = events
        .iter()
        .filter(|e| e["fact_accepted"].is_object())
        .map(|e| {
            let f = &e["fact_accepted"];
            (f["epoch"].as_str().unwrap().to_owned(), f["seq"].as_str().unwrap().parse().unwrap())
        })
        .collect();
    places.sort();
    let mut last: Option<(String, u64)> = None;
    for place in places {
        let wanted = match &last {
            Some((epoch, seq)) if *epoch == place.0 => seq + 1,
            _ => 1,
        };
        assert_eq!(place.1, wanted, "a hole or a double in the facts");
        last = Some(place);
    }
}

#[test]
fn a_hung_mount_is_told_in_time_and_harms_nobody() {
    if let Some(why) = FaultyMount::obstacle() {
        assert!(
            std::env::var_os("STOREWARDEN_NO_FUSE").is_some(),
            "{why}: run as root, or set STOREWARDEN_NO_FUSE=1"
        );
        return;
    }
    let mut site = Site::new("hung");
    let faultfs = site.binary("faultfs");
    let mut sick = FaultyMount::mount(&faultfs, &site.path("sick-server"), &site.path("sick"));
    let well = FaultyMount::mount(&faultfs, &site.path("well-server"), &site.path("well"));
    site.start_controller();
    site.start_agent("agent", &[sick.path(), well.path()], &[]);
    let (sick_at, well_at) = (sick.path().display().to_string(), well.path().display().to_string());
    site.wait_condition(&sick_at, "Available");
    site.wait_condition(&well_at, "Available");
    sick.fault("hang");
    let hung = site.wait_condition(&sick_at, "Unavailable");
    assert_eq!(hung["reasons"][0]["code"], "HUNG", "{hung}");
    told_within_deadline(&site, &hung);
    // The neighbour's evidence stays young, look after look, while the other hangs.
    let until = Instant::now() + Duration::from_secs(6);
    while Instant::now() < until {
        let store = site.cli(&["-o", "json", "store", "show", &well_at]).json();
        assert_eq!(store["condition"], "CONDITION_AVAILABLE", "{store}");
        let age: u64 = store["evidence_age_ms"].as_str().unwrap().parse().unwrap();
        assert!(age < 6_000, "the neighbour's evidence is {age} ms old");
        std::thread::sleep(Duration::from_millis(100));
    }
    let asked = Instant::now();
    site.agent("agent").send(Signal::Interrupt);
    let status = site.agent("agent").wait_end(Duration::from_secs(2));
    assert!(status.success(), "{status:?} after {:?}", asked.elapsed());
}

/// HUNG was recorded within the probe's deadline + 200 ms of its beginning, by the agent's own measure.
fn told_within_deadline(site: &Site, store: &Value) {
    let log = fs::read_to_string(site.path("agent.log")).unwrap_or_default();
    let line =
        log.lines().find(|l| l.contains("did not come back within")).unwrap_or_else(|| panic!("{store}"));
    let ms: u64 = line.split("within ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    // The `mount` probe has 1500 ms, `lookup` and `capacity` 3000 ms, a look 5000 ms.
    let late = [1_500, 3_000, 5_000].into_iter().filter(|d| *d <= ms).map(|d| ms - d).min();
    assert!(late.is_some_and(|l| l <= 200), "{line}");
}

/// Names told gone: (path, how often).
fn told_gone(events: &[Value]) -> Vec<String> {
    let items = events.iter().filter_map(|e| e["fact_accepted"]["fact"]["sightings"]["items"].as_array());
    items.flatten().map(|i| i["path"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_hundred_thousand_deletions_and_no_sighting_is_silently_lost() {
    let mut site = Site::new("flood");
    let store = site.make_dir("store");
    let mut wanted = BTreeSet::new();
    for d in 0..1_000 {
        let dir = store.join(format!("d{d}"));
        fs::create_dir(&dir).unwrap();
        wanted.insert(format!("d{d}"));
        for f in 0..100 {
            fs::write(dir.join(format!("f{f}")), "").unwrap();
            wanted.insert(format!("d{d}/f{f}"));
        }
    }
    site.start_controller();
    site.start_agent("agent", &[&store], &[]);
    let at = store.to_str().unwrap().to_owned();
    site.wait_condition(&at, "Available");
    let whole = wanted.len().to_string();
    eventually("everything is watched", PATIENCE, || {
        let watch =
            site.cli(&["-o", "json", "store", "show", &at]).json()["mounts"][0]["report"]["watch"].clone();
        (watch["state"] == "WATCH_STATE_WATCHING" && watch["indexed"].as_str() == Some(whole.as_str()))
            .then_some(())
    });
    let rm = |half: &str| {
        Command::new("sh")
            .arg("-c")
            .arg(format!("cd '{}' && rm -rf {half}", store.display()))
            .spawn()
            .unwrap()
    };
    let mut both = [rm("d[0-4]*"), rm("d[5-9]*")];
    assert!(both.iter_mut().all(|c| c.wait().unwrap().success()));
    let events = eventually("every deletion was told", Duration::from_secs(90), || {
        let events = site.events();
        let told: BTreeSet<String> = told_gone(&events).into_iter().collect();
        (told.len() >= wanted.len()).then_some(events)
    });
    let told = told_gone(&events);
    assert_eq!(told.len(), wanted.len(), "each name is told exactly once");
    assert!(told.into_iter().collect::<BTreeSet<_>>() == wanted, "what was told is what was deleted");
    let overflows =
        events.iter().filter(|e| e["fact_accepted"]["fact"]["gap"]["cause"] == "GAP_CAUSE_OVERFLOW");
    println!("overflows: {}", overflows.count());
}

#[test]
fn a_python_client_without_generated_code_does_the_main_job() {
    let (site, store) = site_with_store("python");
    fs::write(store.join("file"), "x").unwrap();
    let python = python_with_grpc();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/client.py");
    let child = Command::new(&python)
        .arg(script)
        .args([site.address(), store.to_str().unwrap(), "file"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    eventually("the client has tracked the file", PATIENCE, || {
        let list = site.cli(&["-o", "json", "deletion", "list"]);
        list.stdout.contains("STILL_PRESENT").then_some(())
    });
    fs::remove_file(store.join("file")).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("PYTHON CLIENT OK"), "{text}");
}

/// A Python with grpcio and grpcio-reflection: `make build` sets it up.
fn python_with_grpc() -> std::path::PathBuf {
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/.venv/bin/python");
    assert!(venv.is_file(), "{} is missing: run `make python`", venv.display());
    venv
}
