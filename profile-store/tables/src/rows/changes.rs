//! Rows of `profile_changes`: the history of the partition into profiles.

use super::columns::{texts, times};
use crate::{Error, Result, TableName};
use arrow::array::RecordBatch;
use tributary_state::ProfileChange;

pub(crate) fn to_rows(rows: &[ProfileChange]) -> Result<RecordBatch> {
    let text = |pick: fn(&ProfileChange) -> &str| texts(rows.iter().map(|row| Some(pick(row))));
    let columns = vec![
        text(|row| &row.change),
        texts(rows.iter().map(|row| Some(row.profile_id.to_string()))),
        texts(rows.iter().map(|row| row.other_profile_id.map(|id| id.to_string()))),
        text(|row| &row.cause),
        text(|row| &row.edges),
        times(rows.iter().map(|row| Some(row.changed_at))),
    ];
    RecordBatch::try_new(TableName::ProfileChanges.schema(), columns).map_err(Error::rows(TableName::ProfileChanges))
}
