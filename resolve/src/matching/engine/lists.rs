//! The list of each slot: its best partners, best first, with their weights and
//! how many open keys are surely shared with each.
//!
//! A list holds all partners there are, or the best of them: then at least as many
//! as are looked at, and some to spare, so that one may go without the list being
//! found afresh.

use super::super::bounds::Bounds;
use std::hint::black_box;

/// Places there are in a list at most.
const PLACES: usize = Bounds::REAL.partners + Bounds::SPARE;

/// A partner in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ranked {
    pub(super) slot: u32,
    /// Of the base keys shared with it.
    pub(super) weight: u16,
    /// No more than the open keys that both carry.
    pub(super) shared: u8,
}

/// One list; read as a whole, so that it lies in as few lines of memory as it can.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(128))]
pub(super) struct List {
    partners: [u32; PLACES],
    weights: [u16; PLACES],
    shared: [u8; PLACES],
    /// How long it is; [`PARTIAL`] where there may be other partners.
    length: u8,
}

/// The lists of all slots; see the head of this file.
#[derive(Debug)]
pub(super) struct Lists {
    /// Partners that are looked at.
    pub(super) most: usize,
    all: Vec<List>,
    /// The last weight of each list that is partial; 0 of the others.
    floors: Vec<u16>,
}

/// Marks the length of a list that need not hold all partners.
const PARTIAL: u8 = 1 << 7;

/// Makes room, for an eighth more at once: to move what there is takes long.
pub(super) fn grow<T: Clone>(places: &mut Vec<T>, length: usize, blank: T) {
    if length > places.capacity() {
        places.reserve_exact(length - places.len() + length / 8);
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

impl List {
    fn length(&self) -> usize {
        usize::from(self.length & !PARTIAL)
    }

    fn is_partial(&self) -> bool {
        self.length & PARTIAL != 0
    }

    /// A partner by its place.
    fn rank(&self, place: usize) -> Ranked {
        Ranked { slot: self.partners[place], weight: self.weights[place], shared: self.shared[place] }
    }

    /// Says how long it is. A full one, of so many places, is taken for partial, since
    /// it does not say who else is offered.
    fn set_length(&mut self, length: usize, is_partial: bool, places: usize) {
        let is_partial = is_partial || length == places;
        self.length = length as u8 | if is_partial { PARTIAL } else { 0 };
    }

    /// The last weight if it is partial, else 0.
    fn floor(&self) -> u16 {
        let last = self.length().checked_sub(1).filter(|_| self.is_partial());
        last.map_or(0, |last| self.weights[last])
    }

    fn set(&mut self, place: usize, partner: Ranked) {
        self.partners[place] = partner.slot;
        self.weights[place] = partner.weight;
        self.shared[place] = partner.shared;
    }
}

impl Lists {
    pub(super) fn new(most: usize) -> Self {
        Self { most, all: Vec::new(), floors: Vec::new() }
    }

    /// Places of a list.
    pub(super) fn places(&self) -> usize {
        self.most + Bounds::SPARE
    }

    /// Makes room for slots.
    pub(super) fn resize(&mut self, slots: usize) {
        grow(&mut self.all, slots, List::default());
        grow(&mut self.floors, slots, 0);
    }

    fn list(&self, slot: u32) -> &List {
        &self.all[slot as usize]
    }

    /// The partners that are looked at.
    pub(super) fn of(&self, slot: u32) -> &[u32] {
        let all = self.all(slot);
        &all[..all.len().min(self.most)]
    }

    /// All partners of a list.
    pub(super) fn all(&self, slot: u32) -> &[u32] {
        let list = self.list(slot);
        &list.partners[..list.length()]
    }

    pub(super) fn length(&self, slot: u32) -> usize {
        self.list(slot).length()
    }

    /// Whether there may be partners that a list does not hold.
    pub(super) fn is_partial(&self, slot: u32) -> bool {
        self.list(slot).is_partial()
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
        self.list(slot).rank(place)
    }

    /// The last partner of a list.
    pub(super) fn last(&self, slot: u32) -> Option<Ranked> {
        let list = self.list(slot);
        list.length().checked_sub(1).map(|last| list.rank(last))
    }

    /// Puts a partner at its place; the last one of a full list goes.
    pub(super) fn insert(&mut self, slot: u32, place: usize, partner: Ranked) {
        let places = self.places();
        let list = &mut self.all[slot as usize];
        let length = (list.length() + 1).min(places);
        if place >= length {
            return;
        }
        list.partners[place..length].rotate_right(1);
        list.weights[place..length].rotate_right(1);
        list.shared[place..length].rotate_right(1);
        list.set(place, partner);
        let is_partial = list.is_partial();
        self.set_length(slot, length, is_partial);
    }

    /// Takes a partner out.
    pub(super) fn remove(&mut self, slot: u32, place: usize) {
        let list = &mut self.all[slot as usize];
        let length = list.length();
        list.partners[place..length].rotate_left(1);
        list.weights[place..length].rotate_left(1);
        list.shared[place..length].rotate_left(1);
        let is_partial = list.is_partial();
        self.set_length(slot, length - 1, is_partial);
    }

    fn set_length(&mut self, slot: u32, length: usize, is_partial: bool) {
        let places = self.places();
        let list = &mut self.all[slot as usize];
        list.set_length(length, is_partial, places);
        self.floors[slot as usize] = list.floor();
    }

    /// Says how many open keys are surely shared with a partner.
    pub(super) fn set_shared(&mut self, slot: u32, place: usize, shared: u8) {
        self.all[slot as usize].shared[place] = shared;
    }

    /// Counts one open key less that is shared with a partner; returns what is left.
    pub(super) fn share_less(&mut self, slot: u32, place: usize) -> u8 {
        let shared = &mut self.all[slot as usize].shared[place];
        *shared = shared.saturating_sub(1);
        *shared
    }

    /// A list of all partners, or of as many of the best as it has places for.
    pub(super) fn list_of(&self, ranked: &[Ranked]) -> List {
        let mut list = List::default();
        ranked.iter().enumerate().for_each(|(place, &partner)| list.set(place, partner));
        list.set_length(ranked.len(), false, self.places());
        list
    }

    /// Writes a list afresh, see [`Lists::list_of`].
    pub(super) fn write(&mut self, slot: u32, ranked: &[Ranked]) {
        let list = self.list_of(ranked);
        (self.all[slot as usize], self.floors[slot as usize]) = (list, list.floor());
    }

    /// Writes the lists of all slots afresh.
    pub(super) fn fill(&mut self, lists: impl Iterator<Item = List>) {
        for ((list, place), floor) in lists.zip(&mut self.all).zip(&mut self.floors) {
            (*place, *floor) = (list, list.floor());
        }
    }

    /// Reads the lists of many slots: loads that do not wait for each other.
    pub(super) fn fetch(&self, slots: impl Iterator<Item = u32>) {
        let ends = |slot: u32| (self.list(slot).partners[0], self.list(slot).length);
        black_box(slots.fold((0, 0), |sum, slot| (sum.0 ^ ends(slot).0, sum.1 ^ ends(slot).1)));
    }

    /// Reads the floors of many lists, likewise.
    pub(super) fn fetch_floors(&self, slots: &[u32]) {
        black_box(slots.iter().fold(0, |sum, &slot| sum ^ self.floors[slot as usize]));
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.all.capacity() * size_of::<List>() + self.floors.capacity() * size_of::<u16>()
    }
}
