//! What a CONFIRMED rests on, legibly: who looked, what was proven before, how absence was seen, what was proven after.

use super::ink::clean;
use super::measure::{count, size, took, utc, utc_of_ns};
use super::store::identity;
use super::word;
use std::fmt::Write as _;
use storewarden_proto::v1::{Evidence, FileIdentity};

/// One piece of evidence, in lines.
pub(super) fn evidence(evidence: &Evidence) -> String {
    let mut text = String::new();
    let mut say = |name: &str, values: &[String]| {
        for (index, value) in values.iter().enumerate() {
            let name = if index == 0 { name } else { "" };
            let _ = writeln!(text, "{name:<14} {}", clean(value));
        }
    };
    let Evidence { agent, mount_point, source, fs_type, .. } = evidence;
    say("looked by", &[format!("{agent} at {mount_point} ({source}, {fs_type})")]);
    say("looked at", &[format!("{} to {}", utc(evidence.began_at_ms), utc(evidence.ended_at_ms))]);
    let (before, after, mount) = match &evidence.proof {
        Some(proof) => {
            let id =
                format!("id {}, the same before and after; {} in all", proof.mount_id, took(proof.took_us));
            (proof.before.as_slice(), proof.after.as_slice(), id)
        }
        None => Default::default(),
    };
    say("proven before", &or_nothing(before));
    say("how seen", std::slice::from_ref(&evidence.how));
    say("proven after", &or_nothing(after));
    say("the mount", &[if mount.is_empty() { "nothing was proven of it".to_owned() } else { mount }]);
    say("its marks", &[evidence.identity.as_ref().map_or_else(|| "none".to_owned(), identity)]);
    let owed = evidence.baseline.as_ref();
    say("file owed", &[owed.map_or_else(|| "it was already gone at the first look".to_owned(), file)]);
    say("sightings", &[sightings(evidence.sightings)]);
    text
}

fn or_nothing(lines: &[String]) -> Vec<String> {
    if lines.is_empty() { vec!["nothing".to_owned()] } else { lines.to_vec() }
}

fn sightings(number: u32) -> String {
    match number {
        0 => "no file event was seen (a hint is not needed)".to_owned(),
        1 => "1 file event agrees (a hint, not proof)".to_owned(),
        _ => format!("{number} file events agree (hints, not proof)"),
    }
}

/// What tells a file from another that takes its name.
pub(super) fn file(file: &FileIdentity) -> String {
    let mut text = format!(
        "{} {}, {}, changed {}",
        word::file_kind(file.kind),
        file.file_id,
        size(file.size),
        utc_of_ns(file.ctime_ns)
    );
    if file.links > 1 {
        let _ = write!(text, ", {}", count(file.links, "hard link", "hard links"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn every_line_of_a_proof_is_told() {
        let mut sample = samples::confirmed().evidence.expect("evidence");
        sample.baseline = None;
        sample.sightings = 0;
        sample.proof.as_mut().expect("proof").after.clear();
        let text = evidence(&sample);
        sample.proof = None;
        assert!(evidence(&sample).contains("the mount      nothing was proven of it\n"));
        for line in [
            "proven before  mountinfo names the source\n               root handle is the pinned one\n",
            "proven after   nothing\n",
            "file owed      it was already gone at the first look\n",
            "sightings      no file event was seen",
        ] {
            assert!(text.contains(line), "{line:?} in\n{text}");
        }
    }
}
