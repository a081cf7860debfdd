//! Candidate pairs: records that share an open key, the best partners of each.
//!
//! A key is open while a few records carry it. Which pairs are looked at is a
//! function of the set of records; the order they come in never matters.

use super::hash;
use super::keys::{Key, Keys, Kind};
use super::threads::map_parts;

/// Most records that may carry an open key.
const OPEN_MAX: usize = 40;
/// Partners kept for a record.
const PARTNERS: usize = 16;
/// Bits of an entry that hold the row; the others are all that is known of a
/// key, however many records there are.
pub(crate) const ROW_BITS: u32 = 26;

/// Keys that propose pairs: of one base key, or of two together.
const RULES: &[(Kind, Option<Kind>)] = {
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

/// Finds the candidate pairs of records in the order of `records`, their hashes.
pub(crate) fn candidates(keys: &Keys, records: &[u64], threads: usize) -> Vec<(u32, u32)> {
    let mut best = Best::new(keys, records);
    for rules in RULES.chunks(threads.max(1)) {
        let entries =
            map_parts(threads, rules, |rules| rules.iter().map(|rule| entries(keys, *rule)).collect::<Vec<_>>());
        for entries in entries.iter().flatten() {
            best.take_rule(entries);
        }
    }
    best.pairs()
}

/// Hash of the key above, row below, sorted.
fn entries(keys: &Keys, rule: (Kind, Option<Kind>)) -> Vec<u64> {
    let mut entries = Vec::new();
    for row in 0..keys.rows() {
        let mut add = |hash: u64| entries.push(((hash >> ROW_BITS) << ROW_BITS) | row as u64);
        let firsts = of_kind(keys.of(row), rule.0);
        match rule.1 {
            None => firsts.iter().for_each(|key| add(hash::mix(key.identity()))),
            Some(second) => {
                for (index, first) in firsts.iter().enumerate() {
                    let seconds = if second == rule.0 { &firsts[index + 1..] } else { of_kind(keys.of(row), second) };
                    for key in seconds {
                        add(hash::ordered(first.identity(), key.identity()));
                    }
                }
            }
        }
    }
    entries.sort_unstable();
    entries.dedup();
    entries
}

fn of_kind(keys: &[Key], kind: Kind) -> &[Key] {
    let start = keys.partition_point(|key| key.kind() < kind as usize);
    let length = keys[start..].iter().take_while(|key| key.kind() == kind as usize).count();
    &keys[start..start + length]
}

/// The best partners of each record found so far.
struct Best<'a> {
    keys: &'a Keys,
    records: &'a [u64],
    partners: Vec<[(u32, u16); PARTNERS]>,
    lengths: Vec<u8>,
}

impl<'a> Best<'a> {
    fn new(keys: &'a Keys, records: &'a [u64]) -> Self {
        let rows = records.len();
        Self { keys, records, partners: vec![[(0, 0); PARTNERS]; rows], lengths: vec![0; rows] }
    }

    fn take_rule(&mut self, entries: &[u64]) {
        let mask = (1 << ROW_BITS) - 1;
        for group in entries.chunk_by(|one, other| one >> ROW_BITS == other >> ROW_BITS) {
            if !(2..=OPEN_MAX).contains(&group.len()) {
                continue;
            }
            for (index, one) in group.iter().enumerate() {
                for other in &group[index + 1..] {
                    self.propose((one & mask) as u32, (other & mask) as u32);
                }
            }
        }
    }

    fn propose(&mut self, one: u32, other: u32) {
        if one == other || (self.holds(one, other) && self.holds(other, one)) {
            return;
        }
        let score = self.keys.shared(one as usize, other as usize);
        self.offer(one, other, score);
        self.offer(other, one, score);
    }

    fn holds(&self, row: u32, partner: u32) -> bool {
        let length = self.lengths[row as usize] as usize;
        self.partners[row as usize][..length].iter().any(|(known, _)| *known == partner)
    }

    /// Puts `partner` in its place among the best of `row`, best first.
    fn offer(&mut self, row: u32, partner: u32, score: u16) {
        let length = self.lengths[row as usize] as usize;
        let full = length == PARTNERS;
        let last = self.partners[row as usize][PARTNERS - 1];
        if (full && !self.better(row, (partner, score), last)) || self.holds(row, partner) {
            return;
        }
        let mut place = if full { PARTNERS - 1 } else { length };
        while place > 0 && self.better(row, (partner, score), self.partners[row as usize][place - 1]) {
            self.partners[row as usize][place] = self.partners[row as usize][place - 1];
            place -= 1;
        }
        self.partners[row as usize][place] = (partner, score);
        self.lengths[row as usize] = (length + 1).min(PARTNERS) as u8;
    }

    fn better(&self, row: u32, one: (u32, u16), other: (u32, u16)) -> bool {
        let tie = |partner: u32| hash::pair(self.records[row as usize], self.records[partner as usize]);
        one.1 > other.1 || (one.1 == other.1 && tie(one.0) < tie(other.0))
    }

    /// A pair is a candidate if either record is among the other's best.
    fn pairs(self) -> Vec<(u32, u32)> {
        let mut pairs: Vec<(u32, u32)> = Vec::with_capacity(self.records.len() * 8);
        for (row, (partners, &length)) in self.partners.iter().zip(&self.lengths).enumerate() {
            let row = row as u32;
            pairs.extend(partners[..length as usize].iter().map(|&(partner, _)| (row.min(partner), row.max(partner))));
        }
        pairs.sort_unstable();
        pairs.dedup();
        pairs
    }
}
