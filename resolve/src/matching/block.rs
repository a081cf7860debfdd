//! Candidate pairs: records that share an open key, the best partners of each.
//!
//! A key is open while a few records carry it. Which pairs are looked at is a
//! function of the set of records; the order they come in never matters.

pub(crate) mod bound;
pub(crate) mod groups;
pub(crate) mod keys;
pub(crate) mod lanes;
pub(crate) mod lookup;
pub(crate) mod open;
pub(crate) mod ranking;
pub(crate) mod rules;
pub(crate) mod shared;

use super::bounds::Bounds;
use super::hash;
use super::threads::map_each;
use bound::Block;
use groups::{Bits, Carriers};
use keys::{KINDS, Key, KeyWeights, Keys, Kind};
use open::Open;
use ranking::{Proposed, best_pairs};
use rules::{Rule, Rules};
use shared::{Alone, Numbered, Shared};

/// Bits of an entry that hold the row; the others are all that is known of a
/// key, however many records there are.
pub(crate) const ROW_BITS: u32 = 26;

/// Finds the candidate pairs of records, whose hashes `records` are: a pair is
/// one if either record is among the other's best partners. Keys weigh as given
/// or as they should; returns what they weighed too.
pub(crate) fn candidates(
    mut keys: Keys,
    rules: &Rules,
    records: &[u64],
    weights: Option<&KeyWeights>,
    threads: usize,
) -> (Vec<(u32, u32)>, KeyWeights) {
    let numbered = Numbered::of(&keys);
    let weights = weights.cloned().unwrap_or_else(|| numbered.weights(&keys));
    let most = Bounds::REAL.open;
    let is_open = |kind, carriers| carriers as usize <= most && rules.propose_alone(kind);
    let (shared, alone) = Shared::of(&mut keys, &numbered, &weights, is_open);
    drop(numbered);
    (best_pairs(&propose(shared, alone, keys, rules, threads), records, threads), weights)
}

/// Finds who carries the open keys that rules make of `keys`, of which those are
/// marked that are open by themselves: who carries these is `alone`.
fn propose(shared: Shared, alone: Alone, keys: Keys, rules: &Rules, threads: usize) -> Proposed {
    let (rows, parted) = (keys.rows(), Parted::of(&keys));
    let two: Vec<Rule> = rules.all().iter().copied().filter(|rule| rule.1.is_some()).collect();
    let found = map_each(threads, &two, |&rule| telling(&parted, rule).grouped(Bounds::REAL.open, rows));
    drop(parted);
    drop(keys);
    proposed(shared, alone, &two, found, rows)
}

/// Puts together who carries the keys that are open by themselves, and what rules of
/// two keys propose: the rows of their open keys, and those that carry a closed one.
pub(crate) fn proposed(
    shared: Shared,
    alone: Alone,
    rules: &[Rule],
    found: Vec<(Vec<u32>, Bits)>,
    rows: usize,
) -> Proposed {
    let Alone { members, weights, .. } = alone;
    let (members, blocks) = Block::all(members, rules, found);
    Proposed { shared, open: Open::weighing(members, weights, rows), blocks }
}

/// Hash of the key above, row below, sorted.
pub(crate) fn entries(keys: &Keys, rule: Rule) -> Vec<u64> {
    let mut entries = Vec::new();
    for row in 0..keys.rows() {
        block_keys(keys.of(row), rule, |key| entries.push(key | row as u64));
    }
    sorted(entries)
}

/// The carriers of what a rule makes of two keys, of which neither is marked as open
/// by itself: others propose no further pair.
pub(crate) fn telling(keys: &Parted, rule: Rule) -> Carriers {
    let mut carriers = Carriers::default();
    for row in 0..keys.keys.rows() {
        let by_kind = keys.of_row(row);
        let give = |key| carriers.push(key, row as u32);
        made_by(|kind| by_kind.keys(kind), rule, |key| !key.is_marked(), give);
    }
    carriers
}

fn sorted(mut entries: Vec<u64>) -> Vec<u64> {
    entries.sort_unstable();
    entries.dedup();
    entries
}

/// Gives what a rule makes of a record's keys: hashes above, room for a row below.
pub(crate) fn block_keys(keys: &[Key], rule: Rule, mut give: impl FnMut(u64)) {
    made_by(|kind| of_kind(keys, kind), rule, |_| true, |key| give(with_room(key)));
}

/// Whether rules make anything of a record's keys.
pub(crate) fn are_looked_at(keys: &[Key], rules: &Rules) -> bool {
    let mut found = false;
    rules.all().iter().any(|&rule| {
        block_keys(keys, rule, |_| found = true);
        found
    })
}

/// A hash with room for a row below.
fn with_room(key: u64) -> u64 {
    key >> ROW_BITS << ROW_BITS
}

/// Gives the hashes of what a rule makes of those keys that tell.
fn made_by<'a>(keys: impl Fn(Kind) -> &'a [Key], rule: Rule, tells: impl Fn(&Key) -> bool, mut give: impl FnMut(u64)) {
    let firsts = keys(rule.0);
    let Some(second) = rule.1 else {
        return firsts.iter().filter(|key| tells(key)).for_each(|key| give(hash::mix(key.identity())));
    };
    for (index, first) in firsts.iter().enumerate().filter(|(_, key)| tells(key)) {
        let seconds = if second == rule.0 { &firsts[index + 1..] } else { keys(second) };
        for second in seconds.iter().filter(|key| tells(key)) {
            give(hash::ordered(first.identity(), second.identity()));
        }
    }
}

/// Where the keys of each kind start among those of a record, and where the last end.
type Starts = [u16; KINDS + 1];

/// A record's keys, and where those of each kind start.
struct ByKind<'a> {
    keys: &'a [Key],
    starts: Starts,
}

impl<'a> ByKind<'a> {
    fn of(keys: &'a [Key]) -> Self {
        let mut starts = [0; KINDS + 1];
        for key in keys {
            starts[key.kind() + 1] += 1;
        }
        for kind in 0..KINDS {
            starts[kind + 1] += starts[kind];
        }
        Self { keys, starts }
    }

    fn keys(&self, kind: Kind) -> &'a [Key] {
        &self.keys[usize::from(self.starts[kind as usize])..usize::from(self.starts[kind as usize + 1])]
    }
}

/// The keys of all records by kind, laid out once for all rules.
pub(crate) struct Parted<'a> {
    keys: &'a Keys,
    starts: Vec<Starts>,
}

impl<'a> Parted<'a> {
    pub(crate) fn of(keys: &'a Keys) -> Self {
        Self { keys, starts: (0..keys.rows()).map(|row| ByKind::of(keys.of(row)).starts).collect() }
    }

    /// Number of records.
    pub(crate) fn rows(&self) -> usize {
        self.starts.len()
    }

    fn of_row(&self, row: usize) -> ByKind<'a> {
        ByKind { keys: self.keys.of(row), starts: self.starts[row] }
    }
}

fn of_kind(keys: &[Key], kind: Kind) -> &[Key] {
    let start = keys.partition_point(|key| key.kind() < kind as usize);
    let length = keys[start..].iter().take_while(|key| key.kind() == kind as usize).count();
    &keys[start..start + length]
}

/// Whether two entries are of one key.
pub(crate) fn same_key(one: u64, other: u64) -> bool {
    one >> ROW_BITS == other >> ROW_BITS
}

/// The row of an entry.
pub(crate) fn row(entry: u64) -> u32 {
    (entry & ((1 << ROW_BITS) - 1)) as u32
}

#[cfg(test)]
mod tests {
    use super::super::hash::{mix, pair};
    use super::*;
    use std::cmp::Reverse;
    use std::collections::BTreeSet;

    /// Records with keys of several kinds, of some of which all have the same few.
    fn keys(rows: u64) -> Keys {
        let record = |row: u64| {
            let draw = |place: u64, of: u64| mix(mix(row) ^ place) % of;
            let key = |kind: Kind, value: u64| Key::from_bits((kind as u64) << 60 | mix(value) >> 12 << 8);
            let mut keys = vec![key(Kind::Token, draw(0, 30)), key(Kind::Token, 100 + draw(1, 200))];
            keys.extend([key(Kind::GivenPrefix, draw(0, 30) / 3), key(Kind::FamilyPrefix, draw(1, 200) / 4)]);
            keys.extend([key(Kind::Year, draw(2, 40)), key(Kind::MonthDay, draw(3, 300)), key(Kind::City, draw(4, 9))]);
            keys.extend([key(Kind::Word, draw(5, 3)), key(Kind::Phone, draw(6, rows / 2))]);
            keys.extend((0..draw(7, 4)).map(|place| key(Kind::Id, draw(8 + place, rows / (1 + place)))));
            keys.extend((0..draw(12, 14)).map(|place| key(Kind::Street, draw(20 + place, 60))));
            keys.retain(|key| draw(key.identity(), 10) > 0);
            keys.sort_unstable();
            keys.dedup();
            keys
        };
        let records: Vec<Vec<Key>> = (0..rows).map(record).collect();
        Keys::of_records(records.iter().map(Vec::as_slice))
    }

    /// The best partners of a record, the plain way.
    fn best(open: &Open, keys: &Keys, records: &[u64], row: u32) -> Vec<u32> {
        let mut partners = Vec::new();
        open.partners(row, &mut partners);
        partners.sort_by_cached_key(|&other| {
            let weight = keys.shared(row as usize, other as usize);
            (Reverse(weight), pair(records[row as usize], records[other as usize]))
        });
        partners.truncate(Bounds::REAL.partners);
        partners
    }

    #[test]
    fn candidates_are_the_best_of_all_who_share_an_open_key() {
        let few = Rules::new(&[vec!["name", "city"], vec!["birth_date.year"], vec!["text", "street"]]).unwrap();
        for (rules, rows) in [(Rules::default(), 3000), (Rules::default(), 200), (few, 2000)] {
            let (mut keys, records) = (keys(rows), (0..rows).map(mix).collect::<Vec<u64>>());
            let (found, weights) = candidates(keys.clone(), &rules, &records, None, 2);
            keys.weigh(&weights);
            let open = Open::new(&keys, &rules, Bounds::REAL.open, 1);
            let mut expected = BTreeSet::new();
            for row in 0..rows as u32 {
                let best = best(&open, &keys, &records, row);
                expected.extend(best.into_iter().map(|other| (row.min(other), row.max(other))));
            }
            assert!(expected.len() as u64 > 2 * rows, "{} of {rows}", expected.len());
            assert!(found.into_iter().eq(expected), "{rows} records");
        }
    }

    #[test]
    fn some_who_cannot_be_among_the_best_are_not_met() {
        let (mut keys, rules) = (keys(3000), Rules::default());
        let open = Open::new(&keys, &rules, Bounds::REAL.open, 1);
        let numbered = Numbered::of(&keys);
        let is_open = |kind, carriers| carriers as usize <= Bounds::REAL.open && rules.propose_alone(kind);
        let weights = numbered.weights(&keys);
        let (shared, alone) = Shared::of(&mut keys, &numbered, &weights, is_open);
        let proposed = propose(shared, alone, keys, &rules, 1);
        let (mut met, mut all, mut partners) = (0, 0, Vec::new());
        for row in 0..3000 {
            met += proposed.met(row, 3000);
            open.partners(row, &mut partners);
            all += partners.len();
        }
        assert!(met * 100 < all * 97, "{met} of {all}");
    }
}
