//! The signed webhooks of the connectors, as the gateway takes them.

use crate::pull::placed;
use axum::http::HeaderMap;
use std::sync::Arc;
use tributary_config::{Config, Source};
use tributary_connectors::{Rejection as Refused, Sendgrid, Webhook};
use tributary_ingest::gateway::is_own_path;
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
/// If the key of one cannot be read, or its path is the gateway's own.
pub fn mounted(config: &Config) -> anyhow::Result<Vec<Arc<dyn WebhookSource>>> {
    let mut mounted: Vec<Arc<dyn WebhookSource>> = Vec::new();
    for source in &config.sources {
        let (path, verifier) = match source {
            Source::Sendgrid(sendgrid) => (&sendgrid.path, Sendgrid::new(sendgrid).map(Verifier::Sendgrid)),
            Source::Webhook(webhook) => (&webhook.path, Webhook::new(webhook).map(Verifier::Standard)),
            Source::Http(_) | Source::File(_) => continue,
        };
        let verifier = verifier.map_err(|error| placed(config, error))?;
        if is_own_path(path) {
            let reason = format!("{path} is a path of the gateway itself: choose another, such as /webhooks/NAME");
            return Err(config.wrong_in_source(source.name(), "path", reason).into());
        }
        mounted.push(Arc::new(Mounted { name: source.name().to_owned(), path: path.clone(), verifier }));
    }
    Ok(mounted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expected: &str) {
        let text = format!("version: 1\nsources:\n- name: s\n{source}");
        let config = Config::parse(&text, "t.yaml").unwrap();
        let refused = mounted(&config).err().map(|error| error.to_string());
        assert!(refused.as_ref().is_some_and(|error| error.starts_with(expected)), "{text}: {refused:?}");
    }

    #[test]
    fn what_only_a_webhook_can_tell_to_be_wrong_is_named_with_its_line() {
        let webhook = |more: &str| format!("  type: webhook\n  record: identify\n  {more}\n");
        check(&webhook("secret: \"***\""), "t.yaml:6: sources[0].secret: not `whsec_` and base64");
        check("  type: sendgrid\n  public_key: x\n", "t.yaml:5: sources[0].public_key: ");
        for path in ["/v1/track", "/v1/batch/", "/health", "/api/s/s2s/identify", "/t", "/sourceConfig"] {
            let reason = format!("t.yaml:7: sources[0].path: {path} is a path of the gateway itself");
            check(&webhook(&format!("secret: c2VjcmV0\n  path: {path}")), &reason);
        }
    }

    #[test]
    fn a_path_below_that_of_the_gateway_is_free() {
        let text = "sources: [{name: s, type: webhook, record: identify, secret: c2VjcmV0, path: /v1/track/nps}]";
        assert_eq!(mounted(&Config::parse(text, "t.yaml").unwrap()).unwrap().len(), 1);
    }
}
