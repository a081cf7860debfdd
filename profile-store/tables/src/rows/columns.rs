//! Building and reading single columns.

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Int32Array, Int64Array, RecordBatch, StringArray, StringBuilder,
    TimestampMicrosecondArray, new_null_array,
};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;
use tributary_protocol::{Timestamp, canonical_json};

/// A text column.
pub(crate) fn texts<T: AsRef<str>>(values: impl IntoIterator<Item = Option<T>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<StringArray>())
}

/// A column of times.
pub(crate) fn times(values: impl IntoIterator<Item = Option<Timestamp>>) -> ArrayRef {
    let micros = values.into_iter().map(|time| time.map(|time| time.0));
    Arc::new(micros.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
}

/// JSON text with sorted keys.
///
/// # Panics
/// Never: the rows hold nothing that JSON cannot.
pub(crate) fn sorted_json(value: &impl Serialize) -> String {
    // By way of `Value`, whose maps are sorted: the fields of a struct are not.
    canonical_json(&serde_json::to_value(value).expect("a row's value is JSON"))
}

/// A column of values whose JSON text has its keys sorted as it is: maps, and
/// structs whose fields are declared in that order.
///
/// # Panics
/// Never: the rows hold nothing that JSON cannot, and JSON is UTF-8.
pub(crate) fn json_texts<T: Serialize>(values: impl IntoIterator<Item = T>) -> ArrayRef {
    let mut column = StringBuilder::new();
    let mut text = Vec::new();
    for value in values {
        text.clear();
        serde_json::to_writer(&mut text, &value).expect("a row's value is JSON");
        column.append_value(str::from_utf8(&text).expect("JSON is UTF-8"));
    }
    Arc::new(column.finish())
}

/// Lays a batch out by `schema`: columns it lacks are null.
pub(crate) fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    if batch.schema_ref() == schema {
        return Ok(batch.clone());
    }
    let rows = batch.num_rows();
    let column = |field: &arrow::datatypes::FieldRef| match batch.column_by_name(field.name()) {
        Some(column) if column.data_type() == field.data_type() => Ok(Arc::clone(column)),
        Some(column) => arrow::compute::cast(column, field.data_type()),
        None => Ok(new_null_array(field.data_type(), rows)),
    };
    let columns = schema.fields().iter().map(column).collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(Arc::clone(schema), columns)
}

/// The columns of a batch by name, for rows that are read again. What is
/// wrong is said as text: the caller knows the file.
pub(crate) struct Columns<'b>(pub(crate) &'b RecordBatch);

/// A column, or what is wrong with it.
pub(crate) type Column<T> = Result<T, String>;

impl<'b> Columns<'b> {
    fn get<A: Array + 'static>(&self, name: &str) -> Column<&'b A> {
        let column = self.0.column_by_name(name).ok_or_else(|| format!("the column {name} is missing"))?;
        let kind = column.data_type();
        column.as_any().downcast_ref().ok_or_else(|| format!("the column {name} has the type {kind}"))
    }

    pub(crate) fn texts(&self, name: &'static str) -> Column<Texts<'b>> {
        Ok(Texts { name, column: self.get(name)? })
    }

    pub(crate) fn times(&self, name: &'static str) -> Column<Times<'b>> {
        Ok(Times { name, column: self.get(name)? })
    }

    pub(crate) fn bytes(&self, name: &'static str) -> Column<&'b BinaryArray> {
        self.get(name)
    }

    pub(crate) fn positions(&self) -> Column<Positions<'b>> {
        Ok(Positions { partitions: self.get("log_partition")?, offsets: self.get("log_offset")? })
    }

    #[allow(dead_code, reason = "read by tests of the rows")]
    pub(crate) fn flags(&self, name: &str) -> Column<&'b BooleanArray> {
        self.get(name)
    }
}

/// A text column that is read.
pub(crate) struct Texts<'b> {
    name: &'static str,
    column: &'b StringArray,
}

impl<'b> Texts<'b> {
    pub(crate) fn get(&self, row: usize) -> Option<&'b str> {
        self.column.is_valid(row).then(|| self.column.value(row))
    }

    pub(crate) fn owned(&self, row: usize) -> Option<String> {
        self.get(row).map(str::to_owned)
    }

    pub(crate) fn required(&self, row: usize) -> Column<&'b str> {
        self.get(row).ok_or_else(|| format!("{} is null in row {row}", self.name))
    }

    /// Reads JSON; null is the default.
    pub(crate) fn json<T: serde::de::DeserializeOwned + Default>(&self, row: usize) -> Column<T> {
        let Some(text) = self.get(row) else { return Ok(T::default()) };
        serde_json::from_str(text)
            .map_err(|error| format!("{} of row {row} is not the JSON expected: {error}", self.name))
    }
}

/// A column of times that is read.
pub(crate) struct Times<'b> {
    name: &'static str,
    column: &'b TimestampMicrosecondArray,
}

impl Times<'_> {
    pub(crate) fn get(&self, row: usize) -> Option<Timestamp> {
        self.column.is_valid(row).then(|| Timestamp(self.column.value(row)))
    }

    pub(crate) fn required(&self, row: usize) -> Column<Timestamp> {
        self.get(row).ok_or_else(|| format!("{} is null in row {row}", self.name))
    }
}

/// The columns `log_partition` and `log_offset`.
pub(crate) struct Positions<'b> {
    partitions: &'b Int32Array,
    offsets: &'b Int64Array,
}

impl Positions<'_> {
    pub(crate) fn get(&self, row: usize) -> Column<(u32, u64)> {
        let partition = u32::try_from(self.partitions.value(row));
        let offset = u64::try_from(self.offsets.value(row));
        partition.ok().zip(offset.ok()).ok_or_else(|| format!("the log position of row {row} is negative"))
    }

    /// The two columns of rows that stand at `offsets` of `partition`.
    pub(crate) fn build(partition: u32, offsets: impl Iterator<Item = u64> + Clone) -> [ArrayRef; 2] {
        let partition = partition.cast_signed();
        let partitions: Int32Array = offsets.clone().map(|_| Some(partition)).collect();
        let offsets: Int64Array = offsets.map(|offset| Some(offset.cast_signed())).collect();
        [Arc::new(partitions), Arc::new(offsets)]
    }
}

/// Text of a JSON value in a text column: strings as they are, null as null.
pub(crate) fn plain_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(canonical_json(other)),
    }
}
