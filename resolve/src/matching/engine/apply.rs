//! One batch of changes: what it touches, and what becomes of that.

use super::super::hash::FastSet;
use super::super::{Decision, Verdict};
#[cfg(test)]
use super::Change;
#[cfg(test)]
use super::Mutant;
use super::contents::Valued;
use super::partners::Touched;
use super::ready::{Named, Ready, Step};
use super::{Engine, Regrouped};
use std::collections::BTreeMap;

/// What changes touch, before anything follows from it.
#[derive(Default)]
pub(super) struct Draft {
    /// Slots that received something.
    pub(super) dirty: FastSet<u32>,
    pub(super) suspects: Vec<Valued>,
    /// Slots whose units may be others.
    moved: FastSet<u32>,
    /// Where slots will be: in a node or in none.
    pub(super) nodes: BTreeMap<u32, Option<u64>>,
    /// Items whose nodes may be joined otherwise.
    pub(super) linked: FastSet<u64>,
}

/// Pairs whose items are read together: few enough to stay at hand until they are scored.
const FETCHED: usize = 32;

/// An edge and what it will weigh.
type Edge = (u32, u32, Option<i32>);

impl Engine {
    /// [`Engine::take`] of changes that are not ready.
    #[cfg(test)]
    pub(super) fn apply(&mut self, changes: &[Change]) -> Regrouped {
        let steps = changes.iter().map(|change| self.contents.reader.step(change)).collect();
        self.take(steps)
    }

    /// Brings the clusters up to date with changes, the later of two about one
    /// item or decision counting.
    pub(crate) fn take(&mut self, steps: Vec<Step>) -> Regrouped {
        let mut draft = Draft::default();
        for step in steps {
            self.draft(step, &mut draft);
        }
        let mut others = self.contents.settle(std::mem::take(&mut draft.dirty), std::mem::take(&mut draft.suspects));
        // Those of one name meet the same partners: what was read for one is at hand for the next.
        others.sort_by_cached_key(|&slot| self.contents.name(slot));
        self.forget_recycled();
        self.work.changed += others.len() as u64;
        self.changed = others.iter().map(|&slot| self.id(slot)).collect();
        let mut touched = Touched::default();
        for &slot in &others {
            self.contents.fields.fetch_values(slot);
            let keys = self.weigher.keys(&self.contents.fields.all, self.contents.fields.codes(slot));
            self.partners.rekey(slot, &keys, &mut self.lookup, &mut touched);
        }
        let edges = self.edges_that_change(touched);
        draft.moved.extend(others);
        draft.moved.extend(edges.iter().flat_map(|&(one, other, _)| [one, other]));
        let regrouped = self.regroup(&draft, &edges);
        self.let_go(&draft);
        regrouped
    }

    /// Counts items for as many as is said, where clusters are weighed.
    pub(crate) fn count_for(&mut self, counts: impl IntoIterator<Item = (u64, u8)>) -> Regrouped {
        let mut draft = Draft::default();
        for (item, count) in counts {
            let Some(slot) = self.slot_of(item) else { continue };
            let before = if count > 1 { self.counts.insert(slot, count) } else { self.counts.remove(&slot) };
            if before.unwrap_or(1) != count {
                draft.moved.insert(slot);
            }
        }
        if draft.moved.is_empty() { Regrouped::default() } else { self.regroup(&draft, &[]) }
    }

    pub(super) fn draft(&mut self, step: Step, draft: &mut Draft) {
        match step {
            Step::Put(Ready { id, cells, node, limits }) => self.receive(id, cells, &limits, Some(node), draft),
            Step::Remove(id) => {
                if self.slot_of(id).is_some() {
                    self.receive(id, Vec::new(), &[], None, draft);
                }
            }
            Step::Decide(decision) => {
                self.undo(decision.id, draft);
                self.decide(&decision, true, draft);
                self.decisions.insert(decision);
            }
            Step::Undo(id) => self.undo(id, draft),
        }
    }

    fn receive(
        &mut self,
        id: u64,
        cells: Vec<Vec<Named>>,
        limits: &[(u64, u64)],
        node: Option<u64>,
        draft: &mut Draft,
    ) {
        let slot = self.slot(id);
        self.contents.receive(slot, cells, &mut draft.suspects);
        draft.dirty.insert(slot);
        if self.limits(slot) != limits {
            if limits.is_empty() {
                self.limits.remove(&slot);
            } else {
                self.limits.insert(slot, limits.into());
            }
            draft.moved.insert(slot);
        }
        draft.nodes.insert(slot, node);
        if self.graph.node(slot) != node {
            draft.moved.insert(slot);
            draft.linked.insert(id);
        }
    }

    fn undo(&mut self, id: u64, draft: &mut Draft) {
        if let Some(decision) = self.decisions.remove(id) {
            self.decide(&decision, false, draft);
        }
    }

    /// Marks what a decision touches as it comes into force or goes out of it.
    fn decide(&mut self, decision: &Decision, on: bool, draft: &mut Draft) {
        match &decision.verdict {
            Verdict::Detach { item, field, value } => {
                draft.suspects.extend(self.contents.detach(*item, *field, value, on));
                draft.dirty.extend(self.slot_of(*item));
            }
            Verdict::Generic { field, value } => draft.suspects.extend(self.contents.ban(*field, value, on)),
            verdict => {
                let items = verdict.items();
                draft.moved.extend(items.iter().filter_map(|&item| self.slot_of(item)));
                draft.linked.extend(items);
            }
        }
    }

    /// The touched pairs whose edge appears, vanishes or weighs otherwise.
    fn edges_that_change(&mut self, touched: Touched) -> Vec<Edge> {
        let Touched { entered: mut pairs, left } = touched;
        let loses_edge = |&(one, other): &(u32, u32)| {
            self.graph.weight(one, other).is_some() && !self.partners.are_candidates(one, other)
        };
        pairs.extend(left.into_iter().filter(loses_edge));
        pairs.sort_unstable();
        pairs.dedup();
        self.work.pairs += pairs.len() as u64;
        self.scoring(|engine, score| {
            let mut edge = |(one, other): (u32, u32)| {
                let weight = engine.partners.are_candidates(one, other).then(|| score(one, other).weight);
                let (weight, known) = (weight.filter(|&weight| weight >= 0), engine.graph.weight(one, other));
                #[cfg(test)]
                let weight = if engine.mutant == Some(Mutant::KeepsEdges) { weight.or(known) } else { weight };
                (weight != known).then_some((one, other, weight))
            };
            let mut edges = Vec::new();
            for pairs in pairs.chunks(FETCHED) {
                engine.fetch(pairs);
                edges.extend(pairs.iter().filter_map(|&pair| edge(pair)));
            }
            edges
        })
    }

    /// Reads what scoring pairs will read.
    fn fetch(&self, pairs: &[(u32, u32)]) {
        self.partners.fetch(pairs);
        self.graph.fetch(pairs);
        self.contents.fields.fetch(pairs.iter().flat_map(|&(one, other)| [one, other]));
    }

    /// Changes edges and nodes, and solves every unit that could be another.
    fn regroup(&mut self, draft: &Draft, edges: &[Edge]) -> Regrouped {
        let mut nodes = self.linked_nodes(draft);
        let moves = draft.nodes.iter().filter(|(slot, node)| self.graph.node(**slot) != **node);
        nodes.extend(moves.filter_map(|(_, node)| *node));
        let mut starts = draft.moved.clone();
        starts.extend(self.graph.representatives(&nodes));
        let mut affected: FastSet<u32> = FastSet::default();
        for &slot in &starts {
            #[cfg(test)]
            if self.mutant == Some(Mutant::SolvesNewUnitsOnly) {
                affected.insert(slot);
                continue;
            }
            if !affected.contains(&slot) {
                affected.extend(self.graph.unit(slot).0.into_iter().flatten());
            }
        }
        let gone = |slot: &u32| draft.nodes.get(slot) == Some(&None);
        let there: Vec<u32> = affected.iter().copied().filter(|&slot| self.graph.node(slot).is_some()).collect();
        let mut before: FastSet<Vec<u64>> = there.iter().map(|&slot| self.ids(&self.cluster(slot))).collect();
        let fresh: FastSet<u32> = draft.nodes.keys().copied().filter(|&slot| self.graph.node(slot).is_none()).collect();
        for &(one, other, weight) in edges {
            self.graph.set(one, other, weight);
        }
        for (&slot, &node) in &draft.nodes {
            self.graph.place(slot, node);
        }
        nodes.extend(self.linked_nodes(draft));
        self.graph.join(&nodes, &self.decisions, &self.slots, &self.contents.fields.records);
        affected.extend(starts);
        affected.extend(self.graph.representatives(&nodes));
        affected.iter().filter(|slot| gone(slot)).for_each(|&slot| self.leave(slot));
        let live = affected.into_iter().filter(|slot| !gone(slot) && self.graph.node(*slot).is_some()).collect();
        let units = self.units_of(live);
        let was_there = units.iter().flat_map(|(unit, _)| unit.iter().flatten()).filter(|slot| !fresh.contains(slot));
        before.extend(was_there.map(|&slot| self.ids(&self.cluster(slot))));
        let after = self.solve(&units);
        difference(&before, after)
    }

    /// Nodes of the items whose joins may change, and of those asserted to be
    /// one with them, with all that is joined to these.
    fn linked_nodes(&self, draft: &Draft) -> Vec<u64> {
        let asserted = draft.linked.iter().flat_map(|&item| self.decisions.asserted_with(item));
        let items = draft.linked.iter().copied().chain(asserted);
        let nodes = items.filter_map(|item| self.graph.node(self.slot_of(item)?));
        let mut nodes: Vec<u64> = nodes.flat_map(|node| self.graph.joined(node)).collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }

    /// Forgets the cluster and what was held back of a slot.
    pub(super) fn leave(&mut self, slot: u32) {
        let id = self.id(slot);
        self.clusters[slot as usize] = None;
        let held: Vec<(u64, u64)> = self.held.range((id, 0)..=(id, u64::MAX)).map(|(pair, _)| *pair).collect();
        for pair in held {
            self.held.remove(&pair);
        }
    }

    /// Gives back the slots of items that are gone, and values nobody has.
    pub(super) fn let_go(&mut self, draft: &Draft) {
        for (&slot, _) in draft.nodes.iter().filter(|(_, node)| node.is_none()) {
            let id = self.id(slot);
            if self.slot_of(id) == Some(slot) {
                self.slots.remove(id, slot);
                self.counts.remove(&slot);
                self.free.push(slot);
            }
        }
        self.contents.finish();
    }
}

/// Leaves out what is in both, and sorts.
fn difference(before: &FastSet<Vec<u64>>, after: Vec<Vec<u64>>) -> Regrouped {
    let after: FastSet<Vec<u64>> = after.into_iter().collect();
    let sorted = |one: &FastSet<Vec<u64>>, other: &FastSet<Vec<u64>>| {
        let mut only: Vec<Vec<u64>> = one.difference(other).cloned().collect();
        only.sort_unstable();
        only
    };
    Regrouped { before: sorted(before, &after), after: sorted(&after, before) }
}
