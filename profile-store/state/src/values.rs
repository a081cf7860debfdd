//! The stored values. Most are packed, see [`crate::packed`]; snapshots,
//! decisions and history, which are few, are a format byte and JSON.

mod contribution;
mod node;

use crate::Result;
use crate::keys::hash_at;
use crate::packed::{Packed, Packer, Unpacked, Unpacker, damaged, unpack};
pub(crate) use contribution::{Contribution, Contributions, Said};
pub(crate) use node::{Holds, Node, WITHIN_MAX};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tributary_protocol::Identifier;
use tributary_resolve::Strength;

/// Version of the form of values that are JSON.
const JSON_FORMAT: u8 = 1;

pub(crate) fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = vec![JSON_FORMAT];
    serde_json::to_writer(&mut bytes, value).expect("a value of ours is JSON");
    bytes
}

/// Reads the JSON at `key`.
///
/// # Errors
/// [`crate::Error::Format`] if it is of another version, or not what is wanted.
pub(crate) fn from_json<T: DeserializeOwned>(what: &'static str, key: &[u8], bytes: &[u8]) -> Result<T> {
    match bytes.split_first() {
        Some((&JSON_FORMAT, text)) => {
            serde_json::from_slice(text).map_err(|error| damaged(what, key, bytes, &error.to_string()))
        }
        _ => Err(damaged(what, key, bytes, "its version is not read by this program")),
    }
}

fn pack_identifier(identifier: &Identifier, to: &mut Packer) {
    to.kind(&identifier.kind);
    to.text(&identifier.value);
}

fn unpack_identifier(from: &mut Unpacker<'_>) -> Unpacked<Identifier> {
    Ok(Identifier { kind: from.kind()?.to_owned(), value: from.text()?.to_owned() })
}

/// An observed edge, as it is stored at both of its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoredEdge {
    pub(crate) strength: Strength,
    pub(crate) in_forest: bool,
}

impl StoredEdge {
    /// An edge under a key of its own, and where it leads.
    pub(crate) fn of_key((key, value): (Vec<u8>, Vec<u8>)) -> Result<(u128, Self)> {
        Ok((hash_at(&key, 17), unpack(&key, &value)?))
    }
}

impl Packed for StoredEdge {
    const WHAT: &'static str = "edge";

    fn pack(&self, to: &mut Packer) {
        to.byte(u8::from(self.in_forest));
        to.byte(self.strength.class);
        to.byte(self.strength.rank);
        to.time(self.strength.first_seen);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Unpacked<Self> {
        let in_forest = from.flags(0b1)? == 1;
        let strength = Strength { class: from.byte()?, rank: from.byte()?, first_seen: from.time()? };
        Ok(Self { strength, in_forest })
    }
}

/// Nodes of a profile, or rows of a table, sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hashes(pub(crate) Vec<u128>);

impl Packed for Hashes {
    const WHAT: &'static str = "list of hashes";

    fn pack(&self, to: &mut Packer) {
        to.count(self.0.len() as u64);
        for node in &self.0 {
            to.hash(*node);
        }
    }

    fn unpack(from: &mut Unpacker<'_>) -> Unpacked<Self> {
        Ok(Self((0..from.length(16)?).map(|_| from.hash()).collect::<Unpacked<_>>()?))
    }
}

/// The node that a profile's id was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Anchor(pub(crate) u128);

impl Packed for Anchor {
    const WHAT: &'static str = "anchor";

    fn pack(&self, to: &mut Packer) {
        to.hash(self.0);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Unpacked<Self> {
        Ok(Self(from.hash()?))
    }
}

/// One number: a position, a sequence, a fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number(pub(crate) u64);

impl Packed for Number {
    const WHAT: &'static str = "number";

    fn pack(&self, to: &mut Packer) {
        to.count(self.0);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Unpacked<Self> {
        Ok(Self(from.count()?))
    }
}

/// A time, microseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time(pub(crate) i64);

impl Packed for Time {
    const WHAT: &'static str = "time";

    fn pack(&self, to: &mut Packer) {
        to.time(self.0);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Unpacked<Self> {
        Ok(Self(from.time()?))
    }
}

/// Where in the log a copy stands that counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) partition: u32,
    pub(crate) offset: u64,
}

impl Packed for Place {
    const WHAT: &'static str = "position of a copy";

    fn pack(&self, to: &mut Packer) {
        to.count(self.partition.into());
        to.count(self.offset);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Unpacked<Self> {
        let partition = u32::try_from(from.count()?).map_err(|_| "there is no such partition")?;
        Ok(Self { partition, offset: from.count()? })
    }
}

/// An identifier that does not join by itself, as its owner holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attached {
    /// When they were first seen together, microseconds.
    pub(crate) first_seen: i64,
    pub(crate) identifier: Identifier,
}

impl Packed for Attached {
    const WHAT: &'static str = "attached identifier";

    fn pack(&self, to: &mut Packer) {
        to.time(self.first_seen);
        pack_identifier(&self.identifier, to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Unpacked<Self> {
        Ok(Self { first_seen: from.time()?, identifier: unpack_identifier(from)? })
    }
}

/// Whom an attached identifier is shown with: the least of its owners.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ShownWith {
    /// When they were first seen together, microseconds.
    pub(crate) first_seen: i64,
    pub(crate) owner: u128,
}

impl Packed for ShownWith {
    const WHAT: &'static str = "first owner";

    fn pack(&self, to: &mut Packer) {
        to.time(self.first_seen);
        to.hash(self.owner);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Unpacked<Self> {
        Ok(Self { first_seen: from.time()?, owner: from.hash()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packed::tests::check;
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;
    use tributary_protocol::KIND_USER_ID;

    fn identifier() -> impl Strategy<Value = Identifier> {
        let kind = prop_oneof![Just(KIND_USER_ID.to_owned()), Just("crm:contacts".to_owned()), any::<String>()];
        (kind, any::<String>()).prop_map(|(kind, value)| Identifier { kind, value })
    }

    fn contribution() -> impl Strategy<Value = Contribution> {
        let fields = (any::<i64>(), any::<u128>(), any::<bool>(), any::<String>(), any::<String>());
        fields.prop_map(|(event_time, record, top_level, value, message_id)| Contribution {
            event_time,
            record,
            top_level,
            value,
            message_id,
        })
    }

    fn edge() -> impl Strategy<Value = StoredEdge> {
        let fields = (any::<u8>(), any::<u8>(), any::<i64>(), any::<bool>());
        fields.prop_map(|(class, rank, first_seen, in_forest)| StoredEdge {
            strength: Strength { class, rank, first_seen },
            in_forest,
        })
    }

    fn attached() -> impl Strategy<Value = Attached> {
        (any::<i64>(), identifier()).prop_map(|(first_seen, identifier)| Attached { first_seen, identifier })
    }

    prop_compose! {
        fn node()(
            (identifier, first_seen, generic) in (identifier(), any::<i64>(), any::<bool>()),
            (is_set, profile, holds) in (any::<bool>(), any::<u128>(), 0..=15_u8),
            items in vec(any::<u64>(), 0..4),
            (edges, attached) in (vec((any::<u128>(), edge()), 0..4), vec(attached(), 0..4)),
        ) -> Node {
            let holds = Holds(holds << 2);
            Node { identifier, first_seen, generic, is_set, profile, items, edges, attached, holds }
        }
    }

    proptest! {
        #[test]
        fn nodes_and_attached_identifiers_are_read_back(
            node in node(), attached in attached(), (first_seen, owner) in (any::<i64>(), any::<u128>()),
            members in vec(any::<u128>(), 0..4),
            at in any::<proptest::sample::Index>(), byte in any::<u8>(),
        ) {
            check(&attached, at, byte);
            check(&ShownWith { first_seen, owner }, at, byte);
            check(&Hashes(members), at, byte);
            check(&Anchor(owner), at, byte);
            check(&node, at, byte);
        }

        #[test]
        fn contributions_are_read_back(
            contribution in contribution(), verified in any::<bool>(),
            of_source in btree_map(any::<String>(), contribution(), 0..4), name in any::<String>(),
            at in any::<proptest::sample::Index>(), byte in any::<u8>(),
        ) {
            let mut contributions = Contributions(of_source);
            check(&contributions, at, byte);
            // Of one record with another.
            contributions.0.insert(name.clone() + "1", contribution.clone());
            contributions.0.insert(name + "2", Contribution { value: String::new(), ..contribution.clone() });
            check(&contributions, at, byte);
            check(&Said { contribution, verified }, at, byte);
        }

        #[test]
        fn edges_and_numbers_are_read_back(
            (edge, first_seen) in (edge(), any::<i64>()),
            (partition, offset) in (any::<u32>(), any::<u64>()),
            at in any::<proptest::sample::Index>(), byte in any::<u8>(),
        ) {
            check(&edge, at, byte);
            check(&Place { partition, offset }, at, byte);
            check(&Number(offset), at, byte);
            check(&Time(first_seen), at, byte);
        }
    }
}
