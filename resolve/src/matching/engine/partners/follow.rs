//! Bringing the lists of others up to date with keys that opened and closed.

use super::super::super::hash::FastSet;
use super::super::lines::Lookup;
use super::super::lists::Ranked;
use super::super::postings::{Block, Moved};
use super::super::tally::{Among, MANY};
use super::{Partners, Touched, pair};

impl Partners {
    /// Follows up what the keys of a slot opened and closed. `stale` are slots whose
    /// lists must be found afresh.
    pub(super) fn follow(
        &mut self,
        slot: u32,
        moved: &Moved,
        mut stale: FastSet<u32>,
        lookup: &mut Lookup,
        touched: &mut Touched,
    ) {
        let mut unsure = Vec::new();
        for block in &moved.closed {
            self.close(block, slot, &mut unsure);
        }
        self.postings.carried.lines.fetch(unsure.iter().flat_map(|&(one, other)| [one, other]));
        for (slot, partner) in unsure {
            self.make_sure(slot, partner, &mut stale, touched);
        }
        for block in &moved.opened {
            self.open(block, &stale, lookup, touched);
        }
        self.postings.carried.lines.fetch(stale.iter().copied());
        for stale in stale {
            self.done.recomputed += 1;
            let mut met = self.met(&self.postings.blocks_of(stale), Some(stale));
            self.weigh(stale, &mut met, lookup);
            let [before, after] = self.replace(stale, &met);
            let left = before.iter().filter(|partner| !after.contains(partner));
            let entered = after.iter().filter(|partner| !before.contains(partner));
            touched.left.extend(left.map(|&partner| pair(stale, partner)));
            touched.entered.extend(entered.map(|&partner| pair(stale, partner)));
            self.scratch = met;
        }
    }

    /// Counts off a key that `slot` closed. Where that leaves none in a list that
    /// is surely shared, the list's slot and the partner are added to `unsure`.
    fn close(&mut self, block: &Block, slot: u32, unsure: &mut Vec<(u32, u32)>) {
        let mut members = self.postings.slots(block);
        members.retain(|&member| member != slot);
        let among = Among::new(&members);
        self.lists.fetch(members.iter().copied());
        for &member in &members {
            for place in 0..self.lists.length(member) {
                let partner = self.lists.rank(member, place).slot;
                if among.place(partner).is_some() && self.lists.share_less(member, place) == 0 {
                    unsure.push((member, partner));
                }
            }
        }
    }

    /// Counts the open keys that a slot shares with a partner in its list, unless
    /// that is found afresh anyway.
    fn make_sure(&mut self, slot: u32, partner: u32, stale: &mut FastSet<u32>, touched: &mut Touched) {
        let Some(place) = self.place(slot, partner).filter(|_| !stale.contains(&slot)) else { return };
        match self.postings.shared_open(slot, partner).min(MANY as usize) {
            0 => self.adjust(slot, partner, None, stale, touched),
            shared => self.lists.set_shared(slot, place, shared as u8),
        }
    }

    /// Offers to each other all who carry a key that opened. It is one that they
    /// surely share; the pairs that a base key had while it was closed are gone.
    fn open(&mut self, block: &Block, stale: &FastSet<u32>, lookup: &mut Lookup, touched: &mut Touched) {
        let members = self.postings.slots(block);
        self.lists.fetch(members.iter().copied());
        let mut weights = Vec::new();
        for (index, &one) in members.iter().enumerate() {
            let others = &members[index + 1..];
            weights.clear();
            self.weigh_all(one, others, lookup, &mut weights);
            for (&other, &weight) in others.iter().zip(&weights) {
                for (slot, partner) in [(one, other), (other, one)] {
                    if stale.contains(&slot) {
                        continue;
                    }
                    match self.place(slot, partner) {
                        Some(place) => self.lists.set_shared(slot, place, 1),
                        None => self.offer(slot, Ranked { slot: partner, weight, shared: 1 }, touched),
                    }
                }
            }
        }
    }
}
