//! The best partners of each item, kept exact as items come, change and go.
//!
//! A list is exact if it holds all partners in open keys, or the best of them
//! and as many as a list holds. Gains are offered to a list; only a loss from a
//! full list makes it be found afresh. Lists of items that were not touched
//! change where a key opens or closes by the touched one.

use super::super::block::{self, RULES};
use super::super::bounds::Bounds;
use super::super::hash::{self, FastSet};
use super::super::keys::{Key, Keys, shared};
use super::super::open::{Met, Open, grouped};
use super::super::threads::map_parts;
#[cfg(test)]
use super::Mutant;
use super::carried::Carried;
use super::lists::{Lists, Ranked};
use super::lookup::Lookup;
use super::postings::{Entries, Posting, Postings, without};

/// Pairs of slots whose weight or standing may have changed, the lesser first.
pub(super) type Pairs = Vec<(u32, u32)>;

/// Partners that room is made for at first, each as often as keys are shared.
const GATHERED: usize = 512;

#[derive(Debug)]
pub(super) struct Partners {
    bounds: Bounds,
    ids: Vec<u64>,
    keys: Carried,
    lists: Lists,
    postings: Postings,
    /// A bit a slot, all clear but while partners are gathered.
    seen: Vec<u64>,
    /// Lists found afresh so far.
    pub(super) recomputed: u64,
    #[cfg(test)]
    pub(super) mutant: Option<Mutant>,
}

/// What follows from other keys of a slot, but for lists found afresh.
struct Rekeyed {
    slot: u32,
    /// Keys of the slot that one more or one less now makes count, or not.
    opened: Vec<Posting>,
    closed: Vec<Posting>,
    /// Slots whose lists must be found afresh.
    stale: FastSet<u32>,
}

impl Partners {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            ids: Vec::new(),
            keys: Carried::default(),
            lists: Lists::new(bounds.partners),
            postings: Postings::new(),
            seen: Vec::new(),
            recomputed: 0,
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
        self.lists.resize(slots);
        self.seen.resize(slots.div_ceil(64), 0);
    }

    /// Takes in the keys of all slots at once.
    pub(super) fn load(&mut self, keys: &Keys, threads: usize) {
        let mut members = Vec::new();
        let rules: Vec<usize> = (0..RULES.len()).collect();
        for rules in rules.chunks(threads.max(1)) {
            let filled = map_parts(threads, rules, |rules| {
                let of_rule = |&rule: &usize| {
                    let entries = block::entries(keys, RULES[rule]);
                    (rule, Entries::new(&entries), grouped(&entries, self.bounds.open))
                };
                rules.iter().map(of_rule).collect::<Vec<_>>()
            });
            for (rule, entries, open) in filled.into_iter().flatten() {
                self.postings.fill(rule, entries);
                members.extend_from_slice(&open);
            }
        }
        let open = Open::of(members, keys.rows());
        self.keys = Carried::of_all(keys);
        let slots: Vec<u32> = (0..keys.rows() as u32).collect();
        let ranked = map_parts(threads, &slots, |slots| {
            let (mut met, mut partners, mut lookup) = (Met::none(keys.rows()), Vec::new(), Lookup::new());
            let mut rank = |&slot: &u32| {
                open.gather(slot, &mut met, &mut partners);
                let weights = self.weigh(slot, &partners, &mut lookup);
                self.best(slot, &partners, &weights)
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
        let partners = self.eligible(&Postings::of(keys), u32::MAX);
        let mut ranked: Vec<Ranked> =
            partners.into_iter().map(|partner| (partner, shared(keys, self.keys.of(partner)))).collect();
        ranked.sort_by(|one, other| self.order(id, *one, *other));
        ranked.iter().take(self.bounds.partners).map(|(slot, _)| *slot).collect()
    }

    pub(super) fn keys_held(&self) -> usize {
        self.postings.len()
    }

    pub(super) fn bytes(&self) -> usize {
        let ids = self.ids.capacity() * size_of::<u64>() + self.seen.capacity() * size_of::<u64>();
        ids + self.keys.bytes() + self.lists.bytes() + self.postings.bytes()
    }

    /// Gives a slot other keys, none to take it out. Adds to `touched` every
    /// pair whose standing may be another, and every candidate pair of the slot.
    pub(super) fn rekey(&mut self, slot: u32, keys: &[Key], touched: &mut Pairs) {
        let before = Postings::of(self.keys.of(slot));
        let after = Postings::of(keys);
        let old = self.eligible(&before, slot);
        self.keys.set(slot, keys);
        let (mut rekeyed, new) = self.move_in(slot, &before, &after);
        let weights = self.weigh(slot, &new, &mut Lookup::new());
        let ranked = self.best(slot, &new, &weights);
        self.replace(slot, &ranked, touched);
        for partner in self.missing(old, &new) {
            self.adjust(partner, slot, None, &mut rekeyed.stale, touched);
        }
        let is_new = before.is_empty();
        for (&partner, &weight) in new.iter().zip(&weights) {
            if is_new {
                self.offer(partner, (slot, weight), touched);
            } else {
                self.adjust(partner, slot, Some(weight), &mut rekeyed.stale, touched);
            }
        }
        #[cfg(test)]
        if self.mutant == Some(Mutant::ForgetsBlocks) {
            (rekeyed.opened, rekeyed.closed) = (Vec::new(), Vec::new());
        }
        self.follow(rekeyed, touched);
    }

    /// Moves a slot from keys to others; returns what that opens and closes,
    /// and the slot's partners.
    fn move_in(&mut self, slot: u32, before: &[Posting], after: &[Posting]) -> (Rekeyed, Vec<u32>) {
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
        let new = self.eligible_in(after, &blocks, slot, |posting, count| {
            if count == open + 1 && entered.binary_search(&posting).is_ok() {
                closed.push(posting);
            }
        });
        (Rekeyed { slot, opened, closed, stale: FastSet::default() }, new)
    }

    /// Brings the lists of others up to date with what opened and closed.
    fn follow(&mut self, rekeyed: Rekeyed, touched: &mut Pairs) {
        let Rekeyed { slot, opened, closed, mut stale } = rekeyed;
        for posting in closed {
            self.close(posting, slot, &mut stale, touched);
        }
        for posting in opened {
            self.open(posting, &stale, touched);
        }
        let mut lookup = Lookup::new();
        for stale in stale {
            self.recomputed += 1;
            let eligible = self.eligible(&Postings::of(self.keys.of(stale)), stale);
            let weights = self.weigh(stale, &eligible, &mut lookup);
            let ranked = self.best(stale, &eligible, &weights);
            self.replace(stale, &ranked, touched);
        }
    }

    /// Partners of a slot in open keys, each once.
    fn eligible(&mut self, postings: &[Posting], slot: u32) -> Vec<u32> {
        self.eligible_in(postings, &self.postings.find(postings), slot, |_, _| {})
    }

    /// The same in the blocks that keys were found in; says of each key how
    /// many carry it, no further than two above those of an open one.
    fn eligible_in(
        &mut self,
        postings: &[Posting],
        blocks: &[usize],
        slot: u32,
        mut counted: impl FnMut(Posting, usize),
    ) -> Vec<u32> {
        let mut eligible = Vec::with_capacity(GATHERED);
        for (&posting, &block) in postings.iter().zip(blocks) {
            counted(posting, self.postings.gather(posting, block, self.bounds.open, &mut eligible));
        }
        let mut fresh = Seen(&mut self.seen);
        eligible.retain(|&partner| fresh.insert(partner));
        fresh.clear(&eligible);
        eligible.retain(|&partner| partner != slot);
        eligible
    }

    /// Those of the first slots that are not among the others.
    fn missing(&mut self, mut slots: Vec<u32>, others: &[u32]) -> Vec<u32> {
        if !slots.is_empty() {
            let mut seen = Seen(&mut self.seen);
            for &other in others {
                seen.insert(other);
            }
            slots.retain(|&slot| !seen.contains(slot));
            seen.clear(others);
        }
        slots
    }

    /// Weighs the keys that each partner shares with a slot.
    fn weigh(&self, slot: u32, partners: &[u32], lookup: &mut Lookup) -> Vec<u16> {
        #[cfg(test)]
        if self.mutant == Some(Mutant::RanksByLiveCounts) {
            return partners.iter().map(|&partner| self.live_weight(slot, partner)).collect();
        }
        self.keys.fetch(partners);
        let own = self.keys.of(slot);
        lookup.put(own);
        let weights = partners.iter().map(|&partner| lookup.shared(self.keys.of(partner))).collect();
        lookup.clear(own);
        weights
    }

    #[cfg(test)]
    fn live_weight(&self, one: u32, other: u32) -> u16 {
        let [one, other] = [one, other].map(|slot| Postings::of(self.keys.of(slot)));
        let of_both = one.iter().filter(|posting| other.binary_search(posting).is_ok());
        of_both.map(|&posting| 100 / (1 + self.postings.slots(posting).count() as u16)).sum()
    }

    /// The best of a slot's partners, best first.
    fn best(&self, slot: u32, partners: &[u32], weights: &[u16]) -> Vec<Ranked> {
        let (id, most) = (self.ids[slot as usize], self.bounds.partners);
        let all = || partners.iter().copied().zip(weights.iter().copied());
        let mut least = 0;
        if partners.len() > most {
            let mut weights = weights.to_vec();
            least = *weights.select_nth_unstable_by(most - 1, |one, other| other.cmp(one)).1;
        }
        let mut ranked: Vec<Ranked> = all().filter(|(_, weight)| *weight > least || least == 0).collect();
        if least > 0 {
            ranked.extend(all().filter(|(_, weight)| *weight == least));
        }
        ranked.sort_by_cached_key(|&(partner, weight)| (std::cmp::Reverse(weight), self.tie(id, partner)));
        ranked.truncate(most);
        ranked
    }

    /// The better partner of `id` first: more weight, then less hash of the pair.
    fn order(&self, id: u64, one: Ranked, other: Ranked) -> std::cmp::Ordering {
        other.1.cmp(&one.1).then_with(|| self.tie(id, one.0).cmp(&self.tie(id, other.0)))
    }

    fn tie(&self, id: u64, partner: u32) -> u64 {
        #[cfg(test)]
        if self.mutant == Some(Mutant::FirstComeTies) {
            return 0;
        }
        hash::pair(id, self.ids[partner as usize])
    }

    fn replace(&mut self, slot: u32, ranked: &[Ranked], touched: &mut Pairs) {
        let old = self.list(slot).iter();
        touched.extend(old.chain(ranked.iter().map(|(partner, _)| partner)).map(|&partner| pair(slot, partner)));
        self.lists.write(slot, ranked);
    }

    /// Puts `partner` where it belongs in the list of `slot`, or takes it out.
    fn adjust(&mut self, slot: u32, partner: u32, weight: Option<u16>, stale: &mut FastSet<u32>, touched: &mut Pairs) {
        let Some(place) = self.list(slot).iter().position(|&known| known == partner) else {
            if let Some(weight) = weight {
                self.offer(slot, (partner, weight), touched);
            }
            return;
        };
        touched.push(pair(slot, partner));
        let (full, known) = (self.lists.is_full(slot), self.lists.rank(slot, place).1);
        if Some(known) == weight {
            return;
        }
        self.lists.remove(slot, place);
        match weight {
            Some(weight) if !full || weight > known || self.is_better(slot, (partner, weight)) => {
                self.put(slot, (partner, weight));
            }
            _ if full => drop(stale.insert(slot)),
            _ => {}
        }
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
        if self.lists.is_below(slot, partner.1) {
            return;
        }
        if self.lists.is_full(slot) {
            if !self.is_better(slot, partner) {
                return;
            }
            touched.extend(self.lists.last(slot).map(|(last, _)| pair(slot, last)));
        }
        touched.push(pair(slot, partner.0));
        self.put(slot, partner);
    }

    /// Takes out of lists who was there only by a key that `slot` closed.
    fn close(&mut self, posting: Posting, slot: u32, stale: &mut FastSet<u32>, touched: &mut Pairs) {
        let members: Vec<u32> = self.postings.slots(posting).filter(|&member| member != slot).collect();
        self.keys.fetch(&members);
        self.lists.fetch(members.iter().copied());
        for &member in &members {
            let partners = self.list(member).iter().filter(|partner| members.binary_search(partner).is_ok());
            let lost: Vec<u32> = partners.copied().filter(|&partner| !self.share_open(member, partner)).collect();
            for partner in lost {
                self.adjust(member, partner, None, stale, touched);
            }
        }
    }

    /// Whether two slots share an open key. Mostly one of base keys they share
    /// says so; should hashes collide, only all that they carry do.
    fn share_open(&self, one: u32, other: u32) -> bool {
        let is_open = |posting: &Posting| self.postings.is_open(*posting, self.bounds.open);
        let (one, other) = (self.keys.of(one), self.keys.of(other));
        let of_both: Vec<Key> = one.iter().filter(|key| other.binary_search(key).is_ok()).copied().collect();
        // Rules of two keys come last, and what they make is open more often.
        if Postings::of(&of_both).iter().rev().any(is_open) {
            return true;
        }
        let (one, other) = (Postings::of(one), Postings::of(other));
        one.iter().filter(|posting| other.binary_search(posting).is_ok()).any(is_open)
    }

    /// Offers to each other all who carry a key that opened.
    fn open(&mut self, posting: Posting, stale: &FastSet<u32>, touched: &mut Pairs) {
        let members: Vec<u32> = self.postings.slots(posting).collect();
        let mut lookup = Lookup::new();
        for (place, &one) in members.iter().enumerate() {
            let others = &members[place + 1..];
            let weights = self.weigh(one, others, &mut lookup);
            for (&other, weight) in others.iter().zip(weights) {
                for (slot, partner) in [(one, other), (other, one)] {
                    let is_known = || stale.contains(&slot) || self.list(slot).contains(&partner);
                    if !self.lists.is_below(slot, weight) && !is_known() {
                        self.offer(slot, (partner, weight), touched);
                    }
                }
            }
        }
    }
}

/// A set of slots: a bit each.
struct Seen<'a>(&'a mut Vec<u64>);

impl Seen<'_> {
    /// Adds a slot; whether it is new.
    fn insert(&mut self, slot: u32) -> bool {
        let (word, bit) = (&mut self.0[slot as usize / 64], 1 << (slot % 64));
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    fn contains(&self, slot: u32) -> bool {
        self.0[slot as usize / 64] & 1 << (slot % 64) != 0
    }

    fn clear(&mut self, slots: &[u32]) {
        for &slot in slots {
            self.0[slot as usize / 64] = 0;
        }
    }
}

fn pair(one: u32, other: u32) -> (u32, u32) {
    (one.min(other), one.max(other))
}
