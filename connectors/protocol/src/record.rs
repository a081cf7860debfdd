//! `Record`: the one shape of everything that enters, and the bytes of the log.

use crate::{DedupKey, Error, Identifier, JsonText, Result, Timestamp, Timestamps, hash128};
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

/// A JSON object with its keys sorted.
pub type Json = serde_json::Map<String, serde_json::Value>;

/// Version of the log's value format: `v` of [`LogValue`].
pub const LOG_VALUE_VERSION: u8 = 1;

/// What a record says, in the words of the Segment specification, and
/// `object` for things with a life of their own (deals, tickets, ...).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are the specification's own")]
pub enum RecordKind {
    Identify,
    Track,
    Page,
    Screen,
    Group,
    Alias,
    Delete,
    Object,
}

impl RecordKind {
    /// Every kind.
    pub const ALL: [Self; 8] =
        [Self::Identify, Self::Track, Self::Page, Self::Screen, Self::Group, Self::Alias, Self::Delete, Self::Object];

    /// The text of the column `type`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identify => "identify",
            Self::Track => "track",
            Self::Page => "page",
            Self::Screen => "screen",
            Self::Group => "group",
            Self::Alias => "alias",
            Self::Delete => "delete",
            Self::Object => "object",
        }
    }
}

impl std::str::FromStr for RecordKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let unknown = || Error::UnknownKind { value: text.to_owned() };
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(unknown)
    }
}

/// A snapshot of a thing with a life of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Object {
    /// `deals`, `tickets`, `companies`, ...
    #[serde(rename = "type")]
    pub kind: String,
    /// The source's own key of it.
    pub id: String,
    /// Its current fields.
    pub fields: Json,
    /// What it belongs to: identifiers of people and other objects.
    #[serde(default)]
    pub associations: Vec<Identifier>,
    /// Whether the source deleted it.
    #[serde(default)]
    pub deleted: bool,
}

/// One accepted record, normalised once at the edge. `Record -> row -> Record`
/// is the identity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Name of the source it came through.
    pub source: String,
    /// The client's id of the delivery, or one derived from its content.
    pub message_id: String,
    /// What it says.
    #[serde(rename = "type")]
    pub kind: RecordKind,
    /// Its times.
    #[serde(flatten)]
    pub timestamps: Timestamps,
    /// Raw `userId`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Raw `anonymousId`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anonymous_id: Option<String>,
    /// Raw `groupId`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_id: Option<String>,
    /// Raw `previousId` of an alias.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_id: Option<String>,
    /// Every normalised identifier, sorted, without repeats.
    #[serde(default)]
    pub identifiers: Vec<Identifier>,
    /// The identifier that owns it; none if it belongs to nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<Identifier>,
    /// Name of a tracked event, page or screen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// Properties of the event.
    #[serde(default, skip_serializing_if = "JsonText::is_empty")]
    pub properties: JsonText,
    /// Traits, top level ones over `context.traits`.
    #[serde(default, skip_serializing_if = "Json::is_empty")]
    pub traits: Json,
    /// The client's context, without `traits` (they are folded from `context_traits`).
    #[serde(default, skip_serializing_if = "JsonText::is_empty")]
    pub context: JsonText,
    /// Consent by category.
    #[serde(default, skip_serializing_if = "JsonText::is_empty")]
    pub consent: JsonText,
    /// The snapshot, for [`RecordKind::Object`] and companies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<Object>,
}

impl Record {
    /// A record that says nothing but whom it is about: its owner is chosen
    /// among `identifiers`, sorted and without repeats.
    #[must_use]
    pub fn new(
        source: &str,
        message_id: String,
        kind: RecordKind,
        timestamps: Timestamps,
        identifiers: Vec<Identifier>,
    ) -> Self {
        Self {
            source: source.to_owned(),
            message_id,
            kind,
            timestamps,
            user_id: None,
            anonymous_id: None,
            group_id: None,
            previous_id: None,
            node: Self::owner(source, &identifiers),
            identifiers,
            event: None,
            properties: JsonText::default(),
            traits: Json::new(),
            context: JsonText::default(),
            consent: JsonText::default(),
            object: None,
        }
    }

    /// Identity of this delivery.
    #[must_use]
    pub fn dedup_key(&self) -> DedupKey {
        DedupKey::new(&self.source, &self.message_id)
    }

    /// The time the fold uses: `min(timestamp, received_at)`.
    #[must_use]
    pub fn event_time(&self) -> Timestamp {
        self.timestamps.timestamp.min(self.timestamps.received_at)
    }

    /// Hash of the normalised record without `received_at`, `sent_at`, the
    /// computed timestamp and the log position: the tie-breaker of the fold.
    ///
    /// # Panics
    /// Never: a record holds nothing that JSON cannot.
    #[must_use]
    pub fn hash(&self) -> u128 {
        let mut bare = self.clone();
        let zero = Timestamp(0);
        bare.timestamps.timestamp = zero;
        bare.timestamps.received_at = zero;
        bare.timestamps.sent_at = None;
        hash128(&[&serde_json::to_vec(&bare).expect("a record is JSON")])
    }

    /// Chooses the owner: the source's own key if it has one, else `user_id`,
    /// email, `anonymous_id`, device, custom kinds, phone; never a group.
    #[must_use]
    pub fn owner(source: &str, identifiers: &[Identifier]) -> Option<Identifier> {
        let own = |id: &&Identifier| id.kind.split_once(':').is_some_and(|(first, _)| first == source);
        let rank = |id: &Identifier| crate::kind_rank(&id.kind);
        let stronger = |a: &&Identifier, b: &&Identifier| rank(a).cmp(&rank(b)).then_with(|| a.cmp(b));
        let person = |id: &&Identifier| id.kind != "group_id";
        identifiers.iter().find(own).or_else(|| identifiers.iter().filter(person).min_by(stronger)).cloned()
    }

    /// Key of the log's partition: the strongest identifier, so that one
    /// client's events stay in order; the message id where there is none.
    #[must_use]
    pub fn partition_key(&self) -> String {
        self.node.as_ref().map_or_else(|| self.message_id.clone(), ToString::to_string)
    }
}

/// An event that was received and could not be understood: kept whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailedEvent {
    /// Name of the source it came through.
    pub source: String,
    /// Why, from a small closed set: `malformed`, `too_large`, `too_deep`, `invalid`, ...
    pub reason: String,
    /// What was wrong, for a person.
    pub message: String,
    /// The bytes as they came.
    #[serde(with = "base64_bytes")]
    pub payload: Vec<u8>,
    /// When it came.
    pub received_at: Timestamp,
}

/// The value of one frame of the log: JSON, `{"v":1,"record":{...}}` or
/// `{"v":1,"failed":{...}}`.
#[derive(Clone, Debug, PartialEq)]
pub enum LogValue {
    /// An accepted record.
    Record(Box<Record>),
    /// A failed event.
    Failed(FailedEvent),
}

#[derive(Serialize)]
struct Encoded<'a> {
    v: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<&'a Record>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<&'a FailedEvent>,
}

#[derive(Deserialize)]
struct Decoded {
    v: u8,
    record: Option<Box<Record>>,
    failed: Option<FailedEvent>,
}

impl LogValue {
    /// Returns the bytes of the log's value.
    ///
    /// # Panics
    /// Never: records and failed events hold nothing that JSON cannot.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let (record, failed) = match self {
            Self::Record(record) => (Some(&**record), None),
            Self::Failed(failed) => (None, Some(failed)),
        };
        serde_json::to_vec(&Encoded { v: LOG_VALUE_VERSION, record, failed }).expect("a log value is JSON")
    }

    /// Reads the bytes of a log value.
    ///
    /// # Errors
    /// [`Error::LogValue`] if the bytes are of another format or version.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let wrong = |reason: String| Error::LogValue { reason };
        let decoded: Decoded = serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
        match decoded {
            Decoded { v, .. } if v != LOG_VALUE_VERSION => Err(wrong(format!("format version {v} is not supported"))),
            Decoded { record: Some(record), failed: None, .. } => Ok(Self::Record(record)),
            Decoded { record: None, failed: Some(failed), .. } => Ok(Self::Failed(failed)),
            _ => Err(wrong("neither a record nor a failed event".to_owned())),
        }
    }

    /// Identity of the delivery.
    #[must_use]
    pub fn dedup_key(&self) -> DedupKey {
        match self {
            Self::Record(record) => record.dedup_key(),
            Self::Failed(failed) => DedupKey::of_failed(&failed.source, &failed.payload),
        }
    }
}

/// Returns the canonical text of a JSON value: sorted keys, no white space.
#[must_use]
pub fn canonical_json(value: &serde_json::Value) -> String {
    value.to_string()
}

mod base64_bytes {
    use super::BASE64;
    use base64::Engine as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64.decode(text).map_err(serde::de::Error::custom)
    }
}
