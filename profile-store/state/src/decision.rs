//! What operators decide: never together, together, a value that a record
//! does not have, a value that says nothing.
//!
//! A decision is a record like any other: the snapshot of an object of our own
//! source. So it is kept, replayed and read by SQL the way a CRM's deals are,
//! and undone by a later snapshot that says it is deleted.

use crate::ObjectRow;
use crate::matcher::half;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tributary_protocol::{Object, Record, RecordKind, Timestamp, Timestamps, hash128};

/// The source of our own records; no configured source has this name.
pub const DECISION_SOURCE: &str = "tributary";
/// The kind of object a decision is.
pub const DECISION_KIND: &str = "identity_decisions";

/// Names an item: hash of (source, key), written as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId(pub u64);

impl std::fmt::Display for ItemId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl std::str::FromStr for ItemId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

impl Serialize for ItemId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ItemId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What is decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Action {
    /// No item of one set is in a profile with one of the other.
    NeverTogether {
        /// Items of the one side.
        one: Vec<ItemId>,
        /// Items of the other side.
        other: Vec<ItemId>,
    },
    /// Two items are one person, even with two user ids.
    Assert {
        /// An item.
        one: ItemId,
        /// Another.
        other: ItemId,
    },
    /// An item is read as if it did not hold a value.
    Detach {
        /// The item.
        item: ItemId,
        /// What the value is of: an attribute or a kind of identifier.
        field: String,
        /// The value, as it was received.
        value: String,
    },
    /// A value is read as missing everywhere.
    Generic {
        /// What the value is of: an attribute or a kind of identifier.
        field: String,
        /// The value, as it was received.
        value: String,
    },
}

/// A decision with its author and reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Its id.
    pub id: String,
    /// What is decided.
    #[serde(flatten)]
    pub action: Action,
    /// Who decided it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// When, microseconds since 1970; of two that contradict, the later counts.
    pub made_at: i64,
}

impl Decision {
    /// The record that tells it, or that it is undone, `at` that time.
    #[must_use]
    pub fn record(&self, undone: bool, at: Timestamp) -> Record {
        let fields = serde_json::to_value(self).ok().and_then(|fields| fields.as_object().cloned());
        let object = Object {
            kind: DECISION_KIND.to_owned(),
            id: self.id.clone(),
            fields: fields.unwrap_or_default(),
            associations: Vec::new(),
            deleted: undone,
        };
        let timestamps = Timestamps { timestamp: at, original_timestamp: Some(at), sent_at: None, received_at: at };
        let message_id = format!("{}-{}", self.id, at.0);
        let bare = Record::new(DECISION_SOURCE, message_id, RecordKind::Object, timestamps, Vec::new());
        Record { object: Some(object), ..bare }
    }

    /// Reads the snapshot of one.
    pub(crate) fn of_row(row: &ObjectRow) -> Option<Self> {
        serde_json::from_value(serde_json::Value::Object(row.fields.clone())).ok()
    }

    /// The number a matcher knows it by.
    pub(crate) fn number(&self) -> u64 {
        half(hash128(&[b"decision", self.id.as_bytes()]))
    }
}

/// Whether a record tells a decision.
pub(crate) fn is_decision(record: &Record) -> bool {
    record.source == DECISION_SOURCE && record.object.as_ref().is_some_and(|object| object.kind == DECISION_KIND)
}

/// The decisions in force, by the hash of their objects.
pub(crate) type Decisions = BTreeMap<u128, Decision>;
