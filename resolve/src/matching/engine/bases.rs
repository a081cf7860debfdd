//! The base keys that items carry, numbered, and who carries each.

use super::super::hash::mix;
use super::super::threads::{joined, map_parts};
use super::entries::{Entries, entry};
use super::members::Group;
use crate::matching::block::keys::Key;
use std::hint::black_box;

/// One base key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Base {
    /// Its kind, hash and weight.
    pub(super) key: Key,
    /// Slots that carry it.
    pub(super) carriers: u32,
    /// These, where its kind proposes pairs by itself.
    pub(super) group: Group,
}

/// All base keys, by number; 0 is none.
#[derive(Debug)]
pub(super) struct Bases {
    all: Vec<Base>,
    /// Numbers by the hash of the key.
    numbers: Entries,
    free: Vec<u32>,
}

fn hash(key: Key) -> u64 {
    mix(key.identity())
}

impl Bases {
    pub(super) fn new() -> Self {
        Self { all: vec![Base::new(Key::default())], numbers: Entries::new(&[]), free: Vec::new() }
    }

    /// Takes in all bases at once, from number 1 on.
    pub(super) fn fill(&mut self, bases: Vec<Base>, threads: usize) {
        let numbers: Vec<u32> = (1..bases.len() as u32).collect();
        let mut entries = joined(map_parts(threads, &numbers, |numbers| {
            let of_number = |&number: &u32| entry(hash(bases[number as usize].key), number);
            let mut entries: Vec<u64> = numbers.iter().map(of_number).collect();
            entries.sort_unstable();
            entries
        }));
        // Merges the sorted parts.
        entries.sort_by_key(|entry| *entry);
        self.numbers = Entries::new(&entries);
        self.all = bases;
        self.all.reserve_exact(self.all.len() / 8);
    }

    pub(super) fn get(&self, number: u32) -> &Base {
        &self.all[number as usize]
    }

    pub(super) fn get_mut(&mut self, number: u32) -> &mut Base {
        &mut self.all[number as usize]
    }

    /// The greatest number there is.
    pub(super) fn last(&self) -> u32 {
        self.all.len() as u32 - 1
    }

    /// Number of keys that are carried.
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The number of each of some keys, 0 of those that nobody carries.
    pub(super) fn find(&self, keys: &[Key]) -> Vec<u32> {
        // Loads that do not wait for each other, before those that are used.
        let likely = |&key: &Key| self.numbers.find(hash(key), |_| true).map(|at| self.numbers.value(at));
        black_box(keys.iter().fold(0, |sum, &key| sum ^ self.numbers.near(hash(key))));
        black_box(keys.iter().filter_map(likely).fold(0, |sum, number| sum ^ self.get(number).carriers));
        let is_it = |key: Key| move |number: u32| self.get(number).key.identity() == key.identity();
        let found = |&key: &Key| self.numbers.find(hash(key), is_it(key)).map_or(0, |at| self.numbers.value(at));
        keys.iter().map(found).collect()
    }

    /// The same, where nobody carries one a number of its own.
    pub(super) fn find_or_put(&mut self, keys: &[Key]) -> Vec<u32> {
        let mut numbers = self.find(keys);
        for (number, &key) in numbers.iter_mut().zip(keys).filter(|(number, _)| **number == 0) {
            *number = self.free.pop().unwrap_or(self.all.len() as u32);
            super::lists::grow(&mut self.all, *number as usize + 1, Base::new(key));
            *self.get_mut(*number) = Base::new(key);
            self.numbers.insert(entry(hash(key), *number));
        }
        numbers
    }

    /// Lets go of a key that nobody carries any more.
    pub(super) fn let_go(&mut self, number: u32) {
        let hash = hash(self.get(number).key);
        let at = self.numbers.find(hash, |known| known == number);
        if let Some(at) = at {
            self.numbers.remove_at(at);
            self.free.push(number);
        }
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.all.capacity() * size_of::<Base>() + self.numbers.bytes() + self.free.capacity() * 4
    }
}

impl Base {
    /// A key that nobody carries yet.
    pub(super) fn new(key: Key) -> Self {
        Self { key, carriers: 0, group: Group::alone(0) }
    }
}
