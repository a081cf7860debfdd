//! The base keys of every slot, and the pairs that rules make of those that are
//! closed.

use super::super::hash;
use super::bases::Bases;
use super::lines::{Lines, Lookup};
use crate::matching::block::keys::{KINDS, Key};
use crate::matching::block::rules::{Rule, Rules};

/// A key of two base keys, of which both are closed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paired {
    /// Place of the rule.
    pub(super) rule: usize,
    pub(super) hash: u64,
    /// Numbers of the two.
    pub(super) parts: [u32; 2],
}

/// Number and identity of a key.
type Numbered = (u32, u64);

/// The closed keys of an item, by kind.
pub(super) struct Closed {
    keys: Vec<Numbered>,
    starts: [u16; KINDS + 1],
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Carried {
    pub(super) rules: Rules,
    /// Most carriers of an open key.
    pub(super) open: usize,
    /// Whether keys of a kind propose pairs by themselves.
    alone: [bool; KINDS],
    /// Of each kind, a bit for each other that a rule pairs it with.
    with: [u16; KINDS],
    pub(super) bases: Bases,
    /// The numbers of each slot's keys, in the order of the keys.
    pub(super) lines: Lines,
}

impl Carried {
    pub(super) fn new(rules: Rules, open: usize) -> Self {
        let alone = std::array::from_fn(|kind| rules.propose_alone(kind));
        let mut with = [0; KINDS];
        for &(first, second) in rules.all() {
            let Some(second) = second else { continue };
            with[first as usize] |= 1 << second as usize;
            with[second as usize] |= 1 << first as usize;
        }
        Self { rules, open, alone, with, bases: Bases::new(), lines: Lines::default() }
    }

    /// Lays out the keys of a slot.
    pub(super) fn lay_out(&self, slot: u32, lookup: &mut Lookup) {
        lookup.put(self.lines.of(slot).into_iter().map(|number| (number, self.bases.get(number).key.weight())));
    }

    /// Lays out keys, of those that anybody carries.
    pub(super) fn lay_out_keys(&self, keys: &[Key], lookup: &mut Lookup) {
        let weights = self.bases.find(keys).into_iter().zip(keys).map(|(number, key)| (number, key.weight()));
        lookup.put(weights.filter(|(number, _)| *number != 0));
    }

    /// The numbers of the keys that two slots share.
    pub(super) fn shared(&self, one: u32, other: u32) -> Vec<u32> {
        self.lines.of(one).into_iter().filter(|&number| self.lines.has(other, number)).collect()
    }

    /// Whether keys of this one's kind propose pairs by themselves.
    pub(super) fn proposes_alone(&self, number: u32) -> bool {
        self.alone[self.bases.get(number).key.kind()]
    }

    /// Whether a key proposes pairs by itself, if anybody else carries it.
    pub(super) fn is_open(&self, number: u32) -> bool {
        self.proposes_alone(number) && self.bases.get(number).carriers as usize <= self.open
    }

    /// Whether a rule may make a pair of any two keys, by their kinds.
    pub(super) fn may_be_paired(&self, numbers: &[u32]) -> bool {
        let (mut seen, mut wanted) = (0, 0);
        numbers.iter().any(|&number| {
            let kind = self.bases.get(number).key.kind();
            let is_wanted = wanted & 1 << kind != 0 || seen & self.with[kind] != 0;
            (seen, wanted) = (seen | 1 << kind, wanted | self.with[kind]);
            is_wanted
        })
    }

    /// Those of an item's keys that are closed.
    pub(super) fn closed(&self, numbers: &[u32]) -> Closed {
        let mut closed = Closed { keys: Vec::with_capacity(numbers.len()), starts: [0; KINDS + 1] };
        for &number in numbers.iter().filter(|&&number| !self.is_open(number)) {
            let key = self.bases.get(number).key;
            closed.keys.push((number, key.identity()));
            closed.starts[key.kind() + 1] += 1;
        }
        for kind in 0..KINDS {
            closed.starts[kind + 1] += closed.starts[kind];
        }
        closed
    }

    /// The pairs that rules make of an item's closed keys.
    pub(super) fn paired(&self, closed: &Closed) -> Vec<Paired> {
        let mut pairs = Vec::with_capacity(closed.keys.len() * 4);
        for (rule, &made_of) in self.rules.all().iter().enumerate() {
            each_pair(closed, made_of, |one, other| pairs.push(Paired::new(rule, one, other)));
        }
        pairs
    }

    /// The pairs that rules make of one key and an item's closed keys.
    pub(super) fn paired_with(&self, number: u32, closed: &Closed) -> Vec<Paired> {
        let key = self.bases.get(number).key;
        let (kind, this) = (key.kind(), (number, key.identity()));
        let mut pairs = Vec::new();
        for (rule, &(first, second)) in self.rules.all().iter().enumerate() {
            let (first, second) = (first as usize, second.map(|second| second as usize));
            let others = match second {
                Some(second) if first == kind => second,
                Some(second) if second == kind => first,
                _ => continue,
            };
            let others_of_kind = closed.of_kind(others).iter().filter(|other| other.0 != number);
            for &other in others_of_kind {
                let is_first = if others == kind { this.1 < other.1 } else { first == kind };
                let (one, other) = if is_first { (this, other) } else { (other, this) };
                pairs.push(Paired::new(rule, one, other));
            }
        }
        pairs
    }

    /// Whether a slot carries a pair of keys.
    pub(super) fn carries(&self, slot: u32, pair: &Paired) -> bool {
        pair.parts.iter().all(|&part| self.lines.has(slot, part)) || self.carries_alike(slot, pair)
    }

    /// Whether a slot carries other keys whose pair has the same hash.
    #[cold]
    fn carries_alike(&self, slot: u32, pair: &Paired) -> bool {
        let mut found = false;
        let is_same = |one: Numbered, other: Numbered| hash::ordered(one.1, other.1) == pair.hash;
        let closed = self.closed(&self.lines.of(slot));
        each_pair(&closed, self.rules.all()[pair.rule], |one, other| found |= is_same(one, other));
        found
    }
}

impl Closed {
    fn of_kind(&self, kind: usize) -> &[Numbered] {
        &self.keys[usize::from(self.starts[kind])..usize::from(self.starts[kind + 1])]
    }
}

impl Paired {
    fn new(rule: usize, one: Numbered, other: Numbered) -> Self {
        Self { rule, hash: hash::ordered(one.1, other.1), parts: [one.0, other.0] }
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        (self.rule, self.parts) == (other.rule, other.parts)
    }
}

/// Gives the pairs that a rule makes of an item's closed keys.
fn each_pair(closed: &Closed, (first, second): Rule, mut give: impl FnMut(Numbered, Numbered)) {
    let Some(second) = second else { return };
    let firsts = closed.of_kind(first as usize);
    for (index, &one) in firsts.iter().enumerate() {
        let seconds = if second == first { &firsts[index + 1..] } else { closed.of_kind(second as usize) };
        for &other in seconds {
            give(one, other);
        }
    }
}
