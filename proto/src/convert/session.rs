//! The session between agent and controller. Owns both directions of its wire; keeps no state of it.

use super::error::{At, DecodeError};
use super::field::{
    SEQ_MAX, agent, clipped, counted, deletion, epoch, list, list_of_some, mark, mount_point, optional,
    place, present, required, store_path, within,
};
use super::word::code_and_message;
use crate::v1;
use crate::v1::session_request::Message as Request;
use crate::v1::session_response::Message as Response;
use storewarden_types::limits::{
    DEADLINE_MS_MAX, FACTS_PER_MESSAGE_MAX, MESSAGE_BYTES_MAX, MOUNTS_PER_AGENT_MAX, NAME_BYTES_MAX,
};
use storewarden_types::{
    AgentMessage, ControllerMessage, Hello, InstanceId, Mono, MountDelta, VerifyOrder, Welcome,
};

/// Most orders in one `VerifyOrders`, as agent.proto says.
pub const ORDERS_PER_MESSAGE_MAX: usize = 256;
/// Most ids in one `ReleaseOrders`: as many as fit into one gRPC message at 36 bytes and two of framing each.
pub const RELEASES_PER_MESSAGE_MAX: usize = MESSAGE_BYTES_MAX / 38;

impl From<&Hello> for v1::Hello {
    fn from(hello: &Hello) -> Self {
        Self {
            agent_id: hello.agent.as_str().into(),
            instance: hello.instance.0,
            epoch: hello.epoch.0.to_be_bytes().to_vec(),
            next_seq: hello.next_seq.0,
            host: hello.host.clone(),
            version: hello.version.clone(),
            mounts: hello.mounts.iter().map(v1::MountReport::from).collect(),
        }
    }
}

impl TryFrom<v1::Hello> for Hello {
    type Error = DecodeError;
    fn try_from(wire: v1::Hello) -> Result<Self, DecodeError> {
        Ok(Self {
            agent: agent("agent_id", &wire.agent_id)?,
            instance: InstanceId(wire.instance),
            epoch: epoch(&wire.epoch)?,
            next_seq: place("next_seq", wire.next_seq)?,
            host: clipped(wire.host, NAME_BYTES_MAX),
            version: clipped(wire.version, NAME_BYTES_MAX),
            mounts: list("mounts", wire.mounts, MOUNTS_PER_AGENT_MAX)?,
        })
    }
}

impl From<&AgentMessage> for v1::SessionRequest {
    fn from(message: &AgentMessage) -> Self {
        let message = match message {
            AgentMessage::Hello(hello) => Request::Hello(hello.as_ref().into()),
            AgentMessage::Mount { rev, delta: MountDelta::Changed(report) } => {
                Request::MountChanged(v1::MountChanged { rev: *rev, mount: Some(report.as_ref().into()) })
            }
            AgentMessage::Mount { rev, delta: MountDelta::Forgotten { mount_point } } => {
                Request::MountForgotten(v1::MountForgotten { rev: *rev, mount_point: mount_point.clone() })
            }
            AgentMessage::Facts { first, items } => Request::Facts(v1::Facts {
                first_seq: first.0,
                items: items.iter().map(v1::Fact::from).collect(),
            }),
            AgentMessage::Look { deletion, rev, look, began } => Request::Look(v1::LookReport {
                deletion_id: deletion.to_string(),
                rev: *rev,
                look: Some(look.into()),
                began_clock_ms: began.0,
            }),
            AgentMessage::Heartbeat => Request::Heartbeat(v1::Heartbeat {}),
        };
        Self { message: Some(message) }
    }
}

impl TryFrom<v1::SessionRequest> for AgentMessage {
    type Error = DecodeError;
    fn try_from(wire: v1::SessionRequest) -> Result<Self, DecodeError> {
        match present("message", wire.message)? {
            Request::Hello(hello) => hello.try_into().at("hello").map(|hello| Self::Hello(Box::new(hello))),
            Request::MountChanged(changed) => mount_changed(changed).at("mount_changed"),
            Request::MountForgotten(forgotten) => mount_forgotten(forgotten).at("mount_forgotten"),
            Request::Facts(told) => facts(told).at("facts"),
            Request::Look(report) => look(report).at("look"),
            Request::Heartbeat(v1::Heartbeat {}) => Ok(Self::Heartbeat),
        }
    }
}

fn mount_changed(wire: v1::MountChanged) -> Result<AgentMessage, DecodeError> {
    let delta = MountDelta::Changed(Box::new(required("mount", wire.mount)?));
    Ok(AgentMessage::Mount { rev: wire.rev, delta })
}

fn mount_forgotten(wire: v1::MountForgotten) -> Result<AgentMessage, DecodeError> {
    let delta = MountDelta::Forgotten { mount_point: mount_point("mount_point", wire.mount_point)? };
    Ok(AgentMessage::Mount { rev: wire.rev, delta })
}

fn facts(wire: v1::Facts) -> Result<AgentMessage, DecodeError> {
    let items = list_of_some("items", wire.items, FACTS_PER_MESSAGE_MAX)?;
    // The last of them must have a place, too.
    let first_max = SEQ_MAX - (items.len() as u64 - 1);
    within("first_seq", wire.first_seq, 1, first_max)?;
    Ok(AgentMessage::Facts { first: place("first_seq", wire.first_seq)?, items })
}

fn look(wire: v1::LookReport) -> Result<AgentMessage, DecodeError> {
    Ok(AgentMessage::Look {
        deletion: deletion("deletion_id", &wire.deletion_id)?,
        rev: wire.rev,
        look: required("look", wire.look)?,
        began: Mono(wire.began_clock_ms),
    })
}

impl From<&VerifyOrder> for v1::VerifyOrder {
    fn from(order: &VerifyOrder) -> Self {
        Self {
            deletion_id: order.deletion.to_string(),
            mount_point: order.mount_point.clone(),
            path: order.path.as_str().into(),
            due_in_ms: order.due_in_ms,
            baseline: order.baseline.as_ref().map(v1::FileIdentity::from),
        }
    }
}

impl TryFrom<v1::VerifyOrder> for VerifyOrder {
    type Error = DecodeError;
    fn try_from(wire: v1::VerifyOrder) -> Result<Self, DecodeError> {
        Ok(Self {
            deletion: deletion("deletion_id", &wire.deletion_id)?,
            mount_point: mount_point("mount_point", wire.mount_point)?,
            path: store_path(&wire.path)?,
            due_in_ms: within("due_in_ms", wire.due_in_ms, 0, DEADLINE_MS_MAX)?,
            baseline: optional("baseline", wire.baseline)?,
        })
    }
}

/// A message of the controller with its clock as it is sent. A [`Welcome`]'s own `clock` is not looked at: there is one
/// clock a message, and this is it.
#[must_use]
pub fn encode_response(clock: Mono, message: &ControllerMessage) -> v1::SessionResponse {
    let message = match message {
        ControllerMessage::Welcome(Welcome { acked, clock: _, heartbeat_ms }) => {
            Response::Welcome(v1::Welcome { acked_seq: acked.0, heartbeat_ms: *heartbeat_ms })
        }
        ControllerMessage::Ack { through } => Response::Ack(v1::Ack { through_seq: through.0 }),
        ControllerMessage::Verify(orders) => {
            Response::Verify(v1::VerifyOrders { orders: orders.iter().map(v1::VerifyOrder::from).collect() })
        }
        ControllerMessage::Release(ids) => Response::Release(v1::ReleaseOrders {
            deletion_ids: ids.iter().map(ToString::to_string).collect(),
        }),
        ControllerMessage::Probe { mount_point } => {
            Response::Probe(v1::ProbeOrder { mount_point: mount_point.clone() })
        }
        ControllerMessage::Heartbeat => Response::Heartbeat(v1::Heartbeat {}),
        ControllerMessage::Refuse { code, message } => {
            Response::Refuse(v1::Refuse { code: code.as_str().into(), message: message.clone() })
        }
    };
    v1::SessionResponse { clock_ms: clock.0, message: Some(message) }
}

/// The controller's clock as it sent, and what it said.
///
/// # Errors
/// Names the first field that is absent or out of bounds.
pub fn decode_response(wire: v1::SessionResponse) -> Result<(Mono, ControllerMessage), DecodeError> {
    let clock = Mono(wire.clock_ms);
    let message = match present("message", wire.message)? {
        Response::Welcome(told) => welcome(clock, told).at("welcome")?,
        Response::Ack(ack) => ControllerMessage::Ack { through: mark("ack.through_seq", ack.through_seq)? },
        Response::Verify(told) => {
            ControllerMessage::Verify(list("orders", told.orders, ORDERS_PER_MESSAGE_MAX).at("verify")?)
        }
        Response::Release(told) => release(told).at("release")?,
        Response::Probe(order) => {
            ControllerMessage::Probe { mount_point: mount_point("probe.mount_point", order.mount_point)? }
        }
        Response::Heartbeat(v1::Heartbeat {}) => ControllerMessage::Heartbeat,
        Response::Refuse(refuse) => {
            let (code, message) = code_and_message(&refuse.code, refuse.message).at("refuse")?;
            ControllerMessage::Refuse { code, message }
        }
    };
    Ok((clock, message))
}

fn welcome(clock: Mono, wire: v1::Welcome) -> Result<ControllerMessage, DecodeError> {
    Ok(ControllerMessage::Welcome(Welcome {
        acked: mark("acked_seq", wire.acked_seq)?,
        clock,
        // An agent told to speak every 0 ms would do nothing else.
        heartbeat_ms: within("heartbeat_ms", wire.heartbeat_ms, 1, u64::MAX)?,
    }))
}

fn release(wire: v1::ReleaseOrders) -> Result<ControllerMessage, DecodeError> {
    counted("deletion_ids", wire.deletion_ids.len(), RELEASES_PER_MESSAGE_MAX)?;
    let ids = wire.deletion_ids.iter().enumerate();
    let ids = ids.map(|(index, id)| deletion("", id).at_item("deletion_ids", index));
    ids.collect::<Result<_, _>>().map(ControllerMessage::Release)
}
