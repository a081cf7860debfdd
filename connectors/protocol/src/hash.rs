//! Hashes that are stored: 128-bit XXH3 over length-prefixed parts, so that
//! no two different part lists give the same bytes.

use twox_hash::XxHash3_128;

/// Returns the 128-bit XXH3 hash of `parts`, each preceded by its length as
/// eight little-endian bytes.
#[must_use]
pub fn hash128(parts: &[&[u8]]) -> u128 {
    let mut hasher = XxHash3_128::new();
    for part in parts {
        hasher.write(&(part.len() as u64).to_le_bytes());
        hasher.write(part);
    }
    hasher.finish_128()
}

/// Identity of a delivery: hash of (source, message id). The first one in
/// the log counts; later ones are duplicates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DedupKey(pub u128);

impl DedupKey {
    /// Returns the key of `message_id` as sent by `source`.
    #[must_use]
    pub fn new(source: &str, message_id: &str) -> Self {
        Self(hash128(&[source.as_bytes(), message_id.as_bytes()]))
    }

    /// Returns the key of a failed event: its source and the hash of its bytes.
    #[must_use]
    pub fn of_failed(source: &str, payload: &[u8]) -> Self {
        Self(hash128(&[source.as_bytes(), b"\0failed", payload]))
    }
}
