//! Records that say the same: one stands for all.
//!
//! Who orders every week, or whose browser forgets them, comes as hundreds of
//! records that say the same. One by one they would be too many for each key that
//! they share. So records of the same contents are looked at as one, that of the
//! least hash, and the others go where it goes if two such records match by
//! themselves. A device that no other record has tells nothing of another: it is
//! left out of what is the same.

use super::block::are_looked_at;
use super::block::keys::unweighed;
use super::block::rules::Rules;
use super::cluster::{Cut, Sum};
use super::compare::comparer::{Comparer, Fields, Pattern};
use super::field::Field;
use super::hash::{FastMap, Seen, mix};
use super::model::{Score, Scorer};
use super::role::Role;
use super::table::MISSING;
use super::train::identifiers::is_identifier;

/// What a record says, as one number, whatever the order of its values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) hash: u64,
    /// Fields that say something.
    fields: u8,
    identifies: bool,
}

impl Content {
    /// Adds the values of a field of this role, by their hashes.
    pub(crate) fn add_field(&mut self, place: usize, role: Role, values: impl Iterator<Item = u64>) {
        let before = self.hash;
        values.for_each(|value| self.add(place, value));
        if self.hash != before {
            self.fields = self.fields.saturating_add(1);
            self.identifies |= is_identifier(role);
        }
    }

    /// Adds something that is no field.
    pub(crate) fn add(&mut self, place: usize, value: u64) {
        self.hash = self.hash.wrapping_add(mix(value ^ mix(place as u64 + 1)));
    }

    /// Whether two records that say this may be one: a name or a date alone is that
    /// of many.
    pub(crate) fn tells(self) -> bool {
        self.identifies || self.fields > 1
    }
}

/// Records of one content that are counted: what a person says a hundred times
/// would else outweigh all that is known of that person.
const COUNTED: u32 = 4;

/// For how many records those count that say the same and are one person.
pub(crate) fn counted(records: u32) -> u8 {
    COUNTED.min(records) as u8
}

/// Items as often as they count.
pub(crate) fn repeated(items: &[u32], count: impl Fn(&u32) -> u8) -> Vec<u32> {
    items.iter().flat_map(|item| std::iter::repeat_n(*item, usize::from(count(item)))).collect()
}

/// What stands for its copies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Twin {
    /// Records that say the same, itself left out.
    pub(crate) copies: u32,
    /// Whether they have a device in common.
    pub(crate) shares_device: bool,
}

impl Twin {
    /// For how many records it counts where clusters are weighed.
    pub(crate) fn counts(self, score: Score, cut: Cut) -> u8 {
        if are_one(score, cut) { counted(1 + self.copies) } else { 1 }
    }

    /// Whether blocking rules look at two such records: at something that both have.
    pub(crate) fn is_looked_at(self, fields: &Fields, row: u32, rules: &Rules) -> bool {
        let mut codes = fields.codes(row).to_vec();
        let own = |field: &Field| field.role == Role::Device && !self.shares_device;
        codes.iter_mut().zip(&fields.all).filter(|(_, field)| own(field)).for_each(|(code, _)| *code = MISSING);
        are_looked_at(&unweighed(&fields.all, &codes), rules)
    }

    /// The levels of two such records.
    pub(crate) fn pattern(self, comparer: &mut Comparer<'_>, row: u32) -> Pattern {
        let mut pattern = comparer.pattern(row, row);
        if !self.shares_device {
            comparer.devices().for_each(|place| pattern[place] = 0);
        }
        pattern
    }

    /// What two such records are worth.
    pub(crate) fn score(self, comparer: &mut Comparer<'_>, scorer: &mut Scorer<'_>, row: u32) -> Score {
        let pattern = self.pattern(comparer, row);
        scorer.score(pattern)
    }
}

/// Whether records of one content that are worth this are one person.
pub(crate) fn are_one(score: Score, cut: Cut) -> bool {
    let mut sum = Sum::default();
    sum.add_pair(score);
    sum.reaches(cut)
}

/// A row that another one stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Copy {
    /// The row, as it was given, and the hash of its record.
    pub(crate) row: u32,
    pub(crate) record: u64,
    /// The row that stands for it, and the hash of that record.
    pub(crate) of_row: u32,
    pub(crate) of_record: u64,
}

/// The rows of a table that others stand for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Copies {
    pub(crate) all: Vec<Copy>,
    /// What stands for others, by the hashes of their records.
    pub(crate) twins: FastMap<u64, Twin>,
}

impl Copies {
    /// Takes the copies out of rows that are sorted by the hashes of their
    /// `records`; `order` says which row of the table each was.
    pub(crate) fn take_out(fields: &mut [Field], order: &mut Vec<u32>, records: &mut Vec<u64>) -> Self {
        let (contents, shares_device) = contents(fields, records.len());
        let seen = Seen::of(&contents, |content| content.hash);
        let mut first: FastMap<u64, u32> = FastMap::default();
        let mut copies = Self::default();
        let mut kept = Vec::with_capacity(records.len());
        for (row, content) in (0u32..).zip(&contents) {
            let may_be_one = content.tells() && seen.twice(content.hash);
            let of = if may_be_one { *first.entry(content.hash).or_insert(row) } else { row };
            if of == row {
                kept.push(row);
                continue;
            }
            let (of_record, record) = (records[of as usize], records[row as usize]);
            copies.all.push(Copy { row: order[row as usize], record, of_row: order[of as usize], of_record });
            let twin = copies.twins.entry(of_record).or_default();
            twin.copies += 1;
            twin.shares_device = shares_device[of as usize];
        }
        if !copies.all.is_empty() {
            *order = kept.iter().map(|&row| order[row as usize]).collect();
            *records = kept.iter().map(|&row| records[row as usize]).collect();
            for field in fields {
                field.codes = kept.iter().map(|&row| field.codes[row as usize]).collect();
            }
        }
        copies
    }

    /// The records that stand for others, by these.
    pub(crate) fn standing(&self) -> FastMap<u64, u64> {
        self.all.iter().map(|copy| (copy.record, copy.of_record)).collect()
    }
}

/// What each row says, and whether that has a device that another row has too.
fn contents(fields: &[Field], rows: usize) -> (Vec<Content>, Vec<bool>) {
    let mut contents = vec![Content::default(); rows];
    let mut shares_device = vec![false; if fields.iter().any(|field| field.role == Role::Device) { rows } else { 0 }];
    for (place, field) in fields.iter().enumerate() {
        let hashes: Vec<u64> = (0..field.values.len()).map(|code| field.value_hash(code)).collect();
        let counts = if field.role == Role::Device { field.counts() } else { Vec::new() };
        for (row, code) in field.codes.iter().enumerate().filter(|(_, code)| **code != MISSING) {
            let is_own = |value: u32| counts.get(value as usize).is_some_and(|&count| count < 2);
            let values = field.values_of(code).iter().filter(|&&value| !is_own(value));
            if field.role == Role::Device {
                shares_device[row] |= values.clone().next().is_some();
            }
            contents[row].add_field(place, field.role, values.map(|&value| hashes[value as usize]));
        }
    }
    shares_device.resize(rows, false);
    (contents, shares_device)
}
