//! Deletions for people: what was tracked, the list, one in full, and lines for changes and ends.

use super::evidence::{evidence, file};
use super::ink::{Ink, Tone, clean, indent};
use super::measure::{count, short, span, utc};
use super::word;
use crate::standing::Standing;
use crate::tally::Counts;
use comfy_table::Cell;
use std::fmt::Write as _;
use storewarden_proto::v1::{Deletion, ListDeletionsResponse, TrackResponse, WatchDeletionsResponse};

/// Columns of the longest word of an end.
const END_COLUMNS: usize = 9;

/// `storewarden deletion track`.
pub(crate) fn tracked(answer: &TrackResponse, ink: Ink) -> String {
    let rows = answer.deletions.iter().map(|deletion| {
        vec![
            ink.cell(Tone::Plain, &deletion.id),
            word::state(deletion.state).cell(ink),
            ink.cell(Tone::Plain, &deletion.path),
        ]
    });
    let table = ink.table(&["ID", "STATE", "PATH"], rows.collect(), &[0, 1]);
    format!("{table}\n{}", accepted(answer))
}

/// "3 deletions tracked, to end by ...".
pub(crate) fn accepted(answer: &TrackResponse) -> String {
    let number = count(answer.deletions.len() as u64, "deletion", "deletions");
    let by = answer.deletions.iter().map(|deletion| deletion.deadline_at_ms).max().unwrap_or(0);
    let word = if answer.replayed { "tracked before under this key, nothing new" } else { "tracked" };
    format!("{number} {word}, to end by {}", utc(by))
}

/// `storewarden deletion list`.
pub(crate) fn deletions(answer: &ListDeletionsResponse, ink: Ink) -> String {
    if answer.deletions.is_empty() {
        return "no such deletion".to_owned();
    }
    let rows = answer.deletions.iter().map(|deletion| row(deletion, ink)).collect();
    ink.table(&["ID", "STORE", "STATE", "CODE", "TRACKED", "ENDED", "PATH"], rows, &[0, 1, 2, 3])
}

fn row(deletion: &Deletion, ink: Ink) -> Vec<Cell> {
    let dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    vec![
        ink.cell(Tone::Plain, &deletion.id),
        ink.cell(Tone::Plain, short(&deletion.store_id)),
        word::state(deletion.state).cell(ink),
        ink.cell(Tone::Plain, &dash(&deletion.code)),
        ink.cell(Tone::Plain, &utc(deletion.tracked_at_ms)),
        ink.cell(Tone::Plain, &dash(&deletion.ended_at_ms.map(utc).unwrap_or_default())),
        ink.cell(Tone::Plain, &deletion.path),
    ]
}

/// A line of `storewarden deletion watch`.
pub(crate) fn changed(change: &WatchDeletionsResponse, ink: Ink) -> String {
    match &change.deletion {
        Some(deletion) => format!("{}  {}", change.cursor, line(deletion, ink)),
        None => format!("{}  a change that a newer controller would explain", change.cursor),
    }
}

/// A line of `storewarden deletion track --wait`, when one has ended.
pub(crate) fn ended(deletion: &Deletion, ink: Ink) -> String {
    line(deletion, ink)
}

fn line(deletion: &Deletion, ink: Ink) -> String {
    let mut line = format!(
        "{}  {}  {}",
        word::state(deletion.state).padded(ink, END_COLUMNS),
        clean(&deletion.id),
        clean(&deletion.path)
    );
    let why = word::because(&deletion.code, &deletion.message);
    if !why.is_empty() {
        let _ = write!(line, "  {}", clean(&why));
    }
    line
}

/// The last line of `storewarden deletion track --wait`.
pub(crate) fn summary(counts: Counts, ink: Ink) -> String {
    let tone = if counts.confirmed == counts.all { Tone::Good } else { Tone::Bad };
    let number = count(counts.all as u64, "deletion", "deletions");
    ink.paint(tone, &format!("{number}: {}", counts.ends()))
}

/// `storewarden deletion show`.
pub(crate) fn deletion(deletion: &Deletion, ink: Ink) -> String {
    let why = word::because(&deletion.code, &deletion.message);
    let given = deletion.deadline_at_ms.saturating_sub(deletion.tracked_at_ms);
    let mut text = format!(
        "{}  {}\n",
        ink.paint(Tone::Strong, &clean(&deletion.path)),
        word::state(deletion.state).paint(ink)
    );
    let mut say = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<9} {}", clean(value));
    };
    say("id", &deletion.id);
    say("store", &deletion.store_id);
    say("why", if why.is_empty() { "no look was reported yet" } else { &why });
    say("tracked", &utc(deletion.tracked_at_ms));
    say("deadline", &format!("{} ({})", utc(deletion.deadline_at_ms), span(given.max(0).unsigned_abs())));
    say("ended", &deletion.ended_at_ms.map_or_else(|| "not yet".to_owned(), utc));
    if !deletion.key.is_empty() {
        say("key", &deletion.key);
    }
    say("file", &deletion.baseline.as_ref().map_or_else(|| "no look has found it".to_owned(), file));
    if let Some(proof) = &deletion.evidence {
        let _ = write!(text, "\n{}\n{}\n", ink.paint(Tone::Strong, "Evidence"), indent(&evidence(proof), 2));
    }
    if Standing::of(deletion) == Standing::Unproven {
        let warning = "this CONFIRMED has no evidence that this version can check: it counts as not verified";
        let _ = write!(text, "\n{}\n", ink.paint(Tone::Bad, warning));
    }
    if let Some(proof) = &deletion.late_evidence {
        let title = ink.paint(Tone::Strong, "Late evidence");
        let _ =
            write!(text, "\n{title} (came after the end; the end stands)\n{}\n", indent(&evidence(proof), 2));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;
    use storewarden_proto::v1::DeletionState;

    #[test]
    fn a_confirmed_one_in_full() {
        assert_eq!(
            deletion(&samples::confirmed(), Ink::PLAIN),
            "\
snapshots/2/31/a.qcow2  CONFIRMED
id        0199f0a2-7c11-7d3e-9a55-000000000001
store     5f1c0c5b-0000-5000-8000-000000000001
why       ABSENT: gone from the proven store
tracked   2025-10-09T08:53:20.000Z
deadline  2025-10-09T08:54:20.000Z (60 s)
ended     2025-10-09T08:53:22.000Z
key       run-4711
file      file 4711, 5.0 GiB (5368709120 bytes), changed 2025-10-09T08:00:00.000Z, 2 hard links

Evidence
  looked by      ssvm-1 at /mnt/SecStorage/a (nas1:/export/secondary, nfs4)
  looked at      2025-10-09T08:53:21.000Z to 2025-10-09T08:53:21.004Z
  proven before  mountinfo names the source
                 root handle is the pinned one
  how seen       statx ENOENT; 3 entries listed, none of this name
  proven after   fstatfs answered
  the mount      id 42, the same before and after; 4.2 ms in all
  its marks      identity file abc, root handle 01ff
  file owed      file 4711, 5.0 GiB (5368709120 bytes), changed 2025-10-09T08:00:00.000Z, 2 hard links
  sightings      1 file event agrees (a hint, not proof)
"
        );
    }

    #[test]
    fn a_confirmed_without_evidence_is_not_believed() {
        let bare = Deletion { evidence: None, ..samples::confirmed() };
        assert!(deletion(&bare, Ink::PLAIN).contains("counts as not verified"));
    }

    #[test]
    fn late_evidence_is_told_as_such() {
        let late = Deletion {
            state: DeletionState::Unknown.into(),
            late_evidence: samples::confirmed().evidence,
            evidence: None,
            ..samples::pending()
        };
        let text = deletion(&late, Ink::PLAIN);
        assert!(
            text.contains("UNKNOWN\n")
                && text.contains("\nLate evidence (came after the end; the end stands)\n")
        );
        assert!(!text.contains("\nEvidence\n"));
    }

    #[test]
    fn the_list() {
        let answer = ListDeletionsResponse {
            deletions: vec![samples::confirmed(), samples::pending()],
            next_page_token: String::new(),
        };
        assert_eq!(
            deletions(&answer, Ink::PLAIN),
            "\
ID                                    STORE     STATE      CODE    TRACKED                   ENDED                     PATH
0199f0a2-7c11-7d3e-9a55-000000000001  5f1c0c5b  CONFIRMED  ABSENT  2025-10-09T08:53:20.000Z  2025-10-09T08:53:22.000Z  snapshots/2/31/a.qcow2
0199f0a2-7c11-7d3e-9a55-000000000002  5f1c0c5b  PENDING    -       2025-10-09T08:53:20.000Z  -                         b.qcow2"
        );
    }

    #[test]
    fn tracking_waiting_and_watching() {
        let mut answer = TrackResponse { deletions: vec![samples::pending()], replayed: false };
        assert_eq!(
            tracked(&answer, Ink::PLAIN),
            "\
ID                                    STATE    PATH
0199f0a2-7c11-7d3e-9a55-000000000002  PENDING  b.qcow2
1 deletion tracked, to end by 2025-10-09T08:54:20.000Z"
        );
        answer.replayed = true;
        assert!(accepted(&answer).starts_with("1 deletion tracked before under this key, nothing new"));
        assert_eq!(
            ended(&samples::confirmed(), Ink::PLAIN),
            "CONFIRMED  0199f0a2-7c11-7d3e-9a55-000000000001  snapshots/2/31/a.qcow2  \
             ABSENT: gone from the proven store"
        );
        let change = WatchDeletionsResponse { deletion: Some(samples::pending()), cursor: 12 };
        assert_eq!(
            changed(&change, Ink::PLAIN),
            "12  PENDING    0199f0a2-7c11-7d3e-9a55-000000000002  b.qcow2"
        );
        let counts = Counts { all: 3, ended: 3, confirmed: 2, failed: 1, ..Default::default() };
        assert_eq!(summary(counts, Ink::PLAIN), "3 deletions: 2 confirmed, 1 failed");
    }

    #[test]
    fn a_path_cannot_speak_to_the_terminal() {
        let hostile = Deletion { path: "a\x1b[1A\nb".into(), ..samples::confirmed() };
        assert_eq!(ended(&hostile, Ink::PLAIN).lines().count(), 1);
        for text in [deletion(&hostile, Ink::PLAIN), ended(&hostile, Ink::PLAIN)] {
            assert!(!text.contains('\x1b'), "{text:?}");
        }
    }
}
