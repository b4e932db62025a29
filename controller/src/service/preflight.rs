//! Waiting for fresh proof: judge, have the store probed, judge again when something changed, give up at the deadline.
//! Owns the waiting; judging is the core's.

use crate::context::Context;
use crate::driver::Ask;
use crate::probes::{Probes, Want};
use crate::state::State;
use crate::status::refuse;
use storewarden_controller_core::preflight::{Judgement, give_up, judge};
use storewarden_types::{Code, Mono, PreflightAnswer, PreflightQuestion, StoreId, StoreStatus};
use tokio::sync::watch;
use tonic::Status;

/// One caller's wait for evidence.
pub(crate) struct Wait<'a> {
    pub(crate) context: &'a Context,
    pub(crate) probes: &'a Probes,
    pub(crate) store: StoreId,
    /// When the question was put: evidence from then on is fresh.
    pub(crate) asked: Mono,
    /// When the caller must have its answer.
    pub(crate) deadline: Mono,
}

/// Answers a question; the second value tells whether a probe was run for it.
pub(crate) async fn preflight(
    wait: &Wait<'_>,
    question: &PreflightQuestion,
) -> Result<(PreflightAnswer, bool), Status> {
    let ttl_ms = wait.context.evidence_ttl_ms;
    let mut probed = false;
    let answer = wait
        .until(&mut probed, |store, now| match judge(store, now, wait.asked, ttl_ms, question) {
            Judgement::Answer(answer) => Some(answer),
            Judgement::Probe => None,
        })
        .await?;
    let answer = match answer {
        Ok(answer) => answer,
        Err(store) => give_up(&store, wait.context.clock.mono(), ttl_ms, question),
    };
    Ok((answer, probed))
}

/// Waits until every connected mount of the store has evidence from after the question, or the deadline.
pub(crate) async fn probe_now(wait: &Wait<'_>) -> Result<(), Status> {
    let fresh = |evidence: Option<Mono>| evidence.is_some_and(|at| at >= wait.asked);
    let mut probed = false;
    let reported = |store: &StoreStatus, _| {
        let mut connected = store.mounts.iter().filter(|(_, mount)| mount.connected);
        connected.all(|(_, m)| fresh(m.report.as_ref().and_then(|report| report.evidence))).then_some(())
    };
    wait.until(&mut probed, reported).await.map(drop)
}

impl Wait<'_> {
    /// Has the store probed until `done` says so. `Err` inside: the deadline came first; how the store stood then.
    async fn until<T>(
        &self,
        probed: &mut bool,
        done: impl Fn(&StoreStatus, Mono) -> Option<T>,
    ) -> Result<Result<T, std::sync::Arc<StoreStatus>>, Status> {
        let clock = self.context.clock;
        let mut states = self.context.states();
        loop {
            let (store, serving) = self.look(&mut states)?;
            let now = clock.mono();
            if let Some(value) = done(&store, now) {
                return Ok(Ok(value));
            }
            if now >= self.deadline {
                return Ok(Err(store));
            }
            if !serving {
                // The sessions are closed: no probe can be run, and none is worth waiting for.
                let words = "the controller's ledger cannot be written now, so no fresh proof can be had";
                return Err(refuse(Code::LedgerUnavailable, words));
            }
            let mut until = self.deadline;
            match self.probes.want(self.store, self.asked, now) {
                Want::Order => {
                    *probed = true;
                    self.context.driver.ask(Ask::Probe(self.store)).await?;
                }
                Want::Ordered => *probed = true,
                Want::Wait(at) => until = until.min(at),
            }
            tokio::select! {
                changed = states.changed() => if changed.is_err() {
                    return Err(refuse(Code::ShuttingDown, "the controller is stopping"));
                },
                () = tokio::time::sleep_until(clock.instant(until)) => {}
            }
        }
    }

    fn look(
        &self,
        states: &mut watch::Receiver<State>,
    ) -> Result<(std::sync::Arc<StoreStatus>, bool), Status> {
        let state = states.borrow_and_update();
        let store = state.view.stores.get(&self.store).cloned();
        let gone = || refuse(Code::StoreUnknown, format!("the store {} is no longer known", self.store));
        Ok((store.ok_or_else(gone)?, state.serving))
    }
}
