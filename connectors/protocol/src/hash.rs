//! Hashes that are stored: 128-bit XXH3 over length-prefixed parts, so that
//! no two different part lists give the same bytes.

use twox_hash::XxHash3_128;

/// Most bytes that are hashed in one step: identifiers and message ids are
/// mostly shorter, and one step takes a fraction of several.
const AT_ONCE_BYTES_MAX: usize = 256;

/// Returns the 128-bit XXH3 hash of `parts`, each preceded by its length as
/// eight little-endian bytes.
#[must_use]
pub fn hash128(parts: &[&[u8]]) -> u128 {
    let mut laid_out = [0; AT_ONCE_BYTES_MAX];
    if let Some(bytes) = lay_out(parts, &mut laid_out) {
        return XxHash3_128::oneshot(bytes);
    }
    let mut hasher = XxHash3_128::new();
    for part in parts {
        hasher.write(&(part.len() as u64).to_le_bytes());
        hasher.write(part);
    }
    hasher.finish_128()
}

/// Writes the bytes that are hashed to the front of `room`; `None` if they do not fit.
fn lay_out<'r>(parts: &[&[u8]], room: &'r mut [u8]) -> Option<&'r [u8]> {
    let mut end = 0;
    for part in parts {
        let length = (part.len() as u64).to_le_bytes();
        for bytes in [&length[..], part] {
            room.get_mut(end..end + bytes.len())?.copy_from_slice(bytes);
            end += bytes.len();
        }
    }
    room.get(..end)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_the_same_in_one_step_and_in_several() {
        let text = [b'x'; 2 * AT_ONCE_BYTES_MAX];
        for length in 0..text.len() {
            let parts = [&text[..length / 3], &text[length / 3..length], b""];
            let mut hasher = XxHash3_128::new();
            for part in parts {
                hasher.write(&(part.len() as u64).to_le_bytes());
                hasher.write(part);
            }
            assert_eq!(hash128(&parts), hasher.finish_128(), "{length} bytes");
        }
    }
}
