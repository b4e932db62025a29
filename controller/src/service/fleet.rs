//! The agents of this controller, as the published state shows them.

use crate::context::Context;
use storewarden_controller_core::{AgentStatus, View};
use storewarden_proto::convert::report_to_wire;
use storewarden_proto::v1;
use storewarden_proto::v1::fleet_service_server::FleetService;
use storewarden_types::condition::MountStanding;
use storewarden_types::{Code, Condition, Mono, Reason, StoreId};
use tonic::{Request, Response, Status};

/// `storewarden.v1.FleetService`.
#[derive(Debug)]
pub(crate) struct FleetApi {
    context: Context,
}

impl FleetApi {
    pub(crate) fn new(context: Context) -> Self {
        Self { context }
    }
}

#[tonic::async_trait]
impl FleetService for FleetApi {
    async fn list_agents(
        &self,
        _request: Request<v1::ListAgentsRequest>,
    ) -> Result<Response<v1::ListAgentsResponse>, Status> {
        let (view, now) = (self.context.state().view, self.context.clock.mono());
        let agents = view.agents.values().map(|agent| agent_to_wire(agent, &view, now)).collect();
        Ok(Response::new(v1::ListAgentsResponse { agents }))
    }
}

fn agent_to_wire(agent: &AgentStatus, view: &View, now: Mono) -> v1::Agent {
    let mut mounts: Vec<v1::AgentMount> =
        agent.mounts.iter().map(|(store, standing)| mount_to_wire(*store, standing, view, now)).collect();
    mounts.sort_by(|a, b| a.mount_point.cmp(&b.mount_point));
    v1::Agent {
        id: agent.agent.as_str().into(),
        host: agent.host.clone(),
        version: agent.version.clone(),
        connected: agent.connected,
        last_heard_ago_ms: agent.last_heard.map(|at| now.since(at)),
        acked_seq: agent.acked.0,
        mounts,
    }
}

fn mount_to_wire(store: StoreId, standing: &MountStanding, view: &View, now: Mono) -> v1::AgentMount {
    let report = standing.report.as_ref().map(|report| report_to_wire(report, now));
    let source = view.stores.get(&store).map(|store| store.source.clone()).unwrap_or_default();
    let mut mount = v1::AgentMount {
        mount_point: standing.mount_point.clone(),
        store_id: store.to_string(),
        source,
        ..v1::AgentMount::default()
    };
    let connected = standing.connected;
    match report {
        Some(report) => {
            mount.source = report.source;
            mount.condition = report.condition;
            mount.reasons = report.reasons;
            mount.watch = report.watch;
            mount.stuck_workers = report.stuck_workers;
        }
        None => mount.condition = v1::Condition::from(Condition::Unknown).into(),
    }
    if !connected || mount.watch.is_none() {
        let words =
            if connected { "it has not reported on this mount yet" } else { "the agent is not connected" };
        mount.condition = v1::Condition::from(Condition::Unknown).into();
        mount.reasons = vec![v1::Reason::from(&Reason::new(Code::AgentLost, words))];
    }
    mount
}
