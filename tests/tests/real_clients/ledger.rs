//! What a client wrote down that it sent, and the comparison with the tables.

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use tributary_tests::Server;

/// One call, as the client's driver wrote it down. A field that is absent is not compared, `null` must be null.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    call: u64,
    #[serde(rename = "type")]
    kind: String,
    event: Option<String>,
    message_id: Option<String>,
    user_id: Option<String>,
    anonymous_id: Option<String>,
    group_id: Option<String>,
    previous_id: Option<String>,
    #[serde(default)]
    properties: Map<String, Value>,
    #[serde(default)]
    traits: Map<String, Value>,
}

impl Sent {
    /// The identifiers that say whom the call is about.
    fn identifiers(&self) -> BTreeSet<String> {
        let previous = self.previous_id.as_ref().map(|id| format!("anonymous_id:{id}"));
        let user = self.user_id.as_ref().map(|id| format!("user_id:{id}"));
        let anonymous = self.anonymous_id.as_ref().map(|id| format!("anonymous_id:{id}"));
        [user, anonymous, previous].into_iter().flatten().collect()
    }
}

/// A row of `events`.
#[derive(Debug, Deserialize)]
struct Stored {
    message_id: String,
    kind: String,
    event: Option<String>,
    user_id: Option<String>,
    anonymous_id: Option<String>,
    group_id: Option<String>,
    previous_id: Option<String>,
    properties: Option<String>,
    traits: Option<String>,
    context: Option<String>,
    profile_id: Option<String>,
}

impl Stored {
    fn json(text: Option<&String>) -> anyhow::Result<Map<String, Value>> {
        text.map_or(Ok(Map::new()), |text| serde_json::from_str(text).context("read a JSON column"))
    }

    /// The traits; some clients send those of an identify call in the context only.
    fn traits(&self) -> anyhow::Result<Map<String, Value>> {
        let own = Self::json(self.traits.as_ref())?;
        let context = Self::json(self.context.as_ref())?;
        match context.get("traits") {
            Some(Value::Object(of_context)) if own.is_empty() && self.kind == "identify" => Ok(of_context.clone()),
            _ => Ok(own),
        }
    }

    /// The number that every call carries; an alias can carry none.
    fn call(&self) -> anyhow::Result<Option<u64>> {
        let carrier = match self.kind.as_str() {
            "identify" | "group" => self.traits()?,
            _ => Self::json(self.properties.as_ref())?,
        };
        Ok(carrier.get("call").and_then(Value::as_u64))
    }
}

/// Every call of one client.
pub(crate) struct Ledger(Vec<Sent>);

impl Ledger {
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).context("read the ledger")?;
        let calls: Vec<Sent> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        ensure!(calls.len() > 40, "the ledger has {} calls only", calls.len());
        Ok(Self(calls))
    }

    /// Checks that each call is one event, nothing else is, and the profiles are those of the calls.
    pub(crate) async fn compare_with(&self, server: &Server) -> anyhow::Result<()> {
        let rows = stored(server).await?;
        let mut by_call: BTreeMap<Option<u64>, Vec<&Stored>> = BTreeMap::new();
        for row in &rows {
            by_call.entry(row.call()?).or_default().push(row);
        }
        let mut pairs = Vec::new();
        for sent in &self.0 {
            let number = (sent.kind != "alias").then_some(sent.call);
            match by_call.get(&number).map(Vec::as_slice) {
                Some([row]) => pairs.push((sent, *row)),
                other => anyhow::bail!("{sent:?} is in events {} times: {other:?}", other.map_or(0, <[_]>::len)),
            }
        }
        ensure!(rows.len() == pairs.len(), "{} events were sent, {} are stored", pairs.len(), rows.len());
        for (sent, row) in &pairs {
            same_event(sent, row).with_context(|| format!("{sent:?} is stored as {row:?}"))?;
        }
        self.same_people(server, &pairs).await
    }

    /// The calls whose identifiers are connected are one person; each person must be one profile.
    async fn same_people(&self, server: &Server, pairs: &[(&Sent, &Stored)]) -> anyhow::Result<()> {
        let people = people(self.0.iter().map(Sent::identifiers));
        let mut profiles = BTreeSet::new();
        for person in &people {
            let theirs = pairs.iter().filter(|(sent, _)| !sent.identifiers().is_disjoint(person));
            let ids: BTreeSet<_> = theirs.map(|(_, row)| row.profile_id.as_deref()).collect();
            ensure!(ids.len() == 1, "the events of {person:?} are in the profiles {ids:?}");
            for key in person {
                let profile = server.profile(key).await?.with_context(|| format!("there is no profile of {key}"))?;
                ensure!(ids.contains(&profile["profile_id"].as_str()), "{key} leads to another profile: {profile}");
            }
            profiles.extend(ids);
        }
        ensure!(profiles.len() == people.len(), "{} people are in the profiles {profiles:?}", people.len());
        let count = server.count("SELECT count(*) FROM profiles").await?;
        ensure!(count == people.len() as u64, "there are {count} profiles of {} people", people.len());
        known_traits(server).await
    }
}

async fn stored(server: &Server) -> anyhow::Result<Vec<Stored>> {
    let query = "SELECT message_id, type AS kind, event, user_id, anonymous_id, group_id, previous_id, \
                 properties, traits, context, profile_id FROM events";
    let names = ["message_id", "kind", "event", "user_id", "anonymous_id", "group_id", "previous_id"];
    let names = names.into_iter().chain(["properties", "traits", "context", "profile_id"]).map(str::to_owned);
    let rows = server.sql(query).await?.into_iter();
    rows.map(|row| {
        let object: Map<String, Value> = names.clone().zip(row).collect();
        serde_json::from_value(Value::Object(object)).context("read a row of events")
    })
    .collect()
}

fn same_event(sent: &Sent, row: &Stored) -> anyhow::Result<()> {
    ensure!(sent.kind == row.kind, "another type");
    ensure!(sent.kind != "track" || sent.event == row.event, "another event");
    ensure!(sent.message_id.is_none() || sent.message_id.as_ref() == Some(&row.message_id), "another message id");
    ensure!(sent.user_id == row.user_id, "another user id");
    ensure!(sent.anonymous_id.is_none() || sent.anonymous_id == row.anonymous_id, "another anonymous id");
    ensure!(sent.group_id.is_none() || sent.group_id == row.group_id, "another group id");
    ensure!(sent.previous_id.is_none() || sent.previous_id == row.previous_id, "another previous id");
    contained(&sent.properties, &Stored::json(row.properties.as_ref())?)?;
    contained(&sent.traits, &row.traits()?)
}

/// Clients add properties and traits of their own; those that were given must be there as they were.
fn contained(sent: &Map<String, Value>, stored: &Map<String, Value>) -> anyhow::Result<()> {
    for (name, value) in sent {
        let found = stored.get(name).unwrap_or(&Value::Null);
        ensure!(found == value, "{name} is {found}");
    }
    Ok(())
}

/// Joins sets of identifiers that share one.
fn people(sets: impl Iterator<Item = BTreeSet<String>>) -> Vec<BTreeSet<String>> {
    let mut people: Vec<BTreeSet<String>> = Vec::new();
    for set in sets {
        let (same, mut others): (Vec<_>, Vec<_>) = people.into_iter().partition(|person| !person.is_disjoint(&set));
        others.push(same.into_iter().flatten().chain(set).collect());
        people = others;
    }
    people
}

/// What both identify calls of one user said, under her address as well.
async fn known_traits(server: &Server) -> anyhow::Result<()> {
    let ada = server.profile("email:ada.lovelace@example.com").await?.context("there is no profile of the address")?;
    let by_user = server.profile("user_id:u-ada").await?.context("there is no profile of the user")?;
    ensure!(ada == by_user, "the address leads to {ada}, the user id to {by_user}");
    for (name, value) in [("plan", "pro"), ("first_name", "Ada"), ("email", "Ada.Lovelace@Example.com")] {
        ensure!(ada["traits"][name] == value, "{name} is {} where {value} is wanted", ada["traits"][name]);
    }
    ensure!(ada["traits"]["logins"] == 3 && ada["traits"]["vip"] == true, "typed traits changed: {}", ada["traits"]);
    Ok(())
}
