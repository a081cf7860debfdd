//! Edges between items, groups of items joined beforehand, and the bounded
//! units they fall into.

use super::super::bounds::Bounds;
use super::super::counting::grouped;
use super::super::decision::Decisions;
use super::super::hash::{FastMap, FastSet};
use super::lists::grow;
use super::slots::Slots;
use std::hint::black_box;
use std::sync::Arc;

const NOWHERE: u32 = u32::MAX;

/// A group's slots.
pub(super) type Group = Vec<u32>;

/// When two items were asserted to be one, and their nodes.
type Assertion = ((i64, u64), u64, u64);

#[derive(Debug)]
pub(super) struct Graph {
    bounds: Bounds,
    /// Of each slot, both ways; weights of at least 0, in 1/256 bit.
    edges: Vec<Box<[(u32, i32)]>>,
    nodes: Vec<u64>,
    /// The next slot of the same node; [`NOWHERE`] while the item is not there.
    next: Vec<u32>,
    /// The first slot of each node.
    first: Slots,
    /// Nodes asserted to be one.
    joined: FastMap<u64, Arc<[u64]>>,
}

impl Graph {
    pub(super) fn new(bounds: Bounds) -> Self {
        let (edges, nodes, next) = Default::default();
        Self { bounds, edges, nodes, next, first: Slots::new(), joined: FastMap::default() }
    }

    /// Makes room for slots.
    pub(super) fn resize(&mut self, slots: usize) {
        grow(&mut self.edges, slots, Box::default());
        grow(&mut self.nodes, slots, 0);
        grow(&mut self.next, slots, NOWHERE);
    }

    /// Takes in the nodes of all slots, and the edges: of none there is any yet.
    pub(super) fn fill(&mut self, nodes: &[u64], edges: &[Vec<(u32, u32, i32)>]) {
        let ways = |&(one, other, weight): &(u32, u32, i32)| [(one, (other, weight)), (other, (one, weight))];
        let (edges, places) = grouped(nodes.len(), edges.iter().flatten().flat_map(ways));
        for (of_slot, ends) in self.edges.iter_mut().zip(places.windows(2)) {
            *of_slot = edges[ends[0] as usize..ends[1] as usize].into();
        }
        self.nodes.copy_from_slice(nodes);
        let mut by_node: Vec<(u64, u32)> = nodes.iter().copied().zip(0..).collect();
        by_node.sort_unstable();
        for slots in by_node.chunk_by(|one, other| one.0 == other.0) {
            for (place, &(_, slot)) in slots.iter().enumerate() {
                self.next[slot as usize] = slots[(place + 1) % slots.len()].1;
            }
        }
        by_node.dedup_by_key(|(node, _)| *node);
        self.first = Slots::of(by_node.into_iter().map(|(node, slot)| (slot, node)));
    }

    /// The weight of an edge.
    pub(super) fn weight(&self, one: u32, other: u32) -> Option<i32> {
        // The later slot of the two is more likely at hand.
        let (from, to) = (one.max(other), one.min(other));
        self.edges[from as usize].iter().find(|edge| edge.0 == to).map(|(_, weight)| *weight)
    }

    /// Reads what tells the weights of pairs: loads that do not wait for each other.
    pub(super) fn fetch(&self, pairs: &[(u32, u32)]) {
        let some = |&(one, other): &(u32, u32)| self.edges[one.max(other) as usize].first().map_or(0, |edge| edge.0);
        black_box(pairs.iter().fold(0, |sum, pair| sum ^ some(pair)));
    }

    /// Sets or takes away an edge.
    pub(super) fn set(&mut self, one: u32, other: u32, weight: Option<i32>) {
        for (from, to) in [(one, other), (other, one)] {
            let mut edges = std::mem::take(&mut self.edges[from as usize]).into_vec();
            let place = edges.iter().position(|(known, _)| *known == to);
            match (place, weight) {
                (Some(place), Some(weight)) => edges[place].1 = weight,
                (Some(place), None) => drop(edges.swap_remove(place)),
                (None, Some(weight)) => {
                    edges.reserve_exact(1);
                    edges.push((to, weight));
                }
                (None, None) => {}
            }
            self.edges[from as usize] = edges.into_boxed_slice();
        }
    }

    pub(super) fn edges(&self, slot: u32) -> &[(u32, i32)] {
        &self.edges[slot as usize]
    }

    /// The node of a slot, if its item is there.
    pub(super) fn node(&self, slot: u32) -> Option<u64> {
        (self.next[slot as usize] != NOWHERE).then(|| self.nodes[slot as usize])
    }

    /// Whether an item is by itself: without edges, its node without others.
    pub(super) fn is_alone(&self, slot: u32) -> bool {
        self.edges[slot as usize].is_empty() && self.next[slot as usize] == slot && self.joined.is_empty()
    }

    /// Moves a slot into a node, or out of every.
    pub(super) fn place(&mut self, slot: u32, node: Option<u64>) {
        if self.node(slot) == node {
            return;
        }
        self.take_out(slot);
        let Some(node) = node else { return };
        self.nodes[slot as usize] = node;
        let first = self.first(node).unwrap_or_else(|| {
            self.first.insert(node, slot);
            slot
        });
        self.next[slot as usize] = if first == slot { slot } else { self.next[first as usize] };
        self.next[first as usize] = slot;
    }

    fn take_out(&mut self, slot: u32) {
        let Some(node) = self.node(slot) else { return };
        let next = std::mem::replace(&mut self.next[slot as usize], NOWHERE);
        if next == slot {
            self.first.remove(node, slot);
            return;
        }
        let mut before = next;
        while self.next[before as usize] != slot {
            before = self.next[before as usize];
        }
        self.next[before as usize] = next;
        if self.first(node) == Some(slot) {
            self.first.remove(node, slot);
            self.first.insert(node, next);
        }
    }

    fn first(&self, node: u64) -> Option<u32> {
        self.first.get(node, |slot| self.nodes[slot as usize])
    }

    /// The slots of a node.
    fn slots_of(&self, node: u64) -> impl Iterator<Item = u32> + '_ {
        let first = self.first(node);
        std::iter::successors(first, move |&slot| Some(self.next[slot as usize]).filter(|next| Some(*next) != first))
    }

    /// The slots of the group a slot is in, its node and those joined to it.
    pub(super) fn group(&self, slot: u32) -> Group {
        let Some(node) = self.node(slot) else { return vec![slot] };
        match self.joined.get(&node) {
            Some(nodes) => nodes.iter().flat_map(|&node| self.slots_of(node)).collect(),
            None => self.slots_of(node).collect(),
        }
    }

    /// One slot of every node that is joined to one of `nodes`, and of these.
    pub(super) fn representatives(&self, nodes: &[u64]) -> Vec<u32> {
        let joined = nodes.iter().filter_map(|node| self.joined.get(node)).flat_map(|joined| joined.iter());
        nodes.iter().chain(joined).filter_map(|&node| self.first(node)).collect()
    }

    /// The nodes joined to a node, itself included.
    pub(super) fn joined(&self, node: u64) -> Vec<u64> {
        self.joined.get(&node).map_or_else(|| vec![node], |nodes| nodes.to_vec())
    }

    /// Joins nodes anew that assertions about items of `nodes` may reach.
    pub(super) fn join(&mut self, nodes: &[u64], decisions: &Decisions, slots: &Slots, ids: &[u64]) {
        if decisions.asserts_nothing() && self.joined.is_empty() {
            return;
        }
        let mut seen: FastSet<u64> = FastSet::default();
        for &node in nodes {
            if !seen.insert(node) {
                continue;
            }
            let (reached, asserts) = self.reach(node, &mut seen, decisions, slots, ids);
            self.contract(&reached, asserts, decisions, ids);
        }
    }

    /// The nodes that assertions link to `node`, and the assertions in force.
    fn reach(
        &self,
        node: u64,
        seen: &mut FastSet<u64>,
        decisions: &Decisions,
        slots: &Slots,
        ids: &[u64],
    ) -> (Vec<u64>, Vec<Assertion>) {
        let (mut reached, mut asserts) = (vec![node], Vec::new());
        let mut place = 0;
        while let Some(&node) = reached.get(place) {
            place += 1;
            for slot in self.slots_of(node) {
                let id = ids[slot as usize];
                for other in decisions.asserted_with(id) {
                    let slot = slots.get(other, |slot| ids[slot as usize]);
                    let Some(to) = slot.and_then(|slot| self.node(slot)) else { continue };
                    if let Some(rank) = decisions.together(id, other) {
                        asserts.push((rank, node, to));
                    }
                    if seen.insert(to) {
                        reached.push(to);
                    }
                }
            }
        }
        (reached, asserts)
    }

    /// Joins nodes, the latest assertion first, unless that puts together what
    /// is never together.
    fn contract(&mut self, nodes: &[u64], mut asserts: Vec<Assertion>, decisions: &Decisions, ids: &[u64]) {
        asserts.sort_unstable_by(|one, other| other.cmp(one));
        let kept_apart = |node: u64| -> Vec<u64> {
            let items = self.slots_of(node).map(|slot| ids[slot as usize]);
            items.filter(|&item| decisions.is_kept_apart(item)).collect()
        };
        let mut sets: Vec<(Vec<u64>, Vec<u64>)> = nodes.iter().map(|&node| (vec![node], kept_apart(node))).collect();
        for (_, one, other) in asserts {
            let set = |node: u64| sets.iter().position(|(nodes, _)| nodes.contains(&node));
            let (Some(one), Some(other)) = (set(one), set(other)) else { continue };
            let apart = |one: &[u64], other: &[u64]| {
                one.iter().any(|&one| other.iter().any(|&other| decisions.apart(one, other)))
            };
            if one != other && !apart(&sets[one].1, &sets[other].1) {
                let moved = sets.swap_remove(one.max(other));
                let kept = &mut sets[one.min(other)];
                kept.0.extend(moved.0);
                kept.1.extend(moved.1);
            }
        }
        for (nodes, _) in sets {
            let alone = nodes.len() == 1;
            let shared: Arc<[u64]> = nodes.into();
            for &node in shared.iter() {
                if alone {
                    self.joined.remove(&node);
                } else {
                    self.joined.insert(node, Arc::clone(&shared));
                }
            }
        }
    }

    /// The unit of a slot: its component at the least step of the ladder where
    /// that is small enough; by itself, and too large, if at none.
    pub(super) fn unit(&self, slot: u32) -> (Vec<Group>, bool) {
        for step in self.bounds.ladder {
            if let Some(unit) = self.component(slot, step * 256) {
                return (unit, false);
            }
        }
        (vec![self.group(slot)], true)
    }

    /// The groups of a component, unless they are too many.
    fn component(&self, slot: u32, at_least: i32) -> Option<Vec<Group>> {
        let mut groups = vec![self.group(slot)];
        let mut seen: FastSet<u32> = groups[0].iter().copied().collect();
        let mut size = groups[0].len().min(self.bounds.node);
        let mut place = 0;
        while place < groups.len() {
            if size > self.bounds.unit {
                return None;
            }
            let links = groups[place].iter().flat_map(|&slot| self.edges(slot));
            let found: Vec<u32> = links.filter(|(_, weight)| *weight >= at_least).map(|(to, _)| *to).collect();
            for slot in found {
                if !seen.contains(&slot) {
                    let group = self.group(slot);
                    seen.extend(&group);
                    size += group.len().min(self.bounds.node);
                    groups.push(group);
                }
            }
            place += 1;
        }
        (size <= self.bounds.unit).then_some(groups)
    }

    pub(super) fn bytes(&self) -> usize {
        let edges: usize = self.edges.iter().map(|edges| size_of_val(&**edges)).sum();
        edges + self.edges.capacity() * (16 + 8 + 4) + self.first.bytes()
    }
}
