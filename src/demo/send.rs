//! Sends the records as the real senders do: batches of the Segment protocol,
//! SendGrid's signed lists, survey answers with Standard Webhooks signatures.
//! Some requests are sent three times, as senders do that saw no answer.

use super::folder::Keys;
use super::progress::Progress;
use super::records::{MAIL, Records, SURVEY, WEB};
use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use hmac::{Hmac, Mac as _};
use p256::ecdsa::Signature;
use p256::ecdsa::signature::Signer as _;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde::Serialize;
use serde_json::Value;
use sha2::Sha256;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Events of one request to the gateway: 100 of them have about 60 KB.
const WEB_BATCH: usize = 100;
/// Events of one request of the email webhook.
const MAIL_BATCH: usize = 200;
/// Requests in flight at a time.
const CONCURRENCY: usize = 16;
/// Every so many requests, one is sent three times.
const REPEATED_EVERY: usize = 20;
/// How often a request is tried while the server is busy or away.
const ATTEMPTS_MAX: u32 = 20;
/// Wait before the next attempt where the server names none.
const RETRY_AFTER: Duration = Duration::from_millis(250);

/// Sends to the ingest port.
pub struct Sender<'a> {
    client: Client,
    base: String,
    keys: &'a Keys,
}

/// The body of a batch of the Segment protocol.
#[derive(Serialize)]
struct Batch<'a> {
    batch: &'a [Value],
}

/// A body, and how many records it holds.
struct Parcel {
    body: String,
    records: u64,
}

impl<'a> Sender<'a> {
    /// Prepares to send to `ingest`.
    pub fn new(ingest: SocketAddr, keys: &'a Keys) -> Self {
        Self { client: Client::new(), base: format!("http://{ingest}"), keys }
    }

    /// Sends everything and returns how many records were sent, repeats included, by source.
    ///
    /// # Errors
    /// If a request is refused, or the server stays away.
    pub async fn send(&self, records: &Records) -> anyhow::Result<BTreeMap<&'static str, u64>> {
        let web = parcels(&records.web, WEB_BATCH, |events| serde_json::to_string(&Batch { batch: events }))?;
        let mail = parcels(&records.mail, MAIL_BATCH, serde_json::to_string)?;
        let surveys = parcels(&records.surveys, 1, |answers| serde_json::to_string(&answers[0]))?;
        Ok(BTreeMap::from([
            (WEB, self.send_all("web events", web, |body| self.web(body)).await?),
            (MAIL, self.send_all("email events", mail, |body| self.mail(body)).await?),
            (SURVEY, self.send_all("survey answers", surveys, |body| self.survey(body)).await?),
        ]))
    }

    /// Sends parcels, several at a time and some of them three times.
    async fn send_all(
        &self,
        what: &'static str,
        parcels: Vec<Parcel>,
        request: impl Fn(&str) -> RequestBuilder,
    ) -> anyhow::Result<u64> {
        let times = |index: usize| if index.is_multiple_of(REPEATED_EVERY) { 3 } else { 1 };
        let counted = parcels.iter().enumerate().map(|(index, parcel)| parcel.records * times(index));
        let total = counted.sum();
        let progress = Progress::begin(what, total);
        let copies = parcels.iter().enumerate().flat_map(|(index, parcel)| (0..times(index)).map(move |_| parcel));
        let (request, progress_of) = (&request, &progress);
        let posts = copies.map(|parcel| async move {
            self.post(parcel.records, || request(&parcel.body)).await?;
            progress_of.advance(parcel.records);
            anyhow::Ok(())
        });
        stream::iter(posts)
            .buffer_unordered(CONCURRENCY)
            .try_collect::<()>()
            .await
            .with_context(|| format!("send {what}"))?;
        progress.end();
        Ok(total)
    }

    /// A request is built anew for each attempt, so that its signature is fresh.
    async fn post(&self, records: u64, request: impl Fn() -> RequestBuilder) -> anyhow::Result<()> {
        for _ in 0..ATTEMPTS_MAX {
            let wait = match request().send().await {
                Ok(answer) if answer.status().is_success() => return Ok(()),
                // A broken record on its own: it is kept as a failed event, which the report counts.
                Ok(answer) if answer.status() == StatusCode::BAD_REQUEST && records == 1 => return Ok(()),
                Ok(answer) if is_busy(answer.status()) => retry_after(&answer),
                Ok(answer) => bail!("refused with {}: {}", answer.status(), answer.text().await.unwrap_or_default()),
                Err(error) if error.is_connect() || error.is_timeout() => RETRY_AFTER,
                Err(error) => return Err(error).context("post"),
            };
            tokio::time::sleep(wait).await;
        }
        bail!("the server stays busy or away after {ATTEMPTS_MAX} attempts")
    }

    fn web(&self, body: &str) -> RequestBuilder {
        self.json("/v1/batch", body).basic_auth(&self.keys.write_key, Some(""))
    }

    /// ECDSA P-256 over timestamp and body, as SendGrid signs.
    fn mail(&self, body: &str) -> RequestBuilder {
        let timestamp = now().to_string();
        let signature: Signature = self.keys.sendgrid.sign(format!("{timestamp}{body}").as_bytes());
        self.json("/webhooks/mail", body)
            .header("X-Twilio-Email-Event-Webhook-Signature", BASE64.encode(signature.to_der().as_bytes()))
            .header("X-Twilio-Email-Event-Webhook-Timestamp", timestamp)
    }

    /// HMAC-SHA256 over `id.timestamp.body`, by the rules of Standard Webhooks.
    fn survey(&self, body: &str) -> RequestBuilder {
        let (id, timestamp) = (format!("msg_{}", uuid::Uuid::new_v4().simple()), now());
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.keys.survey).expect("HMAC takes keys of any length");
        mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
        self.json("/webhooks/survey", body)
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", format!("v1,{}", BASE64.encode(mac.finalize().into_bytes())))
    }

    fn json(&self, path: &str, body: &str) -> RequestBuilder {
        let request = self.client.post(format!("{}{path}", self.base));
        request.header("content-type", "application/json").body(body.to_owned())
    }
}

fn parcels(
    records: &[Value],
    size: usize,
    body: impl Fn(&[Value]) -> serde_json::Result<String>,
) -> anyhow::Result<Vec<Parcel>> {
    let parcel = |chunk: &[Value]| anyhow::Ok(Parcel { body: body(chunk)?, records: chunk.len() as u64 });
    records.chunks(size).map(parcel).collect()
}

fn is_busy(status: StatusCode) -> bool {
    matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
}

fn retry_after(answer: &reqwest::Response) -> Duration {
    let header = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
    header.and_then(|text| text.parse().ok()).map_or(RETRY_AFTER, Duration::from_secs)
}

/// The clock in seconds: webhooks are signed with the time they are sent.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs())
}
