//! The words of the evidence graph: nodes, edges and their strict order.

use std::hash::{Hash, Hasher};

/// 128-bit hash of an identifier's (kind, value).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u128);

/// How good a piece of evidence is; the smaller, the stronger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Strength {
    /// 0 asserted by an operator, 1 observed on one record.
    pub class: u8,
    /// Rank of the weaker of the two kinds, 0 the strongest.
    pub rank: u8,
    /// Least event time it was seen at, microseconds.
    pub first_seen: i64,
}

/// Evidence that two identifiers belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The lesser end.
    pub a: NodeId,
    /// The greater end.
    pub b: NodeId,
    /// How good it is.
    pub strength: Strength,
}

/// Place of an edge in the strict order; the least is the strongest.
pub(crate) type Order = (Strength, u64, NodeId, NodeId);

impl Edge {
    /// Makes an edge, its ends in order.
    #[must_use]
    pub fn new(one: NodeId, other: NodeId, strength: Strength) -> Self {
        Self { a: one.min(other), b: one.max(other), strength }
    }

    /// The pair of ends, the lesser first.
    #[must_use]
    pub fn key(&self) -> (NodeId, NodeId) {
        (self.a, self.b)
    }

    /// Place in the strict order: strength, then a hash of both ends.
    pub(crate) fn order(&self) -> Order {
        let mut hasher = siphasher::sip::SipHasher13::new();
        (self.a.0, self.b.0).hash(&mut hasher);
        (self.strength, hasher.finish(), self.a, self.b)
    }
}

/// What the forest needs to know of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeFacts {
    /// Whether it is a `user_id`, of which a profile has at most one.
    pub is_user_id: bool,
    /// Whether it is too common to join anything.
    pub generic: bool,
}

/// One edge as seen from one of its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// The other end.
    pub node: NodeId,
    /// How good the edge is.
    pub strength: Strength,
    /// Whether the forest holds it; otherwise it is refused, and kept.
    pub in_forest: bool,
}

/// What the graph holds, as of the last batch.
pub trait Evidence {
    /// Why a read can fail.
    type Error;

    /// Returns a node's facts, `None` if it is unknown.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn node(&self, id: NodeId) -> Result<Option<NodeFacts>, Self::Error>;

    /// Returns every observed edge of a node, refused ones included.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn edges(&self, id: NodeId) -> Result<Vec<Neighbour>, Self::Error>;

    /// Returns one observed edge as seen from `from`, `None` if it was never
    /// observed. A store answers this without reading the node's other edges.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn edge(&self, from: NodeId, to: NodeId) -> Result<Option<Neighbour>, Self::Error> {
        Ok(self.edges(from)?.into_iter().find(|neighbour| neighbour.node == to))
    }
}
