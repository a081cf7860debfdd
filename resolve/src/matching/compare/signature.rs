//! What a value looks like at a glance: 64 bits that mostly tell, without the
//! texts, at which level two values are.
//!
//! Most candidates differ in most fields, and to fetch two texts from memory
//! takes longer than to compare them. Whatever is told here is what
//! [`Measure::level`] says of the texts; where that does not show, nothing is told.

use super::edits::{edits, packed_edits};
use super::{Measure, Value, is_provider, number, without_number};
use crate::matching::normalise::nickname;
use crate::matching::{hash, normalise};

/// See the head of this file; 0 is that of a value too odd to have one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Signature(u64);

impl Signature {
    pub(crate) fn new(measure: Measure, value: &Value) -> Self {
        let text = value.text();
        if !value.is_folded() || !text.is_ascii() || text.is_empty() {
            return Self::default();
        }
        let found = match measure {
            Measure::Given | Measure::Family => name(text),
            Measure::Date => Some(text).filter(|text| text.len() == 8).and_then(digits),
            Measure::Digits => digits(text),
            Measure::Email => email(text),
            Measure::Street => street(text),
            Measure::Words => letters(text, text.len()).map(|letters| letters | first(text) << FIRST),
            Measure::Postcode => code(text),
            Measure::Exact | Measure::FullName | Measure::Levels(_) => None,
        };
        Self(found.unwrap_or_default())
    }

    /// Whether signatures tell anything of values that are compared so. Those that are
    /// the same or not are told apart by their codes.
    pub(crate) fn tells_of(measure: Measure) -> bool {
        !matches!(measure, Measure::Exact | Measure::FullName | Measure::Levels(_))
    }

    pub(crate) fn bits(self) -> u64 {
        self.0
    }

    /// The level of two values that are not equal, if it shows.
    pub(crate) fn level(self, other: Self, measure: Measure) -> Option<u8> {
        if self.0 == 0 || other.0 == 0 {
            return None;
        }
        match measure {
            Measure::Given => self.no_name(other, true).then_some(0),
            Measure::Family => self.no_name(other, false).then_some(0),
            Measure::Date => Some(self.date(other)),
            Measure::Digits => Some(self.number(other)),
            Measure::Email => self.no_email(other).then_some(0),
            Measure::Street => self.no_street(other).then_some(0),
            Measure::Words => self.no_words(other).then_some(0),
            Measure::Postcode => Some(self.postcode(other)),
            Measure::Exact | Measure::FullName | Measure::Levels(_) => None,
        }
    }

    /// Whether a given name can be the other record's family name.
    pub(crate) fn may_be_crossed(self, family: Self) -> bool {
        self.0 == 0 || family.0 == 0 || (self.first() == family.first() && !self.no_name(family, false))
    }
}

// Of texts: the set of their letters, then the length, then what the measure needs.
const LETTERS: u64 = (1 << 26) - 1;
const LETTERS_AND_DIGITS: u64 = (1 << 36) - 1;
const CHARACTERS: u64 = (1 << 37) - 1;
const LENGTH: u32 = 37;
const LENGTH_MAX: usize = 63;
const KNOWN: u64 = 1 << 43;
/// Of a name: it has several parts. Of an address of mail: from a provider to everybody.
const MARK: u64 = 1 << 44;
const FIRST: u32 = 45;
/// Of a name: what nicknames it has, as a set of hashes.
const NICKNAMES: u32 = 50;
/// Of an address of mail: hash of the domain. Of a street: length of the number.
const REST: u32 = 50;
const DOMAIN: u32 = 45;

/// The set of the characters of a text; `length` may be that of a part.
fn letters(text: &str, length: usize) -> Option<u64> {
    let place = |byte: u8| match byte {
        b'a'..=b'z' => byte - b'a',
        b'0'..=b'9' => byte - b'0' + 26,
        _ => 36,
    };
    let set = text.bytes().fold(0, |set, byte| set | 1 << place(byte));
    (1..=LENGTH_MAX).contains(&length).then_some(set | (length as u64) << LENGTH | KNOWN)
}

fn first(text: &str) -> u64 {
    text.bytes().next().map_or(0, |byte| u64::from(byte & 31))
}

fn name(text: &str) -> Option<u64> {
    let compound = if text.contains(' ') { MARK } else { 0 };
    let nicknames = nickname::family(text).fold(0, |set, hash| set | 1 << (hash % 14));
    Some(letters(text, text.len())? | compound | first(text) << FIRST | nicknames << NICKNAMES)
}

fn email(text: &str) -> Option<u64> {
    let (local, domain) = text.rsplit_once('@').filter(|(local, _)| !local.contains('@'))?;
    let provider = if is_provider(domain) { MARK } else { 0 };
    Some(letters(local, local.len())? | provider | hash::text(5, domain) >> DOMAIN << DOMAIN)
}

fn street(text: &str) -> Option<u64> {
    let (number, name) = (number(text), without_number(text));
    let before = text.len() - name.len();
    let plain = before < 16 && !name.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    Some(letters(text, text.len()).filter(|_| plain)? | first(name) << FIRST | (before as u64) << REST)
}

// Of numbers: ten digits of four bits, the first lowest; of each digit whether
// it comes once, and more than once; the length.
const DIGITS: usize = 10;
const COUNTS: u32 = 40;
const DIGITS_LENGTH: u32 = 60;

fn digits(text: &str) -> Option<u64> {
    if text.len() > DIGITS || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (mut packed, mut counts) = (0, 0u64);
    for (place, digit) in text.bytes().map(|byte| u64::from(byte - b'0')).enumerate() {
        packed |= digit << (4 * place);
        let once = 1 << (2 * digit);
        counts |= if counts & once == 0 { once } else { once << 1 };
    }
    Some(packed | counts << COUNTS | (text.len() as u64) << DIGITS_LENGTH)
}

// Of codes: ten characters of six bits, the first lowest; the length.
const CODE: usize = 10;
const CODE_LENGTH: u32 = 60;

fn code(text: &str) -> Option<u64> {
    if text.len() > CODE {
        return None;
    }
    let mut packed = (text.len() as u64) << CODE_LENGTH;
    for (place, byte) in text.bytes().enumerate() {
        let character = match byte {
            b'a'..=b'z' => byte - b'a',
            b'0'..=b'9' => byte - b'0' + 26,
            _ => return None,
        };
        packed |= u64::from(character) << (6 * place);
    }
    Some(packed)
}

/// Names, addresses of mail, streets, words: what they surely are not.
impl Signature {
    fn length(self) -> u32 {
        (self.0 >> LENGTH) as u32 & 63
    }

    fn first(self) -> u32 {
        (self.0 >> FIRST) as u32 & 31
    }

    /// Characters that only one of the two has.
    fn apart(self, other: Self, among: u64) -> u32 {
        ((self.0 ^ other.0) & among).count_ones()
    }

    /// Whether there may be so few edits between the two: each adds or takes
    /// at most one character, and parts at most two.
    fn may_be_edits(self, other: Self, edits: u32, among: u64) -> bool {
        self.apart(other, among) <= 2 * edits && self.length().abs_diff(other.length()) <= edits
    }

    /// Whether the similarity by Jaro and Winkler may reach `least`, if the
    /// first four characters may be the same or, where `same` is false, the
    /// first is not. `before` is what is left out at the front.
    fn may_be_similar(self, other: Self, least: f64, same: bool, before: (u32, u32), among: u64) -> bool {
        let (length, other_length) = (self.length() - before.0, other.length() - before.1);
        let common =
            |one: Self, other: Self, length: u32| length.saturating_sub((one.0 & !other.0 & among).count_ones());
        let common = common(self, other, length).min(common(other, self, other_length));
        let jaro = if same { ((least - 0.4) / 0.6).max(0.7) } else { least };
        let (length, other_length) = (f64::from(length), f64::from(other_length));
        // Jaro's mean of three, the third of which is 1 at most.
        f64::from(common) * (length + other_length) >= (3.0 * jaro - 1.0 - 1e-9) * length * other_length
    }

    fn no_name(self, other: Self, given: bool) -> bool {
        let shorter = self.length().min(other.length());
        let same_first = self.first() == other.first();
        let nicknames = given && (self.0 & other.0) >> NICKNAMES != 0;
        if (self.0 | other.0) & MARK != 0 || nicknames || (shorter == 1 && same_first) {
            return false;
        }
        let edits = (shorter >= 5 && self.may_be_edits(other, 2, CHARACTERS))
            || (shorter >= 3 && self.may_be_edits(other, 1, CHARACTERS));
        !edits && !self.may_be_similar(other, 0.8, same_first, (0, 0), CHARACTERS)
    }

    fn no_email(self, other: Self) -> bool {
        let same_domain = self.0 >> DOMAIN == other.0 >> DOMAIN;
        if same_domain && self.0 & MARK == 0 {
            return false;
        }
        !self.may_be_edits(other, 2, CHARACTERS) && !self.may_be_similar(other, 0.9, true, (0, 0), CHARACTERS)
    }

    fn no_street(self, other: Self) -> bool {
        let before = |street: Self| (street.0 >> REST) as u32 & 15;
        let same_first = self.first() == other.first();
        let edits = self.length().min(other.length()) >= 8 && self.may_be_edits(other, 2, LETTERS_AND_DIGITS);
        let same = self.apart(other, LETTERS_AND_DIGITS) == 0;
        !edits && !same && !self.may_be_similar(other, 0.93, same_first, (before(self), before(other)), LETTERS)
    }

    fn no_words(self, other: Self) -> bool {
        let same_first = self.first() == other.first();
        let edits = if self.length().min(other.length()) >= 6 { 2 } else { 1 };
        let same = self.apart(other, LETTERS_AND_DIGITS) == 0;
        !same
            && !self.may_be_edits(other, edits, CHARACTERS)
            && !self.may_be_similar(other, 0.9, same_first, (0, 0), CHARACTERS)
    }
}

/// Numbers and codes, whose signatures hold all of them.
impl Signature {
    /// Edits between two numbers if at most two.
    fn digit_edits(self, other: Self) -> Option<usize> {
        let all = |number: u64| number & ((1 << COUNTS) - 1);
        if self.0 >> DIGITS_LENGTH == other.0 >> DIGITS_LENGTH {
            return packed_edits(all(self.0), all(other.0), 4);
        }
        if self.counts_apart(other) > 4 {
            return None;
        }
        let unpack = |number: u64| -> [u8; DIGITS] { std::array::from_fn(|place| (number >> (4 * place)) as u8 & 15) };
        let length = |number: u64| (number >> DIGITS_LENGTH) as usize;
        edits(&unpack(self.0)[..length(self.0)], &unpack(other.0)[..length(other.0)])
    }

    fn counts_apart(self, other: Self) -> u32 {
        ((self.0 ^ other.0) >> COUNTS & ((1 << 20) - 1)).count_ones()
    }

    fn number(self, other: Self) -> u8 {
        match self.digit_edits(other) {
            Some(0 | 1) => 2,
            Some(_) => 1,
            None => 0,
        }
    }

    fn date(self, other: Self) -> u8 {
        let (one, other_date) = (self.0 as u32, other.0 as u32);
        let same_year = one & 0xffff == other_date & 0xffff;
        if same_year && (one >> 16).rotate_left(8) & 0xffff | one >> 24 == other_date >> 16 {
            return 3;
        }
        match self.digit_edits(other) {
            Some(0 | 1) => 3,
            Some(_) => 2,
            None => u8::from(same_year),
        }
    }

    fn postcode(self, other: Self) -> u8 {
        let length = |code: u64| (code >> CODE_LENGTH) as usize;
        let unpack = |code: u64| -> [u8; CODE] { std::array::from_fn(|place| (code >> (6 * place)) as u8 & 63) };
        let all = |code: u64| code & ((1 << CODE_LENGTH) - 1);
        let near = || {
            if length(self.0) == length(other.0) {
                return packed_edits(all(self.0), all(other.0), 6);
            }
            edits(&unpack(self.0)[..length(self.0)], &unpack(other.0)[..length(other.0)])
        };
        if length(self.0).abs_diff(length(other.0)) <= 1 && near().is_some_and(|edits| edits <= 1) {
            return 2;
        }
        let outward = |code: u64| {
            let length = length(code);
            let cut = normalise::outward_length(length, (code & 63) < 26);
            (cut, code & ((1 << (6 * cut)) - 1))
        };
        u8::from(outward(self.0) == outward(other.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts near to each other and far, of every kind.
    fn texts(measure: Measure) -> Vec<String> {
        let seeds: &[&str] = match measure {
            Measure::Given | Measure::Family => {
                &["robert", "bob", "rob", "bobby", "ann", "anna", "ann marie", "martha", "j", "jo", "mitchell", "li"]
            }
            Measure::Date => &["19900102", "19900201", "19991231", "19000101", "18550181", "11111111"],
            Measure::Digits => &["5551234567", "5551234568", "1555123456", "555123", "1804974", "ab123", "9998887776"],
            Measure::Email => &[
                "ab@x.org",
                "abcd@x.org",
                "robert.smith@gmail.com",
                "rsmith12@yahoo.com",
                "smith@y.net",
                "none",
                "a@b@c.de",
            ],
            Measure::Street => &[
                "12 high st",
                "1 oak ave",
                "12 oak ave apt 4",
                "2nd st",
                "12a park ln",
                "park",
                "4521 washington blvd",
            ],
            Measure::Postcode => &["eh12ng", "54301", "5430", "cv211lj", "é1", "12", "a1b2c3d4e5f6"],
            _ => &["london", "lon don", "leeds", "new york", "york", "a", "zürich", "x1"],
        };
        let mut texts: Vec<String> = seeds.iter().map(|&text| text.to_owned()).collect();
        for (index, seed) in seeds.iter().enumerate() {
            let mut state = index as u64;
            let mut draw = |limit: usize| {
                state = hash::mix(state);
                (state % limit as u64) as usize
            };
            for _ in 0..30 {
                let mut characters: Vec<char> = seed.chars().collect();
                for _ in 0..=draw(3) {
                    let place = draw(characters.len());
                    match draw(4) {
                        0 if characters.len() > 1 => drop(characters.remove(place)),
                        1 if place > 0 => characters.swap(place - 1, place),
                        2 => characters.insert(place, characters[draw(characters.len())]),
                        _ => characters[place] = seeds[draw(seeds.len())].chars().next().unwrap(),
                    }
                }
                texts.push(characters.into_iter().collect::<String>().trim().to_owned());
            }
        }
        texts.retain(|text| !text.is_empty());
        texts.sort();
        texts.dedup();
        texts
    }

    #[test]
    fn what_a_glance_tells_is_what_the_texts_say() {
        use Measure::{Date, Digits, Email, Family, Given, Postcode, Street, Words};
        for measure in [Given, Family, Date, Digits, Email, Street, Words, Postcode] {
            let values: Vec<Value> = texts(measure).into_iter().map(Value::new).collect();
            let (mut told, mut pairs) = (0, 0);
            for one in &values {
                for other in values.iter().filter(|other| *other != one) {
                    let glance = Signature::new(measure, one).level(Signature::new(measure, other), measure);
                    pairs += 1;
                    told += usize::from(glance.is_some());
                    let level = measure.level(one, other);
                    assert_eq!(glance.unwrap_or(level), level, "{measure:?} {one:?} {other:?}");
                }
            }
            assert!(told * 8 > pairs, "{measure:?} {told} of {pairs}");
        }
    }

    #[test]
    fn crossed_names_are_seen() {
        let name = |text: &str| Signature::new(Measure::Family, &Value::new(text.into()));
        assert!(name("james").may_be_crossed(name("james")) && name("james").may_be_crossed(name("jamse")));
        assert!(!name("james").may_be_crossed(name("cook")));
    }
}
