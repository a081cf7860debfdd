//! The keys that more than one record carries, numbered, so that what a record
//! may have in common with others is mostly one line of memory; and those marked
//! that are open by themselves.

use super::hash::Seen;
use super::keys::{KeyWeights, Keys, Weigher};
use super::texts::Places;
use std::hint::black_box;

/// Numbers in a line.
const LINE: usize = 16;
/// Marks the last place of a line: the rest is in `more`, from this place.
const MORE: u32 = 1 << 31;

/// As much as is read from memory at once; 0 is no number.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Line([u32; LINE]);

/// The numbered keys of each record; see the head of this file.
#[derive(Debug)]
pub(crate) struct Shared {
    lines: Vec<Line>,
    /// Numbers for which lines have no place, those of a row after how many they are.
    more: Vec<u32>,
    /// What each number weighs.
    weights: Vec<u8>,
}

impl Shared {
    /// Takes the keys of single records out of `keys` and numbers the others.
    /// Those left are marked where `is_open` says so of their kind and carriers.
    pub(crate) fn of(
        keys: &mut Keys,
        numbered: &Numbered,
        weights: &KeyWeights,
        is_open: impl Fn(usize, u32) -> bool,
    ) -> Self {
        let weigher = Weigher::new(weights);
        let weights = numbered.identities.iter().map(|&identity| weigher.weight(identity)).collect();
        let mut shared = Self { lines: vec![Line::default(); keys.rows()], more: Vec::new(), weights };
        let (mut current, mut filled) = (0, 0);
        keys.retain(|row, place, key| {
            let number = numbered.numbers[place];
            let carriers = numbered.carriers[number as usize];
            if carriers < 2 {
                return None;
            }
            filled = if row == current { filled } else { 0 };
            current = row;
            shared.put(row, filled, number);
            filled += 1;
            Some(key.marked(is_open(key.kind(), carriers)))
        });
        shared
    }

    fn put(&mut self, row: usize, place: usize, number: u32) {
        let line = &mut self.lines[row].0;
        if place < LINE {
            line[place] = number;
            return;
        }
        if place == LINE {
            let last = std::mem::replace(&mut line[LINE - 1], MORE | self.more.len() as u32);
            self.more.extend([1, last]);
        }
        let count = (line[LINE - 1] & !MORE) as usize;
        self.more[count] += 1;
        self.more.push(number);
    }

    /// A row's numbers: those of its line, zeros among them, and the others.
    fn numbers(&self, row: u32) -> (&[u32; LINE], &[u32]) {
        let line = &self.lines[row as usize].0;
        let last = line[LINE - 1];
        if last & MORE == 0 {
            return (line, &[]);
        }
        let count = (last & !MORE) as usize;
        (line, &self.more[count + 1..count + 1 + self.more[count] as usize])
    }

    /// Reads the lines of many rows, then what they have no place for: loads
    /// that do not wait for each other, so that later ones find all at hand.
    fn fetch(&self, rows: &[u32]) {
        let last = |row: &u32| self.lines[*row as usize].0[LINE - 1];
        black_box(rows.iter().fold(0, |sum, row| sum ^ last(row)));
        let beyond = rows.iter().map(last).filter(|last| last & MORE != 0);
        black_box(beyond.fold(0, |sum, last| sum ^ self.more[(last & !MORE) as usize]));
    }
}

/// A number for each key that may have several carriers.
pub(crate) struct Numbered {
    /// In the order of the keys; 0 for those of one record.
    numbers: Vec<u32>,
    /// By number.
    identities: Vec<u64>,
    carriers: Vec<u32>,
}

impl Numbered {
    pub(crate) fn of(keys: &Keys) -> Self {
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
                if !seen.twice(identity) {
                    numbers.push(0);
                    continue;
                }
                let next = carriers.len() as u32;
                let number = places.find_or_put(identity, next, |number| identities[number as usize] == identity);
                if number == next {
                    identities.push(identity);
                    carriers.push(0);
                }
                carriers[number as usize] += 1;
                numbers.push(number);
            }
        }
        Self { numbers, identities, carriers }
    }

    /// What the keys should weigh, see [`KeyWeights::of`].
    pub(crate) fn weights(&self, keys: &Keys) -> KeyWeights {
        KeyWeights::of(keys, self.identities.iter().copied().zip(self.carriers.iter().copied()).skip(1))
    }
}

/// The keys of one record, laid out to be found among those of many others: a
/// look-up a key, where two sorted lists would take turns that no processor
/// foresees.
pub(crate) struct Lookup<'a> {
    shared: &'a Shared,
    /// Numbers and their weights.
    slots: [(u32, u32); SLOTS],
    /// Those whose slot another took.
    others: Vec<(u32, u32)>,
}

/// Slots of a look-up: few enough to stay at hand, many for one record's keys.
const SLOTS: usize = 512;
/// Rows whose numbers are fetched together: few enough to stay at hand.
const FETCHED: usize = 32;

impl<'a> Lookup<'a> {
    pub(crate) fn new(shared: &'a Shared) -> Self {
        Self { shared, slots: [(0, 0); SLOTS], others: Vec::new() }
    }

    /// Puts into `weights` what the keys that each partner shares with `row` weigh.
    pub(crate) fn weigh(&mut self, row: u32, partners: &[u32], weights: &mut Vec<u16>) {
        self.lay_out(row);
        weights.clear();
        for partners in partners.chunks(FETCHED) {
            self.shared.fetch(partners);
            weights.extend(partners.iter().map(|&partner| self.shared_with(partner)));
        }
        self.clear(row);
    }

    fn lay_out(&mut self, row: u32) {
        let (line, more) = self.shared.numbers(row);
        for &number in line.iter().chain(more).filter(|&&number| number != 0 && number & MORE == 0) {
            let weight = u32::from(self.shared.weights[number as usize]);
            let slot = &mut self.slots[number as usize % SLOTS];
            if slot.0 == 0 { *slot = (number, weight) } else { self.others.push((number, weight)) }
        }
    }

    fn clear(&mut self, row: u32) {
        let (line, more) = self.shared.numbers(row);
        line.iter().chain(more).for_each(|&number| self.slots[number as usize % SLOTS] = (0, 0));
        self.others.clear();
    }

    fn shared_with(&self, partner: u32) -> u16 {
        let (line, more) = self.shared.numbers(partner);
        let found = |&number: &u32| {
            let slot = self.slots[number as usize % SLOTS];
            if slot.0 == number { slot.1 } else { 0 }
        };
        let mut sum: u32 = line.iter().map(found).sum();
        sum += more.iter().map(found).sum::<u32>();
        if !self.others.is_empty() {
            let among_others = self.others.iter().filter(|(number, _)| line.contains(number) || more.contains(number));
            sum += among_others.map(|(_, weight)| weight).sum::<u32>();
        }
        sum.min(u32::from(u16::MAX)) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::super::hash::{FastMap, mix};
    use super::super::keys::{KINDS, Key};
    use super::*;

    /// Records of many keys and few, some shared by all, by two or by none.
    fn keys() -> Keys {
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
    fn numbers_weigh_what_the_keys_weigh_that_two_records_share() {
        let mut keys = keys();
        let numbered = Numbered::of(&keys);
        let weights = keys.weights();
        assert_eq!(numbered.weights(&keys), weights);
        let shared = Shared::of(&mut keys.clone(), &numbered, &weights, |_, _| false);
        keys.weigh(&weights);
        assert!(shared.more.len() > 100);
        let mut lookup = Lookup::new(&shared);
        let (partners, mut weights): (Vec<u32>, _) = ((0..120).collect(), Vec::new());
        for row in 0..120 {
            lookup.weigh(row, &partners, &mut weights);
            let expected: Vec<u16> = (0..120).map(|other| keys.shared(row as usize, other)).collect();
            let other_than_itself = |weights: &[u16]| {
                let mut weights = weights.to_vec();
                weights.remove(row as usize);
                weights
            };
            assert_eq!(other_than_itself(&weights), other_than_itself(&expected), "row {row}");
        }
    }

    #[test]
    fn keys_of_single_records_go_and_open_ones_are_marked() {
        let before = keys();
        let mut carriers: FastMap<u64, u32> = FastMap::default();
        before.all().iter().for_each(|key| *carriers.entry(key.identity()).or_default() += 1);
        let mut left = before.clone();
        let (numbered, weights) = (Numbered::of(&left), KeyWeights::default());
        Shared::of(&mut left, &numbered, &weights, |kind, carriers| kind % 2 == 0 && carriers == 2);
        let mut marked = [0; 2];
        for row in 0..before.rows() {
            let expected: Vec<(u64, bool)> = before
                .of(row)
                .iter()
                .filter(|key| carriers[&key.identity()] > 1)
                .map(|key| (key.identity(), key.kind() % 2 == 0 && carriers[&key.identity()] == 2))
                .collect();
            let found: Vec<(u64, bool)> = left.of(row).iter().map(|key| (key.identity(), key.is_marked())).collect();
            assert_eq!(found, expected);
            for (_, is_marked) in found {
                marked[usize::from(is_marked)] += 1;
            }
        }
        assert!(marked.iter().all(|&count| count > 10), "{marked:?}");
    }
}
