//! Slots by a number of 64 bits that each has, which is kept elsewhere.

use super::super::hash::mix;
use super::entries::{Entries, entry};

/// See the head of this file.
#[derive(Clone, Debug)]
pub(super) struct Slots(Entries);

impl Slots {
    pub(super) fn new() -> Self {
        Self(Entries::new(&[]))
    }

    /// Slots and their numbers; of several of one number any is found.
    pub(super) fn of(slots: impl Iterator<Item = (u32, u64)>) -> Self {
        let mut entries: Vec<u64> = slots.map(|(slot, number)| entry(mix(number), slot)).collect();
        entries.sort_unstable();
        Self(Entries::new(&entries))
    }

    /// The slot of a number, which `number_of` says of each.
    pub(super) fn get(&self, number: u64, number_of: impl Fn(u32) -> u64) -> Option<u32> {
        let at = self.0.find(mix(number), |slot| number_of(slot) == number)?;
        Some(self.0.value(at))
    }

    /// Some slot of a number near this one, to have it at hand.
    pub(super) fn near(&self, number: u64) -> u64 {
        self.0.near(mix(number))
    }

    /// Adds a slot of a number that none has.
    pub(super) fn insert(&mut self, number: u64, slot: u32) {
        self.0.insert(entry(mix(number), slot));
    }

    /// Takes out the slot of a number, if it has it.
    pub(super) fn remove(&mut self, number: u64, slot: u32) {
        if let Some(at) = self.0.find(mix(number), |known| known == slot) {
            self.0.remove_at(at);
        }
    }

    /// All slots.
    pub(super) fn all(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.all().map(|entry| entry as u32)
    }

    /// Number of slots.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.0.bytes()
    }
}
