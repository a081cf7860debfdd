//! Base keys of records: what two records of one person are likely to share,
//! each with the bits that sharing it is worth.

use crate::matching::compare::comparer::Fields;
use crate::matching::field::Field;
use crate::matching::hash::{FastMap, text};
use crate::matching::normalise;
use crate::matching::normalise::nickname;
use crate::matching::role::Role;
use crate::matching::threads::{joined, map_each, map_parts};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// What a key is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Kind {
    /// A word of any name.
    Token,
    /// The name a given name is short for.
    Canon,
    GivenPrefix,
    FamilyPrefix,
    Date,
    Year,
    MonthDay,
    Email,
    Local,
    Phone,
    Street,
    Postcode,
    Outward,
    City,
    Id,
    Word,
}

/// Number of kinds.
pub(crate) const KINDS: usize = 16;

/// What sharing a key adds where other keys of the same value are shared too,
/// in eighths of the key's own bits.
const SHARES: [u32; KINDS] = [8, 2, 2, 2, 2, 8, 8, 3, 8, 8, 8, 4, 4, 5, 8, 6];

const WEIGHT_BITS: u32 = 8;
const HASH_BITS: u32 = 52;

/// A key: kind, hash and weight, so that sorted keys are sorted by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(u64);

impl Key {
    fn new(kind: Kind, hash: u64) -> Self {
        Self(((kind as u64) << (HASH_BITS + WEIGHT_BITS)) | ((hash >> (64 - HASH_BITS)) << WEIGHT_BITS))
    }

    pub(crate) fn kind(self) -> usize {
        (self.0 >> (HASH_BITS + WEIGHT_BITS)) as usize
    }

    /// Kind and hash.
    pub(crate) fn identity(self) -> u64 {
        self.0 >> WEIGHT_BITS
    }

    pub(crate) fn weight(self) -> u32 {
        (self.0 & 0xff) as u32
    }

    /// The key of a kind and hash that weighs so much.
    pub(crate) fn of_identity(identity: u64, weight: u8) -> Self {
        Self(identity << WEIGHT_BITS).weighing(weight)
    }

    fn weighing(self, weight: u8) -> Self {
        Self(self.0 | u64::from(weight))
    }

    /// The key, a mark in the place of its weight.
    pub(crate) fn marked(self, is_marked: bool) -> Self {
        Self((self.0 >> WEIGHT_BITS) << WEIGHT_BITS | u64::from(is_marked))
    }

    pub(crate) fn is_marked(self) -> bool {
        self.weight() != 0
    }

    #[cfg(test)]
    pub(crate) fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

/// The keys of each of a field's values.
struct ValueKeys {
    keys: Vec<Key>,
    starts: Vec<u32>,
}

impl ValueKeys {
    fn of(field: &Field) -> Self {
        let mut of_values = Self { keys: Vec::with_capacity(field.values.len()), starts: vec![0] };
        for code in 0..field.values.len() {
            value_keys(field, code, &mut of_values.keys);
            of_values.starts.push(of_values.keys.len() as u32);
        }
        of_values
    }

    fn of_value(&self, code: usize) -> &[Key] {
        &self.keys[self.starts[code] as usize..self.starts[code + 1] as usize]
    }
}

/// What keys weigh, in eighths of a bit; frozen in a model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct KeyWeights {
    /// Weight of keys not in `heavy`, by kind.
    light: Vec<u8>,
    /// Common keys and their weights, sorted.
    heavy: Vec<(u64, u8)>,
}

impl KeyWeights {
    /// What keys should weigh: the bits of a chance agreement on a common key its
    /// own, on any other the kind's mean. `counted` are different keys and how many
    /// records carry each; those it lacks are of one record.
    pub(crate) fn of(keys: &Keys, counted: impl Iterator<Item = (u64, u32)>) -> Self {
        let rows = keys.rows() as f64;
        let common = (keys.rows() / 8192).max(16);
        let mut heavy = Vec::new();
        // Squares of the counts, and counts; whole numbers, whose sums are exact.
        let mut sums = [(0.0, 0.0); KINDS];
        for key in &keys.keys {
            let (squares, counts) = &mut sums[key.kind()];
            (*squares, *counts) = (*squares + 1.0, *counts + 1.0);
        }
        for (identity, count) in counted {
            let (kind, count) = (kind_of(identity), f64::from(count));
            let (squares, counts) = &mut sums[kind];
            if count > common as f64 {
                heavy.push((identity, weight(kind, rows / count)));
                (*squares, *counts) = (*squares - count, *counts - count);
            } else {
                *squares += count * count - count;
            }
        }
        heavy.sort_unstable();
        let light = |(kind, (squares, sum)): (usize, &(f64, f64))| weight(kind, rows * sum / f64::max(*squares, 1.0));
        Self { light: sums.iter().enumerate().map(light).collect(), heavy }
    }
}

/// The sorted keys of each record.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    keys: Vec<Key>,
    starts: Vec<u32>,
}

impl Keys {
    /// Makes the keys of all records, not weighed yet.
    pub(crate) fn new(fields: &Fields, threads: usize) -> Self {
        let rows: Vec<u32> = (0..fields.records.len() as u32).collect();
        let by_value = map_each(threads, &fields.all, ValueKeys::of);
        let parts = map_parts(threads, &rows, |rows| Self::of_rows(fields, &by_value, rows));
        let (mut starts, mut keys) = (vec![0], Vec::with_capacity(parts.len()));
        for part in parts {
            let before = starts[starts.len() - 1];
            starts.extend(part.starts.iter().skip(1).map(|start| before + start));
            keys.push(part.keys);
        }
        Self { keys: joined(keys), starts }
    }

    /// The keys of some records alone, given those of the values of each field.
    fn of_rows(fields: &Fields, by_value: &[ValueKeys], rows: &[u32]) -> Self {
        let mut keys = Self { keys: Vec::with_capacity(rows.len() * 12), starts: Vec::with_capacity(rows.len() + 1) };
        let mut of_row = Vec::new();
        keys.starts.push(0);
        for &row in rows {
            for ((field, code), by_value) in fields.all.iter().zip(fields.codes(row)).zip(by_value) {
                for &code in field.values_of(code) {
                    of_row.extend_from_slice(by_value.of_value(code as usize));
                }
            }
            of_row.sort_unstable();
            of_row.dedup();
            keys.keys.append(&mut of_row);
            keys.starts.push(keys.keys.len() as u32);
        }
        keys
    }

    pub(crate) fn of(&self, row: usize) -> &[Key] {
        &self.keys[self.places(row)]
    }

    /// Where the keys of a record are among all.
    pub(crate) fn places(&self, row: usize) -> Range<usize> {
        self.starts[row] as usize..self.starts[row + 1] as usize
    }

    /// The keys of all records, one record's after another's.
    pub(crate) fn all(&self) -> &[Key] {
        &self.keys
    }

    /// Leaves what `keep` makes of each key, given its row and its place among all.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(usize, usize, Key) -> Option<Key>) {
        let (mut start, mut kept) = (0, 0);
        for row in 0..self.rows() {
            let end = self.starts[row + 1] as usize;
            for place in start..end {
                if let Some(key) = keep(row, place, self.keys[place]) {
                    self.keys[kept] = key;
                    kept += 1;
                }
            }
            start = end;
            self.starts[row + 1] = kept as u32;
        }
        self.keys.truncate(kept);
    }

    pub(crate) fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// Counts keys, the plain way; see [`KeyWeights::of`].
    #[cfg(test)]
    pub(crate) fn weights(&self) -> KeyWeights {
        let mut counted: FastMap<u64, u32> = FastMap::default();
        self.keys.iter().for_each(|key| *counted.entry(key.identity()).or_default() += 1);
        KeyWeights::of(self, counted.into_iter())
    }

    /// Writes the weights into the keys.
    #[cfg(test)]
    pub(crate) fn weigh(&mut self, weights: &KeyWeights) {
        let weigher = Weigher::new(weights);
        self.keys.iter_mut().for_each(|key| *key = weigher.weighed(*key));
    }

    /// Puts together the keys of records, weighed, each record's sorted.
    #[cfg(test)]
    pub(crate) fn of_records<'a>(records: impl Iterator<Item = &'a [Key]>) -> Self {
        let mut keys = Self { keys: Vec::new(), starts: vec![0] };
        for record in records {
            keys.keys.extend_from_slice(record);
            keys.starts.push(keys.keys.len() as u32);
        }
        keys
    }

    /// Sum of the weights of the keys two records share, the plain way.
    #[cfg(test)]
    pub(crate) fn shared(&self, one: usize, other: usize) -> u16 {
        shared(self.of(one), self.of(other))
    }
}

/// Sum of the weights of the keys in both of two sorted lists.
#[cfg(test)]
pub(crate) fn shared(mut one: &[Key], mut other: &[Key]) -> u16 {
    let mut sum = 0;
    while let (Some(&a), Some(&b)) = (one.first(), other.first()) {
        sum += if a == b { a.weight() } else { 0 };
        one = &one[usize::from(a <= b)..];
        other = &other[usize::from(b <= a)..];
    }
    sum.min(u32::from(u16::MAX)) as u16
}

/// Weighs keys as a model has it.
#[derive(Debug)]
pub(crate) struct Weigher {
    light: Vec<u8>,
    heavy: FastMap<u64, u8>,
}

impl Weigher {
    pub(crate) fn new(weights: &KeyWeights) -> Self {
        Self { light: weights.light.clone(), heavy: weights.heavy.iter().copied().collect() }
    }

    fn weighed(&self, key: Key) -> Key {
        key.weighing(self.weight(key.identity()))
    }

    /// What a key weighs.
    pub(crate) fn weight(&self, identity: u64) -> u8 {
        let light = || self.light.get(kind_of(identity)).copied().unwrap_or(1);
        self.heavy.get(&identity).copied().unwrap_or_else(light)
    }

    /// The keys of one record, sorted, given its codes in each field.
    pub(crate) fn keys(&self, fields: &[Field], codes: &[u32]) -> Vec<Key> {
        let mut keys = unweighed(fields, codes);
        for key in &mut keys {
            *key = self.weighed(*key);
        }
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

/// The keys of one record, sorted, given its codes in each field; none weighs anything yet.
pub(crate) fn unweighed(fields: &[Field], codes: &[u32]) -> Vec<Key> {
    let mut keys = Vec::new();
    for (field, code) in fields.iter().zip(codes) {
        field.values_of(code).iter().for_each(|&code| value_keys(field, code as usize, &mut keys));
    }
    keys.sort_unstable();
    keys
}

/// The kind of a key, given its [`Key::identity`].
pub(crate) fn kind_of(identity: u64) -> usize {
    (identity >> HASH_BITS) as usize
}

fn weight(kind: usize, odds: f64) -> u8 {
    (odds.max(1.0).log2() * f64::from(SHARES[kind])).round().clamp(1.0, 255.0) as u8
}

/// Adds the keys of one distinct value.
fn value_keys(field: &Field, code: usize, keys: &mut Vec<Key>) {
    let value = field.values[code].folded();
    let one = |kind: Kind, value: &str| Key::new(kind, text(16 + kind as u64, value));
    match field.role {
        Role::GivenName => name_keys(value, true, false, keys),
        Role::FamilyName => name_keys(value, false, true, keys),
        Role::FullName => name_keys(value, true, true, keys),
        Role::BirthDate => {
            keys.extend([one(Kind::Date, value), one(Kind::Year, &value[..4]), one(Kind::MonthDay, &value[4..])]);
        }
        Role::Email => {
            keys.extend([one(Kind::Email, value), one(Kind::Local, value.split('@').next().unwrap_or(value))]);
        }
        Role::Phone => keys.push(one(Kind::Phone, value)),
        Role::Street => keys.push(one(Kind::Street, &value.replace(' ', ""))),
        Role::Postcode => keys.extend([one(Kind::Postcode, value), one(Kind::Outward, normalise::outward(value))]),
        Role::City => keys.push(one(Kind::City, value)),
        Role::Region => {}
        Role::NationalId | Role::UserId | Role::Device | Role::SourceId => {
            keys.push(Key::new(Kind::Id, text(64 + field.role_space(), value)));
        }
        _ => keys.push(Key::new(Kind::Word, text(128, value) ^ field.space)),
    }
}

fn name_keys(name: &str, given: bool, family: bool, keys: &mut Vec<Key>) {
    let words = || name.split(' ').filter(|word| !word.is_empty());
    let key = |kind: Kind, word: &str| Key::new(kind, text(16 + kind as u64, word));
    let head = |word: &str| word.char_indices().nth(3).map_or(word.len(), |(end, _)| end);
    keys.extend(words().filter(|word| word.chars().nth(1).is_some()).take(5).map(|word| key(Kind::Token, word)));
    if let Some(first) = words().next().filter(|_| given) {
        keys.push(key(Kind::GivenPrefix, &first[..head(first)]));
        keys.extend(nickname::canonical(first).map(|hash| Key::new(Kind::Canon, hash)));
    }
    if let Some(last) = words().next_back().filter(|_| family) {
        keys.push(key(Kind::FamilyPrefix, &last[..head(last)]));
    }
}

impl Field {
    /// Ids of one role share a space, whatever their columns are called.
    fn role_space(&self) -> u64 {
        match self.role {
            Role::NationalId => 0,
            Role::UserId => 1,
            Role::Device => 2,
            _ => 3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_carry_kind_hash_and_weight() {
        let key = Key::new(Kind::Word, u64::MAX);
        assert_eq!(key.kind(), Kind::Word as usize);
        assert_eq!(key.weighing(200).weight(), 200);
        assert_eq!(key.weighing(200).identity(), key.identity());
    }

    #[test]
    fn shared_keys_are_summed_and_rare_ones_weigh_more() {
        let row = |names: &[&str]| {
            let mut keys: Vec<Key> = names.iter().map(|name| Key::new(Kind::Token, text(0, name))).collect();
            keys.sort_unstable();
            keys
        };
        let rows: Vec<Vec<Key>> =
            (0..40).map(|index| if index < 2 { row(&["common", "rare"]) } else { row(&["common"]) }).collect();
        let mut keys = Keys { keys: rows.concat(), starts: vec![0] };
        for row in &rows {
            keys.starts.push(keys.starts[keys.starts.len() - 1] + row.len() as u32);
        }
        let weights = keys.weights();
        keys.weigh(&weights);
        assert!(keys.shared(0, 1) > keys.shared(0, 2));
        assert_eq!(keys.shared(0, 5), keys.shared(6, 7));
    }
}
