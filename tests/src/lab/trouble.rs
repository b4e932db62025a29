//! A fault that all four mounts meet at once, from the first report to the recovery: the course that most tests take.

use super::report::{self, Row, after};
use super::{Lab, Mount, Standing};
use std::time::{Duration, Instant};

/// Of a deletion that is to stay open for the whole test.
pub const LONG: Duration = Duration::from_secs(3600);
/// Of a deletion that is to end while a fault lasts; some looks long.
pub const SHORT: Duration = Duration::from_secs(12);

/// How a deletion ends meanwhile, where a look cannot see the truth.
pub const BLIND: &[&str] = &["UNKNOWN"];

/// What is done to a server, an export or a mount; returns when it began.
pub type Deed<'a> = &'a dyn Fn(&Lab) -> Instant;

/// A fault, how it ends, and what may be reported of it.
#[derive(Clone, Copy)]
pub struct Trouble<'a> {
    /// Strikes all four mounts.
    pub strike: Deed<'a>,
    /// Ends it.
    pub heal: Deed<'a>,
    /// Any of these is right. None: no probe tells of it yet, and the test fails when one does, so that it is said here.
    pub codes: &'static [&'static str],
    /// In which states a deletion may end meanwhile, of a file that is there: FAILED where a look sees the truth all the
    /// same, else UNKNOWN.
    pub ends: &'static [&'static str],
    /// Whether files can be removed on the server while it lasts; else they are afterwards.
    pub removes: bool,
}

impl std::fmt::Debug for Trouble<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trouble").field("codes", &self.codes).finish_non_exhaustive()
    }
}

/// The deletions of one mount, each of a file of its own.
struct Owed {
    mount: Mount,
    /// `d/stays` is never removed.
    stays: String,
    /// `d/goes` is, on the server.
    goes: String,
}

impl Trouble<'_> {
    /// Strikes; every mount is reported with a right code. A deletion that ends meanwhile ends as it must. After the healing
    /// every mount is AVAILABLE again, what was removed is confirmed, and what was not is still owed.
    ///
    /// # Panics
    /// When anything of that is not so.
    pub fn meet(&self, name: &str) {
        let lab = Lab::up(name);
        let owed = Mount::ALL.map(|mount| owe(&lab, mount));
        for o in &owed {
            lab.wait_seen(&o.stays);
            lab.wait_seen(&o.goes);
        }
        let struck = (self.strike)(&lab);
        let told = Mount::ALL.map(|m| self.codes.first().map(|_| lab.wait_condition(m, self.codes, struck)));
        let asked = Mount::ALL.map(|m| lab.track(m, "d/asked", SHORT));
        let mut removed = self.removes.then(|| remove(&lab));
        let meanwhile = asked.map(|id| lab.wait_ended(&id));
        self.judge(&lab, &meanwhile);

        let healed = (self.heal)(&lab);
        let recovered = Mount::ALL.map(|m| lab.wait_available(m, healed));
        let removed = *removed.get_or_insert_with(|| remove(&lab));
        let mut rows = Vec::new();
        for (n, o) in owed.iter().enumerate() {
            let gone = lab.wait_ended(&o.goes);
            lab.wait_seen(&o.stays);
            assert_eq!(gone.state, "CONFIRMED", "{}: {gone:?}", o.mount);
            let (what, since) =
                if self.removes && self.ends == BLIND { ("healing", healed) } else { ("removal", removed) };
            rows.push(Row {
                code: told[n].as_ref().map_or("(not told)", |(code, _)| code).to_owned(),
                told: told[n].as_ref().map(|(_, after)| *after),
                recovered: Some(recovered[n]),
                deletion: format!(
                    "meanwhile {}; CONFIRMED {} after the {what}",
                    meanwhile[n].words(),
                    after(gone.at, since)
                ),
                ..Row::of(name, o.mount)
            });
        }
        report::keep(rows);
        lab.finish();
    }

    fn judge(&self, lab: &Lab, meanwhile: &[Standing]) {
        for (mount, end) in Mount::ALL.into_iter().zip(meanwhile) {
            let right = self.ends.contains(&end.state.as_str());
            assert!(right, "{mount}: {end:?}; {:?}", lab.history(mount));
            assert!(
                !self.codes.is_empty() || lab.history(mount).ends_with(&[String::new()]),
                "{mount} is told now"
            );
        }
    }
}

fn owe(lab: &Lab, mount: Mount) -> Owed {
    for path in ["d/stays", "d/goes", "d/asked"] {
        lab.make_remotely(mount, path);
    }
    let [stays, goes] = ["d/stays", "d/goes"].map(|path| lab.track(mount, path, LONG));
    Owed { mount, stays, goes }
}

fn remove(lab: &Lab) -> Instant {
    let began = Instant::now();
    for mount in Mount::ALL {
        lab.remove_remotely(mount, "d/goes");
    }
    began
}
