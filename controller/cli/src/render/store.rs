//! Stores for people: the list, one store in full, one line for a change.

use super::ink::{Ink, Tone, clean, indent};
use super::measure::{age_or, count, took, utc};
use super::{measure::age, word};
use std::fmt::Write as _;
use storewarden_proto::v1::{
    ListStoresResponse, MountIdentity, MountReport, Reason, Store, StoreMount, WatchStatus,
};

/// `storewarden stores`.
pub(crate) fn stores(answer: &ListStoresResponse, ink: Ink) -> String {
    if answer.stores.is_empty() {
        return "no store is known yet: an agent that mounts one makes it known".to_owned();
    }
    let rows = answer.stores.iter().map(|store| {
        let connected = store.mounts.iter().filter(|mount| mount.connected).count();
        vec![
            ink.cell(Tone::Plain, &store.source),
            word::condition(store.condition).cell(ink),
            ink.cell(Tone::Plain, &word::codes(&store.reasons)),
            ink.cell(Tone::Plain, &age_or(store.evidence_age_ms, "none")),
            ink.cell(Tone::Plain, &format!("{connected}/{}", store.mounts.len())),
            ink.cell(Tone::Plain, &store.id),
        ]
    });
    ink.table(&["SOURCE", "CONDITION", "REASONS", "EVIDENCE", "MOUNTS", "ID"], rows.collect(), &[1, 5])
}

/// A line of `storewarden stores --watch`; `now_ms` is when it was told.
pub(crate) fn store_changed(store: &Store, now_ms: i64, ink: Ink) -> String {
    let mut line = format!(
        "{}  {}  {}",
        utc(now_ms),
        word::condition(store.condition).padded(ink, 11),
        clean(&store.source)
    );
    if let Some(worst) = store.reasons.first() {
        let _ = write!(line, "  {}", clean(&word::because(&word::codes(&store.reasons), &worst.message)));
    }
    line
}

/// `storewarden store show`.
pub(crate) fn store(store: &Store, ink: Ink) -> String {
    let kind = word::mount_kind(store.kind);
    let mut text = format!(
        "{}  {}\nid        {}\nkind      {} ({})\nevidence  {}\n",
        ink.paint(Tone::Strong, &clean(&store.source)),
        word::condition(store.condition).paint(ink),
        clean(&store.id),
        kind,
        clean(&store.fs_type),
        age_or(store.evidence_age_ms, "none"),
    );
    reasons(&mut text, &store.reasons, 2);
    if store.mounts.is_empty() {
        text.push_str("\nno mount of it is known\n");
    }
    for mount in &store.mounts {
        text.push('\n');
        text.push_str(&mounted(mount, ink));
    }
    text
}

fn reasons(text: &mut String, reasons: &[Reason], columns: usize) {
    for reason in reasons {
        let line = word::because(&reason.code, &reason.message);
        text.push_str(&indent(&clean(&line), columns));
        text.push('\n');
    }
}

fn mounted(mount: &StoreMount, ink: Ink) -> String {
    let place = format!("{} on {}", clean(&mount.mount_point), clean(&mount.agent));
    let session = if mount.connected {
        ink.paint(Tone::Good, "connected")
    } else {
        ink.paint(Tone::Doubt, "not connected")
    };
    let mut text = format!("{}  {session}\n", ink.paint(Tone::Strong, &place));
    match &mount.report {
        Some(report) => text.push_str(&reported(report, ink)),
        None => text.push_str("  nothing reported: known from the ledger only\n"),
    }
    text
}

fn reported(report: &MountReport, ink: Ink) -> String {
    let mut text = format!(
        "  condition  {}, evidence {}\n",
        word::condition(report.condition).paint(ink),
        age_or(report.evidence_age_ms, "none")
    );
    reasons(&mut text, &report.reasons, 4);
    let identity = report.identity.as_ref().map_or_else(|| "not proven yet".to_owned(), identity);
    let _ = writeln!(text, "  identity   {identity}");
    if let Some(watch) = &report.watch {
        let _ = writeln!(text, "  watch      {}", watched(watch, ink));
    }
    if report.stuck_workers > 0 {
        let stuck = count(report.stuck_workers.into(), "worker process", "worker processes");
        let _ = writeln!(text, "  stuck      {} cannot be killed", ink.paint(Tone::Bad, &stuck));
    }
    if report.observations.is_empty() {
        text.push_str("  no probe has reported\n");
        return text;
    }
    let rows = report.observations.iter().map(|seen| {
        let tone = if seen.code == "OK" { Tone::Good } else { Tone::Warn };
        vec![
            ink.cell(Tone::Plain, &seen.probe),
            word::verdict(seen.verdict).cell(ink),
            ink.cell(tone, &seen.code),
            ink.cell(Tone::Plain, &took(seen.took_us)),
            ink.cell(Tone::Plain, &age(seen.age_ms)),
            ink.cell(Tone::Plain, &seen.message),
        ]
    });
    let narrower = Ink { width: ink.width.map(|width| width.saturating_sub(2)), ..ink };
    let table =
        narrower.table(&["PROBE", "VERDICT", "CODE", "TOOK", "AGE", "MESSAGE"], rows.collect(), &[0, 1, 2]);
    text.push_str(&indent(&table, 2));
    text.push('\n');
    text
}

/// The marks that prove a mount, in words.
pub(super) fn identity(identity: &MountIdentity) -> String {
    let mut marks = Vec::new();
    if !identity.file_id.is_empty() {
        marks.push(format!("identity file {}", clean(&identity.file_id)));
    }
    if !identity.root_handle.is_empty() {
        marks.push(format!("root handle {}", clean(&identity.root_handle)));
    }
    if identity.root_inode != 0 {
        marks.push(format!("root inode {}", identity.root_inode));
    }
    if marks.is_empty() { "no marks".to_owned() } else { marks.join(", ") }
}

/// How a mount is watched: the state, what it covers, what it missed.
pub(super) fn watched(watch: &WatchStatus, ink: Ink) -> String {
    let mut text = format!(
        "{}, {}, {}",
        word::watch(watch.state).paint(ink),
        count(watch.directories, "directory", "directories"),
        count(watch.indexed, "name remembered", "names remembered"),
    );
    if watch.overflows > 0 {
        let _ = write!(text, ", {} (each rescanned)", count(watch.overflows, "overflow", "overflows"));
    }
    if !watch.message.is_empty() {
        let _ = write!(text, ": {}", clean(&watch.message));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn the_list() {
        let answer = ListStoresResponse { stores: vec![samples::store(), samples::healthy_store()] };
        assert_eq!(
            stores(&answer, Ink::PLAIN),
            "\
SOURCE                  CONDITION    REASONS                EVIDENCE  MOUNTS  ID
nas1:/export/secondary  UNAVAILABLE  STALE_HANDLE, PARTIAL  3 s ago   1/2     5f1c0c5b-0000-5000-8000-000000000001
nas2:/export/secondary  AVAILABLE    -                      1 s ago   0/0     5f1c0c5b-0000-5000-8000-000000000002"
        );
        assert!(stores(&ListStoresResponse::default(), Ink::PLAIN).starts_with("no store is known"));
    }

    #[test]
    fn a_store_in_full() {
        assert_eq!(
            store(&samples::store(), Ink::PLAIN),
            "\
nas1:/export/secondary  UNAVAILABLE
id        5f1c0c5b-0000-5000-8000-000000000001
kind      network (nfs4)
evidence  3 s ago
  STALE_HANDLE: the server no longer knows the root
  PARTIAL: ssvm-1 and ssvm-2 disagree

/mnt/SecStorage/a on ssvm-1  connected
  condition  UNAVAILABLE, evidence 3 s ago
    STALE_HANDLE: the server no longer knows the root
  identity   identity file abc, root handle 01ff
  watch      PARTIAL, 12 directories, 1 name remembered, 2 overflows (each rescanned): over budget
  stuck      1 worker process cannot be killed
  PROBE   VERDICT  CODE          TOOK    AGE      MESSAGE
  mount   CRIT     STALE_HANDLE  1.2 ms  3 s ago  fstatfs: Stale file handle
  lookup  OK       OK            900 us  4 s ago  quick

/mnt/b on ssvm-2  not connected
  nothing reported: known from the ledger only
"
        );
    }

    #[test]
    fn a_change_is_one_line() {
        assert_eq!(
            store_changed(&samples::store(), 0, Ink::PLAIN),
            "1970-01-01T00:00:00.000Z  UNAVAILABLE  nas1:/export/secondary  \
             STALE_HANDLE, PARTIAL: the server no longer knows the root"
        );
        assert_eq!(
            store_changed(&samples::healthy_store(), 0, Ink::PLAIN),
            "1970-01-01T00:00:00.000Z  AVAILABLE    nas2:/export/secondary"
        );
    }

    #[test]
    fn nothing_from_elsewhere_reaches_the_terminal_unescaped() {
        let mut hostile = samples::store();
        hostile.source = "nas\x1b[2J".into();
        hostile.reasons[0].message = "a\nb\x07".into();
        hostile.mounts[0].mount_point = "/mnt/\x1b]0;x\x07".into();
        let report = hostile.mounts[0].report.as_mut().expect("report");
        report.observations[0].message = "\x1b[31m".into();
        report.watch.as_mut().expect("watch").message = "\u{9b}2J".into();
        let list = ListStoresResponse { stores: vec![hostile.clone()] };
        for text in
            [store(&hostile, Ink::PLAIN), store_changed(&hostile, 0, Ink::PLAIN), stores(&list, Ink::PLAIN)]
        {
            assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
        }
        assert_eq!(store_changed(&hostile, 0, Ink::PLAIN).lines().count(), 1);
    }
}
