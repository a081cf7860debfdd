//! What the types of a source's settings cannot say.

use crate::{FileSource, RecordType, Source, WebhookSource};

/// Whether a text matches `[a-z0-9_-]+`.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
}

type Checked = Result<(), (&'static str, String)>;

fn unless(ok: bool, key: &'static str, reason: &str) -> Checked {
    if ok { Ok(()) } else { Err((key, reason.to_owned())) }
}

/// Checks one source; the error is (key within it, reason).
pub(crate) fn validate_source(source: &Source) -> Checked {
    match source {
        Source::Http(http) => {
            let key_empty = http.write_key.as_ref().is_some_and(|key| key.expose().is_empty());
            unless(!key_empty, "write_key", "empty")
        }
        Source::File(file) => validate_file(file),
        Source::Sendgrid(sendgrid) => {
            unless(!sendgrid.public_key.trim().is_empty(), "public_key", "empty")?;
            validate_path(&sendgrid.path)
        }
        Source::Webhook(webhook) => validate_webhook(webhook),
    }
}

fn validate_file(file: &FileSource) -> Checked {
    unless(is_name(&file.stream), "stream", "not of the form [a-z0-9_-]+")?;
    unless(!file.key.is_empty(), "key", "empty: name the column of the row's own key")?;
    unless(file.delimiter.is_ascii(), "delimiter", "not an ASCII character")?;
    validate_record(file.record, file.event.is_some(), !file.properties.is_empty())?;
    let is_object = file.record == RecordType::Object;
    unless(!is_object || file.object.is_some(), "object", "needed for `record: object`")?;
    unless(is_object || file.object.is_none(), "object", "only for `record: object`")?;
    let kind_is_name = file.object.as_ref().is_none_or(|object| is_name(&object.kind));
    unless(kind_is_name, "object.type", "not of the form [a-z0-9_-]+")
}

/// Refuses a path that no request can have.
fn validate_path(path: &str) -> Checked {
    unless(path.starts_with('/'), "path", "does not start with /")?;
    let is_of_path = |c: char| c.is_ascii_graphic() && !"?#\"<>\\^`{|}".contains(c);
    unless(path.chars().all(is_of_path), "path", "holds what no path of a URL does: percent-encode it")
}

fn validate_webhook(webhook: &WebhookSource) -> Checked {
    let mapping = &webhook.mapping;
    let keys = !webhook.secrets.is_empty() && webhook.secrets.iter().all(|key| !key.expose().is_empty());
    unless(keys, "secret", "needed, and not empty: a webhook without a signature is refused")?;
    validate_path(&webhook.path)?;
    let is_person = matches!(mapping.record, RecordType::Identify | RecordType::Track);
    unless(is_person, "record", "neither `identify` nor `track`")?;
    validate_record(mapping.record, mapping.event.is_some(), !mapping.properties.is_empty())?;
    for (key, pointer) in
        [("explode", &mapping.explode), ("message_id", &mapping.message_id), ("timestamp", &mapping.timestamp)]
    {
        let is_pointer = pointer.as_ref().is_none_or(|pointer| pointer.starts_with('/'));
        unless(is_pointer, key, "no JSON pointer: it does not start with /")?;
    }
    Ok(())
}

/// An event has a name and properties, and nothing else has.
fn validate_record(record: RecordType, has_event: bool, has_properties: bool) -> Checked {
    let is_track = record == RecordType::Track;
    unless(!is_track || has_event, "event", "needed for `record: track`")?;
    unless(is_track || !has_event, "event", "only for `record: track`")?;
    unless(is_track || !has_properties, "properties", "only for `record: track`")
}
