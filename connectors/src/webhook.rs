//! Webhooks signed by the Standard Webhooks rules, mapped to records by JSON
//! pointers: HMAC-SHA256 over `id.timestamp.body`, any of several signatures
//! and any of several keys.
//!
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use crate::record::{Draft, scalar_text};
use crate::source::check_age;
use crate::{Error, Rejection, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use std::collections::BTreeMap;
use tributary_config::{RecordType, WebhookMapping, WebhookSource};
use tributary_protocol::{FailedEvent, LogValue, RecordKind, Timestamp};

type HmacSha256 = Hmac<Sha256>;

/// A webhook with a mapping.
pub struct Webhook {
    name: String,
    keys: Vec<HmacSha256>,
    tolerance_seconds: u64,
    mapping: WebhookMapping,
}

/// What is the same for every item of a request.
struct Delivery<'a> {
    id: &'a str,
    signed_at: Timestamp,
    received_at: Timestamp,
}

impl Webhook {
    /// Reads the keys.
    ///
    /// # Errors
    /// [`Error::Setting`] if one is no base64 (behind its `whsec_`).
    pub fn new(settings: &WebhookSource) -> Result<Self> {
        let key = |secret: &tributary_config::Secret| {
            let text = secret.expose().trim();
            let bytes = BASE64.decode(text.strip_prefix("whsec_").unwrap_or(text)).ok().filter(|key| !key.is_empty());
            bytes.and_then(|bytes| HmacSha256::new_from_slice(&bytes).ok()).ok_or_else(|| Error::Setting {
                source_name: settings.name.clone(),
                key: "secret",
                reason: "not `whsec_` and base64".to_owned(),
            })
        };
        Ok(Self {
            name: settings.name.clone(),
            keys: settings.secrets.iter().map(key).collect::<Result<_>>()?,
            tolerance_seconds: settings.tolerance_seconds,
            mapping: settings.mapping.clone(),
        })
    }

    /// Checks the signature over `body`, byte for byte, and maps it. An item
    /// that cannot be mapped becomes a failed event.
    ///
    /// # Errors
    /// [`Rejection`] if the request is forged, too old, or not of the mapping's form.
    pub fn verify_and_map(
        &self,
        headers: &dyn Fn(&str) -> Option<String>,
        body: &[u8],
        received_at: Timestamp,
    ) -> Result<Vec<LogValue>, Rejection> {
        let header = |name: &str| {
            headers(name).ok_or_else(|| Rejection::unauthorised("missing_signature", &format!("no header {name}")))
        };
        let (id, timestamp) = (header("webhook-id")?, header("webhook-timestamp")?);
        self.verify(&id, &timestamp, &header("webhook-signature")?, body)?;
        let seconds = check_age(&timestamp, self.tolerance_seconds, received_at)?;
        let payload: Value =
            serde_json::from_slice(body).map_err(|error| Rejection::malformed(format!("not JSON: {error}")))?;
        let delivery = Delivery { id: &id, signed_at: Timestamp(seconds.saturating_mul(1_000_000)), received_at };
        let Some(explode) = &self.mapping.explode else {
            return Ok(vec![self.map(&payload, id.clone(), &delivery)]);
        };
        let items = payload.pointer(explode).and_then(Value::as_array);
        let items = items.ok_or_else(|| Rejection::malformed(format!("there is no list at {explode}")))?;
        let map = |(index, item): (usize, &Value)| self.map(item, format!("{}-{index}", delivery.id), &delivery);
        Ok(items.iter().enumerate().map(map).collect())
    }

    fn verify(&self, id: &str, timestamp: &str, signatures: &str, body: &[u8]) -> Result<(), Rejection> {
        let matches = |text: &str, key: &HmacSha256| {
            let Some(signature) = text.strip_prefix("v1,").and_then(|text| BASE64.decode(text).ok()) else {
                return false;
            };
            let mut mac = key.clone();
            for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
                mac.update(part);
            }
            mac.verify_slice(&signature).is_ok()
        };
        let known = signatures.split_whitespace().any(|text| self.keys.iter().any(|key| matches(text, key)));
        let message = "no signature matches the body";
        if known { Ok(()) } else { Err(Rejection::unauthorised("bad_signature", message)) }
    }

    fn map(&self, item: &Value, default_id: String, delivery: &Delivery<'_>) -> LogValue {
        let mapping = &self.mapping;
        if !item.is_object() {
            return self.failed(item, "not an object", delivery.received_at);
        }
        let message_id = match &mapping.message_id {
            None => default_id,
            Some(pointer) => match item.pointer(pointer).and_then(scalar_text).filter(|id| !id.is_empty()) {
                Some(id) => id,
                None => return self.failed(item, &format!("no id at {pointer}"), delivery.received_at),
            },
        };
        let happened_at = mapping.timestamp.as_ref().and_then(|at| item.pointer(at)).and_then(Timestamp::from_json);
        let texts =
            mapping.identifiers.iter().filter_map(|(kind, at)| Some((kind.clone(), scalar_text(&text_at(item, at)?)?)));
        let track = mapping.record == RecordType::Track;
        let draft = Draft {
            kind: if track { RecordKind::Track } else { RecordKind::Identify },
            message_id,
            received_at: delivery.received_at,
            happened_at: happened_at.or(Some(delivery.signed_at)),
            identifiers: texts.collect(),
        };
        let mut record = draft.into_record(&self.name);
        record.traits = mapped(&mapping.traits, |at| text_at(item, at));
        if track {
            record.event.clone_from(&mapping.event);
            record.properties = mapped(&mapping.properties, |at| match at {
                Value::String(text) => text_at(item, text),
                constant => Some(constant.clone()),
            });
        }
        LogValue::Record(Box::new(record))
    }

    fn failed(&self, item: &Value, message: &str, received_at: Timestamp) -> LogValue {
        LogValue::Failed(FailedEvent {
            source: self.name.clone(),
            reason: "invalid".to_owned(),
            message: message.to_owned(),
            payload: item.to_string().into_bytes(),
            received_at,
        })
    }
}

/// The value at a JSON pointer, or the text itself if it is none.
fn text_at(item: &Value, at: &str) -> Option<Value> {
    if at.starts_with('/') { item.pointer(at).cloned() } else { Some(Value::String(at.to_owned())) }
}

fn mapped<T>(names: &BTreeMap<String, T>, get: impl Fn(&T) -> Option<Value>) -> tributary_protocol::Json {
    names.iter().filter_map(|(name, at)| Some((name.clone(), get(at)?))).collect()
}

#[cfg(test)]
#[path = "webhook_tests.rs"]
mod tests;
