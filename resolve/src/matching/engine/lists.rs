//! The list of each slot: its best partners, best first, with their weights.

use std::hint::black_box;

/// A partner and the weight of the keys shared with it.
pub(super) type Ranked = (u32, u16);

#[derive(Debug)]
pub(super) struct Lists {
    /// Places of a list.
    pub(super) most: usize,
    partners: Vec<u32>,
    weights: Vec<u16>,
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

impl Lists {
    pub(super) fn new(most: usize) -> Self {
        let (partners, weights, lengths, floors) = Default::default();
        Self { most, partners, weights, lengths, floors }
    }

    /// Makes room for slots.
    pub(super) fn resize(&mut self, slots: usize) {
        grow(&mut self.partners, slots * self.most, 0);
        grow(&mut self.weights, slots * self.most, 0);
        grow(&mut self.lengths, slots, 0);
        grow(&mut self.floors, slots, 0);
    }

    pub(super) fn of(&self, slot: u32) -> &[u32] {
        let start = slot as usize * self.most;
        &self.partners[start..start + self.lengths[slot as usize] as usize]
    }

    pub(super) fn is_full(&self, slot: u32) -> bool {
        self.lengths[slot as usize] as usize == self.most
    }

    /// Whether a weight is too little for a list, whoever the partner is.
    pub(super) fn is_below(&self, slot: u32, weight: u16) -> bool {
        weight < self.floors[slot as usize]
    }

    /// A partner by its place.
    pub(super) fn rank(&self, slot: u32, place: usize) -> Ranked {
        let at = slot as usize * self.most + place;
        (self.partners[at], self.weights[at])
    }

    /// The last partner of a list.
    pub(super) fn last(&self, slot: u32) -> Option<Ranked> {
        let length = self.lengths[slot as usize] as usize;
        (length > 0).then(|| self.rank(slot, length - 1))
    }

    /// Puts a partner at its place; the last one of a full list goes.
    pub(super) fn insert(&mut self, slot: u32, place: usize, (partner, weight): Ranked) {
        let start = slot as usize * self.most;
        let length = (self.lengths[slot as usize] as usize + 1).min(self.most);
        if place >= length {
            return;
        }
        self.partners[start + place..start + length].rotate_right(1);
        self.weights[start + place..start + length].rotate_right(1);
        (self.partners[start + place], self.weights[start + place]) = (partner, weight);
        self.set_length(slot, length);
    }

    /// Takes a partner out.
    pub(super) fn remove(&mut self, slot: u32, place: usize) {
        let start = slot as usize * self.most;
        let length = self.lengths[slot as usize] as usize;
        self.partners[start + place..start + length].rotate_left(1);
        self.weights[start + place..start + length].rotate_left(1);
        self.set_length(slot, length - 1);
    }

    fn set_length(&mut self, slot: u32, length: usize) {
        self.lengths[slot as usize] = length as u8;
        let floor = if length == self.most { self.rank(slot, length - 1).1 } else { 0 };
        self.floors[slot as usize] = floor;
    }

    pub(super) fn write(&mut self, slot: u32, ranked: &[Ranked]) {
        let start = slot as usize * self.most;
        for (place, &(partner, weight)) in ranked.iter().enumerate() {
            (self.partners[start + place], self.weights[start + place]) = (partner, weight);
        }
        self.set_length(slot, ranked.len());
    }

    /// Reads the lists of many slots: loads that do not wait for each other.
    pub(super) fn fetch(&self, slots: impl Iterator<Item = u32>) {
        black_box(slots.fold(0, |sum, slot| sum ^ self.partners[slot as usize * self.most]));
    }

    pub(super) fn bytes(&self) -> usize {
        self.partners.capacity() * 4
            + self.weights.capacity() * 2
            + self.lengths.capacity()
            + self.floors.capacity() * 2
    }
}
