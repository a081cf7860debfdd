//! Texts as people write them, brought to one form per kind of value.

mod dates;
pub(crate) mod nickname;
pub(crate) mod normalised;

pub(crate) use dates::{DayOrder, date, day_order, month};
use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Bytes of a text that are compared: words are compared with words, so that time
/// grows with the square of them, and nobody's name or street is that long.
const TEXT_BYTES_MAX: usize = 256;
/// Longest address of mail (RFC 5321, 4.5.3.1.3: a path of 256 with its brackets).
const EMAIL_BYTES_MAX: usize = 254;

/// As much of a text as is compared.
pub(crate) fn head(mut text: String) -> String {
    if text.len() > TEXT_BYTES_MAX {
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
        text.truncate(text.trim_end().len());
    }
    text
}

/// Lower case, composed, punctuation and runs of blanks as one blank.
pub(crate) fn plain(text: &str) -> String {
    if text.is_ascii() {
        return plain_ascii(text);
    }
    let mut out = String::with_capacity(text.len());
    for character in text.nfc().flat_map(char::to_lowercase) {
        match character {
            '\'' | '\u{2019}' | '`' | '.' => {}
            _ if character.is_alphanumeric() || is_combining_mark(character) => out.push(character),
            _ if !out.ends_with(' ') && !out.is_empty() => out.push(' '),
            _ => {}
        }
    }
    out.truncate(out.trim_end().len());
    out
}

fn plain_ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'\'' | b'`' | b'.' => {}
            _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte.to_ascii_lowercase())),
            _ if !out.ends_with(' ') && !out.is_empty() => out.push(' '),
            _ => {}
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// [`plain`] without diacritics, or `None` where that changes nothing.
pub(crate) fn folded(plain: &str) -> Option<String> {
    if plain.is_ascii() {
        return None;
    }
    let mut out = String::with_capacity(plain.len());
    for character in plain.nfd().filter(|&character| !is_combining_mark(character)) {
        match character {
            'ß' => out.push_str("ss"),
            'æ' => out.push_str("ae"),
            'œ' => out.push_str("oe"),
            'ø' => out.push('o'),
            'đ' | 'ð' => out.push('d'),
            'ł' => out.push('l'),
            'þ' => out.push_str("th"),
            'ı' => out.push('i'),
            _ => out.push(character),
        }
    }
    (out != plain).then_some(out)
}

/// A name without forms of address; `None` if nothing is left.
pub(crate) fn name(text: &str) -> Option<String> {
    let plain = plain(text);
    let is_title = |token: &&str| matches!(*token, "mr" | "mrs" | "ms" | "miss" | "dr" | "prof" | "jr" | "sr");
    let kept: Vec<&str> = plain.split(' ').filter(|token| !is_title(token)).collect();
    let name = if kept.is_empty() { plain } else { kept.join(" ") };
    let placeholder = matches!(name.as_str(), "" | "unknown" | "none" | "null" | "na" | "n a" | "nan" | "test");
    (!placeholder).then_some(name)
}

/// An address of mail: lower case, tags after `+` dropped, and dots where the
/// provider is known to ignore them.
pub(crate) fn email(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let (local, domain) = text.rsplit_once('@')?;
    let local = local.split('+').next().unwrap_or(local);
    if local.is_empty() || domain.is_empty() || text.len() > EMAIL_BYTES_MAX {
        return None;
    }
    let domain = if domain == "googlemail.com" { "gmail.com" } else { domain };
    let local = if domain == "gmail.com" { local.replace('.', "") } else { local.to_owned() };
    Some(format!("{local}@{domain}"))
}

/// The digits of a telephone number without prefix of a country, leading zeros
/// and extension, ten at most; `None` if it has fewer than six.
pub(crate) fn phone(text: &str) -> Option<String> {
    let text = without_extension(text);
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let first = digits.chars().next()?;
    if digits.len() < 6 || digits.chars().all(|digit| digit == first) {
        return None;
    }
    let abroad = digits.strip_prefix("00").or_else(|| text.trim_start().starts_with('+').then_some(&digits));
    let inland = match abroad {
        Some(abroad) => abroad.get(country_digits(abroad)..).unwrap_or_default(),
        None => digits.strip_prefix('1').filter(|rest| rest.len() == 10).unwrap_or(&digits),
    };
    let inland = inland.trim_start_matches('0');
    (inland.len() >= 6).then(|| inland[inland.len().saturating_sub(10)..].to_owned())
}

/// A number up to the word or sign that an extension follows.
fn without_extension(text: &str) -> &str {
    let digit = |character: char| character.is_ascii_digit();
    let marks = |(place, character): (usize, char)| {
        let many = text[..place].chars().filter(|&character| digit(character)).count() >= 7;
        (many && matches!(character, 'x' | 'X' | 'e' | 'E' | '#' | ';' | ',')).then_some(place)
    };
    text.char_indices().find_map(marks).map_or(text, |end| &text[..end])
}

/// How many digits say which country a number is in (ITU-T E.164, annex of codes).
fn country_digits(number: &str) -> usize {
    const OF_TWO: [&str; 44] = [
        "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47", "48", "49",
        "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66", "81", "82", "84",
        "86", "90", "91", "92", "93", "94", "95", "98",
    ];
    match number.get(..2) {
        Some(two) if two.starts_with(['1', '7']) => 1,
        Some(two) if OF_TWO.contains(&two) => 2,
        _ => 3,
    }
}

/// A code of the post: letters and digits only.
pub(crate) fn postcode(text: &str) -> Option<String> {
    let code: String =
        text.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    (!code.is_empty()).then_some(code)
}

/// The part of a postcode that names the larger area: all but the last three
/// characters of a British code, the first three of others.
pub(crate) fn outward(code: &str) -> &str {
    let cut = outward_length(code.len(), code.starts_with(|first: char| first.is_ascii_alphabetic()));
    code.get(..cut).unwrap_or(code)
}

/// Length of the [`outward`] part of a code of this length.
pub(crate) fn outward_length(length: usize, starts_with_letter: bool) -> usize {
    if length > 4 && starts_with_letter { length - 3 } else { length.min(3) }
}

const STREET_WORDS: [(&str, &str); 24] = [
    ("street", "st"),
    ("avenue", "ave"),
    ("av", "ave"),
    ("road", "rd"),
    ("drive", "dr"),
    ("lane", "ln"),
    ("court", "ct"),
    ("crt", "ct"),
    ("boulevard", "blvd"),
    ("place", "pl"),
    ("way", "wy"),
    ("terrace", "ter"),
    ("tce", "ter"),
    ("circuit", "cct"),
    ("crescent", "cres"),
    ("cr", "cres"),
    ("close", "cl"),
    ("square", "sq"),
    ("highway", "hwy"),
    ("parkway", "pkwy"),
    ("north", "n"),
    ("south", "s"),
    ("east", "e"),
    ("west", "w"),
];

/// A street line: kinds of street abbreviated, the unit left out.
pub(crate) fn street(text: &str) -> Option<String> {
    let plain = plain(text);
    let mut kept: Vec<Cow<'_, str>> = Vec::new();
    let mut tokens = plain.split(' ');
    while let Some(token) = tokens.next() {
        if matches!(token, "apt" | "apartment" | "unit" | "suite" | "ste" | "flat") {
            tokens.next();
            continue;
        }
        kept.push(street_word(token));
    }
    let street = number_first(&kept);
    (!street.is_empty()).then_some(street)
}

/// A word of a street line, its kind abbreviated.
fn street_word(token: &str) -> Cow<'_, str> {
    if let Some((_, short)) = STREET_WORDS.iter().find(|(long, _)| *long == token) {
        return Cow::Borrowed(short);
    }
    let name = STREET_ENDINGS.iter().find_map(|ending| token.strip_suffix(ending));
    name.map_or(Cow::Borrowed(token), |name| Cow::Owned(format!("{name}str")))
}

/// Kinds of street that are written as one word with the name.
const STREET_ENDINGS: [&str; 3] = ["strasse", "straße", "straat"];

/// Writes the number of a house first, where half of Europe writes it last; a letter
/// behind it is part of it, whether there is a blank between or not.
fn number_first(words: &[Cow<'_, str>]) -> String {
    let numbers = |word: &str| word.starts_with(|first: char| first.is_ascii_digit());
    let of_number = |word: &Cow<'_, str>| numbers(word) || word.chars().nth(1).is_none();
    let number = (1..words.len()).find(|&place| numbers(&words[place]) && words[place..].iter().all(of_number));
    let Some(number) = number.filter(|_| !numbers(&words[0])) else { return words.join(" ") };
    let letter = words.get(number + 1).filter(|word| !numbers(word)).map_or("", |letter| letter);
    let rest = [&words[..number], &words[number + 1 + usize::from(!letter.is_empty())..]].concat();
    format!("{}{letter} {}", words[number], rest.join(" "))
}

/// An identifier: blanks around it and letter case say nothing.
pub(crate) fn identifier(text: &str) -> Option<String> {
    let id = text.trim().to_lowercase();
    (!matches!(id.as_str(), "" | "null" | "none" | "undefined" | "nan" | "0" | "unknown")).then_some(id)
}

/// Free text; `None` if it has no letter and no digit.
pub(crate) fn free_text(text: &str) -> Option<String> {
    let plain = plain(text);
    (!plain.is_empty()).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(normalise: impl Fn(&str) -> Option<String>, cases: &[(&str, &str)]) {
        for (text, expected) in cases {
            assert_eq!(normalise(text).unwrap_or_default(), *expected, "{text}");
        }
    }

    #[test]
    fn names_and_texts() {
        check(
            name,
            &[("  O'Brien ", "obrien"), ("Dr. Ann-Marie", "ann marie"), ("N/A", ""), ("Mr", "mr"), ("李", "李")],
        );
        check(free_text, &[("a  b!", "a b"), ("--", "")]);
        check(|text| folded(&plain(text)), &[("Nguyễn", "nguyen"), ("Straße", "strasse"), ("plain", "")]);
    }

    #[test]
    fn long_texts_are_compared_by_their_heads() {
        assert_eq!(head("abc".to_owned()), "abc");
        assert_eq!(head("ab ".repeat(200)).len(), 256);
        assert_eq!(head("й".repeat(200)).chars().count(), 128);
        assert_eq!(email(&format!("{}@example.com", "a".repeat(300))), None);
    }

    #[test]
    fn ways_to_reach_a_person() {
        check(email, &[("A.B+x@Gmail.com", "ab@gmail.com"), ("a.b@x.org", "a.b@x.org"), ("none", ""), ("@x", "")]);
        check(
            phone,
            &[("+44 7700 900123", "7700900123"), ("07700900123", "7700900123"), ("12", ""), ("0000000000", "")],
        );
        for number in ["030 1234567", "+49 30 1234567", "0049 (0)30/123 45 67", "+49 (0) 30 1234567 ext. 12"] {
            assert_eq!(phone(number).as_deref(), Some("301234567"), "{number}");
        }
        for number in ["(555) 123-4567 x89", "1-555-123-4567", "+15551234567", "001 555 123 4567", "555.123.4567"] {
            assert_eq!(phone(number).as_deref(), Some("5551234567"), "{number}");
        }
        check(street, &[("12 High Street Apt 4", "12 high st"), ("Unit", ""), ("1 Oak Ave.", "1 oak ave")]);
        check(
            street,
            &[
                ("Hauptstraße 5 a", "5a hauptstr"),
                ("Hauptstr. 5A", "5a hauptstr"),
                ("Calle Mayor, 12, 3 B", "12 calle mayor 3 b"),
                ("Route 66", "66 route"),
                ("High Street", "high st"),
            ],
        );
        check(postcode, &[("EH1 2NG", "eh12ng"), (" - ", "")]);
        assert_eq!((outward("eh12ng"), outward("54301"), outward("ab")), ("eh1", "543", "ab"));
        check(identifier, &[(" U1 ", "u1"), ("NULL", "")]);
    }
}
