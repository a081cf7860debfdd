//! Comparisons: two values of one kind to one of a few ordered levels.
//!
//! Level 0 is *different*; the higher, the more alike. What an exact match is
//! worth depends on how common the value is, so exact levels come in bands.

pub(crate) mod comparer;
pub(crate) mod edits;
pub(crate) mod levels;
pub(crate) mod signature;

use super::normalise::nickname;
use levels::Levels;
use rapidfuzz::distance::jaro_winkler;
use serde::{Deserialize, Serialize};

/// How two values of a column are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Different, initial, two edits or swapped with the family name, one
    /// edit, nickname, exact in three bands.
    Given,
    /// As given names, a shared part of a compound name in place of nickname.
    Family,
    /// Different, a part alike, a part equal, two parts alike, all parts of
    /// the shorter alike, all equal, exact in two bands.
    FullName,
    /// Different, same year, two edits, one edit or day and month swapped,
    /// exact in two bands.
    Date,
    /// Different, same rare domain, local part alike, local part equal, two
    /// edits, one edit, exact.
    Email,
    /// Different, two edits, one edit, exact.
    Digits,
    /// Different, another number in the same street, alike, exact.
    Street,
    /// Different, alike, exact in three bands.
    Words,
    /// Different, same area, one edit, exact.
    Postcode,
    /// Different, exact.
    Exact,
    /// As these tests say.
    Levels(Levels),
}

/// The level of swapped given and family names.
pub(crate) const SWAPPED: u8 = 2;
/// The family name's level where only one of the names is the other's other.
pub(crate) const HALF_SWAPPED: u8 = 1;

impl Measure {
    /// First of the exact levels.
    pub(crate) fn exact(self) -> u8 {
        match self {
            Self::Given | Self::Family => 5,
            Self::FullName | Self::Email => 6,
            Self::Date => 4,
            Self::Digits | Self::Street | Self::Postcode => 3,
            Self::Words => 2,
            Self::Exact => 1,
            Self::Levels(levels) => levels.top(),
        }
    }

    /// Bands of the exact level: common values first, those of which nothing is known last.
    pub(crate) fn bands(self) -> u8 {
        match self {
            Self::Given | Self::Family | Self::Words => 3,
            Self::FullName | Self::Date => 2,
            Self::Levels(levels) => levels.bands(),
            _ => 1,
        }
    }

    /// Number of levels.
    #[must_use]
    pub fn levels(self) -> u8 {
        self.exact() + self.bands()
    }

    /// The level of two values that are not equal; symmetric.
    pub(crate) fn level(self, one: &Value, other: &Value) -> u8 {
        if let Self::Levels(levels) = self {
            return levels.level(one.text(), other.text());
        }
        let (a, b) = (one.folded(), other.folded());
        let marked = !(one.is_folded() && other.is_folded());
        if marked && a == b && self != Self::Exact {
            return self.folded_equal(one, other);
        }
        match self {
            Self::Given => given(a, b),
            Self::Family => family(a, b),
            Self::FullName => full_name(a, b),
            Self::Date => date(a, b),
            Self::Email => email(a, b),
            Self::Digits => edits(a, b).map_or(0, |edits| if edits <= 1 { 2 } else { u8::from(edits == 2) }),
            Self::Street => street(a, b),
            Self::Words => u8::from(alike(a, b)),
            Self::Postcode => postcode(a, b),
            Self::Exact | Self::Levels(_) => 0,
        }
    }

    /// Equal but for diacritics: the same where one side was written without
    /// any, close where both have some and they differ.
    fn folded_equal(self, one: &Value, other: &Value) -> u8 {
        let left_out = one.is_folded() || other.is_folded();
        if left_out { self.levels() - 1 } else { self.exact().saturating_sub(2).max(1) }
    }
}

/// Most bytes of a text that is kept in place, where it is read without another
/// wait for memory: those of nearly all names, numbers and addresses.
const IN_PLACE: usize = 30;

/// One distinct value, normalised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Value(Kept);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kept {
    /// Length and bytes of a text.
    Here(u8, [u8; IN_PLACE]),
    There(Box<str>),
    /// With diacritics, and without.
    Marked(Box<[Box<str>; 2]>),
}

impl Value {
    pub(crate) fn new(text: String) -> Self {
        if let Some(folded) = super::normalise::folded(&text) {
            return Self(Kept::Marked(Box::new([text, folded].map(String::into_boxed_str))));
        }
        if text.len() > IN_PLACE {
            return Self(Kept::There(text.into_boxed_str()));
        }
        let mut bytes = [0; IN_PLACE];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Self(Kept::Here(text.len() as u8, bytes))
    }

    /// Without diacritics.
    pub(crate) fn folded(&self) -> &str {
        match &self.0 {
            Kept::Marked(texts) => &texts[1],
            _ => self.text(),
        }
    }

    pub(crate) fn text(&self) -> &str {
        match &self.0 {
            Kept::Here(length, bytes) => std::str::from_utf8(&bytes[..usize::from(*length)]).unwrap_or_default(),
            Kept::There(text) => text,
            Kept::Marked(texts) => &texts[0],
        }
    }

    pub(crate) fn is_folded(&self) -> bool {
        !matches!(self.0, Kept::Marked(_))
    }

    /// Bytes held beside itself.
    pub(crate) fn bytes_beside(&self) -> usize {
        match &self.0 {
            Kept::Here(..) => 0,
            Kept::There(text) => text.len(),
            Kept::Marked(texts) => size_of_val(&**texts) + texts.iter().map(|text| text.len()).sum::<usize>(),
        }
    }
}

/// Whether two texts are at least this similar, by Jaro and Winkler.
fn similar(a: &str, b: &str, at_least: f64) -> bool {
    similarity(a, b, at_least) >= at_least
}

/// Jaro-Winkler similarity in 0..=1; 0 if below `cutoff`.
fn similarity(a: &str, b: &str, cutoff: f64) -> f64 {
    let arguments = jaro_winkler::Args::default().score_cutoff(cutoff);
    let found = if a.is_ascii() && b.is_ascii() {
        jaro_winkler::similarity_with_args(a.bytes(), b.bytes(), &arguments)
    } else {
        jaro_winkler::similarity_with_args(a.chars(), b.chars(), &arguments)
    };
    found.unwrap_or(0.0)
}

/// Edits between two texts, swaps of neighbours included, if at most two.
fn edits(a: &str, b: &str) -> Option<usize> {
    if a.is_ascii() && b.is_ascii() {
        return edits::edits(a.as_bytes(), b.as_bytes());
    }
    let [a, b] = [a, b].map(|text| text.chars().collect::<Vec<_>>());
    edits::edits(&a, &b)
}

fn first_word(text: &str) -> &str {
    text.split(' ').next().unwrap_or(text)
}

fn is_initial_of(a: &str, b: &str) -> bool {
    let initial = |short: &str, long: &str| short.chars().count() == 1 && long.starts_with(short);
    initial(a, b) || initial(b, a)
}

/// Levels of two single names below *nickname*.
fn close_name(a: &str, b: &str) -> u8 {
    let distance = edits(a, b);
    // Characters, not bytes: of two characters of another script one edit leaves half a name.
    let is_long = |least: usize| characters(a).min(characters(b)) >= least;
    if distance.is_some_and(|edits| edits <= 1) && is_long(3) {
        return 3;
    }
    let similarity = similarity(a, b, 0.8);
    if similarity >= 0.9 {
        return 3;
    }
    if (distance.is_some() && is_long(5)) || similarity >= 0.8 {
        return 2;
    }
    u8::from(is_initial_of(a, b))
}

fn characters(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().count() }
}

fn given(a: &str, b: &str) -> u8 {
    let (first_a, first_b) = (first_word(a), first_word(b));
    if (first_a == first_b && first_a.len() > 1) || nickname::related(first_a, first_b) {
        return 4;
    }
    close_name(a, b).max(if first_a.len() < a.len() || first_b.len() < b.len() {
        close_name(first_a, first_b)
    } else {
        0
    })
}

fn family(a: &str, b: &str) -> u8 {
    let compound = a.contains(' ') || b.contains(' ');
    let shared = compound && a.split(' ').any(|part| part.len() >= 3 && b.split(' ').any(|other| other == part));
    if shared || without_blanks_equal(a, b) { 4 } else { close_name(a, b) }
}

fn without_blanks_equal(a: &str, b: &str) -> bool {
    let filled = |byte: &u8| *byte != b' ';
    (a.contains(' ') || b.contains(' ')) && a.bytes().filter(filled).eq(b.bytes().filter(filled))
}

/// Parts of the one matched to parts of the other, each used once.
fn full_name(a: &str, b: &str) -> u8 {
    let (a, b): (Vec<&str>, Vec<&str>) = (a.split(' ').collect(), b.split(' ').collect());
    let (few, many) = if (a.len(), &a) <= (b.len(), &b) { (a, b) } else { (b, a) };
    let mut free = many.clone();
    let mut take = |fits: &mut dyn FnMut(&str) -> bool| {
        let found = free.iter().position(|other| fits(other));
        found.map(|index| free.remove(index)).is_some()
    };
    let mut equal = 0;
    let mut unmatched = few.clone();
    unmatched.retain(|part| {
        let found = take(&mut |other| other == *part);
        equal += usize::from(found && part.len() > 1);
        !found
    });
    let missed = unmatched.iter().filter(|part| !take(&mut |other| close_parts(part, other))).count();
    let alike = unmatched.len() - missed;
    match (missed, equal, alike, few.len()) {
        (0, equal, 0, _) if equal >= 2 => 5,
        (0, 1.., _, 2..) => 4,
        (_, equal, alike, _) if equal + alike >= 2 && equal >= 1 => 3,
        (_, 1.., ..) => 2,
        (_, 0, 1.., _) => 1,
        _ => 0,
    }
}

fn close_parts(part: &str, other: &str) -> bool {
    close_name(part, other) >= 1 || nickname::related(part, other)
}

/// Dates as eight digits, year first.
fn date(a: &str, b: &str) -> u8 {
    let (Some(year_a), Some(year_b)) = (a.get(..4), b.get(..4)) else { return 0 };
    let swapped = year_a == year_b && a.get(4..6) == b.get(6..8) && a.get(6..8) == b.get(4..6);
    match edits(a, b) {
        _ if swapped => 3,
        Some(0 | 1) => 3,
        Some(_) => 2,
        None => u8::from(year_a == year_b),
    }
}

fn email(a: &str, b: &str) -> u8 {
    let (Some((local_a, domain_a)), Some((local_b, domain_b))) = (a.rsplit_once('@'), b.rsplit_once('@')) else {
        return edits(a, b).map_or(0, |edits| if edits <= 1 { 5 } else { 4 });
    };
    if let Some(distance) = edits(a, b).filter(|_| may_be_edits(local_a, local_b)) {
        return if distance <= 1 { 5 } else { 4 };
    }
    if local_a == local_b {
        return 3;
    }
    if similar(local_a, local_b, 0.9) {
        return 2;
    }
    u8::from(domain_a == domain_b && !is_provider(domain_a))
}

/// Whether two edits may be all: each adds or takes at most one letter, and
/// parts at most two.
fn may_be_edits(a: &str, b: &str) -> bool {
    let set = |text: &str| text.bytes().fold(0u64, |set, byte| set | 1 << (byte & 63));
    a.len().abs_diff(b.len()) <= 2 && (set(a) ^ set(b)).count_ones() <= 4
}

/// Providers of mail to everybody: sharing one tells nothing.
pub(crate) fn is_provider(domain: &str) -> bool {
    const PROVIDERS: [&str; 12] = [
        "gmail.", "yahoo.", "hotmail.", "outlook.", "live.", "aol.", "icloud.", "me.com", "msn.", "gmx.", "web.de",
        "comcast.",
    ];
    PROVIDERS.iter().any(|provider| domain.starts_with(provider))
}

fn street(a: &str, b: &str) -> u8 {
    if without_blanks_equal(a, b) || edits(a, b).is_some() && a.len().min(b.len()) >= 8 && number(a) == number(b) {
        return 2;
    }
    let (name_a, name_b) = (without_number(a), without_number(b));
    let name_alike = name_a == name_b || (name_a.len().min(name_b.len()) >= 6 && similar(name_a, name_b, 0.93));
    if !name_alike {
        return u8::from(edits(a, b).is_some() && a.len().min(b.len()) >= 8);
    }
    if number(a) == number(b) { 2 } else { 1 }
}

pub(crate) fn number(street: &str) -> &str {
    let first = first_word(street);
    if first.starts_with(|character: char| character.is_ascii_digit()) { first } else { "" }
}

pub(crate) fn without_number(street: &str) -> &str {
    street[number(street).len()..].trim_start()
}

fn alike(a: &str, b: &str) -> bool {
    let close = edits(a, b).is_some_and(|edits| edits <= 1 || a.len().min(b.len()) >= 6);
    close || similar(a, b, 0.9) || without_blanks_equal(a, b)
}

fn postcode(a: &str, b: &str) -> u8 {
    if edits(a, b).is_some_and(|edits| edits <= 1) {
        return 2;
    }
    u8::from(super::normalise::outward(a) == super::normalise::outward(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(measure: Measure, cases: &[(&str, &str, u8)]) {
        for &(one, other, expected) in cases {
            let values = (Value::new(one.to_owned()), Value::new(other.to_owned()));
            assert_eq!(measure.level(&values.0, &values.1), expected, "{measure:?} {one} {other}");
            assert_eq!(measure.level(&values.1, &values.0), expected, "{measure:?} {other} {one}");
        }
    }

    #[test]
    fn names() {
        let given = [
            ("robert", "bob", 4),
            ("ann", "ann marie", 4),
            ("jhon", "john", 3),
            ("r", "robert", 1),
            ("mary", "luke", 0),
            ("健太", "拓海", 0),
            ("健太", "健大", 0),
            ("александр", "алексндр", 3),
        ];
        check(Measure::Given, &given);
        check(
            Measure::Family,
            &[
                ("smith jones", "jones", 4),
                ("mac donald", "macdonald", 4),
                ("smith", "smyth", 3),
                ("wu", "li", 0),
                ("김", "이", 0),
            ],
        );
        check(
            Measure::FullName,
            &[
                ("robert smith", "smith robert", 5),
                ("robert smith", "robert a smith", 5),
                ("bob smith", "robert smith", 4),
                ("robert smith", "robert jones", 2),
                ("ann lee", "tom fox", 0),
            ],
        );
    }

    #[test]
    fn diacritics_may_distinguish() {
        check(Measure::Given, &[("josé", "jose", 7), ("hạnh", "hánh", 3)]);
    }

    #[test]
    fn dates_and_codes() {
        check(Measure::Date, &[("19900102", "19900201", 3), ("19900102", "19900112", 3), ("19900102", "19901231", 1)]);
        check(Measure::Digits, &[("5551234567", "5551234568", 2), ("5551234567", "5551234089", 0)]);
        check(Measure::Postcode, &[("eh12ng", "eh12nh", 2), ("eh12ng", "eh19zz", 1), ("eh12ng", "cv211lj", 0)]);
        check(Measure::Exact, &[("a", "b", 0)]);
    }

    #[test]
    fn addresses() {
        check(
            Measure::Email,
            &[
                ("ab@x.org", "ab@x.org.uk", 3),
                ("abcd@x.org", "abce@x.org", 5),
                ("abcd@x.org", "xyz@x.org", 1),
                ("abcd@gmail.com", "xyz@gmail.com", 0),
            ],
        );
        check(
            Measure::Street,
            &[("12 high st", "14 high st", 1), ("12 high st", "12 hihg st", 2), ("1 oak ave", "9 elm rd", 0)],
        );
        check(Measure::Words, &[("london", "lonndon", 1), ("london", "leeds", 0)]);
    }

    #[test]
    fn texts_of_any_length_come_back() {
        assert_eq!(size_of::<Value>(), 32);
        for length in [0, 1, IN_PLACE - 1, IN_PLACE, IN_PLACE + 1, 300] {
            for (character, folded) in [('a', "a"), ('é', "e"), ('字', "字")] {
                let text = character.to_string().repeat(length);
                let value = Value::new(text.clone());
                assert_eq!((value.text(), value.folded()), (text.as_str(), folded.repeat(length).as_str()));
                assert_eq!(value.is_folded(), text == folded.repeat(length));
            }
        }
    }

    #[test]
    fn broken_values_are_different_not_fatal() {
        check(Measure::Date, &[("19", "x", 0), ("é", "ü", 0)]);
        check(Measure::Email, &[("nonsense of some length", "else", 0)]);
    }
}
