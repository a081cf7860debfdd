//! Candidate pairs: records that share an open key, the best partners of each.
//!
//! A key is open while a few records carry it. Which pairs are looked at is a
//! function of the set of records; the order they come in never matters.

use super::bounds::Bounds;
use super::hash;
use super::keys::{Key, Keys, Kind};
use super::open::{Met, Open};
use super::shared::{Lookup, Shared};
use super::threads::{joined, map_parts};

/// Partners kept for a record.
const PARTNERS: usize = Bounds::REAL.partners;
/// Bits of an entry that hold the row; the others are all that is known of a
/// key, however many records there are.
pub(crate) const ROW_BITS: u32 = 26;

/// Keys that propose pairs: of one base key, or of two together.
pub(crate) type Rule = (Kind, Option<Kind>);

/// What proposes pairs.
pub(crate) const RULES: &[Rule] = {
    use Kind::{
        Canon, City, Date, Email, FamilyPrefix, GivenPrefix, Id, Local, MonthDay, Outward, Phone, Postcode, Street,
        Token, Word, Year,
    };
    &[
        (Token, None),
        (Date, None),
        (Email, None),
        (Local, None),
        (Phone, None),
        (Street, None),
        (Postcode, None),
        (Id, None),
        (City, None),
        (Token, Some(Token)),
        (Token, Some(Date)),
        (Token, Some(Year)),
        (Token, Some(MonthDay)),
        (Token, Some(Street)),
        (Token, Some(Postcode)),
        (Token, Some(Outward)),
        (Token, Some(City)),
        (Token, Some(Word)),
        (Token, Some(FamilyPrefix)),
        (Token, Some(GivenPrefix)),
        (Token, Some(Local)),
        (Canon, Some(FamilyPrefix)),
        (Canon, Some(Date)),
        (Canon, Some(Postcode)),
        (Canon, Some(City)),
        (Canon, Some(Year)),
        (Canon, Some(MonthDay)),
        (GivenPrefix, Some(FamilyPrefix)),
        (GivenPrefix, Some(Date)),
        (GivenPrefix, Some(MonthDay)),
        (GivenPrefix, Some(Postcode)),
        (GivenPrefix, Some(City)),
        (FamilyPrefix, Some(Date)),
        (FamilyPrefix, Some(Year)),
        (FamilyPrefix, Some(MonthDay)),
        (FamilyPrefix, Some(Postcode)),
        (FamilyPrefix, Some(City)),
        (Date, Some(Postcode)),
        (Date, Some(Outward)),
        (Date, Some(City)),
        (Date, Some(Word)),
        (Year, Some(Postcode)),
        (Year, Some(City)),
        (MonthDay, Some(Postcode)),
        (MonthDay, Some(Outward)),
        (MonthDay, Some(City)),
        (Street, Some(Postcode)),
        (City, Some(Local)),
        (Postcode, Some(Word)),
    ]
};

/// Finds the candidate pairs of records, whose hashes `records` are: a pair is
/// one if either record is among the other's best partners.
pub(crate) fn candidates(mut keys: Keys, records: &[u64], threads: usize) -> Vec<(u32, u32)> {
    let most = Bounds::REAL.open;
    let shared = Shared::of(&mut keys, |kind, carriers| carriers as usize <= most && proposes_alone(kind));
    let open = Open::of_entries(keys.rows(), most, threads, |rule| telling_entries(&keys, rule));
    drop(keys);
    let rows: Vec<u32> = (0..records.len() as u32).collect();
    let found = map_parts(threads, &rows, |rows| {
        let mut ranking = Ranking::new(&shared, records);
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
    drop(open);
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

/// Whether a key of this kind proposes pairs by itself.
fn proposes_alone(kind: usize) -> bool {
    RULES.iter().any(|rule| rule.0 as usize == kind && rule.1.is_none())
}

/// Hash of the key above, row below, sorted.
pub(crate) fn entries(keys: &Keys, rule: Rule) -> Vec<u64> {
    gathered(keys, |keys, give| block_keys(keys, rule, give))
}

/// As [`entries`], of keys that are marked where they are open by themselves,
/// without what proposes no further pair: two keys of which one is open, or
/// one that is not.
fn telling_entries(keys: &Keys, rule: Rule) -> Vec<u64> {
    gathered(keys, |keys, give| {
        let wanted = rule.1.is_none();
        made_by(keys, rule, |key| key.is_marked() == wanted, give);
    })
}

fn gathered(keys: &Keys, make: impl Fn(&[Key], &mut dyn FnMut(u64))) -> Vec<u64> {
    let mut entries = Vec::new();
    for row in 0..keys.rows() {
        make(keys.of(row), &mut |key| entries.push(key | row as u64));
    }
    entries.sort_unstable();
    entries.dedup();
    entries
}

/// Gives what a rule makes of a record's keys: hashes above, room for a row below.
pub(crate) fn block_keys(keys: &[Key], rule: Rule, give: impl FnMut(u64)) {
    made_by(keys, rule, |_| true, give);
}

fn made_by(keys: &[Key], rule: Rule, tells: impl Fn(&Key) -> bool, mut give: impl FnMut(u64)) {
    let mut give = |hash: u64| give((hash >> ROW_BITS) << ROW_BITS);
    let firsts = of_kind(keys, rule.0);
    let Some(second) = rule.1 else {
        return firsts.iter().filter(|key| tells(key)).for_each(|key| give(hash::mix(key.identity())));
    };
    for (index, first) in firsts.iter().enumerate().filter(|(_, key)| tells(key)) {
        let seconds = if second == rule.0 { &firsts[index + 1..] } else { of_kind(keys, second) };
        for second in seconds.iter().filter(|key| tells(key)) {
            give(hash::ordered(first.identity(), second.identity()));
        }
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
    ranked: Vec<u16>,
    /// Partners that weigh as much as the last one kept, by the hash of the pair.
    tied: Vec<(u64, u32)>,
}

impl<'a> Ranking<'a> {
    fn new(shared: &'a Shared, records: &'a [u64]) -> Self {
        let (weights, ranked, tied) = Default::default();
        Self { records, lookup: Lookup::new(shared), weights, ranked, tied }
    }

    /// Leaves the best partners of `row`, in no order: those of the greatest
    /// weights, and of equal ones those of the least hashes.
    fn keep_best(&mut self, row: u32, partners: &mut Vec<u32>) {
        if partners.len() <= PARTNERS {
            return;
        }
        self.lookup.weigh(row, partners, &mut self.weights);
        self.ranked.clone_from(&self.weights);
        let (_, &mut least, _) = self.ranked.select_nth_unstable_by(PARTNERS - 1, |one, other| other.cmp(one));
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
