//! Parquet: every plain type as canonical text.

use super::{Sink, cell_text};
use crate::progress::Progress;
use crate::{Error, Result};
use arrow::array::{Array, ArrayRef, AsArray as _, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit};
use arrow::error::ArrowError;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::File;
use std::path::Path;

/// Rows of a batch.
const BATCH_ROWS: usize = 8192;
/// Integers up to this are exact in a 64-bit float.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Reads a Parquet file; columns that hold no plain values are left out, which is noted.
pub(crate) fn read(path: &Path, file: File, name: &str, sink: &mut impl Sink) -> Result<()> {
    let damaged = |error: &dyn std::fmt::Display| Error::format(path, format!("not readable as Parquet: {error}"));
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| damaged(&error))?;
    let fields = builder.schema().fields().clone();
    let names: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
    if let Some(column) = names.iter().enumerate().find(|(place, name)| names[..*place].contains(name)) {
        return Err(Error::RepeatedColumn { path: path.to_owned(), column: column.1.clone() });
    }
    let mut wanted = sink.header(&names)?;
    for (wanted, field) in wanted.iter_mut().zip(&fields).filter(|(wanted, _)| **wanted) {
        if !is_plain(field.data_type()) {
            *wanted = false;
            sink.note(format!("{name}: column {:?} is {}, which is not read", field.name(), field.data_type()));
        }
    }
    let places: Vec<usize> = (0..names.len()).filter(|&place| wanted[place]).collect();
    let rows = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or_default();
    let progress = Progress::begin(format!("read {name}"), rows);
    let mask = ProjectionMask::roots(builder.parquet_schema(), places.iter().copied());
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

fn take_batch(batch: &RecordBatch, places: &[usize], first_row: usize, sink: &mut impl Sink) -> Result<(), Stopped> {
    for (array, &column) in batch.columns().iter().zip(places) {
        let texts = texts(array)?;
        for (row, text) in texts.iter().enumerate() {
            sink.cell(column, first_row + row, cell_text(text.unwrap_or_default())).map_err(Stopped::Sink)?;
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
        BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array, Int64Array,
        TimestampMillisecondArray,
    };
    use arrow::datatypes::Int32Type;
    use std::sync::Arc;

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
}
