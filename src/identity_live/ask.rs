//! The questions of `tributary identity` that the running server answers.

use super::command::{Place, item_line, server};
use crate::client;
use anyhow::Context as _;
use reqwest::Url;
use serde_json::Value;
use std::io::Write as _;
use tributary_identity_files::{ExplainArgs, HowArgs, SearchArgs};

/// Says why two items are one person, or why not.
///
/// # Errors
/// If no server runs, it refuses, or the picture cannot be written.
pub async fn explain(args: &ExplainArgs, place: &Place) -> anyhow::Result<()> {
    let mut url = Url::parse("http://server/v1/identity/explain")?;
    let svg = args.svg.is_some().to_string();
    url.query_pairs_mut().append_pair("a", &args.one).append_pair("b", &args.other).append_pair("svg", &svg);
    let answer = client::get(&server(place).await?, &path_of(&url)).await?;
    print(&answer, "explanation", args.records.json)?;
    let Some(file) = &args.svg else { return Ok(()) };
    let picture = answer["svg"].as_str().context("there is no evidence between the two to be drawn")?;
    std::fs::write(file, picture).with_context(|| format!("write {}", file.display()))
}

/// Says how a profile came about.
///
/// # Errors
/// If no server runs, or it refuses.
pub async fn how(args: &HowArgs, place: &Place) -> anyhow::Result<()> {
    let mut url = Url::parse("http://server/v1/identity/how")?;
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.push(&args.record);
    }
    let answer = client::get(&server(place).await?, &path_of(&url)).await?;
    print(&answer, "history", args.records.json)
}

/// Finds the items that fit a description best.
///
/// # Errors
/// If no server runs, it refuses, or the description is no JSON.
pub async fn search(args: &SearchArgs, place: &Place) -> anyhow::Result<()> {
    let wanted: Value = serde_json::from_str(&args.attributes)
        .context("read the description: give a JSON object such as {\"name\": \"Ann Lee\"}")?;
    let answer = client::post(&server(place).await?, "/v1/identity/search", &wanted).await?;
    let mut out = std::io::stdout().lock();
    if args.records.json {
        return Ok(writeln!(out, "{}", serde_json::to_string_pretty(&answer)?)?);
    }
    let list = |name: &str| answer[name].as_array().map_or(&[][..], Vec::as_slice);
    for name in list("not_used") {
        writeln!(out, "note: not compared: {}", name.as_str().unwrap_or_default())?;
    }
    let matches = list("matches");
    if matches.is_empty() {
        writeln!(out, "no record fits")?;
    }
    for found in matches.iter().take(args.limit) {
        let (probability, weight) = (found["match_probability"].as_f64(), found["match_weight"].as_f64());
        let (percent, weight) = (probability.unwrap_or_default() * 100.0, weight.unwrap_or_default());
        writeln!(out, "{percent:8.3} %  {weight:8.2} bits  {}", item_line(&found["item"]))?;
    }
    Ok(())
}

fn path_of(url: &Url) -> String {
    url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
}

/// Prints an answer as the text that comes with it, or as JSON.
fn print(answer: &Value, name: &str, json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        return Ok(writeln!(out, "{}", serde_json::to_string_pretty(&answer[name])?)?);
    }
    Ok(write!(out, "{}", answer["text"].as_str().unwrap_or_default())?)
}
