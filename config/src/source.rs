//! Sources: what Tributary reads.

use crate::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A source, told apart by `type`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Source {
    /// Clients of the Segment, RudderStack and Jitsu protocols.
    Http(HttpSource),
    /// A CSV, JSON Lines or Parquet file, read once, row by row.
    File(FileSource),
    /// SendGrid's signed event webhook.
    Sendgrid(SendgridSource),
    /// Any webhook signed by the Standard Webhooks rules.
    Webhook(WebhookSource),
}

impl Source {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Http(source) => &source.name,
            Self::File(source) => &source.name,
            Self::Sendgrid(source) => &source.name,
            Self::Webhook(source) => &source.name,
        }
    }

    /// The kinds of identifiers that it maps, each with the key of the mapping.
    pub(crate) fn kinds(&self) -> Vec<(&'static str, &String)> {
        fn of<'a>(key: &'static str, kinds: &'a BTreeMap<String, String>) -> Vec<(&'static str, &'a String)> {
            kinds.keys().map(|kind| (key, kind)).collect()
        }
        match self {
            Self::Http(_) | Self::Sendgrid(_) => Vec::new(),
            Self::Webhook(source) => of("identifiers", &source.mapping.identifiers),
            Self::File(source) => {
                let associations = source.object.iter().flat_map(|o| of("object.associations", &o.associations));
                of("identifiers", &source.identifiers).into_iter().chain(associations).collect()
            }
        }
    }

    /// The text of `type`.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::File(_) => "file",
            Self::Sendgrid(_) => "sendgrid",
            Self::Webhook(_) => "webhook",
        }
    }
}

/// Clients that post events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpSource {
    /// Name, `[a-z0-9_-]+`.
    pub name: String,
    /// Key that its clients send. Default: generated at first start and printed once.
    #[serde(default)]
    pub write_key: Option<Secret>,
}

/// Form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum FileFormat {
    Csv,
    Jsonl,
    Parquet,
}

/// What a row or payload becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RecordType {
    /// A person.
    Identify,
    /// Something that happened.
    Track,
    /// A company or other group.
    Group,
    /// A thing with a life of its own: a deal, a ticket.
    Object,
}

/// A file of rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileSource {
    /// Name, `[a-z0-9_-]+`.
    pub name: String,
    /// The file; a relative path starts from the working folder.
    pub path: PathBuf,
    /// `csv`, `jsonl` or `parquet`. Default: by the extension.
    #[serde(default)]
    pub format: Option<FileFormat>,
    /// What a row becomes.
    pub record: RecordType,
    /// Whether it holds no person twice: two of its keys then never become one profile by matching. Default false.
    #[serde(default)]
    pub unique: bool,
    /// Name of the stream, `[a-z0-9_-]+`. Default: the file's stem, folded to these letters.
    #[serde(default)]
    pub stream: String,
    /// Column of the row's own key.
    pub key: String,
    /// Column of the row's time. Default: none, the time of reading counts.
    #[serde(default)]
    pub timestamp: Option<String>,
    /// IANA time zone of times without an offset. Default `UTC`.
    #[serde(default = "default_timezone")]
    pub timezone: String,
    /// Column by kind of identifier: `{email: Email}`. Default none.
    #[serde(default)]
    pub identifiers: BTreeMap<String, String>,
    /// Column by trait. Default none.
    #[serde(default)]
    pub traits: BTreeMap<String, String>,
    /// Name of the event, for `track`.
    #[serde(default)]
    pub event: Option<String>,
    /// Column by property, for `track`. Default none.
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
    /// The snapshot, for `object`.
    #[serde(default)]
    pub object: Option<FileObject>,
    /// What parts the columns of a CSV file, one character. Default `,`.
    #[serde(default = "default_delimiter")]
    pub delimiter: char,
}

/// How a row becomes an object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileObject {
    /// `deals`, `tickets`, ...
    #[serde(rename = "type")]
    pub kind: String,
    /// Column by field. Default: every column under its own name.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// Column by kind of identifier of what it belongs to: `{"crm:contacts": Contact Id}`. Default none.
    #[serde(default)]
    pub associations: BTreeMap<String, String>,
}

/// SendGrid's event webhook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SendgridSource {
    /// Name, `[a-z0-9_-]+`.
    pub name: String,
    /// Verification key that SendGrid shows: base64 of a P-256 public key.
    pub public_key: String,
    /// Path on the ingest port. Default `/webhooks/NAME`.
    #[serde(default)]
    pub path: String,
    /// Longest difference of the signature's time from the clock. Default 300.
    #[serde(default = "default_tolerance")]
    pub tolerance_seconds: u64,
}

/// A webhook with Standard Webhooks signatures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WebhookSource {
    /// Name, `[a-z0-9_-]+`.
    pub name: String,
    /// Keys, `whsec_...`: any may sign, so that a key can be changed.
    pub secrets: Vec<Secret>,
    /// Path on the ingest port. Default `/webhooks/NAME`.
    pub path: String,
    /// Longest difference of the signature's time from the clock. Default 300.
    pub tolerance_seconds: u64,
    /// How a payload becomes records.
    #[serde(flatten)]
    pub mapping: WebhookMapping,
}

/// How a payload becomes records. A mapped value is a JSON pointer (`/data/score`, from the root of
/// each exploded item) or, without a leading slash, a constant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WebhookMapping {
    /// `identify` or `track`.
    pub record: RecordType,
    /// Name of the event or pointer to it, for `track`.
    pub event: Option<String>,
    /// Pointer to an array, each item of which becomes a record. Default: one record a payload.
    pub explode: Option<String>,
    /// Value by kind of identifier. Default none.
    pub identifiers: BTreeMap<String, String>,
    /// Value by trait. Default none.
    pub traits: BTreeMap<String, String>,
    /// Value by property, for `track`. Default none.
    pub properties: BTreeMap<String, serde_json::Value>,
    /// Pointer to the id of the delivery. Default: the header `webhook-id` (and the index of the item).
    pub message_id: Option<String>,
    /// Pointer to the time it happened. Default: the time of the signature.
    pub timestamp: Option<String>,
}

/// What a person writes for a webhook: `secret` or `secrets`, and the mapping beside them.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawWebhook {
    /// Name, `[a-z0-9_-]+`.
    name: String,
    /// The key, `whsec_...`.
    secret: Option<Secret>,
    /// Several keys, while one is changed. Default none.
    #[serde(default)]
    secrets: Vec<Secret>,
    /// Path on the ingest port. Default `/webhooks/NAME`.
    #[serde(default)]
    path: String,
    /// Longest difference of the signature's time from the clock. Default 300.
    #[serde(default = "default_tolerance")]
    tolerance_seconds: u64,
    /// `identify` or `track`.
    record: RecordType,
    /// Name of the event or pointer to it, for `track`.
    event: Option<String>,
    /// Pointer to an array, each item of which becomes a record. Default: one record a payload.
    explode: Option<String>,
    /// JSON pointer or constant by kind of identifier. Default none.
    #[serde(default)]
    identifiers: BTreeMap<String, String>,
    /// JSON pointer or constant by trait. Default none.
    #[serde(default)]
    traits: BTreeMap<String, String>,
    /// JSON pointer or constant by property. Default none.
    #[serde(default)]
    properties: BTreeMap<String, serde_json::Value>,
    /// Pointer to the id of the delivery. Default: the header `webhook-id` (and the index of the item).
    message_id: Option<String>,
    /// Pointer to the time it happened. Default: the time of the signature.
    timestamp: Option<String>,
}

impl From<RawWebhook> for WebhookSource {
    fn from(raw: RawWebhook) -> Self {
        Self {
            name: raw.name,
            secrets: raw.secret.into_iter().chain(raw.secrets).collect(),
            path: raw.path,
            tolerance_seconds: raw.tolerance_seconds,
            mapping: WebhookMapping {
                record: raw.record,
                event: raw.event,
                explode: raw.explode,
                identifiers: raw.identifiers,
                traits: raw.traits,
                properties: raw.properties,
                message_id: raw.message_id,
                timestamp: raw.timestamp,
            },
        }
    }
}

/// The raw form of [`Source`], for the schema.
#[derive(JsonSchema)]
#[schemars(tag = "type", rename_all = "lowercase")]
#[allow(dead_code, reason = "read by the schema only")]
pub(crate) enum RawSource {
    /// Clients of the Segment, RudderStack and Jitsu protocols.
    Http(HttpSource),
    /// A CSV, JSON Lines or Parquet file, read once, row by row.
    File(FileSource),
    /// SendGrid's signed event webhook.
    Sendgrid(SendgridSource),
    /// Any webhook signed by the Standard Webhooks rules.
    Webhook(RawWebhook),
}

fn default_timezone() -> String {
    "UTC".to_owned()
}

fn default_delimiter() -> char {
    ','
}

fn default_tolerance() -> u64 {
    300
}
