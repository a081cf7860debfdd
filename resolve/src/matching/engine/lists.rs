//! The list of each slot: its best partners, best first, with their weights and
//! how many open keys are shared with each.

use super::tally::MANY;
use std::hint::black_box;

/// A partner in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ranked {
    pub(super) slot: u32,
    /// Of the base keys shared with it.
    pub(super) weight: u16,
    /// Keys of rules that both carry and that are open: at least one, or, at
    /// [`MANY`], it is not known how many.
    pub(super) shared: u8,
}

#[derive(Debug)]
pub(super) struct Lists {
    /// Places of a list.
    pub(super) most: usize,
    partners: Vec<u32>,
    weights: Vec<u16>,
    shared: Vec<u8>,
    lengths: Vec<u8>,
    /// The last weight of each list that is full; 0 of the others.
    floors: Vec<u16>,
}

/// Makes room, by an eighth more than there was.
pub(super) fn grow<T: Clone>(places: &mut Vec<T>, length: usize, blank: T) {
    if length > places.capacity() {
        places.reserve_exact((length - places.len()).max(places.len() / 8));
    }
    if length > places.len() {
        places.resize(length, blank);
    }
}

/// The weight that so many reach; 0 if there are not so many.
pub(super) fn nth_greatest(weights: &[u16], count: usize) -> u16 {
    if weights.len() < count {
        return 0;
    }
    let mut weights = weights.to_vec();
    *weights.select_nth_unstable_by(count - 1, |one, other| other.cmp(one)).1
}

impl Lists {
    pub(super) fn new(most: usize) -> Self {
        let (partners, weights, shared, lengths, floors) = Default::default();
        Self { most, partners, weights, shared, lengths, floors }
    }

    /// Makes room for slots.
    pub(super) fn resize(&mut self, slots: usize) {
        grow(&mut self.partners, slots * self.most, 0);
        grow(&mut self.weights, slots * self.most, 0);
        grow(&mut self.shared, slots * self.most, 0);
        grow(&mut self.lengths, slots, 0);
        grow(&mut self.floors, slots, 0);
    }

    pub(super) fn of(&self, slot: u32) -> &[u32] {
        let start = self.start(slot);
        &self.partners[start..start + self.length(slot)]
    }

    fn start(&self, slot: u32) -> usize {
        slot as usize * self.most
    }

    fn length(&self, slot: u32) -> usize {
        self.lengths[slot as usize] as usize
    }

    pub(super) fn is_full(&self, slot: u32) -> bool {
        self.length(slot) == self.most
    }

    /// Whether a weight is too little for a list, whoever the partner is.
    pub(super) fn is_below(&self, slot: u32, weight: u16) -> bool {
        weight < self.floors[slot as usize]
    }

    /// A partner by its place.
    pub(super) fn rank(&self, slot: u32, place: usize) -> Ranked {
        let at = self.start(slot) + place;
        Ranked { slot: self.partners[at], weight: self.weights[at], shared: self.shared[at] }
    }

    /// The last partner of a list.
    pub(super) fn last(&self, slot: u32) -> Option<Ranked> {
        let length = self.length(slot);
        (length > 0).then(|| self.rank(slot, length - 1))
    }

    /// Puts a partner at its place; the last one of a full list goes.
    pub(super) fn insert(&mut self, slot: u32, place: usize, partner: Ranked) {
        let start = self.start(slot);
        let length = (self.length(slot) + 1).min(self.most);
        if place >= length {
            return;
        }
        let moved = start + place..start + length;
        self.partners[moved.clone()].rotate_right(1);
        self.weights[moved.clone()].rotate_right(1);
        self.shared[moved].rotate_right(1);
        self.set(start + place, partner);
        self.set_length(slot, length);
    }

    /// Takes a partner out.
    pub(super) fn remove(&mut self, slot: u32, place: usize) {
        let start = self.start(slot);
        let length = self.length(slot);
        let moved = start + place..start + length;
        self.partners[moved.clone()].rotate_left(1);
        self.weights[moved.clone()].rotate_left(1);
        self.shared[moved].rotate_left(1);
        self.set_length(slot, length - 1);
    }

    fn set(&mut self, at: usize, partner: Ranked) {
        (self.partners[at], self.weights[at], self.shared[at]) = (partner.slot, partner.weight, partner.shared);
    }

    fn set_length(&mut self, slot: u32, length: usize) {
        self.lengths[slot as usize] = length as u8;
        let floor = if length == self.most { self.rank(slot, length - 1).weight } else { 0 };
        self.floors[slot as usize] = floor;
    }

    /// Says how many open keys are shared with a partner.
    pub(super) fn set_shared(&mut self, slot: u32, place: usize, shared: u8) {
        let at = self.start(slot) + place;
        self.shared[at] = shared;
    }

    /// Counts one open key less that is shared with a partner, if that is known;
    /// returns what is left.
    pub(super) fn share_less(&mut self, slot: u32, place: usize) -> u8 {
        let at = self.start(slot) + place;
        let shared = &mut self.shared[at];
        *shared -= u8::from((1..MANY).contains(shared));
        *shared
    }

    pub(super) fn write(&mut self, slot: u32, ranked: &[Ranked]) {
        let start = self.start(slot);
        (start..).zip(ranked).for_each(|(at, &partner)| self.set(at, partner));
        self.set_length(slot, ranked.len());
    }

    /// Reads the lists of many slots: loads that do not wait for each other.
    pub(super) fn fetch(&self, slots: &[u32]) {
        let first = |slot: u32| (self.partners[self.start(slot)], self.shared[self.start(slot)]);
        black_box(slots.iter().fold((0, 0), |sum, &slot| (sum.0 ^ first(slot).0, sum.1 ^ first(slot).1)));
    }

    pub(super) fn bytes(&self) -> usize {
        let weights = (self.weights.capacity() + self.floors.capacity()) * size_of::<u16>();
        self.partners.capacity() * size_of::<u32>() + weights + self.shared.capacity() + self.lengths.capacity()
    }
}
