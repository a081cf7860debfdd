//! Loading all items at once, on threads: what a batch does, and what then is
//! kept of it.

use super::super::decision::Decision;
use super::super::hash::FastMap;
use super::super::model::Scorer;
use super::super::threads::map_parts;
use super::apply::Draft;
use super::ready::Step;
use super::slots::Slots;
use super::{Engine, Item};
use crate::matching::block::keys::Keys;
use crate::matching::compare::comparer::Comparer;

/// Pairs whose values are fetched together.
const FETCHED: usize = 32;

impl Engine {
    /// Takes in items and decisions at once: what [`Engine::apply`] would come
    /// to, faster for many on an engine that never had any.
    pub fn load(&mut self, items: Vec<Item>, decisions: Vec<Decision>, threads: usize) {
        let decisions = decisions.into_iter().map(Step::Decide);
        if !self.clusters.is_empty() {
            let items = items.iter().map(|item| Step::Put(self.contents.reader.item(item)));
            let steps = decisions.chain(items).collect();
            self.take(steps);
            return;
        }
        let mut draft = Draft::default();
        for decision in decisions {
            self.draft(decision, &mut draft);
        }
        let nodes = self.load_contents(items, threads);
        let keys = Keys::new(&self.contents.fields, threads);
        self.partners.load(keys, &self.model.keys, threads);
        let slots: Vec<u32> = (0..nodes.len() as u32).collect();
        let edges = self.edges(&slots, threads);
        self.graph.fill(&nodes, &edges);
        drop(edges);
        if !self.decisions.asserts_nothing() {
            self.graph.join(&nodes, &self.decisions, &self.slots, &self.contents.fields.records);
        }
        self.load_clusters(slots, threads);
        self.contents.finish();
    }

    /// Takes in what items hold; returns the node of each slot.
    fn load_contents(&mut self, items: Vec<Item>, threads: usize) -> Vec<u64> {
        let items = latest(items);
        let read = self.contents.read_all(&items, threads);
        let order = read.order();
        self.make_room(items.len());
        let mut nodes = Vec::with_capacity(items.len());
        for &place in &order {
            let item = &items[place as usize];
            let slot = self.push_slot(item.id);
            nodes.push(item.node);
            if !item.limits.is_empty() {
                self.limits.insert(slot, item.limits.as_slice().into());
            }
        }
        self.slots = Slots::of((0..).zip(self.contents.fields.records.iter().copied()));
        let (mut dirty, suspects) = self.contents.fill(read, &order, threads);
        dirty.extend(self.contents.detached_from().filter_map(|item| self.slot_of(item)));
        self.contents.settle(dirty, suspects);
        self.contents.recycled();
        nodes
    }

    /// The edges of slots to others after them, or to those in whose lists they are not.
    fn edges(&self, slots: &[u32], threads: usize) -> Vec<Vec<(u32, u32, i32)>> {
        map_parts(threads, slots, |slots| {
            let (mut comparer, mut scorer) = (Comparer::new(&self.contents.fields), Scorer::new(&self.model));
            let (mut pairs, mut edges) = (Vec::new(), Vec::new());
            for slots in slots.chunks(FETCHED) {
                pairs.clear();
                for &slot in slots {
                    let is_first = |&&other: &&u32| slot < other || !self.partners.list(other).contains(&slot);
                    pairs.extend(self.partners.list(slot).iter().filter(is_first).map(|&other| (slot, other)));
                }
                for pairs in pairs.chunks(FETCHED) {
                    comparer.fetch(pairs);
                    for &(one, other) in pairs {
                        let weight = scorer.score(comparer.pattern(one.min(other), one.max(other))).weight;
                        edges.extend((weight >= 0).then_some((one, other, weight)));
                    }
                }
            }
            edges
        })
    }

    fn load_clusters(&mut self, slots: Vec<u32>, threads: usize) {
        let units = self.units_of(slots.into_iter().filter(|&slot| !self.graph.is_alone(slot)).collect());
        let solved = map_parts(threads, &units, |units| {
            let (mut comparer, mut scorer) = (Comparer::new(&self.contents.fields), Scorer::new(&self.model));
            let mut score = |one: u32, other: u32| scorer.score(comparer.pattern(one.min(other), one.max(other)));
            units.iter().map(|unit| self.solved(unit, &mut score)).collect::<Vec<_>>()
        });
        for solved in solved.into_iter().flatten() {
            self.keep(solved);
        }
    }
}

/// The items without those that another of the same id comes after.
pub(crate) fn latest(items: Vec<Item>) -> Vec<Item> {
    let last: FastMap<u64, usize> = items.iter().enumerate().map(|(place, item)| (item.id, place)).collect();
    if last.len() == items.len() {
        return items;
    }
    items.into_iter().enumerate().filter(|(place, item)| last[&item.id] == *place).map(|(_, item)| item).collect()
}
