//! Ranks the partners of records by what the keys weigh that they share, and puts
//! the best of all records together.

use super::bound::{Block, Bound};
use super::lookup::{Lookup, WEIGHED};
use super::open::{Met, Open, Partners};
use super::shared::Shared;
use crate::matching::bounds::Bounds;
use crate::matching::counting::{grouped, leave_once};
use crate::matching::hash;
use crate::matching::threads::map_parts;

/// Partners kept for a record.
const PARTNERS: usize = Bounds::REAL.partners;
/// Most partners that are ranked.
const MOST: usize = PARTNERS + Bounds::SPARE;

/// What is known of records when they are ranked.
pub(crate) struct Proposed {
    pub(crate) shared: Shared,
    pub(crate) open: Open,
    /// The rules of two keys whose open keys `open` holds.
    pub(crate) blocks: Vec<Block>,
}

#[cfg(test)]
impl Proposed {
    /// How many partners of a row, of so many, are met.
    pub(crate) fn met(&self, row: u32, rows: usize) -> usize {
        let records = vec![0; rows];
        let mut ranking = Ranking::new(self, &records, PARTNERS);
        ranking.meet(row);
        ranking.partners.rows().len()
    }
}

/// The pairs of records, whose hashes `records` are, and their best partners,
/// sorted, each once.
pub(crate) fn best_pairs(proposed: &Proposed, records: &[u64], threads: usize) -> Vec<(u32, u32)> {
    let rows: Vec<u32> = (0..records.len() as u32).collect();
    let lists = map_parts(threads, &rows, |rows| {
        let mut ranking = Ranking::new(proposed, records, PARTNERS);
        let mut lists = Lists::of(rows);
        for &row in rows {
            lists.push(ranking.best(row).iter().map(|&(_, partner)| partner));
        }
        lists
    });
    pairs(lists, records.len())
}

/// The pairs of records and those in their lists, sorted, each once.
fn pairs(lists: Vec<Lists>, rows: usize) -> Vec<(u32, u32)> {
    let (mut greater, mut places) = grouped(rows, lists.iter().flat_map(Lists::pairs));
    drop(lists);
    leave_once(&mut greater, &mut places);
    let mut pairs = Vec::with_capacity(greater.len());
    for (one, ends) in (0..).zip(places.windows(2)) {
        pairs.extend(greater[ends[0] as usize..ends[1] as usize].iter().map(|&other| (one, other)));
    }
    pairs
}

/// The best partners of consecutive records, one record's after another's.
struct Lists {
    /// The first record.
    first: u32,
    partners: Vec<u32>,
    /// Where each record's start, and the last end.
    places: Vec<u32>,
}

impl Lists {
    /// Of these records, none yet.
    fn of(rows: &[u32]) -> Self {
        let first = rows.first().copied().unwrap_or_default();
        let mut places = Vec::with_capacity(rows.len() + 1);
        places.push(0);
        Self { first, partners: Vec::with_capacity(rows.len() * PARTNERS), places }
    }

    /// Adds those of the next record.
    fn push(&mut self, partners: impl Iterator<Item = u32>) {
        self.partners.extend(partners);
        self.places.push(self.partners.len() as u32);
    }

    /// Each record with each of its partners, the lesser first.
    fn pairs(&self) -> impl Iterator<Item = (u32, u32)> + Clone {
        let of_row = move |(row, ends): (u32, &[u32])| {
            let partners = &self.partners[ends[0] as usize..ends[1] as usize];
            partners.iter().map(move |&partner| (row.min(partner), row.max(partner)))
        };
        (self.first..).zip(self.places.windows(2)).flat_map(of_row)
    }
}

/// Ranks the partners of records by the keys they share.
pub(crate) struct Ranking<'a> {
    proposed: &'a Proposed,
    records: &'a [u64],
    /// Partners that are wanted.
    most: usize,
    lookup: Lookup<'a>,
    met: Met,
    partners: Partners,
    /// Blocks that have partners of a record, and the places of its keys.
    blocks: Vec<(&'a Block, &'a [u32])>,
    likely: Likely,
    /// Partners that weigh as much as the last one kept, by the hash of the pair.
    tied: Vec<(u64, u32)>,
    /// The best, with what they weigh.
    best: Vec<(u16, u32)>,
}

impl<'a> Ranking<'a> {
    /// For so many partners of each record, [`MOST`] at most.
    pub(crate) fn new(proposed: &'a Proposed, records: &'a [u64], most: usize) -> Self {
        Self {
            proposed,
            records,
            most,
            lookup: Lookup::new(&proposed.shared),
            met: Met::none(records.len()),
            partners: Partners::default(),
            blocks: Vec::new(),
            likely: Likely::of(most),
            tied: Vec::new(),
            best: Vec::new(),
        }
    }

    /// Returns the best partners of `row` and what they weigh, best first: those of
    /// the greatest weights, and of equal ones those of the least hashes. Where there
    /// are fewer than wanted, they are all there are.
    pub(crate) fn ranked(&mut self, row: u32) -> &[(u16, u32)] {
        self.meet(row);
        self.choose(row);
        let (own, records) = (self.records[row as usize], self.records);
        let hash = |partner: u32| hash::pair(own, records[partner as usize]);
        self.best.sort_unstable_by(|one, other| other.0.cmp(&one.0).then_with(|| hash(one.1).cmp(&hash(other.1))));
        &self.best
    }

    /// The same in no order, weighed only if some are not among the best.
    fn best(&mut self, row: u32) -> &[(u16, u32)] {
        self.meet(row);
        if self.partners.rows().len() <= self.most {
            self.best.clear();
            self.best.extend(self.partners.rows().iter().map(|&partner| (0, partner)));
        } else {
            self.choose(row);
        }
        &self.best
    }

    /// Finds the best of the partners met.
    fn choose(&mut self, row: u32) {
        self.best.clear();
        self.likely.weigh(&self.lookup, &self.partners);
        let least = self.likely.greatest.least();
        self.tied.clear();
        for &(weight, partner) in self.likely.partners.iter().filter(|(weight, _)| *weight >= least) {
            if weight > least {
                self.best.push((weight, partner));
            } else {
                self.tied.push((0, partner));
            }
        }
        let wanted = self.most - self.best.len();
        if self.tied.len() > wanted {
            let own = self.records[row as usize];
            self.tied.iter_mut().for_each(|(hash, partner)| *hash = hash::pair(own, self.records[*partner as usize]));
            self.tied.select_nth_unstable(wanted);
        }
        self.best.extend(self.tied.iter().take(wanted).map(|&(_, partner)| (least, partner)));
    }

    /// Meets all partners of `row` that may be among the best, and weighs most.
    fn meet(&mut self, row: u32) {
        let Proposed { open, blocks, .. } = self.proposed;
        self.lookup.turn_to(row);
        self.likely.clear();
        let mut bound = Bound::of(self.lookup.keys());
        let mut places = open.begin(row, &mut self.met, &mut self.partners);
        self.blocks.clear();
        for block in blocks {
            let (own, others) = places.split_at(places.iter().take_while(|&&place| place >= block.start).count());
            places = others;
            if !own.is_empty() {
                self.blocks.push((block, own));
            } else if block.meets_all(row) {
                bound.part(block.kinds);
            }
        }
        for &(block, places) in &self.blocks {
            if bound.most(block.kinds) < u32::from(self.likely.greatest.least()) {
                continue;
            }
            open.meet(places, &mut self.met, &mut self.partners);
            if block.meets_all(row) {
                bound.part(block.kinds);
            }
            if self.partners.rows().len() >= self.likely.weighed + WEIGHED {
                self.likely.weigh(&self.lookup, &self.partners);
            }
        }
        self.met.forget(self.partners.rows());
        self.met.forget(&[row]);
    }
}

/// The partners of a record that are likely among the best.
struct Likely {
    /// How many are wanted.
    most: usize,
    /// Their weights, and who they are.
    partners: Vec<(u16, u32)>,
    greatest: Greatest,
    /// How many partners have been weighed.
    weighed: usize,
}

impl Likely {
    /// For so many partners, none yet.
    fn of(most: usize) -> Self {
        Self { most, partners: Vec::new(), greatest: Greatest::of(most), weighed: 0 }
    }

    fn clear(&mut self) {
        self.partners.clear();
        (self.greatest, self.weighed) = (Greatest::of(self.most), 0);
    }

    /// Weighs those partners that have not been, by the keys that `lookup` looks for.
    fn weigh(&mut self, lookup: &Lookup<'_>, partners: &Partners) {
        for rows in partners.rows()[self.weighed..].chunks(WEIGHED) {
            let mut weights = lookup.weigh(rows);
            for (weight, open) in weights.iter_mut().zip(partners.weights_from(self.weighed)) {
                *weight += open;
            }
            self.weighed += rows.len();
            let weights = weights.map(|weight| weight.min(u32::from(u16::MAX)) as u16);
            // Most come to nothing, once a few have been met.
            if weights.iter().fold(0u16, |most, weight| most.max(*weight)) < self.greatest.least() {
                continue;
            }
            for (&weight, &partner) in weights.iter().zip(rows) {
                if weight >= self.greatest.least() {
                    self.partners.push((weight, partner));
                    self.greatest.add(weight);
                }
            }
        }
    }
}

/// The greatest weights so far, rising: as many as partners are wanted, above them
/// none that any exceeds.
struct Greatest([u16; MOST]);

impl Greatest {
    /// For so many weights, [`MOST`] at most; none yet.
    fn of(most: usize) -> Self {
        let mut weights = [0; MOST];
        weights[most..].fill(u16::MAX);
        Self(weights)
    }

    fn least(&self) -> u16 {
        self.0[0]
    }

    /// Adds a weight; the least one goes, if it is not this.
    fn add(&mut self, weight: u16) {
        // Without branches that no processor foresees: each place takes the new
        // weight, the next one's or keeps its own, whichever is in the middle.
        let mut next = [u16::MAX; MOST];
        next[..MOST - 1].copy_from_slice(&self.0[1..]);
        for (own, next) in self.0.iter_mut().zip(next) {
            *own = weight.min(next).max(*own);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_last_weight_kept_is_that_of_the_sorted_list() {
        for (count, most) in [(PARTNERS + 1, PARTNERS), (40, MOST), (40, 3), (400, PARTNERS)] {
            for spread in [1, 3, 50, 1 << 16] {
                let mut weights: Vec<u16> =
                    (0..count as u64).map(|place| (hash::mix(place * spread) % spread) as u16).collect();
                let mut greatest = Greatest::of(most);
                for &weight in &weights {
                    greatest.add(weight);
                }
                weights.sort_unstable_by(|one, other| other.cmp(one));
                assert_eq!(greatest.least(), weights[most - 1], "{most} of {count} of {spread}");
            }
        }
    }

    #[test]
    fn pairs_of_lists_are_sorted_and_each_there_once() {
        for (rows, partners, parts) in [(1, 0, 1), (40, 3, 1), (40, 16, 3), (500, 5, 7)] {
            let partner = |row: u32, place: u32| hash::mix(u64::from(row) << 32 | u64::from(place)) as u32 % rows;
            let of_row =
                |row: u32| (0..partners).map(move |place| partner(row, place)).filter(move |other| *other != row);
            let all: Vec<u32> = (0..rows).collect();
            let lists = map_parts(parts, &all, |part| {
                let mut lists = Lists::of(part);
                for &row in part {
                    lists.push(of_row(row));
                }
                lists
            });
            let expected: BTreeSet<(u32, u32)> =
                all.iter().flat_map(|&row| of_row(row).map(move |other| (row.min(other), row.max(other)))).collect();
            assert_eq!(expected.is_empty(), partners == 0);
            assert!(pairs(lists, rows as usize).into_iter().eq(expected), "{rows} {partners} {parts}");
        }
    }
}
