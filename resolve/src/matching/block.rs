//! Candidate pairs: records that share an open key, the best partners of each.
//!
//! A key is open while a few records carry it. Which pairs are looked at is a
//! function of the set of records; the order they come in never matters.

use super::bounds::Bounds;
use super::groups::Carriers;
use super::hash;
use super::keys::{KINDS, Key, KeyWeights, Keys, Kind};
use super::open::{Met, Open};
use super::rules::{Rule, Rules};
use super::shared::{Lookup, Numbered, Shared};
use super::threads::{joined, map_each, map_parts};

/// Partners kept for a record.
const PARTNERS: usize = Bounds::REAL.partners;
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
    let most = Bounds::REAL.open;
    let numbered = Numbered::of(&keys);
    let weights = weights.cloned().unwrap_or_else(|| numbered.weights(&keys));
    let is_open = |kind, carriers| carriers as usize <= most && rules.propose_alone(kind);
    let shared = Shared::of(&mut keys, &numbered, &weights, is_open);
    drop(numbered);
    let parted = Parted::of(&keys);
    let members = joined(map_each(threads, rules.all(), |&rule| telling(&parted, rule).grouped(most)));
    drop(parted);
    drop(keys);
    (best_pairs(&shared, &Open::of(members, records.len()), records, threads), weights)
}

/// The pairs of records and their best partners, sorted, each once.
fn best_pairs(shared: &Shared, open: &Open, records: &[u64], threads: usize) -> Vec<(u32, u32)> {
    let rows: Vec<u32> = (0..records.len() as u32).collect();
    let found = map_parts(threads, &rows, |rows| {
        let mut ranking = Ranking::new(shared, records);
        let (mut met, mut partners) = (Met::none(records.len()), Vec::new());
        let mut pairs = Vec::with_capacity(rows.len() * PARTNERS);
        for &row in rows {
            open.gather(row, &mut met, &mut partners);
            ranking.keep_best(row, &mut partners);
            pairs.extend(partners.iter().map(|&partner| (row.min(partner), row.max(partner))));
        }
        pairs.sort_unstable_by_key(|&pair| packed(pair));
        pairs
    });
    let mut pairs = joined(found);
    // Merges the sorted parts.
    pairs.sort_by_key(|&pair| packed(pair));
    pairs.dedup();
    pairs
}

/// A pair as one number, which compares as the pair does.
fn packed(pair: (u32, u32)) -> u64 {
    u64::from(pair.0) << 32 | u64::from(pair.1)
}

/// Hash of the key above, row below, sorted.
pub(crate) fn entries(keys: &Keys, rule: Rule) -> Vec<u64> {
    let mut entries = Vec::new();
    for row in 0..keys.rows() {
        block_keys(keys.of(row), rule, |key| entries.push(key | row as u64));
    }
    sorted(entries)
}

/// The carriers of a rule's keys, made of keys that are marked where they are open
/// by themselves, without what proposes no further pair: two keys of which one is
/// open, or one that is not.
pub(crate) fn telling(keys: &Parted, rule: Rule) -> Carriers {
    let mut carriers = Carriers::default();
    let wanted = rule.1.is_none();
    for row in 0..keys.keys.rows() {
        let by_kind = keys.of_row(row);
        let give = |key| carriers.push(key, row as u32);
        made_by(|kind| by_kind.keys(kind), rule, |key| key.is_marked() == wanted, give);
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

/// Ranks the partners of records by the keys they share.
struct Ranking<'a> {
    records: &'a [u64],
    lookup: Lookup<'a>,
    weights: Vec<u16>,
    /// Partners that weigh as much as the last one kept, by the hash of the pair.
    tied: Vec<(u64, u32)>,
}

impl<'a> Ranking<'a> {
    fn new(shared: &'a Shared, records: &'a [u64]) -> Self {
        let (weights, tied) = Default::default();
        Self { records, lookup: Lookup::new(shared), weights, tied }
    }

    /// Leaves the best partners of `row`, in no order: those of the greatest
    /// weights, and of equal ones those of the least hashes.
    fn keep_best(&mut self, row: u32, partners: &mut Vec<u32>) {
        if partners.len() <= PARTNERS {
            return;
        }
        self.lookup.weigh(row, partners, &mut self.weights);
        let least = least_kept(&self.weights);
        self.tied.clear();
        let mut kept = 0;
        for index in 0..partners.len() {
            let (partner, weight) = (partners[index], self.weights[index]);
            if weight > least {
                partners[kept] = partner;
                kept += 1;
            } else if weight == least {
                let hash = hash::pair(self.records[row as usize], self.records[partner as usize]);
                self.tied.push((hash, partner));
            }
        }
        partners.truncate(kept);
        self.tied.sort_unstable();
        partners.extend(self.tied.iter().take(PARTNERS - kept).map(|&(_, partner)| partner));
    }
}

/// The weight of the last partner that is kept, of more than are kept.
fn least_kept(weights: &[u16]) -> u16 {
    let mut kept = [0; PARTNERS];
    for &weight in weights {
        if weight <= kept[0] {
            continue;
        }
        let mut place = 0;
        while place + 1 < PARTNERS && kept[place + 1] < weight {
            kept[place] = kept[place + 1];
            place += 1;
        }
        kept[place] = weight;
    }
    kept[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_weight_kept_is_that_of_the_sorted_list() {
        for count in [PARTNERS + 1, 40, 400] {
            for spread in [1, 3, 50, 1 << 16] {
                let weights: Vec<u16> =
                    (0..count as u64).map(|place| (hash::mix(place * spread) % spread) as u16).collect();
                let mut sorted = weights.clone();
                sorted.sort_unstable_by(|one, other| other.cmp(one));
                assert_eq!(least_kept(&weights), sorted[PARTNERS - 1], "{count} of {spread}");
            }
        }
    }
}
