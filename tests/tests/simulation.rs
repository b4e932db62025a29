//! Runs the simulated world over many seeds. `SEED=n` replays one, `SEEDS=n` sets how many (default 500).

use storewarden_system_tests::sim::{Options, Outcome, World};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn every_promise_holds_over_all_seeds() {
    let seeds = match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEEDS").unwrap_or(500),
    };
    let mut total = Outcome::default();
    for seed in seeds.clone() {
        match World::new(seed, Options::default()).run() {
            Ok(outcome) => {
                total.events += outcome.events;
                total.crashes += outcome.crashes;
                total.facts += outcome.facts;
                for (sum, n) in total.ends.iter_mut().zip(outcome.ends) {
                    *sum += n;
                }
            }
            Err(violation) => panic!(
                "seed {seed}: {violation}\n\nreplay: SEED={seed} cargo test -p storewarden-system-tests --test simulation"
            ),
        }
    }
    let [confirmed, failed, unknown] = total.ends;
    println!(
        "{} seeds: {} events, {} crashes, {} facts; deletions: {confirmed} confirmed, {failed} failed, {unknown} unknown",
        seeds.end - seeds.start,
        total.events,
        total.crashes,
        total.facts
    );
    // A world in which nothing happens proves nothing.
    if number("SEED").is_none() {
        assert!(
            confirmed > 0 && failed > 0 && unknown > 0 && total.crashes > 0,
            "the simulation has gone tame"
        );
    }
}

/// The oracle is worth nothing if it cannot see the classic mistake.
fn is_caught(options: Options) {
    let caught =
        (0..500).find_map(|seed| World::new(seed, options).run().err().map(|violation| (seed, violation)));
    let (seed, violation) = caught.expect("500 seeds without persist-before-send went unnoticed");
    println!("{options:?}: seed {seed}: {}", violation.lines().next().unwrap_or_default());
}

#[test]
fn an_agent_that_sends_before_it_persists_is_caught() {
    is_caught(Options { agent_sends_first: true, ..Options::default() });
}

#[test]
fn a_controller_that_sends_before_it_persists_is_caught() {
    is_caught(Options { controller_sends_first: true, ..Options::default() });
}
