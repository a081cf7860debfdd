//! `tributary sql` and `tributary segment`: on the running server if there is
//! one (fresh rows included), else on the committed tables.

use crate::client;
use crate::data_dir::running_server;
use crate::log_ends::{self, Ends};
use crate::settings::Settings;
use anyhow::{Context as _, bail};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use tributary_profile_store::Tables;
use tributary_profile_store::query::{Format, QueryEngine, QueryLimits, TableIds, write_result};
use tributary_profile_store::segment::Segment;

/// Runs a query and writes its result to standard output.
///
/// # Errors
/// If the query is refused or fails, or the folder cannot be read.
pub async fn sql(data_dir: &Path, query: &str, format: &str, limit: Option<usize>) -> anyhow::Result<()> {
    let bytes = if let Some(server) = running_server(data_dir).await? {
        client::sql(&server, query, format, limit).await?
    } else {
        let engine = offline_engine(data_dir).await?;
        let result = engine.sql(query, limit).await?;
        let mut bytes = Vec::new();
        write_result(&result, format.parse::<Format>()?, &mut bytes)?;
        bytes
    };
    let mut out = std::io::stdout().lock();
    Ok(out.write_all(&bytes).and_then(|()| out.flush())?)
}

/// Returns the number of profiles in the segment of `file`.
///
/// # Errors
/// If the file is no segment or the query fails.
pub async fn segment_count(data_dir: &Path, file: &Path) -> anyhow::Result<u64> {
    let (text, segment) = read_segment(file)?;
    match running_server(data_dir).await? {
        Some(server) => {
            let answer = client::segment(&server, "count", text).await?;
            answer["count"].as_u64().context("read the server's answer")
        }
        None => Ok(offline_engine(data_dir).await?.segment_count(&segment).await?),
    }
}

/// Returns the ids of the profiles in the segment of `file`, sorted.
///
/// # Errors
/// If the file is no segment or the query fails.
pub async fn segment_members(data_dir: &Path, file: &Path) -> anyhow::Result<Vec<String>> {
    let (text, segment) = read_segment(file)?;
    match running_server(data_dir).await? {
        Some(server) => {
            let mut answer = client::segment(&server, "members", text).await?;
            serde_json::from_value(answer["members"].take()).context("read the server's answer")
        }
        None => Ok(offline_engine(data_dir).await?.segment_members(&segment).await?),
    }
}

fn read_segment(file: &Path) -> anyhow::Result<(Vec<u8>, Segment)> {
    let text = std::fs::read(file).with_context(|| format!("read the segment {}", file.display()))?;
    let segment = Segment::from_slice(&text).with_context(|| format!("read the segment {}", file.display()))?;
    Ok((text, segment))
}

/// An engine over what is committed, with as much time as it takes.
async fn offline_engine(data_dir: &Path) -> anyhow::Result<QueryEngine> {
    let (folder, tables) = (data_dir.display(), data_dir.join("tables"));
    if !tables.is_dir() {
        bail!(
            "{folder} holds no tables: name the data folder with --data-dir, or start `tributary run --data-dir {folder}`"
        );
    }
    let (view, recorded) = Tables::committed(&tables).context("read the committed tables")?;
    say_lag(data_dir, &recorded);
    let ids = Arc::new(TableIds::read(&view).await?);
    let view = Arc::new(view);
    let limits = QueryLimits { time: None, ..Settings::query_limits()? };
    Ok(QueryEngine::new(Arc::new(move || Arc::clone(&view)), ids, limits)?)
}

/// Says on standard error how many records of the log the tables lack.
fn say_lag(data_dir: &Path, recorded: &[u64]) {
    let lag = match log_ends::read(data_dir) {
        Ok(Ends::Exact(ends)) => format!("lack {} log records", log_ends::lag(&ends, recorded)),
        Ok(Ends::AtLeast(ends)) => format!("lack at least {} log records", log_ends::lag(&ends, recorded)),
        Err(error) => format!("may lack log records: {error:#}"),
    };
    eprintln!("tributary: no server runs on {}: its committed tables are read, which {lag}", data_dir.display());
}
