//! How often slots were met.

/// A byte a slot, all zero but while slots are counted.
#[derive(Debug, Default)]
pub(super) struct Tally(Vec<u8>);

/// How far is counted.
pub(super) const MANY: u8 = if cfg!(test) { 3 } else { u8::MAX };

impl Tally {
    /// Makes room for slots.
    pub(super) fn resize(&mut self, slots: usize) {
        super::lists::grow(&mut self.0, slots, 0);
    }

    /// Leaves each slot once, without one of them, and adds how often each was
    /// there, no further than [`MANY`].
    pub(super) fn count(&mut self, slots: &mut Vec<u32>, without: Option<u32>, counts: &mut Vec<u8>) {
        slots.retain(|&slot| {
            let count = &mut self.0[slot as usize];
            let is_first = *count == 0;
            *count += u8::from(*count < MANY);
            is_first
        });
        if let Some(place) = slots.iter().position(|&slot| Some(slot) == without) {
            self.0[slots.swap_remove(place) as usize] = 0;
        }
        counts.extend(slots.iter().map(|&slot| std::mem::take(&mut self.0[slot as usize])));
    }

    /// Takes out of the first slots those that are among the others.
    pub(super) fn subtract(&mut self, slots: &mut Vec<u32>, others: &[u32]) {
        if slots.is_empty() {
            return;
        }
        for &other in others {
            self.0[other as usize] = 1;
        }
        slots.retain(|&slot| self.0[slot as usize] == 0);
        for &other in others {
            self.0[other as usize] = 0;
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.capacity()
    }
}

/// Bits that tell most other slots from a few.
const BITS: usize = 4096;

/// A few slots, asked for often.
pub(super) struct Among<'a> {
    /// A bit for each slot that may be among them.
    bits: [u64; BITS / 64],
    slots: &'a [u32],
}

impl<'a> Among<'a> {
    pub(super) fn new(slots: &'a [u32]) -> Self {
        let mut bits = [0; BITS / 64];
        for &slot in slots {
            bits[slot as usize % BITS / 64] |= 1 << (slot % 64);
        }
        Self { bits, slots }
    }

    /// The place of a slot among them.
    pub(super) fn place(&self, slot: u32) -> Option<usize> {
        let may_be = self.bits[slot as usize % BITS / 64] & 1 << (slot % 64) != 0;
        if may_be { self.slots.iter().position(|&known| known == slot) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_counted_and_left_once_each() {
        let (mut tally, mut counts) = (Tally(vec![0; 9]), Vec::new());
        let mut slots = vec![4, 7, 4, 2, 7, 4, 4, 4, 2, 0];
        tally.count(&mut slots, Some(2), &mut counts);
        let mut counted: Vec<(u32, u8)> = slots.iter().copied().zip(counts).collect();
        counted.sort_unstable();
        assert_eq!(counted, [(0, 1), (4, MANY), (7, 2)]);
        tally.subtract(&mut slots, &[7, 3]);
        slots.sort_unstable();
        assert_eq!((slots, tally.0), (vec![0, 4], vec![0; 9]));
    }

    #[test]
    fn only_those_given_are_among_them() {
        let slots = [64, 3, 70_000, 4099];
        let among = Among::new(&slots);
        let found: Vec<(u32, usize)> = (0..80_000).filter_map(|slot| Some((slot, among.place(slot)?))).collect();
        assert_eq!(found, [(3, 1), (64, 0), (4099, 3), (70_000, 2)]);
    }
}
