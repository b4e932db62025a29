//! The promises of the product, each a named invariant that knows the whole truth of the simulated world.

use super::agent_host::{Host, PROBE_MS};
use super::control::Control;
use super::share::{Health, Share};
use storewarden_agent_core::Config as AgentConfig;
use storewarden_types::{AgentId, Condition, DeletionEnd, DeletionState, Epoch, Fact, Seq};

/// Rounding of one millisecond at each of two clocks.
const SLACK_MS: i64 = 2;
/// How long after all is well at a mount its proofs may still be late: a kill, a backoff, a start, a probe.
const SETTLE_MS: i64 = 14_000;

/// Everything the oracle may look at.
pub(crate) struct Truth<'a> {
    pub(crate) now: i64,
    pub(crate) hosts: &'a [Host],
    pub(crate) control: &'a Control,
    pub(crate) shares: &'a [Share],
}

type Check = Result<(), String>;

/// Promise 1. A deletion is Confirmed only if the file was absent from the right store after the request.
pub(crate) fn invariant_no_false_confirmed(
    truth: &Truth<'_>,
    share: usize,
    path: &str,
    tracked_at: i64,
    end: &DeletionEnd,
) -> Check {
    if end.state == DeletionState::Confirmed && end.evidence.is_none() {
        return Err(format!("invariant_no_false_confirmed: {path} without evidence"));
    }
    let absent = match truth.shares[share].files.get(path) {
        None => true,
        Some(history) => history.absent_within(tracked_at, truth.now),
    };
    if end.state == DeletionState::Confirmed && !absent {
        return Err(format!("invariant_no_false_confirmed: {path} was never absent since {tracked_at}"));
    }
    Ok(())
}

/// Promise 2, first half. Nothing is in the ledger that its agent had not durably recorded, word for word.
pub(crate) fn invariant_only_durable_facts(
    truth: &Truth<'_>,
    agent: &AgentId,
    epoch: Epoch,
    seq: Seq,
    fact: &Fact,
) -> Check {
    let host = truth.hosts.iter().find(|h| h.id == *agent).ok_or("a fact of a stranger")?;
    if host.disk.epoch == epoch && host.disk.ever.get(&seq) == Some(fact) {
        return Ok(());
    }
    Err(format!(
        "invariant_only_durable_facts: {agent} fact {seq} is in the ledger but not on the agent's disk"
    ))
}

/// Promise 2, second half, at the moment of trimming. What an agent throws away, the ledger holds.
pub(crate) fn invariant_no_lost_fact(truth: &Truth<'_>, host: &Host, through: Seq) -> Check {
    let mark = truth.control.ledger.mark(&host.id, host.disk.epoch);
    if through <= mark {
        return Ok(());
    }
    Err(format!("invariant_no_lost_fact: {} trims through {through}, the ledger holds {mark}", host.id))
}

/// Everything that can be checked at any moment.
pub(crate) fn always(truth: &Truth<'_>) -> Check {
    for host in truth.hosts {
        invariant_nothing_hangs(truth, host)?;
        invariant_bounded(host)?;
    }
    invariant_silence_is_not_health(truth)?;
    invariant_every_deletion_ends(truth)
}

/// Promise 3. No call outlives its deadline and grace without being killed; a healthy mount's probes keep their rhythm
/// whatever its neighbours do.
fn invariant_nothing_hangs(truth: &Truth<'_>, host: &Host) -> Check {
    if host.core.is_none() || host.frozen || truth.now - host.thawed <= SLACK_MS {
        return Ok(());
    }
    let grace = AgentConfig::default().grace_ms;
    let mono = host.mono(truth.now);
    for place in &host.places {
        for (generation, process) in &place.workers {
            let Some((began, deadline)) = process.busy else { continue };
            if !process.killed && mono.since(began) > deadline + grace + SLACK_MS as u64 {
                return Err(format!(
                    "invariant_nothing_hangs: {} {} {generation:?} is still waited for",
                    host.id, place.point
                ));
            }
        }
        let calm_since = place.since.max(host.started).max(host.thawed);
        if place.health == Health::Well && truth.now - calm_since > SETTLE_MS {
            let newest = place.proofs.last().copied().unwrap_or(i64::MIN);
            if truth.now.saturating_sub(newest) > PROBE_MS as i64 + SETTLE_MS {
                return Err(format!(
                    "invariant_nothing_hangs: {} {} is well but not probed",
                    host.id, place.point
                ));
            }
        }
    }
    Ok(())
}

/// Promise 4. A store is called usable only on proof that is really younger than its time to live; and evidence is never
/// told younger than it is.
fn invariant_silence_is_not_health(truth: &Truth<'_>) -> Check {
    let Some(core) = &truth.control.core else { return Ok(()) };
    if truth.control.frozen || truth.now - truth.control.thawed <= SLACK_MS {
        return Ok(());
    }
    let ttl = truth.control.config.evidence_ttl_ms as i64;
    for status in core.peek().stores.values() {
        if !matches!(status.condition, Condition::Available | Condition::Degraded) {
            continue;
        }
        let Some(evidence) = status.evidence else {
            return Err(format!(
                "invariant_silence_is_not_health: {} is usable without evidence",
                status.source
            ));
        };
        let told = truth.control.true_time(evidence);
        let newest = truth
            .hosts
            .iter()
            .flat_map(|h| {
                h.places.iter().enumerate().filter(|(n, _)| h.store(*n) == status.id).map(|(_, p)| p)
            })
            .filter_map(|p| p.proofs.last())
            .max();
        match newest {
            Some(newest) if *newest + SLACK_MS >= told => {}
            _ => {
                return Err(format!(
                    "invariant_evidence_is_never_younger: {} told {told}, truth {newest:?}",
                    status.source
                ));
            }
        }
        if truth.now - told > ttl + SLACK_MS {
            return Err(format!(
                "invariant_silence_is_not_health: {} rests on proof of {} ms ago",
                status.source,
                truth.now - told
            ));
        }
    }
    Ok(())
}

/// Promise 5. Every deletion ends by its deadline: no pending one is out of time while a controller runs.
fn invariant_every_deletion_ends(truth: &Truth<'_>) -> Check {
    let control = truth.control;
    if control.core.is_none() || control.frozen || truth.now - control.thawed <= SLACK_MS {
        return Ok(());
    }
    for (id, deletion) in &control.ledger.deletions {
        // What the clock missed while the host stood still, the deadline waits for.
        let given = deletion.tracked.deadline_ms as i64 + control.lost_ms;
        let from_request = deletion.true_tracked_at + given;
        // After a restart the wall clock says what is left. If it lied, the full time counts anew, never more.
        let due = if control.wall_jumped { from_request.max(control.started + given) } else { from_request };
        if !deletion.state.is_terminal() && truth.now > due.max(control.started) + SLACK_MS {
            return Err(format!("invariant_every_deletion_ends: {id} was due at {due}"));
        }
    }
    Ok(())
}

/// Promise 6, as far as a core can break it: one worker at a time and few stuck ones.
fn invariant_bounded(host: &Host) -> Check {
    let stuck_max = AgentConfig::default().stuck_per_mount_max as usize;
    for place in &host.places {
        let live = place.workers.values().filter(|w| !w.killed).count();
        if live > 1 || place.workers.len() > stuck_max + 1 {
            return Err(format!(
                "invariant_bounded: {} {} has {} workers",
                host.id,
                place.point,
                place.workers.len()
            ));
        }
    }
    Ok(())
}

/// After all faults have stopped: everything was delivered, everything ended, every store is seen well.
pub(crate) fn liveness(truth: &Truth<'_>) -> Check {
    for host in truth.hosts {
        for (seq, fact) in &host.disk.ever {
            let key = (host.id.clone(), host.disk.epoch, *seq);
            if truth.control.ledger.facts.get(&key) != Some(fact) {
                return Err(format!("liveness: {} fact {seq} never reached the ledger", host.id));
            }
        }
        if let Some(core) = &host.core
            && core.marks().1.next() != core.marks().0
        {
            return Err(format!("liveness: {} is not acknowledged through its last fact", host.id));
        }
    }
    if let Some((id, _)) = truth.control.ledger.deletions.iter().find(|(_, d)| !d.state.is_terminal()) {
        return Err(format!("liveness: {id} is still pending"));
    }
    let core = truth.control.core.as_ref().ok_or("liveness: no controller")?;
    // A store that was seen once at a place where something else belongs has no observer left, and rightly says so.
    for status in core.peek().stores.values().filter(|s| !s.mounts.is_empty()) {
        if status.condition != Condition::Available {
            return Err(format!(
                "liveness: {} is {:?}: {:?}",
                status.source, status.condition, status.reasons
            ));
        }
    }
    Ok(())
}
