//! Open keys, and who shares one with whom.
//!
//! Keys that are open by themselves weigh something; what two records share of
//! them is added up where they meet.

use super::entries;
use super::keys::Keys;
use super::rules::Rules;
use crate::matching::threads::{joined, map_each};
use std::hint::black_box;

/// Marks the last of the rows that share a key.
pub(crate) const LAST: u32 = 1 << 31;

/// Partners for which there is room at first.
const ROOM: usize = 256;

/// Who carries which of the open keys.
pub(crate) struct Open {
    /// The rows of one key after those of another; first those of keys that weigh.
    members: Vec<u32>,
    /// For each member of a key that weighs, what the key weighs.
    weights: Vec<u8>,
    /// Where the keys of each row start in `places`.
    starts: Vec<u32>,
    /// For each key of a row, its place in `members`.
    places: Vec<u32>,
}

impl Open {
    /// Finds the keys that at least two and at most `most` records carry.
    pub(crate) fn new(keys: &Keys, rules: &Rules, most: usize, threads: usize) -> Self {
        Self::of(joined(map_each(threads, rules.all(), |&rule| grouped(&entries(keys, rule), most))), keys.rows())
    }

    /// Puts together what [`grouped`] found of each rule.
    pub(crate) fn of(members: Vec<u32>, rows: usize) -> Self {
        Self::weighing(members, Vec::new(), rows)
    }

    /// As [`Open::of`], where the keys of the first members have `weights`, one a member.
    pub(crate) fn weighing(members: Vec<u32>, weights: Vec<u8>, rows: usize) -> Self {
        let mut starts = vec![0u32; rows + 1];
        for member in &members {
            starts[(member & !LAST) as usize] += 1;
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut places = vec![0; members.len()];
        let mut place = 0;
        for (index, member) in members.iter().enumerate() {
            let start = &mut starts[(member & !LAST) as usize];
            *start -= 1;
            places[*start as usize] = place;
            if member & LAST != 0 {
                place = index as u32 + 1;
            }
        }
        Self { members, weights, starts, places }
    }

    /// Puts into `partners` the rows that share an open key with `row`, sorted.
    pub(crate) fn partners(&self, row: u32, partners: &mut Vec<u32>) {
        partners.clear();
        self.each_member(row, |member| partners.push(member));
        partners.sort_unstable();
        partners.dedup();
        partners.retain(|&partner| partner != row);
    }

    /// Begins to meet the partners of `row`: those who share a key that weighs. Returns
    /// the places of its other keys, which fall.
    pub(crate) fn begin(&self, row: u32, met: &mut Met, partners: &mut Partners) -> &[u32] {
        // Those of keys that weigh come last, since places fall.
        let places = self.places_of(row);
        let (plain, weighing) = places.split_at(places.partition_point(|&place| place as usize >= self.weights.len()));
        met.meet(row);
        partners.clear();
        for &place in weighing {
            let weight = u32::from(self.weights[place as usize]);
            self.each_of(place, |member| {
                if member != row {
                    partners.weigh(member, weight, met);
                }
            });
        }
        black_box(plain.iter().fold(0, |sum, &place| sum ^ self.members[place as usize]));
        plain
    }

    /// Meets those who share keys at these places.
    pub(crate) fn meet(&self, places: &[u32], met: &mut Met, partners: &mut Partners) {
        for &place in places {
            self.each_of(place, |member| partners.put(member, met.meet(member)));
        }
    }

    /// Gives the rows that share open keys with `row`, itself too, each as often as it shares one.
    pub(crate) fn each_member(&self, row: u32, mut give: impl FnMut(u32)) {
        let places = self.places_of(row);
        // Loads that do not wait for each other, before those that are used.
        black_box(places.iter().fold(0, |sum, &place| sum ^ self.members[place as usize]));
        for &place in places {
            self.each_of(place, &mut give);
        }
    }

    fn places_of(&self, row: u32) -> &[u32] {
        &self.places[self.starts[row as usize] as usize..self.starts[row as usize + 1] as usize]
    }

    /// Gives the rows of the key whose first is at `place`.
    fn each_of(&self, place: u32, mut give: impl FnMut(u32)) {
        for member in &self.members[place as usize..] {
            give(member & !LAST);
            if member & LAST != 0 {
                break;
            }
        }
    }
}

/// The rows that share an open key with one.
#[derive(Default)]
pub(crate) struct Partners {
    /// Those met, and room for more.
    rows: Vec<u32>,
    count: usize,
    /// Of the first rows, what those of the shared keys weigh that are open by
    /// themselves; of the others there are none.
    weights: Vec<u32>,
}

impl Partners {
    pub(crate) fn rows(&self) -> &[u32] {
        &self.rows[..self.count]
    }

    /// What those from `place` on share of keys that are open by themselves; nothing
    /// where there are no more.
    pub(crate) fn weights_from(&self, place: usize) -> &[u32] {
        self.weights.get(place..).unwrap_or_default()
    }

    fn clear(&mut self) {
        self.count = 0;
        self.weights.clear();
    }

    /// Puts down a row, which counts if it is new: whether it is cannot be foreseen.
    fn put(&mut self, row: u32, is_new: bool) {
        if self.count == self.rows.len() {
            self.rows.resize(2 * self.count + ROOM, 0);
        }
        self.rows[self.count] = row;
        self.count += usize::from(is_new);
    }

    /// Adds what a key weighs that is shared with a row.
    fn weigh(&mut self, row: u32, weight: u32, met: &mut Met) {
        if met.meet(row) {
            self.put(row, true);
            self.weights.push(weight);
        } else if let Some(place) = self.rows().iter().position(|&known| known == row) {
            self.weights[place] += weight;
        }
    }
}

/// Rows met so far, one bit each.
pub(crate) struct Met(Vec<u64>);

impl Met {
    /// Of this many rows, none met.
    pub(crate) fn none(rows: usize) -> Self {
        Self(vec![0; rows.div_ceil(64)])
    }

    /// Whether a row is met for the first time.
    fn meet(&mut self, row: u32) -> bool {
        let (word, bit) = (&mut self.0[row as usize / 64], 1 << (row % 64));
        let is_first = *word & bit == 0;
        *word |= bit;
        is_first
    }

    pub(crate) fn forget(&mut self, rows: &[u32]) {
        for &row in rows {
            self.0[row as usize / 64] = 0;
        }
    }
}

/// The rows of sorted entries that share an open key, the last of each marked.
pub(crate) fn grouped(entries: &[u64], most: usize) -> Vec<u32> {
    let mut members = Vec::new();
    for group in entries.chunk_by(|one, other| super::same_key(*one, *other)) {
        add_open(&mut members, group.iter().map(|&entry| super::row(entry)), most);
    }
    members
}

/// Adds the rows that carry a key, the last marked, if it is open: if at least two
/// and at most `most` do.
pub(crate) fn add_open(members: &mut Vec<u32>, rows: impl ExactSizeIterator<Item = u32>, most: usize) {
    if (2..=most).contains(&rows.len()) {
        members.extend(rows);
        if let Some(last) = members.last_mut() {
            *last |= LAST;
        }
    }
}
