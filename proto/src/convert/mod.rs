//! The way between messages and domain values. Past it, a value is whole or was refused.
//!
//! Out of the process: `From<&T>`, which cannot fail, or an `encode_*`/`*_to_wire` function where more than the value
//! is needed. Into the process: `TryFrom`, or a `decode_*` function; every bound of `storewarden_types::limits` holds
//! for what it returns. Must not know: who sent a message and what follows from it.

mod client;
mod error;
mod fact;
mod field;
mod look;
mod mount;
mod record;
mod session;
mod word;
mod worker;

#[cfg(test)]
mod tests;

pub use client::{deletion_to_wire, preflight_to_wire, report_to_wire, store_to_wire};
pub use error::{DecodeError, Problem};
pub use fact::SIGHTING_PATH_BYTES_MAX;
pub use field::{SEQ_MAX, enumeration};
pub use look::PROOF_STEPS_MAX;
pub use mount::{OBSERVATIONS_MAX, ROOT_HANDLE_BYTES_MAX};
pub use record::{decode_event, encode_record};
pub use session::{ORDERS_PER_MESSAGE_MAX, RELEASES_PER_MESSAGE_MAX, decode_response, encode_response};
pub use word::REASONS_MAX;
pub use worker::{
    PROBES_MAX, ToWorkerMessage, decode_report, decode_to_worker, encode_report, encode_request, encode_start,
};
