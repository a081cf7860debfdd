//! Which items carry which key: base keys, and pairs of them.
//!
//! A base key that few items carry proposes pairs by itself, and what a pair of
//! keys proposes then is proposed already. So pairs of keys are held only of keys
//! that are closed: more items carry them than propose pairs, or their kind never
//! does alone. Where a key closes, its carriers take up its pairs; where it opens
//! again, they give them up.

mod filling;

use super::carried::{Carried, Paired};
use super::members::{Group, Members};
use super::pairs::Pairs;
use crate::matching::block::keys::Key;
use crate::matching::block::rules::Rules;
use std::hint::black_box;

/// Pairs of keys that are looked up together.
const WARMED: usize = 64;

/// A key that opened or closed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Block {
    /// A base key, by its number.
    Alone(u32),
    /// Two of them.
    Paired(Paired),
}

/// What other keys of a slot come to.
#[derive(Default)]
pub(super) struct Moved {
    /// Keys that one carrier less opened.
    pub(super) opened: Vec<Block>,
    /// Keys that one carrier more closed.
    pub(super) closed: Vec<Block>,
    /// The slot's keys.
    pub(super) blocks: Blocks,
}

/// The carriers of an item's keys: of open base keys, and of all its pairs with
/// the place of the rule.
#[derive(Default)]
pub(super) struct Blocks {
    alone: Vec<Group>,
    paired: Vec<(usize, Group)>,
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Postings {
    pub(super) carried: Carried,
    /// Carriers of the base keys that propose pairs by themselves.
    carriers: Members,
    /// Pairs of keys, by rule.
    pairs: Vec<Pairs>,
}

impl Postings {
    pub(super) fn new(rules: Rules, open: usize) -> Self {
        let pairs = rules.all().iter().map(|_| Pairs::new()).collect();
        Self { carried: Carried::new(rules, open), carriers: Members::default(), pairs }
    }

    fn find(&self, pair: &Paired) -> Option<Group> {
        self.pairs[pair.rule].find(pair.hash, |slot| self.carried.carries(slot, pair))
    }

    /// Reads what finding pairs will read: loads that do not wait for each other, so
    /// that later ones find all at hand.
    fn warm(&self, pairs: &[Paired]) {
        black_box(pairs.iter().fold(0, |sum, pair| sum ^ self.pairs[pair.rule].near(pair.hash)));
        let mut found = [(0, Group::alone(0)); WARMED];
        let mut carriers = [0; WARMED];
        for pairs in pairs.chunks(WARMED) {
            let mut count = 0;
            for pair in pairs {
                if let Some(group) = self.pairs[pair.rule].likely(pair.hash) {
                    found[count] = (pair.rule, group);
                    count += 1;
                }
            }
            for (carrier, &(rule, group)) in carriers.iter_mut().zip(&found[..count]) {
                *carrier = self.pairs[rule].members().some(group);
            }
            self.carried.lines.fetch(carriers[..count].iter().copied());
        }
    }

    fn blocks(&self, numbers: &[u32]) -> Blocks {
        let pairs = self.carried.paired(&self.carried.closed(numbers));
        self.warm(&pairs);
        let group = |pair: &Paired| Some((pair.rule, self.find(pair)?));
        Blocks { alone: self.open_alone(numbers), paired: pairs.iter().filter_map(group).collect() }
    }

    /// The carriers of each key that proposes pairs by itself.
    fn open_alone(&self, numbers: &[u32]) -> Vec<Group> {
        let open = numbers.iter().filter(|&&number| self.carried.is_open(number));
        open.map(|&number| self.carried.bases.get(number).group).collect()
    }

    /// The carriers of a slot's keys.
    pub(super) fn blocks_of(&self, slot: u32) -> Blocks {
        self.blocks(&self.carried.lines.of(slot))
    }

    /// The carriers of some keys.
    pub(super) fn blocks_of_keys(&self, keys: &[Key]) -> Blocks {
        let mut numbers = self.carried.bases.find(keys);
        numbers.retain(|&number| number != 0);
        self.blocks(&numbers)
    }

    /// Adds the carriers of those keys that are open, each as often as it carries one.
    pub(super) fn gather(&self, blocks: &Blocks, slots: &mut Vec<u32>) {
        let open = self.carried.open;
        // Loads that do not wait for each other, before those that are used.
        black_box(blocks.alone.iter().fold(0, |sum, &group| sum ^ self.carriers.ends(group)));
        black_box(blocks.paired.iter().fold(0, |sum, &(rule, group)| sum ^ self.pairs[rule].members().ends(group)));
        blocks.alone.iter().for_each(|&group| self.carriers.gather(group, open, slots));
        blocks.paired.iter().for_each(|&(rule, group)| self.pairs[rule].members().gather(group, open, slots));
    }

    /// All carriers of a key, sorted.
    pub(super) fn slots(&self, block: &Block) -> Vec<u32> {
        let mut slots = match block {
            Block::Alone(number) => self.carriers.all(self.carried.bases.get(*number).group),
            Block::Paired(pair) => {
                let pairs = &self.pairs[pair.rule];
                self.find(pair).map_or_else(Vec::new, |group| pairs.members().all(group))
            }
        };
        slots.sort_unstable();
        slots
    }

    /// Open keys that two slots share, or at least one of them.
    pub(super) fn shared_open(&self, one: u32, other: u32) -> usize {
        let shared = self.carried.shared(one, other);
        let alone = shared.iter().filter(|&&number| self.carried.is_open(number)).count();
        if alone > 0 || !self.carried.may_be_paired(&shared) {
            return alone;
        }
        let pairs = self.carried.paired(&self.carried.closed(&shared));
        self.warm(&pairs);
        let is_open = |pair: &&Paired| {
            let group = self.find(pair);
            group.is_some_and(|group| self.pairs[pair.rule].members().count(group) <= self.carried.open)
        };
        pairs.iter().filter(is_open).count()
    }

    /// Gives a slot other keys.
    pub(super) fn rekey(&mut self, slot: u32, keys: &[Key]) -> Moved {
        let (before, after) = (self.carried.lines.of(slot), self.carried.bases.find_or_put(keys));
        let old = self.carried.paired(&self.carried.closed(&before));
        let mut moved = Moved::default();
        let (left, entered) = (without(&before, &after), without(&after, &before));
        for &number in &left {
            self.leave(slot, number, &mut moved.opened);
        }
        for &number in &entered {
            self.enter(slot, number, &mut moved.closed);
        }
        let new = self.carried.paired(&self.carried.closed(&after));
        let is_in = |pair: &Paired, pairs: &[Paired]| pairs.iter().any(|other| pair.is_same(other));
        for pair in old.iter().filter(|pair| !is_in(pair, &new)) {
            self.part(slot, pair, &mut moved.opened);
        }
        self.warm(&new);
        for pair in &new {
            let group =
                if is_in(pair, &old) { self.find(pair) } else { Some(self.join(slot, pair, &mut moved.closed)) };
            moved.blocks.paired.extend(group.map(|group| (pair.rule, group)));
        }
        // Until here the slot tells of the keys by which it was found.
        self.carried.lines.set(slot, &after);
        moved.blocks.alone = self.open_alone(&after);
        for number in
            left.into_iter().filter(|&number| self.carried.bases.get(number).carriers == 0).collect::<Vec<_>>()
        {
            self.carried.bases.let_go(number);
        }
        moved
    }

    /// Takes a slot out of the carriers of a base key, which may open it.
    fn leave(&mut self, slot: u32, number: u32, opened: &mut Vec<Block>) {
        let is_proposed = self.carried.proposes_alone(number);
        let base = self.carried.bases.get_mut(number);
        base.carriers -= 1;
        if !is_proposed {
            return;
        }
        let carriers = base.carriers as usize;
        base.group = self.carriers.remove(base.group, slot).unwrap_or(Group::alone(0));
        if carriers == self.carried.open {
            let pairs = self.pairs_of_carriers(number, slot);
            let keys: Vec<Paired> = pairs.chunk_by(|one, other| one.0.is_same(&other.0)).map(|key| key[0].0).collect();
            self.warm(&keys);
            for pair in &keys {
                self.pairs[pair.rule].let_go(pair.hash, |slot| self.carried.carries(slot, pair));
            }
            opened.push(Block::Alone(number));
        }
    }

    /// Adds a slot to the carriers of a base key, which may close it.
    fn enter(&mut self, slot: u32, number: u32, closed: &mut Vec<Block>) {
        let is_proposed = self.carried.proposes_alone(number);
        let base = self.carried.bases.get_mut(number);
        base.carriers += 1;
        if !is_proposed {
            return;
        }
        let carriers = base.carriers as usize;
        base.group = if carriers == 1 { Group::alone(slot) } else { self.carriers.add(base.group, slot) };
        if carriers == self.carried.open + 1 {
            let pairs = self.pairs_of_carriers(number, slot);
            let keys: Vec<&[(Paired, u32)]> = pairs.chunk_by(|one, other| one.0.is_same(&other.0)).collect();
            self.warm(&keys.iter().map(|key| key[0].0).collect::<Vec<_>>());
            for key in keys {
                let slots: Vec<u32> = key.iter().map(|(_, slot)| *slot).collect();
                self.pairs[key[0].0.rule].put(key[0].0.hash, &slots);
            }
            closed.push(Block::Alone(number));
        }
    }

    /// The pairs of a base key that its carriers have, but for one slot: key by key,
    /// the carriers of each sorted.
    fn pairs_of_carriers(&self, number: u32, but: u32) -> Vec<(Paired, u32)> {
        let slots = self.carriers.all(self.carried.bases.get(number).group);
        self.carried.lines.fetch(slots.iter().copied());
        let of_slot = |slot: u32| {
            let closed = self.carried.closed(&self.carried.lines.of(slot));
            self.carried.paired_with(number, &closed).into_iter().map(move |pair| (pair, slot))
        };
        let mut pairs: Vec<(Paired, u32)> = slots.into_iter().filter(|&slot| slot != but).flat_map(of_slot).collect();
        pairs.sort_unstable_by_key(|(pair, slot)| (pair.rule, pair.parts, *slot));
        pairs
    }

    /// Adds a slot to the carriers of a pair of keys, which may close it. A pair of
    /// a key that closed just now was not open before.
    fn join(&mut self, slot: u32, pair: &Paired, closed: &mut Vec<Block>) -> Group {
        let group = self.add(slot, pair);
        let is_new = |block: &Block| matches!(block, Block::Alone(number) if pair.parts.contains(number));
        if self.pairs[pair.rule].members().count(group) == self.carried.open + 1 && !closed.iter().any(is_new) {
            closed.push(Block::Paired(*pair));
        }
        group
    }

    /// Takes a slot out of the carriers of a pair of keys, which may open it. A pair
    /// of a key that opened just now is there no more.
    fn part(&mut self, slot: u32, pair: &Paired, opened: &mut Vec<Block>) {
        let left = self.remove(slot, pair);
        if left == self.carried.open && !pair.parts.iter().any(|&part| self.carried.is_open(part)) {
            opened.push(Block::Paired(*pair));
        }
    }

    fn add(&mut self, slot: u32, pair: &Paired) -> Group {
        self.pairs[pair.rule].add(pair.hash, slot, |slot| self.carried.carries(slot, pair))
    }

    fn remove(&mut self, slot: u32, pair: &Paired) -> usize {
        self.pairs[pair.rule].remove(pair.hash, slot, |slot| self.carried.carries(slot, pair))
    }

    /// Number of keys.
    pub(super) fn len(&self) -> usize {
        self.carried.bases.len() + self.pairs.iter().map(Pairs::len).sum::<usize>()
    }

    /// Adds the bytes held, by what holds them.
    pub(super) fn held(&self, held: &mut Vec<(&'static str, usize)>) {
        let members: usize = self.pairs.iter().map(|pairs| pairs.members().bytes()).sum();
        let pairs: usize = self.pairs.iter().map(Pairs::bytes).sum();
        held.extend([
            ("base keys", self.carried.bases.bytes()),
            ("base keys of items", self.carried.lines.bytes()),
            ("items of base keys", self.carriers.bytes()),
            ("pairs of keys", pairs - members),
            ("items of pairs of keys", members),
        ]);
    }
}

/// What is in the first of two lists and not in the second.
fn without(one: &[u32], other: &[u32]) -> Vec<u32> {
    one.iter().filter(|number| !other.contains(number)).copied().collect()
}
