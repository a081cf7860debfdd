//! Rows grouped by the keys that a rule makes of them, without sorting them.
//!
//! Most keys are of one row. They go first, seen to be so in two bits each; the
//! others are numbered in the order they come, and their rows counted into place.

use super::open::LAST;
use crate::matching::counting;
use crate::matching::hash::Seen;
use crate::matching::table::texts::Places;
use std::hint::black_box;

/// Keys that are looked up together, so that what is known of all is read at once.
const FETCHED: usize = 32;
/// Upper bits of keys by which they are sorted without comparing them.
const UPPER_BITS: u32 = 12;
/// In the place of where a group starts: it is too small.
const NO_GROUP: u32 = u32::MAX;
/// In the place of where a group starts: it is too large.
const CLOSED: u32 = NO_GROUP - 1;

/// Keys and the rows that carry them, in the order of the rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Carriers {
    keys: Vec<u64>,
    rows: Vec<u32>,
}

impl Carriers {
    /// Adds a key, a hash of 64 bits, of a row.
    pub(crate) fn push(&mut self, key: u64, row: u32) {
        self.keys.push(key);
        self.rows.push(row);
    }

    /// Returns all keys, each with its row, sorted: first by their upper bits, so that
    /// few are compared with each other.
    pub(crate) fn sorted(self) -> Vec<(u64, u32)> {
        let upper = |key: u64| (key >> (u64::BITS - UPPER_BITS)) as u32;
        let keys = self.keys.iter().zip(&self.rows).map(|(&key, &row)| (upper(key), (key, row)));
        let (mut sorted, places) = counting::grouped(1 << UPPER_BITS, keys);
        for ends in places.windows(2) {
            sorted[ends[0] as usize..ends[1] as usize].sort_unstable();
        }
        sorted
    }

    /// Returns the rows of each key that at least two and at most `most` carry,
    /// the last of each marked; those of keys come in the order of their first rows.
    /// Then those of all rows, of which there are `rows`, that have a key of more.
    pub(crate) fn grouped(mut self, most: usize, rows: usize) -> (Vec<u32>, Bits) {
        self.leave_repeated();
        let (numbers, mut sizes) = self.numbered();
        let mut sum = 0;
        for size in &mut sizes {
            let start = match *size as usize {
                0 | 1 => NO_GROUP,
                carriers if carriers > most => CLOSED,
                _ => sum,
            };
            sum += if start >= CLOSED { 0 } else { *size };
            *size = start;
        }
        let mut next = sizes;
        let (mut members, mut closed) = (vec![0; sum as usize], Bits::none(rows));
        for (&number, &row) in numbers.iter().zip(&self.rows) {
            let place = &mut next[number as usize];
            if *place < CLOSED {
                members[*place as usize] = row;
                *place += 1;
            } else if *place == CLOSED {
                closed.add(row);
            }
        }
        for end in next.into_iter().filter(|end| *end < CLOSED) {
            members[end as usize - 1] |= LAST;
        }
        (members, closed)
    }

    /// Takes out keys of one row, but for a few.
    fn leave_repeated(&mut self) {
        let seen = Seen::of(&self.keys, |&key| key);
        let mut left = 0;
        for place in 0..self.keys.len() {
            let (key, row) = (self.keys[place], self.rows[place]);
            (self.keys[left], self.rows[left]) = (key, row);
            left += usize::from(seen.twice(key));
        }
        self.keys.truncate(left);
        self.rows.truncate(left);
    }

    /// A number for each key, and how many rows carry each.
    fn numbered(&self) -> (Vec<u32>, Vec<u32>) {
        let mut places = Places::with_room(self.keys.len() / 2);
        let (mut known, mut sizes): (Vec<u64>, Vec<u32>) = Default::default();
        let mut numbers = Vec::with_capacity(self.keys.len());
        for keys in self.keys.chunks(FETCHED) {
            let likely = places.likely(keys.iter().copied());
            black_box(likely.fold(0, |sum, place| sum ^ known.get(place as usize).unwrap_or(&0)));
            for &key in keys {
                let number = places.find_or_put(key, known.len() as u32, |place| known[place as usize] == key);
                if number as usize == known.len() {
                    known.push(key);
                    sizes.push(0);
                }
                sizes[number as usize] += 1;
                numbers.push(number);
            }
        }
        (numbers, sizes)
    }
}

/// A set of rows, one bit each.
#[derive(Debug)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    /// Of this many rows, none.
    pub(crate) fn none(rows: usize) -> Self {
        Self(vec![0; rows.div_ceil(64)])
    }

    pub(crate) fn add(&mut self, row: u32) {
        self.0[row as usize / 64] |= 1 << (row % 64);
    }

    pub(crate) fn has(&self, row: u32) -> bool {
        self.0[row as usize / 64] & 1 << (row % 64) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::hash::mix;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn groups_are_those_of_a_map() {
        for (rows, spread) in [(0, 1), (1, 1), (500, 1), (3000, 40), (3000, 900), (3000, 100_000)] {
            // Keys that differ in their upper bits alone, or their lower ones.
            let key = |row: u32| {
                let hash = mix(u64::from(row) % spread);
                if row.is_multiple_of(2) { hash >> 40 << 40 } else { hash & 0xff_ffff }
            };
            let (mut carriers, mut expected): (Carriers, BTreeMap<u64, Vec<u32>>) = Default::default();
            for row in 0..rows {
                carriers.push(key(row), row);
                expected.entry(key(row)).or_default().push(row);
            }
            let sorted = carriers.clone().sorted();
            let all = expected.iter().flat_map(|(&key, rows)| rows.iter().map(move |&row| (key, row)));
            assert!(sorted.into_iter().eq(all), "{rows} {spread}");
            let too_many: BTreeSet<u32> = expected.values().filter(|rows| rows.len() > 40).flatten().copied().collect();
            let mut expected: Vec<Vec<u32>> =
                expected.into_values().filter(|rows| (2..=40).contains(&rows.len())).collect();
            expected.sort();
            let (members, closed) = carriers.grouped(40, rows as usize);
            assert!((0..rows).filter(|&row| closed.has(row)).eq(too_many), "{rows} {spread}");
            let groups = members.split_inclusive(|member| member & LAST != 0);
            let groups: Vec<Vec<u32>> =
                groups.map(|group| group.iter().map(|member| member & !LAST).collect()).collect();
            assert_eq!(groups, expected, "{rows} {spread}");
        }
    }
}
