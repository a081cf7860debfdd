//! The admin API, as a client sees it.

use super::server::Address;
use anyhow::{Context as _, bail};
use reqwest::{Client, RequestBuilder, Url};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;

/// Most events of a profile that are asked for.
const EVENTS_MAX: usize = 1000;

/// Asks the admin port.
pub struct Api {
    client: Client,
    base: Url,
    token: Option<String>,
}

impl Api {
    /// Prepares to ask the server at `address`.
    ///
    /// # Errors
    /// If its address makes no URL.
    pub fn new(address: &Address) -> anyhow::Result<Self> {
        let base = Url::parse(&format!("http://{}", address.admin)).context("read the server's address")?;
        Ok(Self { client: Client::new(), base, token: address.token.clone() })
    }

    /// Runs a query and returns its rows, each of type `T` (a tuple of the columns).
    ///
    /// # Errors
    /// If the server refuses it, or a row has another shape.
    pub async fn query<T: DeserializeOwned>(&self, sql: &str) -> anyhow::Result<Vec<T>> {
        let asked = self.client.post(self.url(&["v1", "query"])?).json(&json!({"sql": sql}));
        let mut answer = self.send(asked).await.with_context(|| format!("query {sql}"))?;
        if answer["truncated"] != false {
            bail!("the server cut the answer of {sql}");
        }
        serde_json::from_value(answer["rows"].take()).with_context(|| format!("read the rows of {sql}"))
    }

    /// Counts a segment.
    ///
    /// # Errors
    /// If the server refuses it.
    pub async fn segment_count(&self, segment: &'static str) -> anyhow::Result<u64> {
        let asked = self.client.post(self.url(&["v1", "segments", "count"])?).body(segment);
        let answer = self.send(asked.header("content-type", "application/json")).await.context("count a segment")?;
        answer["count"].as_u64().context("read the count of a segment")
    }

    /// Reads a profile by `kind:value`.
    ///
    /// # Errors
    /// If there is none.
    pub async fn profile(&self, key: &str) -> anyhow::Result<Value> {
        let asked = self.client.get(self.url(&["v1", "profiles", key])?);
        self.send(asked).await.context("read a profile")
    }

    /// Reads the newest events of a profile.
    ///
    /// # Errors
    /// If there is none.
    pub async fn events(&self, key: &str) -> anyhow::Result<Vec<Value>> {
        let mut url = self.url(&["v1", "profiles", key, "events"])?;
        url.query_pairs_mut().append_pair("limit", &EVENTS_MAX.to_string());
        let mut answer = self.send(self.client.get(url)).await.context("read the events of a profile")?;
        serde_json::from_value(answer["events"].take()).context("read the events of a profile")
    }

    /// Explains why two items are one person, or why not.
    ///
    /// # Errors
    /// If there is none of that name.
    pub async fn explanation(&self, one: &str, other: &str) -> anyhow::Result<Value> {
        let mut url = self.url(&["v1", "identity", "explain"])?;
        url.query_pairs_mut().append_pair("a", one).append_pair("b", other);
        let mut answer = self.send(self.client.get(url)).await.context("explain a merge")?;
        Ok(answer["explanation"].take())
    }

    /// Has an operator's decision taken, and returns its id.
    ///
    /// # Errors
    /// If the server refuses it, or has not applied it in time.
    pub async fn decide(&self, decision: &Value) -> anyhow::Result<String> {
        let asked = self.client.post(self.url(&["v1", "identity", "decisions"])?).json(decision);
        let answer = self.send(asked).await.context("decide")?;
        if answer["applied"] != true {
            bail!("the server has not applied a decision: {answer}");
        }
        answer["decision"]["id"].as_str().map(str::to_owned).context("read the id of a decision")
    }

    /// Counts the pairs that wait for an operator, at most so many.
    ///
    /// # Errors
    /// If the server does not answer.
    pub async fn review_count(&self, most: usize) -> anyhow::Result<u64> {
        let mut url = self.url(&["v1", "identity", "review"])?;
        url.query_pairs_mut().append_pair("limit", &most.to_string());
        let answer = self.send(self.client.get(url)).await.context("read the review queue")?;
        answer["review"].as_array().map(|review| review.len() as u64).context("read the review queue")
    }

    /// Waits until the tables hold what the log held when asked.
    ///
    /// # Errors
    /// If they do not within `timeout`; the server names what lags.
    pub async fn flush(&self, timeout: Duration) -> anyhow::Result<()> {
        let mut url = self.url(&["v1", "flush"])?;
        url.query_pairs_mut().append_pair("timeout_seconds", &timeout.as_secs().to_string());
        let asked = self.client.post(url).timeout(timeout + Duration::from_secs(10));
        self.send(asked).await.map(drop).context("flush")
    }

    /// The path of a profile, percent-encoded.
    ///
    /// # Errors
    /// If the server's address cannot have a path.
    pub fn profile_path(&self, key: &str) -> anyhow::Result<String> {
        Ok(self.url(&["v1", "profiles", key])?.path().to_owned())
    }

    fn url(&self, segments: &[&str]) -> anyhow::Result<Url> {
        let mut url = self.base.clone();
        match url.path_segments_mut() {
            Ok(mut path) => _ = path.clear().extend(segments),
            Err(()) => bail!("{} can have no path", self.base),
        }
        Ok(url)
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Value> {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        if !status.is_success() {
            bail!("the server answered {status}: {text}");
        }
        serde_json::from_str(&text).context("read the server's JSON")
    }
}
