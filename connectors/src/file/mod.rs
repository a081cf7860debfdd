//! The `file` source: each row of a CSV, JSON Lines or Parquet file counts once.
//!
//! ```text
//! file + cursor --> still the same beginning? --> rows behind the cursor, else all rows --> records
//! ```
//!
//! A row's message id is the hash of stream, key and content: a file that is
//! replaced is read again, and rows that it had before are duplicates.

mod csv_rows;
mod json_rows;
mod mapping;
mod opened;
#[cfg(feature = "parquet")]
mod parquet_rows;
mod position;
mod prefix;

use crate::{Batch, Cursor, Error, Result, Source, Stream};
use async_trait::async_trait;
use mapping::Mapping;
use opened::Opened;
use position::{End, Position};
use prefix::{Facts, Prefix};
use std::sync::Arc;
use tributary_config::{FileFormat, FileSource};
use tributary_protocol::{FailedEvent, Json, LogValue, Timestamp};

/// Most rows of a batch.
const BATCH_ROWS: usize = 2000;
/// Bytes of rows after which a batch ends.
const BATCH_BYTES: u64 = 4 << 20;
/// Most bytes of a row; a larger one is a broken row.
const ROW_BYTES_MAX: usize = 512 << 10;
/// Bytes that are kept of a row that is too large.
const PAYLOAD_BYTES_MAX: usize = 64 << 10;

/// One row, or why it is none and its bytes.
pub(crate) type Row = Result<Values, BrokenRow>;

/// The values of a row.
pub(crate) struct Values {
    /// Where it stands, for a person: `line 7`.
    place: String,
    values: Json,
}

/// A row that cannot be read.
pub(crate) struct BrokenRow {
    message: String,
    payload: Vec<u8>,
}

/// Rows read, and the position behind them.
pub(crate) struct Rows {
    rows: Vec<Row>,
    position: Position,
}

/// A file of rows.
#[derive(Clone)]
pub struct FileReader {
    settings: Arc<FileSource>,
    mapping: Arc<Mapping>,
}

impl FileReader {
    /// Checks the settings; the file may come later.
    ///
    /// # Errors
    /// [`Error::Setting`] if the time zone is unknown.
    pub fn new(settings: &FileSource) -> Result<Self> {
        Ok(Self { settings: Arc::new(settings.clone()), mapping: Arc::new(Mapping::new(settings)?) })
    }

    fn open(&self) -> Result<Opened> {
        Opened::new(&self.settings.path)
    }

    fn columns(&self, file: &Opened) -> Result<Vec<String>> {
        match self.settings.format {
            #[cfg(feature = "parquet")]
            Some(FileFormat::Parquet) => parquet_rows::columns(file),
            #[cfg(not(feature = "parquet"))]
            Some(FileFormat::Parquet) => self.without_parquet(),
            Some(FileFormat::Jsonl) => json_rows::columns(file),
            _ => csv_rows::columns(&self.settings, file),
        }
    }

    fn check_columns(&self, file: &Opened) -> Result<()> {
        let columns = self.columns(file)?;
        // JSON Lines have no header: a column may first come in a later row.
        if self.settings.format != Some(FileFormat::Jsonl) {
            self.mapping.check(&self.settings.path, &columns)?;
        }
        Ok(())
    }

    fn read_batch(&self, cursor: Option<Cursor>, received_at: Timestamp) -> Result<Batch> {
        let mut file = self.open()?;
        let grows = self.settings.format != Some(FileFormat::Parquet);
        let position = Position::at_start_of_read(&mut file, cursor, received_at.0, grows)?;
        self.read_at(&file, position, received_at)
    }

    fn read_at(&self, file: &Opened, position: Position, received_at: Timestamp) -> Result<Batch> {
        // A file without a byte is one that was just made.
        if position.end != End::Ahead || position.size() == 0 {
            return Ok(Batch { records: Vec::new(), cursor: position.into_cursor(), more: false });
        }
        self.check_columns(file)?;
        let Rows { rows, position } = match self.settings.format {
            #[cfg(feature = "parquet")]
            Some(FileFormat::Parquet) => parquet_rows::read(file, position)?,
            #[cfg(not(feature = "parquet"))]
            Some(FileFormat::Parquet) => self.without_parquet()?,
            Some(FileFormat::Jsonl) => json_rows::read(file, position)?,
            _ => csv_rows::read(&self.settings, file, position)?,
        };
        let records = rows.into_iter().map(|row| self.record(row, received_at)).collect();
        let position = position.behind_read(file)?;
        Ok(Batch { records, more: position.end == End::Ahead, cursor: position.into_cursor() })
    }

    #[cfg(not(feature = "parquet"))]
    fn without_parquet<T>(&self) -> Result<T> {
        let reason = "this program was built without Parquet".to_owned();
        Err(Error::Setting { source_name: self.settings.name.clone(), key: "format", reason })
    }

    fn record(&self, row: Row, received_at: Timestamp) -> LogValue {
        let mapped = row.and_then(|row| self.mapping.record(row, received_at));
        match mapped {
            Ok(record) => LogValue::Record(Box::new(record)),
            Err(BrokenRow { message, payload }) => LogValue::Failed(FailedEvent {
                source: self.settings.name.clone(),
                reason: "invalid".to_owned(),
                message,
                payload,
                received_at,
            }),
        }
    }
}

#[async_trait]
impl Source for FileReader {
    fn name(&self) -> &str {
        &self.settings.name
    }

    async fn check(&self) -> Result<()> {
        let reader = self.clone();
        blocking(move || reader.check_columns(&reader.open()?)).await
    }

    async fn discover(&self) -> Result<Vec<Stream>> {
        let reader = self.clone();
        let columns = blocking(move || reader.columns(&reader.open()?)).await?;
        Ok(vec![Stream { name: self.settings.stream.clone(), columns }])
    }

    async fn read(&self, stream: &str, cursor: Option<Cursor>, received_at: Timestamp) -> Result<Batch> {
        if stream != self.settings.stream {
            return Err(Error::Stream { stream: stream.to_owned() });
        }
        let reader = self.clone();
        blocking(move || reader.read_batch(cursor, received_at)).await
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let joined = tokio::task::spawn_blocking(work).await;
    joined.unwrap_or_else(|error| Err(Error::Internal { reason: error.to_string() }))
}

#[cfg(test)]
mod tests;
