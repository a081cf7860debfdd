//! Parquet: every plain type as canonical text, structures field by field.

use super::{Sink, cell_text};
use crate::progress::Progress;
use crate::{Error, Result};
use arrow::array::{Array, ArrayRef, AsArray as _, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, TimeUnit};
use arrow::error::ArrowError;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// Rows of a batch.
const BATCH_ROWS: usize = 8192;
/// Integers up to this are exact in a 64-bit float.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Reads a Parquet file; columns that hold no plain values, such as lists, are left out, which is noted.
pub(crate) fn read(path: &Path, file: File, name: &str, sink: &mut impl Sink) -> Result<()> {
    let damaged = |error: &dyn std::fmt::Display| Error::format(path, format!("not readable as Parquet: {error}"));
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| damaged(&error))?;
    let mut leaves = Vec::new();
    for (root, field) in builder.schema().fields().iter().enumerate() {
        take_apart(&mut leaves, Leaf::of(root, field));
    }
    let names: Vec<String> = leaves.iter().map(|leaf| leaf.name.clone()).collect();
    if let Some(column) = names.iter().enumerate().find(|(place, name)| names[..*place].contains(name)) {
        return Err(Error::RepeatedColumn { path: path.to_owned(), column: column.1.clone() });
    }
    let mut wanted = sink.header(&names)?;
    for (wanted, leaf) in wanted.iter_mut().zip(&leaves).filter(|(wanted, _)| **wanted) {
        if !is_plain(&leaf.data_type) {
            *wanted = false;
            sink.note(format!("{name}: column {:?} is {}, which is not read", leaf.name, leaf.data_type));
        }
    }
    let places: Vec<(usize, Leaf)> = leaves.into_iter().enumerate().filter(|(place, _)| wanted[*place]).collect();
    let rows = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or_default();
    let progress = Progress::begin(format!("read {name}"), rows);
    let mask = ProjectionMask::roots(builder.parquet_schema(), places.iter().map(|(_, leaf)| leaf.root));
    let reader = builder.with_projection(mask).with_batch_size(BATCH_ROWS).build().map_err(|error| damaged(&error))?;
    let mut first_row = 0;
    for batch in reader {
        let batch = batch.map_err(|error| damaged(&error))?;
        take_batch(&batch, &places, first_row, sink).map_err(|error| match error {
            Stopped::Arrow(error) => damaged(&error),
            Stopped::Sink(error) => error,
        })?;
        first_row += batch.num_rows();
        progress.reached(first_row as u64);
    }
    progress.end();
    Ok(())
}

/// What ends the reading of a batch.
enum Stopped {
    Arrow(ArrowError),
    Sink(Error),
}

impl From<ArrowError> for Stopped {
    fn from(error: ArrowError) -> Self {
        Self::Arrow(error)
    }
}

/// A column to read: one of the file, or a field of a structure in one.
struct Leaf {
    /// `address.street` for the field `street` of the column `address`.
    name: String,
    /// Place of the column in the file.
    root: usize,
    /// Places of the fields that lead to it, from the column on.
    within: Vec<usize>,
    data_type: DataType,
}

impl Leaf {
    fn of(root: usize, field: &Field) -> Self {
        Self { name: field.name().clone(), root, within: Vec::new(), data_type: field.data_type().clone() }
    }

    /// The values of a batch, whose columns are those of `roots`, sorted.
    fn array(&self, batch: &RecordBatch, roots: &[usize]) -> ArrayRef {
        let column = roots.partition_point(|&root| root < self.root);
        let root = Arc::clone(batch.column(column));
        self.within.iter().fold(root, |array, &field| Arc::clone(array.as_struct().column(field)))
    }
}

/// Adds a column, a structure as its fields.
fn take_apart(leaves: &mut Vec<Leaf>, leaf: Leaf) {
    let DataType::Struct(fields) = &leaf.data_type else { return leaves.push(leaf) };
    for (place, field) in fields.iter().enumerate() {
        let name = format!("{}.{}", leaf.name, field.name());
        let within = leaf.within.iter().copied().chain([place]).collect();
        take_apart(leaves, Leaf { name, root: leaf.root, within, data_type: field.data_type().clone() });
    }
}

type Places<'a> = &'a [(usize, Leaf)];

fn take_batch(batch: &RecordBatch, places: Places, first_row: usize, sink: &mut impl Sink) -> Result<(), Stopped> {
    let mut roots: Vec<usize> = places.iter().map(|(_, leaf)| leaf.root).collect();
    roots.dedup();
    for (column, leaf) in places {
        let texts = texts(&leaf.array(batch, &roots))?;
        for (row, text) in texts.iter().enumerate() {
            sink.cell(*column, first_row + row, cell_text(text.unwrap_or_default())).map_err(Stopped::Sink)?;
        }
    }
    sink.batch_end().map_err(Stopped::Sink)
}

fn is_plain(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_plain(values),
        other => {
            other.is_numeric()
                || matches!(
                    other,
                    DataType::Utf8
                        | DataType::LargeUtf8
                        | DataType::Utf8View
                        | DataType::Boolean
                        | DataType::Date32
                        | DataType::Date64
                        | DataType::Timestamp(..)
                        | DataType::Null
                )
        }
    }
}

/// Canonical texts: whole floats without a fraction, dates as `YYYY-MM-DD`,
/// midnight timestamps as their date.
fn texts(array: &ArrayRef) -> Result<StringArray, ArrowError> {
    match array.data_type() {
        DataType::Dictionary(_, values) => texts(&cast(array, values)?),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => {
            let floats = cast(array, &DataType::Float64)?;
            Ok(floats.as_primitive::<Float64Type>().iter().map(|value| value.and_then(float_text)).collect())
        }
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => {
            let texts = cast(array, &DataType::Utf8)?;
            Ok(texts.as_string::<i32>().iter().map(|text| text.map(whole)).collect())
        }
        DataType::Date64 => texts(&cast(array, &DataType::Date32)?),
        DataType::Timestamp(unit, _) => {
            let counts = cast(array, &DataType::Int64)?;
            let text = |count: i64| timestamp_text(count, *unit);
            Ok(counts.as_primitive::<Int64Type>().iter().map(|count| count.and_then(text)).collect())
        }
        _ => Ok(cast(array, &DataType::Utf8)?.as_string::<i32>().clone()),
    }
}

fn float_text(value: f64) -> Option<String> {
    if !value.is_finite() {
        return None;
    }
    Some(if value.fract() == 0.0 && value.abs() < EXACT { format!("{value:.0}") } else { value.to_string() })
}

/// A decimal without a fraction of zeros.
fn whole(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

fn timestamp_text(count: i64, unit: TimeUnit) -> Option<String> {
    let timestamp = match unit {
        TimeUnit::Second => jiff::Timestamp::from_second(count),
        TimeUnit::Millisecond => jiff::Timestamp::from_millisecond(count),
        TimeUnit::Microsecond => jiff::Timestamp::from_microsecond(count),
        TimeUnit::Nanosecond => jiff::Timestamp::from_nanosecond(i128::from(count)),
    };
    let text = timestamp.ok()?.to_string();
    Some(text.strip_suffix("T00:00:00Z").map_or(text.clone(), str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array, Int64Array, ListArray, StructArray,
        TimestampMillisecondArray,
    };
    use arrow::datatypes::Int32Type;
    use parquet::arrow::ArrowWriter;

    #[test]
    fn every_plain_type_has_one_text() {
        let check = |array: ArrayRef, expected: &[Option<&str>]| {
            assert_eq!(texts(&array).unwrap().iter().collect::<Vec<_>>(), expected);
        };
        check(Arc::new(Int64Array::from(vec![Some(7), None])), &[Some("7"), None]);
        check(Arc::new(Float64Array::from(vec![90210.0, 1.5, f64::NAN])), &[Some("90210"), Some("1.5"), None]);
        check(Arc::new(Date32Array::from(vec![0, -1])), &[Some("1970-01-01"), Some("1969-12-31")]);
        let times = TimestampMillisecondArray::from(vec![0, 1_000]).with_timezone("Europe/Paris");
        check(Arc::new(times), &[Some("1970-01-01"), Some("1970-01-01T00:00:01Z")]);
        let decimals = Decimal128Array::from(vec![12_300, 12_345]).with_precision_and_scale(9, 2).unwrap();
        check(Arc::new(decimals), &[Some("123"), Some("123.45")]);
        check(Arc::new(BooleanArray::from(vec![true])), &[Some("true")]);
        let coded: DictionaryArray<Int32Type> = vec![Some("b"), None, Some("b")].into_iter().collect();
        check(Arc::new(coded), &[Some("b"), None, Some("b")]);
    }

    /// Keeps the cells of every column.
    #[derive(Default)]
    struct Kept {
        names: Vec<String>,
        cells: Vec<(String, usize, String)>,
        notes: Vec<String>,
    }

    impl Sink for Kept {
        fn header(&mut self, names: &[String]) -> Result<Vec<bool>> {
            self.names = names.to_vec();
            Ok(vec![true; names.len()])
        }

        fn cell(&mut self, column: usize, row: usize, text: &str) -> Result<()> {
            self.cells.push((self.names[column].clone(), row, text.to_owned()));
            Ok(())
        }

        fn note(&mut self, text: String) {
            self.notes.push(text);
        }
    }

    #[test]
    fn structures_are_read_field_by_field() {
        let field = |name: &str| Arc::new(Field::new(name, DataType::Utf8, true));
        let text = |texts: [Option<&str>; 2]| Arc::new(StringArray::from(texts.to_vec())) as ArrayRef;
        let place = StructArray::from(vec![
            (field("city"), text([Some("Ulm"), None])),
            (field("zip"), text([Some("89073"), Some("1")])),
        ]);
        let inner = Arc::new(Field::new("place", place.data_type().clone(), true));
        let address =
            StructArray::from(vec![(inner, Arc::new(place) as ArrayRef), (field("street"), text([None, Some("B 2")]))]);
        let tags = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1)]), None]);
        let columns = [
            ("id", text([Some("a"), Some("b")])),
            ("address", Arc::new(address) as ArrayRef),
            ("tags", Arc::new(tags) as ArrayRef),
            ("name", text([Some("Ann"), Some("Bo")])),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.parquet");
        let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();

        let mut kept = Kept::default();
        read(&path, File::open(&path).unwrap(), "p.parquet", &mut kept).unwrap();
        assert_eq!(kept.names, ["id", "address.place.city", "address.place.zip", "address.street", "tags", "name"]);
        let of = |row: usize| kept.cells.iter().filter(move |cell| cell.1 == row).map(|cell| cell.2.as_str());
        assert_eq!(of(0).collect::<Vec<_>>(), ["a", "Ulm", "89073", "", "Ann"]);
        assert_eq!(of(1).collect::<Vec<_>>(), ["b", "", "1", "B 2", "Bo"]);
        assert_eq!(kept.notes.len(), 1, "a list is not read: {:?}", kept.notes);
    }
}
