//! Which items carry which key: for every blocking rule an ordered set of
//! hashes with the item's slot in the lower bits.

use super::super::block::{ROW_BITS, RULES, block_keys};
use super::super::keys::Key;
use std::collections::BTreeSet;

/// The place of a rule, and what it made of some keys.
pub(super) type Posting = (u8, u64);

const SLOTS: u64 = (1 << ROW_BITS) - 1;

#[derive(Debug)]
pub(super) struct Postings {
    by_rule: Vec<BTreeSet<u64>>,
}

impl Postings {
    pub(super) fn new() -> Self {
        Self { by_rule: vec![BTreeSet::new(); RULES.len()] }
    }

    /// Fills in all entries of one rule, sorted.
    pub(super) fn fill(&mut self, rule: usize, entries: Vec<u64>) {
        self.by_rule[rule] = BTreeSet::from_iter(entries);
    }

    /// What the rules make of an item's keys, sorted, each once.
    pub(super) fn of(keys: &[Key]) -> Vec<Posting> {
        let mut postings = Vec::with_capacity(keys.len() * 6);
        for (place, rule) in RULES.iter().enumerate() {
            block_keys(keys, *rule, |key| postings.push((place as u8, key)));
        }
        postings.sort_unstable();
        postings.dedup();
        postings
    }

    /// The slots that carry a key, in their order.
    pub(super) fn slots(&self, (rule, key): Posting) -> impl Iterator<Item = u32> + '_ {
        self.by_rule[rule as usize].range(key..=key | SLOTS).map(|entry| (entry & SLOTS) as u32)
    }

    /// How many slots carry a key, counted no further than one above `open`.
    pub(super) fn count(&self, posting: Posting, open: usize) -> usize {
        self.slots(posting).take(open + 1).count()
    }

    pub(super) fn insert(&mut self, (rule, key): Posting, slot: u32) {
        self.by_rule[rule as usize].insert(key | u64::from(slot));
    }

    pub(super) fn remove(&mut self, (rule, key): Posting, slot: u32) {
        self.by_rule[rule as usize].remove(&(key | u64::from(slot)));
    }

    pub(super) fn len(&self) -> usize {
        self.by_rule.iter().map(BTreeSet::len).sum()
    }

    /// Bytes held, at the two thirds a node of an ordered set is full.
    pub(super) fn bytes(&self) -> usize {
        self.len() * 12
    }
}

/// What is in the first of two sorted lists and not in the second.
pub(super) fn without(one: &[Posting], other: &[Posting]) -> Vec<Posting> {
    one.iter().filter(|posting| other.binary_search(posting).is_err()).copied().collect()
}
