//! Values that say nothing of a person because everybody has them: a
//! placeholder, a call centre's number, a default date. They read as missing.

use super::Field;
use crate::matching::role::Role;
use serde::{Deserialize, Serialize};

/// Different people, told by their signatures, that may share an email.
const EMAIL_SIGNATURES: u32 = 6;
/// Different people that may share a telephone or a device: a household.
const PHONE_SIGNATURES: u32 = 9;
/// Records that may carry one value, whoever they are about.
const CARRIERS: u32 = 1000;
/// How far above the mean of its column a date's count may be.
const DATE_EXCESS: f64 = 25.0;
/// Which of a column's most common dates is taken for a natural peak.
const PEAK: usize = 16;
/// How far above a natural peak a placeholder is.
const PEAK_EXCESS: f64 = 4.0;

/// From when on a value is generic; frozen in a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    /// Most records that may carry it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) carriers: Option<u32>,
    /// Most signatures that may be on these records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) signatures: Option<u32>,
}

impl Limits {
    /// The limits of a column, dates by what is usual in it.
    pub(crate) fn of(field: &Field) -> Self {
        let (carriers, signatures) = match field.role {
            Role::Email => (CARRIERS, Some(EMAIL_SIGNATURES)),
            Role::Phone | Role::Device => (CARRIERS, Some(PHONE_SIGNATURES)),
            Role::UserId | Role::NationalId | Role::SourceId => (CARRIERS, None),
            Role::BirthDate => (usual_of_dates(&field.counts()), None),
            _ => return Self::default(),
        };
        Self { carriers: Some(carriers), signatures }
    }

    /// Whether any value can be generic.
    pub(crate) fn any(self) -> bool {
        self.carriers.is_some() || self.signatures.is_some()
    }
}

/// Makes generic values missing and returns how many values of each field were.
pub(crate) fn clear(fields: &mut [Field], limits: &[Limits]) -> Vec<usize> {
    let generic = found(fields, limits);
    fields.iter_mut().zip(&generic).for_each(|(field, generic)| forget(field, generic));
    generic.iter().map(|values| values.iter().filter(|&&generic| generic).count()).collect()
}

/// Makes these values missing.
pub(crate) fn forget(field: &mut Field, generic: &[bool]) {
    if generic.contains(&true) {
        field.retain(|code| !generic[code as usize]);
    }
}

/// Whether each value of each field is generic; nothing of fields without limits.
pub(crate) fn found(fields: &[Field], limits: &[Limits]) -> Vec<Vec<bool>> {
    let signatures = signatures(fields);
    fields.iter().zip(limits).map(|(field, &limits)| found_in(field, limits, &signatures)).collect()
}

fn found_in(field: &Field, limits: Limits, signatures: &[u32]) -> Vec<bool> {
    if !limits.any() {
        return Vec::new();
    }
    let counts = field.counts();
    let different = limits.signatures.map(|limit| different(field, &counts, signatures, limit));
    let above = |count: u32, limit: Option<u32>| limit.is_some_and(|limit| count > limit);
    let is_generic = |code: usize| {
        let signatures = different.as_ref().map_or(0, |different| different[code]);
        above(counts[code], limits.carriers) || above(signatures, limits.signatures)
    };
    (0..counts.len()).map(is_generic).collect()
}

/// The most records that may carry one date: far above the mean of the column
/// and above its other peaks, since where only years are known, every New
/// Year's Day is one.
fn usual_of_dates(counts: &[u32]) -> u32 {
    let mean = f64::from(counts.iter().sum::<u32>()) / counts.len().max(1) as f64;
    let mut largest = counts.to_vec();
    largest.sort_unstable_by(|one, other| other.cmp(one));
    let peak = largest.get(PEAK).copied().unwrap_or_default();
    (DATE_EXCESS * mean.max(2.0)).max(f64::from(peak) * PEAK_EXCESS) as u32
}

/// The signature of each record.
fn signatures(fields: &[Field]) -> Vec<u32> {
    let of = |role: Role| fields.iter().find(|field| field.role == role);
    let (given, family, whole) = (of(Role::GivenName), of(Role::FamilyName), of(Role::FullName));
    let rows = fields.first().map_or(0, |field| field.codes.len());
    let sign = |row: usize| {
        let [given, family, whole] = [given, family, whole].map(|field| field.and_then(|field| field.get(row)));
        signature(given, family, whole)
    };
    (0..rows).map(sign).collect()
}

/// A record's signature: initial of the given name and head of the family
/// name, as a number; those without names have one in common.
pub(crate) fn signature(given: Option<&str>, family: Option<&str>, whole: Option<&str>) -> u32 {
    let whole = whole.unwrap_or_default();
    let family = family.unwrap_or_else(|| whole.rsplit(' ').next().unwrap_or_default());
    let head = given
        .unwrap_or(whole)
        .chars()
        .take(1)
        .chain(family.chars().take(3))
        .fold(0u64, |sum, character| crate::matching::hash::mix(sum ^ u64::from(character)));
    head as u32
}

/// Signatures on the records of each value, where these could be above the limit.
fn different(field: &Field, counts: &[u32], signatures: &[u32], limit: u32) -> Vec<u32> {
    let mut seen: Vec<(u32, u32)> = Vec::new();
    for (code, &sign) in field.codes.iter().zip(signatures) {
        let values = field.values_of(code).iter();
        seen.extend(values.filter(|&&code| counts[code as usize] > limit).map(|&code| (code, sign)));
    }
    seen.sort_unstable();
    seen.dedup();
    let mut different = vec![0; counts.len()];
    for (code, _) in seen {
        different[code as usize] += 1;
    }
    different
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::columns::prepare;
    use crate::matching::role::Recognised;
    use crate::matching::table::Column;

    fn cleared(columns: &[(Role, Vec<String>)]) -> Vec<usize> {
        let mut found: Vec<Recognised> =
            columns.iter().map(|(role, _)| Recognised { column: format!("{role:?}"), role: *role }).collect();
        let columns =
            columns.iter().map(|(_, texts)| Column::from_texts("c", texts.iter().map(String::as_str))).collect();
        let mut fields = prepare(columns, &mut found, &[]);
        let limits: Vec<Limits> = fields.iter().map(Limits::of).collect();
        clear(&mut fields, &limits)
    }

    #[test]
    fn a_phone_of_many_people_is_generic_and_of_one_person_is_not() {
        let phones = |_| "5551234567".to_owned();
        let letter = |row: u8| char::from(b'a' + row % 26).to_string();
        let many = vec![(Role::GivenName, (0..20).map(letter).collect()), (Role::Phone, (0..20).map(phones).collect())];
        assert_eq!(cleared(&many), [0, 1]);
        let one = vec![(Role::GivenName, vec!["ann".to_owned(); 20]), (Role::Phone, (0..20).map(phones).collect())];
        assert_eq!(cleared(&one), [0, 0]);
    }

    #[test]
    fn a_default_date_is_generic() {
        let date = |row: u32| match row {
            0..120 => "1900-01-01".to_owned(),
            _ => format!("19{:02}-{:02}-02", row % 90 + 10, row % 12 + 1),
        };
        assert_eq!(cleared(&[(Role::BirthDate, (0..300).map(date).collect())]), [1]);
    }
}
