//! Rows of Parquet files, through Arrow's JSON form.

use super::{BATCH_ROWS, End, Opened, Position, Rows, Values};
use crate::{Error, Result};
use arrow::json::ArrayWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::File;
use tributary_protocol::Json;

fn builder(opened: &Opened) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    ParquetRecordBatchReaderBuilder::try_new(opened.file()?).map_err(|error| unreadable(opened, &error))
}

fn unreadable(opened: &Opened, error: &dyn std::error::Error) -> Error {
    Error::Format { path: opened.path().to_owned(), reason: error.to_string() }
}

/// Columns of the file's schema.
pub(crate) fn columns(opened: &Opened) -> Result<Vec<String>> {
    Ok(builder(opened)?.schema().fields().iter().map(|field| field.name().clone()).collect())
}

/// Reads the next rows.
pub(crate) fn read(opened: &Opened, mut position: Position) -> Result<Rows> {
    let skip = usize::try_from(position.rows).unwrap_or(usize::MAX);
    let builder = builder(opened)?.with_batch_size(BATCH_ROWS).with_offset(skip).with_limit(BATCH_ROWS);
    let mut writer = ArrayWriter::new(Vec::new());
    for batch in builder.build().map_err(|error| unreadable(opened, &error))? {
        let batch = batch.map_err(|error| unreadable(opened, &error))?;
        writer.write(&batch).map_err(|error| unreadable(opened, &error))?;
    }
    writer.finish().map_err(|error| unreadable(opened, &error))?;
    let bytes = writer.into_inner();
    let rows: Vec<Json> = if bytes.is_empty() {
        Vec::new()
    } else {
        serde_json::from_slice(&bytes).map_err(|error| unreadable(opened, &error))?
    };
    let first = position.rows + 1;
    if rows.len() < BATCH_ROWS {
        position.end = End::Reached;
    }
    position.rows += rows.len() as u64;
    let row = |(number, values): (u64, Json)| Ok(Values { place: format!("row {number}"), values });
    Ok(Rows { rows: (first..).zip(rows).map(row).collect(), position })
}
