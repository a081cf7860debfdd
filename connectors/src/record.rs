//! Building a record, the same way for every source.

use serde_json::Value;
use tributary_protocol::{
    Identifier, Json, KIND_ANONYMOUS_ID, KIND_USER_ID, Record, RecordKind, Timestamp, Timestamps,
};

/// What a source found in one row or payload.
pub struct Draft {
    pub kind: RecordKind,
    pub message_id: String,
    pub received_at: Timestamp,
    /// When it happened; none: `received_at`.
    pub happened_at: Option<Timestamp>,
    /// Raw values; those that mean nothing are dropped.
    pub identifiers: Vec<(String, String)>,
}

impl Draft {
    /// Normalises the identifiers and chooses the owner.
    pub fn into_record(self, source: &str) -> Record {
        let mut identifiers: Vec<_> =
            self.identifiers.iter().filter_map(|(kind, value)| Identifier::new(kind, value)).collect();
        identifiers.sort();
        identifiers.dedup();
        let raw = |kind: &str| {
            self.identifiers.iter().find(|(k, value)| k == kind && !value.is_empty()).map(|(_, value)| value.clone())
        };
        let (user_id, anonymous_id, group_id) = (raw(KIND_USER_ID), raw(KIND_ANONYMOUS_ID), raw("group_id"));
        let timestamps = Timestamps {
            timestamp: self.happened_at.unwrap_or(self.received_at),
            original_timestamp: self.happened_at,
            sent_at: None,
            received_at: self.received_at,
        };
        let bare = Record::new(source, self.message_id, self.kind, timestamps, identifiers);
        Record { user_id, anonymous_id, group_id, ..bare }
    }
}

/// Puts traits where the fold finds them: at the top of an `identify` or
/// `group`, within the context of everything else.
pub fn set_traits(record: &mut Record, traits: Json) {
    match record.kind {
        RecordKind::Identify | RecordKind::Group => record.traits = traits,
        _ if traits.is_empty() => {}
        _ => record.context.insert("traits", Value::Object(traits)),
    }
}

/// The text of a scalar; `None` for null, lists and objects.
pub fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}
