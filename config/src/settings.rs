//! Every section but the sources, with its defaults.

use crate::{IdKey, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where accepted records are made durable.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum LogSettings {
    /// A folder of this process.
    Embedded(EmbeddedLog),
    /// Apache Kafka.
    Kafka(KafkaLog),
}

impl Default for LogSettings {
    fn default() -> Self {
        Self::Embedded(EmbeddedLog::default())
    }
}

/// The embedded log, in the folder `log` of the data folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EmbeddedLog {
    /// Number of partitions, 1 to 256; fixed when the log is created. One makes
    /// every commit a single sync; more serve readers outside. Default 1.
    pub partitions: u32,
    /// Bytes of a segment file, at least 1 MiB. Default 128 MiB.
    pub segment_bytes: u64,
    /// Bytes that are kept behind what all tables hold. Default 1 GiB.
    pub retain_bytes: u64,
    /// Seconds that are kept behind what all tables hold; the larger of both counts. Default 86400.
    pub retain_seconds: u64,
}

impl Default for EmbeddedLog {
    fn default() -> Self {
        Self { partitions: 1, segment_bytes: 128 << 20, retain_bytes: 1 << 30, retain_seconds: 86_400 }
    }
}

/// The log in Apache Kafka.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KafkaLog {
    /// Brokers to start from: `host:port,...`.
    pub brokers: String,
    /// The topic; created if it is not there. Default `tributary`.
    #[serde(default = "default_topic")]
    pub topic: String,
    /// Partitions of a topic that is created, 1 to 256. Default 4.
    #[serde(default = "default_partitions")]
    pub partitions: u32,
    /// Replicas of a topic that is created. Default: the broker's own.
    #[serde(default)]
    pub replication: Option<u16>,
    /// Settings passed on to librdkafka (security, timeouts); masked when printed. Default none.
    #[serde(default)]
    pub properties: BTreeMap<String, Secret>,
}

fn default_topic() -> String {
    "tributary".to_owned()
}

fn default_partitions() -> u32 {
    4
}

/// The ingest port.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IngestSettings {
    /// Address. Default `127.0.0.1:8090`.
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// Most bytes of one event. Default 32768.
    pub event_bytes_max: usize,
    /// Most bytes of one request, inflated. Default 512000.
    pub batch_bytes_max: usize,
    /// Most events of one request. Default 2500.
    pub batch_events_max: usize,
    /// Answer as Segment does, 200 even to an unknown write key. Default false.
    pub segment_strict: bool,
    /// Most connections at a time. Default 4096.
    pub connections_max: usize,
}

impl Default for IngestSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8090)),
            event_bytes_max: 32 * 1024,
            batch_bytes_max: 500 * 1024,
            batch_events_max: 2500,
            segment_strict: false,
            connections_max: 4096,
        }
    }
}

/// The admin port: queries, profiles, metrics, health.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AdminSettings {
    /// Address. Beyond loopback a token is needed. Default `127.0.0.1:8091`.
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// Bearer token that every request must carry. Default none.
    pub token: Option<Secret>,
}

impl Default for AdminSettings {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8091)), token: None }
    }
}

/// What decides which records are one person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum IdentityMode {
    /// Identifiers that were seen together.
    Deterministic,
    /// The same; what the matching model would join is suggested for review.
    Observe,
    /// `user_id`s, a source's own keys and custom kinds that were seen together; the matching model for
    /// everything else that records tell.
    #[default]
    Probabilistic,
}

/// A part of a blocking key: a field by its role, and after a dot what is made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyPart {
    /// A word of any name, whichever column it is in.
    Name,
    /// The same as `name`: given and family names get swapped.
    GivenName,
    /// The same as `name`.
    FamilyName,
    /// The same as `name`.
    FullName,
    /// The name that a given name is short for: William for Bill.
    #[serde(rename = "given_name.long_form")]
    GivenNameLongForm,
    /// The first three letters of the given name.
    #[serde(rename = "given_name.start")]
    GivenNameStart,
    /// The first three letters of the family name.
    #[serde(rename = "family_name.start")]
    FamilyNameStart,
    /// The birth date.
    BirthDate,
    /// The year of birth.
    #[serde(rename = "birth_date.year")]
    BirthDateYear,
    /// The birthday.
    #[serde(rename = "birth_date.month_day")]
    BirthDateMonthDay,
    /// The email.
    Email,
    /// The email before the @.
    #[serde(rename = "email.local")]
    EmailLocal,
    /// The phone.
    Phone,
    /// The street line.
    Street,
    /// The postcode.
    Postcode,
    /// The postcode's area.
    #[serde(rename = "postcode.area")]
    PostcodeArea,
    /// The town.
    City,
    /// An id of any kind.
    Id,
    /// The same as `id`.
    NationalId,
    /// The same as `id`.
    UserId,
    /// The same as `id`.
    Device,
    /// The same as `id`.
    SourceId,
    /// A word such as an occupation, or a second address line.
    Text,
}

/// Most parts of a blocking key.
const KEY_PARTS_MAX: usize = 2;

/// Checks what the types of blocking keys cannot; the error is the place within them and what is wrong there.
///
/// # Errors
/// If there is no key, or one has no parts or more than two.
pub fn check_keys(keys: &[Vec<KeyPart>]) -> Result<(), (String, String)> {
    if keys.is_empty() {
        return Err((String::new(), "no key: no two records would be looked at".to_owned()));
    }
    let wrong = keys.iter().position(|key| !(1..=KEY_PARTS_MAX).contains(&key.len()));
    wrong.map_or(Ok(()), |place| {
        Err((format!("[{place}]"), format!("a key of {} parts: give 1 to {KEY_PARTS_MAX}", keys[place].len())))
    })
}

/// How records become people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IdentitySettings {
    /// `deterministic`, `observe` or `probabilistic`; a change makes the state again at the next start.
    /// Default `probabilistic`.
    pub mode: IdentityMode,
    /// File of the matching model, as `tributary identity train` writes it; a relative path starts from the
    /// working folder. Default: the one that ships, for records of people.
    pub model: Option<PathBuf>,
    /// Least mean match probability at which two groups of records become one profile, above 0 and at most 1.
    /// Default 0.4.
    pub cut: f64,
    /// Blocking keys: two records are looked at if they share one that no more than 40 records carry. Each key is
    /// a list of one part or two, a field by its role, or what is made of it: `[[email], [name, birth_date.year]]`.
    /// A change groups all records again at the next start. Default: those of the model; the commented
    /// `tributary.yaml` has those of the one that ships.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<Vec<Vec<KeyPart>>>,
    /// An identifier seen with more distinct user_ids than this joins nothing. Default 25.
    pub generic_after: u32,
    /// Key of the profile ids, 32 hexadecimal digits; fixed when the data folder is created.
    /// Default: a public constant, so that two servers agree.
    pub id_key: Option<IdKey>,
    /// Values that identify nobody, by kind (`email: [noreply@example.com]`), besides the built-in ones. Default none.
    pub blocked_values: BTreeMap<String, Vec<String>>,
}

impl Default for IdentitySettings {
    fn default() -> Self {
        Self {
            mode: IdentityMode::default(),
            model: None,
            cut: 0.4,
            keys: None,
            generic_after: 25,
            id_key: None,
            blocked_values: BTreeMap::new(),
        }
    }
}

/// Type that a trait is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum TraitType {
    String,
    Integer,
    Float,
    Boolean,
    Timestamp,
    Date,
}

/// Which of several values of a trait counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SurvivorshipRule {
    /// The one with the greatest event time.
    MostRecent,
    /// The one of the first source in this list that has one; sources that are not listed come last.
    SourcePriority(Vec<String>),
    /// The one with the least event time.
    First,
    /// The one with the most characters.
    Longest,
    /// The one that most records say.
    MostFrequent,
    /// One of a record that says that it is verified (`email_verified: true` beside `email`), if there is any.
    VerifiedFirst,
    /// All of them, as a sorted list.
    Union,
    /// The least: numbers by value and before texts.
    Min,
    /// The greatest.
    Max,
}

/// Survivorship rules. A change makes the live state again from the tables at the next start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SurvivorshipSettings {
    /// Rule of traits that have none of their own. Default `most_recent`.
    pub default: SurvivorshipRule,
    /// Rule by trait: `most_recent`, `{source_priority: [crm, web]}`, `first`, `longest`, `most_frequent`,
    /// `verified_first`, `union`, `min` or `max`. All but the first two keep every value said. Default none.
    pub traits: BTreeMap<String, SurvivorshipRule>,
}

impl Default for SurvivorshipSettings {
    fn default() -> Self {
        Self { default: SurvivorshipRule::MostRecent, traits: BTreeMap::new() }
    }
}

/// The Delta tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TableSettings {
    /// Longest time between two commits of `events` and `failed_events`, 1 to 3600 seconds. Default 5.
    pub commit_interval_seconds: u64,
    /// The same for the tables whose rows are replaced (`profiles`, `identities`, `objects`) and
    /// `profile_changes`. Default 30.
    pub replace_interval_seconds: u64,
    /// Commits of a table from one checkpoint to the next, at least 1. Default 15.
    pub checkpoint_commits: u64,
    /// Small files of a table that start a merge, at least 2. Default 64.
    pub compact_files: usize,
    /// Files below this many bytes are small. Default 128 MiB.
    pub file_bytes_target: u64,
    /// A file is rewritten above this part of dead rows, 0 to 1. Default 0.2.
    pub dead_rows_max: f64,
    /// Seconds that replaced files stay for readers. Default 3600.
    pub expire_seconds: u64,
    /// Seconds that the log of a table is kept behind its last checkpoint. Default 86400.
    pub log_retention_seconds: u64,
}

impl Default for TableSettings {
    fn default() -> Self {
        Self {
            commit_interval_seconds: 5,
            replace_interval_seconds: 30,
            checkpoint_commits: 15,
            compact_files: 64,
            file_bytes_target: 128 << 20,
            dead_rows_max: 0.2,
            expire_seconds: 3600,
            log_retention_seconds: 86_400,
        }
    }
}
