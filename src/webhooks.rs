//! The signed webhooks of the connectors, as the gateway takes them.

use axum::http::HeaderMap;
use std::sync::Arc;
use tributary_config::{Config, Source};
use tributary_connectors::{Rejection as Refused, Sendgrid, Webhook};
use tributary_ingest::{Rejection, WebhookSource};
use tributary_protocol::{LogValue, Timestamp};

enum Verifier {
    Sendgrid(Sendgrid),
    Standard(Webhook),
}

struct Mounted {
    name: String,
    path: String,
    verifier: Verifier,
}

impl WebhookSource for Mounted {
    fn path(&self) -> &str {
        &self.path
    }

    fn source(&self) -> &str {
        &self.name
    }

    fn accept(&self, headers: &HeaderMap, body: &[u8], received_at: Timestamp) -> Result<Vec<LogValue>, Rejection> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let values = match &self.verifier {
            Verifier::Sendgrid(sendgrid) => sendgrid.verify_and_map(&header, body, received_at),
            Verifier::Standard(webhook) => webhook.verify_and_map(&header, body, received_at),
        };
        values.map_err(|Refused { status, code, message }| Rejection { status, code, message })
    }
}

/// The webhooks of a configuration.
///
/// # Errors
/// If the key of one cannot be read.
pub fn mounted(config: &Config) -> anyhow::Result<Vec<Arc<dyn WebhookSource>>> {
    let mut mounted: Vec<Arc<dyn WebhookSource>> = Vec::new();
    for source in &config.sources {
        let (path, verifier) = match source {
            Source::Sendgrid(sendgrid) => (&sendgrid.path, Verifier::Sendgrid(Sendgrid::new(sendgrid)?)),
            Source::Webhook(webhook) => (&webhook.path, Verifier::Standard(Webhook::new(webhook)?)),
            Source::Http(_) | Source::File(_) => continue,
        };
        mounted.push(Arc::new(Mounted { name: source.name().to_owned(), path: path.clone(), verifier }));
    }
    Ok(mounted)
}
