//! The whole configuration: reading, defaults, validation, JSON Schema.

use crate::document::{Document, Places, join};
use crate::source::{RawSource, RawWebhook};
use crate::validate::{is_name, validate_source};
use crate::{
    AdminSettings, Error, FileFormat, FileSource, HttpSource, IdentitySettings, IngestSettings, LogSettings, Result,
    SendgridSource, Source, SurvivorshipRule, SurvivorshipSettings, TableSettings, TraitType, WebhookSource,
    check_keys,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Names that no source may have: the kinds of identifiers, and the source of our own records.
pub const NAMES_RESERVED: [&str; 8] =
    ["user_id", "email", "anonymous_id", "device", "phone", "group_id", "profile_id", "tributary"];

const DATA_DIR: &str = "./tributary-data";

/// A validated configuration.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// What is read. Never two of one name.
    pub sources: Vec<Source>,
    /// Where accepted records are made durable.
    pub log: LogSettings,
    /// The ingest port.
    pub ingest: IngestSettings,
    /// The admin port.
    pub admin: AdminSettings,
    /// How records become people.
    pub identity: IdentitySettings,
    /// Types of traits that are not left to the values themselves.
    pub traits: BTreeMap<String, TraitType>,
    /// Which of several values of a trait counts.
    pub survivorship: SurvivorshipSettings,
    /// The Delta tables.
    pub tables: TableSettings,
    /// Folder of everything that is stored.
    pub data_dir: PathBuf,
    /// Where its file says what.
    #[serde(skip)]
    places: Places,
}

/// The configuration without a file: everything embedded, one http source
/// `web` whose write key is generated at first start.
impl Default for Config {
    fn default() -> Self {
        let web = HttpSource { name: "web".to_owned(), write_key: None };
        Self {
            sources: vec![Source::Http(web)],
            log: LogSettings::default(),
            ingest: IngestSettings::default(),
            admin: AdminSettings::default(),
            identity: IdentitySettings::default(),
            traits: BTreeMap::new(),
            survivorship: SurvivorshipSettings::default(),
            tables: TableSettings::default(),
            data_dir: PathBuf::from(DATA_DIR),
            places: Places::default(),
        }
    }
}

/// Configuration of Tributary.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "tributary.yaml")]
struct RawConfig {
    /// Version of this format. Default 1, the only one.
    version: u32,
    /// What is read. Default: one http source `web` with a generated write key.
    #[schemars(with = "Vec<RawSource>")]
    sources: Option<Vec<Value>>,
    /// Where accepted records are made durable. Default `{type: embedded}`.
    #[schemars(with = "RawLog")]
    log: Option<Value>,
    /// The ingest port.
    ingest: IngestSettings,
    /// The admin port.
    admin: AdminSettings,
    /// How records become people.
    identity: IdentitySettings,
    /// Types of traits, by name: `string`, `integer`, `float`, `boolean`, `timestamp` or `date`. Default none.
    traits: BTreeMap<String, TraitType>,
    /// Which of several values of a trait counts.
    survivorship: SurvivorshipSettings,
    /// The Delta tables.
    tables: TableSettings,
    /// Folder of everything that is stored. Default `./tributary-data`.
    data_dir: PathBuf,
}

/// The raw form of [`LogSettings`], for the schema.
#[derive(JsonSchema)]
#[schemars(tag = "type", rename_all = "lowercase")]
#[allow(dead_code, reason = "read by the schema only")]
enum RawLog {
    /// A folder of this process.
    Embedded(crate::EmbeddedLog),
    /// Apache Kafka.
    Kafka(crate::KafkaLog),
}

impl Default for RawConfig {
    fn default() -> Self {
        let Config { ingest, admin, identity, traits, survivorship, tables, data_dir, .. } = Config::default();
        Self { version: 1, sources: None, log: None, ingest, admin, identity, traits, survivorship, tables, data_dir }
    }
}

impl Config {
    /// Reads and validates a file.
    ///
    /// # Errors
    /// [`Error::Read`] if it cannot be read, else as [`Config::parse`].
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Reads and validates a text; `file` names it in errors, and relative
    /// `${file:PATH}` start from its folder.
    ///
    /// # Errors
    /// [`Error::Yaml`] or [`Error::Setting`], with file, line and key.
    pub fn parse(text: &str, file: &str) -> Result<Self> {
        let document = Document::parse(text, file)?;
        let value = mapping(&document)?;
        let raw: RawConfig = document.read("", value)?;
        if raw.version != 1 {
            return Err(document.wrong("version", format!("{} is not a version this program reads (1)", raw.version)));
        }
        let sources = match raw.sources {
            None => Self::default().sources,
            Some(values) => read_sources(&document, values)?,
        };
        let mut config = Self {
            sources,
            log: raw.log.map_or_else(|| Ok(LogSettings::default()), |value| read_log(&document, value))?,
            ingest: raw.ingest,
            admin: raw.admin,
            identity: raw.identity,
            traits: raw.traits,
            survivorship: raw.survivorship,
            tables: raw.tables,
            data_dir: raw.data_dir,
            places: Places::default(),
        };
        config.validate().map_err(|(key, reason)| document.wrong(&key, reason))?;
        config.places = document.into_places();
        Ok(config)
    }

    /// The error of a setting that only those who use it can tell to be wrong.
    #[must_use]
    pub fn wrong(&self, key: &str, reason: impl Into<String>) -> Error {
        self.places.wrong(key, reason)
    }

    /// The same for a setting of the source of this name.
    #[must_use]
    pub fn wrong_in_source(&self, name: &str, key: &str, reason: impl Into<String>) -> Error {
        let place = self.sources.iter().position(|source| source.name() == name);
        let section = place.map_or_else(|| format!("source {name}"), |index| format!("sources[{index}]"));
        self.wrong(&join(&section, key), reason)
    }

    /// Returns the JSON Schema of the file.
    #[must_use]
    pub fn json_schema() -> Value {
        schemars::schema_for!(RawConfig).to_value()
    }

    /// Checks what types cannot; the error is (key, reason).
    fn validate(&self) -> Result<(), (String, String)> {
        self.validate_sections()?;
        let mut names = BTreeSet::new();
        let mut paths = BTreeSet::new();
        let mut write_keys = BTreeSet::new();
        for (index, source) in self.sources.iter().enumerate() {
            let at = |key: &str| format!("sources[{index}].{key}");
            let name = source.name();
            if !is_name(name) {
                return Err((at("name"), format!("{name:?} is not of the form [a-z0-9_-]+")));
            }
            if NAMES_RESERVED.contains(&name) {
                return Err((at("name"), format!("{name:?} is a kind of identifier or our own")));
            }
            if !names.insert(name) {
                return Err((at("name"), format!("{name:?} is the name of two sources")));
            }
            validate_source(source).map_err(|(key, reason)| (at(key), reason))?;
            // The gateway takes a path with and without a slash at its end for one.
            if let Source::Sendgrid(SendgridSource { path, .. }) | Source::Webhook(WebhookSource { path, .. }) = source
                && !paths.insert(path.trim_end_matches('/'))
            {
                return Err((at("path"), format!("{path} is the path of two sources")));
            }
            if let Source::Http(HttpSource { write_key: Some(key), .. }) = source
                && !write_keys.insert(key.expose())
            {
                return Err((at("write_key"), "the write key of two sources: give each its own".to_owned()));
            }
        }
        if let Some(keys) = &self.identity.keys {
            check_keys(keys).map_err(|(place, reason)| (format!("identity.keys{place}"), reason))?;
        }
        self.validate_kinds(&names)?;
        self.validate_survivorship(&names)
    }

    /// In `kind:value` a source's name begins a kind of two segments, so none
    /// may be the name of a kind that is mapped or blocked here.
    fn validate_kinds(&self, names: &BTreeSet<&str>) -> Result<(), (String, String)> {
        let blocked = self.identity.blocked_values.keys().map(|kind| ("identity.blocked_values".to_owned(), kind));
        let mapped = self.sources.iter().enumerate().flat_map(|(index, source)| {
            source.kinds().into_iter().map(move |(key, kind)| (format!("sources[{index}].{key}"), kind))
        });
        for (key, kind) in blocked.chain(mapped) {
            let place = format!("{key}.{kind}");
            if !kind.split(':').all(is_name) || kind.matches(':').count() > 1 {
                return Err((place, format!("{kind:?} is not of the form [a-z0-9_-]+ or SOURCE:STREAM")));
            }
            if names.contains(kind.as_str()) {
                return Err((place, format!("{kind:?} is the name of a source and cannot be a kind of identifier")));
            }
        }
        Ok(())
    }

    fn validate_sections(&self) -> Result<(), (String, String)> {
        let partitions = match &self.log {
            LogSettings::Embedded(log) => log.partitions,
            LogSettings::Kafka(log) => log.partitions,
        };
        let replication = match &self.log {
            LogSettings::Kafka(log) => log.replication,
            LogSettings::Embedded(_) => None,
        };
        let segment_bytes = match &self.log {
            LogSettings::Embedded(log) => log.segment_bytes,
            LogSettings::Kafka(_) => u64::MAX,
        };
        let brokers = !matches!(&self.log, LogSettings::Kafka(log) if log.brokers.trim().is_empty());
        let (ingest, tables) = (&self.ingest, &self.tables);
        let limits = [ingest.event_bytes_max, ingest.batch_bytes_max, ingest.batch_events_max, ingest.connections_max];
        let admin_open = !self.admin.listen.ip().is_loopback() && self.admin.token.is_none();
        let token_empty = self.admin.token.as_ref().is_some_and(|token| token.expose().is_empty());
        let checks = [
            ("log.partitions", (1..=256).contains(&partitions), "not between 1 and 256"),
            ("log.replication", replication != Some(0), "not at least 1"),
            ("log.segment_bytes", segment_bytes >= 1 << 20, "less than 1 MiB"),
            ("log.brokers", brokers, "empty"),
            ("ingest", limits.iter().all(|&limit| limit > 0), "a limit of 0 would refuse everything"),
            ("ingest.event_bytes_max", ingest.event_bytes_max <= ingest.batch_bytes_max, "more than batch_bytes_max"),
            ("admin.token", !token_empty, "empty"),
            ("data_dir", !self.data_dir.as_os_str().is_empty(), "empty"),
            ("admin.listen", !admin_open, "beyond loopback the admin port needs `admin.token`"),
            ("identity.cut", self.identity.cut > 0.0 && self.identity.cut <= 1.0, "not above 0 and at most 1"),
            ("identity.generic_after", self.identity.generic_after > 0, "not at least 1"),
            (
                "tables.commit_interval_seconds",
                (1..=3600).contains(&tables.commit_interval_seconds),
                "not between 1 and 3600",
            ),
            (
                "tables.replace_interval_seconds",
                (1..=3600).contains(&tables.replace_interval_seconds),
                "not between 1 and 3600",
            ),
            ("tables.checkpoint_commits", tables.checkpoint_commits >= 1, "not at least 1"),
            ("tables.compact_files", tables.compact_files >= 2, "not at least 2"),
            ("tables.dead_rows_max", (0.0..=1.0).contains(&tables.dead_rows_max), "not between 0 and 1"),
        ];
        checks.iter().find(|check| !check.1).map_or(Ok(()), |check| Err((check.0.to_owned(), check.2.to_owned())))
    }

    fn validate_survivorship(&self, names: &BTreeSet<&str>) -> Result<(), (String, String)> {
        let default = ("survivorship.default".to_owned(), &self.survivorship.default);
        let each = self.survivorship.traits.iter().map(|(name, rule)| (format!("survivorship.traits.{name}"), rule));
        for (key, rule) in std::iter::once(default).chain(each) {
            let SurvivorshipRule::SourcePriority(listed) = rule else { continue };
            if let Some(unknown) = listed.iter().find(|name| !names.contains(name.as_str())) {
                return Err((key, format!("there is no source {unknown:?}")));
            }
        }
        Ok(())
    }
}

/// The file's top level; an empty file is an empty mapping. serde would read
/// a sequence as the fields of a section in order, so those are refused.
fn mapping(document: &Document) -> Result<Value> {
    let root = match &document.value {
        Value::Null => return Ok(Value::Object(serde_json::Map::new())),
        Value::Object(root) => root,
        _ => return Err(document.wrong(".", "not a mapping")),
    };
    let sections = ["log", "ingest", "admin", "identity", "survivorship", "tables"];
    let list = sections.into_iter().find(|&name| root.get(name).is_some_and(Value::is_array));
    list.map_or_else(|| Ok(document.value.clone()), |name| Err(document.wrong(name, "not a mapping")))
}

fn read_sources(document: &Document, values: Vec<Value>) -> Result<Vec<Source>> {
    let read = |(index, value)| read_source(document, &format!("sources[{index}]"), value);
    values.into_iter().enumerate().map(read).collect()
}

/// Takes the tag `type` out of a section.
fn tagged(document: &Document, at: &str, mut value: Value) -> Result<(String, Value)> {
    let section = value.as_object_mut().ok_or_else(|| document.wrong(at, "not a mapping"))?;
    match section.remove("type") {
        Some(Value::String(tag)) => Ok((tag, value)),
        Some(_) => Err(document.wrong(&join(at, "type"), "not a text")),
        None => Err(document.wrong(at, "missing field `type`")),
    }
}

fn read_log(document: &Document, value: Value) -> Result<LogSettings> {
    let (tag, value) = tagged(document, "log", value)?;
    match tag.as_str() {
        "embedded" => Ok(LogSettings::Embedded(document.read("log", value)?)),
        "kafka" => Ok(LogSettings::Kafka(document.read("log", value)?)),
        _ => Err(document.wrong("log.type", format!("unknown type `{tag}`, expected `embedded` or `kafka`"))),
    }
}

fn read_source(document: &Document, at: &str, value: Value) -> Result<Source> {
    let (tag, value) = tagged(document, at, value)?;
    match tag.as_str() {
        "http" => Ok(Source::Http(document.read(at, value)?)),
        "file" => read_file(document, at, value),
        "sendgrid" => {
            let mut source: SendgridSource = document.read(at, value)?;
            source.path = webhook_path(&source.path, &source.name);
            Ok(Source::Sendgrid(source))
        }
        "webhook" => {
            let mut source = WebhookSource::from(document.read::<RawWebhook>(at, value)?);
            source.path = webhook_path(&source.path, &source.name);
            Ok(Source::Webhook(source))
        }
        _ => Err(document.wrong(
            &join(at, "type"),
            format!("unknown type `{tag}`, expected `http`, `file`, `sendgrid` or `webhook`"),
        )),
    }
}

fn read_file(document: &Document, at: &str, value: Value) -> Result<Source> {
    let mut source: FileSource = document.read(at, value)?;
    if source.stream.is_empty() {
        source.stream = fold(&source.path.file_stem().unwrap_or_default().to_string_lossy());
    }
    if source.format.is_none() {
        let extension = source.path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        source.format = match extension.as_str() {
            "csv" | "tsv" | "txt" => Some(FileFormat::Csv),
            "jsonl" | "ndjson" => Some(FileFormat::Jsonl),
            "parquet" => Some(FileFormat::Parquet),
            _ => return Err(document.wrong(&join(at, "path"), "its extension tells no format; add `format`")),
        };
    }
    Ok(Source::File(source))
}

fn webhook_path(given: &str, name: &str) -> String {
    if given.is_empty() { format!("/webhooks/{name}") } else { given.to_owned() }
}

/// Lower case, anything but `[a-z0-9_-]` becomes `_`.
fn fold(stem: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    stem.to_lowercase().chars().map(letter).collect()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
