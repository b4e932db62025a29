//! The second half of the bracket: the mount proven again, and what becomes of the outcomes when that fails. Owns the
//! rule that nothing is gone unless both proofs hold.

use crate::identity::Proven;
use crate::{ProofError, Root};
use storewarden_types::{Code, LookOutcome, MountExpectation, SeenFile};

/// Proves that the path still leads to the very root of the first proof, and that its server answers.
///
/// The first proof's root is still open: its mount cannot have gone away and come back under the same id.
pub(crate) fn prove_again(expected: &MountExpectation, first: &Proven) -> Result<Vec<String>, ProofError> {
    const WHAT: &str = "proving the mount again";
    let changed = |detail: String| ProofError::found(Code::MountChanged, WHAT, detail);
    first.root.statfs()?;
    let now = Root::attach(expected).map_err(|e| match e.code {
        Code::NotMounted | Code::WrongStore => changed(e.to_string()),
        _ => e,
    })?;
    if now.mount_id() != first.root.mount_id() {
        return Err(changed(format!("mount {} became mount {}", first.root.mount_id(), now.mount_id())));
    }
    if now.handle()? != first.handle || now.fresh()?.stx_ino != first.root_inode {
        return Err(changed("the path leads to another directory".into()));
    }
    Ok(vec![
        "fstatfs was answered".into(),
        format!("mountinfo and root agree: still mount {}", now.mount_id()),
        "the root is the same and its attributes are fresh".into(),
    ])
}

/// Takes back every outcome that says a file is gone, when the second proof failed or an answer came too late to be
/// believed. That a file was seen stays true: it was seen beneath the root of the first proof.
pub(crate) fn seal(outcomes: &mut [LookOutcome], failed: Option<&ProofError>, doubt: Option<&str>) {
    let (code, detail) = match (failed, doubt) {
        (Some(error), _) => (error.code, error.to_string()),
        (None, Some(doubt)) => (Code::CacheAnswers, doubt.to_owned()),
        (None, None) => return,
    };
    for outcome in outcomes {
        let says_gone = match outcome {
            LookOutcome::Absent { .. } | LookOutcome::SillyRenamed { .. } => true,
            LookOutcome::Present(SeenFile { replaced, .. }) => *replaced,
            LookOutcome::Unverifiable { .. } => false,
        };
        if says_gone {
            *outcome = LookOutcome::Unverifiable { code, detail: detail.clone() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use storewarden_types::{FileIdentity, FileKind};

    fn present(replaced: bool) -> LookOutcome {
        let kind = FileKind::File;
        let file = FileIdentity { file_id: 1, ctime_ns: 1, btime_ns: None, size: 1, kind, links: 1 };
        LookOutcome::Present(SeenFile { file, replaced })
    }

    fn all() -> Vec<LookOutcome> {
        vec![
            LookOutcome::Absent { how: "x".into() },
            LookOutcome::SillyRenamed { name: "x".into() },
            present(true),
            present(false),
            LookOutcome::Unverifiable { code: Code::CrossesMount, detail: "x".into() },
        ]
    }

    #[test]
    fn nothing_is_gone_unless_both_proofs_hold_and_every_answer_was_quick() {
        let codes = |outcomes: &[LookOutcome]| outcomes.iter().map(LookOutcome::code).collect::<Vec<_>>();
        let mut outcomes = all();
        seal(&mut outcomes, None, None);
        assert_eq!(outcomes, all());
        seal(&mut outcomes, None, Some("slow"));
        use Code::{CacheAnswers, CrossesMount, MountChanged, StillPresent};
        assert_eq!(codes(&outcomes), [CacheAnswers, CacheAnswers, CacheAnswers, StillPresent, CrossesMount]);
        let mut outcomes = all();
        seal(&mut outcomes, Some(&ProofError::found(MountChanged, "w", "d")), Some("slow"));
        assert_eq!(codes(&outcomes), [MountChanged, MountChanged, MountChanged, StillPresent, CrossesMount]);
    }
}
