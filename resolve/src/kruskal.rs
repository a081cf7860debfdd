//! The partition from scratch: Kruskal's forest under the limit of one
//! `user_id` a profile. The reference the incremental forest is held to.

use crate::{Edge, NodeFacts, NodeId};
use std::collections::{BTreeMap, BTreeSet};

/// A partition and the edges that made it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forest {
    /// Edges that joined.
    pub edges: BTreeSet<(NodeId, NodeId)>,
    /// The components, each sorted, in the order of their least members.
    pub components: Vec<Vec<NodeId>>,
}

/// Two sets of nodes: no component holds nodes of both.
pub type Apart = (BTreeSet<NodeId>, BTreeSet<NodeId>);

/// Joins along `edges`, the strongest first, unless both ends are joined
/// already, both sides hold a `user_id`, or an end is generic.
#[must_use]
pub fn kruskal(nodes: &BTreeMap<NodeId, NodeFacts>, edges: &[Edge]) -> Forest {
    kruskal_apart(nodes, edges, &[])
}

/// As [`kruskal()`], and keeps the sets of each pair of `apart` apart.
#[must_use]
pub fn kruskal_apart(nodes: &BTreeMap<NodeId, NodeFacts>, edges: &[Edge], apart: &[Apart]) -> Forest {
    let mut sorted: Vec<&Edge> = edges.iter().collect();
    sorted.sort_by_key(|edge| edge.order());
    let mut parent: BTreeMap<NodeId, NodeId> = nodes.keys().map(|&node| (node, node)).collect();
    let mut holds_user_id: BTreeMap<NodeId, bool> =
        nodes.iter().map(|(&node, facts)| (node, facts.is_user_id)).collect();
    let mut sides: BTreeMap<NodeId, Sides> = nodes.keys().map(|&node| (node, Sides::of(node, apart))).collect();
    let mut forest = Forest::default();
    for edge in sorted {
        if [edge.a, edge.b].iter().any(|node| nodes.get(node).is_none_or(|facts| facts.generic)) {
            continue;
        }
        let (one, other) = (root(&parent, edge.a), root(&parent, edge.b));
        if one == other || (holds_user_id[&one] && holds_user_id[&other]) || sides[&one].part(&sides[&other]) {
            continue;
        }
        parent.insert(other, one);
        let joined = sides[&one].union(&sides[&other]);
        sides.insert(one, joined);
        let either = holds_user_id[&one] || holds_user_id[&other];
        holds_user_id.insert(one, either);
        forest.edges.insert(edge.key());
    }
    let mut groups: BTreeMap<NodeId, Vec<NodeId>> = BTreeMap::new();
    for &node in nodes.keys() {
        groups.entry(root(&parent, node)).or_default().push(node);
    }
    forest.components = groups.into_values().collect();
    forest.components.sort();
    forest
}

/// The pairs of sets whose first, and whose second, a component holds nodes of.
#[derive(Default)]
struct Sides(BTreeSet<usize>, BTreeSet<usize>);

impl Sides {
    fn of(node: NodeId, apart: &[Apart]) -> Self {
        let places = |holds: &dyn Fn(&Apart) -> bool| {
            let held = apart.iter().enumerate().filter(|(_, pair)| holds(pair));
            held.map(|(place, _)| place).collect()
        };
        Self(places(&|(one, _)| one.contains(&node)), places(&|(_, other)| other.contains(&node)))
    }

    fn part(&self, other: &Self) -> bool {
        !self.0.is_disjoint(&other.1) || !self.1.is_disjoint(&other.0)
    }

    fn union(&self, other: &Self) -> Self {
        Self(&self.0 | &other.0, &self.1 | &other.1)
    }
}

fn root(parent: &BTreeMap<NodeId, NodeId>, mut node: NodeId) -> NodeId {
    while parent[&node] != node {
        node = parent[&node];
    }
    node
}
