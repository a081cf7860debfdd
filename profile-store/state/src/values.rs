//! The stored values: a format byte, then JSON; edges and numbers are packed.

use crate::{Error, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tributary_protocol::{Identifier, KIND_USER_ID};
use tributary_resolve::Strength;

/// Version of the values' format.
const FORMAT: u8 = 1;

pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = vec![FORMAT];
    serde_json::to_writer(&mut bytes, value).expect("a value of ours is JSON");
    bytes
}

pub(crate) fn decode<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T> {
    let wrong = |reason: String| Error::Format { what, reason };
    match bytes.split_first() {
        Some((&FORMAT, rest)) => serde_json::from_slice(rest).map_err(|error| wrong(error.to_string())),
        first => Err(wrong(format!("format {:?}", first.map(|(format, _)| format)))),
    }
}

/// A node of the evidence graph.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Node {
    #[serde(flatten)]
    pub(crate) identifier: Identifier,
    /// Least event time of any record that holds it, microseconds.
    pub(crate) first_seen: i64,
    #[serde(default)]
    pub(crate) generic: bool,
    /// Whether it stands for a set of identifiers; `identifier` is the strongest of them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_set: bool,
    /// Its profile, as the UUID's number; 0 before it has one.
    #[serde(with = "hex")]
    pub(crate) profile: u128,
}

impl Node {
    /// Whether it is a user id, of which a profile holds one.
    pub(crate) fn is_user_id(&self) -> bool {
        !self.is_set && self.identifier.kind == KIND_USER_ID
    }
}

/// One value of a trait, in the order of the fold.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Contribution {
    pub(crate) event_time: i64,
    #[serde(with = "hex")]
    pub(crate) record: u128,
    /// A top-level trait counts over one of `context.traits`.
    pub(crate) top_level: bool,
    /// Canonical JSON.
    pub(crate) value: String,
    pub(crate) message_id: String,
}

/// What is kept of the values of (node, trait, source).
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Contributions {
    pub(crate) greatest: Contribution,
    pub(crate) least: Contribution,
}

/// One value that a record said, of a trait whose rule looks at all of them.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Said {
    #[serde(flatten)]
    pub(crate) contribution: Contribution,
    /// Whether the record says that the value is verified.
    #[serde(default)]
    pub(crate) verified: bool,
}

pub(crate) fn edge(strength: Strength, in_forest: bool) -> Vec<u8> {
    let mut bytes = vec![FORMAT, strength.class, strength.rank, u8::from(in_forest)];
    bytes.extend_from_slice(&strength.first_seen.to_be_bytes());
    bytes
}

pub(crate) fn decode_edge(bytes: &[u8]) -> Result<(Strength, bool)> {
    let wrong = || Error::Format { what: "edge", reason: format!("{} bytes", bytes.len()) };
    let &[FORMAT, class, rank, in_forest, ref seen @ ..] = bytes else { return Err(wrong()) };
    let first_seen = i64::from_be_bytes(seen.try_into().map_err(|_| wrong())?);
    Ok((Strength { class, rank, first_seen }, in_forest == 1))
}

pub(crate) fn numbers(values: &[u64]) -> Vec<u8> {
    let mut bytes = vec![FORMAT];
    for value in values {
        bytes.extend_from_slice(&value.to_be_bytes());
    }
    bytes
}

pub(crate) fn decode_numbers<const N: usize>(what: &'static str, bytes: &[u8]) -> Result<[u64; N]> {
    let wrong = || Error::Format { what, reason: format!("{} bytes", bytes.len()) };
    if bytes.len() != 1 + 8 * N || bytes[0] != FORMAT {
        return Err(wrong());
    }
    let mut values = [0; N];
    for (value, chunk) in values.iter_mut().zip(bytes[1..].chunks_exact(8)) {
        *value = u64::from_be_bytes(chunk.try_into().map_err(|_| wrong())?);
    }
    Ok(values)
}

/// An identifier that does not join by itself, as its owner holds it: when
/// they were first seen together, microseconds.
pub(crate) fn attached(seen: i64, identifier: &Identifier) -> Vec<u8> {
    let mut bytes = vec![FORMAT];
    bytes.extend_from_slice(&seen.to_be_bytes());
    bytes.extend_from_slice(identifier.kind.as_bytes());
    bytes.push(0);
    bytes.extend_from_slice(identifier.value.as_bytes());
    bytes
}

pub(crate) fn decode_attached(bytes: &[u8]) -> Result<(i64, Identifier)> {
    let wrong = || Error::Format { what: "attached identifier", reason: format!("{} bytes", bytes.len()) };
    let (head, text) = bytes.split_at_checked(9).filter(|(head, _)| head[0] == FORMAT).ok_or_else(wrong)?;
    let seen = i64::from_be_bytes(head[1..].try_into().map_err(|_| wrong())?);
    let (kind, value) = std::str::from_utf8(text).ok().and_then(|text| text.split_once('\0')).ok_or_else(wrong)?;
    Ok((seen, Identifier { kind: kind.to_owned(), value: value.to_owned() }))
}

/// Whom an attached identifier is shown with: its first owner, and when they
/// were first seen together.
pub(crate) fn shown_with(seen: i64, owner: u128) -> Vec<u8> {
    let mut bytes = numbers(&[seen.cast_unsigned()]);
    bytes.extend_from_slice(&owner.to_be_bytes());
    bytes
}

pub(crate) fn decode_shown_with(bytes: &[u8]) -> Result<(i64, u128)> {
    let wrong = || Error::Format { what: "first owner", reason: format!("{} bytes", bytes.len()) };
    let (seen, owner) = bytes.split_at_checked(9).ok_or_else(wrong)?;
    let [seen] = decode_numbers::<1>("first owner", seen)?;
    Ok((seen.cast_signed(), u128::from_be_bytes(owner.try_into().map_err(|_| wrong())?)))
}

pub(crate) mod hex {
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(value: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{value:032x}"))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
        let text = String::deserialize(deserializer)?;
        u128::from_str_radix(&text, 16).map_err(serde::de::Error::custom)
    }
}
