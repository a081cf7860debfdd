//! The keys that more than one record carries, numbered. Of those that are open by
//! themselves: who carries them. Of the others: lines of memory, one for each
//! record, so that what it may have in common with others is mostly in one.

use super::keys::{KeyWeights, Keys, Weigher, kind_of};
use super::lanes::{LANES, Lanes, Line};
use super::open::LAST;
use crate::matching::hash::Seen;
use crate::matching::table::texts::Places;
use std::hint::black_box;

/// Marks the last place of a line: the rest is in `more`, from this place.
const MORE: u32 = 1 << 31;
/// Keys whose numbers are looked up together, so that what is known of all is read at once.
const FETCHED: usize = 32;

/// The numbered keys of each record that are not open; see the head of this file.
#[derive(Debug)]
pub(crate) struct Shared {
    lines: Vec<Line>,
    /// Numbers for which lines have no place, those of a row sorted, after how many
    /// they are.
    more: Vec<u32>,
    /// What each number weighs, 0 nothing, and the kind of its key above.
    weights: Vec<u16>,
}

impl Shared {
    /// Takes the keys of single records out of `keys` and numbers the others. Those
    /// left are marked where `is_open` says so of their kind and carriers: they are
    /// apart.
    pub(crate) fn of(
        keys: &mut Keys,
        numbered: &Numbered,
        weights: &KeyWeights,
        is_open: impl Fn(usize, u32) -> bool,
    ) -> (Self, Alone) {
        let weigher = Weigher::new(weights);
        let weight = |&identity: &u64| (kind_of(identity) as u16) << 8 | u16::from(weigher.weight(identity));
        let weights = std::iter::once(0).chain(numbered.identities.iter().skip(1).map(weight)).collect();
        let mut shared = Self { lines: vec![Line::default(); keys.rows()], more: Vec::new(), weights };
        let carriers = |number: u32| numbered.carriers(number);
        let is_for_line = |kind, number| carriers(number) > 1 && !is_open(kind, carriers(number));
        let mut lanes = Lanes::new(keys, &numbered.numbers, numbered.carriers.len(), is_for_line);
        let mut alone = Alone { ends: vec![0; numbered.carriers.len()], ..Alone::default() };
        let (mut current, mut of_row) = (0, Vec::new());
        keys.retain(|row, place, key| {
            let number = numbered.numbers[place];
            let carriers = carriers(number);
            if carriers < 2 {
                return None;
            }
            if is_open(key.kind(), carriers) {
                alone.push(number, row as u32, carriers, shared.weight(number) as u8);
                return Some(key.marked(true));
            }
            if row != current {
                shared.put(current, &mut of_row, &mut lanes);
                current = row;
            }
            of_row.push((key.kind(), number));
            Some(key.marked(false))
        });
        shared.put(current, &mut of_row, &mut lanes);
        (shared, alone)
    }

    /// Puts down the keys of a row, kinds and numbers, and empties the list.
    fn put(&mut self, row: usize, keys: &mut Vec<(usize, u32)>, lanes: &mut Lanes) {
        let Some(line) = self.lines.get_mut(row) else { return };
        lanes.lay_out(keys, line);
        if !keys.is_empty() {
            line.0[LANES] = MORE | self.more.len() as u32;
            self.more.push(keys.len() as u32);
            keys.sort_unstable_by_key(|&(_, number)| number);
            self.more.extend(keys.drain(..).map(|(_, number)| number));
        }
    }

    pub(crate) fn line(&self, row: u32) -> &Line {
        &self.lines[row as usize]
    }

    /// The numbers for which a line has no place, sorted.
    pub(crate) fn more(&self, line: &Line) -> &[u32] {
        let last = line.0[LANES];
        if last & MORE == 0 {
            return &[];
        }
        let count = (last & !MORE) as usize;
        &self.more[count + 1..count + 1 + self.more[count] as usize]
    }

    pub(crate) fn weight(&self, number: u32) -> u32 {
        u32::from(self.weights[number as usize] & 0xff)
    }

    /// The kind of the key of a number other than 0.
    pub(crate) fn kind(&self, number: u32) -> usize {
        usize::from(self.weights[number as usize] >> 8)
    }

    /// Reads the lines of many rows, then what they have no place for: loads
    /// that do not wait for each other, so that later ones find all at hand.
    pub(crate) fn fetch(&self, rows: &[u32]) {
        let last = |row: &u32| self.lines[*row as usize].0[LANES];
        black_box(rows.iter().fold(0, |sum, row| sum ^ last(row)));
        let beyond = rows.iter().map(last).filter(|last| last & MORE != 0);
        black_box(beyond.fold(0, |sum, last| sum ^ self.more[(last & !MORE) as usize]));
    }
}

/// Who carries the keys that are open by themselves.
#[derive(Debug, Default)]
pub(crate) struct Alone {
    /// The rows of one key after those of another, the last of each marked.
    pub(crate) members: Vec<u32>,
    /// For each of them, what the key weighs.
    pub(crate) weights: Vec<u8>,
    /// By number: where the members of a key end that are not there yet; 0 before the first.
    ends: Vec<u32>,
}

impl Alone {
    fn push(&mut self, number: u32, row: u32, carriers: u32, weight: u8) {
        let end = &mut self.ends[number as usize];
        let mut mark = 0;
        if *end == 0 {
            // The first is put last.
            let all = self.members.len() + carriers as usize;
            self.members.resize(all, 0);
            self.weights.resize(all, weight);
            (*end, mark) = (all as u32, LAST);
        }
        *end -= 1;
        self.members[*end as usize] = row | mark;
    }
}

/// A number for each key, or for each that may have several carriers.
pub(crate) struct Numbered {
    /// In the order of the keys; 0 for those of one record.
    numbers: Vec<u32>,
    /// By number.
    identities: Vec<u64>,
    carriers: Vec<u32>,
}

impl Numbered {
    /// Numbers the keys of several records, and a few of single ones.
    pub(crate) fn of(keys: &Keys) -> Self {
        Self::with(keys, false)
    }

    /// Numbers all keys.
    pub(crate) fn of_all(keys: &Keys) -> Self {
        Self::with(keys, true)
    }

    fn with(keys: &Keys, single: bool) -> Self {
        let seen = Seen::of(keys.all(), |key| key.identity());
        let mut places = Places::with_room(seen.count());
        let (mut identities, mut carriers) = (vec![u64::MAX], vec![0]);
        let mut numbers = Vec::with_capacity(keys.all().len());
        let mut repeated = Vec::with_capacity(FETCHED);
        for keys in keys.all().chunks(FETCHED) {
            repeated.clear();
            repeated.extend(keys.iter().map(|key| key.identity()).filter(|&identity| seen.twice(identity)));
            let likely = places.likely(repeated.iter().copied());
            black_box(likely.fold(0, |sum, number| sum ^ identities.get(number as usize).unwrap_or(&0)));
            for identity in keys.iter().map(|key| key.identity()) {
                let next = carriers.len() as u32;
                let number = match (seen.twice(identity), single) {
                    (true, _) => places.find_or_put(identity, next, |number| identities[number as usize] == identity),
                    (false, true) => next,
                    (false, false) => 0,
                };
                if number == next {
                    identities.push(identity);
                    carriers.push(0);
                }
                carriers[number as usize] += 1;
                numbers.push(number);
            }
        }
        // Those that have no number.
        carriers[0] = 0;
        Self { numbers, identities, carriers }
    }

    /// The numbers of the keys, in the order of these.
    pub(crate) fn numbers(&self) -> &[u32] {
        &self.numbers
    }

    /// The identity of the key of each number, and how many records carry it.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (u64, u32)> + '_ {
        self.identities.iter().copied().zip(self.carriers.iter().copied()).skip(1)
    }

    /// How many records carry the key of a number.
    pub(crate) fn carriers(&self, number: u32) -> u32 {
        self.carriers[number as usize]
    }

    /// What the keys should weigh, see [`KeyWeights::of`].
    pub(crate) fn weights(&self, keys: &Keys) -> KeyWeights {
        KeyWeights::of(keys, self.keys())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::keys::{KINDS, Key};
    use super::*;
    use crate::matching::hash::{FastMap, mix};

    /// Records of many keys and few, some shared by all, by two or by none.
    pub(crate) fn keys() -> Keys {
        let record = |row: u64| -> Vec<Key> {
            let shared = (0..(row * 7) % 40).map(|key| mix(key % 50));
            let paired = (0..row % 5).map(|key| mix(1000 + key * 100 + row / 2));
            let own = (0..row % 3).map(|key| mix(100_000 + key * 1000 + row));
            let kind = |hash: u64| (hash % KINDS as u64) << 60 | (hash >> 12) << 8;
            let mut keys: Vec<Key> = shared.chain(paired).chain(own).map(|hash| Key::from_bits(kind(hash))).collect();
            keys.sort_unstable();
            keys.dedup();
            keys
        };
        let records: Vec<Vec<Key>> = (0..120).map(record).collect();
        Keys::of_records(records.iter().map(Vec::as_slice))
    }

    #[test]
    fn keys_of_single_records_go_and_open_ones_are_apart() {
        let before = keys();
        let mut carriers: FastMap<u64, Vec<u32>> = FastMap::default();
        for row in 0..before.rows() {
            before.of(row).iter().for_each(|key| carriers.entry(key.identity()).or_default().push(row as u32));
        }
        let is_open = |kind: usize, carriers: u32| kind.is_multiple_of(2) && carriers == 2;
        let is_marked = |key: &Key| is_open(key.kind(), carriers[&key.identity()].len() as u32);
        let mut left = before.clone();
        let (numbered, weights) = (Numbered::of(&left), before.weights());
        let (_, alone) = Shared::of(&mut left, &numbered, &weights, is_open);
        let mut marked = [0; 2];
        for row in 0..before.rows() {
            let several = before.of(row).iter().filter(|key| carriers[&key.identity()].len() > 1);
            let expected: Vec<(u64, bool)> = several.map(|key| (key.identity(), is_marked(key))).collect();
            let found: Vec<(u64, bool)> = left.of(row).iter().map(|key| (key.identity(), key.is_marked())).collect();
            assert_eq!(found, expected);
            for (_, is_marked) in found {
                marked[usize::from(is_marked)] += 1;
            }
        }
        assert!(marked.iter().all(|&count| count > 10), "{marked:?}");
        let mut weighed = before;
        weighed.weigh(&weights);
        let mut expected: Vec<(Vec<u32>, u32)> = Vec::new();
        for key in weighed.all().iter().filter(|key| is_marked(key)) {
            expected.push((carriers[&key.identity()].clone(), key.weight()));
        }
        let mut found: Vec<(Vec<u32>, u32)> = Vec::new();
        let mut places = 0usize..;
        for group in alone.members.split_inclusive(|member| member & LAST != 0) {
            let mut rows: Vec<u32> = group.iter().map(|member| member & !LAST).collect();
            rows.sort_unstable();
            found.extend(
                group.iter().zip(&mut places).map(|(_, place)| (rows.clone(), u32::from(alone.weights[place]))),
            );
        }
        assert!(found.iter().any(|(_, weight)| *weight != found[0].1), "keys weigh differently");
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected);
    }
}
