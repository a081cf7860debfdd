//! The keys that one rule makes of two base keys, and who carries each.
//!
//! Keys are told apart by all bits of their hashes, of which only the upper half
//! is kept: whether a key found by it is the one asked for, some carrier
//! tells. Where two keys have that half in common, the later one is kept with its
//! whole hash, aside.

use super::super::hash::FastMap;
use super::entries::{At, Entries, entry};
use super::members::{Group, Members};

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Pairs {
    /// A group by the upper half of the key's hash, each half once.
    entries: Entries,
    members: Members,
    /// Groups of keys whose half another has.
    aside: FastMap<u64, Group>,
}

/// Where a key is.
#[derive(Clone, Copy)]
enum Place {
    Entry(At),
    Aside,
}

impl Pairs {
    pub(super) fn new() -> Self {
        Self { entries: Entries::new(&[]), members: Members::default(), aside: FastMap::default() }
    }

    /// Takes the hashes of keys and the slots that carry them, sorted; gives the slots of each key.
    pub(super) fn of_sorted(sorted: &[(u64, u32)], mut give: impl FnMut(&[u32])) -> Self {
        let (mut pairs, mut entries, mut slots) = (Self::new(), Vec::new(), Vec::new());
        for key in sorted.chunk_by(|one, other| one.0 == other.0) {
            slots.clear();
            slots.extend(key.iter().map(|(_, slot)| *slot));
            slots.dedup();
            let (group, hash) = (pairs.members.group(&slots), key[0].0);
            give(&slots);
            let is_taken = entries.last().is_some_and(|&last: &u64| entry(last, 0) == entry(hash, 0));
            if is_taken {
                pairs.aside.insert(hash, group);
            } else {
                entries.push(entry(hash, group.number()));
            }
        }
        pairs.entries = Entries::new(&entries);
        pairs
    }

    /// Some key near this one, to have it at hand.
    pub(super) fn near(&self, hash: u64) -> u64 {
        self.entries.near(hash)
    }

    /// The carriers of a key, or of another of the same upper half.
    pub(super) fn likely(&self, hash: u64) -> Option<Group> {
        let at = self.entries.find(hash, |_| true)?;
        Some(Group::of_number(self.entries.value(at)))
    }

    /// The slots that carry a key; `carries` says whether one does.
    pub(super) fn find(&self, hash: u64, carries: impl Fn(u32) -> bool) -> Option<Group> {
        self.place(hash, carries).map(|(_, group)| group)
    }

    fn place(&self, hash: u64, carries: impl Fn(u32) -> bool) -> Option<(Place, Group)> {
        if let Some(&group) = self.aside.get(&hash).filter(|_| !self.aside.is_empty()) {
            return Some((Place::Aside, group));
        }
        let at = self.entries.find(hash, |_| true)?;
        let group = Group::of_number(self.entries.value(at));
        carries(self.members.some(group)).then_some((Place::Entry(at), group))
    }

    fn set(&mut self, hash: u64, place: Place, group: Group) {
        match place {
            Place::Entry(at) => self.entries.set_value(at, group.number()),
            Place::Aside => drop(self.aside.insert(hash, group)),
        }
    }

    /// Adds a slot to the carriers of a key; returns them.
    pub(super) fn add(&mut self, hash: u64, slot: u32, carries: impl Fn(u32) -> bool) -> Group {
        if let Some((place, group)) = self.place(hash, carries) {
            let after = self.members.add(group, slot);
            self.set(hash, place, after);
            return after;
        }
        let group = Group::alone(slot);
        self.enter(hash, group);
        group
    }

    /// Takes in a key that nobody carried, and its carriers, sorted.
    pub(super) fn put(&mut self, hash: u64, slots: &[u32]) {
        let group = self.members.group(slots);
        self.enter(hash, group);
    }

    fn enter(&mut self, hash: u64, group: Group) {
        if self.entries.find(hash, |_| true).is_some() {
            self.aside.insert(hash, group);
        } else {
            self.entries.insert(entry(hash, group.number()));
        }
    }

    /// Lets go of a key, whoever carries it.
    pub(super) fn let_go(&mut self, hash: u64, carries: impl Fn(u32) -> bool) {
        if let Some((place, group)) = self.place(hash, carries) {
            self.members.give_up(group);
            self.forget(hash, place);
        }
    }

    fn forget(&mut self, hash: u64, place: Place) {
        match place {
            Place::Entry(at) => self.entries.remove_at(at),
            Place::Aside => drop(self.aside.remove(&hash)),
        }
    }

    /// Takes a slot out of the carriers of a key; returns how many are left.
    pub(super) fn remove(&mut self, hash: u64, slot: u32, carries: impl Fn(u32) -> bool) -> usize {
        let Some((place, group)) = self.place(hash, carries) else { return 0 };
        if let Some(after) = self.members.remove(group, slot) {
            self.set(hash, place, after);
            return self.members.count(after);
        }
        self.forget(hash, place);
        0
    }

    /// The carriers of keys.
    pub(super) fn members(&self) -> &Members {
        &self.members
    }

    /// Number of keys.
    pub(super) fn len(&self) -> usize {
        self.entries.len() + self.aside.len()
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.entries.bytes() + self.members.bytes() + super::map_bytes(&self.aside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    /// Slots that carry several keys, many of which have half of their hash in common.
    #[test]
    fn keys_of_one_half_are_told_apart() {
        let hash = |key: u64| (key / 4).wrapping_mul(0x9e37_79b9) << 32 | (key % 4);
        let keys_of =
            |slot: u32| -> BTreeSet<u64> { (0..6).map(|turn| u64::from(slot * 7 + turn * turn) % 60).collect() };
        let (mut pairs, mut known): (_, BTreeMap<u64, BTreeSet<u32>>) = (Pairs::new(), BTreeMap::new());
        let mut most_aside = 0;
        for round in 0..4000u32 {
            let slot = round * 31 % 50;
            let is_there = known.values().any(|slots| slots.contains(&slot));
            for key in keys_of(slot) {
                let carries =
                    |slot: u32| keys_of(slot).contains(&key) && known.values().any(|known| known.contains(&slot));
                if is_there {
                    let left = pairs.remove(hash(key), slot, carries);
                    assert_eq!(left + 1, known[&key].len());
                } else {
                    let group = pairs.add(hash(key), slot, carries);
                    assert!(pairs.members.all(group).contains(&slot));
                }
            }
            for key in keys_of(slot) {
                let slots = known.entry(key).or_default();
                assert!(if is_there { slots.remove(&slot) } else { slots.insert(slot) });
            }
            for (&key, slots) in &known {
                let group = pairs.find(hash(key), |slot| keys_of(slot).contains(&key));
                let found: BTreeSet<u32> = group.into_iter().flat_map(|group| pairs.members.all(group)).collect();
                assert_eq!(&found, slots);
            }
            most_aside = most_aside.max(pairs.aside.len());
            if round % 500 == 0 {
                let all = known.iter().flat_map(|(&key, slots)| slots.iter().map(move |&slot| (hash(key), slot)));
                let mut sorted: Vec<(u64, u32)> = all.collect();
                sorted.sort_unstable();
                pairs = Pairs::of_sorted(&sorted, |_| {});
            }
        }
        assert!(most_aside > 5 && pairs.len() == known.values().filter(|slots| !slots.is_empty()).count());
    }
}
