//! Explains a merge: which records the profile holds, and which record joined
//! which identifiers.

use super::api::Api;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Profiles that hold the most, by sources and then by records.
const RICHEST: &str = "SELECT profile_id, count(DISTINCT source) AS sources, count(DISTINCT node) AS nodes \
    FROM events WHERE profile_id IS NOT NULL GROUP BY profile_id ORDER BY sources DESC, nodes DESC, profile_id LIMIT 3";

/// Kinds that join nobody: shared by households, colleagues and chance.
const KINDS_NOT_JOINING: [&str; 2] = ["phone", "group_id"];

/// A profile that was joined from several source records.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Merge {
    /// The profile.
    pub profile_id: String,
    /// The person's name, of the traits.
    pub name: String,
    /// An email address to ask for the profile by, if it has one.
    pub email: Option<String>,
    /// What it holds.
    pub holds: Vec<Held>,
    /// What joined it.
    pub joins: Vec<Join>,
    /// How often its id appears in `profile_changes`.
    pub changes: u64,
}

/// A source record of a profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Held {
    /// `kind:value`.
    pub node: String,
    /// The sources that sent records of it.
    pub sources: BTreeSet<String>,
    /// How many.
    pub records: u64,
}

/// Two identifiers, and the first record that carried both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Join {
    /// The record's owner.
    pub a: String,
    /// What it carried beside.
    pub b: String,
    /// Source of the record.
    pub source: String,
    /// Its type.
    pub kind: String,
    /// Its time.
    pub at: String,
}

/// Explains the three profiles that hold the most.
///
/// # Errors
/// If the server does not answer.
pub async fn three_merges(api: &Api) -> anyhow::Result<Vec<Merge>> {
    let richest: Vec<(String, u64, u64)> = api.query(RICHEST).await?;
    let mut merges = Vec::new();
    for (profile_id, ..) in richest {
        merges.push(explain(api, profile_id).await?);
    }
    Ok(merges)
}

async fn explain(api: &Api, profile_id: String) -> anyhow::Result<Merge> {
    let key = format!("profile_id:{profile_id}");
    let profile = api.profile(&key).await?;
    let mut events = api.events(&key).await?;
    events.reverse();
    let counted = format!("SELECT count(*) FROM profile_changes WHERE profile_id = '{profile_id}'");
    let changes: Vec<(u64,)> = api.query(&counted).await?;
    let text = |name: &str| profile["traits"][name].as_str().unwrap_or_default().to_owned();
    let mut emails = profile["identifiers"].as_array().into_iter().flatten().filter(|item| item["kind"] == "email");
    Ok(Merge {
        name: format!("{} {}", text("first_name"), text("last_name")).trim().to_owned(),
        email: emails.find_map(|item| item["value"].as_str()).map(str::to_owned),
        holds: holds(&events),
        joins: joins(&events),
        changes: changes.first().map_or(0, |row| row.0),
        profile_id,
    })
}

/// The owners of the events, and where they came from.
fn holds(events: &[Value]) -> Vec<Held> {
    let mut held: BTreeMap<&str, Held> = BTreeMap::new();
    for event in events {
        let (Some(node), Some(source)) = (event["node"].as_str(), event["source"].as_str()) else { continue };
        let first = || Held { node: node.to_owned(), sources: BTreeSet::new(), records: 0 };
        let entry = held.entry(node).or_insert_with(first);
        entry.sources.insert(source.to_owned());
        entry.records += 1;
    }
    held.into_values().collect()
}

/// Goes through the events, oldest first, and keeps each one that joins what
/// was apart: a spanning forest of the profile's identifiers.
fn joins(events: &[Value]) -> Vec<Join> {
    let mut parts: Vec<BTreeSet<String>> = Vec::new();
    let mut joins = Vec::new();
    for event in events {
        let Some(owner) = event["node"].as_str() else { continue };
        for other in identifiers(event).filter(|other| other != owner) {
            let together = parts.iter().any(|part| part.contains(owner) && part.contains(&other));
            if together {
                continue;
            }
            let (touched, rest): (Vec<_>, Vec<_>) =
                parts.into_iter().partition(|part| part.contains(owner) || part.contains(&other));
            let mut joined: BTreeSet<String> = touched.into_iter().flatten().collect();
            joined.extend([owner.to_owned(), other.clone()]);
            parts = rest;
            parts.push(joined);
            let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            let (source, kind, at) = (text("source"), text("type"), text("timestamp"));
            joins.push(Join { a: owner.to_owned(), b: other, source, kind, at });
        }
    }
    joins
}

/// The identifiers of an event that join, as `kind:value`.
fn identifiers(event: &Value) -> impl Iterator<Item = String> {
    let of = |item: &Value| Some((item["kind"].as_str()?.to_owned(), item["value"].as_str()?.to_owned()));
    let joining = |(kind, _): &(String, String)| !KINDS_NOT_JOINING.contains(&kind.as_str());
    let items = event["identifiers"].as_array().into_iter().flatten();
    items.filter_map(of).filter(joining).map(|(kind, value)| format!("{kind}:{value}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(at: &str, node: &str, others: &[(&str, &str)]) -> Value {
        let identifiers: Vec<Value> =
            others.iter().map(|(kind, value)| json!({"kind": kind, "value": value})).collect();
        json!({"timestamp": at, "node": node, "source": "web", "type": "track", "identifiers": identifiers})
    }

    #[test]
    fn a_spanning_forest_of_first_evidence() {
        let events = [
            event("1", "anonymous_id:a", &[("anonymous_id", "a"), ("phone", "+1")]),
            event("2", "user_id:u", &[("anonymous_id", "a"), ("user_id", "u")]),
            event("3", "user_id:u", &[("anonymous_id", "a"), ("email", "e"), ("user_id", "u")]),
            event("4", "email:e", &[("anonymous_id", "a"), ("email", "e")]),
        ];
        let seen: Vec<(String, String, String)> =
            joins(&events).into_iter().map(|join| (join.at, join.a, join.b)).collect();
        let expected = [("2", "user_id:u", "anonymous_id:a"), ("3", "user_id:u", "email:e")];
        assert_eq!(seen, expected.map(|(at, a, b)| (at.to_owned(), a.to_owned(), b.to_owned())));
        assert_eq!(holds(&events).iter().map(|held| held.records).collect::<Vec<_>>(), [1, 1, 2]);
    }
}
