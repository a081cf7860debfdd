//! From the configuration and the flags to what each crate takes.

use crate::cli::RunArgs;
use crate::data_dir::DataDir;
use anyhow::{Context as _, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tributary_config::{Config, IdKey, IdentityMode, LogSettings, Source, SurvivorshipRule};
use tributary_identity_files::blocking_rules;
use tributary_ingest::gateway::{HttpSource, Limits};
use tributary_log::{EmbeddedLog, EmbeddedOptions, KafkaLog, KafkaOptions, Log};
use tributary_profile_store::query::QueryLimits;
use tributary_profile_store::{TableSettings, TraitType};
use tributary_resolve::DEFAULT_ID_KEY;
use tributary_resolve::matching::{Model, ModelFile};
use tributary_serve::ServeSettings;
use tributary_state::{Identity, Matcher, ModelMatcher, Options, Rule, fold_trait_name};

/// The data folder where nothing else is said.
pub const DATA_DIR: &str = "./tributary-data";

/// Number of compute threads: `TRIBUTARY_THREADS`, else that of the machine.
///
/// # Errors
/// If the variable holds something else than a number from 1 on.
pub fn threads() -> anyhow::Result<usize> {
    match std::env::var("TRIBUTARY_THREADS") {
        Err(_) => Ok(std::thread::available_parallelism().map_or(2, usize::from)),
        Ok(text) => match text.trim().parse() {
            Ok(threads) if threads > 0 => Ok(threads),
            _ => bail!("TRIBUTARY_THREADS is {text:?}: set it to a number from 1 on, or unset it"),
        },
    }
}

/// What `tributary run` runs with.
pub struct Settings {
    /// The validated configuration.
    pub config: Config,
    /// The data folder.
    pub data_dir: PathBuf,
    /// Address of the ingest port.
    pub listen: SocketAddr,
    /// Address of the admin port.
    pub admin: SocketAddr,
}

impl Settings {
    /// Reads the configuration; flags go before it.
    ///
    /// # Errors
    /// If the file is wrong, or the admin port would be open to others without a token.
    pub fn load(args: &RunArgs) -> anyhow::Result<Self> {
        let config = args.config.as_deref().map(Config::load).transpose()?.unwrap_or_default();
        check_trait_names(&config)?;
        let admin = args.admin.unwrap_or(config.admin.listen);
        if !admin.ip().is_loopback() && config.admin.token.is_none() {
            bail!("the admin port {admin} is beyond loopback: set admin.token in the configuration, or use 127.0.0.1");
        }
        let data_dir = args.data_dir.clone().unwrap_or_else(|| config.data_dir.clone());
        Ok(Self { listen: args.listen.unwrap_or(config.ingest.listen), admin, data_dir, config })
    }

    /// Opens the configured log; its own threads belong to `front`, since clients wait for them.
    ///
    /// # Errors
    /// If it cannot be had.
    pub async fn open_log(&self, folder: &Path, front: &Handle) -> anyhow::Result<Arc<dyn Log>> {
        match &self.config.log {
            LogSettings::Embedded(settings) => {
                let path = folder.join("log");
                let options = EmbeddedOptions {
                    partitions: settings.partitions,
                    segment_bytes: settings.segment_bytes,
                    retain_bytes: settings.retain_bytes,
                    retain: Duration::from_secs(settings.retain_seconds),
                    ..EmbeddedOptions::default()
                };
                let opened = front.spawn_blocking(move || EmbeddedLog::open(&path, options)).await?;
                Ok(Arc::new(Arc::new(opened.context("open the embedded log")?)))
            }
            LogSettings::Kafka(settings) => {
                let properties = settings.properties.iter();
                let options = KafkaOptions {
                    brokers: settings.brokers.clone(),
                    topic: settings.topic.clone(),
                    partitions: settings.partitions,
                    replication_factor: settings.replication,
                    properties: properties.map(|(name, value)| (name.clone(), value.expose().to_owned())).collect(),
                    ..KafkaOptions::default()
                };
                let log = front.spawn(KafkaLog::connect(options)).await?;
                Ok(Arc::new(log.with_context(|| format!("open the log in Kafka at {}", settings.brokers))?))
            }
        }
    }

    /// Whether the log is not in the data folder.
    pub fn log_is_elsewhere(&self) -> bool {
        matches!(self.config.log, LogSettings::Kafka(_))
    }

    /// Settings of identity and fold.
    pub fn state_options(&self) -> Options {
        let rule = |rule: &SurvivorshipRule| match rule {
            SurvivorshipRule::MostRecent => Rule::MostRecent,
            SurvivorshipRule::SourcePriority(sources) => Rule::SourcePriority(sources.clone()),
            SurvivorshipRule::First => Rule::First,
            SurvivorshipRule::Longest => Rule::Longest,
            SurvivorshipRule::MostFrequent => Rule::MostFrequent,
            SurvivorshipRule::VerifiedFirst => Rule::VerifiedFirst,
            SurvivorshipRule::Union => Rule::Union,
            SurvivorshipRule::Min => Rule::Min,
            SurvivorshipRule::Max => Rule::Max,
        };
        let rules = &self.config.survivorship;
        Options {
            id_key: self.config.identity.id_key.as_ref().map_or(DEFAULT_ID_KEY, IdKey::expose),
            generic_after: self.config.identity.generic_after,
            survivorship: rules.traits.iter().map(|(name, own)| (fold_trait_name(name), rule(own))).collect(),
            survivorship_default: rule(&rules.default),
            identity: match self.config.identity.mode {
                IdentityMode::Deterministic => Identity::Deterministic,
                IdentityMode::Observe => Identity::Observe,
                IdentityMode::Probabilistic => Identity::Probabilistic,
            },
            unique_sources: self.unique_sources(),
        }
    }

    /// Sources that hold no person twice.
    fn unique_sources(&self) -> BTreeSet<String> {
        let unique = |source: &Source| match source {
            Source::File(file) if file.unique => Some(file.name.clone()),
            _ => None,
        };
        self.config.sources.iter().filter_map(unique).collect()
    }

    /// Settings of the tables.
    pub fn table_settings(&self) -> TableSettings {
        let tables = &self.config.tables;
        let traits = self.config.traits.iter();
        TableSettings {
            traits: traits.map(|(name, kind)| (fold_trait_name(name), trait_type(*kind))).collect(),
            append_interval: Duration::from_secs(tables.commit_interval_seconds),
            replace_interval: Duration::from_secs(tables.replace_interval_seconds),
            checkpoint_every: tables.checkpoint_commits,
            small_files: tables.compact_files,
            small_file_bytes: tables.file_bytes_target,
            dead_share_max: tables.dead_rows_max,
            file_grace: Duration::from_secs(tables.expire_seconds),
            log_retention: Duration::from_secs(tables.log_retention_seconds),
            ..TableSettings::default()
        }
    }

    /// The HTTP sources with their keys; a missing key is generated once and printed once.
    ///
    /// # Errors
    /// If a generated key cannot be kept.
    pub fn http_sources(&self, folder: &DataDir) -> anyhow::Result<Vec<HttpSource>> {
        let mut sources = Vec::new();
        for source in &self.config.sources {
            let Source::Http(http) = source else { continue };
            let write_key = match &http.write_key {
                Some(key) => key.expose().to_owned(),
                None => generated_key(&http.name, folder)?,
            };
            sources.push(HttpSource { name: http.name.clone(), write_key });
        }
        Ok(sources)
    }

    /// Limits of the gateway.
    pub fn limits(&self) -> Limits {
        let ingest = &self.config.ingest;
        Limits {
            event_bytes_max: ingest.event_bytes_max,
            request_bytes_max: ingest.batch_bytes_max,
            batch_events_max: ingest.batch_events_max,
            ..Limits::default()
        }
    }

    /// Limits of queries.
    ///
    /// # Errors
    /// As [`threads`].
    pub fn query_limits() -> anyhow::Result<QueryLimits> {
        Ok(QueryLimits { threads: threads()?, ..QueryLimits::default() })
    }

    /// Limits of the listeners.
    pub fn serve_settings(&self) -> ServeSettings {
        ServeSettings { connections_max: self.config.ingest.connections_max, ..ServeSettings::default() }
    }

    /// The token that admin requests must carry, if one is set.
    pub fn admin_token(&self) -> Option<Arc<str>> {
        self.config.admin.token.as_ref().map(|token| Arc::from(token.expose()))
    }

    /// Names of all sources.
    pub fn source_names(&self) -> Vec<String> {
        self.config.sources.iter().map(|source| source.name().to_owned()).collect()
    }
}

/// Refuses settings of one trait under two names: `Age` and `age` are one.
///
/// # Errors
/// Names the second of the two.
pub fn check_trait_names(config: &Config) -> anyhow::Result<()> {
    let (traits, survivorship) = (config.traits.keys(), config.survivorship.traits.keys());
    for (section, names) in [("traits", traits.collect::<Vec<_>>()), ("survivorship.traits", survivorship.collect())] {
        let mut known = BTreeMap::new();
        for name in names {
            if let Some(other) = known.insert(fold_trait_name(name), name) {
                let reason = format!("the same trait as {other:?}: give one of the two");
                return Err(config.wrong(&format!("{section}.{name}"), reason).into());
            }
        }
    }
    Ok(())
}

/// The matcher that the configured mode of identity needs.
///
/// # Errors
/// If the model cannot be read.
pub fn matcher(config: &Config) -> anyhow::Result<Option<Box<dyn Matcher>>> {
    let identity = &config.identity;
    if identity.mode == IdentityMode::Deterministic {
        return Ok(None);
    }
    let mut model = match &identity.model {
        None => Model::people().clone(),
        Some(path) => {
            let said = || config.wrong("identity.model", format!("read the matching model {}", path.display()));
            let text = std::fs::read_to_string(path).with_context(said)?;
            ModelFile::from_json(&text).and_then(ModelFile::trained).with_context(said)?
        }
    };
    if let Some(keys) = &identity.keys {
        model.rules = blocking_rules(keys).map_err(|error| config.wrong("identity.keys", error.to_string()))?;
    }
    let matcher = ModelMatcher::new(model, identity.cut, threads()?).context("make the matcher of identity")?;
    Ok(Some(Box::new(matcher)))
}

fn trait_type(kind: tributary_config::TraitType) -> TraitType {
    use tributary_config::TraitType as Configured;
    match kind {
        Configured::String => TraitType::String,
        Configured::Integer => TraitType::Integer,
        Configured::Float => TraitType::Float,
        Configured::Boolean => TraitType::Boolean,
        Configured::Timestamp => TraitType::Timestamp,
        Configured::Date => TraitType::Date,
    }
}

fn generated_key(name: &str, folder: &DataDir) -> anyhow::Result<String> {
    let (key, is_new) = folder.write_key(name)?;
    if is_new {
        println!("write key of source {name}: {key}");
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        let refused = check_trait_names(&Config::parse(text, "t.yaml").unwrap()).err().map(|error| error.to_string());
        assert_eq!(refused.as_deref(), expected, "{text}");
    }

    #[test]
    fn two_names_of_one_trait_are_refused() {
        check("traits: {age: integer, name: string}", None);
        let same = "t.yaml:3: traits.age: the same trait as \"Age\": give one of the two";
        check("traits:\n  Age: string\n  age: integer", Some(same));
        let same = "t.yaml:2: survivorship.traits.firstName: the same trait as \"First Name\": give one of the two";
        check("survivorship: {traits: {\"First Name\": first,\n firstName: longest}}", Some(same));
    }
}
