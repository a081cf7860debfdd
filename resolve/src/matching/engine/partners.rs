//! The best partners of each item, kept exact as items come, change and go.
//!
//! A list is exact if it holds all partners in open keys, or the best of them
//! and as many as are looked at. Gains are offered to a list; only a loss that
//! leaves fewer makes it be found afresh. Lists of items that were not touched
//! change where a key opens or closes by the touched one. With each partner goes
//! a number of open keys that are surely shared with it, so that a key which
//! closes is counted off, and only of the partners whom that leaves with none is
//! it counted how many keys are left.

mod filling;
mod follow;

use super::super::bounds::Bounds;
use super::super::hash::{self, FastSet};
#[cfg(test)]
use super::Mutant;
use super::lines::Lookup;
use super::lists::{Lists, Ranked, nth_greatest};
#[cfg(test)]
use super::postings::Moved;
use super::postings::{Blocks, Postings};
use super::tally::Tally;
use crate::matching::block::keys::Key;
use crate::matching::block::rules::Rules;
use std::cmp::Reverse;

/// Pairs of slots, the lesser first.
pub(super) type Pairs = Vec<(u32, u32)>;

/// Pairs that may be candidates or not, other than before.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// Pairs that may have become candidates, and every candidate pair of a slot
    /// whose keys changed.
    pub(super) entered: Pairs,
    /// Pairs of which one left the list of the other: they weigh as before if they
    /// are candidates nevertheless.
    pub(super) left: Pairs,
}

#[derive(Debug)]
pub(super) struct Partners {
    bounds: Bounds,
    ids: Vec<u64>,
    lists: Lists,
    postings: Postings,
    tally: Tally,
    /// Room for partners, kept for the next that are met.
    scratch: Met,
    /// What was done so far.
    pub(super) done: Done,
    #[cfg(test)]
    pub(super) mutant: Option<Mutant>,
}

/// What was done; see [`super::Work`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Done {
    pub(super) met: u64,
    pub(super) closed: u64,
    pub(super) recomputed: u64,
}

/// The partners of a slot in open keys.
#[derive(Debug, Default)]
struct Met {
    slots: Vec<u32>,
    /// Open keys shared with each, see [`Ranked`].
    shared: Vec<u8>,
    /// What the base keys weigh that are shared with each.
    weights: Vec<u16>,
}

impl Met {
    fn clear(&mut self) {
        self.slots.clear();
        self.shared.clear();
        self.weights.clear();
    }
}

impl Partners {
    pub(super) fn new(bounds: Bounds, rules: Rules) -> Self {
        Self {
            bounds,
            ids: Vec::new(),
            lists: Lists::new(bounds.partners),
            postings: Postings::new(rules, bounds.open),
            tally: Tally::default(),
            scratch: Met::default(),
            done: Done::default(),
            #[cfg(test)]
            mutant: None,
        }
    }

    /// Makes room for a slot, or gives one to another item.
    pub(super) fn name(&mut self, slot: u32, id: u64) {
        self.resize(self.ids.len().max(slot as usize + 1));
        self.ids[slot as usize] = id;
    }

    /// Makes room for slots.
    pub(super) fn resize(&mut self, slots: usize) {
        super::lists::grow(&mut self.ids, slots, 0);
        self.postings.carried.lines.resize(slots);
        self.lists.resize(slots);
        self.tally.resize(slots);
    }

    /// Whether two slots are a candidate pair.
    pub(super) fn are_candidates(&self, one: u32, other: u32) -> bool {
        self.list(one).contains(&other) || self.list(other).contains(&one)
    }

    /// Reads what tells whether pairs are candidates: loads that do not wait for each other.
    pub(super) fn fetch(&self, pairs: &[(u32, u32)]) {
        self.lists.fetch(pairs.iter().flat_map(|&(one, other)| [one, other]));
    }

    /// The best partners of a slot, best first.
    pub(super) fn list(&self, slot: u32) -> &[u32] {
        self.lists.of(slot)
    }

    /// The best partners that keys of no item would have.
    pub(super) fn of_keys(&mut self, id: u64, keys: &[Key], lookup: &mut Lookup) -> Vec<u32> {
        let mut met = self.met(&self.postings.blocks_of_keys(keys), None);
        self.postings.carried.lay_out_keys(keys, lookup);
        lookup.weigh(&self.postings.carried.lines, &met.slots, &mut met.weights);
        self.best_of(id, &met).into_iter().take(self.bounds.partners).map(|partner| partner.slot).collect()
    }

    pub(super) fn keys_held(&self) -> usize {
        self.postings.len()
    }

    /// Adds the bytes held, by what holds them.
    pub(super) fn held(&self, held: &mut Vec<(&'static str, usize)>) {
        let ids = self.ids.capacity() * size_of::<u64>();
        held.extend([("lists of partners", self.lists.bytes()), ("ids and tally", ids + self.tally.bytes())]);
        self.postings.held(held);
    }

    /// Gives a slot other keys, none to take it out. Adds to `touched` every
    /// pair whose standing may be another, and every candidate pair of the slot.
    pub(super) fn rekey(&mut self, slot: u32, keys: &[Key], lookup: &mut Lookup, touched: &mut Touched) {
        let is_new = self.postings.carried.lines.is_empty(slot);
        let mut old = if is_new { Met::default() } else { self.met(&self.postings.blocks_of(slot), Some(slot)) };
        let moved = self.postings.rekey(slot, keys);
        let mut new = self.met(&moved.blocks, Some(slot));
        self.done.met += new.slots.len() as u64;
        self.done.closed += moved.closed.len() as u64;
        self.weigh(slot, &mut new, lookup);
        touched.entered.extend(self.replace(slot, &new).concat().into_iter().map(|partner| pair(slot, partner)));
        self.tally.subtract(&mut old.slots, &new.slots);
        let mut stale = FastSet::default();
        for partner in old.slots {
            self.adjust(partner, slot, None, &mut stale, touched);
        }
        self.tell(slot, &new, is_new, &mut stale, touched);
        self.scratch = new;
        #[cfg(test)]
        let moved = if self.mutant == Some(Mutant::ForgetsBlocks) { Moved::default() } else { moved };
        self.follow(slot, &moved, stale, lookup, touched);
    }

    /// Offers a slot to its partners, in the lists of which it is if it is not new.
    fn tell(&mut self, slot: u32, met: &Met, is_new: bool, stale: &mut FastSet<u32>, touched: &mut Touched) {
        let may_change = |&place: &usize| {
            let partner = met.slots[place];
            !self.lists.is_below(partner, met.weights[place]) || (!is_new && self.lists.all(partner).contains(&slot))
        };
        self.lists.fetch_floors(&met.slots);
        let places: Vec<usize> = (0..met.slots.len()).filter(may_change).collect();
        let partners: Vec<u32> = places.iter().map(|&place| met.slots[place]).collect();
        self.lists.fetch(partners.iter().copied());
        for (place, partner) in places.into_iter().zip(partners) {
            let offered = Ranked { slot, weight: met.weights[place], shared: met.shared[place] };
            if is_new {
                self.offer(partner, offered, touched);
            } else {
                self.adjust(partner, slot, Some(offered), stale, touched);
            }
        }
    }

    /// Partners in those of these keys that are open.
    fn met(&mut self, blocks: &Blocks, slot: Option<u32>) -> Met {
        let mut met = std::mem::take(&mut self.scratch);
        met.clear();
        self.postings.gather(blocks, &mut met.slots);
        self.tally.count(&mut met.slots, slot, &mut met.shared);
        met
    }

    /// Says what the partners of a slot weigh.
    fn weigh(&self, slot: u32, met: &mut Met, lookup: &mut Lookup) {
        self.weigh_all(slot, &met.slots, lookup, &mut met.weights);
    }

    /// Adds what the base keys weigh that each of these slots shares with `slot`.
    fn weigh_all(&self, slot: u32, others: &[u32], lookup: &mut Lookup, weights: &mut Vec<u16>) {
        #[cfg(test)]
        if self.mutant == Some(Mutant::RanksByLiveCounts) {
            weights.extend(others.iter().map(|&other| self.live_weight(slot, other)));
            return;
        }
        self.postings.carried.lay_out(slot, lookup);
        lookup.weigh(&self.postings.carried.lines, others, weights);
    }

    #[cfg(test)]
    fn live_weight(&self, one: u32, other: u32) -> u16 {
        let carried = &self.postings.carried;
        let counts = carried.shared(one, other).into_iter().map(|number| carried.bases.get(number).carriers);
        counts.map(|count| 100 / (1 + count as u16)).sum()
    }

    /// The best of a slot's partners, best first: as many as a list has places for.
    fn best(&self, slot: u32, met: &Met) -> Vec<Ranked> {
        self.best_of(self.ids[slot as usize], met)
    }

    fn best_of(&self, id: u64, met: &Met) -> Vec<Ranked> {
        let least = nth_greatest(&met.weights, self.lists.places());
        let places = (0..met.slots.len()).filter(|&place| met.weights[place] >= least);
        let ranked =
            |place: usize| Ranked { slot: met.slots[place], weight: met.weights[place], shared: met.shared[place] };
        let mut ranked: Vec<Ranked> = places.map(ranked).collect();
        ranked.sort_by_cached_key(|partner| (Reverse(partner.weight), self.tie(id, partner.slot)));
        ranked.truncate(self.lists.places());
        ranked
    }

    /// The better partner of `id` first: more weight, then less hash of the pair.
    fn order(&self, id: u64, one: Ranked, other: Ranked) -> std::cmp::Ordering {
        other.weight.cmp(&one.weight).then_with(|| self.tie(id, one.slot).cmp(&self.tie(id, other.slot)))
    }

    fn tie(&self, id: u64, partner: u32) -> u64 {
        #[cfg(test)]
        if self.mutant == Some(Mutant::FirstComeTies) {
            return 0;
        }
        hash::pair(id, self.ids[partner as usize])
    }

    /// Writes the list of a slot afresh; returns who was in it and who is.
    fn replace(&mut self, slot: u32, met: &Met) -> [Vec<u32>; 2] {
        let before = self.list(slot).to_vec();
        let ranked = self.best(slot, met);
        self.lists.write(slot, &ranked);
        [before, self.list(slot).to_vec()]
    }

    /// Puts `partner` where it belongs in the list of `slot` as what it now is,
    /// or takes it out.
    fn adjust(
        &mut self,
        slot: u32,
        partner: u32,
        now: Option<Ranked>,
        stale: &mut FastSet<u32>,
        touched: &mut Touched,
    ) {
        let Some(place) = self.place(slot, partner) else {
            if let Some(now) = now {
                self.offer(slot, now, touched);
            }
            return;
        };
        let known = self.lists.rank(slot, place).weight;
        if let Some(now) = now.filter(|now| now.weight == known) {
            touched.entered.push(pair(slot, partner));
            self.lists.set_shared(slot, place, now.shared);
            return;
        }
        self.take(slot, place, touched);
        let is_told = |now: Ranked| now.weight > known || !self.lists.is_partial(slot) || self.is_better(slot, now);
        if let Some(now) = now.filter(|&now| is_told(now)) {
            self.put(slot, now, touched);
        }
        if self.lists.is_short(slot) {
            stale.insert(slot);
        }
    }

    /// The place of a partner in a list.
    fn place(&self, slot: u32, partner: u32) -> Option<usize> {
        self.lists.all(slot).iter().position(|&known| known == partner)
    }

    /// Whether a partner goes before the last one of a list.
    fn is_better(&self, slot: u32, partner: Ranked) -> bool {
        self.lists.last(slot).is_some_and(|last| self.order(self.ids[slot as usize], partner, last).is_lt())
    }

    /// Puts a partner where it belongs.
    fn put(&mut self, slot: u32, partner: Ranked, touched: &mut Touched) {
        let (id, most) = (self.ids[slot as usize], self.bounds.partners);
        let length = self.lists.length(slot);
        let is_after = |&place: &usize| self.order(id, self.lists.rank(slot, place), partner).is_gt();
        let place = (0..length).find(is_after).unwrap_or(length);
        if place < most {
            touched.entered.push(pair(slot, partner.slot));
            touched.left.extend(self.lists.all(slot).get(most - 1).map(|&last| pair(slot, last)));
        }
        self.lists.insert(slot, place, partner);
    }

    /// Takes a partner out.
    fn take(&mut self, slot: u32, place: usize, touched: &mut Touched) {
        let (all, most) = (self.lists.all(slot), self.bounds.partners);
        if place < most {
            touched.left.push(pair(slot, all[place]));
            touched.entered.extend(all.get(most).map(|&next| pair(slot, next)));
        }
        self.lists.remove(slot, place);
    }

    /// Offers a partner that is not in the list of `slot`.
    fn offer(&mut self, slot: u32, partner: Ranked, touched: &mut Touched) {
        if self.lists.is_below(slot, partner.weight) {
            return;
        }
        if !self.lists.is_partial(slot) || self.is_better(slot, partner) {
            self.put(slot, partner, touched);
        }
    }
}

fn pair(one: u32, other: u32) -> (u32, u32) {
    (one.min(other), one.max(other))
}
