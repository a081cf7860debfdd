//! The commands about identity that ask the running server.

use crate::client;
use crate::data_dir::{ServerAddress, running_server};
use crate::settings;
use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use tributary_config::Config;

/// Decisions about who is who, and what waits for one. Items are named by
/// `item:ID`, `kind:value` (`crm:contacts:42`) or `profile_id:ID`.
#[derive(Subcommand)]
pub enum LiveCommand {
    /// Keep two sets of items apart, for ever
    #[command(after_help = "Example: tributary identity never-together --one crm:contacts:1 --other crm:contacts:2 \
                            --reason \"father and son\"")]
    NeverTogether {
        /// Items of the one side
        #[arg(long, required = true, value_name = "ITEM")]
        one: Vec<String>,
        /// Items of the other side
        #[arg(long, required = true, value_name = "ITEM")]
        other: Vec<String>,
        #[command(flatten)]
        because: Because,
    },
    /// Part items from the rest of their profile
    #[command(after_help = "Example: tributary identity split user_id:u1 crm:contacts:2 --reason \"another person\"")]
    Split {
        /// The profile, by its id or one of its identifiers
        profile: String,
        /// The items that are somebody else
        #[arg(required = true)]
        items: Vec<String>,
        #[command(flatten)]
        because: Because,
    },
    /// Say that two items are one person
    #[command(after_help = "Example: tributary identity assert crm:contacts:1 user_id:u7 --reason \"she called\"")]
    Assert {
        /// An item
        one: String,
        /// Another
        other: String,
        #[command(flatten)]
        because: Because,
    },
    /// Read an item as if it did not hold a value
    #[command(
        after_help = "Example: tributary identity detach crm:contacts:1 phone +4930901820 --reason \"typed wrong\""
    )]
    Detach {
        /// The item
        item: String,
        /// What the value is of: email, phone, device, given_name, user_id, ...
        field: String,
        /// The value
        value: String,
        #[command(flatten)]
        because: Because,
    },
    /// Read a value as missing everywhere: undoes all that it joined
    #[command(after_help = "Example: tributary identity generic phone +4930901820 --reason \"our own hotline\"")]
    Generic {
        /// What the value is of: email, phone, device, given_name, user_id, ...
        field: String,
        /// The value
        value: String,
        #[command(flatten)]
        because: Because,
    },
    /// Take a decision back
    #[command(after_help = "Example: tributary identity undo 5f0c... --reason \"was right after all\"")]
    Undo {
        /// Its id
        decision: String,
        #[command(flatten)]
        because: Because,
    },
    /// List the decisions in force
    Decisions(Place),
    /// Tell what the model, cut and keys of another configuration would merge and split
    #[command(
        after_help = "Example: tributary identity preview --config new.yaml\n\nTo apply it, start the server with it."
    )]
    Preview {
        /// The other configuration
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        #[command(flatten)]
        place: Place,
    },
    /// List what guards held back or is likely but not enough; decide with `assert` or `never-together`
    Review(Listing),
    /// List what the matching model would join, in mode observe
    Suggestions(Listing),
    /// Show the items of a profile or identifier
    Items {
        /// The profile, identifier or item
        key: String,
        #[command(flatten)]
        place: Place,
    },
}

/// Where the server is.
#[derive(Args)]
pub struct Place {
    /// Data folder of the running server
    #[arg(long, default_value = settings::DATA_DIR)]
    data_dir: PathBuf,
}

/// A list of the running server.
#[derive(Args)]
pub struct Listing {
    #[command(flatten)]
    place: Place,
    /// Most entries
    #[arg(long, default_value_t = super::LIMIT)]
    limit: usize,
}

/// Who decides, and why.
#[derive(Args)]
pub struct Because {
    /// Why
    #[arg(long)]
    reason: String,
    /// Who decides
    #[arg(long, env = "USER", default_value = "operator")]
    author: String,
    /// Only tell what would change
    #[arg(long)]
    preview: bool,
    #[command(flatten)]
    place: Place,
}

impl LiveCommand {
    /// Carries the command out.
    ///
    /// # Errors
    /// If no server runs on the data folder, or it refuses.
    pub async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::NeverTogether { one, other, because } => {
                decide(because, json!({ "action": "never-together", "one": one, "other": other })).await
            }
            Self::Split { profile, items, because } => {
                decide(because, json!({ "action": "split", "profile": profile, "items": items })).await
            }
            Self::Assert { one, other, because } => {
                decide(because, json!({ "action": "assert", "one": one, "other": other })).await
            }
            Self::Detach { item, field, value, because } => {
                decide(because, json!({ "action": "detach", "item": item, "field": field, "value": value })).await
            }
            Self::Generic { field, value, because } => {
                decide(because, json!({ "action": "generic", "field": field, "value": value })).await
            }
            Self::Undo { decision, because } => {
                decide(because, json!({ "action": "undo", "decision": decision })).await
            }
            Self::Decisions(place) => list(&place, "/v1/identity/decisions", "decisions", decision_line).await,
            Self::Preview { config, place } => preview(&config, &place).await,
            Self::Review(Listing { place, limit }) => {
                list(&place, &format!("/v1/identity/review?limit={limit}"), "review", review_line).await
            }
            Self::Suggestions(Listing { place, limit }) => {
                let path = format!("/v1/identity/suggestions?limit={limit}");
                list(&place, &path, "suggestions", suggestion_line).await
            }
            Self::Items { key, place } => {
                let mut path = reqwest::Url::parse("http://server/v1/identity/items")?;
                if let Ok(mut segments) = path.path_segments_mut() {
                    segments.push(&key);
                }
                list(&place, path.path(), "items", item_line).await
            }
        }
    }
}

pub(super) async fn server(place: &Place) -> anyhow::Result<ServerAddress> {
    let server = running_server(&place.data_dir).await?;
    server.with_context(|| {
        format!(
            "no server runs on {}: start it with `tributary run`, or name its folder with --data-dir",
            place.data_dir.display()
        )
    })
}

async fn decide(because: Because, mut wanted: Value) -> anyhow::Result<()> {
    wanted["author"] = because.author.into();
    wanted["reason"] = because.reason.into();
    wanted["preview"] = because.preview.into();
    let answer = client::post(&server(&because.place).await?, "/v1/identity/decisions", &wanted).await?;
    let mut out = std::io::stdout().lock();
    let changes = answer["changes"].as_array().map_or(&[][..], Vec::as_slice);
    for change in changes {
        let (kind, profile, other) =
            (text(&change["change"]), text(&change["profile_id"]), text(&change["other_profile_id"]));
        writeln!(out, "{kind}: profile {profile}, was {other}")?;
    }
    if changes.is_empty() {
        writeln!(out, "no profile changes")?;
    }
    match (because.preview, answer["applied"].as_bool()) {
        (true, _) => writeln!(out, "only a preview: nothing was decided")?,
        (false, Some(true)) => writeln!(out, "decision {}", text(&answer["decision"]["id"]))?,
        _ => writeln!(out, "decision {}: durable, not applied yet", text(&answer["decision"]["id"]))?,
    }
    Ok(())
}

async fn preview(config: &Path, place: &Place) -> anyhow::Result<()> {
    let identity = Config::load(config)?.identity;
    let read =
        |path: PathBuf| std::fs::read_to_string(&path).with_context(|| format!("read the model {}", path.display()));
    let wanted = json!({ "model": identity.model.map(read).transpose()?, "cut": identity.cut, "keys": identity.keys });
    let answer = client::post(&server(place).await?, "/v1/identity/preview", &wanted).await?;
    Ok(writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&answer["forecast"])?)?)
}

async fn list(place: &Place, path: &str, name: &str, line: fn(&Value) -> String) -> anyhow::Result<()> {
    let answer = client::get(&server(place).await?, path).await?;
    let mut out = std::io::stdout().lock();
    let entries = answer[name].as_array().map_or(&[][..], Vec::as_slice);
    Ok(entries.iter().try_for_each(|entry| writeln!(out, "{}", line(entry)))?)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

fn decision_line(decision: &Value) -> String {
    let (id, action) = (text(&decision["id"]), text(&decision["action"]));
    format!("{id} {action} by {}: {}", text(&decision["author"]), text(&decision["reason"]))
}

fn review_line(entry: &Value) -> String {
    let probability = entry["match_probability"].as_f64().unwrap_or_default();
    let (one, other) = (name_of(&entry["one"]), name_of(&entry["other"]));
    format!("{probability:.3} {} {one} {other}", text(&entry["reason"]))
}

fn suggestion_line(items: &Value) -> String {
    let names = items.as_array().map_or(&[][..], Vec::as_slice).iter().map(name_of);
    names.collect::<Vec<_>>().join(" ")
}

pub(super) fn item_line(item: &Value) -> String {
    format!("{} profile_id:{} {}", name_of(item), text(&item["profile_id"]), item["values"])
}

/// An item with the identifier it is known by.
fn name_of(item: &Value) -> String {
    format!("item:{} ({})", text(&item["id"]), text(&item["node"]))
}
