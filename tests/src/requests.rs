//! What a test asks of a running server: events to the ingest port, everything else from the admin port.

use crate::cli::tributary;
use crate::metrics::Metrics;
use crate::server::{Server, WRITE_KEY};
use anyhow::{Context as _, bail, ensure};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

/// Rows of a query, each an array in the order of the columns.
pub type Rows = Vec<Vec<Value>>;

/// Answer to a request.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body as JSON; null if it is none.
    pub body: Value,
    /// The body as it came.
    pub text: String,
    /// `Retry-After`, if the server asked to wait.
    pub retry_after: Option<String>,
}

impl Answer {
    /// The error code of the body; empty if it has none.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

impl Server {
    /// The client whose connections the requests of this server use.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Posts JSON to the ingest port with [`WRITE_KEY`].
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.post_bytes(path, body.to_string()).await
    }

    /// Posts any bytes to the ingest port with [`WRITE_KEY`], as JSON.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn post_bytes(&self, path: &str, body: impl Into<reqwest::Body>) -> anyhow::Result<Answer> {
        let request = self.client.post(format!("{}{path}", self.ingest_url()?));
        let request = request.basic_auth(WRITE_KEY, Some("")).header("content-type", "application/json");
        answer(request.body(body)).await
    }

    /// Posts any bytes to the ingest port with these headers and no others.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn post_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> anyhow::Result<Answer> {
        let request = self.client.post(format!("{}{path}", self.ingest_url()?));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        answer(request.body(body)).await
    }

    /// Gets from the admin port.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn admin_get(&self, path: &str) -> anyhow::Result<Answer> {
        answer(self.client.get(format!("{}{path}", self.admin_url()?))).await
    }

    /// Posts JSON to the admin port.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn admin_post(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        answer(self.client.post(format!("{}{path}", self.admin_url()?)).json(body)).await
    }

    /// Waits with `tributary flush` until the tables hold everything that is durable.
    ///
    /// # Errors
    /// If the command fails.
    pub async fn flush(&self) -> anyhow::Result<()> {
        tributary(&["flush", "--admin", &self.admin_address()?.to_string(), "--timeout", "120"]).await.map(drop)
    }

    /// Runs a query over `POST /v1/query`.
    ///
    /// # Errors
    /// If the server refuses it.
    pub async fn sql(&self, query: &str) -> anyhow::Result<Rows> {
        let answer = self.admin_post("/v1/query", &json!({ "sql": query })).await?;
        ensure!(answer.status == 200, "query {query:?} was answered {}: {}", answer.status, answer.text);
        ensure!(answer.body["truncated"] == false, "query {query:?} was cut short");
        serde_json::from_value(answer.body["rows"].clone()).context("read the rows")
    }

    /// Runs a query that yields one value.
    ///
    /// # Errors
    /// If it is refused, or yields another number of values.
    pub async fn sql_value(&self, query: &str) -> anyhow::Result<Value> {
        let rows = self.sql(query).await?;
        match rows.as_slice() {
            [row] if row.len() == 1 => Ok(row[0].clone()),
            _ => bail!("query {query:?} yields {rows:?} where one value is wanted"),
        }
    }

    /// Runs a query that yields one count.
    ///
    /// # Errors
    /// If it is refused, or yields something else.
    pub async fn count(&self, query: &str) -> anyhow::Result<u64> {
        let value = self.sql_value(query).await?;
        value.as_u64().with_context(|| format!("query {query:?} yields {value} where a count is wanted"))
    }

    /// Runs `tributary sql --format csv` on the data folder, whether the server runs or not.
    ///
    /// # Errors
    /// If the command fails.
    pub async fn sql_csv(&self, query: &str) -> anyhow::Result<String> {
        let data_dir = self.data_dir().to_string_lossy().into_owned();
        tributary(&["sql", "--data-dir", &data_dir, "--format", "csv", query]).await
    }

    /// The profile of an identifier written `kind:value`, if there is one.
    ///
    /// # Errors
    /// If the answer is neither 200 nor 404.
    pub async fn profile(&self, key: &str) -> anyhow::Result<Option<Value>> {
        let answer = self.admin_get(&format!("/v1/profiles/{}", percent_encoded(key))).await?;
        match answer.status {
            200 => Ok(Some(answer.body)),
            404 => Ok(None),
            status => bail!("the profile of {key} was answered {status}: {}", answer.text),
        }
    }

    /// Reads `/metrics`.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn metrics(&self) -> anyhow::Result<Metrics> {
        Ok(Metrics::parse(&self.admin_get("/metrics").await?.text))
    }
}

/// Sends a request and reads its answer.
async fn answer(request: RequestBuilder) -> anyhow::Result<Answer> {
    let response = request.send().await.context("send a request")?;
    let status = response.status().as_u16();
    let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let text = response.text().await.context("read an answer")?;
    Ok(Answer { status, body: serde_json::from_str(&text).unwrap_or_default(), text, retry_after })
}

/// Encodes a key for a path; the colons that part kind and value stay.
fn percent_encoded(key: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b':' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    key.bytes().map(encode).collect()
}
