//! The commands that ask a running server over its admin port.

use anyhow::{Context as _, bail};
use reqwest::{Client, Response};
use serde_json::Value;
use std::time::Duration;

/// Says which part of the tables lags when a flush runs out of time.
///
/// # Errors
/// If the server does not answer, or not all tables reached the log's end in time.
pub async fn flush(admin: &str, timeout: Duration) -> anyhow::Result<()> {
    let url = format!("http://{admin}/v1/flush?timeout_seconds={}", timeout.as_secs());
    let request = Client::new().post(url).timeout(timeout + Duration::from_secs(10));
    let response = request.send().await.with_context(|| format!("ask the server at {admin}: is it running?"))?;
    checked(response).await.map(drop)
}

async fn checked(response: Response) -> anyhow::Result<Response> {
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status();
    let text = response.text().await.unwrap_or_default();
    let message =
        serde_json::from_str::<Value>(&text).ok().and_then(|body| body["message"].as_str().map(str::to_owned));
    match message {
        Some(message) => bail!("{message}"),
        None => bail!("the server answered {status}: {text}"),
    }
}
