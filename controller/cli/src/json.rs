//! Answers and errors for programs: the canonical proto3 JSON mapping through the API's own descriptor. Owns that form.

use crate::exit;
use crate::failure::Failure;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::OnceLock;
use storewarden_proto::v1;
use storewarden_types::Code;

/// A message with its full name, which the generated code does not carry.
pub(crate) trait Named: Message {
    /// Such as `storewarden.v1.Store`.
    const NAME: &'static str;
}

macro_rules! named {
    ($($message:ident),+ $(,)?) => {
        $(impl Named for v1::$message {
            const NAME: &'static str = concat!("storewarden.v1.", stringify!($message));
        })+

        /// Every message that is ever printed, for the test that all of them are described.
        #[cfg(test)]
        const NAMES: &[&str] = &[$(v1::$message::NAME),+];
    };
}

named!(
    ListStoresResponse,
    Store,
    WatchStoresResponse,
    PreflightResponse,
    ListAgentsResponse,
    TrackResponse,
    Deletion,
    ListDeletionsResponse,
    WatchDeletionsResponse,
    Event,
);

fn pool() -> &'static DescriptorPool {
    static POOL: OnceLock<DescriptorPool> = OnceLock::new();
    POOL.get_or_init(|| {
        DescriptorPool::decode(storewarden_proto::DESCRIPTOR)
            .expect("the descriptor was generated with the code")
    })
}

/// One message as one line of JSON, without its line end.
///
/// Field names as in the .proto, defaults written out, 64-bit integers as strings, an enum value that this version does
/// not know as its number.
pub(crate) fn line<M: Named>(message: &M) -> String {
    let descriptor = pool().get_message_by_name(M::NAME).expect("every named message is described");
    let dynamic = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())
        .expect("a message reads back what it wrote");
    let options = SerializeOptions::new().use_proto_field_name(true).skip_default_fields(false);
    let mut bytes = Vec::new();
    dynamic
        .serialize_with_options(&mut serde_json::Serializer::new(&mut bytes), &options)
        .expect("a message of the API has a JSON form");
    String::from_utf8(bytes).expect("JSON is UTF-8")
}

/// A failure as one line of JSON, without its line end.
pub(crate) fn error(failure: &Failure) -> String {
    document(failure.code(), &failure.story(), exit::status_name(failure.status()), &failure.metadata())
}

/// Writes an error of the command line itself to stderr.
pub(crate) fn usage_error(text: &str) {
    let message = text.trim().trim_start_matches("error: ");
    eprint_line(&document(
        Code::InvalidArgument.as_str(),
        message,
        exit::status_name(tonic::Code::InvalidArgument),
        &BTreeMap::new(),
    ));
}

/// Writes a line to stderr; one that nobody reads is no failure.
pub(crate) fn eprint_line(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn document(code: &str, message: &str, status: &str, metadata: &BTreeMap<String, String>) -> String {
    json!({"error": {"code": code, "message": message, "status": status, "metadata": metadata}}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn every_message_is_described() {
        for name in NAMES {
            assert!(pool().get_message_by_name(name).is_some(), "{name}");
        }
    }

    #[test]
    fn the_mapping_is_the_canonical_one() {
        let deletion = v1::Deletion {
            id: "d".into(),
            state: 3,
            deadline_at_ms: 9_007_199_254_740_993,
            baseline: Some(v1::FileIdentity { file_id: u64::MAX, ..Default::default() }),
            ..Default::default()
        };
        let value: Value = serde_json::from_str(&line(&deletion)).expect("JSON");
        assert_eq!(value["state"], "DELETION_STATE_CONFIRMED");
        assert_eq!(value["deadline_at_ms"], "9007199254740993");
        assert_eq!(value["baseline"]["file_id"], u64::MAX.to_string());
        // Defaults are written, absence is not.
        assert_eq!(value["path"], "");
        assert_eq!(value["tracked_at_ms"], "0");
        let keys = value.as_object().expect("object");
        assert!(!keys.contains_key("ended_at_ms") && !keys.contains_key("evidence"), "{value}");
    }

    #[test]
    fn an_unknown_enum_value_is_its_number() {
        let answer = v1::PreflightResponse { decision: 9, ..Default::default() };
        let value: Value = serde_json::from_str(&line(&answer)).expect("JSON");
        assert_eq!(value["decision"], 9);
    }

    #[test]
    fn an_error_has_its_four_fields() {
        let failure = Failure::BatchTooLarge("too many".into());
        let value: Value = serde_json::from_str(&error(&failure)).expect("JSON");
        let expected = json!({"error": {
            "code": "BATCH_TOO_LARGE", "message": "too many", "status": "INVALID_ARGUMENT", "metadata": {}
        }});
        assert_eq!(value, expected);
    }
}
