//! What those partners of a record weigh at most who have not been met yet, so that
//! where these cannot be among the best, nobody looks for them.
//!
//! Rules of two keys are gone through one after another, those that propose few
//! pairs first. Partners not met by a rule share no keys of both its kinds with the
//! record, unless one that it makes of the record's keys is closed.

use super::groups::Bits;
use super::keys::KINDS;
use super::open::LAST;
use super::rules::Rule;
use crate::matching::threads::joined;

/// What a rule of two keys proposes.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) kinds: (usize, usize),
    /// Where the rows of its open keys start among those of all.
    pub(crate) start: u32,
    /// The rows that carry a closed one.
    closed: Bits,
}

impl Block {
    /// Whether those who share keys of both kinds with a row all share an open key.
    pub(crate) fn meets_all(&self, row: u32) -> bool {
        !self.closed.has(row)
    }

    /// Puts together what rules propose, their open keys' rows and those of closed
    /// ones, after `alone`. Returns the rows of open keys and the blocks, those of few
    /// pairs first, whose rows are the last.
    pub(crate) fn all(alone: Vec<u32>, rules: &[Rule], found: Vec<(Vec<u32>, Bits)>) -> (Vec<u32>, Vec<Self>) {
        let mut found: Vec<_> = rules.iter().zip(found).collect();
        found.sort_by_cached_key(|(_, (members, _))| std::cmp::Reverse(pairs(members)));
        let mut start = alone.len();
        let (mut blocks, mut members) = (Vec::with_capacity(found.len()), vec![alone]);
        for (rule, (of_rule, closed)) in found {
            let (one, other) = (rule.0 as usize, rule.1.unwrap_or(rule.0) as usize);
            blocks.push(Self { kinds: (one, other), start: start as u32, closed });
            start += of_rule.len();
            members.push(of_rule);
        }
        blocks.reverse();
        (joined(members), blocks)
    }
}

/// How many pairs groups of rows propose, each pair counted twice.
fn pairs(members: &[u32]) -> usize {
    let groups = members.split_inclusive(|member| member & LAST != 0);
    groups.map(|group| group.len() * (group.len() - 1)).sum()
}

/// Of one record; see the head of this file.
#[derive(Debug)]
pub(crate) struct Bound {
    /// What the keys of each kind weigh that one partner can share.
    weights: [u32; KINDS],
    /// What the heaviest key of each kind weighs.
    heaviest: [u32; KINDS],
    /// Which kinds one partner can share keys of besides each kind, one bit each.
    beside: [u32; KINDS],
}

impl Bound {
    /// Of a record with keys of these kinds and weights, nobody met yet.
    pub(crate) fn of(keys: impl Iterator<Item = (usize, u32)>) -> Self {
        let mut bound = Self { weights: [0; KINDS], heaviest: [0; KINDS], beside: [u32::MAX; KINDS] };
        keys.for_each(|(kind, weight)| {
            bound.weights[kind] += weight;
            bound.heaviest[kind] = bound.heaviest[kind].max(weight);
        });
        bound
    }

    /// Notes that those not met share no keys of both kinds; of one kind, no two.
    pub(crate) fn part(&mut self, (one, other): (usize, usize)) {
        if one == other {
            self.weights[one] = self.heaviest[one];
        }
        self.beside[one] &= !(1 << other);
        self.beside[other] &= !(1 << one);
    }

    /// The most that those weigh who have not been met and share keys of both kinds.
    pub(crate) fn most(&self, (one, other): (usize, usize)) -> u32 {
        let both = 1 << one | 1 << other;
        let beside = self.beside[one] & self.beside[other] | both;
        (0..KINDS).filter(|kind| beside & 1 << kind != 0).map(|kind| self.weights[kind]).sum()
    }
}
