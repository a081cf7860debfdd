//! Levels that somebody else defined: an ordered list of tests, as Splink has
//! them, in place of a measure of our own.

use crate::matching::field::frequency;
use rapidfuzz::distance::{damerau_levenshtein, jaro, jaro_winkler, levenshtein};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{BTreeSet, HashSet};
use std::sync::{LazyLock, Mutex, PoisonError};

/// Most tests of one comparison.
pub(crate) const TESTS_MAX: usize = 12;

/// Tests from the most alike down; what passes none is *different*. Values that
/// are equal must pass the first. Equal lists are one list, so it is copied freely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Levels(&'static Kept);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Kept {
    tests: Vec<Test>,
    bands: Bands,
}

/// What equal values are told apart by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bands {
    /// Nothing: all are worth the same.
    #[default]
    One,
    /// Very common, common and rare values, as our own measures of names have them.
    Three,
    /// The share of records that carry the value, to a quarter of a bit.
    Frequencies,
}

/// One test of two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// These parts are equal.
    Equal(Part),
    /// At most so many characters written otherwise, left out or added.
    Levenshtein(u8),
    /// The same, a swap of neighbours counting once.
    DamerauLevenshtein(u8),
    /// At least this similar by Jaro, in 1/10000.
    Jaro(u16),
    /// At least this similar by Jaro and Winkler in a part, in 1/10000.
    JaroWinkler(Part, u16),
    /// At least this share of the characters in common, in 1/10000.
    Jaccard(u16),
    /// At most so many days apart, for dates.
    DaysApart(u32),
    /// Two records have each other's value of this column in the one other column
    /// that is tested so; found where both columns are looked at.
    Swapped,
}

/// What of a value is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// All of it.
    Whole,
    /// What stands before the `@` of an address of mail.
    Username,
    /// Sector of a British postcode: all but its last two characters.
    Sector,
    /// District of a British postcode: all but its last three characters.
    District,
    /// Area of a British postcode: the letters it begins with.
    Area,
}

static KNOWN: LazyLock<Mutex<HashSet<&'static Kept>>> = LazyLock::new(Mutex::default);

/// How levels are written: a list of tests where equal values are all worth the same.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Plain(Vec<Test>),
    Banded { tests: Vec<Test>, bands: Bands },
}

impl Levels {
    /// The levels of these tests; `None` if there are none or too many. Each
    /// different list is kept for the life of the program.
    #[must_use]
    pub fn new(tests: &[Test], bands: Bands) -> Option<Self> {
        if tests.is_empty() || tests.len() > TESTS_MAX {
            return None;
        }
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = Kept { tests: tests.to_vec(), bands };
        if let Some(kept) = known.get(&kept) {
            return Some(Self(kept));
        }
        let kept: &'static Kept = Box::leak(Box::new(kept));
        known.insert(kept);
        Some(Self(kept))
    }

    /// The test that pairs of a level pass; none for *different*. All bands of
    /// equal values pass the first.
    pub(crate) fn test(self, level: u8) -> Option<Test> {
        self.0.tests.get(usize::from(self.top().checked_sub(level.min(self.top()))?)).copied()
    }

    /// The level of swapped values, if they are told.
    pub(crate) fn swapped(self) -> Option<u8> {
        (0..self.top()).find(|&level| self.test(level) == Some(Test::Swapped))
    }

    /// The first level of equal values; *different* is 0.
    pub(crate) fn top(self) -> u8 {
        self.0.tests.len() as u8
    }

    /// Number of levels of equal values.
    pub(crate) fn bands(self) -> u8 {
        match self.0.bands {
            Bands::One => 1,
            Bands::Three => 3,
            Bands::Frequencies => frequency::BANDS,
        }
    }

    /// Whether equal values are told apart by the share of records that carry them.
    pub(crate) fn tell_frequencies(self) -> bool {
        self.0.bands == Bands::Frequencies
    }

    /// The level of two values.
    pub(crate) fn level(self, one: &str, other: &str) -> u8 {
        let passed = self.0.tests.iter().position(|test| test.passes(one, other));
        passed.map_or(0, |place| self.top() - place as u8)
    }
}

impl Serialize for Levels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Kept { tests, bands } = self.0.clone();
        let written = if bands == Bands::One { Written::Plain(tests) } else { Written::Banded { tests, bands } };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Levels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (tests, bands) = match Written::deserialize(deserializer)? {
            Written::Plain(tests) => (tests, Bands::One),
            Written::Banded { tests, bands } => (tests, bands),
        };
        Self::new(&tests, bands).ok_or_else(|| serde::de::Error::invalid_length(tests.len(), &"1 to 12 tests"))
    }
}

impl Test {
    fn passes(self, one: &str, other: &str) -> bool {
        match self {
            Self::Equal(part) => part.of(one).is_some_and(|part_of_one| Some(part_of_one) == part.of(other)),
            Self::Levenshtein(most) => {
                let most = levenshtein::Args::default().score_cutoff(usize::from(most));
                levenshtein::distance_with_args(one.chars(), other.chars(), &most).is_some()
            }
            Self::DamerauLevenshtein(most) => {
                let most = damerau_levenshtein::Args::default().score_cutoff(usize::from(most));
                damerau_levenshtein::distance_with_args(one.chars(), other.chars(), &most).is_some()
            }
            Self::Jaro(least) => jaro::similarity(one.chars(), other.chars()) >= share(least),
            Self::JaroWinkler(part, least) => part
                .of(one)
                .zip(part.of(other))
                .is_some_and(|(one, other)| jaro_winkler::similarity(one.chars(), other.chars()) >= share(least)),
            Self::Jaccard(least) => jaccard(one, other) >= share(least),
            Self::Swapped => false,
            Self::DaysApart(most) => {
                days(one).zip(days(other)).is_some_and(|(one, other)| one.abs_diff(other) <= u64::from(most))
            }
        }
    }
}

fn share(ten_thousandths: u16) -> f64 {
    f64::from(ten_thousandths) / 10_000.0
}

/// Days from a fixed one to a date of eight digits, in the Gregorian calendar.
fn days(date: &str) -> Option<u64> {
    let number = |from: usize, to: usize| date.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    if date.len() != 8 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year + 1, month - 3) } else { (year, month + 9) };
    Some(year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day)
}

/// Characters in both, as a share of those in either.
fn jaccard(one: &str, other: &str) -> f64 {
    let (one, other): (BTreeSet<char>, BTreeSet<char>) = (one.chars().collect(), other.chars().collect());
    one.intersection(&other).count() as f64 / one.union(&other).count().max(1) as f64
}

impl Part {
    /// This part of a normalised value, if it has one.
    fn of(self, value: &str) -> Option<&str> {
        let without_last = |count: usize| value.len().checked_sub(count).and_then(|end| value.get(..end));
        let part = match self {
            Self::Whole => Some(value),
            Self::Username => value.split('@').next(),
            Self::Sector => without_last(2),
            Self::District => without_last(3),
            Self::Area => {
                let letters = value.bytes().take(2).take_while(u8::is_ascii_alphabetic).count();
                value.get(..letters)
            }
        };
        part.filter(|part| !part.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_test_passes_what_it_should_and_no_more() {
        let cases = [
            (Test::Equal(Part::Whole), "ab", "ab", "ac"),
            (Test::Equal(Part::Username), "ab@x.org", "ab@y.org", "ac@x.org"),
            (Test::Equal(Part::Sector), "eh12ng", "eh12xx", "eh13ng"),
            (Test::Equal(Part::District), "eh12ng", "eh13xx", "eh22ng"),
            (Test::Equal(Part::Area), "eh12ng", "eh99xx", "g12ng"),
            (Test::Levenshtein(1), "smith", "smyth", "simth"),
            (Test::DamerauLevenshtein(1), "smith", "simth", "smthiz"),
            (Test::Jaro(9000), "martha", "marhta", "marten"),
            (Test::JaroWinkler(Part::Whole, 9600), "martha", "marhta", "marten"),
            (Test::JaroWinkler(Part::Username, 8800), "rob.smith@x.org", "rob.smyth@y.com", "ann@x.org"),
            (Test::Jaccard(6000), "duck", "luck", "lucre"),
            (Test::DaysApart(31), "20000331", "20000430", "20000502"),
        ];
        for (test, one, close, far) in cases {
            assert!(test.passes(one, close) && test.passes(close, one), "{test:?} {one} {close}");
            assert!(!test.passes(one, far) && !test.passes(far, one), "{test:?} {one} {far}");
            assert!(test.passes(one, one), "{test:?} {one}");
        }
    }

    #[test]
    fn broken_values_pass_nothing_they_should_not_and_are_not_fatal() {
        for value in ["", "é", "x", "2000", "99999999"] {
            for test in [Test::DaysApart(9), Test::Equal(Part::Sector), Test::Jaccard(10_000), Test::Jaro(9999)] {
                test.passes(value, "20000101");
                test.passes("ü", value);
            }
        }
    }

    #[test]
    fn equal_lists_are_one_and_are_read_back() {
        let tests = [Test::Equal(Part::Whole), Test::Levenshtein(2)];
        for bands in [Bands::One, Bands::Three, Bands::Frequencies] {
            let levels = Levels::new(&tests, bands).unwrap();
            assert!(std::ptr::eq(levels.0, Levels::new(&tests, bands).unwrap().0));
            let text = serde_json::to_string(&levels).unwrap();
            assert_eq!(serde_json::from_str::<Levels>(&text).unwrap(), levels);
            let found = [("ab", "ab"), ("ab", "abcd"), ("ab", "abcde")].map(|(one, other)| levels.level(one, other));
            assert_eq!(found, [2, 1, 0]);
            let passed: Vec<_> = (0..4).map(|level| levels.test(level)).collect();
            assert_eq!(passed, [None, Some(tests[1]), Some(tests[0]), Some(tests[0])]);
        }
        assert!(serde_json::from_str::<Levels>("[]").is_err());
    }
}
