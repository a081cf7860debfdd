//! A sender that can be held to its word: it notes each acknowledgement,
//! fsynced, before it sends on, so that what was promised is known whatever is
//! killed when.
//!
//! A batch that was not acknowledged is sent again, as clients do, or given up
//! as in doubt: it may be stored, but only once.

use anyhow::{Context as _, ensure};
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use reqwest::Client;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Most events of a batch.
const BATCH_MAX: u64 = 20;
/// People whose traits change all the time.
const PEOPLE: u64 = 300;
/// Wait before the same batch is sent again to a server that asked for it.
const BACKOFF: Duration = Duration::from_millis(20);
/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// One client and its ledger.
pub struct Sender {
    name: String,
    client: Client,
    random: SmallRng,
    path: PathBuf,
    ledger: File,
    /// Numbers of events given out so far.
    numbered: u64,
    /// The batch that is not acknowledged.
    pending: Option<std::ops::Range<u64>>,
}

impl Sender {
    /// Begins an empty ledger in `folder`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn new(folder: &Path, name: &str, seed: u64) -> anyhow::Result<Self> {
        let path = folder.join(format!("{name}.ledger"));
        let ledger = File::create_new(&path).with_context(|| format!("begin {}", path.display()))?;
        let client = Client::builder().no_proxy().timeout(PATIENCE).build()?;
        let random = SmallRng::seed_from_u64(seed);
        Ok(Self { name: name.to_owned(), client, random, path, ledger, numbered: 0, pending: None })
    }

    /// Sends batches to a server until it hangs up.
    ///
    /// # Errors
    /// If the server answers what it must not, or the ledger cannot be written.
    pub async fn send_until_hung_up(&mut self, ingest: SocketAddr, write_key: &str) -> anyhow::Result<()> {
        let url = format!("http://{ingest}/v1/batch");
        loop {
            let batch = self.next_batch();
            let events: Vec<Value> = batch.clone().map(|number| event(&self.name, number)).collect();
            let request = self.client.post(&url).basic_auth(write_key, Some("")).json(&json!({ "batch": events }));
            let Ok(response) = request.send().await else { return Ok(()) };
            let status = response.status().as_u16();
            let Ok(text) = response.text().await else { return Ok(()) };
            match status {
                200 => {
                    let body: Value = serde_json::from_str(&text).context("read the answer")?;
                    ensure!(body == json!({ "success": true, "errors": [] }), "answered {text}");
                    self.note(batch)?;
                }
                429 | 503 => tokio::time::sleep(BACKOFF).await,
                _ => anyhow::bail!("a good batch was answered {status}: {text}"),
            }
        }
    }

    /// The pending batch again, mostly; one that was acknowledged, now and then; else a new one.
    fn next_batch(&mut self) -> std::ops::Range<u64> {
        if let Some(pending) = self.pending.take()
            && self.random.random_bool(0.8)
        {
            self.pending = Some(pending.clone());
            return pending;
        }
        if self.numbered > 0 && self.random.random_bool(0.05) {
            let from = self.random.random_range(0..self.numbered);
            return from..self.numbered.min(from + BATCH_MAX);
        }
        let from = self.numbered;
        self.numbered += self.random.random_range(1..=BATCH_MAX);
        self.pending = Some(from..self.numbered);
        from..self.numbered
    }

    /// Writes down that a batch is acknowledged; durable when it returns.
    fn note(&mut self, batch: std::ops::Range<u64>) -> anyhow::Result<()> {
        if self.pending.as_ref() == Some(&batch) {
            self.pending = None;
        }
        let ids: Vec<String> = batch.map(|number| message_id(&self.name, number)).collect();
        writeln!(self.ledger, "{}", ids.join("\n")).context("write the ledger")?;
        self.ledger.sync_data().context("sync the ledger")
    }

    /// Message ids that the ledger says are acknowledged.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn acknowledged(&self) -> anyhow::Result<BTreeSet<String>> {
        let text = fs::read_to_string(&self.path).context("read the ledger")?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Message ids that were ever sent.
    pub fn sent(&self) -> impl Iterator<Item = String> + '_ {
        (0..self.numbered).map(|number| message_id(&self.name, number))
    }
}

fn message_id(sender: &str, number: u64) -> String {
    format!("{sender}-{number:08}")
}

/// The event with a number, the same each time it is sent: browsing, and people who log in and change.
fn event(sender: &str, number: u64) -> Value {
    let person = (number * 7919) % PEOPLE;
    let (hour, minute, second) = (number / 3600 % 24, number / 60 % 60, number % 60);
    let timestamp = format!("2026-02-{:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", 1 + person % 28, number % 1000);
    let mut event = json!({
        "messageId": message_id(sender, number),
        "anonymousId": format!("{sender}-visitor-{}", number % (3 * PEOPLE)),
        "timestamp": timestamp,
    });
    let plan = if number.is_multiple_of(3) { "pro" } else { "free" };
    let rest = match number % 4 {
        0 => json!({
            "type": "identify",
            "userId": format!("user-{person}"),
            "traits": { "email": format!("user-{person}@example.com"), "visits": number, "plan": plan },
        }),
        1 => json!({ "type": "page", "name": "Pricing", "properties": { "path": "/pricing" } }),
        2 => json!({ "type": "track", "event": "Product Viewed", "properties": { "sku": number % 50 } }),
        _ => {
            json!({ "type": "track", "event": "Order Completed", "userId": format!("user-{person}"), "properties": { "revenue": number } })
        }
    };
    if let (Value::Object(event), Value::Object(rest)) = (&mut event, rest) {
        event.extend(rest);
    }
    event
}
