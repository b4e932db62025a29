//! grpc.health.v1: whether this controller can do what it is for. Owns the names it answers to.

use storewarden_proto::v1::agent_service_server::SERVICE_NAME as AGENT;
use storewarden_proto::v1::deletion_service_server::SERVICE_NAME as DELETION;
use storewarden_proto::v1::event_service_server::SERVICE_NAME as EVENT;
use storewarden_proto::v1::fleet_service_server::SERVICE_NAME as FLEET;
use storewarden_proto::v1::store_service_server::SERVICE_NAME as STORE;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

/// The whole server, and each of its services.
pub(crate) const NAMES: [&str; 6] = ["", AGENT, STORE, DELETION, EVENT, FLEET];

/// Tells health.
#[derive(Clone, Debug)]
pub(crate) struct Health(HealthReporter);

impl Health {
    pub(crate) fn new(reporter: HealthReporter) -> Self {
        Self(reporter)
    }

    /// Sets every name. They stand and fall together: each needs the ledger.
    pub(crate) async fn serving(&self, yes: bool) {
        let status = if yes { ServingStatus::Serving } else { ServingStatus::NotServing };
        for name in NAMES {
            self.0.set_service_status(name, status).await;
        }
    }

    /// Forgets every name, which ends the streams of those who watch: nothing else would before they go.
    pub(crate) async fn clear(&mut self) {
        for name in NAMES {
            self.0.clear_service_status(name).await;
        }
    }
}
