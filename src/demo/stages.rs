//! What identifiers join by themselves, read out of the tables: the first of
//! the two stages that profiles come of.

use super::api::Api;
use serde_json::Value;
use std::collections::HashMap;

/// Every set of identifiers that came with an owner.
const SEEN: &str = "SELECT DISTINCT node, identifiers FROM events WHERE node IS NOT NULL";
/// Kinds that join nobody: shared by households, colleagues and chance.
const KINDS_NOT_JOINING: [&str; 2] = ["phone", "group_id"];

/// Sets of identifiers that records carried together.
#[derive(Default)]
pub struct Joined {
    places: HashMap<String, usize>,
    parents: Vec<usize>,
}

impl Joined {
    /// Joins the identifiers of every event.
    ///
    /// # Errors
    /// If the server does not answer.
    pub async fn of_events(api: &Api) -> anyhow::Result<Self> {
        let mut joined = Self::default();
        for (node, identifiers) in api.query::<(String, String)>(SEEN).await? {
            let identifiers: Value = serde_json::from_str(&identifiers)?;
            for other in joining(&identifiers) {
                joined.join(&node, &other);
            }
        }
        Ok(joined)
    }

    /// Joins two identifiers, each `kind:value`.
    pub fn join(&mut self, one: &str, other: &str) {
        let (one, other) = (self.place(one), self.place(other));
        let (one, other) = (self.root(one), self.root(other));
        self.parents[one.max(other)] = one.min(other);
    }

    /// Whether a chain of records carries from one to the other.
    pub fn are_joined(&mut self, one: &str, other: &str) -> bool {
        let (one, other) = (self.place(one), self.place(other));
        self.root(one) == self.root(other)
    }

    /// The set of each identifier, by the name of its first.
    pub fn sets(&mut self) -> HashMap<String, String> {
        let places: Vec<(String, usize)> = self.places.iter().map(|(name, place)| (name.clone(), *place)).collect();
        places.into_iter().map(|(name, place)| (name, self.root(place).to_string())).collect()
    }

    fn place(&mut self, name: &str) -> usize {
        if let Some(&place) = self.places.get(name) {
            return place;
        }
        self.places.insert(name.to_owned(), self.parents.len());
        self.parents.push(self.parents.len());
        self.parents.len() - 1
    }

    fn root(&mut self, mut place: usize) -> usize {
        while self.parents[place] != place {
            self.parents[place] = self.parents[self.parents[place]];
            place = self.parents[place];
        }
        place
    }
}

/// The identifiers that join, as `kind:value`, of a list `[{"kind", "value"}]`.
pub fn joining(identifiers: &Value) -> impl Iterator<Item = String> {
    let of = |item: &Value| Some((item["kind"].as_str()?.to_owned(), item["value"].as_str()?.to_owned()));
    let joins = |(kind, _): &(String, String)| !KINDS_NOT_JOINING.contains(&kind.as_str());
    identifiers
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(of)
        .filter(joins)
        .map(|(kind, value)| format!("{kind}:{value}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn chains_join_and_phones_do_not() {
        let mut joined = Joined::default();
        for (node, identifiers) in [
            ("user_id:u", json!([{"kind": "email", "value": "e"}, {"kind": "phone", "value": "+1"}])),
            ("crm:contacts:1", json!([{"kind": "email", "value": "e"}])),
            ("crm:contacts:2", json!([{"kind": "phone", "value": "+1"}, {"kind": "crm:contacts", "value": "2"}])),
        ] {
            joining(&identifiers).for_each(|other| joined.join(node, &other));
        }
        assert!(joined.are_joined("user_id:u", "crm:contacts:1"));
        assert!(!joined.are_joined("user_id:u", "crm:contacts:2") && !joined.are_joined("user_id:u", "email:new"));
        let sets = joined.sets();
        assert!(sets["user_id:u"] == sets["email:e"] && sets["email:e"] != sets["crm:contacts:2"]);
    }
}
