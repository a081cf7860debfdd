//! The pull sources: what they read goes to the log, then their cursor is kept.

use anyhow::{Context as _, bail};
use bytes::Bytes;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tributary_config::{Config, Source as Configured};
use tributary_connectors::{Cursor, FileReader, Source};
use tributary_log::{Entry, Log};
use tributary_protocol::{LogValue, Timestamp};

/// How often a file that was read is looked at again.
const POLL: Duration = Duration::from_secs(2);

fn sources(config: &Config) -> anyhow::Result<Vec<Arc<dyn Source>>> {
    let mut sources: Vec<Arc<dyn Source>> = Vec::new();
    for source in &config.sources {
        if let Configured::File(file) = source {
            sources.push(Arc::new(FileReader::new(file)?));
        }
    }
    Ok(sources)
}

fn named(config: &Config, name: &str) -> anyhow::Result<Arc<dyn Source>> {
    let found = sources(config)?.into_iter().find(|source| source.name() == name);
    found.with_context(|| {
        format!("no pull source {name:?} in the configuration; `tributary source list` shows them all")
    })
}

/// Prints every source of a configuration: name and type.
pub fn list(config: &Config) {
    for source in &config.sources {
        println!("{}\t{}", source.name(), source.type_name());
    }
}

/// Checks that a source can be read with its mapping and prints its streams.
///
/// # Errors
/// What a person must correct.
pub async fn check(config: &Config, name: &str) -> anyhow::Result<()> {
    let source = named(config, name)?;
    source.check().await?;
    for stream in source.discover().await? {
        println!("{}\t{}", stream.name, stream.columns.join(", "));
    }
    Ok(())
}

/// Prints what a source holds, one record a line, without storing it.
///
/// # Errors
/// If it cannot be read.
pub async fn print(config: &Config, name: &str) -> anyhow::Result<()> {
    let source = named(config, name)?;
    for stream in source.discover().await? {
        let mut cursor = None;
        loop {
            let batch = source.read(&stream.name, cursor, Timestamp::now()).await?;
            for value in &batch.records {
                println!("{}", String::from_utf8_lossy(&value.encode()));
            }
            if !batch.more {
                break;
            }
            cursor = Some(batch.cursor);
        }
    }
    Ok(())
}

/// Reads all pull sources until `shutdown`; cursors are kept in `folder`.
///
/// # Errors
/// If a source is configured wrongly, or the log or a cursor cannot be written.
pub async fn run(
    config: Config,
    log: Arc<dyn Log>,
    folder: PathBuf,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let sources = sources(&config)?;
    while !shutdown.is_cancelled() && !sources.is_empty() {
        for source in &sources {
            if let Err(error) = drain(&**source, &*log, &folder, &shutdown).await {
                tracing::error!(
                    source = source.name(),
                    error = format!("{error:#}"),
                    "reading a source failed: it is tried again"
                );
            }
        }
        tokio::select! {
            () = tokio::time::sleep(POLL) => {}
            () = shutdown.cancelled() => {}
        }
    }
    Ok(())
}

/// Reads what is new in every stream of a source.
async fn drain(source: &dyn Source, log: &dyn Log, folder: &Path, shutdown: &CancellationToken) -> anyhow::Result<()> {
    for stream in source.discover().await? {
        let path = folder.join(format!("{}.{}.json", source.name(), stream.name));
        while !shutdown.is_cancelled() {
            let batch = source.read(&stream.name, load(&path)?, Timestamp::now()).await?;
            if !batch.records.is_empty() {
                tracing::info!(
                    source = source.name(),
                    stream = stream.name,
                    records = batch.records.len(),
                    "records read"
                );
            }
            log.append(batch.records.iter().map(entry).collect()).await?;
            store(&path, &batch.cursor)?;
            if !batch.more {
                break;
            }
        }
    }
    Ok(())
}

fn entry(value: &LogValue) -> Entry {
    let key = match value {
        LogValue::Record(record) => record.partition_key(),
        LogValue::Failed(failed) => failed.source.clone(),
    };
    Entry { key: Bytes::from(key), value: Bytes::from(value.encode()) }
}

fn load(path: &Path) -> anyhow::Result<Option<Cursor>> {
    match std::fs::read(path) {
        Ok(text) => Ok(Some(
            serde_json::from_slice(&text)
                .with_context(|| format!("{} is damaged: delete it to read the source again", path.display()))?,
        )),
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
