//! Deletions: asked for, looked up, listed, followed, withdrawn. Owns the wording; what a deletion comes to is decided
//! in the core and read from the ledger.

use super::{await_deletions, page, track};
use crate::context::{Context, quoted};
use crate::driver::{Ask, Granted};
use crate::outflow::OutflowStream;
use crate::status::{refuse, refused};
use prost::Message;
use storewarden_ledger::DeletionFilter;
use storewarden_proto::convert::{deletion_to_wire, enumeration};
use storewarden_proto::v1;
use storewarden_proto::v1::deletion_service_server::DeletionService;
use storewarden_types::limits::{KEY_BYTES_MAX, PAGE_SIZE_MAX};
use storewarden_types::{Code, DeletionId, DeletionRow, KnownKey};
use tonic::{Request, Response, Status};

/// Rows of a page when the request does not say.
const PAGE_SIZE_DEFAULT: u32 = 100;

/// `storewarden.v1.DeletionService`.
#[derive(Debug)]
pub(crate) struct DeletionApi {
    context: Context,
}

impl DeletionApi {
    pub(crate) fn new(context: Context) -> Self {
        Self { context }
    }

    /// What a key was used for, as far as the ledger knows.
    async fn known_key(&self, key: &str) -> Result<Option<KnownKey>, Status> {
        if key.is_empty() {
            return Ok(None);
        }
        let key = key.to_owned();
        self.context.reads.run(move |ledger| ledger.key(&key)).await
    }

    /// Deletions that are there, for they were just made or found.
    async fn rows(&self, ids: Vec<DeletionId>) -> Result<Vec<v1::Deletion>, Status> {
        let at = self.context.reads.run(move |ledger| ledger.deletions(&ids)).await?;
        let rows: Option<Vec<DeletionRow>> = at.rows.into_iter().collect();
        let lost = || refuse(Code::Internal, "a deletion that was accepted is not in the ledger");
        Ok(rows.ok_or_else(lost)?.iter().map(deletion_to_wire).collect())
    }

    async fn granted(&self, granted: Granted) -> Result<Vec<v1::Deletion>, Status> {
        match granted.rows {
            Some(rows) => Ok(rows.iter().map(|row| v1::Deletion::clone(row)).collect()),
            None => self.rows(granted.ids).await,
        }
    }

    async fn find(&self, text: &str) -> Result<DeletionRow, Status> {
        let unknown = || refuse(Code::DeletionUnknown, format!("no deletion has the id {}", quoted(text)));
        let id = DeletionId::parse(text).map_err(|_| unknown())?;
        self.context.reads.run(move |ledger| ledger.deletion(id)).await?.ok_or_else(unknown)
    }
}

#[tonic::async_trait]
impl DeletionService for DeletionApi {
    type WatchStream = OutflowStream<v1::WatchDeletionsResponse>;
    type AwaitStream = OutflowStream<v1::Deletion>;

    async fn track(&self, request: Request<v1::TrackRequest>) -> Result<Response<v1::TrackResponse>, Status> {
        let request = request.into_inner();
        track::check_bounds(&request).map_err(|refusal| refused(&refusal))?;
        let fingerprint = track::fingerprint(&request);
        // A known key is answered before anything that time may have changed is looked at: a deadline that has passed
        // by now, a store that is gone.
        if let Some(known) = self.known_key(&request.key).await? {
            if known.fingerprint != fingerprint {
                let words = format!("the key {} was used before with another request", quoted(&request.key));
                return Err(refuse(Code::KeyReused, words));
            }
            let deletions = self.rows(known.deletions).await?;
            return Ok(Response::new(v1::TrackResponse { deletions, replayed: true }));
        }
        let order = {
            let state = self.context.state();
            track::order(&request, fingerprint, &state.view).map_err(|refusal| refused(&refusal))?
        };
        let granted = self.context.driver.answer(|answer| Ask::Track(Box::new(order), answer)).await?;
        let replayed = granted.replayed;
        let deletions = self.granted(granted).await?;
        Ok(Response::new(v1::TrackResponse { deletions, replayed }))
    }

    async fn get(&self, request: Request<v1::GetDeletionRequest>) -> Result<Response<v1::Deletion>, Status> {
        let row = self.find(&request.get_ref().id).await?;
        Ok(Response::new(deletion_to_wire(&row)))
    }

    async fn list(
        &self,
        request: Request<v1::ListDeletionsRequest>,
    ) -> Result<Response<v1::ListDeletionsResponse>, Status> {
        let asked = request.into_inner();
        let bad = |words: String| refuse(Code::InvalidArgument, words);
        let states = asked.states.iter().map(|state| enumeration::<v1::DeletionState, _>("states", *state));
        let states = states.collect::<Result<Vec<_>, _>>().map_err(|error| bad(error.to_string()))?;
        if asked.key.len() > KEY_BYTES_MAX {
            return Err(bad(format!("key: {} bytes are too many; at most {KEY_BYTES_MAX}", asked.key.len())));
        }
        let size = if asked.page_size == 0 { PAGE_SIZE_DEFAULT } else { asked.page_size } as usize;
        if size > PAGE_SIZE_MAX {
            return Err(bad(format!(
                "page_size: {size} is too many; at most {PAGE_SIZE_MAX} rows in one page"
            )));
        }
        let store = self.context.store_filter(&asked.store).await?;
        let key = Some(asked.key).filter(|key| !key.is_empty());
        let filter = DeletionFilter { states, store, key };
        let before = page::place(&asked.page_token, &filter)?;
        let reading = filter.clone();
        let page = self.context.reads.run(move |ledger| ledger.list(&reading, before, size)).await?;
        let next_page_token = page.next.map(|next| page::token(next, &filter)).unwrap_or_default();
        let deletions = page.rows.iter().map(deletion_to_wire).collect();
        Ok(Response::new(v1::ListDeletionsResponse { deletions, next_page_token }))
    }

    async fn watch(
        &self,
        request: Request<v1::WatchDeletionsRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let asked = request.into_inner();
        let store = self.context.store_filter(&asked.store).await?.map(|id| id.to_string());
        let mut follower = self.context.follow(asked.since)?;
        let context = self.context.clone();
        let stream = self.context.stream(|out| async move {
            let mut told = follower.cursor();
            loop {
                for entry in follower.next().await? {
                    let cursor = entry.cursor;
                    let wanted =
                        |row: &v1::Deletion| store.as_ref().is_none_or(|store| *store == row.store_id);
                    if let Some(row) = entry.deletion.filter(|row| wanted(row)) {
                        let message =
                            v1::WatchDeletionsResponse { deletion: Some(v1::Deletion::clone(&row)), cursor };
                        let bytes = message.encoded_len();
                        out.send(message, bytes).await.map_err(|why| context.blocked(why, told))?;
                    }
                    told = cursor;
                }
            }
        })?;
        Ok(Response::new(stream))
    }

    async fn r#await(
        &self,
        request: Request<v1::AwaitDeletionsRequest>,
    ) -> Result<Response<Self::AwaitStream>, Status> {
        await_deletions::stream(&self.context, &request.get_ref().ids).await.map(Response::new)
    }

    async fn cancel(
        &self,
        request: Request<v1::CancelDeletionRequest>,
    ) -> Result<Response<v1::Deletion>, Status> {
        // Known at all? The core remembers only what is pending.
        let id = self.find(&request.get_ref().id).await?.tracked.id;
        let granted = self.context.driver.answer(|answer| Ask::Cancel(id, answer)).await?;
        let lost = || refuse(Code::Internal, "a deletion that was cancelled is not in the ledger");
        Ok(Response::new(self.granted(granted).await?.pop().ok_or_else(lost)?))
    }
}
