//! Names of comparison levels, as a reader says them.

use crate::matching::Measure;
use crate::matching::compare::levels::{Part, Test};
use crate::matching::field::frequency;
use std::borrow::Cow;

/// Name of a level of a measure; exact levels come in bands, common first.
pub(super) fn level_name(measure: Measure, level: u8) -> Cow<'static, str> {
    let Measure::Levels(levels) = measure else { return Cow::Borrowed(own_name(measure, level)) };
    let Some(band) = level.checked_sub(levels.top()) else {
        return levels.test(level).map_or(Cow::Borrowed("different"), test_name);
    };
    match levels.tell_frequencies().then(|| frequency::share(band)) {
        None => Cow::Borrowed(band_name(levels.bands(), band)),
        Some(None) => Cow::Borrowed("exact, frequency not known"),
        Some(Some(share)) => {
            let (records, decimals) = (share.recip(), usize::from(share > 0.1));
            Cow::Owned(format!("exact, a value of 1 in {records:.decimals$} records"))
        }
    }
}

fn own_name(measure: Measure, level: u8) -> &'static str {
    match level.checked_sub(measure.exact()) {
        Some(band) => band_name(measure.bands(), band),
        None => inexact(measure).get(usize::from(level)).copied().unwrap_or("different"),
    }
}

fn test_name(test: Test) -> Cow<'static, str> {
    let percent = |ten_thousandths: u16| f64::from(ten_thousandths) / 100.0;
    let name = match test {
        Test::Equal(Part::Whole) => return Cow::Borrowed("exact"),
        Test::Swapped => return Cow::Borrowed("swapped"),
        Test::Equal(part) => return Cow::Owned(format!("{} equal", part_name(part))),
        Test::Levenshtein(most) => format!("at most {most} edits"),
        Test::DamerauLevenshtein(most) => format!("at most {most} edits or swaps"),
        Test::Jaro(least) => format!("{} % alike by Jaro", percent(least)),
        Test::JaroWinkler(part, least) => format!("{} {} % alike by Jaro-Winkler", part_name(part), percent(least)),
        Test::Jaccard(least) => format!("{} % of the letters in common", percent(least)),
        Test::DaysApart(most) => format!("at most {most} days apart"),
    };
    Cow::Owned(name)
}

fn part_name(part: Part) -> &'static str {
    match part {
        Part::Whole => "whole",
        Part::Username => "local part",
        Part::Sector => "sector",
        Part::District => "district",
        Part::Area => "area",
    }
}

fn band_name(bands: u8, band: u8) -> &'static str {
    match (bands, band) {
        (3, 0) => "exact, very common value",
        (3, 1) | (2, 0) => "exact, common value",
        (3, _) => "exact, rare value",
        _ => "exact",
    }
}

/// The levels below *exact*, least alike first.
pub(super) fn inexact(measure: Measure) -> &'static [&'static str] {
    match measure {
        Measure::Given => &["different", "initial", "two edits", "one edit", "nickname"],
        Measure::Family => &["different", "initial", "two edits", "one edit", "a part shared"],
        Measure::FullName => &[
            "different",
            "a part alike",
            "a part equal",
            "two parts alike",
            "all parts of the shorter alike",
            "all parts of the shorter equal",
        ],
        Measure::Date => &["different", "same year", "two edits", "one edit, or day and month swapped"],
        Measure::Email => {
            &["different", "same rare domain", "local part alike", "local part equal", "two edits", "one edit"]
        }
        Measure::Digits => &["different", "two edits", "one edit"],
        Measure::Street => &["different", "same street, another number", "alike"],
        Measure::Words => &["different", "alike"],
        Measure::Postcode => &["different", "same area", "one edit"],
        Measure::Exact | Measure::Levels(_) => &["different"],
    }
}
