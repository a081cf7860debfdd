//! History: what became of the ids that were published before a batch.

use crate::apply::Batch;
use crate::{ProfileChange, Result};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tributary_protocol::Timestamp;
use tributary_resolve::Changes;
use uuid::Uuid;

/// The groups of a batch by the ids they have now.
pub(crate) type Assigned = BTreeMap<u128, Vec<u128>>;

/// The profiles that nodes were in before the batch.
#[derive(Default)]
pub(crate) struct Former {
    of_node: HashMap<u128, u128>,
    profiles: BTreeMap<u128, Vec<u128>>,
}

impl Former {
    /// Notes the profile a node was in; 0 if it was in none. A node comes once.
    pub(crate) fn add(&mut self, node: u128, profile: u128) {
        if profile != 0 {
            self.of_node.insert(node, profile);
            self.profiles.entry(profile).or_default().push(node);
        }
    }

    /// The profiles, and their members in the order they were added.
    pub(crate) fn profiles(&self) -> impl Iterator<Item = (&u128, &Vec<u128>)> {
        self.profiles.iter()
    }

    /// The members of a profile in the order they were added.
    pub(crate) fn members(&self, profile: u128) -> Option<&[u128]> {
        self.profiles.get(&profile).map(Vec::as_slice)
    }

    fn of(&self, node: u128) -> Option<u128> {
        self.of_node.get(&node).copied()
    }

    /// The groups that hold members of each profile, by their ids.
    fn heirs(&self, assigned: &Assigned) -> BTreeMap<u128, BTreeSet<u128>> {
        let mut heirs: BTreeMap<u128, BTreeSet<u128>> = BTreeMap::new();
        for (&id, group) in assigned {
            for old in group.iter().filter_map(|&node| self.of(node)) {
                heirs.entry(old).or_default().insert(id);
            }
        }
        heirs
    }
}

/// Tells what happened to ids that were published before.
pub(crate) fn history(batch: &mut Batch<'_>, changes: &Changes, former: &Former, assigned: &Assigned) -> Result<()> {
    let mut joined = None;
    let changed_at = Timestamp(batch.newest);
    for (old, now) in former.heirs(assigned) {
        for &id in now.iter().filter(|&&id| id != old) {
            let group = &assigned[&id];
            let from_others = group.iter().filter_map(|&node| former.of(node)).any(|profile| profile != old);
            let change = match () {
                () if now.len() > 1 => "split",
                () if from_others => "merge",
                () => "assign",
            };
            let joined = joined.get_or_insert_with(|| Joined::new(changes));
            let change = ProfileChange {
                change: change.to_owned(),
                profile_id: Uuid::from_u128(id),
                other_profile_id: Some(Uuid::from_u128(old)),
                cause: joined.cause(group).to_owned(),
                edges: named(batch, &joined.edges(group))?,
                changed_at,
            };
            batch.changes.push(change);
        }
    }
    Ok(())
}

/// What pass 1 joined in a batch.
struct Joined {
    moved: BTreeSet<u128>,
    /// The forest's edges that changed, each once, by the lesser end.
    edges: BTreeMap<u128, Vec<u128>>,
}

impl Joined {
    fn new(changes: &Changes) -> Self {
        let moved = changes.components.iter().flatten().map(|node| node.0).collect();
        let mut edges: BTreeMap<u128, Vec<u128>> = BTreeMap::new();
        for change in changes.edges.iter().filter(|change| change.now.is_some_and(|(_, in_forest)| in_forest)) {
            edges.entry(change.a.0).or_default().push(change.b.0);
        }
        Self { moved, edges }
    }

    /// What made a group: identifiers seen together, or contents that match.
    fn cause(&self, group: &[u128]) -> &'static str {
        if group.iter().any(|node| self.moved.contains(node)) { "observed" } else { "matched" }
    }

    /// The edges within a group.
    fn edges(&self, group: &[u128]) -> Vec<(u128, u128)> {
        let members: BTreeSet<u128> = group.iter().copied().collect();
        let of_node = |&a: &u128| self.edges.get(&a).into_iter().flatten().map(move |&b| (a, b));
        members.iter().flat_map(of_node).filter(|(_, b)| members.contains(b)).collect()
    }
}

fn named(batch: &mut Batch<'_>, edges: &[(u128, u128)]) -> Result<String> {
    let mut names = Vec::with_capacity(edges.len());
    for &(a, b) in edges {
        names.push([batch.known_node(a)?.identifier.to_string(), batch.known_node(b)?.identifier.to_string()]);
    }
    Ok(json!(names).to_string())
}
