//! A row as a record, by the mapping of the configuration.

use super::{BrokenRow, Values};
use crate::record::{Draft, scalar_text, set_traits};
use crate::{Error, Result};
use jiff::tz::TimeZone;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use tributary_config::{FileSource, RecordType};
use tributary_protocol::{Identifier, Json, Object, Record, RecordKind, Timestamp, canonical_json, hash128};

/// Key of what we add to a record's context.
const OUR_CONTEXT: &str = "tributary";

/// The mapping of one file.
pub(crate) struct Mapping {
    settings: FileSource,
    zone: TimeZone,
}

impl Mapping {
    pub fn new(settings: &FileSource) -> Result<Self> {
        let zone = TimeZone::get(&settings.timezone).map_err(|error| Error::Setting {
            source_name: settings.name.clone(),
            key: "timezone",
            reason: error.to_string(),
        })?;
        Ok(Self { settings: settings.clone(), zone })
    }

    /// Refuses a mapping that names a column the file has not, or has twice.
    pub fn check(&self, path: &Path, columns: &[String]) -> Result<()> {
        let settings = &self.settings;
        let object =
            settings.object.iter().flat_map(|object| object.fields.values().chain(object.associations.values()));
        let maps =
            [&settings.identifiers, &settings.traits, &settings.properties].into_iter().flat_map(BTreeMap::values);
        let named = std::iter::once(&settings.key).chain(&settings.timestamp).chain(maps).chain(object);
        let count = |column: &String| columns.iter().filter(|name| *name == column).count();
        match named.into_iter().map(|column| (column, count(column))).find(|(_, count)| *count != 1) {
            None => Ok(()),
            Some((column, 0)) => {
                Err(Error::Column { path: path.to_owned(), column: column.clone(), columns: columns.to_vec() })
            }
            Some((column, count)) => {
                let reason = format!("{count} columns are called {column:?}: rename all but one");
                Err(Error::Format { path: path.to_owned(), reason })
            }
        }
    }

    /// Maps a row; one without a key is broken.
    pub fn record(&self, row: Values, received_at: Timestamp) -> Result<Record, BrokenRow> {
        let settings = &self.settings;
        let Values { place, values: row } = row;
        let content = canonical_json(&Value::Object(row.clone()));
        let key = text(&row, &settings.key).map(|key| key.trim().to_owned()).filter(|key| !key.is_empty());
        let Some(key) = key else {
            let message = format!("{place}: no key in column {:?}", settings.key);
            return Err(BrokenRow { message, payload: content.into_bytes() });
        };
        let given = settings.timestamp.as_ref().and_then(|column| text(&row, column));
        let happened_at = given.as_ref().and_then(|text| Timestamp::parse_in(text, &self.zone));
        let hash = hash128(&[settings.stream.as_bytes(), key.as_bytes(), content.as_bytes()]);
        let draft = Draft {
            kind: self.kind(),
            message_id: format!("{hash:032x}"),
            received_at,
            happened_at,
            identifiers: self.identifiers(&row, &key),
        };
        let mut record = draft.into_record(&settings.name);
        if happened_at.is_none()
            && let Some(unreadable) = given
        {
            record.context.insert(OUR_CONTEXT, serde_json::json!({ "unreadable_timestamp": unreadable }));
        }
        set_traits(&mut record, pick(&row, &settings.traits));
        record.properties = pick(&row, &settings.properties).into();
        match settings.record {
            RecordType::Track => record.event.clone_from(&settings.event),
            RecordType::Object => record.object = self.object(row, key),
            RecordType::Identify | RecordType::Group => {}
        }
        Ok(record)
    }

    fn kind(&self) -> RecordKind {
        match self.settings.record {
            RecordType::Identify => RecordKind::Identify,
            RecordType::Track => RecordKind::Track,
            RecordType::Group => RecordKind::Group,
            RecordType::Object => RecordKind::Object,
        }
    }

    /// The mapped identifiers; a person's own key, `<source>:<stream>`, is one
    /// too, a company's is its group id. An event or a deal is nobody.
    fn identifiers(&self, row: &Json, key: &str) -> Vec<(String, String)> {
        let settings = &self.settings;
        let mapped = settings.identifiers.iter().filter_map(|(kind, column)| Some((kind.clone(), text(row, column)?)));
        let own = match settings.record {
            RecordType::Identify => Some((format!("{}:{}", settings.name, settings.stream), key.to_owned())),
            RecordType::Group => Some(("group_id".to_owned(), key.to_owned())),
            RecordType::Track | RecordType::Object => None,
        };
        mapped.chain(own).collect()
    }

    fn object(&self, row: Json, id: String) -> Option<Object> {
        let settings = self.settings.object.as_ref()?;
        let of = |(kind, column): (&String, &String)| Identifier::new(kind, &text(&row, column)?);
        let mut associations: Vec<_> = settings.associations.iter().filter_map(of).collect();
        associations.sort();
        let fields = if settings.fields.is_empty() { row } else { pick(&row, &settings.fields) };
        let fields = fields.into_iter().filter(|(_, value)| !value.is_null()).collect();
        Some(Object { kind: settings.kind.clone(), id, fields, associations, deleted: false })
    }
}

fn text(row: &Json, column: &str) -> Option<String> {
    row.get(column).and_then(scalar_text)
}

/// Values by name; an empty cell says nothing.
fn pick(row: &Json, columns: &BTreeMap<String, String>) -> Json {
    let value = |column: &String| row.get(column).filter(|value| !value.is_null()).cloned();
    columns.iter().filter_map(|(name, column)| Some((name.clone(), value(column)?))).collect()
}
