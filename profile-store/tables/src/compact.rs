//! Compaction: small files are merged, and files with many dead rows rewritten
//! without them. The rows stay the same.

use crate::base::Base;
use crate::delta::{Change, StoredFile};
use crate::file::{FileReader, FileWriter};
use crate::rows::conform;
use crate::shown::FileId;
use crate::written::Written;
use crate::{Error, Result, TableSettings};
use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use roaring::RoaringTreemap;

/// Rewrites the files that need it most as one file; says whether there were any.
pub(crate) fn compact_one(table: &dyn Written) -> Result<bool> {
    let base = table.base();
    let files: Vec<(FileId, StoredFile)> =
        base.shown().files().iter().map(|(id, held)| (*id, held.stored.clone())).collect();
    let chosen = choose(base.settings(), &files);
    if chosen.is_empty() {
        return Ok(false);
    }
    tracing::debug!(table = %base.name, files = chosen.len(), "compaction begun");
    rewrite(table, &chosen)?;
    tracing::debug!(table = %base.name, "compaction ended");
    base.metrics.rewritten.inc_by(chosen.len() as u64);
    Ok(true)
}

/// The files to rewrite together, in their order.
fn choose<'f>(settings: &TableSettings, files: &'f [(FileId, StoredFile)]) -> Vec<&'f (FileId, StoredFile)> {
    let of =
        |wanted: &dyn Fn(&StoredFile) -> bool| -> Vec<_> { files.iter().filter(|(_, file)| wanted(file)).collect() };
    let worn = of(&|file| dead_share(file) > settings.dead_share_max);
    if !worn.is_empty() {
        return up_to(worn, settings.small_file_bytes);
    }
    let small = of(&|file| live_bytes(file) < settings.small_file_bytes);
    if small.len() >= settings.small_files.max(2) {
        return up_to(small, settings.small_file_bytes);
    }
    let vectors = of(&|file| file.vector.is_some());
    if vectors.len() > settings.vector_files_max {
        return up_to(vectors, settings.small_file_bytes);
    }
    Vec::new()
}

/// As many files as one file of `bytes` has room for, at least one.
fn up_to(files: Vec<&(FileId, StoredFile)>, bytes: u64) -> Vec<&(FileId, StoredFile)> {
    let mut sum = 0;
    let has_room = |(_, file): &&(FileId, StoredFile)| {
        let fits = sum < bytes;
        sum += live_bytes(file);
        fits
    };
    files.into_iter().take_while(has_room).collect()
}

#[allow(clippy::cast_precision_loss, reason = "a share need not be exact")]
fn dead_share(file: &StoredFile) -> f64 {
    file.dead.len() as f64 / (file.rows.max(1)) as f64
}

/// About the size of a file without its dead rows.
fn live_bytes(file: &StoredFile) -> u64 {
    let live = u128::from(file.rows.saturating_sub(file.dead.len()));
    u64::try_from(u128::from(file.size) * live / u128::from(file.rows.max(1))).unwrap_or(u64::MAX)
}

fn rewrite(table: &dyn Written, chosen: &[&(FileId, StoredFile)]) -> Result<()> {
    let base = table.base();
    let (folder, schema) = (base.delta().folder().to_owned(), base.shown().schema().clone());
    let mut writer = FileWriter::create(&folder, base.name, &schema)?;
    let mut keys = Vec::new();
    for (_, file) in chosen {
        let path = folder.join(&file.name);
        let mut next_row = 0;
        for batch in FileReader::open(&path, None, None)? {
            let batch = batch?;
            let live = live_rows(&batch, &file.dead, next_row).map_err(Error::rows(base.name))?;
            next_row += batch.num_rows() as u64;
            let live = conform(&live, &schema).map_err(Error::rows(base.name))?;
            keys.extend(table.keys(&live).map_err(|reason| Error::damaged(&path, reason))?);
            writer.write(&live)?;
        }
        if next_row != file.rows {
            return Err(Error::damaged(&path, format!("it has {next_row} rows, the log says {}", file.rows)));
        }
    }
    let rows = writer.rows();
    tracing::debug!(table = %base.name, files = chosen.len(), rows, bytes = writer.bytes(), "files rewritten");
    let file = writer.finish()?;
    let stored =
        StoredFile { name: file.name.clone(), size: file.size, rows, dead: RoaringTreemap::new(), vector: None };
    let removed = chosen.iter().map(|(_, file)| file.name.clone()).collect();
    let columns = missing_columns(base, &schema)?;
    base.commit(Change { added: vec![file], removed, rearranges: true, columns, ..Change::default() }, None)?;
    let ids: Vec<FileId> = chosen.iter().map(|(id, _)| *id).collect();
    table.exchange(&ids, stored, keys);
    Ok(())
}

/// Columns of rows in the tail that no commit has added yet.
fn missing_columns(base: &Base, schema: &arrow::datatypes::Schema) -> Result<Vec<arrow::datatypes::Field>> {
    let stored = base.delta().schema()?;
    let is_new = |field: &&arrow::datatypes::FieldRef| stored.column_with_name(field.name()).is_none();
    Ok(schema.fields().iter().filter(is_new).map(|field| (**field).clone()).collect())
}

/// The rows of a batch that are not dead; its first is row `first` of the file.
fn live_rows(batch: &RecordBatch, dead: &RoaringTreemap, first: u64) -> Result<RecordBatch, arrow::error::ArrowError> {
    if dead.range_cardinality(first..first + batch.num_rows() as u64) == 0 {
        return Ok(batch.clone());
    }
    let rows = (first..).take(batch.num_rows());
    filter_record_batch(batch, &rows.map(|row| Some(!dead.contains(row))).collect::<BooleanArray>())
}
