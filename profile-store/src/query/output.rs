//! The ways a result is written: a table for people, CSV, JSON, Parquet.
//!
//! Times are `...T...Z` with six decimals in all but Parquet; bytes are
//! hexadecimal; null is empty in CSV and in the table. JSON is one array with
//! an object per row.

use super::{
    engine::QueryResult,
    error::{Error, Result},
};
use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray, RecordBatch, StringArray},
        compute::cast,
        datatypes::{
            DataType, Field, Float32Type, Float64Type, Schema, TimeUnit, TimestampMicrosecondType,
            TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
        },
        error::ArrowError,
        util::{display::array_value_to_string, pretty::pretty_format_batches},
    },
    error::DataFusionError,
    parquet::arrow::ArrowWriter,
};
use serde_json::{Value, json};
use std::{
    io::{self, Write},
    str::FromStr,
    sync::Arc,
};
use tributary_protocol::Timestamp;

/// How a result is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Ruled columns for people.
    Table,
    /// A header line and comma-separated values.
    Csv,
    /// One array, an object per row.
    Json,
    /// A Parquet file.
    Parquet,
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "table" => Ok(Self::Table),
            "csv" => Ok(Self::Csv),
            "json" => Ok(Self::Json),
            "parquet" => Ok(Self::Parquet),
            _ => Err(Error::Format { name: name.to_owned() }),
        }
    }
}

/// Writes a result.
///
/// # Errors
/// [`Error::Write`] if `out` fails, [`Error::Compute`] if a value cannot be shown.
pub fn write_result(result: &QueryResult, format: Format, out: &mut dyn Write) -> Result<()> {
    match format {
        Format::Table => write_table(result, out),
        Format::Csv => write_csv(result, out),
        Format::Json => write_json(result, out),
        Format::Parquet => write_parquet(result, out),
    }
}

/// The columns as `[{"name","type"}]`.
fn columns_json(result: &QueryResult) -> Value {
    let column = |field: &Arc<Field>| json!({"name": field.name(), "type": type_name(field.data_type())});
    result.schema.fields().iter().map(column).collect()
}

/// The result as the API answers it: `{columns, rows, truncated}`, each row an
/// array in the order of the columns.
///
/// # Errors
/// [`Error::Compute`] if a value cannot be shown.
pub fn answer_json(result: &QueryResult) -> Result<Vec<u8>> {
    let mut out = format!("{{\"columns\":{},\"rows\":[", columns_json(result)).into_bytes();
    let mut separator = "[";
    for batch in &result.batches {
        for row in 0..batch.num_rows() {
            for column in batch.columns() {
                write!(out, "{separator}{}", value_at(column, row)?).map_err(Error::Write)?;
                separator = ",";
            }
            out.push(b']');
            separator = ",[";
        }
    }
    write!(out, "],\"truncated\":{}}}", result.truncated).map_err(Error::Write)?;
    Ok(out)
}

/// The SQL name of a column's type.
#[must_use]
pub fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Null => "NULL",
        DataType::Boolean => "BOOLEAN",
        DataType::Int8 => "TINYINT",
        DataType::Int16 => "SMALLINT",
        DataType::Int32 => "INTEGER",
        DataType::Int64 => "BIGINT",
        DataType::UInt8 => "TINYINT UNSIGNED",
        DataType::UInt16 => "SMALLINT UNSIGNED",
        DataType::UInt32 => "INTEGER UNSIGNED",
        DataType::UInt64 => "BIGINT UNSIGNED",
        DataType::Float16 | DataType::Float32 => "REAL",
        DataType::Float64 => "DOUBLE",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "VARCHAR",
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => "VARBINARY",
        DataType::Date32 | DataType::Date64 => "DATE",
        DataType::Timestamp(..) => "TIMESTAMP",
        DataType::Dictionary(_, values) => return type_name(values),
        other => return other.to_string().to_uppercase(),
    }
    .to_owned()
}

/// One value as JSON.
pub(crate) fn value_at(array: &ArrayRef, row: usize) -> Result<Value> {
    if array.is_null(row) {
        return Ok(Value::Null);
    }
    Ok(match array.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => array.as_boolean().value(row).into(),
        DataType::Float32 => f64::from(array.as_primitive::<Float32Type>().value(row)).into(),
        DataType::Float64 => array.as_primitive::<Float64Type>().value(row).into(),
        kind if kind.is_integer() => integer(&display(array, row)?),
        DataType::Dictionary(_, values) => value_at(&cast(&array.slice(row, 1), values).map_err(compute)?, 0)?,
        DataType::List(_) => items(&array.as_list::<i32>().value(row))?,
        DataType::LargeList(_) => items(&array.as_list::<i64>().value(row))?,
        DataType::FixedSizeList(..) => items(&array.as_fixed_size_list().value(row))?,
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            let entry = |(field, column): (&Arc<Field>, &ArrayRef)| Ok((field.name().clone(), value_at(column, row)?));
            Value::Object(fields.iter().zip(columns).map(entry).collect::<Result<_>>()?)
        }
        DataType::Timestamp(unit, _) => Timestamp(micros(array, *unit, row)).to_string().into(),
        _ => display(array, row)?.into(),
    })
}

/// One value as text; `None` for null.
fn text_at(array: &ArrayRef, row: usize) -> Result<Option<String>> {
    Ok(match array.data_type() {
        // Floats keep a decimal point: the text shows the type.
        DataType::Float32 | DataType::Float64 if array.is_valid(row) => Some(display(array, row)?),
        _ => match value_at(array, row)? {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => Some(other.to_string()),
        },
    })
}

fn items(array: &ArrayRef) -> Result<Value> {
    (0..array.len()).map(|row| value_at(array, row)).collect()
}

fn integer(text: &str) -> Value {
    let signed = text.parse::<i64>().map(Value::from);
    signed.or_else(|_| text.parse::<u64>().map(Value::from)).unwrap_or_else(|_| Value::from(text))
}

fn micros(array: &ArrayRef, unit: TimeUnit, row: usize) -> i64 {
    match unit {
        TimeUnit::Second => array.as_primitive::<TimestampSecondType>().value(row).saturating_mul(1_000_000),
        TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().value(row).saturating_mul(1000),
        TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().value(row),
        TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().value(row).div_euclid(1000),
    }
}

fn display(array: &ArrayRef, row: usize) -> Result<String> {
    array_value_to_string(array, row).map_err(compute)
}

fn compute(error: ArrowError) -> Error {
    Error::Compute(Box::new(DataFusionError::from(error)))
}

fn write_table(result: &QueryResult, out: &mut dyn Write) -> Result<()> {
    let fields = result.schema.fields().iter().map(|field| Field::new(field.name(), DataType::Utf8, true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let mut batches = vec![RecordBatch::new_empty(Arc::clone(&schema))];
    for batch in result.batches.iter().filter(|batch| batch.num_columns() > 0) {
        let texts = |column| (0..batch.num_rows()).map(|row| text_at(column, row)).collect::<Result<StringArray>>();
        let columns: Vec<ArrayRef> =
            batch.columns().iter().map(|column| Ok(Arc::new(texts(column)?) as _)).collect::<Result<_>>()?;
        batches.push(RecordBatch::try_new(Arc::clone(&schema), columns).map_err(compute)?);
    }
    let table = pretty_format_batches(&batches).map_err(compute)?;
    writeln!(out, "{table}").map_err(Error::Write)
}

fn write_csv(result: &QueryResult, out: &mut dyn Write) -> Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    let failed = |error: csv::Error| Error::Write(io::Error::from(error));
    writer.write_record(result.schema.fields().iter().map(|field| field.name())).map_err(failed)?;
    for batch in &result.batches {
        for row in 0..batch.num_rows() {
            let cells = batch.columns().iter().map(|column| Ok(text_at(column, row)?.unwrap_or_default()));
            writer.write_record(cells.collect::<Result<Vec<_>>>()?).map_err(failed)?;
        }
    }
    writer.flush().map_err(Error::Write)
}

fn write_json(result: &QueryResult, out: &mut dyn Write) -> Result<()> {
    let names: Vec<Value> = result.schema.fields().iter().map(|field| Value::from(field.name().as_str())).collect();
    let mut separator = "[\n";
    for batch in &result.batches {
        for row in 0..batch.num_rows() {
            let member = |(name, column)| Ok(format!("{name}:{}", value_at(column, row)?));
            let members = names.iter().zip(batch.columns()).map(member).collect::<Result<Vec<_>>>()?;
            write!(out, "{separator}{{{}}}", members.join(",")).map_err(Error::Write)?;
            separator = ",\n";
        }
    }
    let end = if separator == "[\n" { "[]\n" } else { "\n]\n" };
    out.write_all(end.as_bytes()).map_err(Error::Write)
}

fn write_parquet(result: &QueryResult, out: &mut dyn Write) -> Result<()> {
    let failed = |error| Error::Write(io::Error::other(error));
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, Arc::clone(&result.schema), None).map_err(failed)?;
    for batch in &result.batches {
        writer.write(batch).map_err(failed)?;
    }
    writer.close().map_err(failed)?;
    out.write_all(&bytes).map_err(Error::Write)
}
