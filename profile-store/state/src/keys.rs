//! Layout of the keys. Hashes are 128 bits, big endian; the first byte tells the kind.
//!
//! | key | value |
//! |---|---|
//! | `P` partition | next offset to apply |
//! | `D` dedup hash | position of the copy that counted |
//! | `N` node | the identifier, when first seen, profile, items, few edges and attached identifiers, what else is stored |
//! | `E` node node (both ways) | strength of the edge, whether the forest holds it; of nodes with many |
//! | `C` node source | the greatest contribution to each trait |
//! | `U` node trait `\0` source `\0` record, level | every value said, of traits whose rule looks at all |
//! | `T` node source | deleted up to this event time |
//! | `M` profile | the nodes of a profile |
//! | `A` profile | the anchor of an id that was published and is no profile's any more |
//! | `J` object | the snapshot that counts |
//! | `I` owner identifier | an identifier that does not join by itself, when first seen together; of owners with many |
//! | `H` identifier | the first of its owners: whom it is shown with |
//! | `X` item | what is matched, with its place in pass 1 |
//! | `V` object | a decision in force |
//! | `Y` table sequence | rows that changed and may wait to be written |
//! | `O` sequence | a change of the partition, not yet in its table |
//! | `L`, `S` | id of the log; the last sequence number |
//! | `R` | the rules of identity and survivorship the state was made by |
//! | `W` | the model whose clusters the profiles are |

/// Joins the parts of a key.
pub(crate) fn key(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + parts.iter().map(|part| part.len()).sum::<usize>());
    key.push(tag);
    for part in parts {
        key.extend_from_slice(part);
    }
    key
}

/// A key of one hash.
pub(crate) fn of(tag: u8, hash: u128) -> Vec<u8> {
    key(tag, &[&hash.to_be_bytes()])
}

/// A key of two hashes.
pub(crate) fn pair(tag: u8, one: u128, other: u128) -> Vec<u8> {
    key(tag, &[&one.to_be_bytes(), &other.to_be_bytes()])
}

/// The number that stands `at` bytes into a key; 0 beyond its end.
pub(crate) fn id_at(key: &[u8], at: usize) -> u64 {
    let bytes = key.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
    u64::from_be_bytes(bytes.unwrap_or_default())
}

/// The hash that stands `at` bytes into a key; 0 beyond its end.
pub(crate) fn hash_at(key: &[u8], at: usize) -> u128 {
    let bytes = key.get(at..at + 16).and_then(|bytes| bytes.try_into().ok());
    u128::from_be_bytes(bytes.unwrap_or_default())
}

/// Prefix of every value kept of (node, trait, source).
pub(crate) fn values_of(node: u128, name: &str, source: &str) -> Vec<u8> {
    key(b'U', &[&node.to_be_bytes(), name.as_bytes(), b"\0", source.as_bytes(), b"\0"])
}
