//! The ledger as a stream of events. Owns what a filter lets through; following is the feed's.

use crate::context::{Context, quoted};
use crate::outflow::OutflowStream;
use crate::status::refuse;
use std::collections::BTreeSet;
use storewarden_ledger::{Entry, EventKind};
use storewarden_proto::v1;
use storewarden_proto::v1::event_service_server::EventService;
use storewarden_types::Code;
use tonic::{Request, Response, Status};

/// `storewarden.v1.EventService`.
#[derive(Debug)]
pub(crate) struct EventApi {
    context: Context,
}

impl EventApi {
    pub(crate) fn new(context: Context) -> Self {
        Self { context }
    }
}

/// Which events are wanted.
struct Filter {
    /// Empty: all.
    store_id: String,
    /// Empty: all.
    kinds: BTreeSet<EventKind>,
}

impl Filter {
    fn lets_through(&self, entry: &Entry) -> bool {
        let Some(kind) = entry.event.event.as_ref().map(EventKind::of) else { return false };
        (self.store_id.is_empty() || self.store_id == entry.event.store_id)
            && (self.kinds.is_empty() || self.kinds.contains(&kind))
    }
}

#[tonic::async_trait]
impl EventService for EventApi {
    type TailStream = OutflowStream<v1::Event>;

    async fn tail(&self, request: Request<v1::TailRequest>) -> Result<Response<Self::TailStream>, Status> {
        let asked = request.into_inner();
        let kinds = asked.kinds.iter().map(|name| kind(name)).collect::<Result<_, _>>()?;
        let store = self.context.store_filter(&asked.store).await?;
        let filter = Filter { store_id: store.map(|id| id.to_string()).unwrap_or_default(), kinds };
        let mut follower = self.context.follow(asked.since)?;
        let until = if asked.follow { u64::MAX } else { self.context.feed.last() };
        let context = self.context.clone();
        let stream = self.context.stream(|out| async move {
            let mut told = follower.cursor();
            while told < until {
                for entry in follower.next().await? {
                    if entry.cursor > until {
                        return Ok(());
                    }
                    if filter.lets_through(&entry) {
                        let event = v1::Event::clone(&entry.event);
                        out.send(event, entry.bytes).await.map_err(|why| context.blocked(why, told))?;
                    }
                    told = entry.cursor;
                }
            }
            Ok(())
        })?;
        Ok(Response::new(stream))
    }
}

fn kind(name: &str) -> Result<EventKind, Status> {
    EventKind::named(name).ok_or_else(|| {
        let all: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.name()).collect();
        let words = format!("kinds: {} is no kind of event; there are {}", quoted(name), all.join(", "));
        refuse(Code::InvalidArgument, words)
    })
}
