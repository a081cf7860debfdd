//! The incremental engine: the same clusters as a run over all items, at the
//! cost of what a change touches.
//!
//! ```text
//! Change --contents--> values, generic flips --partners--> candidate pairs
//!        --graph--> edges, groups, units --cluster--> Regrouped
//! ```
//!
//! Everything kept is a function of the live items, the decisions in force and
//! the model; nothing stays because it was there before. No step looks at more
//! than the keys, lists and units of what changed.

mod apply;
mod bases;
mod carried;
mod contents;
mod entries;
mod graph;
#[cfg(test)]
mod histories;
mod lines;
mod lists;
mod load;
mod members;
mod pairs;
mod partners;
mod postings;
pub(crate) mod ready;
mod slots;
mod solve;
mod tally;

use super::Result;
use super::block::keys::Weigher;
use super::bounds::Bounds;
use super::cluster::{Cut, Reason};
use super::compare::comparer::{Caches, Comparer};
use super::copies::Twin;
use super::decision::{Decision, Decisions};
use super::hash::FastMap;
use super::model::{Memory, Model, Score, Scorer};
use contents::Contents;
use graph::Graph;
use lines::Lookup;
pub(crate) use load::latest;
use partners::Partners;
use slots::Slots;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One item: what is matched, see the head of [`super`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// [`super::record_hash`] of its source and key; never 0.
    pub id: u64,
    /// Its values as received, in the order of the model's fields; missing at
    /// the end means no value. Emails, phones and devices may be several,
    /// separated by `'\u{1f}'`.
    pub values: Vec<Option<String>>,
    /// Items of one node are joined beforehand and never parted.
    pub node: u64,
    /// Kinds of which a profile has one value, such as a user id, and the
    /// item's values of them.
    pub limits: Vec<(u64, u64)>,
}

/// One change of what the clusters are a function of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// An item is there, or is another than before.
    Put(Item),
    /// An item is gone; one that is not there is no mistake.
    Remove(u64),
    /// A decision is in force, in place of any of the same id.
    Decide(Decision),
    /// The decision of this id is not in force any more.
    Undo(u64),
}

/// How clusters changed: ids of items, sorted; clusters that stayed as they
/// were are left out. An item that came is only in `after`, one that went only
/// in `before`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Regrouped {
    /// The clusters that are no more.
    pub before: Vec<Vec<u64>>,
    /// The clusters there are instead.
    pub after: Vec<Vec<u64>>,
}

/// Two clusters that were not merged although much speaks for it, each named by
/// its item of the least id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// An item of the one cluster.
    pub one: u64,
    /// An item of the other.
    pub other: u64,
    /// Why they were not merged.
    pub reason: Reason,
    /// Mean probability of their pairs in 1/65535; of one pair where they were
    /// too large.
    pub probability: u16,
}

/// What was done since the engine was made; for tests and metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Items whose contents changed.
    pub changed: u64,
    /// Partners met in open keys, each once for an item.
    pub met: u64,
    /// Keys that one item more closed.
    pub closed: u64,
    /// Lists of partners that had to be found afresh.
    pub lists: u64,
    /// Pairs scored to weigh edges.
    pub pairs: u64,
    /// Units solved.
    pub units: u64,
    /// Items in them.
    pub unit_items: u64,
}

/// Numbers of an engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Live items.
    pub items: usize,
    /// Keys held for them.
    pub keys: usize,
    /// Bytes held, estimated.
    pub bytes: usize,
    /// Work done.
    pub work: Work,
}

/// Most patterns whose scores are remembered.
const SEEN_MAX: usize = 1 << 20;

/// Bytes that a map takes: seven of eight places are filled at most, each with a
/// byte of its hash.
pub(crate) fn map_bytes<K, V>(map: &FastMap<K, V>) -> usize {
    map.capacity() * 8 / 7 * (size_of::<(K, V)>() + 1)
}

/// Keeps clusters up to date; see the head of this file. Not for several
/// threads at once.
#[derive(Debug)]
pub struct Engine {
    model: Arc<Model>,
    cut: Cut,
    bounds: Bounds,
    contents: Contents,
    weigher: Weigher,
    partners: Partners,
    graph: Graph,
    decisions: Decisions,
    slots: Slots,
    free: Vec<u32>,
    /// Of those slots whose items have any.
    limits: FastMap<u32, Box<[(u64, u64)]>>,
    /// For how many items a slot counts, if for more than one.
    counts: FastMap<u32, u8>,
    /// The cluster of a slot if it is not alone.
    clusters: Vec<Option<Arc<[u32]>>>,
    /// By an item held back and the other one.
    held: BTreeMap<(u64, u64), (Reason, u16)>,
    caches: Caches,
    memory: Memory,
    lookup: Lookup,
    work: Work,
    /// Items whose contents the last batch changed.
    changed: Vec<u64>,
    #[cfg(test)]
    mutant: Option<Mutant>,
}

/// Wrong shortcuts; tests must see that each gives other clusters.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mutant {
    /// Members of a key that opens or closes are left as they are.
    ForgetsBlocks,
    /// Partners are ranked by how many items carry their keys now.
    RanksByLiveCounts,
    /// Only the units after a change are solved.
    SolvesNewUnitsOnly,
    /// Edges stay while both of their items do.
    KeepsEdges,
    /// Of equal partners the one that came first stays.
    FirstComeTies,
}

impl Engine {
    /// Makes an engine without items.
    ///
    /// # Errors
    /// [`super::Error::ModelDamaged`].
    pub fn new(model: Arc<Model>, cut: Cut) -> Result<Self> {
        model.check()?;
        Ok(Self::with_bounds(model, cut, Bounds::REAL))
    }

    fn with_bounds(model: Arc<Model>, cut: Cut, bounds: Bounds) -> Self {
        Self {
            cut,
            bounds,
            contents: Contents::new(&model),
            weigher: Weigher::new(&model.keys),
            partners: Partners::new(bounds, model.rules.clone()),
            model,
            graph: Graph::new(bounds),
            decisions: Decisions::default(),
            slots: Slots::new(),
            free: Vec::new(),
            limits: FastMap::default(),
            counts: FastMap::default(),
            clusters: Vec::new(),
            held: BTreeMap::new(),
            caches: Vec::new(),
            memory: Memory::default(),
            lookup: Lookup::new(),
            work: Work::default(),
            changed: Vec::new(),
            #[cfg(test)]
            mutant: None,
        }
    }

    /// The model it matches by.
    #[must_use]
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// The items in the cluster of an item, itself included, sorted; none if
    /// the item is not there.
    #[must_use]
    pub fn cluster_of(&self, item: u64) -> Vec<u64> {
        self.slot_of(item).map(|slot| self.ids(&self.cluster(slot))).unwrap_or_default()
    }

    /// Every cluster, sorted.
    #[must_use]
    pub fn clusters(&self) -> Vec<Vec<u64>> {
        let first = |slot: &u32| self.cluster(*slot).iter().min() == Some(slot);
        let mut all: Vec<Vec<u64>> = self.slots.all().filter(first).map(|slot| self.ids(&self.cluster(slot))).collect();
        all.sort_unstable();
        all
    }

    /// An item's values as they are compared, by field: normalised, and without
    /// those that are generic or detached.
    #[must_use]
    pub fn item(&self, item: u64) -> Option<Vec<Vec<String>>> {
        self.slot_of(item).map(|slot| self.contents.texts(slot))
    }

    /// An item as it was received, its values normalised; its node is not told.
    pub(crate) fn received(&self, item: u64) -> Option<Item> {
        let slot = self.slot_of(item)?;
        let limits = self.limits.get(&slot).map(|limits| limits.to_vec()).unwrap_or_default();
        Some(Item { id: item, values: self.contents.received_texts(slot), node: 0, limits })
    }

    /// Items whose contents the last batch changed, those of generic values too.
    pub(crate) fn changed(&self) -> &[u64] {
        &self.changed
    }

    /// Scores an item with another that says the same, devices only where they are
    /// shared; `None` if no blocking rule looks at it.
    pub(crate) fn twin(&mut self, item: u64, shares_device: bool) -> Option<Score> {
        let slot = self.slot_of(item)?;
        let twin = Twin { copies: 0, shares_device };
        if !twin.is_looked_at(&self.contents.fields, slot, &self.model.rules) {
            return None;
        }
        let mut comparer = Comparer::with(&self.contents.fields, std::mem::take(&mut self.caches));
        let mut scorer = Scorer::with(&self.model, std::mem::take(&mut self.memory));
        let score = twin.score(&mut comparer, &mut scorer, slot);
        (self.caches, self.memory) = (comparer.into_caches(), scorer.into_memory());
        Some(score)
    }

    /// Scores a pair of items, whether or not it is a candidate.
    #[must_use]
    pub fn score(&mut self, one: u64, other: u64) -> Option<Score> {
        let slots = (self.slot_of(one)?, self.slot_of(other)?);
        Some(self.scoring(|_, score| score(slots.0, slots.1)))
    }

    /// The items that values most likely are about, best first; nothing is kept
    /// of the values.
    #[must_use]
    pub fn search(&mut self, values: &[Option<String>]) -> Vec<(u64, Score)> {
        let slot = self.slot(0);
        self.contents.probe(slot, values);
        self.forget_recycled();
        let keys = self.weigher.keys(&self.contents.fields.all, self.contents.fields.codes(slot));
        let partners = self.partners.of_keys(0, &keys, &mut self.lookup);
        let mut found: Vec<(u64, Score)> = self.scoring(|engine, score| {
            partners.iter().map(|&partner| (engine.id(partner), score(slot, partner))).collect()
        });
        found.sort_by_key(|(item, score)| (std::cmp::Reverse(score.weight), *item));
        self.contents.probe(slot, &[]);
        self.slots.remove(0, slot);
        self.free.push(slot);
        self.contents.finish();
        found
    }

    /// Clusters that were held back, sorted by their items.
    pub fn review(&self) -> impl Iterator<Item = Held> + '_ {
        self.held.iter().filter_map(|(&(one, other), &(reason, probability))| {
            let told_twice = one > other && self.held.contains_key(&(other, one));
            (!told_twice).then_some(Held { one, other, reason, probability })
        })
    }

    /// Counts what is held; looks at every item.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let done = self.partners.done;
        Stats {
            items: self.slots.len(),
            keys: self.partners.keys_held(),
            bytes: self.held().iter().map(|(_, bytes)| bytes).sum(),
            work: Work { met: done.met, closed: done.closed, lists: done.recomputed, ..self.work },
        }
    }

    /// Bytes held, estimated, by what holds them; looks at every item.
    #[must_use]
    pub fn held(&self) -> Vec<(&'static str, usize)> {
        let limits: usize = self.limits.values().map(|limits| size_of_val(&**limits)).sum();
        let mut held = vec![
            ("items by id", self.slots.bytes()),
            ("limits", limits + map_bytes(&self.limits)),
            ("clusters", self.clusters.capacity() * (size_of::<Option<Arc<[u32]>>>() + 8)),
            ("held back", self.held.len() * 32),
        ];
        self.contents.held(&mut held);
        self.partners.held(&mut held);
        held.push(("graph", self.graph.bytes()));
        held
    }

    fn id(&self, slot: u32) -> u64 {
        self.contents.fields.records[slot as usize]
    }

    fn ids(&self, slots: &[u32]) -> Vec<u64> {
        let mut ids: Vec<u64> = slots.iter().map(|&slot| self.id(slot)).collect();
        ids.sort_unstable();
        ids
    }

    fn cluster(&self, slot: u32) -> Arc<[u32]> {
        self.clusters[slot as usize].clone().unwrap_or_else(|| Arc::from([slot]))
    }

    /// The slot of an item, a free one if it has none.
    fn slot(&mut self, id: u64) -> u32 {
        if let Some(slot) = self.slot_of(id) {
            return slot;
        }
        let slot = self.free.pop().unwrap_or_else(|| self.push_slot(id));
        self.contents.fields.records[slot as usize] = id;
        self.partners.name(slot, id);
        self.slots.insert(id, slot);
        slot
    }

    /// Makes room for so many slots, and for some more.
    fn make_room(&mut self, slots: usize) {
        self.contents.make_room(slots);
        self.clusters.reserve_exact(slots + slots / 8);
        self.graph.resize(slots);
        self.partners.resize(slots);
    }

    /// Adds a slot for an item; it is not found by the item yet.
    fn push_slot(&mut self, id: u64) -> u32 {
        let slot = self.clusters.len() as u32;
        self.contents.push(id);
        self.clusters.push(None);
        self.graph.resize(self.clusters.len());
        self.partners.name(slot, id);
        slot
    }

    /// See [`Item::limits`].
    fn limits(&self, slot: u32) -> &[(u64, u64)] {
        self.limits.get(&slot).map_or(&[], |limits| limits)
    }

    fn slot_of(&self, id: u64) -> Option<u32> {
        self.slots.get(id, |slot| self.id(slot))
    }

    fn forget_recycled(&mut self) {
        for field in self.contents.recycled() {
            super::compare::comparer::forget(&mut self.caches, field);
        }
    }

    /// Lends what scores two slots.
    fn scoring<R>(&mut self, work: impl FnOnce(&Self, &mut dyn FnMut(u32, u32) -> Score) -> R) -> R {
        let (caches, mut memory) = (std::mem::take(&mut self.caches), std::mem::take(&mut self.memory));
        if memory.seen.len() > SEEN_MAX {
            memory.seen.clear();
        }
        let mut comparer = Comparer::with(&self.contents.fields, caches);
        let mut scorer = Scorer::with(&self.model, memory);
        let result = work(self, &mut |one, other| scorer.score(comparer.pattern(one.min(other), one.max(other))));
        (self.caches, self.memory) = (comparer.into_caches(), scorer.into_memory());
        result
    }
}
