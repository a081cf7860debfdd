//! Decisions within pass 1. Exclusive identifiers join by themselves, unless
//! an operator said otherwise: a region of observed edges, refused ones
//! included, that a decision is about is solved afresh when it changes.

use crate::Result;
use crate::apply::Batch;
use crate::decision::{Action, Decision, ItemId};
use crate::values::StoredEdge;
use std::collections::{BTreeMap, BTreeSet};
use tributary_protocol::{Identifier, is_exclusive};
use tributary_resolve::{Apart, Changes, Edge, NodeFacts, NodeId, kruskal_apart};

/// What decisions forbid pass 1.
#[derive(Default)]
struct Constraints {
    /// Nodes of the one set are never with nodes of the other.
    apart: Vec<Apart>,
    /// Edges that count as never seen.
    cut: BTreeSet<(NodeId, NodeId)>,
    /// Identifiers that join nothing.
    generic: BTreeSet<NodeId>,
}

impl Constraints {
    fn nodes(&self) -> BTreeSet<u128> {
        let apart = self.apart.iter().flat_map(|(one, other)| one.iter().chain(other));
        let cut = self.cut.iter().flat_map(|(one, other)| [one, other]);
        apart.chain(cut).chain(&self.generic).map(|node| node.0).collect()
    }
}

/// The edges of a region, each once, and whether the forest holds it.
type Region = (BTreeSet<u128>, BTreeMap<(NodeId, NodeId), (Edge, bool)>);

impl Batch<'_> {
    /// Solves afresh what decisions are about. `reconsidered` are decisions
    /// that this batch made or undid.
    pub(crate) fn constrain(&mut self, changes: &mut Changes, reconsidered: &[Decision]) -> Result<()> {
        if !self.inner.decides() || (self.decisions.is_empty() && reconsidered.is_empty()) {
            return Ok(());
        }
        let mut constraints = Constraints::default();
        for decision in self.decisions.clone().values() {
            self.forbid(decision, &mut constraints)?;
        }
        let mut named = constraints.nodes();
        let mut lifted = Constraints::default();
        for decision in reconsidered {
            self.forbid(decision, &mut lifted)?;
        }
        named.extend(lifted.nodes());
        let moved = changes.components.iter().flatten().map(|node| node.0);
        let ends = changes.edges.iter().flat_map(|change| [change.a.0, change.b.0]);
        let mut touched: BTreeSet<u128> = moved.chain(ends).chain(lifted.nodes()).collect();
        touched.extend(self.homes_of_new_items());
        let mut seen = BTreeSet::new();
        for node in touched {
            if seen.contains(&node) || self.node(node)?.is_none() {
                continue;
            }
            let region = self.region_of(node)?;
            seen.extend(region.0.iter().copied());
            if !region.0.is_disjoint(&named) {
                self.solve_afresh(&region, &constraints, changes)?;
            }
        }
        Ok(())
    }

    /// Adds what a decision forbids pass 1.
    fn forbid(&mut self, decision: &Decision, constraints: &mut Constraints) -> Result<()> {
        match &decision.action {
            Action::NeverTogether { one, other } => {
                let (one, other) = (self.homes(one)?, self.homes(other)?);
                constraints.apart.push((one, other));
            }
            Action::Detach { item, field, value } if is_exclusive(field) => {
                let Some(identifier) = Identifier::new(field, value) else { return Ok(()) };
                let value = NodeId(identifier.hash());
                constraints
                    .cut
                    .extend(self.homes(&[*item])?.into_iter().map(|home| (home.min(value), home.max(value))));
            }
            Action::Generic { field, value } if is_exclusive(field) => {
                constraints.generic.extend(Identifier::new(field, value).map(|identifier| NodeId(identifier.hash())));
            }
            Action::Detach { .. } | Action::Generic { .. } | Action::Assert { .. } => {}
        }
        Ok(())
    }

    /// The units of items; those not seen yet have none.
    fn homes(&mut self, items: &[ItemId]) -> Result<BTreeSet<NodeId>> {
        let mut homes = BTreeSet::new();
        for item in items {
            homes.extend(self.home_of(item.0)?.map(NodeId));
        }
        Ok(homes)
    }

    /// Every node that observed edges lead to.
    fn region_of(&mut self, node: u128) -> Result<Region> {
        let mut nodes = BTreeSet::from([node]);
        let mut edges = BTreeMap::new();
        let mut queue = vec![node];
        while let Some(node) = queue.pop() {
            for (end, strength, in_forest) in self.edges_of(node)? {
                let found = Edge::new(NodeId(node), NodeId(end), strength);
                edges.insert(found.key(), (found, in_forest));
                if nodes.insert(end) {
                    queue.push(end);
                }
            }
        }
        Ok((nodes, edges))
    }

    fn solve_afresh(&mut self, region: &Region, constraints: &Constraints, changes: &mut Changes) -> Result<()> {
        let (nodes, edges) = region;
        let mut facts = BTreeMap::new();
        for &node in nodes {
            let Some(known) = self.node(node)? else { continue };
            let generic = known.generic || constraints.generic.contains(&NodeId(node));
            facts.insert(NodeId(node), NodeFacts { is_user_id: known.is_user_id(), generic });
        }
        let kept: Vec<Edge> =
            edges.iter().filter(|(key, _)| !constraints.cut.contains(key)).map(|(_, (edge, _))| *edge).collect();
        let forest = kruskal_apart(&facts, &kept, &constraints.apart);
        for (key, (found, was_in_forest)) in edges {
            let in_forest = forest.edges.contains(key);
            if in_forest != *was_in_forest {
                let edge = StoredEdge { strength: found.strength, in_forest };
                for (from, to) in [(found.a, found.b), (found.b, found.a)] {
                    self.set_edge(from.0, to.0, Some(edge))?;
                }
            }
            for change in changes.edges.iter_mut().filter(|change| (change.a, change.b) == *key) {
                change.now = change.now.map(|(strength, _)| (strength, in_forest));
            }
        }
        changes.components.retain(|component| component.iter().all(|node| !nodes.contains(&node.0)));
        changes.components.extend(forest.components);
        Ok(())
    }
}
