//! What is true of the planted records, and how well profiles agree with it.
//!
//! A source record is what one system calls a person by: the owner node of
//! records (`user_id:u_000001`, `crm:contacts:10001`, `email:...`). Two source
//! records of a person are *connected* if a chain of records carries shared
//! exclusive identifiers from one to the other: those pairs are found by
//! identifiers alone. Of the rest, those can be found by what records say in
//! which both sides name somebody; what remains (a phone that the person never
//! logged in on) is hidden: nothing could tell whose it is.

use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The people behind the source records.
#[derive(Default)]
pub struct Truth {
    people: BTreeMap<u32, Person>,
}

#[derive(Default)]
struct Person {
    /// Owner nodes of the person's records.
    nodes: BTreeSet<String>,
    /// Identifiers that are connected with each other.
    components: Vec<BTreeSet<String>>,
    /// Owner nodes of records that say a name.
    named: BTreeSet<String>,
}

/// A source record of the truth.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct SourceRecord<'a> {
    /// `kind:value`.
    pub node: &'a str,
    /// Number of the person.
    pub person: u32,
    /// Source records of a person with the same number are connected.
    pub component: usize,
    /// Whether a record of its component says a name.
    #[serde(skip)]
    pub is_named: bool,
}

/// Agreement of profiles with the truth, over pairs of source records.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Agreement {
    /// Source records looked at.
    pub source_records: u64,
    /// Profiles that hold them.
    pub profiles: u64,
    /// Pairs in one profile.
    pub pairs_joined: u64,
    /// Of those, pairs of one person.
    pub pairs_right: u64,
    /// Pairs of one person that shared identifiers connect.
    pub pairs_connected: u64,
    /// Of those, pairs in one profile.
    pub pairs_found: u64,
    /// Pairs of one person.
    pub pairs_planted: u64,
    /// Of those, pairs that no shared identifier connects and of which a side names nobody.
    pub pairs_hidden: u64,
}

impl Agreement {
    /// Share of the joined pairs that belong to one person.
    pub fn precision(&self) -> f64 {
        share(self.pairs_right, self.pairs_joined)
    }

    /// Share of the connected pairs that were joined.
    pub fn recall_of_connected(&self) -> f64 {
        share(self.pairs_found, self.pairs_connected)
    }

    /// Share of all pairs of one person that were joined.
    pub fn recall(&self) -> f64 {
        share(self.pairs_right, self.pairs_planted)
    }

    /// Share of the pairs of one person that are not hidden that were joined.
    pub fn recall_of_told(&self) -> f64 {
        share(self.pairs_right, self.pairs_planted - self.pairs_hidden)
    }
}

impl Truth {
    /// Notes one record of a person: its owner node first, then the other
    /// exclusive identifiers it carries, all normalised. An empty list is a
    /// record that names nobody.
    pub fn saw(&mut self, person: u32, identifiers: &[String]) {
        let Some(owner) = identifiers.first() else { return };
        let person = self.people.entry(person).or_default();
        person.nodes.insert(owner.clone());
        let mut joined: BTreeSet<String> = identifiers.iter().cloned().collect();
        let known = std::mem::take(&mut person.components);
        for component in known {
            if component.is_disjoint(&joined) {
                person.components.push(component);
            } else {
                joined.extend(component);
            }
        }
        person.components.push(joined);
    }

    /// Notes that a record of this owner says the person's name.
    pub fn saw_name(&mut self, person: u32, owner: &str) {
        self.people.entry(person).or_default().named.insert(owner.to_owned());
    }

    /// Every source record, in the order of people and nodes.
    pub fn source_records(&self) -> impl Iterator<Item = SourceRecord<'_>> {
        self.people.iter().flat_map(|(&number, person)| {
            person.nodes.iter().map(move |node| {
                let component = person.components.iter().position(|component| component.contains(node));
                let is_named = component.is_some_and(|place| !person.components[place].is_disjoint(&person.named));
                SourceRecord { node, person: number, component: component.unwrap_or(usize::MAX), is_named }
            })
        })
    }

    /// Compares with the profile of each node. A node without a profile counts as alone.
    pub fn agreement(&self, profile_of: &HashMap<String, String>) -> Agreement {
        let (mut by_profile, mut right, mut connected, mut found, mut planted) = Default::default();
        let (mut named, mut nameless) = Default::default();
        let mut records = 0;
        for record in self.source_records() {
            let profile = profile_of.get(record.node).map_or(record.node, String::as_str);
            records += 1;
            count(&mut by_profile, profile);
            count(&mut right, (record.person, profile));
            count(&mut planted, record.person);
            count(&mut connected, (record.person, record.component));
            count(&mut found, (record.person, record.component, profile));
            if record.is_named {
                count(&mut named, record.person);
            } else {
                count(&mut nameless, (record.person, record.component));
            }
        }
        Agreement {
            source_records: records,
            profiles: by_profile.len() as u64,
            pairs_joined: pairs(&by_profile),
            pairs_right: pairs(&right),
            pairs_connected: pairs(&connected),
            pairs_found: pairs(&found),
            pairs_planted: pairs(&planted),
            pairs_hidden: pairs(&planted) - pairs(&named) - pairs(&nameless),
        }
    }
}

fn count<K: Eq + std::hash::Hash>(counts: &mut HashMap<K, u64>, key: K) {
    *counts.entry(key).or_default() += 1;
}

fn pairs<K>(counts: &HashMap<K, u64>) -> u64 {
    counts.values().map(|n| n * (n - 1) / 2).sum()
}

#[allow(clippy::cast_precision_loss, reason = "pairs are far below 2^52")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth() -> Truth {
        let mut truth = Truth::default();
        truth.saw_name(1, "crm:contacts:1");
        for (person, identifiers) in [
            (1, &["anonymous_id:a"][..]),
            (1, &["user_id:u", "anonymous_id:a"]),
            (1, &["crm:contacts:1", "email:e"]),
            (1, &["user_id:u", "email:e"]),
            (1, &["anonymous_id:z"]),
            (2, &["user_id:v"]),
            (2, &[]),
        ] {
            truth.saw(person, &identifiers.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
        }
        truth
    }

    #[track_caller]
    fn check(profiles: &[(&str, &str)], joined: u64, right: u64, found: u64) {
        let profiles = profiles.iter().map(|&(node, profile)| (node.to_owned(), profile.to_owned())).collect();
        let agreement = truth().agreement(&profiles);
        let Agreement { pairs_joined, pairs_right, pairs_found, .. } = agreement;
        assert_eq!((pairs_joined, pairs_right, pairs_found), (joined, right, found));
        let Agreement { pairs_connected, pairs_planted, pairs_hidden, source_records, .. } = agreement;
        assert_eq!((pairs_connected, pairs_planted, pairs_hidden, source_records), (3, 6, 3, 5));
    }

    #[test]
    fn pairs_are_counted() {
        let whole = [("anonymous_id:a", "p"), ("user_id:u", "p"), ("crm:contacts:1", "p")];
        check(&whole, 3, 3, 3);
        check(&whole[..2], 1, 1, 1);
        check(&[], 0, 0, 0);
        check(&[("user_id:u", "p"), ("user_id:v", "p")], 1, 0, 0);
        check(&[("user_id:u", "p"), ("anonymous_id:z", "p")], 1, 1, 0);
    }

    #[test]
    fn precision_and_recall_are_shares() {
        let joined =
            Agreement { pairs_joined: 4, pairs_right: 3, pairs_connected: 8, pairs_found: 2, ..Agreement::default() };
        let agreement = Agreement { pairs_planted: 12, pairs_hidden: 6, ..joined };
        assert_eq!((agreement.precision(), agreement.recall_of_connected()), (0.75, 0.25));
        assert_eq!((agreement.recall(), agreement.recall_of_told()), (0.25, 0.5));
        assert!((1.0..=1.0).contains(&Agreement::default().precision()));
    }
}
