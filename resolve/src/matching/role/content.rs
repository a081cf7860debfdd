//! What a column's contents say of it.

use super::super::normalise;
use super::{Column, Ignored, Role};
use crate::matching::normalise::nickname;

/// Distinct texts of a column that are looked at.
const SAMPLE: usize = 2000;

/// Share of the first distinct texts that pass a test.
fn share(column: &Column, test: impl Fn(&str) -> bool) -> f64 {
    let seen = column.values.len().min(SAMPLE);
    column.values.iter().take(seen).filter(|text| test(text)).count() as f64 / seen.max(1) as f64
}

/// Whether a text is a date whose year is written out; of digits alone, eight are.
fn is_date(text: &str) -> bool {
    let is_number = text.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit());
    if is_number && text.len() != 8 {
        return false;
    }
    let year = text.split(|letter: char| !letter.is_ascii_digit()).any(|digits| digits.len() >= 4);
    year && normalise::date(text, normalise::DayOrder::DayFirst).is_some_and(|date| {
        (1000..=2100).contains(&date[..4].parse().unwrap_or(0)) && date[4..6] <= *"31" && date[6..] <= *"31"
    })
}

/// Whether a text is of letters but for one in five and what is between words.
fn letters(text: &str) -> bool {
    let letters = letters_in(text);
    letters > 0 && letters * 10 >= text.chars().filter(|character| character.is_alphanumeric()).count() * 8
}

fn letters_in(text: &str) -> usize {
    text.chars().filter(|character| character.is_alphabetic()).count()
}

fn digits(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

fn few_digits(text: &str) -> bool {
    digits(text) * 2 < text.len()
}

/// Share of names that end as companies do from which a column is not of people.
const COMPANIES: f64 = 0.15;

/// Whether a name ends as that of a company does, in the forms of law of many countries.
fn is_company(text: &str) -> bool {
    const ENDS: &str = "inc incorporated llc ltd limited corp corporation co company group holding holdings plc llp lp \
                        pty gmbh ag kg kgaa ohg ug sa sas sarl sasu srl spa sl slu bv nv vof oy oyj ab as asa aps \
                        sro sp zoo partners associates sons systems solutions services technologies consulting bank \
                        university college school hospital foundation";
    let name = normalise::plain(text);
    let last = name.rsplit(' ').next().filter(|last| last.len() < name.len());
    last.is_some_and(|last| ENDS.split_ascii_whitespace().any(|end| end == last))
}

/// Whether what is in a column can be what its name says.
pub(super) fn agrees(role: Role, column: &Column) -> bool {
    match role {
        Role::Email => share(column, |text| text.contains('@')) >= 0.3,
        Role::BirthDate => share(column, |text| normalise::date(text, normalise::DayOrder::DayFirst).is_some()) >= 0.5,
        Role::Phone => share(column, |text| digits(text) >= 6) >= 0.3,
        Role::FullName => share(column, few_digits) >= 0.5 && share(column, is_company) < COMPANIES,
        Role::GivenName | Role::FamilyName => share(column, few_digits) >= 0.5,
        Role::City => share(column, |text| letters_in(text) >= 3 || few_digits(text)) >= 0.5,
        Role::Region => {
            share(column, |text| text.chars().nth(1).is_some() && text.len() <= 40) >= 0.5 && !is_streets(column)
        }
        Role::HouseNumber => share(column, |text| digits(text) > 0 && text.len() <= 10) >= 0.5,
        Role::Postcode => share(column, |text| digits(text) > 0 && text.len() <= 12) >= 0.5,
        Role::Street => {
            share(column, |text| letters_in(text) >= 3 || has_ideographs(text)) >= 0.3 && !is_emails(column)
        }
        Role::UserId | Role::SourceId | Role::Text => !is_emails(column),
        // Said to be about an address, and is one of its own in most rows.
        Role::Ignored(Ignored::AboutTheRecord) => !is_emails(column) || column.values.len() * 2 < column.codes.len(),
        _ => true,
    }
}

pub(super) fn by_content(column: &Column) -> Role {
    if is_emails(column) {
        return Role::Email;
    }
    if share(column, is_date) >= 0.7 {
        return if spans_generations(column) { Role::BirthDate } else { Role::Ignored(Ignored::AboutTheRecord) };
    }
    let formatted = |text: &str| text.contains(['+', '(', '-']) && text.len() <= 20 && (7..=15).contains(&digits(text));
    let phone_like =
        |text: &str| (7..=15).contains(&digits(text)) && !text.contains(char::is_alphabetic) && !is_decimal(text);
    if share(column, phone_like) >= 0.8 && share(column, formatted) >= 0.2 {
        return Role::Phone;
    }
    if share(column, is_bare_phone) >= 0.95 {
        return Role::Phone;
    }
    if share(column, is_british_postcode) >= 0.6 || is_american_zips(column) {
        return Role::Postcode;
    }
    if is_streets(column) {
        return Role::Street;
    }
    if share(column, letters) >= 0.7 { words(column) } else { Role::Ignored(Ignored::UnknownCode) }
}

fn is_emails(column: &Column) -> bool {
    share(column, |text| text.contains('@') && text.contains('.') && !text.contains(' ')) >= 0.7
}

fn is_streets(column: &Column) -> bool {
    share(column, is_street) >= 0.6
}

/// Whether a text is a number with a fraction that is too small for a telephone's: a
/// degree of longitude, an amount.
fn is_decimal(text: &str) -> bool {
    text.contains('.') && text.parse::<f64>().is_ok_and(|number| number.abs() < 1e6)
}

/// Whether a text has characters of which two or three are a word.
fn has_ideographs(text: &str) -> bool {
    text.chars().any(|character| ('\u{3040}'..='\u{9fff}').contains(&character))
}

fn is_british_postcode(text: &str) -> bool {
    let Some((outward, inward)) = text.split_once(' ') else { return false };
    let inward = inward.as_bytes();
    (2..=4).contains(&outward.len())
        && outward.starts_with(|first: char| first.is_ascii_alphabetic())
        && matches!(inward, [digit, one, two] if digit.is_ascii_digit() && one.is_ascii_alphabetic() && two.is_ascii_alphabetic())
}

/// A number of North America, whose area and exchange begin with 2 to 9, or
/// one with the zero of its trunk; other codes of ten digits are neither.
fn is_bare_phone(text: &str) -> bool {
    let bytes = text.as_bytes();
    let american = |bytes: &[u8]| bytes.len() == 10 && bytes[0] >= b'2' && bytes[3] >= b'2';
    let trunk = |bytes: &[u8]| (10..=11).contains(&bytes.len()) && bytes[0] == b'0' && bytes[1] != b'0';
    bytes.iter().all(u8::is_ascii_digit) && (american(bytes) || trunk(bytes))
}

/// Five digits, some with the leading zero that numbers do not have.
fn is_american_zips(column: &Column) -> bool {
    let zip = |text: &str| {
        let (five, rest) = text.split_at_checked(5).unwrap_or_default();
        !five.is_empty() && digits(five) == 5 && (rest.is_empty() || (rest.len() == 5 && rest.starts_with('-')))
    };
    share(column, zip) >= 0.9 && share(column, |text| text.starts_with('0')) >= 0.02
}

fn spans_generations(column: &Column) -> bool {
    let mut years: Vec<u32> = column
        .values
        .iter()
        .take(SAMPLE)
        .filter_map(|text| normalise::date(text, normalise::DayOrder::DayFirst)?[..4].parse().ok())
        .collect();
    years.sort_unstable();
    let place = |share: usize| years.get(years.len() * share / 20).copied().unwrap_or(0);
    place(19).saturating_sub(place(1)) >= 25
}

/// Whether a column holds days and months of birth without the year, as programs do
/// that congratulate.
pub(super) fn is_day_of_year(column: &Column) -> bool {
    let numbers = |text: &str| {
        let parts: Vec<&str> = text.split(['/', '-', '.', ' ']).filter(|part| !part.is_empty()).collect();
        let [one, two] = parts.as_slice() else { return false };
        let number = |part: &str| part.parse::<u32>().ok().or_else(|| normalise::month(part));
        let in_year = |part: &str| number(part).is_some_and(|number| (1..=31).contains(&number));
        in_year(one) && in_year(two)
    };
    share(column, numbers) >= 0.7
}

/// Whether most texts are several words.
pub(super) fn are_several_words(column: &Column) -> bool {
    share(column, |text| text.trim().contains(' ')) >= 0.6
}

/// Whether most texts are some words, as names of companies and titles are: those of two
/// rows may be alike where none comes twice.
pub(super) fn are_titles(column: &Column) -> bool {
    are_several_words(column) && share(column, |text| text.len() <= TITLE_BYTES) >= 0.9
}

/// Longest title.
const TITLE_BYTES: usize = 80;

/// Whether nearly all texts are one word.
pub(super) fn is_one_word(column: &Column) -> bool {
    share(column, |text| !text.trim().contains(' ')) >= 0.9
}

/// A column of words: names if many begin with a known given name.
fn words(column: &Column) -> Role {
    let one_word = share(column, |text| !text.trim().contains(' '));
    let starts_given = share(column, |text| normalise::plain(text).split(' ').next().is_some_and(nickname::is_known));
    match (starts_given >= 0.3, one_word >= 0.7) {
        (true, true) => Role::GivenName,
        (true, false) if share(column, is_company) < COMPANIES => Role::FullName,
        _ => Role::Text,
    }
}

/// Words and a number.
fn is_street(text: &str) -> bool {
    text.contains(' ') && digits(text) > 0 && letters_in(text) >= 4
}
