//! Explains a merge: which records the profile holds, which record joined
//! which identifiers, and what records without a common identifier are worth
//! as evidence.

use super::api::Api;
use super::stages::{Joined, joining};
use anyhow::Context as _;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Profiles that hold the most, by sources and then by records.
const RICHEST: &str = "SELECT profile_id, count(DISTINCT source) AS sources, count(DISTINCT node) AS nodes \
    FROM events WHERE profile_id IS NOT NULL GROUP BY profile_id ORDER BY sources DESC, nodes DESC, profile_id LIMIT 2";
/// Profiles of two of the CRM's contacts: somebody was entered twice.
const ENTERED_TWICE: &str = "SELECT profile_id, min(node), max(node) FROM identities WHERE kind = 'crm:contacts' \
    GROUP BY profile_id HAVING count(*) = 2 ORDER BY profile_id LIMIT 200";

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
    /// What joined two of its records that share no identifier.
    pub contents: Option<Contents>,
    /// How often its id appears in `profile_changes`.
    pub changes: u64,
}

/// Two records that only what they say joined.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Contents {
    /// The records, as `kind:value`.
    pub records: [String; 2],
    /// What any two records are worth, in bits.
    pub prior: f64,
    /// What each bundle of fields adds.
    pub contributions: Vec<Contribution>,
    /// Their sum.
    pub match_weight: f64,
    /// From 0 to 1.
    pub match_probability: f64,
}

/// What fields that count together add to a match weight.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Contribution {
    /// In bits.
    pub match_weight: f64,
    /// What is compared: field, level and the values of both.
    pub compared: Vec<String>,
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

/// Explains the two profiles that hold the most, and one that was found by
/// contents alone.
///
/// # Errors
/// If the server does not answer.
pub async fn three_merges(api: &Api, joined: &mut Joined) -> anyhow::Result<Vec<Merge>> {
    let richest: Vec<(String, u64, u64)> = api.query(RICHEST).await?;
    let mut merges = Vec::new();
    for (profile_id, ..) in richest {
        merges.push(explain(api, profile_id).await?);
    }
    let twice: Vec<(String, String, String)> = api.query(ENTERED_TWICE).await?;
    for (profile_id, one, other) in twice.into_iter().filter(|(_, one, other)| !joined.are_joined(one, other)) {
        let explanation = api.explanation(&one, &other).await?;
        if let [step] = explanation["together"]["steps"].as_array().map_or(&[][..], Vec::as_slice) {
            let contents = contents(&step["hop"], [one, other]).context("read an explanation")?;
            merges.push(Merge { contents: Some(contents), ..explain(api, profile_id).await? });
            break;
        }
    }
    Ok(merges)
}

/// Reads why two records are one; `None` if something is missing.
fn contents(hop: &Value, records: [String; 2]) -> Option<Contents> {
    let comparisons = hop["comparisons"].as_array()?;
    let of_fields = |fields: &Value| {
        let of_bundle = fields.as_array().into_iter().flatten().filter_map(Value::as_u64);
        let fields = of_bundle.filter_map(|field| comparisons.get(usize::try_from(field).ok()?));
        fields.filter(|comparison| comparison["missing"] == false).filter_map(compared).collect()
    };
    let contributions = hop["contributions"].as_array()?.iter().map(|contribution| {
        let match_weight = contribution["match_weight"].as_f64()?;
        Some(Contribution { match_weight, compared: of_fields(&contribution["fields"]) })
    });
    Some(Contents {
        records,
        prior: hop["prior"].as_f64()?,
        contributions: contributions.collect::<Option<_>>()?,
        match_weight: hop["match_weight"].as_f64()?,
        match_probability: hop["match_probability"].as_f64()?,
    })
}

/// `field level: one ~ other`, each value once if they are the same.
fn compared(comparison: &Value) -> Option<String> {
    let side = |place: usize| {
        let values = comparison["values"][place].as_array().into_iter().flatten();
        values.filter_map(|value| value["text"].as_str()).collect::<Vec<_>>().join(", ")
    };
    let (one, other) = (side(0), side(1));
    let values = if one == other { one } else { format!("{one} ~ {other}") };
    Some(format!("{} {}: {values}", comparison["field"].as_str()?, comparison["level"].as_str()?))
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
        contents: None,
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
        for other in joining(&event["identifiers"]).filter(|other| other != owner) {
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
    fn an_explanation_is_read() {
        let value = |text: &str| json!([{"text": text, "generic": false}]);
        let hop = json!({
            "prior": -19.5, "match_weight": 2.25, "match_probability": 0.82,
            "comparisons": [
                {"field": "given_name", "level": "nickname", "missing": false, "values": [value("bill"), value("william")]},
                {"field": "family_name", "level": "exact", "missing": false, "values": [value("ash"), value("ash")]},
                {"field": "city", "level": "missing", "missing": true, "values": [value("leeds"), []]},
            ],
            "contributions": [{"match_weight": 21.75, "fields": [0, 1, 2]}],
        });
        let read = contents(&hop, ["a".to_owned(), "b".to_owned()]).unwrap();
        let compared = ["given_name nickname: bill ~ william", "family_name exact: ash"].map(str::to_owned);
        assert_eq!(read.contributions, [Contribution { match_weight: 21.75, compared: compared.into() }]);
        assert_eq!(contents(&json!({}), ["a".to_owned(), "b".to_owned()]), None);
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
