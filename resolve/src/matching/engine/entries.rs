//! Numbers of 64 bits in order: a hash or a code above, what it stands for below.
//!
//! They lie in blocks, a list of separators before them. Hashes are spread
//! evenly, so an entry is near the place that its value says: to find one takes
//! a line or two of a block, wherever it is.

/// Entries of a block at most; it is parted in the middle then.
const BLOCK: usize = 128;
/// Entries of a block that is filled in at once: it can take some more.
const FILLED: usize = 112;
/// Entries that a block makes room for, filled in at once or full.
const ROOM: usize = 8;
/// Bits left out where places are guessed: a block has less than that many entries.
const COARSE: u32 = 8;
/// The same where blocks are guessed, of which there are more.
const COARSE_BLOCKS: u32 = 24;
/// How far from its guessed place an entry mostly is.
const NEAR: usize = 16;

/// Block and place of an entry.
pub(super) type At = (usize, usize);

/// See the head of this file.
#[derive(Clone, Debug)]
pub(super) struct Entries {
    /// About the first entry of each block, and above the last of the one
    /// before; 0 for the first.
    separators: Vec<u64>,
    blocks: Vec<Vec<u64>>,
}

/// An entry of the upper half of a hash.
pub(super) fn entry(hash: u64, value: u32) -> u64 {
    hash >> 32 << 32 | u64::from(value)
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

    /// Number of entries.
    pub(super) fn len(&self) -> usize {
        self.blocks.iter().map(Vec::len).sum()
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

    /// The first entry of the upper half of a hash whose value `is_it` picks. The
    /// hash is in `block`, and likely still is.
    pub(super) fn find(&self, block: usize, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<At> {
        let first = entry(hash, 0);
        let (mut block, mut place) = self.place_in(self.block_by(block, first), first);
        loop {
            let Some(&found) = self.blocks[block].get(place) else {
                (block, place) = (block + 1, 0);
                if block == self.blocks.len() {
                    return None;
                }
                continue;
            };
            if entry(found, 0) != first {
                return None;
            }
            if is_it(found as u32) {
                return Some((block, place));
            }
            place += 1;
        }
    }

    /// The value of an entry.
    pub(super) fn value(&self, (block, place): At) -> u32 {
        self.blocks[block][place] as u32
    }

    /// Gives an entry another value. Those of one hash are in no order then.
    pub(super) fn set_value(&mut self, (block, place): At, value: u32) {
        let known = &mut self.blocks[block][place];
        *known = entry(*known, value);
    }

    /// The block an entry belongs into: near the place that its value says, found
    /// by steps that double.
    pub(super) fn block(&self, entry: u64) -> usize {
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

    /// What lies near an entry of this block.
    pub(super) fn near(&self, block: usize, entry: u64) -> u64 {
        self.blocks[block].get(self.guess(block, entry)).copied().unwrap_or_default()
    }

    /// Block and place of the first entry that is not less.
    fn place(&self, entry: u64) -> At {
        self.place_in(self.block(entry), entry)
    }

    /// The same in the block that an entry belongs into.
    fn place_in(&self, number: usize, entry: u64) -> At {
        let block = &self.blocks[number];
        let guess = self.guess(number, entry);
        let (from, to) = (guess.saturating_sub(NEAR), (guess + NEAR).min(block.len()));
        let is_below = |at: usize| block[at] < entry;
        let from = if from == 0 || is_below(from - 1) { from } else { 0 };
        let to = if to == block.len() || !is_below(to) { to } else { block.len() };
        (number, from + block[from..to].partition_point(|&known| known < entry))
    }

    /// The entries from a place on.
    fn from(&self, (block, place): At) -> impl Iterator<Item = u64> + '_ {
        self.blocks[block][place..].iter().chain(self.blocks[block + 1..].iter().flatten()).copied()
    }

    /// Adds an entry, which may be there already: then it is there once more.
    pub(super) fn insert(&mut self, entry: u64) {
        self.insert_in(self.block(entry), entry);
    }

    /// The same, given the block it belongs into, or likely does.
    pub(super) fn insert_by(&mut self, block: usize, entry: u64) {
        self.insert_in(self.block_by(block, entry), entry);
    }

    fn insert_in(&mut self, number: usize, entry: u64) {
        let (_, place) = self.place_in(number, entry);
        let is_last = number + 1 == self.blocks.len();
        let block = &mut self.blocks[number];
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

    /// Takes out the entry of a place.
    pub(super) fn remove_at(&mut self, (number, place): At) {
        let block = &mut self.blocks[number];
        block.remove(place);
        if block.is_empty() && self.blocks.len() > 1 {
            self.blocks.remove(number);
            self.separators.remove(number);
            self.separators[0] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::hash::mix;
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    /// Entries of many values, of few and of one, put in, taken out and put in again.
    #[test]
    fn blocks_hold_what_an_ordered_set_would() {
        let remove = |entries: &mut Entries, entry: u64| {
            let at = entries.place(entry);
            if entries.blocks[at.0].get(at.1) == Some(&entry) {
                entries.remove_at(at);
            }
        };
        let key = |place: u64| mix(mix(place) % (1 + place % 900)) >> 26 << 26;
        let (mut entries, mut set) = (Entries::new(&[]), BTreeSet::new());
        for place in 0..9000u64 {
            let entry = key(place) | (mix(place) & 0xfff);
            let mut check = |there: bool| {
                let at = entries.place(entry);
                assert_eq!(entries.from(at).next(), set.range(entry..).next().copied());
                if there && set.insert(entry) {
                    entries.insert(entry);
                } else if !there {
                    remove(&mut entries, entry);
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
            remove(&mut entries, entry);
        }
        assert!(entries.from((0, 0)).next().is_none() && entries.blocks.len() == 1);
    }

    /// Values of hashes that share their upper halves, some with the one before.
    #[test]
    fn values_of_hashes_are_found_changed_and_taken_out() {
        let hash = |key: u32| mix(u64::from(key / 3));
        let (mut entries, mut known) = (Entries::new(&[]), BTreeMap::new());
        for round in 0..9000 {
            let key = (mix(u64::from(round)) % 2500) as u32;
            let value = known.get(&key).copied();
            let likely = entries.block(hash(key));
            let at = entries.find(likely, hash(key), |found| Some(found) == value);
            assert_eq!(at.map(|at| entries.value(at)), value);
            // Values of one hash tell their keys.
            let next = key * 10_000 + round;
            match at {
                None => entries.insert_by(likely, entry(hash(key), next)),
                Some(at) if round % 3 == 0 => {
                    entries.remove_at(at);
                    known.remove(&key);
                    continue;
                }
                Some(at) => entries.set_value(at, next),
            }
            known.insert(key, next);
        }
        assert!(known.len() > 500 && entries.len() == known.len() && entries.blocks.len() > 5);
        for (&key, &value) in &known {
            assert!(entries.find(0, hash(key), |found| found == value).is_some());
            assert!(entries.find(9, hash(key), |found| found == value + 1).is_none());
        }
    }
}
