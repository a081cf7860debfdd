//! SendGrid's event webhook: ECDSA P-256 with SHA-256 over the timestamp
//! header and the raw body, and its events as `track` records.
//!
//! <https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features>

use crate::record::{Draft, scalar_text};
use crate::source::check_age;
use crate::{Error, Rejection, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::pkcs8::DecodePublicKey as _;
use serde_json::Value;
use serde_json::value::RawValue;
use tributary_config::SendgridSource;
use tributary_protocol::{
    FailedEvent, Json, KIND_EMAIL, KIND_USER_ID, LogValue, RecordKind, Timestamp, event_names as names, hash128,
};

const SIGNATURE: &str = "X-Twilio-Email-Event-Webhook-Signature";
const TIMESTAMP: &str = "X-Twilio-Email-Event-Webhook-Timestamp";

/// Names under which the specification knows SendGrid's fields.
const PROPERTIES: [(&str, &str); 5] = [
    ("sg_message_id", "email_id"),
    ("subject", "email_subject"),
    ("url", "link_url"),
    ("marketing_campaign_id", "campaign_id"),
    ("marketing_campaign_name", "campaign_name"),
];
/// Fields that are no properties: they have places of their own.
const NOT_PROPERTIES: [&str; 5] = ["email", "event", "timestamp", "sg_event_id", "user_id"];

/// A SendGrid event webhook.
pub struct Sendgrid {
    name: String,
    key: VerifyingKey,
    tolerance_seconds: u64,
}

impl Sendgrid {
    /// Reads the public key.
    ///
    /// # Errors
    /// [`Error::Setting`] if it is no base64 of a P-256 public key.
    pub fn new(settings: &SendgridSource) -> Result<Self> {
        let wrong = |reason: String| Error::Setting { source_name: settings.name.clone(), key: "public_key", reason };
        let der = BASE64.decode(settings.public_key.trim()).map_err(|error| wrong(error.to_string()))?;
        let key = VerifyingKey::from_public_key_der(&der).map_err(|error| wrong(error.to_string()))?;
        Ok(Self { name: settings.name.clone(), key, tolerance_seconds: settings.tolerance_seconds })
    }

    /// Checks the signature over `body`, byte for byte, and maps its events.
    /// What was signed and cannot be read, the whole body or one event of it,
    /// becomes a failed event: sending it again would not help.
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
        let (signature, timestamp) = (header(SIGNATURE)?, header(TIMESTAMP)?);
        self.verify(&signature, &timestamp, body)?;
        check_age(&timestamp, self.tolerance_seconds, received_at)?;
        match serde_json::from_slice::<Vec<&RawValue>>(body) {
            Ok(events) => Ok(events.iter().map(|event| self.map(event.get(), received_at)).collect()),
            Err(error) => Ok(vec![self.failed("malformed", format!("no list of events: {error}"), body, received_at)]),
        }
    }

    fn verify(&self, signature: &str, timestamp: &str, body: &[u8]) -> Result<(), Rejection> {
        let bad = || Rejection::unauthorised("bad_signature", "the signature does not match the body");
        let der = BASE64.decode(signature.trim()).map_err(|_| bad())?;
        let signature = Signature::from_der(&der).map_err(|_| bad())?;
        let signed = [timestamp.as_bytes(), body].concat();
        self.key.verify(&signed, &signature).map_err(|_| bad())
    }

    fn map(&self, text: &str, received_at: Timestamp) -> LogValue {
        let event = serde_json::from_str::<Value>(text).unwrap_or_default();
        let name = event.get("event").and_then(Value::as_str).map(event_name);
        let (Value::Object(fields), Some(name)) = (&event, name) else {
            let message = "not an object with the text `event`".to_owned();
            return self.failed("invalid", message, text.as_bytes(), received_at);
        };
        let text = |key: &str| fields.get(key).and_then(scalar_text).filter(|text| !text.is_empty());
        let content_id = || format!("{:032x}", hash128(&[event.to_string().as_bytes()]));
        let identifiers =
            [KIND_EMAIL, KIND_USER_ID].into_iter().filter_map(|kind| Some((kind.to_owned(), text(kind)?)));
        let draft = Draft {
            kind: RecordKind::Track,
            message_id: text("sg_event_id").unwrap_or_else(content_id),
            received_at,
            happened_at: fields.get("timestamp").and_then(Timestamp::from_json),
            identifiers: identifiers.collect(),
        };
        let mut record = draft.into_record(&self.name);
        record.event = Some(name);
        record.properties = properties(fields).into();
        LogValue::Record(Box::new(record))
    }

    fn failed(&self, reason: &str, message: String, payload: &[u8], received_at: Timestamp) -> LogValue {
        let (source, reason, payload) = (self.name.clone(), reason.to_owned(), payload.to_vec());
        LogValue::Failed(FailedEvent { source, reason, message, payload, received_at })
    }
}

/// The specification's name of an event, or ours; an unknown one becomes `Email <event>`.
fn event_name(event: &str) -> String {
    let name = match event {
        "processed" => names::EMAIL_PROCESSED,
        "dropped" => names::EMAIL_DROPPED,
        "deferred" => names::EMAIL_DEFERRED,
        "delivered" => names::EMAIL_DELIVERED,
        "bounce" | "blocked" => names::EMAIL_BOUNCED,
        "open" => names::EMAIL_OPENED,
        "click" => names::EMAIL_LINK_CLICKED,
        "spamreport" => names::EMAIL_MARKED_AS_SPAM,
        "unsubscribe" | "group_unsubscribe" => names::UNSUBSCRIBED,
        other => return format!("Email {other}"),
    };
    name.to_owned()
}

fn properties(fields: &Json) -> Json {
    let named =
        |key: &str| PROPERTIES.iter().find(|(theirs, _)| *theirs == key).map_or(key, |(_, ours)| ours).to_owned();
    let kept = fields.iter().filter(|(key, _)| !NOT_PROPERTIES.contains(&key.as_str()));
    kept.map(|(key, value)| (named(key), value.clone())).collect()
}

#[cfg(test)]
#[path = "sendgrid_tests.rs"]
mod tests;
