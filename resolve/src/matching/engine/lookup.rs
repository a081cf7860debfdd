//! The keys of one item, laid out to be found among those of many others: a
//! look-up a key, where two sorted lists would take turns that no processor
//! foresees.

use super::super::keys::Key;

/// Slots of a look-up: few enough to stay at hand, many for one item's keys.
const SLOTS: usize = 512;

pub(super) struct Lookup {
    /// Identity and weight of a key; zeros where there is none.
    slots: [(u64, u32); SLOTS],
    /// Keys whose slot another took.
    others: Vec<(u64, u32)>,
}

fn slot(key: Key) -> usize {
    key.identity() as usize % SLOTS
}

impl Lookup {
    pub(super) fn new() -> Self {
        Self { slots: [(0, 0); SLOTS], others: Vec::new() }
    }

    /// Lays out these keys.
    pub(super) fn put(&mut self, keys: &[Key]) {
        for &key in keys {
            let (slot, laid_out) = (&mut self.slots[slot(key)], (key.identity(), key.weight()));
            if *slot == (0, 0) { *slot = laid_out } else { self.others.push(laid_out) }
        }
    }

    /// Takes them away again.
    pub(super) fn clear(&mut self, keys: &[Key]) {
        for &key in keys {
            self.slots[slot(key)] = (0, 0);
        }
        self.others.clear();
    }

    /// Sum of the weights of the keys that are laid out and among these.
    pub(super) fn shared(&self, keys: &[Key]) -> u16 {
        let found = |key: &Key| {
            let (identity, weight) = self.slots[slot(*key)];
            if identity == key.identity() { weight } else { 0 }
        };
        let mut sum: u32 = keys.iter().map(found).sum();
        if !self.others.is_empty() {
            let among = |key: &&Key| self.others.iter().any(|(identity, _)| *identity == key.identity());
            sum += keys.iter().filter(among).map(|key| key.weight()).sum::<u32>();
        }
        sum.min(u32::from(u16::MAX)) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::hash::mix;
    use super::super::super::keys::shared;
    use super::*;

    #[test]
    fn a_look_up_finds_what_two_sorted_lists_share() {
        let item = |from: u64| -> Vec<Key> {
            let mut keys: Vec<Key> = (from..from + 60).map(|key| Key::from_bits(mix(key))).collect();
            keys.sort_unstable();
            keys
        };
        let items = [item(0), item(40), item(100)];
        let mut lookup = Lookup::new();
        for one in &items {
            lookup.put(one);
            for other in &items {
                assert_eq!(lookup.shared(other), shared(one, other));
            }
            lookup.clear(one);
        }
    }
}
