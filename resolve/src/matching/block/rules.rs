//! Blocking rules: what two records must share to be looked at together. A model
//! carries them, so that all who match by it look at the same pairs.

use super::keys::Kind;
use crate::matching::{Error, Result};
use serde::{Deserialize, Serialize};

/// Keys that propose pairs: of one base key, or of two together.
pub(crate) type Rule = (Kind, Option<Kind>);

/// Most parts of a blocking key.
const PARTS_MAX: usize = 2;

/// Parts of keys: a field by its role, and after a dot what is made of it. The
/// first name of a kind is the one written: names are told apart no more than
/// ids are, since either may be in the wrong column.
const PARTS: [(&str, Kind); 23] = [
    ("name", Kind::Token),
    ("given_name", Kind::Token),
    ("family_name", Kind::Token),
    ("full_name", Kind::Token),
    ("given_name.long_form", Kind::Canon),
    ("given_name.start", Kind::GivenPrefix),
    ("family_name.start", Kind::FamilyPrefix),
    ("birth_date", Kind::Date),
    ("birth_date.year", Kind::Year),
    ("birth_date.month_day", Kind::MonthDay),
    ("email", Kind::Email),
    ("email.local", Kind::Local),
    ("phone", Kind::Phone),
    ("street", Kind::Street),
    ("postcode", Kind::Postcode),
    ("postcode.area", Kind::Outward),
    ("city", Kind::City),
    ("id", Kind::Id),
    ("national_id", Kind::Id),
    ("user_id", Kind::Id),
    ("device", Kind::Id),
    ("source_id", Kind::Id),
    ("text", Kind::Word),
];

const DEFAULT: &[Rule] = {
    use Kind::{
        Canon, City, Date, Email, FamilyPrefix, GivenPrefix, Id, Local, MonthDay, Outward, Phone, Postcode, Street,
        Token, Word, Year,
    };
    &[
        (Token, None),
        (Date, None),
        (Email, None),
        (Local, None),
        (Phone, None),
        (Street, None),
        (Postcode, None),
        (Id, None),
        (City, None),
        (Token, Some(Token)),
        (Token, Some(Date)),
        (Token, Some(Year)),
        (Token, Some(MonthDay)),
        (Token, Some(Street)),
        (Token, Some(Postcode)),
        (Token, Some(Outward)),
        (Token, Some(City)),
        (Token, Some(Word)),
        (Token, Some(FamilyPrefix)),
        (Token, Some(GivenPrefix)),
        (Token, Some(Local)),
        (Canon, Some(FamilyPrefix)),
        (Canon, Some(Date)),
        (Canon, Some(Postcode)),
        (Canon, Some(City)),
        (Canon, Some(Year)),
        (Canon, Some(MonthDay)),
        (GivenPrefix, Some(FamilyPrefix)),
        (GivenPrefix, Some(Date)),
        (GivenPrefix, Some(MonthDay)),
        (GivenPrefix, Some(Postcode)),
        (GivenPrefix, Some(City)),
        (FamilyPrefix, Some(Date)),
        (FamilyPrefix, Some(Year)),
        (FamilyPrefix, Some(MonthDay)),
        (FamilyPrefix, Some(Postcode)),
        (FamilyPrefix, Some(City)),
        (Date, Some(Postcode)),
        (Date, Some(Outward)),
        (Date, Some(City)),
        (Date, Some(Word)),
        (Year, Some(Postcode)),
        (Year, Some(City)),
        (MonthDay, Some(Postcode)),
        (MonthDay, Some(Outward)),
        (MonthDay, Some(City)),
        (Street, Some(Postcode)),
        (City, Some(Local)),
        (Postcode, Some(Word)),
    ]
};

/// Blocking rules, at least one, none twice; written as the keys they look at,
/// each a list of one or two parts such as `["name", "birth_date.year"]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Vec<String>>", into = "Vec<Vec<String>>")]
pub struct Rules(Vec<Rule>);

impl Default for Rules {
    fn default() -> Self {
        Self(DEFAULT.to_vec())
    }
}

impl Rules {
    /// Makes the rules that look at keys. Keys that come to the same are one.
    ///
    /// # Errors
    /// [`Error::BlockingKey`] if there is no key, one has no or more than two
    /// parts, or there is no such part.
    pub fn new<S: AsRef<str>>(keys: &[Vec<S>]) -> Result<Self> {
        if keys.is_empty() {
            return Err(Error::BlockingKey { key: String::new(), reason: "no key is given".to_owned() });
        }
        let mut rules: Vec<Rule> = Vec::with_capacity(keys.len());
        for key in keys {
            let rule = rule_of(key)?;
            let is_same = |known: &Rule| *known == rule || (known.1 == Some(rule.0) && rule.1 == Some(known.0));
            if !rules.iter().any(is_same) {
                rules.push(rule);
            }
        }
        Ok(Self(rules))
    }

    /// The keys they look at.
    #[must_use]
    pub fn keys(&self) -> Vec<Vec<&'static str>> {
        self.0.iter().map(|&(first, second)| std::iter::once(first).chain(second).map(name).collect()).collect()
    }

    /// Whether they are those that hold where none are given.
    #[must_use]
    pub fn are_default(&self) -> bool {
        self.0 == DEFAULT
    }

    pub(crate) fn all(&self) -> &[Rule] {
        &self.0
    }

    /// Whether a key of this kind proposes pairs by itself.
    pub(crate) fn propose_alone(&self, kind: usize) -> bool {
        self.0.iter().any(|rule| rule.0 as usize == kind && rule.1.is_none())
    }
}

fn rule_of<S: AsRef<str>>(key: &[S]) -> Result<Rule> {
    let names: Vec<&str> = key.iter().map(AsRef::as_ref).collect();
    let wrong = |reason: String| Error::BlockingKey { key: names.join(", "), reason };
    let part = |name: &str| {
        let known = PARTS.iter().find(|(known, _)| *known == name).map(|&(_, kind)| kind);
        known.ok_or_else(|| {
            let all: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
            wrong(format!("there is no {name:?}: there are {}", all.join(", ")))
        })
    };
    match names[..] {
        [one] => Ok((part(one)?, None)),
        [one, other] => Ok((part(one)?, Some(part(other)?))),
        _ => Err(wrong(format!("it has {} parts: give 1 to {PARTS_MAX}", names.len()))),
    }
}

/// What a kind of base key is called.
fn name(kind: Kind) -> &'static str {
    PARTS.iter().find(|(_, known)| *known == kind).map_or("", |(name, _)| name)
}

impl TryFrom<Vec<Vec<String>>> for Rules {
    type Error = Error;

    fn try_from(keys: Vec<Vec<String>>) -> Result<Self> {
        Self::new(&keys)
    }
}

impl From<Rules> for Vec<Vec<String>> {
    fn from(rules: Rules) -> Self {
        rules.keys().into_iter().map(|key| key.into_iter().map(str::to_owned).collect()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::keys::KINDS;
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written() {
        let rules = Rules::default();
        let text = serde_json::to_string(&rules).unwrap();
        assert!(text.starts_with(r#"[["name"],["birth_date"],["email"]"#), "{text}");
        let read: Rules = serde_json::from_str(&text).unwrap();
        assert!(read == rules && read.are_default());
        let kinds: std::collections::BTreeSet<usize> = PARTS.iter().map(|(_, kind)| *kind as usize).collect();
        assert!(kinds.into_iter().eq(0..KINDS), "every kind has a name");
    }

    #[test]
    fn keys_that_come_to_the_same_are_one() {
        let rules = Rules::new(&[
            vec!["given_name", "birth_date"],
            vec!["birth_date", "family_name"],
            vec!["email"],
            vec!["email"],
        ]);
        assert_eq!(rules.unwrap().keys(), [vec!["name", "birth_date"], vec!["email"]]);
    }

    #[test]
    fn wrong_keys_are_refused_with_what_there_is() {
        for (keys, expected) in [
            (&[vec!["email"], vec!["name", "birthday"]][..], "there is no \"birthday\": there are name, given_name"),
            (&[vec!["name", "email", "phone"]], "it has 3 parts: give 1 to 2"),
            (&[vec![]], "it has 0 parts"),
            (&[], "no key is given"),
        ] {
            let error = Rules::new(keys).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
