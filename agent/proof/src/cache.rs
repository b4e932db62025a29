//! Whether a mount's options let the kernel answer for a dead server, and the stopwatch that this makes necessary.
//!
//! With `softreval`, which `softerr` switches on, the Linux NFS client answers from its cache once revalidation has
//! timed out: names, attributes, listings, and ENOENT for files that exist (fs/nfs/dir.c, nfs_lookup_revalidate_done;
//! fs/nfs/inode.c, __nfs_revalidate_inode). It cannot time out before `timeo`, so a call that came back sooner was
//! answered by the server.

use std::time::{Duration, Instant};
use storewarden_types::mountinfo::MountEntry;

/// What an answer of the kernel is worth on a mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheRule {
    /// The kernel asks the server, or fails.
    Honest,
    /// The kernel may answer for a dead server, but not sooner than this.
    HonestWithin(Duration),
    /// The kernel may answer for a dead server, and nobody knows how soon.
    Doubtful,
}

impl CacheRule {
    /// The rule of a mount. `timeo` is in tenths of a second (nfs(5)).
    #[must_use]
    pub fn of(entry: &MountEntry) -> Self {
        let options = || entry.super_options.split(',');
        if !options().any(|o| o == "softreval" || o == "softerr") {
            return Self::Honest;
        }
        match options().find_map(|o| o.strip_prefix("timeo=")).and_then(|t| t.parse::<u64>().ok()) {
            Some(tenths) if tenths > 0 => {
                Self::HonestWithin(Duration::from_millis(tenths.saturating_mul(100)))
            }
            _ => Self::Doubtful,
        }
    }
}

/// Times each call of a look, and remembers the first that took too long to be believed.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    rule: CacheRule,
    doubt: Option<String>,
}

impl Stopwatch {
    pub(crate) fn new(rule: CacheRule) -> Self {
        let doubt = (rule == CacheRule::Doubtful)
            .then(|| "softreval or softerr without a timeo: any answer may be the cache's".into());
        Self { rule, doubt }
    }

    /// Runs one call.
    pub(crate) fn time<T>(&mut self, what: &str, call: impl FnOnce() -> T) -> T {
        let CacheRule::HonestWithin(limit) = self.rule else { return call() };
        let began = Instant::now();
        let answer = call();
        let took = began.elapsed();
        if took >= limit && self.doubt.is_none() {
            self.doubt = Some(format!(
                "{what} took {} ms, not less than timeo: the answer may be the cache's",
                took.as_millis()
            ));
        }
        answer
    }

    /// Why nothing that was seen can be believed; `None` when it can.
    pub(crate) fn doubt(&self) -> Option<&str> {
        self.doubt.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(super_options: &str) -> CacheRule {
        CacheRule::of(&MountEntry {
            mount_id: 1,
            root: "/".into(),
            mount_point: "/m".into(),
            mount_options: "rw".into(),
            fs_type: "nfs4".into(),
            source: "h:/e".into(),
            super_options: super_options.into(),
        })
    }

    #[test]
    fn options_are_read_as_words() {
        assert_eq!(rule("rw,hard,timeo=600"), CacheRule::Honest);
        assert_eq!(rule("rw,soft,timeo=600"), CacheRule::Honest);
        assert_eq!(rule("rw,hard,nosoftreval,timeo=600"), CacheRule::Honest);
        assert_eq!(rule("rw,soft,softreval,timeo=10"), CacheRule::HonestWithin(Duration::from_secs(1)));
        assert_eq!(rule("rw,softerr,timeo=600"), CacheRule::HonestWithin(Duration::from_secs(60)));
        assert_eq!(rule("rw,softerr"), CacheRule::Doubtful);
        assert_eq!(rule("rw,softreval,timeo=x"), CacheRule::Doubtful);
        assert_eq!(rule("rw,softreval,timeo=0"), CacheRule::Doubtful);
    }

    #[test]
    fn only_a_slow_answer_under_the_rule_is_doubted() {
        let slow = || std::thread::sleep(Duration::from_millis(3));
        let mut honest = Stopwatch::new(CacheRule::Honest);
        honest.time("a step", slow);
        assert_eq!(honest.doubt(), None);
        let mut within = Stopwatch::new(CacheRule::HonestWithin(Duration::from_millis(2)));
        within.time("a quick step", || ());
        assert_eq!(within.doubt(), None);
        within.time("a slow step", slow);
        within.time("another", slow);
        assert!(within.doubt().is_some_and(|d| d.starts_with("a slow step took")), "{within:?}");
        assert!(Stopwatch::new(CacheRule::Doubtful).doubt().is_some());
    }
}
