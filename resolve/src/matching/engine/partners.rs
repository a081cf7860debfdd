//! The best partners of each item, kept exact as items come, change and go.
//!
//! A list is exact if it holds all partners in open keys, or the best of them
//! and as many as a list holds. Gains are offered to a list; only a loss from a
//! full list makes it be found afresh. Lists of items that were not touched
//! change where a key opens or closes by the touched one.

use super::super::block;
use super::super::bounds::Bounds;
use super::super::hash::{self, FastSet};
use super::super::keys::{Key, Keys, shared};
use super::super::open::Open;
use super::super::threads::map_parts;
#[cfg(test)]
use super::Mutant;
use super::postings::{Posting, Postings, without};

/// Pairs of slots whose weight or standing may have changed, the lesser first.
pub(super) type Pairs = FastSet<(u32, u32)>;

/// A partner and the weight of the keys shared with it.
type Ranked = (u32, u16);

#[derive(Debug)]
pub(super) struct Partners {
    bounds: Bounds,
    ids: Vec<u64>,
    keys: Vec<Box<[Key]>>,
    /// As many places a slot as a list holds.
    listed: Vec<u32>,
    weights: Vec<u16>,
    lengths: Vec<u8>,
    postings: Postings,
    /// Lists found afresh so far.
    pub(super) recomputed: u64,
    #[cfg(test)]
    pub(super) mutant: Option<Mutant>,
}

impl Partners {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            ids: Vec::new(),
            keys: Vec::new(),
            listed: Vec::new(),
            weights: Vec::new(),
            lengths: Vec::new(),
            postings: Postings::new(),
            recomputed: 0,
            #[cfg(test)]
            mutant: None,
        }
    }

    /// Makes room for a slot, or gives one to another item.
    pub(super) fn name(&mut self, slot: u32, id: u64) {
        let slots = self.ids.len().max(slot as usize + 1);
        self.ids.resize(slots, 0);
        self.ids[slot as usize] = id;
        self.keys.resize(slots, Box::default());
        self.lengths.resize(slots, 0);
        self.listed.resize(slots * self.bounds.partners, 0);
        self.weights.resize(slots * self.bounds.partners, 0);
    }

    /// Takes in the keys of all slots at once.
    pub(super) fn load(&mut self, keys: Vec<Vec<Key>>, threads: usize) {
        let all = Keys::of_records(keys.iter().map(Vec::as_slice));
        for (place, rule) in block::RULES.iter().enumerate() {
            self.postings.fill(place, block::entries(&all, *rule));
        }
        let open = Open::new(&all, self.bounds.open, threads);
        drop(all);
        self.keys = keys.into_iter().map(Vec::into_boxed_slice).collect();
        let slots: Vec<u32> = (0..self.keys.len() as u32).collect();
        let ranked = map_parts(threads, &slots, |slots| {
            let mut partners = Vec::new();
            let mut rank = |&slot: &u32| {
                open.partners(slot, &mut partners);
                self.ranked(slot, &partners)
            };
            slots.iter().map(&mut rank).collect::<Vec<_>>()
        });
        for (slot, ranked) in slots.into_iter().zip(ranked.into_iter().flatten()) {
            self.write(slot, &ranked);
        }
    }

    /// Whether two slots are a candidate pair.
    pub(super) fn are_candidates(&self, one: u32, other: u32) -> bool {
        self.list(one).contains(&other) || self.list(other).contains(&one)
    }

    pub(super) fn list(&self, slot: u32) -> &[u32] {
        let start = slot as usize * self.bounds.partners;
        &self.listed[start..start + self.lengths[slot as usize] as usize]
    }

    /// The best partners that keys of no item would have.
    pub(super) fn of_keys(&self, id: u64, keys: &[Key]) -> Vec<u32> {
        let mut ranked: Vec<Ranked> = self
            .eligible(&Postings::of(keys), u32::MAX)
            .into_iter()
            .map(|slot| (slot, shared(keys, &self.keys[slot as usize])))
            .collect();
        ranked.sort_by(|one, other| self.order(id, *one, *other));
        ranked.iter().take(self.bounds.partners).map(|(slot, _)| *slot).collect()
    }

    pub(super) fn keys_held(&self) -> usize {
        self.postings.len()
    }

    pub(super) fn bytes(&self) -> usize {
        let keys: usize = self.keys.iter().map(|keys| size_of_val(&**keys)).sum();
        let lists = self.listed.capacity() * size_of::<u32>() + self.weights.capacity() * size_of::<u16>();
        keys + lists + self.ids.capacity() * (9 + size_of::<Box<[Key]>>()) + self.postings.bytes()
    }

    /// Gives a slot other keys, none to take it out. Adds to `touched` every
    /// pair whose standing may be another, and every candidate pair of the slot.
    pub(super) fn rekey(&mut self, slot: u32, keys: Vec<Key>, touched: &mut Pairs) {
        let before = Postings::of(&self.keys[slot as usize]);
        let after = Postings::of(&keys);
        let old = self.eligible(&before, slot);
        self.keys[slot as usize] = keys.into_boxed_slice();
        let open = self.bounds.open;
        let (mut opened, mut closed) = (Vec::new(), Vec::new());
        for posting in without(&before, &after) {
            self.postings.remove(posting, slot);
            if self.postings.count(posting, open) == open {
                opened.push(posting);
            }
        }
        for posting in without(&after, &before) {
            if self.postings.count(posting, open) == open {
                closed.push(posting);
            }
            self.postings.insert(posting, slot);
        }
        let new = self.eligible(&after, slot);
        let ranked = self.ranked(slot, &new);
        self.replace(slot, &ranked, touched);
        let mut stale: FastSet<u32> = FastSet::default();
        let gone = old.iter().filter(|partner| new.binary_search(partner).is_err());
        gone.for_each(|&partner| self.adjust(partner, slot, None, &mut stale, touched));
        for &partner in &new {
            let weight = self.weight(partner, slot);
            self.adjust(partner, slot, Some(weight), &mut stale, touched);
        }
        #[cfg(test)]
        if self.mutant == Some(Mutant::ForgetsBlocks) {
            (opened, closed) = (Vec::new(), Vec::new());
        }
        for posting in closed {
            self.close(posting, slot, &mut stale, touched);
        }
        for posting in opened {
            self.open(posting, &stale, touched);
        }
        for stale in stale {
            self.recomputed += 1;
            let eligible = self.eligible(&Postings::of(&self.keys[stale as usize]), stale);
            let ranked = self.ranked(stale, &eligible);
            self.replace(stale, &ranked, touched);
        }
    }

    /// Partners of a slot in open keys, sorted.
    fn eligible(&self, postings: &[Posting], slot: u32) -> Vec<u32> {
        let open = self.bounds.open;
        let mut eligible = Vec::new();
        for &posting in postings {
            let start = eligible.len();
            eligible.extend(self.postings.slots(posting).take(open + 1));
            if eligible.len() - start > open {
                eligible.truncate(start);
            }
        }
        eligible.sort_unstable();
        eligible.dedup();
        eligible.retain(|&partner| partner != slot);
        eligible
    }

    fn weight(&self, one: u32, other: u32) -> u16 {
        #[cfg(test)]
        if self.mutant == Some(Mutant::RanksByLiveCounts) {
            return self.live_weight(one, other);
        }
        shared(&self.keys[one as usize], &self.keys[other as usize])
    }

    #[cfg(test)]
    fn live_weight(&self, one: u32, other: u32) -> u16 {
        let [one, other] = [one, other].map(|slot| Postings::of(&self.keys[slot as usize]));
        let of_both = one.iter().filter(|posting| other.binary_search(posting).is_ok());
        of_both.map(|&posting| 100 / (1 + self.postings.slots(posting).count() as u16)).sum()
    }

    /// The best of a slot's partners, best first.
    fn ranked(&self, slot: u32, partners: &[u32]) -> Vec<Ranked> {
        let mut ranked: Vec<Ranked> = partners.iter().map(|&partner| (partner, self.weight(slot, partner))).collect();
        let (id, most) = (self.ids[slot as usize], self.bounds.partners);
        if ranked.len() > most {
            ranked.select_nth_unstable_by(most - 1, |one, other| self.order(id, *one, *other));
            ranked.truncate(most);
        }
        ranked.sort_unstable_by(|one, other| self.order(id, *one, *other));
        ranked
    }

    /// The better partner of `id` first: more weight, then less hash of the pair.
    fn order(&self, id: u64, one: Ranked, other: Ranked) -> std::cmp::Ordering {
        #[cfg(test)]
        if self.mutant == Some(Mutant::FirstComeTies) {
            return other.1.cmp(&one.1);
        }
        let tie = |(partner, _): Ranked| hash::pair(id, self.ids[partner as usize]);
        other.1.cmp(&one.1).then_with(|| tie(one).cmp(&tie(other)))
    }

    fn ranks(&self, slot: u32) -> Vec<Ranked> {
        let start = slot as usize * self.bounds.partners;
        self.list(slot).iter().copied().zip(self.weights[start..].iter().copied()).collect()
    }

    fn write(&mut self, slot: u32, ranked: &[Ranked]) {
        let start = slot as usize * self.bounds.partners;
        for (place, &(partner, weight)) in ranked.iter().enumerate() {
            (self.listed[start + place], self.weights[start + place]) = (partner, weight);
        }
        self.lengths[slot as usize] = ranked.len() as u8;
    }

    fn replace(&mut self, slot: u32, ranked: &[Ranked], touched: &mut Pairs) {
        let old = self.list(slot).iter();
        touched.extend(old.chain(ranked.iter().map(|(partner, _)| partner)).map(|&partner| pair(slot, partner)));
        self.write(slot, ranked);
    }

    /// Puts `partner` where it belongs in the list of `slot`, or takes it out.
    fn adjust(&mut self, slot: u32, partner: u32, weight: Option<u16>, stale: &mut FastSet<u32>, touched: &mut Pairs) {
        let Some(place) = self.list(slot).iter().position(|&known| known == partner) else {
            if let Some(weight) = weight {
                self.offer(slot, (partner, weight), touched);
            }
            return;
        };
        touched.insert(pair(slot, partner));
        let mut ranks = self.ranks(slot);
        let full = ranks.len() == self.bounds.partners;
        let known = ranks.remove(place);
        if Some(known.1) == weight {
            return;
        }
        let id = self.ids[slot as usize];
        let stays = |weight: u16| {
            let last = ranks.last().copied().unwrap_or((partner, u16::MAX));
            !full || weight > known.1 || self.order(id, (partner, weight), last).is_lt()
        };
        match weight {
            None if full => drop(stale.insert(slot)),
            Some(weight) if !stays(weight) => drop(stale.insert(slot)),
            None => self.write(slot, &ranks),
            Some(weight) => {
                let place = ranks.partition_point(|&rank| self.order(id, rank, (partner, weight)).is_le());
                ranks.insert(place, (partner, weight));
                self.write(slot, &ranks);
            }
        }
    }

    /// Offers a partner that is not in the list of `slot`.
    fn offer(&mut self, slot: u32, partner: Ranked, touched: &mut Pairs) {
        let (id, length, most) = (self.ids[slot as usize], self.lengths[slot as usize] as usize, self.bounds.partners);
        let start = slot as usize * most;
        if length == most {
            let last = (self.listed[start + most - 1], self.weights[start + most - 1]);
            if !self.order(id, partner, last).is_lt() {
                return;
            }
            touched.insert(pair(slot, last.0));
        }
        touched.insert(pair(slot, partner.0));
        let mut ranks = self.ranks(slot);
        let place = ranks.partition_point(|&rank| self.order(id, rank, partner).is_le());
        ranks.insert(place, partner);
        ranks.truncate(most);
        self.write(slot, &ranks);
    }

    /// Takes out of lists who was there only by a key that `slot` closed.
    fn close(&mut self, posting: Posting, slot: u32, stale: &mut FastSet<u32>, touched: &mut Pairs) {
        let members: Vec<u32> = self.postings.slots(posting).filter(|&member| member != slot).collect();
        let postings: Vec<Vec<Posting>> =
            members.iter().map(|&member| Postings::of(&self.keys[member as usize])).collect();
        for (place, &member) in members.iter().enumerate() {
            for (other, &partner) in members.iter().enumerate() {
                if self.list(member).contains(&partner) && !self.share_open(&postings[place], &postings[other]) {
                    self.adjust(member, partner, None, stale, touched);
                }
            }
        }
    }

    fn share_open(&self, one: &[Posting], other: &[Posting]) -> bool {
        let open = self.bounds.open;
        let of_both = one.iter().filter(|posting| other.binary_search(posting).is_ok());
        of_both.copied().any(|posting| self.postings.count(posting, open) <= open)
    }

    /// Offers to each other all who carry a key that opened.
    fn open(&mut self, posting: Posting, stale: &FastSet<u32>, touched: &mut Pairs) {
        let members: Vec<u32> = self.postings.slots(posting).collect();
        for (place, &one) in members.iter().enumerate() {
            for &other in &members[place + 1..] {
                let weight = self.weight(one, other);
                for (slot, partner) in [(one, other), (other, one)] {
                    if !stale.contains(&slot) && !self.list(slot).contains(&partner) {
                        self.offer(slot, (partner, weight), touched);
                    }
                }
            }
        }
    }
}

fn pair(one: u32, other: u32) -> (u32, u32) {
    (one.min(other), one.max(other))
}
