//! The pull sources: what they read goes to the log, then their cursor is kept.

use crate::metrics::PullMetrics;
use anyhow::{Context as _, bail};
use bytes::Bytes;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tributary_config::{Config, Source as Configured};
use tributary_connectors::{Cursor, FileReader, Source};
use tributary_log::{Entry, Log};
use tributary_protocol::{LogValue, Timestamp};

/// How often a source that was read is looked at again.
const POLL: Duration = Duration::from_secs(1);
/// Longest pause after errors; each error in a row doubles it.
const PAUSE_MAX: Duration = Duration::from_secs(8);

/// The pull sources of a configuration.
///
/// # Errors
/// If a setting of one cannot be used.
pub fn sources(config: &Config) -> anyhow::Result<Vec<Arc<dyn Source>>> {
    let mut sources: Vec<Arc<dyn Source>> = Vec::new();
    for source in &config.sources {
        if let Configured::File(file) = source {
            sources.push(Arc::new(FileReader::new(file).map_err(|error| placed(config, error))?));
        }
    }
    Ok(sources)
}

/// Says of a setting that cannot be used where it stands in the configuration.
pub fn placed(config: &Config, error: tributary_connectors::Error) -> anyhow::Error {
    match error {
        tributary_connectors::Error::Setting { source_name, key, reason } => {
            config.wrong_in_source(&source_name, key, reason).into()
        }
        other => other.into(),
    }
}

fn named(config: &Config, name: &str) -> anyhow::Result<Arc<dyn Source>> {
    if let Some(source) = sources(config)?.into_iter().find(|source| source.name() == name) {
        return Ok(source);
    }
    match config.sources.iter().find(|source| source.name() == name) {
        Some(pushed) => bail!("source {name} is of type {}: it is sent to, not read", pushed.type_name()),
        None => bail!("no source {name:?} in the configuration; `tributary source list` shows them all"),
    }
}

/// Prints every source of a configuration: name and type.
///
/// # Errors
/// If standard output is closed.
pub fn list(config: &Config) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for source in &config.sources {
        writeln!(out, "{}\t{}", source.name(), source.type_name())?;
    }
    Ok(())
}

/// Checks that a source can be read with its mapping and prints its streams
/// with their columns.
///
/// # Errors
/// What a person must correct.
pub async fn check(config: &Config, name: &str) -> anyhow::Result<()> {
    let source = named(config, name)?;
    source.check().await?;
    for stream in source.discover().await? {
        writeln!(std::io::stdout(), "{}\t{}", stream.name, stream.columns.join(", "))?;
    }
    Ok(())
}

/// Prints what a source holds, one log value a line, without storing it.
///
/// # Errors
/// If it cannot be read.
pub async fn print(config: &Config, name: &str) -> anyhow::Result<()> {
    let source = named(config, name)?;
    for stream in source.discover().await? {
        let mut cursor = None;
        loop {
            let batch = source.read(&stream.name, cursor, Timestamp::now()).await?;
            let mut out = std::io::stdout().lock();
            for value in &batch.records {
                out.write_all(&value.encode())?;
                out.write_all(b"\n")?;
            }
            if !batch.more {
                break;
            }
            cursor = Some(batch.cursor);
        }
    }
    Ok(())
}

/// Reads pull sources into the log, each in a task of its own.
#[derive(Clone)]
pub struct Pull {
    /// Where records go.
    pub log: Arc<dyn Log>,
    /// Where cursors are kept.
    pub cursors: PathBuf,
    /// What is counted.
    pub metrics: PullMetrics,
}

impl Pull {
    /// Reads `sources` until `shutdown`.
    ///
    /// # Errors
    /// If the folder of the cursors cannot be made.
    pub async fn run(self, sources: Vec<Arc<dyn Source>>, shutdown: CancellationToken) -> anyhow::Result<()> {
        std::fs::create_dir_all(&self.cursors).with_context(|| format!("create {}", self.cursors.display()))?;
        let mut tasks = JoinSet::new();
        for source in sources {
            tasks.spawn(self.clone().watch(source, shutdown.clone()));
        }
        while let Some(ended) = tasks.join_next().await {
            ended.context("reading a source panicked")?;
        }
        Ok(())
    }

    /// Reads one source again and again. An error is said once, until it changes.
    async fn watch(self, source: Arc<dyn Source>, shutdown: CancellationToken) {
        let mut pause = POLL;
        let mut said = String::new();
        while !shutdown.is_cancelled() {
            match self.drain(&*source, &shutdown).await {
                Ok(()) => {
                    pause = POLL;
                    said.clear();
                }
                Err(error) => {
                    let error = format!("{error:#}");
                    self.metrics.errors.with_label_values(&[source.name()]).inc();
                    if error != said {
                        tracing::error!(source = source.name(), error, "reading a source failed, it is tried again");
                        said = error;
                    }
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = shutdown.cancelled() => {}
            }
        }
    }

    /// Reads what is new in every stream of a source.
    async fn drain(&self, source: &dyn Source, shutdown: &CancellationToken) -> anyhow::Result<()> {
        for stream in source.discover().await? {
            let path = self.cursors.join(format!("{}.{}.json", source.name(), stream.name));
            let mut known = load(&path)?;
            while !shutdown.is_cancelled() {
                let batch = source.read(&stream.name, known.clone(), Timestamp::now()).await?;
                self.append(source.name(), &stream.name, &batch.records).await?;
                if known.as_ref() != Some(&batch.cursor) {
                    store(&path, &batch.cursor)?;
                }
                if !batch.more {
                    break;
                }
                known = Some(batch.cursor);
            }
        }
        Ok(())
    }

    async fn append(&self, source: &str, stream: &str, records: &[LogValue]) -> anyhow::Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        self.log.append(records.iter().map(entry).collect()).await?;
        self.metrics.observe(source, records);
        tracing::info!(source, stream, records = records.len(), "records read");
        Ok(())
    }
}

fn entry(value: &LogValue) -> Entry {
    let key = match value {
        LogValue::Record(record) => Bytes::from(record.partition_key()),
        LogValue::Failed(_) => Bytes::copy_from_slice(&value.dedup_key().0.to_be_bytes()),
    };
    Entry { key, value: Bytes::from(value.encode()) }
}

fn load(path: &Path) -> anyhow::Result<Option<Cursor>> {
    match std::fs::read(path) {
        Ok(text) => {
            let advice = || format!("{} is damaged: delete it to read the source again", path.display());
            Ok(Some(serde_json::from_slice(&text).with_context(advice)?))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("read {}", path.display())),
    }
}

/// Keeps a cursor; its records are durable already, so a lost one only reads them again.
fn store(path: &Path, cursor: &Cursor) -> anyhow::Result<()> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        bail!("no folder for {}", path.display())
    };
    crate::data_dir::write_durably(folder, &name.to_string_lossy(), &serde_json::to_vec(cursor)?, 0o600)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_time_zone_is_named_with_its_line() {
        let text = "sources:\n- name: crm\n  type: file\n  path: a.csv\n  record: identify\n  key: Id\n  timezone: Mars/Olympus";
        let config = Config::parse(text, "t.yaml").unwrap();
        let error = sources(&config).err().unwrap().to_string();
        assert!(error.starts_with("t.yaml:7: sources[0].timezone: "), "{error}");
        assert!(error.contains("Mars/Olympus"), "{error}");
    }
}
