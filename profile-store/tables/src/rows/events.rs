//! Rows of `events`: one per accepted record. `Record -> row -> Record` is the identity.

use super::columns::{Column, Columns, Positions, json_texts, sorted_json, texts, times};
use crate::{Error, Result, TableName};
use arrow::array::{ArrayRef, RecordBatch};
use tributary_protocol::{Identifier, JsonText, Object, Record, RecordKind, Timestamp, Timestamps};

/// Lays out records of a partition, each with its offset.
///
/// # Errors
/// [`Error::Rows`] if the columns do not fit the table: a mistake in this program.
pub fn events_to_rows(partition: u32, records: &[(u64, &Record)]) -> Result<RecordBatch> {
    let text = |pick: fn(&Record) -> Option<&str>| texts(records.iter().map(|(_, record)| pick(record)));
    let print = |print: fn(&Record) -> Option<String>| texts(records.iter().map(|(_, record)| print(record)));
    let json = |pick: fn(&Record) -> &JsonText| texts(records.iter().map(|(_, record)| Some(pick(record).as_str())));
    let time =
        |pick: fn(&Timestamps) -> Option<Timestamp>| times(records.iter().map(|(_, record)| pick(&record.timestamps)));
    let [partitions, offsets] = Positions::build(partition, records.iter().map(|(offset, _)| *offset));
    let columns: Vec<ArrayRef> = vec![
        text(|record| Some(&record.message_id)),
        text(|record| Some(&record.source)),
        text(|record| Some(record.kind.as_str())),
        text(|record| record.event.as_deref()),
        text(|record| record.user_id.as_deref()),
        text(|record| record.anonymous_id.as_deref()),
        text(|record| record.group_id.as_deref()),
        text(|record| record.previous_id.as_deref()),
        json_texts(records.iter().map(|(_, record)| &record.identifiers)),
        time(|times| Some(times.timestamp)),
        time(|times| times.original_timestamp),
        time(|times| times.sent_at),
        time(|times| Some(times.received_at)),
        json(|record| &record.properties),
        json_texts(records.iter().map(|(_, record)| &record.traits)),
        json(|record| &record.context),
        json(|record| &record.consent),
        print(|record| record.node.as_ref().map(ToString::to_string)),
        partitions,
        offsets,
        print(|record| record.object.as_ref().map(sorted_json)),
    ];
    RecordBatch::try_new(TableName::Events.schema(), columns).map_err(Error::rows(TableName::Events))
}

/// Reads rows of `events` back: partition, offset and record of each.
///
/// # Errors
/// What is wrong with the rows, as text.
pub fn rows_to_events(batch: &RecordBatch) -> Result<Vec<(u32, u64, Record)>, String> {
    let columns = Columns(batch);
    let positions = columns.positions()?;
    let reader = Reader::new(&columns)?;
    let row = |row| {
        let (partition, offset) = positions.get(row)?;
        Ok((partition, offset, reader.record(row)?))
    };
    (0..batch.num_rows()).map(row).collect()
}

struct Reader<'b> {
    texts: [super::columns::Texts<'b>; 15],
    times: [super::columns::Times<'b>; 4],
}

impl<'b> Reader<'b> {
    fn new(columns: &Columns<'b>) -> Column<Self> {
        Ok(Self {
            texts: [
                columns.texts("message_id")?,
                columns.texts("source")?,
                columns.texts("type")?,
                columns.texts("event")?,
                columns.texts("user_id")?,
                columns.texts("anonymous_id")?,
                columns.texts("group_id")?,
                columns.texts("previous_id")?,
                columns.texts("identifiers")?,
                columns.texts("properties")?,
                columns.texts("traits")?,
                columns.texts("context")?,
                columns.texts("consent")?,
                columns.texts("node")?,
                columns.texts("object")?,
            ],
            times: [
                columns.times("timestamp")?,
                columns.times("original_timestamp")?,
                columns.times("sent_at")?,
                columns.times("received_at")?,
            ],
        })
    }

    fn record(&self, row: usize) -> Column<Record> {
        let [message_id, source, kind, event, user_id, anonymous_id, group_id, previous_id, identifiers, rest @ ..] =
            &self.texts;
        let [properties, traits, context, consent, node, object] = rest;
        let [timestamp, original_timestamp, sent_at, received_at] = &self.times;
        let source = source.required(row)?.to_owned();
        let identifiers: Vec<Identifier> = identifiers.json(row)?;
        let kind = kind.required(row)?.parse::<RecordKind>().map_err(|error| error.to_string())?;
        Ok(Record {
            message_id: message_id.required(row)?.to_owned(),
            kind,
            timestamps: Timestamps {
                timestamp: timestamp.required(row)?,
                original_timestamp: original_timestamp.get(row),
                sent_at: sent_at.get(row),
                received_at: received_at.required(row)?,
            },
            user_id: user_id.owned(row),
            anonymous_id: anonymous_id.owned(row),
            group_id: group_id.owned(row),
            previous_id: previous_id.owned(row),
            node: node.get(row).and_then(|node| owner(&source, &identifiers, node)),
            identifiers,
            event: event.owned(row),
            properties: properties.json(row)?,
            traits: traits.json(row)?,
            context: context.json(row)?,
            consent: consent.json(row)?,
            object: object.json::<Option<Object>>(row)?,
            source,
        })
    }
}

/// The owner whose text is `node`. `kind:value` can be cut in several places;
/// the owner is one of the record's identifiers, and the rule that chose it
/// tells which.
fn owner(source: &str, identifiers: &[Identifier], node: &str) -> Option<Identifier> {
    let is_it = |identifier: &Identifier| {
        let rest = node.strip_prefix(identifier.kind.as_str()).and_then(|rest| rest.strip_prefix(':'));
        rest == Some(identifier.value.as_str())
    };
    let chosen = Record::owner(source, identifiers).filter(is_it);
    let held = || identifiers.iter().find(|identifier| is_it(identifier)).cloned();
    let cut = || {
        let is_source = |first: &str| first == source;
        let (first, rest) = node.split_once(':')?;
        let (kind, value) = match rest.split_once(':').filter(|_| is_source(first)) {
            Some((stream, value)) => (format!("{first}:{stream}"), value),
            None => (first.to_owned(), rest),
        };
        Some(Identifier { kind, value: value.to_owned() })
    };
    chosen.or_else(held).or_else(cut)
}
