//! The commands that ask a running server over its admin port.

use crate::data_dir::ServerAddress;
use anyhow::{Context as _, bail};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// How much longer than the server a command waits for its answer.
const MARGIN: Duration = Duration::from_secs(10);

fn client() -> anyhow::Result<Client> {
    // The server is on this machine or named on purpose: never by way of a proxy.
    Client::builder().no_proxy().build().context("make a client")
}

/// Waits until all tables hold what the log held when asked.
///
/// # Errors
/// If the server does not answer, or not all tables got there in time: the error names who lags.
pub async fn flush(admin: &str, token: Option<&str>, timeout: Duration) -> anyhow::Result<()> {
    let url = format!("http://{admin}/v1/flush?timeout_seconds={}", timeout.as_secs());
    let request = client()?.post(url).timeout(timeout + MARGIN);
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    let response = request.send().await;
    let response =
        response.with_context(|| format!("ask the server at {admin}: is it running, is this its admin port?"))?;
    checked(response).await.map(drop)
}

/// Runs a query on the server and returns the bytes of its result in `format`.
///
/// # Errors
/// If the server does not answer or refuses the query.
pub async fn sql(server: &ServerAddress, query: &str, format: &str, limit: Option<usize>) -> anyhow::Result<Vec<u8>> {
    let body = json!({ "sql": query, "limit": limit, "format": format });
    let response = send(server, "/v1/sql", |request| request.json(&body)).await?;
    Ok(response.bytes().await?.to_vec())
}

/// Posts a segment and returns the JSON answer.
///
/// # Errors
/// If the server does not answer or refuses the segment.
pub async fn segment(server: &ServerAddress, verb: &str, segment: Vec<u8>) -> anyhow::Result<Value> {
    let path = format!("/v1/segments/{verb}");
    Ok(send(server, &path, |request| request.body(segment)).await?.json().await?)
}

/// Asks the admin API for the JSON at `path`.
///
/// # Errors
/// If the server does not answer or refuses.
pub async fn get(server: &ServerAddress, path: &str) -> anyhow::Result<Value> {
    Ok(send_by(server, Method::GET, path, |request| request).await?.json().await?)
}

/// Posts JSON to the admin API and returns its answer.
///
/// # Errors
/// If the server does not answer or refuses.
pub async fn post(server: &ServerAddress, path: &str, body: &Value) -> anyhow::Result<Value> {
    Ok(send(server, path, |request| request.json(body)).await?.json().await?)
}

async fn send(
    server: &ServerAddress,
    path: &str,
    with_body: impl FnOnce(RequestBuilder) -> RequestBuilder,
) -> anyhow::Result<Response> {
    send_by(server, Method::POST, path, with_body).await
}

async fn send_by(
    server: &ServerAddress,
    method: Method,
    path: &str,
    with_body: impl FnOnce(RequestBuilder) -> RequestBuilder,
) -> anyhow::Result<Response> {
    let mut address = server.admin;
    if address.ip().is_unspecified() {
        let is_v4 = address.is_ipv4();
        address.set_ip(if is_v4 { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { IpAddr::V6(Ipv6Addr::LOCALHOST) });
    }
    let request = with_body(client()?.request(method, format!("http://{address}{path}")).bearer_auth(&server.token));
    let response = request.send().await;
    checked(response.with_context(|| format!("ask the server at {address} (process {})", server.pid))?).await
}

async fn checked(response: Response) -> anyhow::Result<Response> {
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status();
    let text = response.text().await.unwrap_or_default();
    let message = serde_json::from_str::<Value>(&text).ok();
    match message.as_ref().and_then(|body| body["message"].as_str()) {
        Some(message) => bail!("{message}"),
        None => bail!("the server answered {status}: {text}"),
    }
}
