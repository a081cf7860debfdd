//! Which items carry which key: for every blocking rule its entries in order,
//! hashes with the item's slot in the lower bits.
//!
//! Entries lie in blocks, a list of separators before them. Hashes are spread
//! evenly, so an entry is near the place that its value says: to find a key
//! takes a line or two of a block, wherever it is.

use super::super::block::{ROW_BITS, all_block_keys, same_key};
use super::super::keys::Key;
use super::super::rules::Rules;

/// The place of a rule, and what it made of some keys.
pub(super) type Posting = (u8, u64);

const SLOTS: u64 = (1 << ROW_BITS) - 1;
/// Entries of a block at most; it is parted in the middle then.
const BLOCK: usize = 128;
/// Entries of a block that is filled in at once: it can take some more.
const FILLED: usize = 96;
/// Entries that a block makes room for, filled in at once or full.
const ROOM: usize = 8;
/// Bits left out where places are guessed: a block has less than that many entries.
const COARSE: u32 = 8;
/// The same where blocks are guessed, of which there are more.
const COARSE_BLOCKS: u32 = 24;
/// How far from its guessed place an entry mostly is.
const NEAR: usize = 16;

#[derive(Debug)]
pub(super) struct Postings {
    rules: Rules,
    by_rule: Vec<Entries>,
}

/// The entries of one rule.
#[derive(Clone, Debug)]
pub(super) struct Entries {
    /// At most the first entry of each block, and above the last of the one
    /// before; 0 for the first.
    separators: Vec<u64>,
    blocks: Vec<Vec<u64>>,
}

impl Postings {
    pub(super) fn new(rules: Rules) -> Self {
        Self { by_rule: rules.all().iter().map(|_| Entries::new(&[])).collect(), rules }
    }

    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Takes in all entries of one rule.
    pub(super) fn fill(&mut self, rule: usize, entries: Entries) {
        self.by_rule[rule] = entries;
    }

    /// What the rules make of an item's keys, sorted, each once.
    pub(super) fn of(&self, keys: &[Key]) -> Vec<Posting> {
        let mut postings: Vec<Posting> = Vec::with_capacity(keys.len() * 6);
        all_block_keys(keys, &self.rules, |place, key| postings.push((place as u8, key)));
        postings.sort_unstable();
        postings.dedup();
        postings
    }

    /// Finds the blocks that keys are in, and reads where in them they are:
    /// loads that do not wait for each other, so that later ones find all at hand.
    pub(super) fn find(&self, postings: &[Posting]) -> Vec<usize> {
        let block = |&(rule, key): &Posting| self.by_rule[rule as usize].block(key);
        let blocks: Vec<usize> = postings.iter().map(block).collect();
        let line = |(&(rule, key), &block): (&Posting, &usize)| self.by_rule[rule as usize].near(block, key);
        std::hint::black_box(postings.iter().zip(&blocks).fold(0, |sum, found| sum ^ line(found)));
        blocks
    }

    /// The slots that carry a key, in their order.
    pub(super) fn slots(&self, (rule, key): Posting) -> impl Iterator<Item = u32> + '_ {
        let entries = &self.by_rule[rule as usize];
        let carriers = entries.from(entries.place(key)).take_while(move |&entry| same_key(entry, key));
        carriers.map(|entry| (entry & SLOTS) as u32)
    }

    /// Whether no more than `open` slots carry a key.
    pub(super) fn is_open(&self, (rule, key): Posting, open: usize) -> bool {
        let entries = &self.by_rule[rule as usize];
        let (number, place) = entries.place(key);
        let here = entries.blocks[number].get(place + open).copied();
        let after = here.or_else(|| entries.from((number, place)).nth(open));
        after.is_none_or(|entry| !same_key(entry, key))
    }

    /// Adds the slots that carry a key unless they are more than `open`;
    /// returns how many they are, counted no further than two above it. The
    /// key was in `block`, and likely still is.
    pub(super) fn gather(&self, (rule, key): Posting, block: usize, open: usize, slots: &mut Vec<u32>) -> usize {
        let entries = &self.by_rule[rule as usize];
        let (number, place) = entries.place_in(entries.block_by(block, key), key);
        let block = &entries.blocks[number];
        if block.get(place + open + 1).is_some_and(|&entry| same_key(entry, key)) {
            return open + 2;
        }
        let start = slots.len();
        let most = open + 2;
        let here = block[place..].iter().take(most).take_while(|&&entry| same_key(entry, key));
        slots.extend(here.map(|entry| (entry & SLOTS) as u32));
        let mut count = slots.len() - start;
        if place + count == block.len() && count < most {
            let next = entries.from((number, block.len())).take(most - count).take_while(|&entry| same_key(entry, key));
            slots.extend(next.map(|entry| (entry & SLOTS) as u32));
            count = slots.len() - start;
        }
        if count > open {
            slots.truncate(start);
        }
        count
    }

    /// Adds a slot to a key that was in `block`, and likely still is.
    pub(super) fn insert(&mut self, (rule, key): Posting, block: usize, slot: u32) {
        let (entries, entry) = (&mut self.by_rule[rule as usize], key | u64::from(slot));
        let block = entries.block_by(block, entry);
        entries.insert_in(block, entry);
    }

    pub(super) fn remove(&mut self, (rule, key): Posting, slot: u32) {
        self.by_rule[rule as usize].remove(key | u64::from(slot));
    }

    pub(super) fn len(&self) -> usize {
        self.by_rule.iter().flat_map(|entries| &entries.blocks).map(Vec::len).sum()
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.by_rule.iter().map(Entries::bytes).sum()
    }
}

impl Entries {
    pub(super) fn new(sorted: &[u64]) -> Self {
        let block = |entries: &[u64]| {
            let mut block = Vec::with_capacity(entries.len() + ROOM);
            block.extend_from_slice(entries);
            block
        };
        let mut blocks: Vec<Vec<u64>> = sorted.chunks(FILLED).map(block).collect();
        if blocks.is_empty() {
            blocks.push(Vec::new());
        }
        let mut separators: Vec<u64> = blocks.iter().map(|block| block.first().copied().unwrap_or_default()).collect();
        separators[0] = 0;
        Self { separators, blocks }
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        let block = |block: &Vec<u64>| block.capacity() * size_of::<u64>() + size_of::<Vec<u64>>();
        self.blocks.iter().map(block).sum::<usize>() + self.separators.capacity() * size_of::<u64>()
    }

    /// The entries of a range, in order.
    pub(super) fn range(&self, range: std::ops::RangeInclusive<u64>) -> impl Iterator<Item = u64> + '_ {
        self.from(self.place(*range.start())).take_while(move |entry| entry <= range.end())
    }

    /// The block an entry belongs into: near the place that its value says, found
    /// by steps that double.
    fn block(&self, entry: u64) -> usize {
        let separators = &self.separators;
        let last = separators.len() - 1;
        let span = separators[last] >> COARSE_BLOCKS;
        let guess = ((entry >> COARSE_BLOCKS) * last as u64 / (span + 1)).min(last as u64) as usize;
        let (mut from, mut to, mut step) = (guess, guess + 1, 1);
        while separators[from] > entry {
            to = from;
            from = from.saturating_sub(step);
            step *= 2;
        }
        while to <= last && separators[to] <= entry {
            from = to;
            to = (to + step).min(last + 1);
            step *= 2;
        }
        from + separators[from..to].partition_point(|&separator| separator <= entry) - 1
    }

    /// About where in a block an entry is.
    fn guess(&self, block: usize, entry: u64) -> usize {
        let from = self.separators[block];
        let to = self.separators.get(block + 1).copied().unwrap_or(u64::MAX);
        // Coarse enough to be multiplied by the length of a block; a block of one
        // key spans less than that, and is searched as a whole.
        let (above, span) = ((entry - from) >> COARSE, (to - from) >> COARSE);
        (above * self.blocks[block].len() as u64 / (span + 1)) as usize
    }

    /// The block an entry belongs into, given where it likely is.
    fn block_by(&self, likely: usize, entry: u64) -> usize {
        let starts = self.separators.get(likely).is_some_and(|&separator| separator <= entry);
        let ends = self.separators.get(likely + 1).is_none_or(|&separator| entry < separator);
        if starts && ends { likely } else { self.block(entry) }
    }

    /// What lies near an entry.
    fn near(&self, block: usize, entry: u64) -> u64 {
        self.blocks[block].get(self.guess(block, entry)).copied().unwrap_or_default()
    }

    /// Block and place of the first entry that is not less.
    fn place(&self, entry: u64) -> (usize, usize) {
        self.place_in(self.block(entry), entry)
    }

    /// The same in the block that an entry belongs into.
    fn place_in(&self, number: usize, entry: u64) -> (usize, usize) {
        let block = &self.blocks[number];
        let guess = self.guess(number, entry);
        let (from, to) = (guess.saturating_sub(NEAR), (guess + NEAR).min(block.len()));
        let is_below = |at: usize| block[at] < entry;
        let from = if from == 0 || is_below(from - 1) { from } else { 0 };
        let to = if to == block.len() || !is_below(to) { to } else { block.len() };
        (number, from + block[from..to].partition_point(|&known| known < entry))
    }

    /// The entries from a place on.
    fn from(&self, (block, place): (usize, usize)) -> impl Iterator<Item = u64> + '_ {
        self.blocks[block][place..].iter().chain(self.blocks[block + 1..].iter().flatten()).copied()
    }

    pub(super) fn insert(&mut self, entry: u64) {
        self.insert_in(self.block(entry), entry);
    }

    fn insert_in(&mut self, number: usize, entry: u64) {
        let (_, place) = self.place_in(number, entry);
        let is_last = number + 1 == self.blocks.len();
        let block = &mut self.blocks[number];
        if block.get(place) == Some(&entry) {
            return;
        }
        if block.len() == block.capacity() {
            block.reserve_exact(ROOM);
        }
        block.insert(place, entry);
        if block.len() == BLOCK {
            // What only grows at its end is left full behind.
            let is_last = is_last && place + 1 == BLOCK;
            let upper = block.split_off(if is_last { BLOCK - 1 } else { BLOCK / 2 });
            block.shrink_to(block.len() + ROOM);
            self.separators.insert(number + 1, upper[0]);
            self.blocks.insert(number + 1, upper);
        }
    }

    pub(super) fn remove(&mut self, entry: u64) {
        let (number, place) = self.place(entry);
        let block = &mut self.blocks[number];
        if block.get(place) != Some(&entry) {
            return;
        }
        block.remove(place);
        if block.is_empty() && self.blocks.len() > 1 {
            self.blocks.remove(number);
            self.separators.remove(number);
            self.separators[0] = 0;
        }
    }
}

/// What is in the first of two sorted lists and not in the second.
pub(super) fn without(one: &[Posting], other: &[Posting]) -> Vec<Posting> {
    one.iter().filter(|posting| other.binary_search(posting).is_err()).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::hash::mix;
    use super::*;
    use std::collections::BTreeSet;

    /// Keys of many slots, of few and of one, put in, taken out and put in again.
    #[test]
    fn blocks_hold_what_an_ordered_set_would() {
        let key = |place: u64| mix(mix(place) % (1 + place % 900)) >> ROW_BITS << ROW_BITS;
        let (mut entries, mut set) = (Entries::new(&[]), BTreeSet::new());
        for place in 0..9000u64 {
            let entry = key(place) | (mix(place) & 0xfff);
            let mut check = |there: bool| {
                let at = entries.place(entry);
                assert_eq!(entries.from(at).next(), set.range(entry..).next().copied());
                if there {
                    entries.insert(entry);
                    set.insert(entry);
                } else {
                    entries.remove(entry);
                    set.remove(&entry);
                }
            };
            check(place % 3 != 2 || place < 4000);
            if place % 7 == 0 {
                check(false);
            }
        }
        assert!(entries.from((0, 0)).eq(set.iter().copied()) && entries.blocks.len() > 20);
        let sorted: Vec<u64> = set.into_iter().collect();
        assert!(Entries::new(&sorted).from((0, 0)).eq(sorted.iter().copied()));
        for entry in sorted {
            entries.remove(entry);
        }
        assert!(entries.from((0, 0)).next().is_none() && entries.blocks.len() == 1);
    }

    #[test]
    fn a_key_of_several_blocks_is_counted_up_to_what_is_asked() {
        let mut postings = Postings::new(Rules::default());
        let (common, rare) = ((3, mix(1) >> ROW_BITS << ROW_BITS), (3, mix(2) >> ROW_BITS << ROW_BITS));
        (0..1000).for_each(|slot| postings.insert(common, 0, slot));
        (0..5).for_each(|slot| postings.insert(rare, 9, slot * 7));
        let mut slots = vec![99];
        assert_eq!((postings.gather(common, 1, 40, &mut slots), postings.gather(rare, 0, 4, &mut slots)), (42, 5));
        assert_eq!((postings.gather(rare, 0, 5, &mut slots), slots), (5, vec![99, 0, 7, 14, 21, 28]));
        let open = [(common, 999), (common, 1000), (rare, 4), (rare, 5)].map(|(key, most)| postings.is_open(key, most));
        assert_eq!(open, [false, true, false, true]);
        assert!(postings.slots(common).eq(0..1000));
    }
}
