//! The signed webhooks of the connectors, as the gateway takes them.

use crate::data_dir::DataDir;
use crate::settings::Settings;
use axum::http::HeaderMap;
use prometheus::Registry;
use std::sync::Arc;
use tributary_config::Source;
use tributary_connectors::{Rejection as Refused, Sendgrid, Webhook};
use tributary_ingest::metrics::Metrics;
use tributary_ingest::{GatewayState, Rejection, WebhookSource, router};
use tributary_log::Log;
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

/// Builds the gateway with every HTTP source and webhook of the configuration.
///
/// # Errors
/// If a webhook's key cannot be read, or a metric exists twice.
pub fn gateway(
    settings: &Settings,
    folder: &DataDir,
    log: Arc<dyn Log>,
    registry: &Registry,
) -> anyhow::Result<axum::Router> {
    let mut mounted: Vec<Arc<dyn WebhookSource>> = Vec::new();
    for source in &settings.config.sources {
        let (path, verifier) = match source {
            Source::Sendgrid(sendgrid) => (&sendgrid.path, Verifier::Sendgrid(Sendgrid::new(sendgrid)?)),
            Source::Webhook(webhook) => (&webhook.path, Verifier::Standard(Webhook::new(webhook)?)),
            _ => continue,
        };
        mounted.push(Arc::new(Mounted { name: source.name().to_owned(), path: path.clone(), verifier }));
    }
    let sources = settings.http_sources(folder)?;
    let strict = settings.config.ingest.segment_strict;
    let state = GatewayState::new(log, sources, settings.limits(), strict, Metrics::new(registry)?, mounted);
    Ok(router(state))
}
