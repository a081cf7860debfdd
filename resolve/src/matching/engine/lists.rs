//! The list of each slot: its best partners, best first, with their weights and
//! how many open keys are surely shared with each.
//!
//! A list holds all partners there are, or the best of them: then at least as many
//! as are looked at, and some to spare, so that one may go without the list being
//! found afresh.

use std::hint::black_box;

/// Partners of a full list beyond those that are looked at. Few: a key that closes
/// takes many at once, however many there are.
const SPARE: usize = 2;

/// A partner in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ranked {
    pub(super) slot: u32,
    /// Of the base keys shared with it.
    pub(super) weight: u16,
    /// No more than the open keys that both carry.
    pub(super) shared: u8,
}

#[derive(Debug)]
pub(super) struct Lists {
    /// Partners that are looked at.
    pub(super) most: usize,
    partners: Vec<u32>,
    weights: Vec<u16>,
    shared: Vec<u8>,
    /// How long each list is; [`PARTIAL`] where there may be other partners.
    lengths: Vec<u8>,
    /// The last weight of each list that is partial; 0 of the others.
    floors: Vec<u16>,
}

/// Marks the length of a list that need not hold all partners.
const PARTIAL: u8 = 1 << 7;

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

    /// Places of a list.
    pub(super) fn places(&self) -> usize {
        self.most + SPARE
    }

    /// Makes room for slots.
    pub(super) fn resize(&mut self, slots: usize) {
        let places = slots * self.places();
        grow(&mut self.partners, places, 0);
        grow(&mut self.weights, places, 0);
        grow(&mut self.shared, places, 0);
        grow(&mut self.lengths, slots, 0);
        grow(&mut self.floors, slots, 0);
    }

    /// The partners that are looked at.
    pub(super) fn of(&self, slot: u32) -> &[u32] {
        let all = self.all(slot);
        &all[..all.len().min(self.most)]
    }

    /// All partners of a list.
    pub(super) fn all(&self, slot: u32) -> &[u32] {
        let start = self.start(slot);
        &self.partners[start..start + self.length(slot)]
    }

    fn start(&self, slot: u32) -> usize {
        slot as usize * self.places()
    }

    pub(super) fn length(&self, slot: u32) -> usize {
        usize::from(self.lengths[slot as usize] & !PARTIAL)
    }

    /// Whether there may be partners that a list does not hold.
    pub(super) fn is_partial(&self, slot: u32) -> bool {
        self.lengths[slot as usize] & PARTIAL != 0
    }

    /// Whether a list does not tell any more who its best partners are.
    pub(super) fn is_short(&self, slot: u32) -> bool {
        self.is_partial(slot) && self.length(slot) < self.most
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
        let length = (self.length(slot) + 1).min(self.places());
        if place >= length {
            return;
        }
        let moved = start + place..start + length;
        self.partners[moved.clone()].rotate_right(1);
        self.weights[moved.clone()].rotate_right(1);
        self.shared[moved].rotate_right(1);
        self.set(start + place, partner);
        self.set_length(slot, length, self.is_partial(slot));
    }

    /// Takes a partner out.
    pub(super) fn remove(&mut self, slot: u32, place: usize) {
        let start = self.start(slot);
        let length = self.length(slot);
        let moved = start + place..start + length;
        self.partners[moved.clone()].rotate_left(1);
        self.weights[moved.clone()].rotate_left(1);
        self.shared[moved].rotate_left(1);
        self.set_length(slot, length - 1, self.is_partial(slot));
    }

    fn set(&mut self, at: usize, partner: Ranked) {
        (self.partners[at], self.weights[at], self.shared[at]) = (partner.slot, partner.weight, partner.shared);
    }

    /// A full list is taken for partial, since it does not say who else is offered.
    fn set_length(&mut self, slot: u32, length: usize, is_partial: bool) {
        let is_partial = is_partial || length == self.places();
        self.lengths[slot as usize] = length as u8 | if is_partial { PARTIAL } else { 0 };
        let floor = if is_partial && length > 0 { self.rank(slot, length - 1).weight } else { 0 };
        self.floors[slot as usize] = floor;
    }

    /// Says how many open keys are surely shared with a partner.
    pub(super) fn set_shared(&mut self, slot: u32, place: usize, shared: u8) {
        let at = self.start(slot) + place;
        self.shared[at] = shared;
    }

    /// Counts one open key less that is shared with a partner; returns what is left.
    pub(super) fn share_less(&mut self, slot: u32, place: usize) -> u8 {
        let at = self.start(slot) + place;
        self.shared[at] = self.shared[at].saturating_sub(1);
        self.shared[at]
    }

    /// Writes a list afresh: all partners, or as many of the best as it has places for.
    pub(super) fn write(&mut self, slot: u32, ranked: &[Ranked]) {
        let start = self.start(slot);
        (start..).zip(ranked).for_each(|(at, &partner)| self.set(at, partner));
        self.set_length(slot, ranked.len(), false);
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
