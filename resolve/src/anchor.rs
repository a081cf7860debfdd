//! Profile ids: a keyed hash of a profile's anchor, its best identifier.

use crate::NodeId;
use siphasher::sip128::{Hasher128 as _, SipHasher24};
use std::hash::Hasher as _;
use uuid::Uuid;

/// The public default of `identity.id_key`, so that two servers agree on ids.
pub const DEFAULT_ID_KEY: [u8; 16] = *b"tributary-id-key";

/// What anchors are chosen by: the best kind, then the earliest, then the hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AnchorKey {
    /// Rank of the identifier's kind, 0 the strongest.
    pub kind_rank: u8,
    /// Least event time it was seen at, microseconds.
    pub first_seen: i64,
    /// The identifier.
    pub node: NodeId,
}

/// Returns the anchor of a profile: the least key of its members.
pub fn anchor(members: impl IntoIterator<Item = AnchorKey>) -> Option<AnchorKey> {
    members.into_iter().min()
}

/// Returns the UUID (version 8) of the profile anchored at `anchor`:
/// SipHash-2-4-128 of the node under `id_key`.
#[must_use]
pub fn profile_id(id_key: &[u8; 16], anchor: NodeId) -> Uuid {
    let mut hasher = SipHasher24::new_with_key(id_key);
    hasher.write(&anchor.0.to_be_bytes());
    Uuid::new_v8(hasher.finish128().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_fixed_by_key_and_anchor() {
        let id = profile_id(&DEFAULT_ID_KEY, NodeId(1));
        assert_eq!(id, profile_id(&DEFAULT_ID_KEY, NodeId(1)));
        assert_ne!(id, profile_id(&DEFAULT_ID_KEY, NodeId(2)));
        assert_ne!(id, profile_id(&[0; 16], NodeId(1)));
        assert_eq!(id.get_version_num(), 8);
    }

    #[test]
    fn the_best_kind_then_the_earliest_is_the_anchor() {
        let key = |kind_rank, first_seen, node| AnchorKey { kind_rank, first_seen, node: NodeId(node) };
        let members = [key(3, 1, 1), key(2, 9, 2), key(2, 5, 3)];
        assert_eq!(anchor(members), Some(key(2, 5, 3)));
        assert_eq!(anchor([]), None);
    }
}
