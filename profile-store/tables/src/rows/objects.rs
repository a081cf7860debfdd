//! Rows of `objects`: the current snapshot of each thing with a life of its own.

use super::columns::{Columns, sorted_json, texts, times};
use crate::{Error, Result, TableName};
use arrow::array::{BooleanArray, RecordBatch};
use std::sync::Arc;
use tributary_protocol::hash128;
use tributary_state::ObjectRow;

/// The columns that tell which row it is.
pub(crate) const KEY: &[&str] = &["source", "type", "id"];

pub(crate) fn to_rows(rows: &[ObjectRow]) -> Result<RecordBatch> {
    let text = |pick: fn(&ObjectRow) -> &str| texts(rows.iter().map(|row| Some(pick(row))));
    let columns = vec![
        text(|row| &row.source),
        text(|row| &row.kind),
        text(|row| &row.id),
        texts(rows.iter().map(|row| Some(sorted_json(&row.fields)))),
        texts(rows.iter().map(|row| Some(sorted_json(&row.associations)))),
        Arc::new(rows.iter().map(|row| Some(row.deleted)).collect::<BooleanArray>()),
        times(rows.iter().map(|row| Some(row.updated_at))),
    ];
    RecordBatch::try_new(TableName::Objects.schema(), columns).map_err(Error::rows(TableName::Objects))
}

/// The key of each row, as the state has it.
pub(crate) fn keys(batch: &RecordBatch) -> Result<Vec<u128>, String> {
    let columns = Columns(batch);
    let (source, kind, id) = (columns.texts("source")?, columns.texts("type")?, columns.texts("id")?);
    let key = |row| {
        let parts = [source.required(row)?, kind.required(row)?, id.required(row)?];
        Ok(hash128(&parts.map(str::as_bytes)))
    };
    (0..batch.num_rows()).map(key).collect()
}
