//! From the configuration and the flags to what each crate takes.

use crate::cli::RunArgs;
use crate::data_dir::DataDir;
use anyhow::Context as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tributary_config::{Config, EmbeddedLog as EmbeddedSettings, LogSettings, Source, SurvivorshipRule};
use tributary_ingest::{HttpSource, Limits};
use tributary_log::{EmbeddedLog, EmbeddedOptions, Log};
use tributary_resolve::DEFAULT_ID_KEY;
use tributary_serve::ServeSettings;
use tributary_state::{Options, Rule};

/// The data folder where nothing else is said.
pub const DATA_DIR: &str = "./tributary-data";

/// Number of compute threads: `TRIBUTARY_THREADS`, else that of the machine.
pub fn threads() -> usize {
    let of_machine = || std::thread::available_parallelism().map_or(2, usize::from);
    std::env::var("TRIBUTARY_THREADS")
        .ok()
        .and_then(|text| text.parse().ok())
        .filter(|&n| n > 0)
        .unwrap_or_else(of_machine)
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
        let admin = args.admin.unwrap_or(config.admin.listen);
        if !admin.ip().is_loopback() && config.admin.token.is_none() {
            anyhow::bail!(
                "the admin port {admin} is beyond loopback: set admin.token in the configuration, or use 127.0.0.1"
            );
        }
        let data_dir = args.data_dir.clone().unwrap_or_else(|| config.data_dir.clone());
        Ok(Self { listen: args.listen.unwrap_or(config.ingest.listen), admin, data_dir, config })
    }

    /// Opens the configured log.
    ///
    /// # Errors
    /// If it cannot be had.
    pub fn open_log(&self, folder: &Path) -> anyhow::Result<Arc<dyn Log>> {
        match &self.config.log {
            LogSettings::Embedded(settings) => {
                let log =
                    EmbeddedLog::open(&folder.join("log"), embedded(settings)).context("open the embedded log")?;
                Ok(Arc::new(Arc::new(log)))
            }
            LogSettings::Kafka(_) => {
                anyhow::bail!("log.type kafka is not available in this build: use the embedded log")
            }
        }
    }

    /// Settings of identity and fold.
    pub fn state_options(&self) -> Options {
        let rule = |rule: &SurvivorshipRule| match rule {
            SurvivorshipRule::MostRecent => Rule::MostRecent,
            SurvivorshipRule::SourcePriority(sources) => Rule::SourcePriority(sources.clone()),
        };
        let rules = &self.config.survivorship;
        Options {
            id_key: self.config.identity.id_key.as_ref().map_or(DEFAULT_ID_KEY, tributary_config::IdKey::expose),
            generic_after: self.config.identity.generic_after,
            survivorship: rules.traits.iter().map(|(name, of_trait)| (name.clone(), rule(of_trait))).collect(),
            survivorship_default: rule(&rules.default),
        }
    }

    /// The HTTP sources with their keys; a missing key is generated once and printed once.
    ///
    /// # Errors
    /// If the generated key cannot be kept.
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

fn generated_key(name: &str, folder: &DataDir) -> anyhow::Result<String> {
    let (key, is_new) = folder.write_key()?;
    if is_new {
        println!("write key of source {name}: {key}");
    }
    Ok(key)
}

fn embedded(settings: &EmbeddedSettings) -> EmbeddedOptions {
    EmbeddedOptions {
        partitions: settings.partitions,
        segment_bytes: settings.segment_bytes,
        retain_bytes: settings.retain_bytes,
        retain: Duration::from_secs(settings.retain_seconds),
        ..EmbeddedOptions::default()
    }
}
