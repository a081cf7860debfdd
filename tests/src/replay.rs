//! The demo's records, delivered as a plan says: in which order, in what
//! batches, how often, and when the files come.
//!
//! ```text
//! tributary demo --records DIR ──> DemoRecords ──plan──> requests (web, mail, survey) and stages of files ──> a server
//! ```

use crate::{Kafka, Server, ServerOptions, tributary};
use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use hmac::{Hmac, Mac as _};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::DecodePrivateKey as _;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use reqwest::{Client, RequestBuilder};
use sha2::Sha256;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The CRM's export: source and file.
const FILES: [(&str, &str); 4] = [
    ("crm", "contacts.csv"),
    ("crm_companies", "companies.csv"),
    ("crm_deals", "deals.csv"),
    ("crm_tickets", "tickets.csv"),
];
/// Most events of a request.
const BATCH_MAX: usize = 400;
/// Requests under way at a time.
const CONNECTIONS: usize = 4;
/// How long one request is tried, and how long the tables may take.
const PATIENCE: Duration = Duration::from_mins(2);
/// Wait before a request is tried again.
const BACKOFF: Duration = Duration::from_millis(50);

/// What the demo would send, and the keys to sign it.
pub struct DemoRecords {
    config: String,
    folder: String,
    write_key: String,
    sendgrid_key: SigningKey,
    survey_secret: Vec<u8>,
    web: Vec<String>,
    mail: Vec<String>,
    surveys: Vec<String>,
    files: Vec<File>,
}

struct File {
    source: &'static str,
    name: &'static str,
    header: String,
    rows: Vec<String>,
}

/// Which source a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Web,
    WebSingle,
    Mail,
    Survey,
}

/// A request, not yet signed.
#[derive(Clone, Debug)]
pub struct Request {
    to: To,
    body: String,
}

/// What is done to one server.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Requests in the order they are begun.
    pub requests: Vec<Request>,
    /// Contents of files by the number of requests that go before; each replaces the one before.
    files: Vec<(usize, &'static str, String)>,
}

impl DemoRecords {
    /// Has the demo write the records of `people` people.
    ///
    /// # Errors
    /// If it cannot, or what it wrote cannot be read.
    pub async fn generate(people: u32) -> anyhow::Result<Self> {
        let temporary = tempfile::TempDir::with_prefix("tributary-records-")?;
        let folder = fs::canonicalize(temporary.path())?;
        let name = folder.to_string_lossy().into_owned();
        tributary(&["demo", "--people", &people.to_string(), "--records", &name]).await?;
        let read = |name: &str| fs::read_to_string(folder.join(name)).with_context(|| format!("read {name}"));
        let lines = |name: &str| Ok::<_, anyhow::Error>(read(name)?.lines().map(str::to_owned).collect::<Vec<_>>());
        let config = read("tributary.yaml")?;
        let secret = quoted(&config, "secret:")?.trim_start_matches("whsec_");
        Ok(Self {
            write_key: quoted(&config, "write_key:")?.to_owned(),
            survey_secret: BASE64.decode(secret).context("read the survey's secret")?,
            sendgrid_key: SigningKey::from_pkcs8_pem(&read("sendgrid_key.pem")?).context("read the mail's key")?,
            web: lines("web.jsonl")?,
            mail: lines("sendgrid.jsonl")?,
            surveys: lines("surveys.jsonl")?,
            files: FILES
                .iter()
                .map(|&(source, name)| File::parse(source, name, &read(name)?))
                .collect::<Result<_, _>>()?,
            config: config.lines().filter(|line| !line.starts_with("log:")).collect::<Vec<_>>().join("\n"),
            folder: name,
        })
    }

    /// The same records for servers of a mode of identity.
    #[must_use]
    pub fn in_mode(mut self, mode: &str) -> Self {
        self.config = format!("{}\nidentity: {{mode: {mode}}}\n", self.config);
        self
    }

    /// Starts a server with the demo's sources and the files of a plan that come first.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn start(&self, plan: &Plan, kafka: Option<Kafka>) -> anyhow::Result<Server> {
        let mut server = Server::prepare(ServerOptions { kafka, ..ServerOptions::default() })?;
        let config = self.config.replace(&self.folder, &server.dir().to_string_lossy());
        server.set_config(config)?;
        let first = plan.files.iter().filter(|(at, ..)| *at == 0);
        first.into_iter().try_for_each(|(_, name, content)| replace(server.dir(), name, content))?;
        server.restart().await?;
        Ok(server)
    }

    /// Everything once, in the order of its time, the files first.
    #[must_use]
    pub fn in_order(&self) -> Plan {
        let batches = |lines: &[String], to: To| lines.chunks(BATCH_MAX).map(|batch| Request::new(to, batch)).collect();
        let requests: [Vec<Request>; 3] =
            [batches(&self.web, To::Web), batches(&self.mail, To::Mail), answers(&self.surveys)];
        let files = self.files.iter().map(|file| (0, file.name, file.content(&file.rows))).collect();
        Plan { requests: requests.concat(), files }
    }

    /// Everything at least once, in an order, batches, repeats and stages of files that `seed` draws.
    #[must_use]
    pub fn shuffled(&self, seed: u64) -> Plan {
        let mut random = SmallRng::seed_from_u64(seed);
        let mut requests = Vec::new();
        for (lines, to) in [(&self.web, To::Web), (&self.mail, To::Mail)] {
            let lines = repeated_and_shuffled(lines, &mut random);
            let mut rest = &lines[..];
            while !rest.is_empty() {
                let size = if random.random_bool(0.3) { 1 } else { random.random_range(1..=BATCH_MAX) };
                let (batch, behind) = rest.split_at(size.min(rest.len()));
                let single = to == To::Web && size == 1 && random.random_bool(0.5);
                requests.push(Request::new(if single { To::WebSingle } else { to }, batch));
                rest = behind;
            }
        }
        requests.extend(answers(&repeated_and_shuffled(&self.surveys, &mut random)));
        requests.shuffle(&mut random);
        let mut files = Vec::new();
        for file in &self.files {
            files.extend(file.stages(requests.len(), &mut random));
        }
        files.sort_by_key(|(at, ..)| *at);
        Plan { requests, files }
    }

    /// Carries a plan out on a server of its own folder, and waits until its tables hold everything.
    ///
    /// # Errors
    /// If a request is refused, or the tables hold something else than was sent.
    pub async fn replay(&self, server: &Server, plan: &Plan) -> anyhow::Result<()> {
        let (_, url) = watch::channel(server.ingest_url()?);
        self.send(server.dir(), plan, 0..plan.requests.len(), &url).await?;
        self.settle(server).await
    }

    /// Sends some of a plan's requests, and writes the files that are due meanwhile. The server may end and come back
    /// elsewhere: each request is tried at the newest address until it is acknowledged.
    ///
    /// # Errors
    /// If a request is refused, or not acknowledged in time.
    pub async fn send(
        &self,
        folder: &Path,
        plan: &Plan,
        range: std::ops::Range<usize>,
        url: &watch::Receiver<String>,
    ) -> anyhow::Result<()> {
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(20)).build()?;
        let one = async |at: usize| {
            for (_, name, content) in plan.files.iter().filter(|(due, ..)| at > 0 && *due == at) {
                replace(folder, name, content)?;
            }
            self.deliver(&client, &plan.requests[at], url).await
        };
        stream::iter(range).map(one).buffer_unordered(CONNECTIONS).try_collect::<()>().await
    }

    async fn deliver(&self, client: &Client, request: &Request, url: &watch::Receiver<String>) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            let ingest = url.borrow().clone();
            let sent = self.signed(client, &ingest, request)?.send().await;
            let status = sent.as_ref().map_or(0, |response| response.status().as_u16());
            match status {
                // 400: a broken record on its own, which is kept as a failed event.
                200 | 400 => return Ok(()),
                0 | 429 | 500..=599 => {}
                _ => bail!("{:?} was answered {status}", request.to),
            }
            ensure!(started.elapsed() < PATIENCE, "{:?} is not acknowledged: {status}", request.to);
            tokio::time::sleep(BACKOFF).await;
        }
    }

    fn signed(&self, client: &Client, ingest: &str, request: &Request) -> anyhow::Result<RequestBuilder> {
        let post = |path: &str| client.post(format!("{ingest}{path}")).header("content-type", "application/json");
        let now = jiff::Timestamp::now().as_second().to_string();
        let built = match request.to {
            To::Web => post("/v1/batch").basic_auth(&self.write_key, Some("")),
            To::WebSingle => post(single_path(&request.body)).basic_auth(&self.write_key, Some("")),
            To::Mail => {
                let signature: Signature = self.sendgrid_key.sign(format!("{now}{}", request.body).as_bytes());
                post("/webhooks/mail")
                    .header("X-Twilio-Email-Event-Webhook-Signature", BASE64.encode(signature.to_der()))
                    .header("X-Twilio-Email-Event-Webhook-Timestamp", now)
            }
            To::Survey => {
                let id = uuid::Uuid::new_v4().to_string();
                let mut mac = Hmac::<Sha256>::new_from_slice(&self.survey_secret).context("take the secret")?;
                mac.update(format!("{id}.{now}.{}", request.body).as_bytes());
                post("/webhooks/survey")
                    .header("webhook-signature", format!("v1,{}", BASE64.encode(mac.finalize().into_bytes())))
                    .header("webhook-id", id)
                    .header("webhook-timestamp", now)
            }
        };
        Ok(built.body(request.body.clone()))
    }

    /// Waits until the tables hold every record once, good or bad, and nothing else.
    ///
    /// # Errors
    /// If they do not.
    pub async fn settle(&self, server: &Server) -> anyhow::Result<()> {
        let started = Instant::now();
        let expected = self.expected();
        loop {
            let stored = stored(server).await?;
            if stored == expected {
                // Rows of `events` show at once; what follows from them, when the tables have it.
                return server.flush().await;
            }
            ensure!(started.elapsed() < PATIENCE, "the tables hold {stored:?} and not {expected:?}");
            tokio::time::sleep(BACKOFF).await;
        }
    }

    /// Records by source, good or bad: the distinct ones.
    fn expected(&self) -> BTreeMap<String, u64> {
        let distinct = |lines: &[String]| lines.iter().collect::<BTreeSet<_>>().len() as u64;
        let lists = [("web", &self.web), ("mail", &self.mail), ("survey", &self.surveys)];
        let lists = lists.map(|(source, lines)| (source.to_owned(), distinct(lines)));
        let files = self.files.iter().map(|file| (file.source.to_owned(), distinct(&file.rows)));
        lists.into_iter().chain(files).filter(|(_, count)| *count > 0).collect()
    }
}

/// One request an answer, as survey tools send them.
fn answers(lines: &[String]) -> Vec<Request> {
    lines.iter().map(|line| Request::new(To::Survey, std::slice::from_ref(line))).collect()
}

/// Rows of `events` and `failed_events` by source.
async fn stored(server: &Server) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut stored = BTreeMap::new();
    for table in ["events", "failed_events"] {
        for row in server.sql(&format!("SELECT source, count(*) FROM {table} GROUP BY source")).await? {
            let source = row[0].as_str().unwrap_or_default().to_owned();
            *stored.entry(source).or_default() += row[1].as_u64().unwrap_or_default();
        }
    }
    Ok(stored)
}

impl Request {
    fn new(to: To, lines: &[String]) -> Self {
        let list = lines.join(",");
        let body = match to {
            To::Web => format!(r#"{{"batch":[{list}]}}"#),
            To::Mail => format!("[{list}]"),
            To::WebSingle | To::Survey => list,
        };
        Self { to, body }
    }
}

impl File {
    fn parse(source: &'static str, name: &'static str, text: &str) -> anyhow::Result<Self> {
        let mut lines = text.lines().map(str::to_owned);
        let header = lines.next().with_context(|| format!("{name} is empty"))?;
        let rows: Vec<String> = lines.collect();
        let whole = |row: &String| row.matches('"').count().is_multiple_of(2);
        ensure!(rows.iter().all(whole), "{name} has rows of several lines: they cannot be shuffled");
        Ok(Self { source, name, header, rows })
    }

    fn content(&self, rows: &[String]) -> String {
        format!("{}\n{}\n", self.header, rows.join("\n"))
    }

    /// The file at once, or a part first that grows, or a part that is replaced by the whole in another order; from
    /// the start or in the middle of `requests`.
    fn stages(&self, requests: usize, random: &mut SmallRng) -> Vec<(usize, &'static str, String)> {
        let rows = repeated_and_shuffled(&self.rows, random);
        let first = if random.random_bool(0.5) { 0 } else { random.random_range(0..requests) };
        let later = random.random_range(first..requests);
        let part = rows.len() / 3;
        match random.random_range(0..3) {
            0 => vec![(first, self.name, self.content(&rows))],
            1 => vec![(first, self.name, self.content(&rows[..part])), (later, self.name, self.content(&rows))],
            _ => {
                let again = repeated_and_shuffled(&self.rows, random);
                vec![(first, self.name, self.content(&rows[..part])), (later, self.name, self.content(&again))]
            }
        }
    }
}

/// All lines in a random order, a fifth of them up to three times.
fn repeated_and_shuffled(lines: &[String], random: &mut SmallRng) -> Vec<String> {
    let mut repeated = lines.to_vec();
    for line in lines {
        if random.random_bool(0.2) {
            repeated.extend(std::iter::repeat_n(line.clone(), random.random_range(1..3)));
        }
    }
    repeated.shuffle(random);
    repeated
}

/// Path for one event of the type it says; a type that is none goes to a path that reads `type`.
fn single_path(body: &str) -> &'static str {
    let event: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    match event["type"].as_str() {
        Some("identify") => "/v1/identify",
        Some("page") => "/v1/page",
        Some("screen") => "/v1/screen",
        Some("group") => "/v1/group",
        Some("alias") => "/v1/alias",
        Some("track") => "/v1/track",
        _ => "/api/s/event",
    }
}

/// Puts a file in place at once, so that no half of it is ever read.
fn replace(folder: &Path, name: &str, content: &str) -> anyhow::Result<()> {
    let partial = folder.join(format!("{name}.new"));
    fs::write(&partial, content)?;
    fs::rename(&partial, folder.join(name)).with_context(|| format!("replace {name}"))
}

/// The quoted value behind the first line that begins with `key`.
fn quoted<'a>(config: &'a str, key: &str) -> anyhow::Result<&'a str> {
    let value = config.lines().find_map(|line| line.trim_start().strip_prefix(key));
    value.map(|value| value.trim().trim_matches('"')).with_context(|| format!("the demo's configuration has no {key}"))
}
