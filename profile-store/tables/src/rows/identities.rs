//! Rows of `identities`: every identifier and its profile.

use super::columns::{Columns, texts};
use crate::{Error, Result, TableName};
use arrow::array::RecordBatch;
use tributary_protocol::Identifier;
use tributary_state::IdentityRow;

/// The columns that tell which row it is.
pub(crate) const KEY: &[&str] = &["kind", "value"];

pub(crate) fn to_rows(rows: &[IdentityRow]) -> Result<RecordBatch> {
    let text = |pick: fn(&IdentityRow) -> &str| texts(rows.iter().map(|row| Some(pick(row))));
    let profiles = texts(rows.iter().map(|row| Some(row.profile_id.to_string())));
    let columns = vec![text(|row| &row.node), text(|row| &row.kind), text(|row| &row.value), profiles];
    RecordBatch::try_new(TableName::Identities.schema(), columns).map_err(Error::rows(TableName::Identities))
}

/// The key of each row, as the state has it.
pub(crate) fn keys(batch: &RecordBatch) -> Result<Vec<u128>, String> {
    let columns = Columns(batch);
    let (kind, value) = (columns.texts("kind")?, columns.texts("value")?);
    let key = |row| {
        let identifier = Identifier { kind: kind.required(row)?.to_owned(), value: value.required(row)?.to_owned() };
        Ok(identifier.hash())
    };
    (0..batch.num_rows()).map(key).collect()
}
