//! Writes clusters and pairs, as Parquet or CSV by the end of the name. A file
//! appears under its name when it is whole.

use crate::input::Input;
use crate::{Error, Result};
use arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::fs::File;
use std::io::BufWriter;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tributary_resolve::matching::Outcome;

/// Rows written at a time.
const BATCH_ROWS: usize = 65_536;

/// Refuses a name that says no format, or is in no folder, before anything is computed.
pub(crate) fn check_name(path: &Path) -> Result<()> {
    if !path.extension().is_some_and(|extension| extension == "csv" || extension == "parquet") {
        return Err(Error::Usage { reason: format!("{}: call the output .parquet or .csv", path.display()) });
    }
    check_folder(path)
}

/// Refuses an output that is in no folder: hours of matching would be in vain.
pub(crate) fn check_folder(path: &Path) -> Result<()> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        None => Ok(()),
        Some(folder) => {
            let reason = format!("write {}: there is no folder {}: make it first", path.display(), folder.display());
            Err(Error::Usage { reason })
        }
    }
}

/// Writes the profile of each record, in the order of the input.
pub(crate) fn write_clusters(path: &Path, input: &Input, outcome: &Outcome) -> Result<()> {
    write(path, input.keys.len(), |rows| {
        let mut columns = vec![
            texts("record_key", rows.clone().map(|row| input.keys.get(row))),
            texts("profile_id", rows.clone().map(|row| profile_id(input, outcome.clusters[row]))),
            floats("probability", rows.clone().map(|row| outcome.probabilities[row])),
        ];
        if input.sources.len() > 1 {
            columns.push(texts("source", rows.map(|row| input.source(row))));
        }
        columns
    })
}

/// Writes every scored pair, in the order of the input.
pub(crate) fn write_pairs(path: &Path, input: &Input, outcome: &Outcome) -> Result<()> {
    let pairs = &outcome.pairs;
    write(path, pairs.len(), |range| {
        let of = |range: Range<usize>| pairs[range].iter();
        let mut columns = vec![
            texts("record_key_l", of(range.clone()).map(|pair| input.keys.get(pair.one as usize))),
            texts("record_key_r", of(range.clone()).map(|pair| input.keys.get(pair.other as usize))),
            floats("match_weight", of(range.clone()).map(|pair| pair.score.match_weight())),
            floats("match_probability", of(range.clone()).map(|pair| pair.score.match_probability())),
        ];
        if input.sources.len() > 1 {
            columns.push(texts("source_l", of(range.clone()).map(|pair| input.source(pair.one as usize))));
            columns.push(texts("source_r", of(range).map(|pair| input.source(pair.other as usize))));
        }
        columns
    })
}

/// A profile is named by the member whose key has the least hash: the same
/// members have the same name in any order of rows.
fn profile_id(input: &Input, cluster: u32) -> String {
    format!("{:016x}", input.record_hash(cluster as usize))
}

type Named = (&'static str, ArrayRef);

fn texts<T: AsRef<str>>(name: &'static str, values: impl Iterator<Item = T>) -> Named {
    (name, Arc::new(StringArray::from_iter_values(values)))
}

fn floats(name: &'static str, values: impl Iterator<Item = f64>) -> Named {
    (name, Arc::new(Float64Array::from_iter_values(values)))
}

/// Writes `rows` rows, which `columns` makes a range at a time.
fn write(path: &Path, rows: usize, columns: impl Fn(Range<usize>) -> Vec<Named>) -> Result<()> {
    let part = part_of(path);
    let file = BufWriter::new(File::create(&part).map_err(Error::write(path))?);
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| Error::Write {
        path: path.to_owned(),
        source: std::io::Error::other(source),
    };
    let batches = (0..rows).step_by(BATCH_ROWS).map(|start| columns(start..(start + BATCH_ROWS).min(rows)));
    if is_csv(path) {
        write_csv(file, &columns(0..0), batches).map_err(failed)?;
    } else {
        write_parquet(file, columns(0..0), batches).map_err(failed)?;
    }
    std::fs::rename(&part, path).map_err(Error::write(path))
}

type Outcomed = Result<(), Box<dyn std::error::Error + Send + Sync>>;

fn write_parquet(file: BufWriter<File>, empty: Vec<Named>, batches: impl Iterator<Item = Vec<Named>>) -> Outcomed {
    let zstd = Compression::ZSTD(ZstdLevel::default());
    let properties = WriterProperties::builder().set_compression(zstd).build();
    let schema = RecordBatch::try_from_iter(empty)?.schema();
    let mut writer = ArrowWriter::try_new(file, schema, Some(properties))?;
    for columns in batches {
        writer.write(&RecordBatch::try_from_iter(columns)?)?;
    }
    writer.close()?;
    Ok(())
}

fn write_csv(file: BufWriter<File>, empty: &[Named], batches: impl Iterator<Item = Vec<Named>>) -> Outcomed {
    let mut writer = csv::Writer::from_writer(file);
    writer.write_record(empty.iter().map(|(name, _)| name))?;
    for columns in batches {
        let texts: Vec<ArrayRef> =
            columns.iter().map(|(_, array)| cast(array, &DataType::Utf8)).collect::<Result<_, _>>()?;
        for row in 0..texts.first().map_or(0, Array::len) {
            writer.write_record(texts.iter().map(|array| array.as_string::<i32>().value(row)))?;
        }
    }
    writer.flush()?;
    Ok(())
}

fn is_csv(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "csv")
}

/// Where a file stands until it is whole.
fn part_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}
