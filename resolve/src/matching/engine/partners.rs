//! The best partners of each item, kept exact as items come, change and go.
//!
//! A list is exact if it holds all partners in open keys, or the best of them
//! and as many as a list holds. Gains are offered to a list; only a loss from a
//! full list makes it be found afresh. Lists of items that were not touched
//! change where a key opens or closes by the touched one. With each partner goes
//! how many open keys are shared with it, so that a key which closes is counted
//! off, and only the partners it leaves without any are lost.

use super::super::block;
use super::super::bounds::Bounds;
use super::super::hash::{self, FastSet};
use super::super::keys::{Key, Keys, shared};
use super::super::open::{Open, grouped};
use super::super::rules::Rules;
use super::super::threads::map_parts;
#[cfg(test)]
use super::Mutant;
use super::carried::Carried;
use super::glance::{Glance, Lookup};
use super::lists::{Lists, Ranked, nth_greatest};
use super::postings::{Entries, Posting, Postings, without};
use super::tally::{Among, MANY, Tally};

/// Pairs of slots whose weight or standing may have changed, the lesser first.
pub(super) type Pairs = Vec<(u32, u32)>;

/// Partners that room is made for at first, each as often as keys are shared.
const GATHERED: usize = 512;

#[derive(Debug)]
pub(super) struct Partners {
    bounds: Bounds,
    ids: Vec<u64>,
    keys: Carried,
    glance: Glance,
    lists: Lists,
    postings: Postings,
    tally: Tally,
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
#[derive(Default)]
struct Met {
    slots: Vec<u32>,
    /// Open keys shared with each, see [`Ranked`].
    shared: Vec<u8>,
    /// No less than what the base keys weigh that are shared with each.
    most: Vec<u16>,
}

/// What follows from other keys of a slot, but for lists found afresh.
#[derive(Default)]
struct Rekeyed {
    /// Keys of the slot that one more or one less now makes count, or not.
    opened: Vec<Posting>,
    closed: Vec<Posting>,
    /// Slots whose lists must be found afresh.
    stale: FastSet<u32>,
}

impl Partners {
    pub(super) fn new(bounds: Bounds, rules: Rules) -> Self {
        Self {
            bounds,
            ids: Vec::new(),
            keys: Carried::default(),
            glance: Glance::new(),
            lists: Lists::new(bounds.partners),
            postings: Postings::new(rules),
            tally: Tally::default(),
            done: Done::default(),
            #[cfg(test)]
            mutant: None,
        }
    }

    /// Makes room for a slot, or gives one to another item.
    pub(super) fn name(&mut self, slot: u32, id: u64) {
        let slots = self.ids.len().max(slot as usize + 1);
        super::lists::grow(&mut self.ids, slots, 0);
        self.ids[slot as usize] = id;
        self.keys.resize(slots);
        self.glance.resize(slots);
        self.lists.resize(slots);
        self.tally.resize(slots);
    }

    /// Takes in the keys of all slots at once.
    pub(super) fn load(&mut self, keys: &Keys, threads: usize) {
        let mut members = Vec::new();
        let rules = self.postings.rules().clone();
        let places: Vec<usize> = (0..rules.all().len()).collect();
        for places in places.chunks(threads.max(1)) {
            let filled = map_parts(threads, places, |places| {
                let of_rule = |&place: &usize| {
                    let entries = block::entries(keys, rules.all()[place]);
                    (place, Entries::new(&entries), grouped(&entries, self.bounds.open))
                };
                places.iter().map(of_rule).collect::<Vec<_>>()
            });
            for (place, entries, open) in filled.into_iter().flatten() {
                self.postings.fill(place, entries);
                members.extend_from_slice(&open);
            }
        }
        let open = Open::of(members, keys.rows());
        self.keys = Carried::of_all(keys);
        let slots: Vec<u32> = (0..keys.rows() as u32).collect();
        for &slot in &slots {
            self.glance.set(slot, keys.of(slot as usize));
        }
        let ranked = map_parts(threads, &slots, |slots| {
            let (mut tally, mut lookup, mut met) = (Tally::of(keys.rows()), Lookup::new(), Met::default());
            let mut rank = |&slot: &u32| {
                met.clear();
                open.each_member(slot, |member| met.slots.push(member));
                tally.count(&mut met.slots, Some(slot), &mut met.shared);
                self.weigh(slot, &mut met, &mut lookup);
                self.best(slot, &met)
            };
            slots.iter().map(&mut rank).collect::<Vec<_>>()
        });
        for (slot, ranked) in slots.into_iter().zip(ranked.into_iter().flatten()) {
            self.lists.write(slot, &ranked);
        }
    }

    /// Whether two slots are a candidate pair.
    pub(super) fn are_candidates(&self, one: u32, other: u32) -> bool {
        self.list(one).contains(&other) || self.list(other).contains(&one)
    }

    pub(super) fn list(&self, slot: u32) -> &[u32] {
        self.lists.of(slot)
    }

    /// The best partners that keys of no item would have.
    pub(super) fn of_keys(&mut self, id: u64, keys: &[Key]) -> Vec<u32> {
        let postings = self.postings.of(keys);
        let met = self.met(&postings, &self.postings.find(&postings), None, |_, _| {});
        let ranked = |&slot: &u32| Ranked { slot, weight: shared(keys, self.keys.of(slot)), shared: MANY };
        let mut ranked: Vec<Ranked> = met.slots.iter().map(ranked).collect();
        ranked.sort_by(|one, other| self.order(id, *one, *other));
        ranked.iter().take(self.bounds.partners).map(|partner| partner.slot).collect()
    }

    pub(super) fn keys_held(&self) -> usize {
        self.postings.len()
    }

    pub(super) fn bytes(&self) -> usize {
        let ids = self.ids.capacity() * size_of::<u64>() + self.tally.bytes();
        ids + self.keys.bytes() + self.glance.bytes() + self.lists.bytes() + self.postings.bytes()
    }

    /// Gives a slot other keys, none to take it out. Adds to `touched` every
    /// pair whose standing may be another, and every candidate pair of the slot.
    pub(super) fn rekey(&mut self, slot: u32, keys: &[Key], lookup: &mut Lookup, touched: &mut Pairs) {
        let before = self.postings.of(self.keys.of(slot));
        let after = self.postings.of(keys);
        let mut old = self.met(&before, &self.postings.find(&before), Some(slot), |_, _| {}).slots;
        self.keys.set(slot, keys);
        self.glance.set(slot, keys);
        let (mut rekeyed, mut new) = self.move_in(slot, &before, &after);
        self.weigh(slot, &mut new, lookup);
        touched.extend(self.replace(slot, &new).concat().into_iter().map(|partner| pair(slot, partner)));
        self.tally.subtract(&mut old, &new.slots);
        for partner in old {
            self.adjust(partner, slot, None, &mut rekeyed.stale, touched);
        }
        self.tell(slot, &new, before.is_empty(), &mut rekeyed.stale, touched);
        #[cfg(test)]
        if self.mutant == Some(Mutant::ForgetsBlocks) {
            (rekeyed.opened, rekeyed.closed) = (Vec::new(), Vec::new());
        }
        self.follow(slot, rekeyed, lookup, touched);
    }

    /// Offers a slot to its partners, in the lists of which it is if it is not new.
    fn tell(&mut self, slot: u32, met: &Met, is_new: bool, stale: &mut FastSet<u32>, touched: &mut Pairs) {
        let may_change = |&place: &usize| {
            let partner = met.slots[place];
            !self.lists.is_below(partner, met.most[place]) || (!is_new && self.list(partner).contains(&slot))
        };
        let places: Vec<usize> = (0..met.slots.len()).filter(may_change).collect();
        let partners: Vec<u32> = places.iter().map(|&place| met.slots[place]).collect();
        self.keys.fetch(&partners);
        self.lists.fetch(&partners);
        for (place, partner) in places.into_iter().zip(partners) {
            let offered = Ranked { slot, weight: self.weight(slot, partner), shared: met.shared[place] };
            if is_new {
                self.offer(partner, offered, touched);
            } else {
                self.adjust(partner, slot, Some(offered), stale, touched);
            }
        }
    }

    /// Moves a slot from keys to others; returns what that opens and closes,
    /// and the slot's partners.
    fn move_in(&mut self, slot: u32, before: &[Posting], after: &[Posting]) -> (Rekeyed, Met) {
        let open = self.bounds.open;
        let (left, entered) = (without(before, after), without(after, before));
        for &posting in &left {
            self.postings.remove(posting, slot);
        }
        let opened = left.into_iter().filter(|&posting| self.postings.slots(posting).take(open + 1).count() == open);
        let opened: Vec<Posting> = opened.collect();
        let blocks = self.postings.find(after);
        for (posting, &block) in after.iter().zip(&blocks) {
            if entered.binary_search(posting).is_ok() {
                self.postings.insert(*posting, block, slot);
            }
        }
        let mut closed = Vec::new();
        let new = self.met(after, &blocks, Some(slot), |posting, count| {
            if count == open + 1 && entered.binary_search(&posting).is_ok() {
                closed.push(posting);
            }
        });
        self.done.met += new.slots.len() as u64;
        self.done.closed += closed.len() as u64;
        (Rekeyed { opened, closed, stale: FastSet::default() }, new)
    }

    /// Brings the lists of others up to date with what opened and closed.
    fn follow(&mut self, slot: u32, rekeyed: Rekeyed, lookup: &mut Lookup, touched: &mut Pairs) {
        let Rekeyed { opened, closed, mut stale } = rekeyed;
        let mut unsure = Vec::new();
        for posting in closed {
            self.close(posting, slot, &mut unsure, &mut stale, touched);
        }
        for (slot, partner) in unsure {
            self.make_sure(slot, partner, &mut stale, touched);
        }
        for posting in opened {
            self.open(posting, &stale, touched);
        }
        for stale in stale {
            self.done.recomputed += 1;
            let postings = self.postings.of(self.keys.of(stale));
            let mut met = self.met(&postings, &self.postings.find(&postings), Some(stale), |_, _| {});
            self.weigh(stale, &mut met, lookup);
            let [before, after] = self.replace(stale, &met);
            let left = before.iter().filter(|partner| !after.contains(partner));
            let entered = after.iter().filter(|partner| !before.contains(partner));
            touched.extend(left.chain(entered).map(|&partner| pair(stale, partner)));
        }
    }

    /// Partners in open keys, given the blocks that the keys were found in; says
    /// of each key how many carry it, no further than two above those of an open one.
    fn met(
        &mut self,
        postings: &[Posting],
        blocks: &[usize],
        slot: Option<u32>,
        mut counted: impl FnMut(Posting, usize),
    ) -> Met {
        let mut met = Met { slots: Vec::with_capacity(GATHERED), ..Met::default() };
        for (&posting, &block) in postings.iter().zip(blocks) {
            counted(posting, self.postings.gather(posting, block, self.bounds.open, &mut met.slots));
        }
        self.tally.count(&mut met.slots, slot, &mut met.shared);
        met
    }

    /// What the base keys weigh that two slots share.
    fn weight(&self, one: u32, other: u32) -> u16 {
        #[cfg(test)]
        if self.mutant == Some(Mutant::RanksByLiveCounts) {
            return self.live_weight(one, other);
        }
        shared(self.keys.of(one), self.keys.of(other))
    }

    /// Says at a glance what the partners of a slot weigh at most.
    fn weigh(&self, slot: u32, met: &mut Met, lookup: &mut Lookup) {
        #[cfg(test)]
        if self.mutant == Some(Mutant::RanksByLiveCounts) {
            met.most = met.slots.iter().map(|&partner| self.live_weight(slot, partner)).collect();
            return;
        }
        let own = self.keys.of(slot);
        lookup.put(own);
        self.glance.weigh(lookup, &met.slots, &mut met.most);
        lookup.clear(own);
    }

    #[cfg(test)]
    fn live_weight(&self, one: u32, other: u32) -> u16 {
        let [one, other] = [one, other].map(|slot| self.postings.of(self.keys.of(slot)));
        let of_both = one.iter().filter(|posting| other.binary_search(posting).is_ok());
        of_both.map(|&posting| 100 / (1 + self.postings.slots(posting).count() as u16)).sum()
    }

    /// The best of a slot's partners, best first: of those that a glance lets in,
    /// and, where it told too much of these, of those that they do not keep out.
    fn best(&self, slot: u32, met: &Met) -> Vec<Ranked> {
        let most = self.bounds.partners;
        let least = nth_greatest(&met.most, most);
        let mut ranked = self.weighed(slot, met, least, u16::MAX);
        let reached = nth_greatest(&ranked.iter().map(|partner| partner.weight).collect::<Vec<_>>(), most);
        if reached < least {
            ranked.extend(self.weighed(slot, met, reached, least - 1));
        }
        ranked.retain(|partner| partner.weight >= reached);
        let id = self.ids[slot as usize];
        ranked.sort_by_cached_key(|partner| (std::cmp::Reverse(partner.weight), self.tie(id, partner.slot)));
        ranked.truncate(most);
        ranked
    }

    /// Weighs the partners that at a glance weigh from `least` to `greatest`.
    fn weighed(&self, slot: u32, met: &Met, least: u16, greatest: u16) -> Vec<Ranked> {
        let within = |place: &usize| (least..=greatest).contains(&met.most[*place]);
        let places: Vec<usize> = (0..met.slots.len()).filter(within).collect();
        self.keys.fetch(&places.iter().map(|&place| met.slots[place]).collect::<Vec<_>>());
        let ranked = |place: usize| {
            let partner = met.slots[place];
            Ranked { slot: partner, weight: self.weight(slot, partner), shared: met.shared[place] }
        };
        places.into_iter().map(ranked).collect()
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
    fn adjust(&mut self, slot: u32, partner: u32, now: Option<Ranked>, stale: &mut FastSet<u32>, touched: &mut Pairs) {
        let Some(place) = self.place(slot, partner) else {
            if let Some(now) = now {
                self.offer(slot, now, touched);
            }
            return;
        };
        touched.push(pair(slot, partner));
        let (full, known) = (self.lists.is_full(slot), self.lists.rank(slot, place).weight);
        if let Some(now) = now.filter(|now| now.weight == known) {
            self.lists.set_shared(slot, place, now.shared);
            return;
        }
        self.lists.remove(slot, place);
        match now {
            Some(now) if !full || now.weight > known || self.is_better(slot, now) => self.put(slot, now),
            _ if full => drop(stale.insert(slot)),
            _ => {}
        }
    }

    /// The place of a partner in a list.
    fn place(&self, slot: u32, partner: u32) -> Option<usize> {
        self.list(slot).iter().position(|&known| known == partner)
    }

    /// Whether a partner goes before the last one of a list.
    fn is_better(&self, slot: u32, partner: Ranked) -> bool {
        self.lists.last(slot).is_some_and(|last| self.order(self.ids[slot as usize], partner, last).is_lt())
    }

    /// Puts a partner where it belongs.
    fn put(&mut self, slot: u32, partner: Ranked) {
        let id = self.ids[slot as usize];
        let length = self.list(slot).len();
        let is_after = |&place: &usize| self.order(id, self.lists.rank(slot, place), partner).is_gt();
        let place = (0..length).find(is_after).unwrap_or(length);
        self.lists.insert(slot, place, partner);
    }

    /// Offers a partner that is not in the list of `slot`.
    fn offer(&mut self, slot: u32, partner: Ranked, touched: &mut Pairs) {
        if self.lists.is_below(slot, partner.weight) {
            return;
        }
        if self.lists.is_full(slot) {
            if !self.is_better(slot, partner) {
                return;
            }
            touched.extend(self.lists.last(slot).map(|last| pair(slot, last.slot)));
        }
        touched.push(pair(slot, partner.slot));
        self.put(slot, partner);
    }

    /// Takes out of lists who was there only by a key that `slot` closed. Of
    /// whom that is not known is added to `unsure`.
    fn close(
        &mut self,
        posting: Posting,
        slot: u32,
        unsure: &mut Vec<(u32, u32)>,
        stale: &mut FastSet<u32>,
        touched: &mut Pairs,
    ) {
        let members: Vec<u32> = self.postings.slots(posting).filter(|&member| member != slot).collect();
        let among = Among::new(&members);
        self.lists.fetch(&members);
        for &member in &members {
            let mut lost = Vec::new();
            for place in 0..self.list(member).len() {
                let partner = self.list(member)[place];
                if among.contains(partner) {
                    match self.lists.share_less(member, place) {
                        0 => lost.push(partner),
                        MANY => unsure.push((member, partner)),
                        _ => {}
                    }
                }
            }
            for partner in lost {
                self.adjust(member, partner, None, stale, touched);
            }
        }
    }

    /// Counts the open keys that a slot shares with a partner in its list.
    fn make_sure(&mut self, slot: u32, partner: u32, stale: &mut FastSet<u32>, touched: &mut Pairs) {
        let Some(place) = self.place(slot, partner) else { return };
        match self.shared_open(slot, partner) {
            0 => self.adjust(slot, partner, None, stale, touched),
            shared => self.lists.set_shared(slot, place, shared),
        }
    }

    /// Open keys that two slots share, no further than [`MANY`].
    fn shared_open(&self, one: u32, other: u32) -> u8 {
        let [one, other] = [one, other].map(|slot| self.postings.of(self.keys.of(slot)));
        let of_both = one.iter().filter(|posting| other.binary_search(posting).is_ok());
        let open = of_both.filter(|&&posting| self.postings.is_open(posting, self.bounds.open));
        open.take(MANY as usize).count() as u8
    }

    /// Offers to each other all who carry a key that opened. How many open keys
    /// they share is counted where that matters.
    fn open(&mut self, posting: Posting, stale: &FastSet<u32>, touched: &mut Pairs) {
        let members: Vec<u32> = self.postings.slots(posting).collect();
        self.keys.fetch(&members);
        self.lists.fetch(&members);
        for (index, &one) in members.iter().enumerate() {
            for &other in &members[index + 1..] {
                let weight = self.weight(one, other);
                for (slot, partner) in [(one, other), (other, one)] {
                    if stale.contains(&slot) {
                        continue;
                    }
                    match self.place(slot, partner) {
                        Some(place) => self.lists.set_shared(slot, place, MANY),
                        None => self.offer(slot, Ranked { slot: partner, weight, shared: MANY }, touched),
                    }
                }
            }
        }
    }
}

impl Met {
    fn clear(&mut self) {
        self.slots.clear();
        self.shared.clear();
        self.most.clear();
    }
}

fn pair(one: u32, other: u32) -> (u32, u32) {
    (one.min(other), one.max(other))
}
