//! Survivorship: which of the members' values of a trait a profile shows.
//!
//! Most rules need one value of each (identifier, trait, source): the last.
//! The others look at every value that was ever said, which the state keeps
//! for the traits that have such a rule. A `null` takes back what the same
//! source said of the same identifier before.

use crate::values::Contribution;
use serde_json::Value;
use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet};
use tributary_protocol::canonical_json;

/// Which of several values of a trait counts. Ties go to the most recent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Rule {
    /// The one with the greatest event time.
    #[default]
    MostRecent,
    /// The one of the first source in this list; unlisted sources come last.
    SourcePriority(Vec<String>),
    /// The one with the least event time.
    First,
    /// The one with the most characters.
    Longest,
    /// The one that most records say.
    MostFrequent,
    /// One of a record that also says that it is verified, if there is any.
    VerifiedFirst,
    /// All of them, as a sorted list; a list counts as its elements.
    Union,
    /// The least: numbers by value and before texts, texts by character. A text
    /// that is a number counts as it: a CSV file has no other.
    Min,
    /// The greatest, in the order of `Min`.
    Max,
}

impl Rule {
    /// Whether every value that was said must be kept, not only the last.
    pub(crate) fn needs_all(&self) -> bool {
        !matches!(self, Self::MostRecent | Self::SourcePriority(_))
    }
}

/// A value that competes for a trait.
pub(crate) struct Candidate {
    pub(crate) source: String,
    /// Its identifier, `kind:value`.
    pub(crate) node: String,
    pub(crate) contribution: Contribution,
    /// Whether its record says that the value is verified.
    pub(crate) verified: bool,
}

/// Returns the value to show and the candidate it comes from; `None` if the
/// trait is not to be shown.
pub(crate) fn survivor(rule: &Rule, candidates: Vec<Candidate>) -> Option<(Value, Candidate)> {
    let mut parsed: Vec<(Value, Candidate)> = live(rule, candidates)
        .into_iter()
        .map(|candidate| (serde_json::from_str(&candidate.contribution.value).unwrap_or_default(), candidate))
        .collect();
    let best = match rule {
        Rule::Union => return union(parsed),
        Rule::MostRecent => greatest(&parsed, |_| ()),
        Rule::SourcePriority(sources) => greatest(&parsed, |(_, candidate)| {
            Reverse(sources.iter().position(|name| *name == candidate.source).unwrap_or(usize::MAX))
        }),
        Rule::First => greatest(&parsed, |(_, candidate)| Reverse(candidate.contribution.event_time)),
        Rule::Longest => greatest(&parsed, |(value, candidate)| {
            value.as_str().map_or(candidate.contribution.value.len(), |text| text.chars().count())
        }),
        Rule::MostFrequent => {
            let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
            for (_, candidate) in &parsed {
                *counts.entry(&candidate.contribution.value).or_default() += 1;
            }
            greatest(&parsed, |(_, candidate)| counts[candidate.contribution.value.as_str()])
        }
        Rule::VerifiedFirst => greatest(&parsed, |(_, candidate)| candidate.verified),
        Rule::Min => greatest(&parsed, |(value, _)| Reverse(Ordered(value.clone()))),
        Rule::Max => greatest(&parsed, |(value, _)| Ordered(value.clone())),
    }?;
    Some(parsed.swap_remove(best)).filter(|(value, _)| !value.is_null())
}

/// The index of the candidate with the greatest `key`, then the most recent.
fn greatest<K: Ord>(parsed: &[(Value, Candidate)], key: impl Fn(&(Value, Candidate)) -> K) -> Option<usize> {
    let order = |index: &usize| {
        let candidate = &parsed[*index].1;
        (key(&parsed[*index]), &candidate.contribution, &candidate.source)
    };
    (0..parsed.len()).max_by(|one, other| order(one).cmp(&order(other)))
}

/// Takes off what a later `null` of the same source and identifier took back,
/// and the nulls. The last value alone needs no such look: it may be the null.
fn live(rule: &Rule, candidates: Vec<Candidate>) -> Vec<Candidate> {
    if !rule.needs_all() {
        return candidates;
    }
    let mut taken_back: BTreeMap<(String, String), Contribution> = BTreeMap::new();
    for candidate in candidates.iter().filter(|candidate| candidate.contribution.value == "null") {
        let place = (candidate.source.clone(), candidate.node.clone());
        let latest = taken_back.entry(place).or_insert_with(|| candidate.contribution.clone());
        if *latest < candidate.contribution {
            latest.clone_from(&candidate.contribution);
        }
    }
    let stands = |candidate: &Candidate| {
        let place = (candidate.source.clone(), candidate.node.clone());
        taken_back.get(&place).is_none_or(|latest| candidate.contribution > *latest)
    };
    candidates.into_iter().filter(stands).collect()
}

fn union(parsed: Vec<(Value, Candidate)>) -> Option<(Value, Candidate)> {
    let mut values: BTreeSet<Ordered> = BTreeSet::new();
    for (value, _) in &parsed {
        let elements = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
        values.extend(elements.iter().filter(|element| !element.is_null()).cloned().map(Ordered));
    }
    let list: Vec<Value> = values.into_iter().map(|Ordered(value)| value).collect();
    let latest = parsed
        .into_iter()
        .map(|(_, candidate)| candidate)
        .max_by(|one, other| (&one.contribution, &one.source).cmp(&(&other.contribution, &other.source)))?;
    (!list.is_empty()).then_some((Value::Array(list), latest))
}

/// A value in the order of [`Rule::Min`]: booleans, numbers, texts, the rest.
#[derive(PartialEq)]
struct Ordered(Value);

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> Ordering {
        let rank = |value: &Value, number: Option<f64>| match value {
            Value::Null => 0,
            Value::Bool(_) => 1,
            _ if number.is_some() => 2,
            Value::Number(_) | Value::String(_) => 3,
            Value::Array(_) | Value::Object(_) => 4,
        };
        let numbers = (number(&self.0), number(&other.0));
        let by_value = match (numbers, &self.0, &other.0) {
            ((Some(one), Some(other)), ..) => one.total_cmp(&other),
            ((None, None), Value::String(one), Value::String(other)) => one.cmp(other),
            ((number, other_number), one, other) => rank(one, number).cmp(&rank(other, other_number)),
        };
        by_value.then_with(|| canonical_json(&self.0).cmp(&canonical_json(&other.0)))
    }
}

/// The number that a value is. No text with a zero before its first digit, as
/// codes and telephone numbers have, nor with a sign or an exponent of its own.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            let (whole, rest) = digits.split_once('.').unwrap_or((digits, "0"));
            let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            let is_number = are_digits(whole) && are_digits(rest) && (whole == "0" || !whole.starts_with('0'));
            is_number.then(|| text.parse().ok())?
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Values of one source, one second apart; every other one is verified.
    fn candidates(values: &[Value]) -> Vec<Candidate> {
        let candidate = |(second, value): (i64, &Value)| Candidate {
            source: "crm".to_owned(),
            node: "user_id:u".to_owned(),
            contribution: Contribution {
                event_time: second,
                record: second.unsigned_abs().into(),
                top_level: true,
                value: canonical_json(value),
                message_id: second.to_string(),
            },
            verified: second % 2 == 1,
        };
        (0..).zip(values).map(candidate).collect()
    }

    #[track_caller]
    fn check(rule: &Rule, values: &[Value], expected: Option<&Value>) {
        let forwards = survivor(rule, candidates(values)).map(|(value, _)| value);
        let backwards: Vec<Candidate> = candidates(values).into_iter().rev().collect();
        assert_eq!(survivor(rule, backwards).map(|(value, _)| value), forwards, "the order matters to {rule:?}");
        assert_eq!(forwards.as_ref(), expected, "{rule:?}");
    }

    #[test]
    fn each_rule_picks_its_value() {
        let cities = ["Bonn", "Berlin", "Bern", "Berlin", "Bonn", "Ulm"].map(Value::from);
        for (rule, expected) in [
            (Rule::MostRecent, json!("Ulm")),
            (Rule::SourcePriority(vec!["web".to_owned()]), json!("Ulm")),
            (Rule::First, json!("Bonn")),
            (Rule::Longest, json!("Berlin")),
            (Rule::MostFrequent, json!("Bonn")),
            (Rule::VerifiedFirst, json!("Ulm")),
            (Rule::Union, json!(["Berlin", "Bern", "Bonn", "Ulm"])),
            (Rule::Min, json!("Berlin")),
            (Rule::Max, json!("Ulm")),
        ] {
            check(&rule, &cities, Some(&expected));
        }
        check(&Rule::VerifiedFirst, &cities[..5], Some(&json!("Berlin")));
    }

    #[test]
    fn a_null_takes_back_what_was_said_before() {
        let values = [json!("a"), json!("abc"), json!(null), json!("b")];
        for rule in [Rule::First, Rule::Longest, Rule::MostFrequent, Rule::Min, Rule::Max] {
            check(&rule, &values, Some(&json!("b")));
            check(&rule, &values[..3], None);
        }
        check(&Rule::Union, &values, Some(&json!(["b"])));
        check(&Rule::MostRecent, &values[..3], None);
    }

    #[test]
    fn numbers_are_ordered_by_value_and_lists_by_their_elements() {
        let values = [json!(10), json!(9.5), json!("7"), json!([10, 11])];
        check(&Rule::Min, &values[..2], Some(&json!(9.5)));
        check(&Rule::Max, &values[..2], Some(&json!(10)));
        check(&Rule::Union, &values, Some(&json!(["7", 9.5, 10, 11])));
        let texts = [json!("10"), json!("9"), json!("-1.5"), json!(8)];
        check(&Rule::Max, &texts, Some(&json!("10")));
        check(&Rule::Min, &texts, Some(&json!("-1.5")));
        let codes = [json!("07030"), json!("+4915"), json!("1e3"), json!("")];
        check(&Rule::Max, &codes, Some(&json!("1e3")));
        check(&Rule::Min, &[json!("100"), json!("07030")], Some(&json!("100")));
        check(&Rule::Union, &[], None);
    }
}
