//! The stored values. Most are packed, see [`crate::packed`]; snapshots,
//! decisions and history, which are few, are a format byte and JSON.

use crate::Result;
use crate::packed::{Packed, Packer, Unpacked, Unpacker, damaged};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tributary_protocol::{Identifier, KIND_USER_ID};
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

/// A node of the evidence graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) identifier: Identifier,
    /// Least event time of any record that holds it, microseconds.
    pub(crate) first_seen: i64,
    pub(crate) generic: bool,
    /// Whether it stands for a set of identifiers; `identifier` is the strongest of them.
    pub(crate) is_set: bool,
    /// Its profile, as the UUID's number; 0 before it has one.
    pub(crate) profile: u128,
    /// The items of this node, sorted.
    pub(crate) items: Vec<u64>,
    /// What else is stored of it.
    pub(crate) holds: Holds,
}

/// What is stored of a node under keys of its own, so that nothing is looked
/// for in vain. What is gone may still be said to be there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Holds(u8);

impl Holds {
    /// Edges.
    pub(crate) const EDGES: Self = Self(1 << 2);
    /// Identifiers that do not join by themselves.
    pub(crate) const ATTACHED: Self = Self(1 << 3);
    /// Contributions to traits.
    pub(crate) const TRAITS: Self = Self(1 << 4);
    /// Deletions.
    pub(crate) const DELETIONS: Self = Self(1 << 5);
    /// All of these.
    const ANY: u8 = 0b1111 << 2;

    pub(crate) fn has(self, what: Self) -> bool {
        self.0 & what.0 != 0
    }

    pub(crate) fn add(&mut self, what: Self) {
        self.0 |= what.0;
    }
}

impl Node {
    /// A node that is in no profile yet.
    pub(crate) fn new(identifier: Identifier, is_set: bool, first_seen: i64) -> Self {
        let (items, holds) = (Vec::new(), Holds::default());
        Self { identifier, first_seen, generic: false, is_set, profile: 0, items, holds }
    }

    /// Whether it is a user id, of which a profile holds one.
    pub(crate) fn is_user_id(&self) -> bool {
        !self.is_set && self.identifier.kind == KIND_USER_ID
    }
}

impl Packed for Node {
    const WHAT: &'static str = "node";

    fn pack(&self, to: &mut Packer) {
        to.byte(u8::from(self.generic) | u8::from(self.is_set) << 1 | self.holds.0);
        pack_identifier(&self.identifier, to);
        to.time(self.first_seen);
        to.hash(self.profile);
        to.count(self.items.len() as u64);
        for item in &self.items {
            to.id(*item);
        }
    }

    fn unpack(from: &mut Unpacker<'_>) -> Unpacked<Self> {
        let flags = from.flags(0b11 | Holds::ANY)?;
        Ok(Self {
            generic: flags & 1 != 0,
            is_set: flags & 2 != 0,
            holds: Holds(flags & Holds::ANY),
            identifier: unpack_identifier(from)?,
            first_seen: from.time()?,
            profile: from.hash()?,
            items: (0..from.length(8)?).map(|_| from.id()).collect::<Unpacked<_>>()?,
        })
    }
}

fn pack_identifier(identifier: &Identifier, to: &mut Packer) {
    to.kind(&identifier.kind);
    to.text(&identifier.value);
}

fn unpack_identifier(from: &mut Unpacker<'_>) -> Unpacked<Identifier> {
    Ok(Identifier { kind: from.kind()?.to_owned(), value: from.text()?.to_owned() })
}

/// One value of a trait, in the order of the fold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Contribution {
    pub(crate) event_time: i64,
    pub(crate) record: u128,
    /// A top-level trait counts over one of `context.traits`.
    pub(crate) top_level: bool,
    /// Canonical JSON.
    pub(crate) value: String,
    pub(crate) message_id: String,
}

impl Contribution {
    fn pack_with(&self, flags: u8, to: &mut Packer) {
        to.byte(flags | u8::from(self.top_level));
        to.time(self.event_time);
        to.hash(self.record);
        to.text(&self.value);
        to.message_id(&self.message_id);
    }

    fn unpack_with(flags: u8, from: &mut Unpacker<'_>) -> Unpacked<Self> {
        Ok(Self {
            top_level: flags & 1 != 0,
            event_time: from.time()?,
            record: from.hash()?,
            value: from.text()?.to_owned(),
            message_id: from.message_id()?,
        })
    }
}

impl Packed for Contribution {
    const WHAT: &'static str = "contribution";

    fn pack(&self, to: &mut Packer) {
        self.pack_with(0, to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Unpacked<Self> {
        let flags = from.flags(0b1)?;
        Self::unpack_with(flags, from)
    }
}

/// One value that a record said, of a trait whose rule looks at all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) contribution: Contribution,
    /// Whether the record says that the value is verified.
    pub(crate) verified: bool,
}

impl Packed for Said {
    const WHAT: &'static str = "value";

    fn pack(&self, to: &mut Packer) {
        self.contribution.pack_with(u8::from(self.verified) << 1, to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Unpacked<Self> {
        let flags = from.flags(0b11)?;
        Ok(Self { contribution: Contribution::unpack_with(flags, from)?, verified: flags & 2 != 0 })
    }
}

/// An observed edge, as it is stored at both of its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoredEdge {
    pub(crate) strength: Strength,
    pub(crate) in_forest: bool,
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
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn nodes_and_attached_identifiers_are_read_back(
            (identifier, first_seen, generic) in (identifier(), any::<i64>(), any::<bool>()),
            (is_set, profile, owner) in (any::<bool>(), any::<u128>(), any::<u128>()),
            (items, holds) in (proptest::collection::vec(any::<u64>(), 0..4), 0..=15_u8),
            members in proptest::collection::vec(any::<u128>(), 0..4),
            at in any::<proptest::sample::Index>(), byte in any::<u8>(),
        ) {
            check(&Attached { first_seen, identifier: identifier.clone() }, at, byte);
            check(&ShownWith { first_seen, owner }, at, byte);
            check(&Hashes(members), at, byte);
            check(&Anchor(owner), at, byte);
            let holds = Holds(holds << 2);
            check(&Node { identifier, first_seen, generic, is_set, profile, items, holds }, at, byte);
        }

        #[test]
        fn contributions_are_read_back(
            contribution in contribution(), verified in any::<bool>(),
            at in any::<proptest::sample::Index>(), byte in any::<u8>(),
        ) {
            check(&contribution, at, byte);
            check(&Said { contribution, verified }, at, byte);
        }

        #[test]
        fn edges_and_numbers_are_read_back(
            (class, rank, first_seen, in_forest) in (any::<u8>(), any::<u8>(), any::<i64>(), any::<bool>()),
            (partition, offset) in (any::<u32>(), any::<u64>()),
            at in any::<proptest::sample::Index>(), byte in any::<u8>(),
        ) {
            check(&StoredEdge { strength: Strength { class, rank, first_seen }, in_forest }, at, byte);
            check(&Place { partition, offset }, at, byte);
            check(&Number(offset), at, byte);
            check(&Time(first_seen), at, byte);
        }
    }
}
