//! The commands about identity that ask the running server.

use crate::client;
use crate::data_dir::{ServerAddress, running_server};
use crate::settings;
use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use tributary_config::{Config, IdentityMode};

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
    #[command(after_help = "Example: tributary identity decisions --data-dir ./tributary-data")]
    Decisions(Shown),
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
    /// List what guards held back or is likely but not enough; accept or reject an entry by its id
    #[command(
        args_conflicts_with_subcommands = true,
        after_help = "Examples:\n  tributary identity review --limit 20\n  \
            tributary identity review accept 9c1f... --reason \"she called\"\n  \
            tributary identity review reject 9c1f... --reason \"father and son\""
    )]
    Review {
        #[command(subcommand)]
        answer: Option<ReviewCommand>,
        #[command(flatten)]
        listing: Listing,
    },
    /// List what the matching model would join, in mode observe
    #[command(after_help = "Example: tributary identity suggestions --limit 20")]
    Suggestions(Listing),
    /// Show the items of a profile or identifier
    #[command(after_help = "Example: tributary identity items crm:contacts:42")]
    Items {
        /// The profile, identifier or item
        key: String,
        #[command(flatten)]
        shown: Shown,
    },
}

/// What is done about the review queue.
#[derive(Subcommand)]
pub enum ReviewCommand {
    /// List its entries, the most likely first
    #[command(after_help = "Example: tributary identity review list --json")]
    List(Listing),
    /// Say that the two of an entry are one person, as `assert` does
    #[command(after_help = "Example: tributary identity review accept 9c1f... --reason \"she called\"")]
    Accept(Entry),
    /// Say that the two of an entry are two people, as `never-together` does
    #[command(after_help = "Example: tributary identity review reject 9c1f... --reason \"father and son\"")]
    Reject(Entry),
}

/// An entry of the review queue.
#[derive(Args)]
pub struct Entry {
    /// Its id, as listed
    id: String,
    #[command(flatten)]
    because: Because,
}

/// Where the server is.
#[derive(Args)]
pub struct Place {
    /// Data folder of the running server
    #[arg(long, default_value = settings::DATA_DIR)]
    data_dir: PathBuf,
}

/// What is shown of the running server, and how.
#[derive(Args)]
pub struct Shown {
    #[command(flatten)]
    place: Place,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A list of the running server.
#[derive(Args)]
pub struct Listing {
    #[command(flatten)]
    shown: Shown,
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
            Self::Decisions(shown) => list(&shown, "/v1/identity/decisions", "decisions", decision_line).await,
            Self::Preview { config, place } => preview(&config, &place).await,
            Self::Review { answer: None, listing }
            | Self::Review { answer: Some(ReviewCommand::List(listing)), .. } => {
                let path = format!("/v1/identity/review?limit={}", listing.limit);
                list(&listing.shown, &path, "review", review_line).await
            }
            Self::Review { answer: Some(ReviewCommand::Accept(entry)), .. } => answer(entry, "accept").await,
            Self::Review { answer: Some(ReviewCommand::Reject(entry)), .. } => answer(entry, "reject").await,
            Self::Suggestions(Listing { shown, limit }) => {
                let path = format!("/v1/identity/suggestions?limit={limit}");
                list(&shown, &path, "suggestions", suggestion_line).await
            }
            Self::Items { key, shown } => list(&shown, &path("items", &[&key])?, "items", item_line).await,
        }
    }
}

/// The path of what segments name under `/v1/identity`, percent-encoded.
fn path(name: &str, segments: &[&str]) -> anyhow::Result<String> {
    let mut path = reqwest::Url::parse("http://server/v1/identity")?;
    if let Ok(mut all) = path.path_segments_mut() {
        all.push(name).extend(segments);
    }
    Ok(path.path().to_owned())
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

async fn decide(because: Because, wanted: Value) -> anyhow::Result<()> {
    ask_for("/v1/identity/decisions", because, wanted).await
}

async fn answer(Entry { id, because }: Entry, verdict: &str) -> anyhow::Result<()> {
    ask_for(&path("review", &[&id, verdict])?, because, json!({})).await
}

/// Asks the server for a decision, and tells what it changes.
async fn ask_for(path: &str, because: Because, mut wanted: Value) -> anyhow::Result<()> {
    wanted["author"] = because.author.into();
    wanted["reason"] = because.reason.into();
    wanted["preview"] = because.preview.into();
    let answer = client::post(&server(&because.place).await?, path, &wanted).await?;
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
    let file = Config::load(config)?;
    let identity = &file.identity;
    if identity.mode != IdentityMode::Probabilistic {
        let reason = "what is foreseen is the work of the matching model: set it to probabilistic";
        return Err(file.wrong("identity.mode", reason).into());
    }
    let read =
        |path: &PathBuf| std::fs::read_to_string(path).with_context(|| format!("read the model {}", path.display()));
    let wanted =
        json!({ "model": identity.model.as_ref().map(read).transpose()?, "cut": identity.cut, "keys": identity.keys });
    let answer = client::post(&server(place).await?, "/v1/identity/preview", &wanted).await?;
    Ok(writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&answer["forecast"])?)?)
}

async fn list(shown: &Shown, path: &str, name: &str, line: fn(&Value) -> String) -> anyhow::Result<()> {
    let answer = client::get(&server(&shown.place).await?, path).await?;
    let mut out = std::io::stdout().lock();
    if shown.json {
        return Ok(writeln!(out, "{}", serde_json::to_string_pretty(&answer[name])?)?);
    }
    let entries = answer[name].as_array().map_or(&[][..], Vec::as_slice);
    Ok(entries.iter().try_for_each(|entry| writeln!(out, "{}", line(entry)))?)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

fn decision_line(decision: &Value) -> String {
    let (id, action) = (text(&decision["id"]), text(&decision["action"]));
    let sides = ["one", "other", "item"].map(|side| named(&decision[side]));
    let value = ["field", "value"].map(|part| decision[part].as_str().unwrap_or_default().to_owned());
    let about: Vec<String> = sides.into_iter().chain(value).filter(|part| !part.is_empty()).collect();
    let (author, reason) = (text(&decision["author"]), text(&decision["reason"]));
    format!("{id} {action} {} by {author}: {reason}", about.join(" "))
}

/// One item, or several that stand on one side of a decision.
fn named(items: &Value) -> String {
    match items {
        Value::String(id) => format!("item:{id}"),
        Value::Array(ids) => ids.iter().map(named).collect::<Vec<_>>().join(","),
        _ => String::new(),
    }
}

fn review_line(entry: &Value) -> String {
    let probability = entry["match_probability"].as_f64().unwrap_or_default();
    let (one, other) = (name_of(&entry["one"]), name_of(&entry["other"]));
    format!("{} {probability:.3} {} {one} {other}", text(&entry["id"]), text(&entry["reason"]))
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
