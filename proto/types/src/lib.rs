//! Storewarden's domain data: ids, codes, conditions, deletions, facts, and the messages between agent and
//! controller. Plain values that every other crate shares.
//!
//! Must not know: protobuf, async, files, sockets, clocks, randomness. Whoever needs one of these brings it along
//! and hands the result in.

#![forbid(unsafe_code)]

pub mod code;
pub mod condition;
pub mod deletion;
pub mod fact;
pub mod id;
pub mod identity;
pub mod limits;
pub mod message;
pub mod mountinfo;
pub mod observation;
pub mod path;
pub mod preflight;
pub mod record;
pub mod refusal;
pub mod time;
pub mod worker;

pub use code::Code;
pub use condition::{Condition, MountReport, Reason, StoreStatus, WatchState, WatchStatus};
pub use deletion::{
    DeletionEnd, DeletionState, Evidence, FileIdentity, FileKind, Look, LookOutcome, ProofSummary, SeenFile,
};
pub use fact::{Fact, Gap, GapCause, Sighting, SightingKind, SightingSource, Sightings};
pub use id::{AgentId, DeletionId, Epoch, InstanceId, Seq, SessionId, StoreId};
pub use identity::{MountExpectation, MountIdentity, MountKind};
pub use message::{AgentMessage, ControllerMessage, Hello, MountDelta, VerifyOrder, Welcome};
pub use observation::{Metric, Observation, Verdict};
pub use path::{PathError, StorePath};
pub use preflight::{Decision, Operation, PreflightAnswer, PreflightQuestion};
pub use record::{DeletionRow, KnownAgent, KnownKey, KnownMount, Record, Restored, TrackedDeletion};
pub use refusal::Refusal;
pub use time::{Mono, Wall};
pub use worker::{
    ProbeInfo, ProbeSaid, Verified, VerifyItem, WorkerOp, WorkerReport, WorkerResult, WorkerStart,
};
