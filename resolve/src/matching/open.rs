//! Open keys, and who shares one with whom.

use super::block::entries;
use super::keys::Keys;
use super::rules::Rules;
use super::threads::{joined, map_each};
use std::hint::black_box;

/// Marks the last of the rows that share a key.
pub(crate) const LAST: u32 = 1 << 31;

/// Who carries which of the open keys.
pub(crate) struct Open {
    /// The rows of one key after those of another.
    members: Vec<u32>,
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
        Self { members, starts, places }
    }

    /// Puts into `partners` the rows that share an open key with `row`, sorted.
    pub(crate) fn partners(&self, row: u32, partners: &mut Vec<u32>) {
        partners.clear();
        self.each_member(row, |member| partners.push(member));
        partners.sort_unstable();
        partners.dedup();
        partners.retain(|&partner| partner != row);
    }

    /// As [`Open::partners`], in no order.
    pub(crate) fn gather(&self, row: u32, met: &mut Met, partners: &mut Vec<u32>) {
        partners.clear();
        met.meet(row);
        self.each_member(row, |member| {
            if met.meet(member) {
                partners.push(member);
            }
        });
        met.forget(partners);
        met.forget(&[row]);
    }

    /// Gives the rows that share open keys with `row`, itself too, each as often as it shares one.
    pub(crate) fn each_member(&self, row: u32, mut give: impl FnMut(u32)) {
        let places = &self.places[self.starts[row as usize] as usize..self.starts[row as usize + 1] as usize];
        // Loads that do not wait for each other, before those that are used.
        black_box(places.iter().fold(0, |sum, &place| sum ^ self.members[place as usize]));
        for &place in places {
            for member in &self.members[place as usize..] {
                give(member & !LAST);
                if member & LAST != 0 {
                    break;
                }
            }
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

    fn forget(&mut self, rows: &[u32]) {
        for &row in rows {
            self.0[row as usize / 64] = 0;
        }
    }
}

/// The rows of sorted entries that share an open key, the last of each marked.
pub(crate) fn grouped(entries: &[u64], most: usize) -> Vec<u32> {
    let row = |entry: &u64| super::block::row(*entry);
    let mut members = Vec::new();
    for group in entries.chunk_by(|one, other| super::block::same_key(*one, *other)) {
        if (2..=most).contains(&group.len()) {
            members.extend(group.iter().map(row));
            if let Some(last) = members.last_mut() {
                *last |= LAST;
            }
        }
    }
    members
}
