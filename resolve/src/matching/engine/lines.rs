//! The base keys of every slot, by number, each slot's mostly in one place: what it
//! shares with another is told by reading that.

use std::hint::black_box;

/// Numbers in a line: nearly all items have no more keys. Where a line goes on
/// elsewhere, reading that takes as long as reading some more lines.
const LINE: usize = 20;
/// Marks the last number of a line: the rest is in `more`, at this place.
const MORE: u32 = 1 << 31;

/// The numbers of a slot; 0 is none.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(16))]
struct Line([u32; LINE]);

/// The numbers of all slots; see the head of this file.
#[derive(Debug, Default)]
pub(super) struct Lines {
    all: Vec<Line>,
    /// From the last place of a line on, where that is too short.
    more: Vec<Box<[u32]>>,
    /// Places of `more` that nobody has.
    free: Vec<u32>,
}

impl Lines {
    /// Makes room for slots.
    pub(super) fn resize(&mut self, slots: usize) {
        super::lists::grow(&mut self.all, slots, Line::default());
    }

    /// The numbers beyond a line.
    fn more(&self, line: &Line) -> &[u32] {
        let last = line.0[LINE - 1];
        if last & MORE == 0 { &[] } else { &self.more[(last & !MORE) as usize] }
    }

    /// The numbers of a slot, in the order they were given.
    pub(super) fn of(&self, slot: u32) -> Vec<u32> {
        let line = &self.all[slot as usize];
        let in_line = line.0.iter().take_while(|&&number| number != 0 && number & MORE == 0);
        let mut numbers = Vec::with_capacity(LINE);
        numbers.extend(in_line.chain(self.more(line)));
        numbers
    }

    /// Whether a slot has no numbers.
    pub(super) fn is_empty(&self, slot: u32) -> bool {
        self.all[slot as usize].0[0] == 0
    }

    /// Whether a slot has a number.
    pub(super) fn has(&self, slot: u32, number: u32) -> bool {
        let line = &self.all[slot as usize];
        line.0.contains(&number) || self.more(line).contains(&number)
    }

    /// Gives a slot other numbers.
    pub(super) fn set(&mut self, slot: u32, numbers: &[u32]) {
        let last = self.all[slot as usize].0[LINE - 1];
        if last & MORE != 0 {
            self.more[(last & !MORE) as usize] = Box::default();
            self.free.push(last & !MORE);
        }
        let mut line = Line::default();
        let within = if numbers.len() > LINE { LINE - 1 } else { numbers.len() };
        line.0[..within].copy_from_slice(&numbers[..within]);
        if within < numbers.len() {
            let place = self.free.pop().unwrap_or(self.more.len() as u32);
            if place as usize == self.more.len() {
                self.more.push(Box::default());
            }
            self.more[place as usize] = numbers[within..].into();
            line.0[LINE - 1] = MORE | place;
        }
        self.all[slot as usize] = line;
    }

    /// Reads the lines of many slots: loads that do not wait for each other.
    pub(super) fn fetch(&self, slots: impl Iterator<Item = u32>) {
        black_box(slots.fold(0, |sum, slot| {
            let line = &self.all[slot as usize].0;
            sum ^ line[0] ^ line[LINE - 1]
        }));
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        let more: usize = self.more.iter().map(|more| 16 + size_of_val(&**more)).sum();
        self.all.capacity() * size_of::<Line>() + self.more.capacity() * 16 + more + self.free.capacity() * 4
    }
}

/// Places of a look-up: few enough to stay at hand, many for one item's numbers.
const PLACES: usize = 512;

/// The numbers of one item, laid out, and what each weighs.
#[derive(Debug)]
pub(super) struct Lookup {
    /// Zeros where there is none.
    places: Box<[(u32, u32); PLACES]>,
    /// Those whose place another took.
    others: Vec<(u32, u32)>,
}

impl Lookup {
    pub(super) fn new() -> Self {
        Self { places: Box::new([(0, 0); PLACES]), others: Vec::new() }
    }

    /// Lays out numbers and what they weigh, in place of those before.
    pub(super) fn put(&mut self, weights: impl Iterator<Item = (u32, u32)>) {
        self.places.fill((0, 0));
        self.others.clear();
        for (number, weight) in weights {
            let place = &mut self.places[number as usize % PLACES];
            if place.0 == 0 { *place = (number, weight) } else { self.others.push((number, weight)) }
        }
    }

    /// Adds what the numbers weigh that each slot shares with those laid out.
    pub(super) fn weigh(&self, lines: &Lines, slots: &[u32], weights: &mut Vec<u16>) {
        /// Lines read together: few enough to stay at hand.
        const TOGETHER: usize = 32;
        for slots in slots.chunks(TOGETHER) {
            lines.fetch(slots.iter().copied());
            weights.extend(slots.iter().map(|&slot| self.shared(&lines.all[slot as usize], lines)));
        }
    }

    fn shared(&self, line: &Line, lines: &Lines) -> u16 {
        let more = lines.more(line);
        // What marks that there is more is no number.
        let mut sum: u32 = line.0.iter().map(|&number| self.weight(number)).sum();
        sum += more.iter().map(|&number| self.weight(number)).sum::<u32>();
        for (number, weight) in &self.others {
            sum += if line.0.contains(number) || more.contains(number) { *weight } else { 0 };
        }
        sum.min(u32::from(u16::MAX)) as u16
    }

    /// What a number weighs at its place: no branch, since no processor foresees it.
    fn weight(&self, number: u32) -> u32 {
        let (known, weight) = self.places[number as usize % PLACES];
        u32::from(known == number).wrapping_neg() & weight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_hold_any_number_of_numbers_and_tell_what_is_shared() {
        let numbers = |from: u32, count: u32, step: u32| (from..).step_by(step as usize).take(count as usize);
        let items: Vec<Vec<u32>> = [
            (1, 12, 1),
            (7, LINE as u32, 1),
            (1, LINE as u32 + 1, 1),
            (5, 40, 1),
            (5, 9, PLACES as u32),
            (3, 0, 1),
            (517, 33, 1),
        ]
        .iter()
        .map(|&(from, count, step)| numbers(from, count, step).collect())
        .collect();
        let (mut lines, mut lookup) = (Lines::default(), Lookup::new());
        lines.resize(items.len());
        for round in 0..3 {
            for (slot, item) in (0..).zip(&items) {
                if round == 1 {
                    lines.set(slot, &items[(slot as usize + 3) % items.len()]);
                }
                lines.set(slot, item);
                assert_eq!(lines.of(slot), *item);
            }
        }
        assert_eq!(lines.more.len() - lines.free.len(), 3);
        let weight = |number: u32| 1 + number % 200;
        let slots: Vec<u32> = (0..items.len() as u32).collect();
        for one in &items {
            lookup.put(one.iter().map(|&number| (number, weight(number))));
            let mut weights = Vec::new();
            lookup.weigh(&lines, &slots, &mut weights);
            for ((slot, other), found) in (0..).zip(&items).zip(weights) {
                let shared = one.iter().filter(|number| other.contains(number));
                assert_eq!(u32::from(found), shared.map(|&number| weight(number)).sum::<u32>());
                assert!(one.iter().all(|&number| lines.has(slot, number) == other.contains(&number)));
            }
        }
    }
}
