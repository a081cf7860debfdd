//! Taking in the keys of all slots at once, and finding all their partners, on
//! threads.

use super::super::super::threads::map_parts;
use super::super::lists::{List, Ranked};
use super::super::tally::{Among, MANY};
use super::Partners;
use crate::matching::block::keys::{KeyWeights, Keys};
use crate::matching::block::open::Open;
use crate::matching::block::ranking::Ranking;

impl Partners {
    /// Takes in the keys of all slots, which have names already, and what keys weigh.
    pub(in super::super) fn load(&mut self, keys: Keys, weights: &KeyWeights, threads: usize) {
        let slots: Vec<u32> = (0..keys.rows() as u32).collect();
        let proposed = self.postings.fill(keys, weights, threads);
        let lists = map_parts(threads, &slots, |slots| {
            let mut ranking = Ranking::new(&proposed, &self.ids, self.lists.places());
            let mut list = |&slot: &u32| self.lists.list_of(&ranked(slot, ranking.ranked(slot), &proposed.open));
            slots.iter().map(&mut list).collect::<Vec<List>>()
        });
        self.lists.fill(lists.into_iter().flatten());
    }
}

/// The best partners of a slot, given with what they weigh.
fn ranked(slot: u32, partners: &[(u16, u32)], open: &Open) -> Vec<Ranked> {
    let slots: Vec<u32> = partners.iter().map(|&(_, partner)| partner).collect();
    let mut ranked: Vec<Ranked> = partners.iter().map(|&(weight, slot)| Ranked { slot, weight, shared: 0 }).collect();
    let among = Among::new(&slots);
    open.each_member(slot, |member| {
        if let Some(place) = among.place(member) {
            let shared = &mut ranked[place].shared;
            *shared += u8::from(*shared < MANY);
        }
    });
    ranked
}
