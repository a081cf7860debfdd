//! The keys of every slot, in one piece of memory.
//!
//! Keys lie side by side in runs of an even length; a run that is given up is
//! taken by the next slot that needs one of its length.

use super::super::keys::{Key, Keys};
use std::hint::black_box;

#[derive(Debug, Default)]
pub(super) struct Carried {
    keys: Vec<Key>,
    starts: Vec<u32>,
    lengths: Vec<u16>,
    /// Starts of the runs given up, by half their length.
    free: Vec<Vec<u32>>,
}

fn half(length: usize) -> usize {
    length.div_ceil(2)
}

impl Carried {
    /// The keys of many slots at once.
    pub(super) fn of_all(keys: &Keys) -> Self {
        let mut carried = Self::default();
        carried.keys.reserve_exact((0..keys.rows()).map(|row| 2 * half(keys.of(row).len())).sum());
        carried.resize(keys.rows());
        (0..keys.rows()).for_each(|row| carried.set(row as u32, keys.of(row)));
        carried
    }

    /// Makes room for slots.
    pub(super) fn resize(&mut self, slots: usize) {
        super::lists::grow(&mut self.starts, slots, 0);
        super::lists::grow(&mut self.lengths, slots, 0);
    }

    pub(super) fn of(&self, slot: u32) -> &[Key] {
        let start = self.starts[slot as usize] as usize;
        &self.keys[start..start + self.lengths[slot as usize] as usize]
    }

    /// Reads where the keys of many slots are, then their first lines: loads
    /// that do not wait for each other, so that later ones find all at hand.
    pub(super) fn fetch(&self, slots: &[u32]) {
        black_box(slots.iter().fold(0, |sum, &slot| sum ^ self.starts[slot as usize]));
        let ends = |slot: u32| {
            let keys = self.of(slot);
            keys.first().map_or(0, |key| key.identity()) ^ keys.last().map_or(0, |key| key.identity())
        };
        black_box(slots.iter().fold(0, |sum, &slot| sum ^ ends(slot)));
    }

    /// Gives a slot other keys.
    pub(super) fn set(&mut self, slot: u32, keys: &[Key]) {
        let (before, after) = (half(self.lengths[slot as usize] as usize), half(keys.len()));
        if before != after {
            if before > 0 {
                self.free.resize(self.free.len().max(before + 1), Vec::new());
                self.free[before].push(self.starts[slot as usize]);
            }
            self.starts[slot as usize] = self.run(after, keys);
        }
        let start = self.starts[slot as usize] as usize;
        self.keys[start..start + keys.len()].copy_from_slice(keys);
        self.lengths[slot as usize] = keys.len() as u16;
    }

    /// Where a run starts that nobody has.
    fn run(&mut self, half: usize, keys: &[Key]) -> u32 {
        if let Some(start) = self.free.get_mut(half).and_then(Vec::pop) {
            return start;
        }
        let start = self.keys.len() as u32;
        let filling = keys.first().copied().into_iter().flat_map(|key| std::iter::repeat_n(key, 2 * half));
        self.keys.extend(filling);
        start
    }

    pub(super) fn bytes(&self) -> usize {
        let free: usize = self.free.iter().map(|starts| starts.capacity() * size_of::<u32>()).sum();
        self.keys.capacity() * size_of::<Key>() + self.starts.capacity() * 4 + self.lengths.capacity() * 2 + free
    }
}
