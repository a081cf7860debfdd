//! JSON texts: the envelope around events, and the texts and numbers in them.

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// What stands around the events of a batch, and the write key of any body.
/// The events themselves are left as text. Of repeated keys the last counts.
#[derive(Debug, Default)]
pub(crate) struct Envelope<'a> {
    /// `batch`.
    pub(crate) batch: Option<Vec<&'a RawValue>>,
    /// `context`.
    pub(crate) context: Option<&'a RawValue>,
    /// `integrations`.
    pub(crate) integrations: Option<&'a RawValue>,
    /// `sentAt`.
    pub(crate) sent_at: Option<&'a RawValue>,
    /// `timestamp`.
    pub(crate) timestamp: Option<&'a RawValue>,
    /// `writeKey`, else `api_key`.
    pub(crate) write_key: Option<String>,
}

impl<'a> Envelope<'a> {
    /// Reads `text`, which must be one JSON object.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn parse(text: &'a str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Envelope<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EnvelopeVisitor(std::marker::PhantomData))
    }
}

struct EnvelopeVisitor<'a>(std::marker::PhantomData<&'a ()>);

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum Field {
    Batch,
    Context,
    Integrations,
    #[serde(alias = "sent_at")]
    SentAt,
    Timestamp,
    WriteKey,
    #[serde(rename = "api_key")]
    ApiKey,
    #[serde(other)]
    Other,
}

impl<'de: 'a, 'a> Visitor<'de> for EnvelopeVisitor<'a> {
    type Value = Envelope<'a>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut envelope = Envelope::default();
        let mut api_key = None;
        while let Some(field) = map.next_key::<Field>()? {
            match field {
                Field::Batch => envelope.batch = map.next_value()?,
                Field::Context => envelope.context = Some(map.next_value()?),
                Field::Integrations => envelope.integrations = Some(map.next_value()?),
                Field::SentAt => envelope.sent_at = Some(map.next_value()?),
                Field::Timestamp => envelope.timestamp = Some(map.next_value()?),
                Field::WriteKey => envelope.write_key = key_text(map.next_value()?),
                Field::ApiKey => api_key = key_text(map.next_value()?),
                Field::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        envelope.write_key = envelope.write_key.or(api_key);
        Ok(envelope)
    }
}

fn key_text(raw: &RawValue) -> Option<String> {
    text(raw.get()).filter(|key| !key.is_empty()).map(Cow::into_owned)
}

/// Returns what a JSON text says; none if it is no text.
pub(crate) fn text(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.as_bytes().contains(&b'\\') {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str(json).ok().map(Cow::Owned)
}

/// Returns what a JSON text or number says; an integer with all its digits.
pub(crate) fn text_or_number(json: &str) -> Option<Cow<'_, str>> {
    match json.as_bytes().first()? {
        b'"' => text(json),
        b'-' | b'0'..=b'9' if json.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit()) => {
            Some(Cow::Borrowed(json))
        }
        b'-' | b'0'..=b'9' => {
            serde_json::from_str::<serde_json::Number>(json).ok().map(|number| number.to_string().into())
        }
        _ => None,
    }
}

/// Says whether a JSON text is an empty list: PHP writes an empty map so.
pub(crate) fn is_empty_list(json: &str) -> bool {
    let inner = json.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inner.is_some_and(|inner| inner.trim_ascii().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_envelope_keeps_events_as_text() {
        let text = r#"{"batch":[ {"a":1,"a":2} ,1e999,"\ud800"],"x":[[]],"sentAt":null,"writeKey":"a","writeKey":"k"}"#;
        let envelope = Envelope::parse(text).unwrap();
        let items: Vec<&str> = envelope.batch.unwrap().iter().map(|item| item.get()).collect();
        assert_eq!(items, [r#"{"a":1,"a":2}"#, "1e999", r#""\ud800""#]);
        assert_eq!(envelope.write_key.as_deref(), Some("k"));
    }

    #[test]
    fn what_is_no_envelope_is_an_error() {
        let wrong = ["", "[]", "1", "null", r#""{}""#, "{", r#"{"batch":1}"#, r#"{"batch":[NaN]}"#, "{} {}"];
        let deep = format!(r#"{{"x":{}"#, "[".repeat(200_000));
        for text in wrong.into_iter().chain([&*deep]) {
            assert!(Envelope::parse(text).is_err(), "{text:.40}");
        }
    }

    #[test]
    fn the_write_key_is_a_text() {
        for (text, expected) in [
            (r#"{"api_key":"p"}"#, Some("p")),
            (r#"{"api_key":"p","writeKey":"w"}"#, Some("w")),
            (r#"{"writeKey":7,"api_key":"p"}"#, Some("p")),
            (r#"{"writeKey":""}"#, None),
            (r#"{"writeKey":null}"#, None),
        ] {
            assert_eq!(Envelope::parse(text).unwrap().write_key.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn ids_keep_their_digits() {
        for (json, expected) in [
            (r#""a\u0041""#, Some("aA")),
            (r#""a b""#, Some("a b")),
            ("42", Some("42")),
            ("-7", Some("-7")),
            ("12345678901234567890123", Some("12345678901234567890123")),
            ("1.50", Some("1.5")),
            ("1e3", Some("1000.0")),
            ("null", None),
            ("true", None),
            ("{}", None),
            ("", None),
        ] {
            assert_eq!(text_or_number(json).as_deref(), expected, "{json}");
        }
    }
}
