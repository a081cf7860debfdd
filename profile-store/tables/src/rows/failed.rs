//! Rows of `failed_events`: what was received and could not be understood, bytes and all.

use super::columns::{Columns, Positions, texts, times};
use crate::{Error, Result, TableName};
use arrow::array::{Array as _, BinaryArray, RecordBatch};
use std::sync::Arc;
use tributary_protocol::FailedEvent;

/// Lays out failed events of a partition, each with its offset.
pub(crate) fn to_rows(partition: u32, failed: &[(u64, &FailedEvent)]) -> Result<RecordBatch> {
    let text = |pick: fn(&FailedEvent) -> &str| texts(failed.iter().map(|(_, failed)| Some(pick(failed))));
    let payloads: BinaryArray = failed.iter().map(|(_, failed)| Some(failed.payload.as_slice())).collect();
    let [partitions, offsets] = Positions::build(partition, failed.iter().map(|(offset, _)| *offset));
    let columns = vec![
        text(|failed| &failed.source),
        text(|failed| &failed.reason),
        text(|failed| &failed.message),
        Arc::new(payloads),
        times(failed.iter().map(|(_, failed)| Some(failed.received_at))),
        partitions,
        offsets,
    ];
    RecordBatch::try_new(TableName::FailedEvents.schema(), columns).map_err(Error::rows(TableName::FailedEvents))
}

/// Reads rows back: partition, offset and failed event of each.
pub(crate) fn from_rows(batch: &RecordBatch) -> Result<Vec<(u32, u64, FailedEvent)>, String> {
    let columns = Columns(batch);
    let positions = columns.positions()?;
    let (source, reason, message) = (columns.texts("source")?, columns.texts("reason")?, columns.texts("message")?);
    let (payload, received_at) = (columns.bytes("payload")?, columns.times("received_at")?);
    let row = |row| {
        let (partition, offset) = positions.get(row)?;
        let failed = FailedEvent {
            source: source.required(row)?.to_owned(),
            reason: reason.required(row)?.to_owned(),
            message: message.required(row)?.to_owned(),
            payload: if payload.is_valid(row) { payload.value(row).to_vec() } else { Vec::new() },
            received_at: received_at.required(row)?,
        };
        Ok((partition, offset, failed))
    };
    (0..batch.num_rows()).map(row).collect()
}
