//! Values that say nothing of a person because everybody has them: a
//! placeholder, a call centre's number, a default date. They read as missing.

use super::field::Field;
use super::role::Role;
use super::table::MISSING;

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

/// Makes generic values missing and returns how many values of each field were.
pub(crate) fn clear(fields: &mut [Field]) -> Vec<usize> {
    let signatures = signatures(fields);
    fields.iter_mut().map(|field| clear_field(field, signatures.as_deref())).collect()
}

fn clear_field(field: &mut Field, signatures: Option<&[u32]>) -> usize {
    let counts = field.counts();
    let generic: Vec<bool> = match (field.role, signatures) {
        (Role::Email, Some(signatures)) => too_shared(field, &counts, signatures, EMAIL_SIGNATURES),
        (Role::Phone | Role::Device, Some(signatures)) => too_shared(field, &counts, signatures, PHONE_SIGNATURES),
        (Role::Email | Role::Phone | Role::Device | Role::UserId | Role::NationalId | Role::SourceId, _) => {
            counts.iter().map(|&count| count > CARRIERS).collect()
        }
        (Role::BirthDate, _) => placeholder_dates(&counts),
        _ => return 0,
    };
    for code in &mut field.codes {
        if generic.get(*code as usize).copied().unwrap_or(false) {
            *code = MISSING;
        }
    }
    generic.iter().filter(|&&generic| generic).count()
}

/// Marks dates far above the mean of their column and above its other peaks:
/// where only years are known, every New Year's Day is one.
fn placeholder_dates(counts: &[u32]) -> Vec<bool> {
    let mean = f64::from(counts.iter().sum::<u32>()) / counts.len().max(1) as f64;
    let mut largest = counts.to_vec();
    largest.sort_unstable_by(|one, other| other.cmp(one));
    let peak = largest.get(PEAK).copied().unwrap_or_default();
    let limit = (DATE_EXCESS * mean.max(2.0)).max(f64::from(peak) * PEAK_EXCESS);
    counts.iter().map(|&count| f64::from(count) > limit).collect()
}

/// A record's signature: initial of the given name and head of the family
/// name, as a number; `None` without names.
fn signatures(fields: &[Field]) -> Option<Vec<u32>> {
    let of = |role: Role| fields.iter().find(|field| field.role == role);
    let (given, family, whole) = (of(Role::GivenName), of(Role::FamilyName), of(Role::FullName));
    let rows = given.or(family).or(whole)?.codes.len();
    let sign = |row: usize| {
        let whole = whole.and_then(|field| field.get(row)).unwrap_or_default();
        let given = given.and_then(|field| field.get(row)).unwrap_or(whole);
        let family =
            family.and_then(|field| field.get(row)).unwrap_or_else(|| whole.rsplit(' ').next().unwrap_or_default());
        let head = given
            .chars()
            .take(1)
            .chain(family.chars().take(3))
            .fold(0u64, |sum, character| super::hash::mix(sum ^ u64::from(character)));
        head as u32
    };
    Some((0..rows).map(sign).collect())
}

/// Marks values carried by too many records or under too many signatures.
fn too_shared(field: &Field, counts: &[u32], signatures: &[u32], limit: u32) -> Vec<bool> {
    let suspect = |code: u32| counts.get(code as usize).is_some_and(|&count| count > limit);
    let mut seen: Vec<(u32, u32)> = field
        .codes
        .iter()
        .zip(signatures)
        .filter(|(code, _)| suspect(**code))
        .map(|(&code, &sign)| (code, sign))
        .collect();
    seen.sort_unstable();
    seen.dedup();
    let mut different = vec![0; counts.len()];
    for (code, _) in seen {
        different[code as usize] += 1;
    }
    counts.iter().zip(different).map(|(&count, different)| count > CARRIERS || different > limit).collect()
}

#[cfg(test)]
mod tests {
    use super::super::field::prepare;
    use super::super::role::Recognised;
    use super::super::table::Column;
    use super::*;

    fn cleared(columns: &[(Role, Vec<String>)]) -> Vec<usize> {
        let mut found: Vec<Recognised> =
            columns.iter().map(|(role, _)| Recognised { column: format!("{role:?}"), role: *role }).collect();
        let columns =
            columns.iter().map(|(_, texts)| Column::from_texts("c", texts.iter().map(String::as_str))).collect();
        clear(&mut prepare(columns, &mut found))
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
