//! Solving units.

use super::super::cluster::{Linkage, Node, Reason};
use super::super::copies::repeated;
use super::super::hash::FastSet;
use super::super::model::Score;
use super::Engine;
use super::graph::Group;
use std::sync::Arc;

/// A unit's groups, and whether it was too large to be a unit.
pub(super) type Unit = (Vec<Group>, bool);

/// What became of a unit: clusters of slots, and what was held back.
#[derive(Default)]
pub(super) struct Solved {
    clusters: Vec<Vec<u32>>,
    held: Vec<HeldBack>,
}

/// What was held back, by an item and the other one.
type HeldBack = ((u64, u64), (Reason, u16));

impl Engine {
    /// The units that slots are in, each once.
    pub(super) fn units_of(&self, mut slots: Vec<u32>) -> Vec<Unit> {
        slots.sort_unstable();
        let mut seen: FastSet<u32> = FastSet::default();
        let mut units = Vec::new();
        for slot in slots {
            if !seen.contains(&slot) {
                let unit = self.graph.unit(slot);
                seen.extend(unit.0.iter().flatten());
                units.push(unit);
            }
        }
        units
    }

    /// Solves units, keeps what comes out and returns the clusters of items.
    pub(super) fn solve(&mut self, units: &[Unit]) -> Vec<Vec<u64>> {
        self.work.units += units.len() as u64;
        self.work.unit_items += units.iter().flat_map(|(unit, _)| unit).map(Vec::len).sum::<usize>() as u64;
        units.iter().flat_map(|(unit, _)| unit.iter().flatten()).for_each(|&slot| self.leave(slot));
        let solved: Vec<Solved> =
            self.scoring(|engine, mut score| units.iter().map(|unit| engine.solved(unit, &mut score)).collect());
        let mut after = Vec::new();
        for solved in solved {
            after.extend(solved.clusters.iter().map(|cluster| self.ids(cluster)));
            self.keep(solved);
        }
        after
    }

    pub(super) fn keep(&mut self, solved: Solved) {
        for cluster in solved.clusters.into_iter().filter(|cluster| cluster.len() > 1) {
            let shared: Arc<[u32]> = cluster.into();
            for &slot in shared.iter() {
                self.clusters[slot as usize] = Some(Arc::clone(&shared));
            }
        }
        self.held.extend(solved.held);
    }

    pub(super) fn solved(&self, (groups, too_large): &Unit, score: &mut impl FnMut(u32, u32) -> Score) -> Solved {
        if let [group] = groups.as_slice() {
            let held = if *too_large { self.too_large(group, score) } else { None };
            return Solved { clusters: vec![group.clone()], held: held.into_iter().collect() };
        }
        let nodes: Vec<Node> = groups.iter().map(|group| self.solving(group)).collect();
        let unit: Vec<u32> = (0..groups.len() as u32).collect();
        let mut linkage = Linkage::new(&nodes, &unit, score);
        self.kept_apart(groups).into_iter().for_each(|(one, other)| linkage.keep_apart(one, other));
        let linkage = linkage.merged(self.cut);
        let hash = |place: usize| linkage.clusters[place].hash;
        let held = linkage.held(self.cut).into_iter().map(|(one, other, reason, mean)| {
            let (one, other) = (hash(one), hash(other));
            ((one.min(other), one.max(other)), (reason, mean))
        });
        let slots = |nodes: &[u32]| nodes.iter().flat_map(|&node| &groups[node as usize]).copied().collect();
        let held = held.collect();
        Solved { clusters: linkage.clusters.iter().map(|cluster| slots(&cluster.nodes)).collect(), held }
    }

    /// A group as it is solved: by its items of the least ids.
    fn solving(&self, group: &[u32]) -> Node {
        let mut items = group.to_vec();
        items.sort_unstable_by_key(|&slot| self.id(slot));
        items.truncate(self.bounds.node);
        let mut limits: Vec<(u64, u64)> = group.iter().flat_map(|&slot| self.limits(slot)).copied().collect();
        limits.sort_unstable();
        limits.dedup();
        let hash = items.first().map_or(0, |&slot| self.id(slot));
        let count = |slot: &u32| self.counts.get(slot).copied().unwrap_or(1);
        Node { hash, items: repeated(&items, count), limits }
    }

    /// Places of groups that are never together.
    fn kept_apart(&self, groups: &[Group]) -> Vec<(usize, usize)> {
        let kept_apart = |group: &Group| -> Vec<u64> {
            group.iter().map(|&slot| self.id(slot)).filter(|&item| self.decisions.is_kept_apart(item)).collect()
        };
        let items: Vec<(usize, Vec<u64>)> =
            groups.iter().map(kept_apart).enumerate().filter(|(_, items)| !items.is_empty()).collect();
        let apart = |one: &[u64], other: &[u64]| {
            one.iter().any(|&one| other.iter().any(|&other| self.decisions.apart(one, other)))
        };
        let pairs = items.iter().enumerate().flat_map(|(place, one)| {
            items[place + 1..].iter().filter(|other| apart(&one.1, &other.1)).map(|other| (one.0, other.0))
        });
        pairs.collect()
    }

    /// What a group too tangled to be solved hangs on to most.
    fn too_large(&self, group: &[u32], score: &mut impl FnMut(u32, u32) -> Score) -> Option<HeldBack> {
        let edges = group.iter().flat_map(|&slot| self.graph.edges(slot).iter().map(move |edge| (slot, edge)));
        let outside = edges.filter(|(_, (to, _))| !group.contains(to));
        let strongest = outside.max_by_key(|(slot, (to, weight))| {
            (*weight, std::cmp::Reverse((self.id(*slot).min(self.id(*to)), self.id(*slot).max(self.id(*to)))))
        });
        let (slot, &(to, _)) = strongest?;
        Some(((self.id(slot), self.id(to)), (Reason::TooLarge, score(slot, to).probability)))
    }
}
