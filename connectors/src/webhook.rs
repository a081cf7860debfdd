//! Webhooks signed by the Standard Webhooks rules, mapped to records by JSON
//! pointers: HMAC-SHA256 over `id.timestamp.body`, any of several signatures
//! and any of several keys.
//!
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use crate::record::{Draft, scalar_text, set_traits};
use crate::source::check_age;
use crate::{Error, Rejection, Result};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use std::collections::BTreeMap;
use tributary_config::{RecordType, WebhookMapping, WebhookSource};
use tributary_protocol::{FailedEvent, LogValue, Record, RecordKind, Timestamp};

/// Keys and signatures come with and without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

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

    /// Checks the signature over `body`, byte for byte, and maps it. What was
    /// signed and cannot be mapped, the whole body or one item of it, becomes
    /// a failed event: sending it again would not help.
    ///
    /// # Errors
    /// [`Rejection`] if the request is forged or too old.
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
        let signed_at = Timestamp(seconds.saturating_mul(1_000_000));
        let delivery = Delivery { id: &id, signed_at, received_at };
        let payload: Value = match serde_json::from_slice(body) {
            Ok(payload) => payload,
            Err(error) => return Ok(vec![self.failed("malformed", format!("not JSON: {error}"), body, received_at)]),
        };
        let Some(explode) = &self.mapping.explode else {
            return Ok(vec![self.map(&payload, body, id.clone(), &delivery)]);
        };
        let Some(items) = payload.pointer(explode).and_then(Value::as_array) else {
            return Ok(vec![self.failed("invalid", format!("there is no list at {explode}"), body, received_at)]);
        };
        let map = |(index, item): (usize, &Value)| {
            self.map(item, item.to_string().as_bytes(), format!("{}-{index}", delivery.id), &delivery)
        };
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

    /// Maps an item; `bytes` are what is kept of it if that fails.
    fn map(&self, item: &Value, bytes: &[u8], default_id: String, delivery: &Delivery<'_>) -> LogValue {
        match self.record(item, default_id, delivery) {
            Ok(record) => LogValue::Record(Box::new(record)),
            Err(message) => self.failed("invalid", message, bytes, delivery.received_at),
        }
    }

    fn record(&self, item: &Value, default_id: String, delivery: &Delivery<'_>) -> Result<Record, String> {
        let mapping = &self.mapping;
        if !item.is_object() {
            return Err("not an object".to_owned());
        }
        let given_id = |pointer: &String| item.pointer(pointer).and_then(scalar_text).filter(|id| !id.is_empty());
        let message_id = match &mapping.message_id {
            None => default_id,
            Some(pointer) => given_id(pointer).ok_or_else(|| format!("no id at {pointer}"))?,
        };
        let event = mapping.event.as_ref().and_then(|at| text_at(item, at)).and_then(|name| scalar_text(&name));
        let track = mapping.record == RecordType::Track;
        let event = event.filter(|name| track && !name.trim().is_empty());
        if track && event.is_none() {
            return Err("no name of the event".to_owned());
        }
        let happened_at = mapping.timestamp.as_ref().and_then(|at| item.pointer(at)).and_then(Timestamp::from_json);
        let texts =
            mapping.identifiers.iter().filter_map(|(kind, at)| Some((kind.clone(), scalar_text(&text_at(item, at)?)?)));
        let draft = Draft {
            kind: if track { RecordKind::Track } else { RecordKind::Identify },
            message_id,
            received_at: delivery.received_at,
            happened_at: happened_at.or(Some(delivery.signed_at)),
            identifiers: texts.collect(),
        };
        let mut record = draft.into_record(&self.name);
        set_traits(&mut record, mapped(&mapping.traits, |at| text_at(item, at)));
        record.event = event;
        if track {
            record.properties = mapped(&mapping.properties, |at| match at {
                Value::String(text) => text_at(item, text),
                constant => Some(constant.clone()),
            })
            .into();
        }
        Ok(record)
    }

    fn failed(&self, reason: &str, message: String, payload: &[u8], received_at: Timestamp) -> LogValue {
        let (source, reason, payload) = (self.name.clone(), reason.to_owned(), payload.to_vec());
        LogValue::Failed(FailedEvent { source, reason, message, payload, received_at })
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
