//! A client's event becomes a [`Record`]: ids, times, traits, identifiers.

use serde_json::{Map, Value};
use tributary_protocol::{
    ClientTimes, Identifier, Json, KIND_ANONYMOUS_ID, KIND_DEVICE, KIND_EMAIL, KIND_PHONE, KIND_USER_ID, Record,
    RecordKind, Timestamp, Timestamps, hash128,
};
use uuid::Uuid;

/// Longest message id, in bytes.
const MESSAGE_ID_BYTES_MAX: usize = 255;

/// Why an event is no record; it is kept as a failed event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// From a small closed set: `malformed`, `invalid`, `too_large`, `too_deep`.
    pub reason: &'static str,
    /// For a person.
    pub message: String,
}

impl Invalid {
    fn new(message: impl Into<String>) -> Self {
        Self { reason: "invalid", message: message.into() }
    }
}

/// What a batch says for all of its events.
#[derive(Clone, Debug, Default)]
pub struct BatchDefaults {
    /// `sentAt` of the batch, or the header `SentAt`.
    pub sent_at: Option<Value>,
    /// `context` of the batch, under that of the event.
    pub context: Map<String, Value>,
}

/// What is known of an event besides its JSON.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// Name of the source.
    pub source: &'a str,
    /// The kind that the path says; otherwise the event's `type` does.
    pub kind: Option<RecordKind>,
    /// What its batch says.
    pub defaults: &'a BatchDefaults,
    /// When it came.
    pub received_at: Timestamp,
    /// Its place in the request.
    pub ordinal: usize,
}

/// Reads an event in the language of the Segment specification.
///
/// # Errors
/// [`Invalid`] if a required field is missing or of the wrong type.
pub fn record(event: &Value, arrival: Arrival<'_>) -> Result<Record, Invalid> {
    let event = event.as_object().ok_or_else(|| Invalid::new("an event is a JSON object"))?;
    let kind = kind(event, arrival.kind)?;
    let user_id = id(event, "userId")?;
    let anonymous_id = id(event, "anonymousId")?;
    if user_id.is_none() && anonymous_id.is_none() && kind != RecordKind::Alias {
        return Err(Invalid::new("userId or anonymousId is required"));
    }
    let group_id = id(event, "groupId")?;
    let previous_id = id(event, "previousId")?;
    require(kind == RecordKind::Group, group_id.as_ref(), "groupId")?;
    require(kind == RecordKind::Alias, previous_id.as_ref(), "previousId")?;
    let mut context = arrival.defaults.context.clone();
    context.extend(object(event, "context")?);
    let sent_at = event.get("sentAt").filter(|value| !value.is_null()).or(arrival.defaults.sent_at.as_ref());
    let client =
        ClientTimes { original_timestamp: event.get("originalTimestamp"), timestamp: event.get("timestamp"), sent_at };
    let (timestamps, unreadable) = Timestamps::at_edge(client, arrival.received_at);
    if let Some(text) = unreadable {
        context.insert("tributary".to_owned(), serde_json::json!({ "unreadable_timestamp": text }));
    }
    let message_id = message_id(event, &timestamps, arrival.ordinal)?;
    let traits = object(event, "traits")?;
    let properties = properties(event, kind)?;
    let name = name(event, kind)?;
    let consent =
        context.get("consent").and_then(|consent| consent.get("categoryPreferences")).and_then(Value::as_object);
    let consent = consent.cloned().unwrap_or_default();
    let mut record = Record {
        source: arrival.source.to_owned(),
        message_id,
        kind,
        timestamps,
        user_id,
        anonymous_id,
        group_id,
        previous_id,
        identifiers: Vec::new(),
        node: None,
        event: name,
        properties,
        traits,
        context,
        consent,
        object: None,
    };
    record.identifiers = identifiers(&record);
    record.node = Record::owner(&record.source, &record.identifiers);
    Ok(record)
}

fn kind(event: &Map<String, Value>, of_path: Option<RecordKind>) -> Result<RecordKind, Invalid> {
    if let Some(kind) = of_path {
        return Ok(kind);
    }
    let text = event.get("type").and_then(Value::as_str).ok_or_else(|| Invalid::new("type is required in a batch"))?;
    text.parse()
        .ok()
        .filter(|kind| *kind != RecordKind::Object)
        .ok_or_else(|| Invalid::new(format!("unknown type {text:?}")))
}

fn require<T>(needed: bool, value: Option<&T>, field: &str) -> Result<(), Invalid> {
    if needed && value.is_none() { Err(Invalid::new(format!("{field} is required"))) } else { Ok(()) }
}

/// A text or a number; null and empty are absent.
fn id(event: &Map<String, Value>, field: &str) -> Result<Option<String>, Invalid> {
    match event.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.trim().is_empty())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(_) => Err(Invalid::new(format!("{field} is neither a text nor a number"))),
    }
}

/// An object; null is an empty one.
fn object(event: &Map<String, Value>, field: &str) -> Result<Json, Invalid> {
    match event.get(field) {
        None | Some(Value::Null) => Ok(Json::new()),
        Some(Value::Object(object)) => Ok(object.clone()),
        Some(_) => Err(Invalid::new(format!("{field} is not an object"))),
    }
}

/// Pages and screens carry their category among the properties.
fn properties(event: &Map<String, Value>, kind: RecordKind) -> Result<Json, Invalid> {
    let mut properties = object(event, "properties")?;
    if matches!(kind, RecordKind::Page | RecordKind::Screen)
        && let Some(category) = event.get("category").filter(|category| !category.is_null())
    {
        properties.entry("category").or_insert_with(|| category.clone());
    }
    Ok(properties)
}

fn name(event: &Map<String, Value>, kind: RecordKind) -> Result<Option<String>, Invalid> {
    let text =
        |field: &str| event.get(field).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    match kind {
        RecordKind::Track => text("event").map(Some).ok_or_else(|| Invalid::new("event is required")),
        RecordKind::Page | RecordKind::Screen => Ok(text("name").or_else(|| text("event"))),
        _ => Ok(None),
    }
}

/// The client's id; else, with a client time, a hash of the content and the
/// place in the request, so that a repeat is known; else a new one.
fn message_id(event: &Map<String, Value>, timestamps: &Timestamps, ordinal: usize) -> Result<String, Invalid> {
    match event.get("messageId") {
        Some(Value::String(text)) if text.len() > MESSAGE_ID_BYTES_MAX => {
            return Err(Invalid::new(format!("messageId is longer than {MESSAGE_ID_BYTES_MAX} bytes")));
        }
        Some(Value::String(text)) if !text.is_empty() => return Ok(text.clone()),
        Some(Value::Number(number)) => return Ok(number.to_string()),
        None | Some(Value::Null | Value::String(_)) => {}
        Some(_) => return Err(Invalid::new("messageId is neither a text nor a number")),
    }
    if timestamps.original_timestamp.is_none() {
        return Ok(Uuid::now_v7().to_string());
    }
    let mut content = event.clone();
    content.remove("sentAt");
    let text = Value::Object(content).to_string();
    Ok(format!("content-{:032x}", hash128(&[text.as_bytes(), &(ordinal as u64).to_be_bytes()])))
}

/// Every identifier of a record, sorted, without repeats.
fn identifiers(record: &Record) -> Vec<Identifier> {
    let mut found = Vec::new();
    let mut add = |kind: &str, value: Option<&str>| found.extend(value.and_then(|value| Identifier::new(kind, value)));
    add(KIND_USER_ID, record.user_id.as_deref());
    add(KIND_ANONYMOUS_ID, record.anonymous_id.as_deref());
    add("group_id", record.group_id.as_deref());
    if record.kind == RecordKind::Alias {
        add(KIND_ANONYMOUS_ID, record.previous_id.as_deref());
    }
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let of_person = if record.kind == RecordKind::Group { None } else { Some(&record.traits) };
    for traits in [of_person, record.context.get("traits").and_then(Value::as_object)].into_iter().flatten() {
        add(KIND_EMAIL, traits.get("email").and_then(text).as_deref());
        add(KIND_PHONE, traits.get("phone").and_then(text).as_deref());
    }
    let device = record.context.get("device").and_then(|device| device.get("id"));
    add(KIND_DEVICE, device.and_then(text).as_deref());
    for external in record.context.get("externalIds").and_then(Value::as_array).into_iter().flatten() {
        let of_users = external.get("collection").and_then(Value::as_str).is_none_or(|name| name == "users");
        if let Some(kind) = external.get("type").and_then(Value::as_str).filter(|_| of_users) {
            add(&kind.to_lowercase().replace(':', "_"), external.get("id").and_then(text).as_deref());
        }
    }
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(event: &Value, kind: Option<RecordKind>) -> Result<Record, Invalid> {
        let received_at = Timestamp::parse("2026-01-01T12:00:00Z").unwrap();
        let defaults = BatchDefaults::default();
        record(event, Arrival { source: "web", kind, defaults: &defaults, received_at, ordinal: 0 })
    }

    fn refused(event: &Value, expected: &str) {
        let error = read(event, None).unwrap_err();
        assert!(error.message.contains(expected), "{event}: {}", error.message);
    }

    #[test]
    fn what_is_required_is_asked_for() {
        refused(&json!([]), "JSON object");
        refused(&json!({ "userId": "u" }), "type is required");
        refused(&json!({ "type": "dance", "userId": "u" }), "unknown type");
        refused(&json!({ "type": "object", "userId": "u" }), "unknown type");
        refused(&json!({ "type": "track", "event": "x", "userId": null, "anonymousId": "" }), "userId or anonymousId");
        refused(&json!({ "type": "track", "userId": "u" }), "event is required");
        refused(&json!({ "type": "group", "userId": "u" }), "groupId is required");
        refused(&json!({ "type": "alias", "userId": "u" }), "previousId is required");
        refused(&json!({ "type": "identify", "userId": ["u"] }), "neither a text nor a number");
        refused(&json!({ "type": "identify", "userId": "u", "traits": "x" }), "traits is not an object");
        refused(&json!({ "type": "identify", "userId": "u", "messageId": "m".repeat(300) }), "messageId");
    }

    #[test]
    fn identifiers_are_found_and_the_owner_chosen() {
        let event = json!({ "type": "identify", "userId": 7, "anonymousId": "a", "traits": { "email": "A@B.co", "phone": "+4930901820" },
            "context": { "device": { "id": "d" }, "traits": { "email": "a@b.co" },
                         "externalIds": [{ "id": "x", "type": "loyalty", "collection": "users", "encoding": "none" }] } });
        let record = read(&event, None).unwrap();
        let shown: Vec<String> = record.identifiers.iter().map(ToString::to_string).collect();
        let expected = ["anonymous_id:a", "device:d", "email:a@b.co", "loyalty:x", "phone:+4930901820", "user_id:7"];
        assert_eq!(shown, expected);
        assert_eq!(record.node.unwrap().to_string(), "user_id:7");
    }

    #[test]
    fn ids_that_mean_nothing_make_an_event_of_nobody() {
        let record =
            read(&json!({ "type": "track", "event": "x", "userId": "null", "anonymousId": "undefined" }), None)
                .unwrap();
        assert_eq!(record.node, None);
        assert!(record.identifiers.is_empty());
    }

    #[test]
    fn an_alias_joins_the_previous_anonymous_id() {
        let record = read(&json!({ "userId": "u", "previousId": "a" }), Some(RecordKind::Alias)).unwrap();
        let shown: Vec<String> = record.identifiers.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["anonymous_id:a", "user_id:u"]);
    }

    #[test]
    fn a_repeat_without_an_id_is_known_by_its_content() {
        let event = json!({ "type": "track", "event": "x", "userId": "u", "timestamp": "2026-01-01T10:00:00Z" });
        assert_eq!(read(&event, None).unwrap().message_id, read(&event, None).unwrap().message_id);
        let untimed = json!({ "type": "track", "event": "x", "userId": "u" });
        assert_ne!(read(&untimed, None).unwrap().message_id, read(&untimed, None).unwrap().message_id);
    }

    #[test]
    fn unreadable_times_are_kept_as_text() {
        let record = read(&json!({ "type": "track", "event": "x", "userId": "u", "timestamp": "soon" }), None).unwrap();
        assert_eq!(record.timestamps.timestamp, record.timestamps.received_at);
        assert_eq!(record.context["tributary"]["unreadable_timestamp"], "soon");
    }
}
