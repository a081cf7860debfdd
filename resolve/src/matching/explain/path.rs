//! The strongest path of evidence between two records of one profile.

use super::items::Items;
use super::pair::{Bits, Explanation};
use crate::matching::hash;
use serde::Serialize;
use std::collections::VecDeque;

/// Most members among which a path is sought; of more, those of least hash.
const MEMBERS_MAX: usize = 256;
/// Weight of a join by an exclusive identifier: above all evidence.
const EXCLUSIVE: i32 = i32::MAX;

/// How two records hang together; no other path has a stronger weakest step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Path {
    /// Steps from the one record to the other; none between a record and itself.
    pub steps: Vec<Step>,
    /// Weight of the weakest step of evidence; none if there is no such step.
    pub weakest: Option<Bits>,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Names of the records it leads from and to.
    pub records: [String; 2],
    /// What carries it.
    pub hop: Hop,
}

/// What carries a step.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Hop {
    /// The records were joined beforehand.
    Exclusive {
        /// Identifiers both carry; none if records between them carry them, or
        /// an operator asserted it.
        identifiers: Vec<String>,
    },
    /// Their contents match.
    Evidence(Box<Explanation>),
}

impl Items<'_> {
    /// Returns the strongest path from one member of a profile to another: the
    /// weight of its weakest step is the greatest there is, then it has the
    /// fewest steps. Of profiles of more than 256 members, the others are left out.
    #[must_use]
    pub fn path(&self, members: &[u32], one: u32, other: u32) -> Path {
        let members = self.path_members(members, one, other);
        let weights = self.weights(&members);
        let place = |item: u32| members.iter().position(|&member| member == item).unwrap_or_default();
        let (from, to) = (place(one), place(other));
        let bottleneck = bottleneck(&weights, from, to);
        let route = shortest(&weights, bottleneck, from, to);
        let mut scoring = self.scoring();
        let step = |two: &[usize]| {
            let (a, b) = (members[two[0]], members[two[1]]);
            let records = [a, b].map(|item| self.names[item as usize].clone());
            if weights[two[0]][two[1]] == EXCLUSIVE {
                return Step { records, hop: Hop::Exclusive { identifiers: self.shared_identifiers(a, b) } };
            }
            Step { records, hop: Hop::Evidence(Box::new(self.pair_with(&mut scoring, a, b))) }
        };
        let steps = route.windows(2).map(step).collect();
        Path { steps, weakest: Some(Bits(bottleneck)).filter(|weakest| weakest.0 != EXCLUSIVE) }
    }

    /// The two ends and the members of least hash, in a fixed order.
    fn path_members(&self, members: &[u32], one: u32, other: u32) -> Vec<u32> {
        let hash = |item: &u32| self.fields.records[*item as usize];
        let mut kept: Vec<u32> = members.iter().copied().filter(|&item| item != one && item != other).collect();
        kept.sort_by_key(|item| hash::mix(hash(item)));
        kept.truncate(MEMBERS_MAX - 2);
        kept.extend([one, other]);
        kept.sort_by_key(hash);
        kept.dedup();
        kept
    }

    /// Weights of all pairs of members.
    pub(super) fn weights(&self, members: &[u32]) -> Vec<Vec<i32>> {
        let mut scoring = self.scoring();
        let mut weights = vec![vec![EXCLUSIVE; members.len()]; members.len()];
        for one in 0..members.len() {
            for other in one + 1..members.len() {
                let (a, b) = (members[one], members[other]);
                let joined = self.nodes[a as usize] == self.nodes[b as usize];
                let weight = if joined { EXCLUSIVE } else { scoring.score(a, b).weight };
                (weights[one][other], weights[other][one]) = (weight, weight);
            }
        }
        weights
    }

    fn shared_identifiers(&self, one: u32, other: u32) -> Vec<String> {
        let [mut one, other] = [one, other].map(|item| self.exclusive[item as usize].clone());
        one.retain(|identifier| other.contains(identifier));
        one
    }
}

/// The greatest weight of the weakest edge over all paths (Prim 1957).
fn bottleneck(weights: &[Vec<i32>], from: usize, to: usize) -> i32 {
    let mut best: Vec<Option<i32>> = weights[from].iter().copied().map(Some).collect();
    let mut settled = vec![i32::MIN; weights.len()];
    (settled[from], best[from]) = (EXCLUSIVE, None);
    loop {
        let open = best.iter().enumerate().filter_map(|(place, width)| Some(((*width)?, std::cmp::Reverse(place))));
        let Some((width, std::cmp::Reverse(nearest))) = open.max() else { return settled[to] };
        settled[nearest] = width;
        best[nearest] = None;
        if nearest == to {
            return width;
        }
        for (place, known) in best.iter_mut().enumerate() {
            *known = known.map(|known| known.max(width.min(weights[nearest][place])));
        }
    }
}

/// The path of fewest edges that are at least this strong.
fn shortest(weights: &[Vec<i32>], at_least: i32, from: usize, to: usize) -> Vec<usize> {
    let mut before: Vec<Option<usize>> = vec![None; weights.len()];
    before[from] = Some(from);
    let mut queue = VecDeque::from([from]);
    while let Some(place) = queue.pop_front() {
        for next in 0..weights.len() {
            if before[next].is_none() && weights[place][next] >= at_least {
                before[next] = Some(place);
                queue.push_back(next);
            }
        }
    }
    let mut route = vec![to];
    let mut place = to;
    while place != from {
        let Some(previous) = before[place] else { return route };
        place = previous;
        route.push(place);
    }
    route.reverse();
    route
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By every path there is.
    fn widest(weights: &[Vec<i32>], at: usize, to: usize, visited: &mut Vec<usize>) -> i32 {
        if at == to {
            return EXCLUSIVE;
        }
        visited.push(at);
        let widths: Vec<i32> = (0..weights.len())
            .filter(|next| !visited.contains(next))
            .collect::<Vec<_>>()
            .into_iter()
            .map(|next| weights[at][next].min(widest(weights, next, to, visited)))
            .collect();
        visited.pop();
        widths.into_iter().max().unwrap_or(i32::MIN)
    }

    proptest::proptest! {
        #[test]
        fn the_path_is_the_strongest_there_is(given in proptest::collection::vec(-9..9i32, 36)) {
            let weights: Vec<Vec<i32>> =
                (0..6).map(|a: usize| (0..6).map(|b: usize| given[a.min(b) * 6 + a.max(b)]).collect()).collect();
            let width = bottleneck(&weights, 0, 5);
            proptest::prop_assert_eq!(width, widest(&weights, 0, 5, &mut Vec::new()));
            let route = shortest(&weights, width, 0, 5);
            proptest::prop_assert_eq!((route[0], route[route.len() - 1]), (0, 5));
            proptest::prop_assert_eq!(route.windows(2).map(|two| weights[two[0]][two[1]]).min(), Some(width));
        }
    }
}
