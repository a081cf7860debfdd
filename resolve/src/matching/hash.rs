//! Fixed hashes: the same on every machine and in every version, since ties,
//! samples and the order of records rest on them.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// Returns the hash by which a record is known, from the text of its key.
#[must_use]
pub fn record_hash(key: &str) -> u64 {
    text(0, key)
}

/// Hash of a text in a space of its own.
pub(crate) fn text(space: u64, value: &str) -> u64 {
    let mut hasher = siphasher::sip::SipHasher13::new_with_keys(space, 0);
    hasher.write(value.as_bytes());
    hasher.finish()
}

/// Hash of a text by which to look for it where the texts found are compared too.
pub(crate) fn quick(value: &str) -> u64 {
    let mut hasher = FastHasher::default();
    hasher.write(value.as_bytes());
    hasher.finish()
}

/// Finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection that mixes well.
pub(crate) fn mix(mut state: u64) -> u64 {
    state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

/// Hash of an ordered pair.
pub(crate) fn ordered(one: u64, other: u64) -> u64 {
    mix(mix(one) ^ other.rotate_left(32))
}

/// Hash of two records, whichever is named first.
pub(crate) fn pair(one: u64, other: u64) -> u64 {
    ordered(one.min(other), one.max(other))
}

/// Which hashes come more than once: all that do, and a few others.
pub(crate) struct Seen {
    once: Vec<u64>,
    twice: Vec<u64>,
}

impl Seen {
    pub(crate) fn of<T>(items: &[T], hash: impl Fn(&T) -> u64) -> Self {
        let words = (items.len() / 8).next_power_of_two();
        let mut seen = Self { once: vec![0; words], twice: vec![0; words] };
        for item in items {
            let (word, bit) = seen.place(hash(item));
            seen.twice[word] |= seen.once[word] & bit;
            seen.once[word] |= bit;
        }
        seen
    }

    fn place(&self, hash: u64) -> (usize, u64) {
        ((hash >> 6) as usize & (self.once.len() - 1), 1 << (hash & 63))
    }

    pub(crate) fn twice(&self, hash: u64) -> bool {
        let (word, bit) = self.place(hash);
        self.twice[word] & bit != 0
    }

    /// About how many different hashes come more than once, or a few less.
    pub(crate) fn count(&self) -> usize {
        self.twice.iter().map(|word| word.count_ones() as usize).sum()
    }
}

/// A map whose hashes are fixed; fast, and for keys nobody can choose.
pub(crate) type FastMap<K, V> = HashMap<K, V, BuildHasherDefault<FastHasher>>;
/// A set whose hashes are fixed; see [`FastMap`].
pub(crate) type FastSet<K> = HashSet<K, BuildHasherDefault<FastHasher>>;

/// Multiply and rotate, eight bytes at a time.
#[derive(Default)]
pub(crate) struct FastHasher(u64);

impl FastHasher {
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}

impl Hasher for FastHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.add(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.add(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.add(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.add(value);
    }

    fn finish(&self) -> u64 {
        mix(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_fixed_and_symmetric_where_they_should_be() {
        assert_eq!(record_hash("a"), record_hash("a"));
        assert_ne!(record_hash("a"), record_hash("b"));
        assert_eq!(pair(1, 2), pair(2, 1));
        assert_ne!(ordered(1, 2), ordered(2, 1));
    }
}
