//! Dates as people and programs write them: in any order, with months in words of many
//! languages, as numbers of a spreadsheet or of a clock.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization as _;

/// How a column writes the day and the month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DayOrder {
    /// 31/12/1999.
    #[default]
    DayFirst,
    /// 12/31/1999.
    MonthFirst,
}

/// How the words for each month begin, in the languages of Europe, without diacritics;
/// the longest that fits decides.
const MONTHS: [&str; 12] = [
    "jan gen ene led sty oca tam янв січ ιαν",
    "feb fev uno lut sub hel фев лют φεβ",
    "mar maa mrt brez бер мар μαρ",
    "apr avr abr dub kwi nis huh апр кві απρ",
    "may mai maj mei mag kve tou май мая тра μαι",
    "jun juin giu cerv cze haz kes июн чер ιουν",
    "jul juil lug cervenec cervenc lip tem hei июл лип ιουλ",
    "aug aou ago srp sie agu elo авг сер αυγ",
    "sep set zar wrz eyl syy сен вер σεπ",
    "oct okt ott out rij paz eki lok окт жов οκτ",
    "nov lis kas marr ноя лис νοε",
    "dec dez dic des pro gru ara jou дек гру δεκ",
];

/// Words that stand in dates beside the words for months.
const BESIDE: &str = "de del di den der the of st nd rd th er y г р 年 月 日 년 월 일";

/// A number of a date, how many digits it is written with, and whether it is a
/// month in words.
#[derive(Clone, Copy)]
struct Part {
    number: u32,
    digits: usize,
    is_word: bool,
}

/// A date's three parts in the order they are written.
fn parts(text: &str) -> Option<[Part; 3]> {
    let plain = if text.is_ascii() { Cow::Borrowed(text) } else { Cow::Owned(without_marks(text)) };
    let mut rest = plain.as_ref();
    let mut next = || {
        loop {
            rest = rest.trim_start_matches(|character: char| !character.is_alphanumeric());
            let first = rest.chars().next()?;
            let same =
                |character: char| character.is_alphanumeric() && character.is_ascii_digit() == first.is_ascii_digit();
            let (part, after) = rest.split_at(rest.find(|character| !same(character)).unwrap_or(rest.len()));
            rest = after;
            if first.is_ascii_digit() {
                return Some(Part { number: part.parse().ok()?, digits: part.len(), is_word: false });
            }
            if let Some(number) = month(part) {
                return Some(Part { number, digits: part.len(), is_word: true });
            }
            let part = part.to_lowercase();
            BESIDE.split_ascii_whitespace().find(|word| *word == part)?;
        }
    };
    Some([next()?, next()?, next()?])
}

fn without_marks(text: &str) -> String {
    super::folded(text).map_or_else(|| text.to_owned(), |folded| folded.nfc().collect())
}

/// The month that a word begins like.
pub(crate) fn month(word: &str) -> Option<u32> {
    if word.chars().count() < 3 {
        return None;
    }
    let word = word.to_lowercase();
    let longest = |starts: &str| starts.split(' ').filter(|start| word.starts_with(start)).map(str::len).max();
    let fits = (1..).zip(MONTHS).filter_map(|(month, starts)| Some((longest(starts)?, month)));
    fits.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, month)| month)
}

/// Finds out how a column writes its dates: which of the first two numbers
/// passes 12 more often. ISO dates say nothing and need nothing.
pub(crate) fn day_order<'a>(texts: impl Iterator<Item = &'a str>) -> DayOrder {
    let (mut day_first, mut month_first) = (0, 0);
    let mut count = |one: u32, two: u32| {
        day_first += usize::from((13..=31).contains(&one) && two <= 12);
        month_first += usize::from((13..=31).contains(&two) && one <= 12);
    };
    for text in texts {
        if let Some((one, two, _)) = year_last(text) {
            count(one, two);
        } else if let Some([one, two, three]) = parts(text)
            && one.digits <= 2
            && matches!(three.digits, 2 | 4)
            && !one.is_word
            && !two.is_word
        {
            count(one.number, two.number);
        }
    }
    if month_first > day_first { DayOrder::MonthFirst } else { DayOrder::DayFirst }
}

/// A date as eight digits, year first. Days and months out of range are kept:
/// a slip of the pen is evidence too.
pub(crate) fn date(text: &str, order: DayOrder) -> Option<String> {
    let text = without_time(text.trim());
    let (year, month, day) = match text.strip_prefix('-').unwrap_or(text) {
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => of_digits(text, order)?,
        _ => of_parts(parts(text)?, order)?,
    };
    (year <= 9999 && month <= 99 && day <= 99).then(|| format!("{year:04}{month:02}{day:02}"))
}

/// A date that is eight digits without what is behind it.
fn without_time(text: &str) -> &str {
    let (date, rest) = text.split_at_checked(8).unwrap_or((text, ""));
    let is_behind = rest.starts_with(['T', 't', ' ']) && date.bytes().all(|byte| byte.is_ascii_digit());
    if is_behind { date } else { text }
}

/// Year, month and day.
type Date = (u32, u32, u32);

fn of_parts([one, two, three]: [Part; 3], order: DayOrder) -> Option<Date> {
    if let Some(word) = [one, two, three].iter().find(|part| part.is_word) {
        let (first, last) = if one.is_word { (two, three) } else { (one, if two.is_word { three } else { two }) };
        return match (first.digits, last.digits) {
            (4, ..=2) => Some((first.number, word.number, last.number)),
            (..=2, 4) => Some((last.number, word.number, first.number)),
            (..=2, 2) => Some((century(last.number), word.number, first.number)),
            _ => None,
        };
    }
    Some(match (one.digits, three.digits, order) {
        (4, ..) => (one.number, two.number, three.number),
        (_, 4, DayOrder::DayFirst) => (three.number, two.number, one.number),
        (_, 4, DayOrder::MonthFirst) => (three.number, one.number, two.number),
        (2, 2, _) if one.number > 31 => (century(one.number), two.number, three.number),
        (..=2, 2, DayOrder::DayFirst) => (century(three.number), two.number, one.number),
        (..=2, 2, DayOrder::MonthFirst) => (century(three.number), one.number, two.number),
        _ => return None,
    })
}

/// Years that people are born in who are on some list.
const YEARS: std::ops::RangeInclusive<u32> = 1800..=2100;

/// The date that digits alone are: `19991231` or `31121999`, maybe with a time behind or
/// the first zero lost, days as a spreadsheet counts them, or seconds or thousandths of
/// the clock of Unix.
fn of_digits(text: &str, order: DayOrder) -> Option<Date> {
    let number: i64 = text.parse().ok()?;
    match text.len() {
        8 | 14 if number >= 0 => {
            let digits = |from: usize, to: usize| text.get(from..to)?.parse::<u32>().ok();
            if let (8, Some((one, two, year))) = (text.len(), year_last(text)) {
                let turned = order == DayOrder::MonthFirst;
                return Some(if turned { (year, one, two) } else { (year, two, one) });
            }
            Some((digits(0, 4)?, digits(4, 6)?, digits(6, 8)?))
        }
        7 if number >= 0 => year_last(text).and_then(|_| of_digits(&format!("0{text}"), order)),
        5 if (SERIAL_FROM..SERIAL_TO).contains(&number) => civil(number - SERIAL_EPOCH),
        _ if text.starts_with('-') || (9..=10).contains(&text.len()) => of_clock(number),
        11..=13 => of_clock(number / 1000),
        _ => None,
    }
}

/// Days from the beginning of a spreadsheet's count, 1899-12-30, to that of Unix.
const SERIAL_EPOCH: i64 = 25_569;
/// What five digits count to: from 1927 to 2064.
const SERIAL_FROM: i64 = 10_000;
const SERIAL_TO: i64 = 60_000;

/// The day nearest to a time: midnights of other places are some hours off.
fn of_clock(seconds: i64) -> Option<Date> {
    civil((seconds + 43_200).div_euclid(86_400)).filter(|(year, ..)| YEARS.contains(year))
}

/// The first two numbers and the year of eight digits with the year last, where they are
/// none with the year first; of seven, the first lacks its zero.
fn year_last(text: &str) -> Option<(u32, u32, u32)> {
    if !matches!(text.len(), 7 | 8) || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let split = text.len() - 6;
    let digits = |from: usize, to: usize| text[from..to].parse::<u32>().ok();
    let is_date = |one: u32, two: u32| (1..=31).contains(&one) && (1..=31).contains(&two) && one.min(two) <= 12;
    let (one, two, year) = (digits(0, split)?, digits(split, split + 2)?, digits(split + 2, split + 6)?);
    let year_first = || {
        let (year, month, day) = (digits(0, 4)?, digits(4, 6)?, digits(6, 8)?);
        Some(YEARS.contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day))
    };
    let taken = text.len() == 8 && year_first()?;
    (!taken && YEARS.contains(&year) && is_date(one, two)).then_some((one, two, year))
}

/// The date so many days after 1970-01-01, if it is after the year 0.
fn civil(days: i64) -> Option<Date> {
    let days = jiff::Span::new().try_days(days).ok()?;
    let date = jiff::civil::date(1970, 1, 1).checked_add(days).ok()?;
    let part = |part: i8| u32::try_from(part).ok();
    Some((u32::try_from(date.year()).ok()?, part(date.month())?, part(date.day())?))
}

/// The year that two digits mean: from 1930 to 2029.
fn century(year: u32) -> u32 {
    year + if year < 30 { 2000 } else { 1900 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(order: DayOrder, cases: &[(&str, &str)]) {
        for (text, expected) in cases {
            assert_eq!(date(text, order).unwrap_or_default(), *expected, "{text}");
        }
    }

    #[test]
    fn dates() {
        let cases = [
            ("1999-12-31", "19991231"),
            ("19991231", "19991231"),
            ("19991231T000000", "19991231"),
            ("31/12/1999", "19991231"),
            ("1855-01-81", "18550181"),
            ("31 Dec 1999", "19991231"),
            ("1999-12-31T00:00:00Z", "19991231"),
            ("5/3/67", "19670305"),
            ("31.12.04", "20041231"),
            ("67-12-31", "19671231"),
            ("1/2/3", ""),
            ("", ""),
            ("-", ""),
            ("1999", ""),
            ("a-b-c", ""),
            ("12 oak road 1990", ""),
        ];
        check(DayOrder::DayFirst, &cases);
        check(DayOrder::MonthFirst, &[("12/31/1999", "19991231"), ("12/31/66", "19661231")]);
        assert_eq!(day_order(["12/31/1999", "01/02/1999"].into_iter()), DayOrder::MonthFirst);
        assert_eq!(day_order(["12/31/99", "01/02/99"].into_iter()), DayOrder::MonthFirst);
        assert_eq!(day_order(["31/12/1999", "1999-12-31"].into_iter()), DayOrder::DayFirst);
    }

    #[test]
    fn months_in_words_of_many_languages() {
        let cases = [
            ("13FEB1980", "19800213"),
            ("13-Aug-80", "19800813"),
            ("13 October 1980", "19801013"),
            ("13. März 1980", "19800313"),
            ("13 de mayo de 1980", "19800513"),
            ("13 août 1980", "19800813"),
            ("13 juillet 1980", "19800713"),
            ("13 juin 1980", "19800613"),
            ("13 luglio 1980", "19800713"),
            ("13 февраля 1980 г.", "19800213"),
            ("13 stycznia 1980", "19800113"),
            ("1980-Dec-13", "19801213"),
            ("13.02.1980 г.", "19800213"),
            ("1980年2月13日", "19800213"),
            ("1980년 2월 13일", "19800213"),
        ];
        check(DayOrder::DayFirst, &cases);
        for order in [DayOrder::DayFirst, DayOrder::MonthFirst] {
            check(order, &[("March 3rd, 1980", "19800303"), ("Mar 4 1980", "19800304"), ("4 Mar 1980", "19800304")]);
        }
    }

    #[test]
    fn digits_alone() {
        let cases = [
            ("31121999", "19991231"),
            ("1021999", "19990201"),
            ("20001231", "20001231"),
            ("20121980", "19801220"),
            ("19801301", "19801301"),
            ("19991231235959", "19991231"),
            ("29264", "19800213"),
            ("12345678901234567890", ""),
            ("319248000", "19800213"),
            ("319248000000", "19800213"),
            ("-315619200", "19600101"),
            ("-315626400", "19600101"),
            ("90210", ""),
            ("1980", ""),
        ];
        check(DayOrder::DayFirst, &cases);
        check(DayOrder::MonthFirst, &[("12311999", "19991231"), ("2011999", "19990201")]);
        assert_eq!(day_order(["12311999", "01021999"].into_iter()), DayOrder::MonthFirst);
    }
}
