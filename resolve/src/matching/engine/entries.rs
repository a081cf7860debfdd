//! Numbers of 64 bits in order: a hash above, what it stands for below.
//!
//! They lie in one table with free places between them. Hashes are spread evenly,
//! so an entry is at the place that its hash says or, past others, soon after it:
//! to find one, or that there is none, mostly takes one line of memory.

/// A free place: no value is all ones.
const FREE: u64 = u64::MAX;
/// Places that room is made for at once where the last entries lie beyond their own.
const BEYOND: usize = 32;

/// Where an entry is, until another is put in or taken out.
pub(super) type At = usize;

/// See the head of this file.
#[derive(Clone, Debug)]
pub(super) struct Entries {
    /// In the order of their hashes, each at its own place or after others without
    /// a free place between; the last place is free.
    places: Vec<u64>,
    /// Own places of hashes: those of the last may have to lie beyond.
    spread: u64,
    count: usize,
}

/// An entry of the upper half of a hash.
pub(super) fn entry(hash: u64, value: u32) -> u64 {
    hash >> 32 << 32 | u64::from(value)
}

/// The upper half of a hash.
fn half(entry: u64) -> u64 {
    entry >> 32
}

impl Entries {
    pub(super) fn new(sorted: &[u64]) -> Self {
        Self::of(sorted.iter().copied(), sorted.len())
    }

    /// Spreads out sorted entries, of which there are `count`.
    fn of(sorted: impl Iterator<Item = u64>, count: usize) -> Self {
        let spread = count + count / 4 + 1;
        let mut entries = Self { places: vec![FREE; spread + 1], spread: spread as u64, count };
        let mut next = 0;
        for entry in sorted {
            let place = entries.own(entry).max(next);
            entries.places[place] = entry;
            entries.free_last();
            next = place + 1;
        }
        entries
    }

    /// Adds a place if the last one is not free.
    fn free_last(&mut self) {
        if self.places.last() != Some(&FREE) {
            if self.places.len() == self.places.capacity() {
                self.places.reserve_exact(BEYOND);
            }
            self.places.push(FREE);
        }
    }

    /// Number of entries.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.places.capacity() * size_of::<u64>()
    }

    /// All entries, in the order of their hashes.
    pub(super) fn all(&self) -> impl Iterator<Item = u64> + '_ {
        self.places.iter().copied().filter(|&entry| entry != FREE)
    }

    /// The place that a hash says.
    fn own(&self, hash: u64) -> usize {
        ((half(hash) * self.spread) >> 32) as usize
    }

    /// Some entry of a hash near this one, to have it at hand.
    pub(super) fn near(&self, hash: u64) -> u64 {
        self.places[self.own(hash)]
    }

    /// The first entry of the upper half of a hash whose value `is_it` picks.
    pub(super) fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<At> {
        let own = self.own(hash);
        let up_to = self.places[own..].iter().take_while(|&&found| found != FREE && half(found) <= half(hash));
        let mut alike = up_to.enumerate().filter(|(_, found)| half(**found) == half(hash));
        alike.find(|(_, found)| is_it(**found as u32)).map(|(after, _)| own + after)
    }

    /// The value of an entry.
    pub(super) fn value(&self, at: At) -> u32 {
        self.places[at] as u32
    }

    /// Gives an entry another value. Those of one hash are in no order.
    pub(super) fn set_value(&mut self, at: At, value: u32) {
        self.places[at] = entry(self.places[at], value);
    }

    /// Adds an entry, which may be there already: then it is there once more.
    pub(super) fn insert(&mut self, entry: u64) {
        if self.count as u64 * 10 >= self.spread * 9 {
            *self = Self::of(self.all(), self.count);
        }
        let own = self.own(entry);
        let is_before = |found: u64| found != FREE && half(found) <= half(entry);
        let place = own + self.places[own..].iter().take_while(|&&found| is_before(found)).count();
        let moved = self.places[place..].iter().take_while(|&&found| found != FREE).count();
        self.places.copy_within(place..place + moved, place + 1);
        self.places[place] = entry;
        self.count += 1;
        self.free_last();
    }

    /// Takes an entry out.
    pub(super) fn remove_at(&mut self, at: At) {
        let is_past = |&(place, &entry): &(usize, &u64)| entry != FREE && self.own(entry) < place;
        let moved = (at + 1..).zip(&self.places[at + 1..]).take_while(is_past).count();
        self.places.copy_within(at + 1..at + 1 + moved, at);
        self.places[at + moved] = FREE;
        self.count -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::hash::mix;
    use super::*;
    use std::collections::BTreeMap;

    /// Every entry is in order and found from its own place, and the last place is free.
    fn check(entries: &Entries) {
        let filled = |(place, &entry): (usize, &u64)| (entry != FREE).then_some((place, entry));
        let all: Vec<(usize, u64)> = entries.places.iter().enumerate().filter_map(filled).collect();
        assert!(all.is_sorted_by_key(|(_, entry)| half(*entry)) && all.len() == entries.len());
        assert!(entries.places.last() == Some(&FREE));
        for (place, entry) in all {
            let own = entries.own(entry);
            assert!(own <= place && !entries.places[own..place].contains(&FREE));
        }
    }

    /// Hashes that share their upper halves, lie next to each other or are the last there are.
    #[test]
    fn values_of_hashes_are_found_changed_and_taken_out() {
        let spread = |key: u32| mix(u64::from(key / 3));
        let narrow = |key: u32| u64::from(key) << 30;
        let last = |key: u32| u64::MAX - (u64::from(key / 2) << 32);
        for hash in [&spread as &dyn Fn(u32) -> u64, &narrow, &last] {
            let (mut entries, mut known) = (Entries::new(&[]), BTreeMap::new());
            for round in 0..6000 {
                let key = (mix(u64::from(round)) % 1500) as u32;
                let value = known.get(&key).copied();
                let at = entries.find(hash(key), |found| Some(found) == value);
                assert_eq!(at.map(|at| entries.value(at)), value);
                // Values of one hash tell their keys.
                let next = key * 10_000 + round;
                match at {
                    None => entries.insert(entry(hash(key), next)),
                    Some(at) if round % 3 == 0 => {
                        entries.remove_at(at);
                        known.remove(&key);
                        continue;
                    }
                    Some(at) => entries.set_value(at, next),
                }
                known.insert(key, next);
                if round % 100 == 0 {
                    check(&entries);
                }
            }
            assert!(known.len() > 500 && entries.len() == known.len());
            for (&key, &value) in &known {
                assert!(entries.find(hash(key), |found| found == value).is_some());
                assert!(entries.find(hash(key), |found| found == value + 1).is_none());
            }
            let mut sorted: Vec<u64> = entries.all().collect();
            sorted.sort_unstable();
            let mut filled = Entries::new(&sorted);
            check(&filled);
            assert!(filled.all().eq(sorted.iter().copied()));
            for &entry in &sorted {
                let at = filled.find(entry, |value| value == entry as u32);
                filled.remove_at(at.unwrap());
            }
            check(&filled);
        }
    }
}
