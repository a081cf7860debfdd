//! What the keys of one item may have in common with those of many others, told
//! at a glance: sixteen bits of each key of a slot lie in one line of memory,
//! and only of the few partners that these let in are the keys themselves read.

use super::super::keys::Key;
use std::hint::black_box;

/// Keys in a line.
const LINE: usize = 32;
/// In the last place of a line: the slot has more keys than a line has places.
const MORE: u16 = u16::MAX;
/// Places of a look-up: few enough to stay at hand, many for one item's keys.
const PLACES: usize = 4096;

/// As much as is read from memory at once; 0 is no key.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Line([u16; LINE]);

/// The lines of all slots; see the head of this file.
#[derive(Debug)]
pub(super) struct Glance {
    lines: Vec<Line>,
}

/// The keys of one item, laid out: sixteen bits and weights, zeros where there is none.
#[derive(Debug)]
pub(super) struct Lookup {
    places: Box<[(u16, u16)]>,
    /// Keys whose place another took.
    others: Vec<(u16, u16)>,
}

/// The bits that a line holds of a key.
fn bits(key: Key) -> u16 {
    (key.identity() as u16).max(1)
}

fn place(bits: u16) -> usize {
    bits as usize % PLACES
}

impl Glance {
    pub(super) fn new() -> Self {
        Self { lines: Vec::new() }
    }

    /// Makes room for slots.
    pub(super) fn resize(&mut self, slots: usize) {
        super::lists::grow(&mut self.lines, slots, Line([0; LINE]));
    }

    /// Gives a slot other keys.
    pub(super) fn set(&mut self, slot: u32, keys: &[Key]) {
        let line = &mut self.lines[slot as usize].0;
        *line = [0; LINE];
        for (place, &key) in line.iter_mut().zip(keys) {
            *place = bits(key);
        }
        if keys.len() > LINE {
            line[LINE - 1] = MORE;
        }
    }

    /// Adds the most that the keys which each slot shares with those laid out may weigh.
    pub(super) fn weigh(&self, lookup: &Lookup, slots: &[u32], most: &mut Vec<u16>) {
        /// Lines read together: few enough to stay at hand.
        const TOGETHER: usize = 32;
        for slots in slots.chunks(TOGETHER) {
            // Loads that do not wait for each other, before those that are used.
            black_box(slots.iter().fold(0, |sum, &slot| sum ^ self.lines[slot as usize].0[0]));
            most.extend(slots.iter().map(|&slot| lookup.most(&self.lines[slot as usize])));
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.lines.capacity() * size_of::<Line>()
    }
}

impl Lookup {
    pub(super) fn new() -> Self {
        Self { places: vec![(0, 0); PLACES].into_boxed_slice(), others: Vec::new() }
    }

    /// Lays out these keys.
    pub(super) fn put(&mut self, keys: &[Key]) {
        for &key in keys {
            let (bits, weight) = (bits(key), key.weight() as u16);
            let taken = &mut self.places[place(bits)];
            match taken.0 {
                0 => *taken = (bits, weight),
                same if same == bits => taken.1 = taken.1.saturating_add(weight),
                _ => self.others.push((bits, weight)),
            }
        }
    }

    /// Takes them away again.
    pub(super) fn clear(&mut self, keys: &[Key]) {
        for &key in keys {
            self.places[place(bits(key))] = (0, 0);
        }
        self.others.clear();
    }

    fn most(&self, line: &Line) -> u16 {
        if line.0[LINE - 1] == MORE {
            return u16::MAX;
        }
        let found = |&bits: &u16| {
            let (known, weight) = self.places[place(bits)];
            if known == bits { u32::from(weight) } else { 0 }
        };
        let mut sum: u32 = line.0.iter().map(found).sum();
        for &(bits, weight) in &self.others {
            sum += if line.0.contains(&bits) { u32::from(weight) } else { 0 };
        }
        sum.min(u32::from(u16::MAX)) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::hash::mix;
    use super::super::super::keys::shared;
    use super::*;

    /// Keys of which `alike` bits of the hash are all that differs.
    fn item(from: u64, count: u64, alike: u32) -> Vec<Key> {
        let key = |key: u64| Key::from_bits(mix(key) >> alike << 8 | (1 + key % 200));
        let mut keys: Vec<Key> = (from..from + count).map(key).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    #[test]
    fn a_glance_tells_no_less_than_what_is_shared_and_mostly_no_more() {
        for (alike, exact) in [(8, true), (48, false), (52, false)] {
            let counts = [(0, 12), (6, 20), (40, 32), (30, 33), (0, 60)];
            let items: Vec<Vec<Key>> = counts.iter().map(|&(from, count)| item(from, count, alike)).collect();
            let (mut glance, mut lookup) = (Glance::new(), Lookup::new());
            glance.resize(items.len());
            (0..).zip(&items).for_each(|(slot, item)| glance.set(slot, item));
            for one in &items {
                lookup.put(one);
                let mut most = Vec::new();
                glance.weigh(&lookup, &[0, 1, 2, 3, 4], &mut most);
                for (other, most) in items.iter().zip(most) {
                    let weight = shared(one, other);
                    let more = other.len() > LINE;
                    assert!(most >= weight && (!exact || more || most == weight), "{most} {weight}");
                }
                lookup.clear(one);
                assert!(lookup.places.iter().all(|place| *place == (0, 0)) && lookup.others.is_empty());
            }
        }
    }
}
