//! An evidence graph in memory.

use crate::{Changes, Edge, Evidence, Neighbour, NodeFacts, NodeId, Strength};
use std::collections::BTreeMap;
use std::convert::Infallible;

/// An [`Evidence`] in memory: for tests and for graphs that fit.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    nodes: BTreeMap<NodeId, NodeFacts>,
    edges: BTreeMap<NodeId, BTreeMap<NodeId, (Strength, bool)>>,
}

impl Graph {
    /// Takes over what a batch changed.
    pub fn apply(&mut self, changes: &Changes) {
        self.nodes.extend(changes.nodes.iter().copied());
        for change in &changes.edges {
            for (from, to) in [(change.a, change.b), (change.b, change.a)] {
                let of_node = self.edges.entry(from).or_default();
                match change.now {
                    Some(now) => drop(of_node.insert(to, now)),
                    None => drop(of_node.remove(&to)),
                }
            }
        }
    }

    /// The nodes and their facts.
    #[must_use]
    pub fn nodes(&self) -> &BTreeMap<NodeId, NodeFacts> {
        &self.nodes
    }

    /// Every edge once, and whether the forest holds it.
    pub fn all_edges(&self) -> impl Iterator<Item = (Edge, bool)> {
        self.edges.iter().flat_map(|(&from, ends)| {
            ends.iter()
                .filter(move |(to, _)| from < **to)
                .map(move |(&to, &(strength, in_forest))| (Edge::new(from, to, strength), in_forest))
        })
    }
}

impl Evidence for Graph {
    type Error = Infallible;

    fn node(&self, id: NodeId) -> Result<Option<NodeFacts>, Infallible> {
        Ok(self.nodes.get(&id).copied())
    }

    fn edges(&self, id: NodeId) -> Result<Vec<Neighbour>, Infallible> {
        let neighbour =
            |(&node, &(strength, in_forest)): (&NodeId, &(Strength, bool))| Neighbour { node, strength, in_forest };
        Ok(self.edges.get(&id).map(|ends| ends.iter().map(neighbour).collect()).unwrap_or_default())
    }
}
