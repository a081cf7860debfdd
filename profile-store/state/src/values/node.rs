//! A node of the evidence graph.

use super::{Attached, StoredEdge, pack_identifier, unpack_identifier};
use crate::packed::{Packed, Packer, Unpacked, Unpacker};
use tributary_protocol::{Identifier, KIND_USER_ID};

/// Edges, or identifiers that do not join by themselves, that are stored within a
/// node. Nearly all nodes have fewer; one that has more is not to be written again
/// with every one that comes.
pub(crate) const WITHIN_MAX: usize = 16;

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
    /// Its observed edges by their other ends, sorted; none if [`Holds::EDGES`].
    pub(crate) edges: Vec<(u128, StoredEdge)>,
    /// Identifiers that came with it and do not join by themselves; none if
    /// [`Holds::ATTACHED`].
    pub(crate) attached: Vec<Attached>,
    /// What else is stored of it.
    pub(crate) holds: Holds,
}

/// What is stored of a node under keys of its own, so that nothing is looked
/// for in vain. What is gone may still be said to be there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Holds(pub(super) u8);

impl Holds {
    /// All its edges.
    pub(crate) const EDGES: Self = Self(1 << 2);
    /// All identifiers that do not join by themselves.
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
        let (items, edges, attached, holds) = Default::default();
        Self { identifier, first_seen, generic: false, is_set, profile: 0, items, edges, attached, holds }
    }

    /// Whether it is a user id, of which a profile holds one.
    pub(crate) fn is_user_id(&self) -> bool {
        !self.is_set && self.identifier.kind == KIND_USER_ID
    }

    /// Puts an edge in place of the one to the same end, or takes it out.
    pub(crate) fn set_edge(&mut self, end: u128, edge: Option<StoredEdge>) {
        let place = self.edges.binary_search_by_key(&end, |(end, _)| *end);
        match (place, edge) {
            (Ok(place), Some(edge)) => self.edges[place].1 = edge,
            (Ok(place), None) => drop(self.edges.remove(place)),
            (Err(place), Some(edge)) => self.edges.insert(place, (end, edge)),
            (Err(_), None) => {}
        }
    }

    /// Puts an attached identifier in place of what was known of it.
    pub(crate) fn attach(&mut self, attached: Attached) {
        match self.attached.iter_mut().find(|known| known.identifier == attached.identifier) {
            Some(known) => *known = attached,
            None => self.attached.push(attached),
        }
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
        to.count(self.edges.len() as u64);
        for (end, edge) in &self.edges {
            to.hash(*end);
            edge.pack(to);
        }
        to.count(self.attached.len() as u64);
        for attached in &self.attached {
            attached.pack(to);
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
            edges: (0..from.length(20)?)
                .map(|_| Ok((from.hash()?, StoredEdge::unpack(from)?)))
                .collect::<Unpacked<_>>()?,
            attached: (0..from.length(3)?).map(|_| Attached::unpack(from)).collect::<Unpacked<_>>()?,
        })
    }
}
