//! The Parquet files of a table: written durably, measured, read again.

use crate::steady::SteadyFile;
use crate::store::sync_folder;
use crate::{Error, Result, TableName};
use arrow::array::{Array as _, ArrayRef, AsArray as _, BooleanArray, Int64Array, RecordBatch, StructArray};
use arrow::compute::{cast, max, min};
use arrow::datatypes::{DataType, Field, Fields, Int64Type, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReaderBuilder, RowSelection};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;

/// Rows of a row group: small enough to prune by, large enough to compress.
const ROW_GROUP_ROWS: usize = 128 << 10;
/// Rows read at once.
const READ_ROWS: usize = 8 << 10;
/// Times outside 1970-2100 are not measured: other readers may not know them.
const MEASURED_MICROS: std::ops::Range<i64> = 0..4_102_444_800_000_000;

/// A file that no version of the table refers to yet.
#[derive(Debug)]
pub(crate) struct NewFile {
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) rows: u64,
    pub(crate) measures: StructArray,
}

/// Writes one file.
pub(crate) struct FileWriter {
    table: TableName,
    name: String,
    path: PathBuf,
    writer: ArrowWriter<SteadyFile>,
    measures: Measures,
    unfinished: Unfinished,
}

/// Removes a file that is not finished: on a full disk, every try would leave one more.
struct Unfinished(Option<PathBuf>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl FileWriter {
    pub(crate) fn create(folder: &Path, table: TableName, schema: &SchemaRef) -> Result<Self> {
        let name = format!("part-{}.parquet", Uuid::new_v4());
        let path = folder.join(&name);
        let file = File::create_new(&path).map_err(Error::file("create", &path))?;
        let unfinished = Unfinished(Some(path.clone()));
        let compression = Compression::ZSTD(ZstdLevel::try_new(1).unwrap_or_default());
        let properties = WriterProperties::builder()
            .set_compression(compression)
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .set_created_by("tributary".to_owned())
            .build();
        let writer = ArrowWriter::try_new(SteadyFile::new(file), Arc::clone(schema), Some(properties))
            .map_err(|error| Error::damaged(&path, error))?;
        Ok(Self { table, name, path, writer, measures: Measures::new(table), unfinished })
    }

    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.measures.add(batch).map_err(Error::rows(self.table))?;
        self.writer.write(batch).map_err(|error| write_error(&self.path, error))
    }

    /// Bytes so far, those that are still in memory counted as they will be.
    pub(crate) fn bytes(&self) -> u64 {
        (self.writer.bytes_written() + self.writer.in_progress_size()) as u64
    }

    pub(crate) fn rows(&self) -> u64 {
        self.measures.rows
    }

    /// Finishes the file and makes it durable.
    pub(crate) fn finish(mut self) -> Result<NewFile> {
        let path = self.path;
        let file = self.writer.into_inner().map_err(|error| write_error(&path, error))?.into_inner();
        let size = file.sync_all().and_then(|()| file.metadata()).map_err(Error::file("sync", &path))?.len();
        let folder = path.parent().unwrap_or(&path);
        sync_folder(folder).map_err(Error::file("sync", folder))?;
        let rows = self.measures.rows;
        let measures = self.measures.finish().map_err(Error::rows(self.table))?;
        self.unfinished.0 = None;
        Ok(NewFile { name: self.name, size, rows, measures })
    }
}

/// Full disks show as an error of the writer that wraps the system's.
fn write_error(path: &Path, error: parquet::errors::ParquetError) -> Error {
    Error::File { action: "write", path: path.to_owned(), source: std::io::Error::other(error) }
}

/// Writes rows of one schema as one file.
pub(crate) fn write_file(
    folder: &Path,
    table: TableName,
    schema: &SchemaRef,
    batches: &[RecordBatch],
) -> Result<NewFile> {
    let mut writer = FileWriter::create(folder, table, schema)?;
    batches.iter().try_for_each(|batch| writer.write(batch))?;
    writer.finish()
}

/// Least and greatest values of the columns that may be in the log.
struct Measures {
    rows: u64,
    columns: Vec<Measure>,
}

struct Measure {
    name: &'static str,
    kind: Option<DataType>,
    range: Option<(i64, i64)>,
    nulls: i64,
}

impl Measures {
    fn new(table: TableName) -> Self {
        let measure = |&name: &&'static str| Measure { name, kind: None, range: None, nulls: 0 };
        Self { rows: 0, columns: table.measured().iter().map(measure).collect() }
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<(), arrow::error::ArrowError> {
        self.rows += batch.num_rows() as u64;
        for measure in &mut self.columns {
            let Some(column) = batch.column_by_name(measure.name) else { continue };
            measure.kind = Some(column.data_type().clone());
            measure.nulls += i64::try_from(column.null_count()).unwrap_or(i64::MAX);
            let numbers = cast(column, &DataType::Int64)?;
            let numbers = numbers.as_primitive::<Int64Type>();
            if let (Some(least), Some(greatest)) = (min(numbers), max(numbers)) {
                let (low, high) = measure.range.unwrap_or((least, greatest));
                measure.range = Some((least.min(low), greatest.max(high)));
            }
        }
        Ok(())
    }

    /// The row that the log takes as statistics.
    fn finish(self) -> Result<StructArray, arrow::error::ArrowError> {
        let mut nulls: Vec<(Field, ArrayRef)> = Vec::new();
        let mut least: Vec<(Field, ArrayRef)> = Vec::new();
        let mut greatest: Vec<(Field, ArrayRef)> = Vec::new();
        for Measure { name, kind, range, nulls: count } in self.columns {
            let Some(kind) = kind else { continue };
            nulls.push((Field::new(name, DataType::Int64, true), number(count)));
            let Some((low, high)) = range else { continue };
            let is_time = matches!(kind, DataType::Timestamp(..));
            if is_time && !(MEASURED_MICROS.contains(&low) && MEASURED_MICROS.contains(&high)) {
                continue;
            }
            least.push((Field::new(name, kind.clone(), true), cast(&number(low), &kind)?));
            greatest.push((Field::new(name, kind.clone(), true), cast(&number(high), &kind)?));
        }
        let rows = number(i64::try_from(self.rows).unwrap_or(i64::MAX));
        let parts: [(&str, ArrayRef); 5] = [
            ("numRecords", rows),
            ("nullCount", Arc::new(one_row(nulls))),
            ("minValues", Arc::new(one_row(least))),
            ("maxValues", Arc::new(one_row(greatest))),
            ("tightBounds", Arc::new(BooleanArray::from(vec![true]))),
        ];
        let field = |(name, column): (&str, ArrayRef)| (Field::new(name, column.data_type().clone(), true), column);
        Ok(one_row(parts.into_iter().map(field).collect()))
    }
}

fn number(value: i64) -> ArrayRef {
    Arc::new(Int64Array::from(vec![value]))
}

fn one_row(columns: Vec<(Field, ArrayRef)>) -> StructArray {
    if columns.is_empty() {
        return StructArray::new_empty_fields(1, None);
    }
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
    StructArray::new(Fields::from(fields), arrays, None)
}

/// Rows of a file as they are read; what cannot be read names the file.
pub(crate) struct FileReader {
    path: PathBuf,
    reader: parquet::arrow::arrow_reader::ParquetRecordBatchReader,
}

impl FileReader {
    /// Reads all columns, or those named; all rows, or those selected.
    pub(crate) fn open(path: &Path, columns: Option<&[&str]>, selection: Option<RowSelection>) -> Result<Self> {
        let damaged = |error: parquet::errors::ParquetError| Error::damaged(path, error);
        let file = File::open(path).map_err(Error::file("open", path))?;
        let mut builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(damaged)?.with_batch_size(READ_ROWS);
        if let Some(names) = columns {
            let mask = ProjectionMask::columns(builder.parquet_schema(), names.iter().copied());
            builder = builder.with_projection(mask);
        }
        if let Some(selection) = selection {
            builder = builder.with_row_selection(selection);
        }
        Ok(Self { path: path.to_owned(), reader: builder.build().map_err(damaged)? })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Iterator for FileReader {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.reader.next()?.map_err(|error| Error::damaged(&self.path, error)))
    }
}
