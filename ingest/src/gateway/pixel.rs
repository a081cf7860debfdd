//! One event in the query of an image.

use super::GatewayState;
use super::answer::Refusal;
use super::events::single_event;
use super::request::source_of;
use crate::write_key;
use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use serde_json::{Map, Value};
use tributary_protocol::{RecordKind, Timestamp};

/// A transparent GIF of one pixel.
const GIF: &[u8] =
    b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\0\0\0!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
/// Parts of a dotted name that become objects; the rest of the name is the last key.
const DOTS_MAX: usize = 8;

/// Takes `?writeKey=...&userId=...&event=...&properties.plan=pro`, or `?data=` with base64 of an event's JSON.
pub(crate) async fn receive(state: &GatewayState, head: &Parts, kind: RecordKind) -> Result<Response, Refusal> {
    let query = head.uri.query().unwrap_or_default();
    let received_at = Timestamp::now();
    let text = event_text(query);
    let key = write_key::of_head(&head.headers, query).or_else(|| crate::json::Envelope::parse(&text).ok()?.write_key);
    let source = source_of(state, key.as_deref())?;
    single_event(state, &source, head, Some(kind), &text, received_at).await?;
    let mut response = Response::new(Body::from(GIF));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("image/gif"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn event_text(query: &str) -> String {
    let mut event = Map::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if name == "data"
            && let Some(text) = encoded_text(&value)
        {
            return text;
        }
        if name != "writeKey" && name != "_" {
            insert(&mut event, &name, value.into_owned());
        }
    }
    Value::Object(event).to_string()
}

/// Decodes base64 of either alphabet, in which a plus may have become the space that it stands for in a query.
fn encoded_text(value: &str) -> Option<String> {
    let value = value.replace([' ', '-'], "+").replace('_', "/");
    String::from_utf8(write_key::decode_base64(&value)?).ok()
}

fn insert(event: &mut Map<String, Value>, dotted: &str, value: String) {
    let mut keys: Vec<&str> = dotted.splitn(DOTS_MAX, '.').collect();
    let Some(last) = keys.pop() else { return };
    let mut target = event;
    for key in keys {
        let inner = target.entry(key).or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(inner) = inner else { return };
        target = inner;
    }
    target.insert(last.to_owned(), Value::String(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, expected: &str) {
        assert_eq!(event_text(query), expected, "{query}");
    }

    #[test]
    fn a_query_becomes_an_event() {
        check("writeKey=k&_=1&userId=u+1&event=A%20B", r#"{"event":"A B","userId":"u 1"}"#);
        check("properties.a.b=1&properties.c=2", r#"{"properties":{"a":{"b":"1"},"c":"2"}}"#);
        check("a=1&a.b=2", r#"{"a":"1"}"#);
        check("data=eyJhIjoxfQ", r#"{"a":1}"#);
        for encoded in ["eyJhIjoiPz8%2FPj4%2BIn0=", "eyJhIjoiPz8/Pj4+In0=", "eyJhIjoiPz8_Pj4-In0"] {
            check(&format!("data={encoded}"), r#"{"a":"???>>>"}"#);
        }
        check("data=%25%25", r#"{"data":"%%"}"#);
        assert!(event_text(&"a.".repeat(30_000)).contains("a.a.a"));
    }
}
