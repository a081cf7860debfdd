//! Rows of `profiles`: the golden record, whole as JSON and laid out as one
//! nullable column per trait.
//!
//! A column's name is the folded trait name; where that is one of ours it gets
//! `trait_` before it. A value that does not fit the column's type is null
//! there and whole in `traits`.

use super::columns::{Columns, json_texts, plain_text, texts, times};
use crate::name::time_type;
use crate::{Error, Result, TableName, TableSettings, TraitType};
use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, TimestampMicrosecondArray,
};
use arrow::compute::kernels::cast_utils::Parser as _;
use arrow::datatypes::{DataType, Date32Type, Field, Schema, SchemaRef};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tributary_protocol::Timestamp;
use tributary_state::ProfileRow;
use uuid::Uuid;

/// The columns that tell which row it is.
pub(crate) const KEY: &[&str] = &["profile_id"];

const OWN: [&str; 5] = ["profile_id", "identifiers", "created_at", "updated_at", "traits"];
const PREFIX: &str = "trait_";
/// Longest name of a column, in bytes.
const NAME_BYTES_MAX: usize = 128;
const MICROS_PER_DAY: i64 = 86_400_000_000;

/// The traits that have a column.
#[derive(Clone, Debug)]
pub(crate) struct TraitColumns {
    settings: TableSettings,
    /// Data type of each by trait name.
    known: BTreeMap<String, DataType>,
    /// Traits that found no place, or cannot be a name.
    left_out: BTreeSet<String>,
}

impl TraitColumns {
    /// Takes over the columns that the table has.
    pub(crate) fn new(settings: &TableSettings, schema: &Schema) -> Self {
        let traits = schema.fields().iter().filter(|field| !OWN.contains(&field.name().as_str()));
        let known = traits.map(|field| (trait_of(field.name()), field.data_type().clone())).collect();
        Self { settings: settings.clone(), known, left_out: BTreeSet::new() }
    }

    /// The table's columns: its own, then the traits by name.
    pub(crate) fn schema(&self) -> SchemaRef {
        let mut fields: Vec<Field> =
            TableName::Profiles.schema().fields().iter().map(|field| (**field).clone()).collect();
        let mut traits: Vec<Field> =
            self.known.iter().map(|(name, kind)| Field::new(column_of(name), kind.clone(), true)).collect();
        traits.sort_by(|one, other| one.name().cmp(other.name()));
        fields.extend(traits);
        Arc::new(Schema::new(fields))
    }

    /// Traits without a column.
    pub(crate) fn left_out(&self) -> usize {
        self.left_out.len()
    }

    /// Makes columns of traits seen for the first time, while there is room.
    fn learn(&mut self, rows: &[ProfileRow]) {
        let seen = rows.iter().flat_map(|row| row.traits.iter()).filter(|(_, value)| !value.is_null());
        let new: BTreeSet<&String> =
            seen.map(|(name, _)| name).filter(|name| !self.known.contains_key(*name)).collect();
        for name in new {
            let room = OWN.len() + self.known.len() < self.settings.columns_max;
            if room && is_column_name(name) {
                self.known.insert(name.clone(), data_type(self.settings.trait_type(name)));
            } else {
                self.left_out.insert(name.clone());
            }
        }
    }

    /// Lays out rows; their traits become columns.
    pub(crate) fn lay_out(&mut self, rows: &[ProfileRow]) -> Result<RecordBatch> {
        self.learn(rows);
        let schema = self.schema();
        let mut columns: Vec<ArrayRef> = vec![
            texts(rows.iter().map(|row| Some(row.profile_id.to_string()))),
            json_texts(rows.iter().map(|row| &row.identifiers)),
            times(rows.iter().map(|row| Some(row.created_at))),
            times(rows.iter().map(|row| Some(row.updated_at))),
            json_texts(rows.iter().map(|row| &row.traits)),
        ];
        for field in &schema.fields()[OWN.len()..] {
            let name = trait_of(field.name());
            let values = rows.iter().map(|row| row.traits.get(&name).filter(|value| !value.is_null()));
            columns.push(trait_column(field.data_type(), values));
        }
        RecordBatch::try_new(schema, columns).map_err(Error::rows(TableName::Profiles))
    }
}

/// The key of each row, as the state has it.
pub(crate) fn keys(batch: &RecordBatch) -> Result<Vec<u128>, String> {
    let ids = Columns(batch).texts("profile_id")?;
    let key = |row| {
        let id = ids.required(row)?;
        Uuid::parse_str(id).map(|id| id.as_u128()).map_err(|error| format!("profile_id of row {row}: {error}"))
    };
    (0..batch.num_rows()).map(key).collect()
}

/// The column of a trait: its name, with one `trait_` more if without any it is ours.
fn column_of(name: &str) -> String {
    if is_ours(name) { format!("{PREFIX}{name}") } else { name.to_owned() }
}

fn trait_of(column: &str) -> String {
    let bare = if is_ours(column) { column.strip_prefix(PREFIX).unwrap_or(column) } else { column };
    bare.to_owned()
}

fn is_ours(name: &str) -> bool {
    OWN.contains(&name.trim_start_matches(PREFIX))
}

/// Delta allows no spaces and punctuation in names, and compares them without case.
fn is_column_name(name: &str) -> bool {
    let allowed = |c: char| c == '_' || (c.is_alphanumeric() && !c.is_uppercase());
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.chars().all(allowed)
}

fn data_type(kind: TraitType) -> DataType {
    match kind {
        TraitType::String => DataType::Utf8,
        TraitType::Integer => DataType::Int64,
        TraitType::Float => DataType::Float64,
        TraitType::Boolean => DataType::Boolean,
        TraitType::Timestamp => time_type(),
        TraitType::Date => DataType::Date32,
    }
}

/// A trait's values as a column; what does not fit is null.
fn trait_column<'v>(kind: &DataType, values: impl Iterator<Item = Option<&'v Value>>) -> ArrayRef {
    match kind {
        DataType::Int64 => Arc::new(values.map(|value| integer(value?)).collect::<Int64Array>()),
        DataType::Float64 => Arc::new(values.map(|value| float(value?)).collect::<Float64Array>()),
        DataType::Boolean => Arc::new(values.map(|value| boolean(value?)).collect::<BooleanArray>()),
        DataType::Date32 => Arc::new(values.map(|value| date(value?)).collect::<Date32Array>()),
        DataType::Timestamp(..) => {
            let micros = values.map(|value| Some(Timestamp::from_json(value?)?.0));
            Arc::new(micros.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
        }
        _ => texts(values.map(|value| plain_text(value?))),
    }
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => text.trim().to_ascii_lowercase().parse().ok(),
        _ => None,
    }
}

/// Days since 1970-01-01 of a date, or of the midnight of a time. Birthdays
/// lie before 1970, where no client time is believed, so dates are read here.
fn date(value: &Value) -> Option<i32> {
    let text = value.as_str()?.trim();
    let day = text.get(..10).unwrap_or(text);
    match Date32Type::parse(day) {
        Some(days) => Some(days),
        None => i32::try_from(Timestamp::from_json(value)?.0.div_euclid(MICROS_PER_DAY)).ok(),
    }
}
