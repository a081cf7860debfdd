//! Paths of traits: which of a profile's traits a leaf names, and the way into
//! its value.
//!
//! `address.country` is the member `country` of the trait `address`, or else
//! the trait `address_country`: names are folded as those of traits are.

use super::Leaf;
use crate::query::Members;
use serde_json::Value;
use std::collections::HashMap;
use tributary_state::fold_trait_name;

/// The paths of a segment's leaves.
pub(super) struct TraitPaths {
    /// Names of traits that a leaf may mean, each with a slot.
    slots: HashMap<String, usize>,
    /// By leaf: the readings of its path, the one to prefer first; none for leaves of events.
    readings: Vec<Vec<Reading>>,
}

/// A trait, and where the rest of the path starts.
struct Reading {
    slot: usize,
    rest_at: usize,
}

impl TraitPaths {
    pub(super) fn of(leaves: &[Leaf]) -> Self {
        let mut slots: HashMap<String, usize> = HashMap::new();
        let mut read = |path: &str| -> Vec<Reading> {
            let ends = path.match_indices('.').map(|(at, _)| (at, at + 1)).chain([(path.len(), path.len())]);
            let reading = |(end, rest_at): (usize, usize)| {
                let next = slots.len();
                Reading { slot: *slots.entry(fold_trait_name(&path[..end])).or_insert(next), rest_at }
            };
            ends.map(reading).collect()
        };
        let readings = leaves.iter().map(|leaf| match leaf {
            Leaf::Trait { path, .. } => read(path),
            Leaf::Event { .. } => Vec::new(),
        });
        let readings = readings.collect();
        Self { slots, readings }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Picks the values that the leaves name out of a profile's traits.
    pub(super) fn values<'v>(&'v self, traits: &'v str) -> Values<'v> {
        let mut found = vec![None; self.slots.len()];
        for (name, value) in Members::of(traits) {
            if let Some(slot) = self.slots.get(&*name) {
                found[*slot] = Some(value);
            }
        }
        Values { paths: self, found }
    }
}

/// The values of one profile.
pub(super) struct Values<'v> {
    paths: &'v TraitPaths,
    found: Vec<Option<&'v str>>,
}

impl Values<'_> {
    /// The value that `path`, the path of the leaf at that position, leads to.
    pub(super) fn get(&self, leaf: usize, path: &str) -> Option<Value> {
        self.paths.readings[leaf].iter().find_map(|reading| {
            let value: Value = serde_json::from_str(self.found[reading.slot]?).ok()?;
            follow(value, &path[reading.rest_at..])
        })
    }
}

/// Follows `path` into `value`, the longest name that is there first: names of
/// members may have dots.
fn follow(value: Value, path: &str) -> Option<Value> {
    if path.is_empty() {
        return Some(value);
    }
    let Value::Object(mut members) = value else { return None };
    if let Some(value) = members.remove(path) {
        return Some(value);
    }
    path.rmatch_indices('.').find_map(|(at, _)| follow(members.remove(&path[..at])?, &path[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::Condition;

    fn check(traits: &str, path: &str, expected: Option<&str>) {
        let leaves = [Leaf::Trait { path: path.to_owned(), condition: Condition::Set }];
        let paths = TraitPaths::of(&leaves);
        let value = paths.values(traits).get(0, path).map(|value| value.to_string());
        assert_eq!(value.as_deref(), expected, "{path} in {traits}");
    }

    #[test]
    fn paths_lead_to_values() {
        let traits = r#"{"address":{"country":"DE","a.b":{"c":1}},"address_city":"Berlin","plan":"pro","x":null}"#;
        check(traits, "plan", Some(r#""pro""#));
        check(traits, "Plan", Some(r#""pro""#));
        check(traits, "address.country", Some(r#""DE""#));
        check(traits, "address.city", Some(r#""Berlin""#));
        check(traits, "address.a.b.c", Some("1"));
        check(traits, "address.a.b", Some(r#"{"c":1}"#));
        check(traits, "x", Some("null"));
        check(traits, "plan.x", None);
        check("", "plan", None);
    }
}
