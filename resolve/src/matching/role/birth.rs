//! A date of birth in three columns: year, month and day.

use super::super::table::Column;
use super::names::words;
use super::{Ignored, Recognised, Role};

/// What says that a column is about birth, and what means a part of a date, in the
/// languages of Europe; alone or as parts of one word.
const BIRTH: &str = "birth birthdate dob born b geburt geburts geb naissance nacimiento nascita nascimento geboorte \
                     urodzenia fodsel date of de del der di data fecha datum";
const YEAR: &str = "year yr yyyy y jahr annee ano anno jaar rok";
const MONTH: &str = "month mon mm mo m monat mois mes mese maand miesiac";
const DAY: &str = "day dd d tag jour dia giorno dag dzien";

/// Share of a column's rows that hold such a part, and how many rows are looked at.
const PARTS: f64 = 0.8;
const ROWS_SEEN: usize = 4000;

/// Marks the columns of year, month and day if there is one of each and no date
/// of birth that is known otherwise.
pub(super) fn tell_parts(columns: &[Column], found: &mut [Recognised]) {
    if found.iter().any(|found| found.role == Role::BirthDate) {
        return;
    }
    let only = |names: &str, range: std::ops::RangeInclusive<u32>| {
        let mut places = (0..columns.len()).filter(|&place| {
            found[place].role != Role::Ignored(Ignored::Answer)
                && is_part(&columns[place].name, names)
                && holds(&columns[place], &range)
        });
        places.next().filter(|_| places.next().is_none())
    };
    let parts = [only(YEAR, 1850..=2100), only(MONTH, 1..=12), only(DAY, 1..=31)];
    if let [Some(year), Some(month), Some(day)] = parts {
        found[year].role = Role::BirthYear;
        found[month].role = Role::BirthMonth;
        found[day].role = Role::BirthDay;
    }
}

/// Whether a name is made of one of `names` and words about birth; of two letters,
/// as in `by`, or several words.
fn is_part(name: &str, names: &str) -> bool {
    let name: String = words(name).concat();
    let mut parts = names.split_ascii_whitespace();
    parts.any(|part| {
        let before = name.strip_suffix(part).is_some_and(of_birth);
        before || name.strip_prefix(part).is_some_and(of_birth)
    })
}

/// Whether a text is words about birth written together.
fn of_birth(text: &str) -> bool {
    let mut known = BIRTH.split_ascii_whitespace();
    text.is_empty() || known.any(|word| text.strip_prefix(word).is_some_and(of_birth))
}

/// Whether a column holds numbers in a range in most rows: of months there are few,
/// so that slips are many of the different texts.
fn holds(column: &Column, range: &std::ops::RangeInclusive<u32>) -> bool {
    let fits = |text: &str| number(text).is_some_and(|number| range.contains(&number));
    let fitting: Vec<bool> = column.values.iter().map(fits).collect();
    let rows = column.codes.iter().filter_map(|&code| fitting.get(code as usize)).take(ROWS_SEEN);
    let (fit, all) = rows.fold((0, 0), |(fit, all), &fits| (fit + u32::from(fits), all + 1u32));
    fit > 0 && f64::from(fit) >= f64::from(all) * PARTS
}

/// The number that a part of a date is.
fn number(text: &str) -> Option<u32> {
    let text = without_fraction(text.trim());
    text.parse().ok().or_else(|| super::super::normalise::month(&text.to_lowercase()))
}

/// Whole numbers as tables write them in whose columns some are missing.
pub(crate) fn without_fraction(text: &str) -> &str {
    text.strip_suffix(".0").unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::super::recognise;
    use super::*;

    fn roles(columns: &[(&str, &[&str])]) -> Vec<Role> {
        let columns: Vec<Column> =
            columns.iter().map(|(name, texts)| Column::from_texts(name, texts.iter().copied())).collect();
        recognise(&columns).into_iter().map(|found| found.role).collect()
    }

    const YEARS: &[&str] = &["1967", "1940", "1998"];
    const MONTHS: &[&str] = &["9", "12.0", "1"];
    const DAYS: &[&str] = &["27", "31", "8"];

    #[test]
    fn a_date_of_birth_in_three_columns_is_known() {
        for [year, month, day] in [
            ["birth_year", "birth_month", "birth_day"],
            ["YearOfBirth", "MonthOfBirth", "DayOfBirth"],
            ["by", "bm", "bd"],
            ["dob_yyyy", "dob_mm", "dob_dd"],
            ["Geburtsjahr", "Geburtsmonat", "Geburtstag"],
            ["année de naissance", "mois de naissance", "jour de naissance"],
            ["birthYear", "birthMonth", "birthday"],
        ] {
            let found = roles(&[(day, DAYS), (month, MONTHS), (year, YEARS)]);
            assert_eq!(found, [Role::BirthDay, Role::BirthMonth, Role::BirthYear], "{year}");
        }
    }

    #[test]
    fn parts_that_lack_one_or_are_none_are_not_a_date() {
        let is_part = |role: &Role| matches!(role, Role::BirthYear | Role::BirthMonth | Role::BirthDay);
        for columns in [
            &[("birth_year", YEARS), ("birth_month", MONTHS)][..],
            &[("birth_year", YEARS), ("birth_month", MONTHS), ("birth_day", YEARS)],
            &[("dob", &["1967-09-27", "1940-12-31", "1998-01-08"]), ("by", YEARS), ("bm", MONTHS), ("bd", DAYS)],
            &[("order_year", YEARS), ("order_month", MONTHS), ("order_day", DAYS)],
        ] {
            assert!(!roles(columns).iter().any(is_part), "{columns:?}");
        }
    }
}
