//! What a column's name says of it.

use super::super::normalise;
use super::known::{ABOUT, BORN, COMMON, DATES, ENDS_OF_OTHERS, FILLERS, HASHED, NAMES, OTHERS};
use super::{Ignored, Role};
use std::collections::HashMap;
use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization as _;

/// What a column of this name should be: as it is written, without a number
/// behind, without words that say whose it is, by its last words, with two words
/// turned round, by the words in it, or by its end.
pub(crate) fn by_name(name: &str) -> Option<Role> {
    let words = words(name);
    let numbered = words.iter().map(String::as_str).collect::<Vec<_>>();
    let bare: Vec<&str> =
        numbered.iter().copied().filter(|word| !word.bytes().all(|byte| byte.is_ascii_digit())).collect();
    let tells = |word: &&str| (word.len() > 1 || !word.is_ascii()) && !is_one_of(FILLERS, word);
    let telling: Vec<&str> = bare.iter().copied().filter(tells).collect();
    let turned: Vec<&str> = telling.iter().copied().rev().collect();
    let unnumbered = bare.concat();
    let unnumbered = unnumbered.trim_end_matches(|character: char| character.is_ascii_digit());
    let of_whom = numbered.iter().copied().filter(|word| !is_one_of(FILLERS, word));
    known(&numbered.concat())
        .or_else(|| known(&of_whom.collect::<String>()))
        .or_else(|| known(unnumbered))
        .or_else(|| known(&telling.concat()))
        .or_else(|| by_last_words(&bare))
        .or_else(|| known(&turned.concat()))
        .or_else(|| by_parts(&bare))
        .or_else(|| by_ending(unnumbered))
}

/// Whether a name says that its column holds dates, and not those of birth.
pub(super) fn says_other_date(name: &str) -> bool {
    let words = words(name);
    let is_date = |word: &str| {
        let ends = |known: &str| word == known || (known.len() >= 4 && word.ends_with(known));
        DATES.split_ascii_whitespace().any(ends)
    };
    let is_birth = |word: &str| BORN.split_ascii_whitespace().any(|stem| word.starts_with(stem));
    words.iter().any(|word| is_date(word)) && !words.iter().any(|word| is_birth(word))
}

fn is_one_of(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|known| known == word)
}

/// What the last words of a name say, two at the least, where no other says that it is
/// about something else.
fn by_last_words(words: &[&str]) -> Option<Role> {
    let about_others = |word: &&str| [HASHED, OTHERS, ABOUT].iter().any(|list| is_one_of(list, word));
    if words.iter().any(about_others) {
        return None;
    }
    (1..words.len().saturating_sub(1)).find_map(|start| known(&words[start..].concat()))
}

/// What the known parts of a name say together: the last, as the noun comes last in most
/// languages, unless other words say that it is about something else.
fn by_parts(words: &[&str]) -> Option<Role> {
    let found = parts(words);
    let has = |list: &str| words.iter().any(|word| is_one_of(list, word));
    if has(HASHED) {
        let reaches = found.iter().any(|role| matches!(role, Role::Email | Role::Phone));
        return reaches.then_some(Role::SourceId);
    }
    if has(OTHERS) {
        // Names of relatives tell a person too; where they or an employer live does not.
        let is_name = matches!(found.first(), Some(Role::GivenName | Role::FamilyName | Role::FullName));
        let about = (!found.is_empty()).then_some(Role::Ignored(Ignored::AboutTheRecord));
        return if is_name || has("name") { Some(Role::Text) } else { about };
    }
    if has(ABOUT) && !found.is_empty() {
        return Some(Role::Ignored(Ignored::AboutTheRecord));
    }
    let is_given = |word: &&str| *word == "vor" || known(word) == Some(Role::GivenName);
    let is_family = |word: &&str| known(word) == Some(Role::FamilyName);
    if words.iter().any(is_given) && words.iter().any(is_family) {
        return Some(Role::FullName);
    }
    found.first().copied()
}

/// The roles of known parts of a name, the last first, of those that end alike the
/// longest.
fn parts(words: &[&str]) -> Vec<Role> {
    let ends = (1..=words.len()).rev();
    let all = ends.flat_map(|end| (0..end).map(move |start| words[start..end].concat()));
    all.filter(|part| part.len() > 2 && !is_one_of(COMMON, part)).filter_map(|part| known(&part)).collect()
}

/// The words of a name, folded: parted by what is no letter, at a capital
/// after a small letter, and before and after digits.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut parted = String::with_capacity(name.len() + 8);
    let mut before: Option<char> = None;
    for character in name.chars() {
        let boundary = before.is_some_and(|before| {
            (before.is_lowercase() && character.is_uppercase()) || before.is_ascii_digit() != character.is_ascii_digit()
        });
        if boundary {
            parted.push(' ');
        }
        parted.push(character);
        before = Some(character);
    }
    folded(&parted.replace('.', " ")).split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Small letters without diacritics, composed again: Korean is not without.
fn folded(text: &str) -> String {
    let plain = normalise::plain(text);
    normalise::folded(&plain).map_or(plain, |folded| folded.nfc().collect())
}

/// The role of every known name.
static ROLES: LazyLock<HashMap<String, Role>> = LazyLock::new(|| {
    let names = NAMES.iter().flat_map(|(role, names)| names.split_whitespace().map(|name| (folded(name), *role)));
    names.collect()
});

fn known(name: &str) -> Option<Role> {
    ROLES.get(name).copied()
}

/// Prefixed names, such as `acmefirstname`.
fn by_ending(name: &str) -> Option<Role> {
    let ends = |known: &str| {
        known.len() >= 5 && known.is_ascii() && name.ends_with(known) && !is_one_of(ENDS_OF_OTHERS, known)
    };
    let longest = |names: &str| names.split_whitespace().filter(|known| ends(known)).map(str::len).max();
    let found = NAMES.iter().filter_map(|(role, names)| Some((longest(names)?, *role)));
    found.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, role)| role)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_into_words() {
        for (name, expected) in [
            ("firstName", "first name"),
            ("NAME_FIRST", "name first"),
            ("Straße", "strasse"),
            ("addr1", "addr 1"),
            ("date-de.naissance", "date de naissance"),
        ] {
            assert_eq!(words(name).join(" "), expected);
        }
    }

    #[test]
    fn no_name_is_listed_twice() {
        let listed: usize = NAMES.iter().map(|(_, names)| names.split_whitespace().count()).sum();
        assert_eq!(ROLES.len(), listed);
        assert!(ROLES.keys().all(|name| name.chars().all(char::is_alphanumeric)));
    }

    #[test]
    fn words_about_a_name_do_not_hide_it() {
        let about = Role::Ignored(Ignored::AboutTheRecord);
        for (name, expected) in [
            ("Ort privat", Some(Role::City)),
            ("Address 1 - Postal Code", Some(Role::Postcode)),
            ("NAME_LAST", Some(Role::FamilyName)),
            ("contact.name.first", Some(Role::GivenName)),
            ("employer zip code", Some(about)),
            ("Prénom usuel", Some(Role::GivenName)),
            ("CUST_EML_ADDR_TXT", Some(Role::Email)),
            ("CUST_FRST_NM", Some(Role::GivenName)),
            ("res_city_desc", Some(Role::City)),
            ("Vor- und Nachname", Some(Role::FullName)),
            ("Cognome e nome", Some(Role::FullName)),
            ("Jméno a příjmení", Some(Role::FullName)),
            ("billing_address_2", Some(Role::SecondLine)),
            ("E-mail 1 - Type", Some(about)),
            ("Email Opt Out", Some(about)),
            ("Contact Owner", Some(about)),
            ("Owner First Name", Some(Role::GivenName)),
            ("last known address", Some(Role::Street)),
            ("address1_stateorprovince", Some(Role::Region)),
            ("mailing_address_po_box", Some(Role::SecondLine)),
            ("employer_city", Some(about)),
            ("Mother's Name", Some(Role::Text)),
            ("contact.address.line1", Some(Role::Street)),
            ("email_sha256", Some(Role::SourceId)),
            ("row_hash", None),
            ("product name", None),
            ("registr_dt", None),
        ] {
            assert_eq!(by_name(name), expected, "{name}");
        }
        for (name, expected) in [("registr_dt", true), ("HireDate", true), ("hiredate", true), ("c3", false)] {
            assert_eq!(says_other_date(name), expected, "{name}");
        }
        assert!(["born", "Data ur.", "dt_nasc", "fec_nac"].iter().all(|name| !says_other_date(name)));
    }

    #[test]
    fn names_in_other_scripts_are_known() {
        for (name, expected) in [
            ("Дата рождения", Role::BirthDate),
            ("Эл. почта", Role::Email),
            ("Ім'я", Role::GivenName),
            ("Επώνυμο", Role::FamilyName),
            ("電話番号", Role::Phone),
            ("メールアドレス", Role::Email),
            ("이름", Role::FullName),
            ("اسم العائلة", Role::FamilyName),
            ("PSČ", Role::Postcode),
            ("Şehir", Role::City),
        ] {
            assert_eq!(by_name(name), Some(expected), "{name}");
        }
    }

    #[test]
    fn the_longest_ending_decides() {
        assert_eq!(by_name("acmefirstname"), Some(Role::GivenName));
        assert_eq!(by_name("legacysurname"), Some(Role::FamilyName));
        assert_eq!(by_ending("xyz"), None);
        assert_eq!((by_ending("dinnername"), by_ending("custlname")), (None, Some(Role::FamilyName)));
    }
}
