//! How a profile came about: its merges in order, how dense its evidence is,
//! and what alone holds it together.

use super::items::Items;
use super::pair::{Bits, Contribution};
use crate::matching::bounds::Bounds;
use crate::matching::cluster::{Cut, Sum};
use serde::Serialize;

/// Most nodes for which bridges are sought; units have no more.
const NODES_MAX: usize = Bounds::REAL.unit;
/// Most contributions named for a merge.
const EVIDENCE_MAX: usize = 3;

/// How a profile came about.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct History {
    /// Names of its records.
    pub records: Vec<String>,
    /// Records that exclusive identifiers joined beforehand.
    pub joined: Vec<Vec<String>>,
    /// Its merges, the first first.
    pub merges: Vec<Merge>,
    /// Groups that evidence alone leaves apart: one, unless a decision joins them.
    pub groups: Vec<Vec<String>>,
    /// Share of its pairs that tell something whose weight is not negative, 0..=1; 1 without any.
    pub density: f64,
    /// Mean match probability of its pairs that tell something, 0..=1; 1 without any.
    pub mean_probability: f64,
    /// What alone holds it together.
    pub bridges: Vec<Bridge>,
}

/// One merge of greedy average linkage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Merge {
    /// Names of the records of both sides.
    pub sides: [Vec<String>; 2],
    /// Mean probability of the pairs between them that tell something, 0..=1.
    pub mean_probability: f64,
    /// The strongest pair between them.
    pub strongest: [String; 2],
    /// Its weight.
    pub match_weight: Bits,
    /// What contributes the most to it.
    pub evidence: Vec<Contribution>,
}

/// What alone holds a profile together.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "bridge", rename_all = "snake_case")]
pub enum Bridge {
    /// Without this record the others would be several profiles.
    Record {
        /// Its name.
        name: String,
        /// Names of the records of each of them.
        leaves: Vec<Vec<String>>,
    },
    /// No other pair of a weight that is not negative joins the two sides.
    Pair {
        /// Its records.
        records: [String; 2],
        /// Its weight.
        match_weight: Bits,
    },
}

/// A profile's nodes, and what the pairs between them are worth.
struct Nodes {
    /// Every item of each node.
    all: Vec<Vec<u32>>,
    sums: Vec<Vec<Sum>>,
    hashes: Vec<u64>,
}

/// Two clusters of nodes that are merged.
struct Joined {
    sides: [Vec<usize>; 2],
    sum: Sum,
}

/// Two clusters that may be merged next.
struct Next {
    places: (usize, usize),
    sum: Sum,
    hashes: (u64, u64),
}

impl Next {
    /// Larger mean first; then by hashes.
    fn is_before(&self, other: &Self) -> bool {
        let means = self.sum.cmp_mean(other.sum);
        means.is_gt() || (means.is_eq() && self.hashes < other.hashes)
    }
}

impl Items<'_> {
    /// Replays how the members of one profile were merged. What is merged
    /// within a profile does not depend on records outside of it.
    #[must_use]
    pub fn how(&self, members: &[u32]) -> History {
        let nodes = self.nodes_of(members);
        let every: Vec<usize> = (0..nodes.all.len()).collect();
        let (joined, groups) = nodes.linkage(&every, self.cut);
        let names = |places: &[usize]| self.names_of(places.iter().flat_map(|&place| &nodes.all[place]));
        let (density, mean_probability) = self.density(members);
        History {
            records: self.names_of(members),
            joined: nodes.all.iter().filter(|all| all.len() > 1).map(|all| self.names_of(all)).collect(),
            merges: joined.iter().map(|joined| self.merge(&nodes, joined)).collect(),
            groups: groups.iter().map(|group| names(group)).collect(),
            density,
            mean_probability,
            bridges: if every.len() > NODES_MAX { Vec::new() } else { self.bridges(&nodes) },
        }
    }

    fn names_of<'a>(&self, items: impl IntoIterator<Item = &'a u32>) -> Vec<String> {
        items.into_iter().map(|&item| self.names[item as usize].clone()).collect()
    }

    fn nodes_of(&self, members: &[u32]) -> Nodes {
        let hash = |item: &u32| self.fields.records[*item as usize];
        let mut members = members.to_vec();
        members.sort_by_key(|item| (self.nodes[*item as usize], hash(item)));
        let of_one_node = |one: &u32, other: &u32| self.nodes[*one as usize] == self.nodes[*other as usize];
        let all: Vec<Vec<u32>> = members.chunk_by(of_one_node).map(<[u32]>::to_vec).collect();
        let items: Vec<Vec<u32>> = all.iter().map(|all| all[..all.len().min(Bounds::REAL.node)].to_vec()).collect();
        let hashes = items.iter().map(|items| hash(&items[0])).collect();
        let mut scoring = self.scoring();
        let mut sums = vec![vec![Sum::default(); items.len()]; items.len()];
        for one in 0..items.len() {
            for other in one + 1..items.len() {
                let sum = Sum::between(&items[one], &items[other], |a, b| scoring.score(a, b));
                (sums[one][other], sums[other][one]) = (sum, sum);
            }
        }
        Nodes { all, sums, hashes }
    }

    /// Of the pairs that tell something, the share of a weight that is not
    /// negative, and their mean probability.
    fn density(&self, members: &[u32]) -> (f64, f64) {
        let mut scoring = self.scoring();
        let (mut pairs, mut close, mut sum) = (0u64, 0u64, Sum::default());
        for (index, &one) in members.iter().enumerate() {
            for &other in &members[index + 1..] {
                let score = scoring.score(one, other);
                sum.add_pair(score);
                pairs += u64::from(score.telling);
                close += u64::from(score.telling && score.weight >= 0);
            }
        }
        sum.mean_probability().map_or((1.0, 1.0), |mean| (close as f64 / pairs as f64, mean))
    }

    fn merge(&self, nodes: &Nodes, joined: &Joined) -> Merge {
        let sides = [0, 1].map(|side| joined.sides[side].iter().flat_map(|&place| &nodes.all[place]));
        let [one, other] = sides.clone().map(|items| items.copied().collect::<Vec<u32>>());
        let (a, b) = self.strongest(&one, &other);
        let explained = self.pair(a, b);
        let supports = |contribution: &Contribution| contribution.match_weight.0 > 0;
        Merge {
            sides: sides.map(|items| self.names_of(items)),
            mean_probability: joined.sum.mean_probability().unwrap_or_default(),
            strongest: explained.records.clone(),
            match_weight: explained.match_weight,
            evidence: explained.contributions.into_iter().filter(supports).take(EVIDENCE_MAX).collect(),
        }
    }

    /// The pair of the greatest weight between two groups, ties by hash.
    pub(super) fn strongest(&self, one: &[u32], other: &[u32]) -> (u32, u32) {
        let mut scoring = self.scoring();
        let hash = |item: u32| self.fields.records[item as usize];
        let pairs = one.iter().flat_map(|&a| other.iter().map(move |&b| (a, b)));
        let key = |(a, b): (u32, u32), weight: i32| (weight, std::cmp::Reverse((hash(a), hash(b))));
        let best = pairs.max_by_key(|&(a, b)| key((a, b), scoring.score(a, b).weight));
        best.unwrap_or_default()
    }

    fn bridges(&self, nodes: &Nodes) -> Vec<Bridge> {
        let every: Vec<usize> = (0..nodes.all.len()).collect();
        let mut bridges = Vec::new();
        for &left_out in every.iter().filter(|&&place| nodes.all[place].len() == 1) {
            let others: Vec<usize> = every.iter().copied().filter(|&place| place != left_out).collect();
            let (_, groups) = nodes.linkage(&others, self.cut);
            if groups.len() > 1 {
                let names = |group: &Vec<usize>| self.names_of(group.iter().flat_map(|&place| &nodes.all[place]));
                let name = self.names[nodes.all[left_out][0] as usize].clone();
                bridges.push(Bridge::Record { name, leaves: groups.iter().map(names).collect() });
            }
        }
        bridges.extend(self.bridge_pairs(nodes));
        bridges
    }

    /// Pairs without which the graph of pairs of no negative weight falls apart.
    fn bridge_pairs(&self, nodes: &Nodes) -> Vec<Bridge> {
        let members: Vec<u32> = nodes.all.concat();
        if members.len() > NODES_MAX {
            return Vec::new();
        }
        let weights = self.weights(&members);
        let edges: Vec<(usize, usize)> = (0..members.len())
            .flat_map(|one| (one + 1..members.len()).map(move |other| (one, other)))
            .filter(|&(one, other)| weights[one][other] >= 0)
            .collect();
        let alone = |&(one, other): &(usize, usize)| !connected(members.len(), &edges, (one, other));
        let bridge = |&(one, other): &(usize, usize)| Bridge::Pair {
            records: [one, other].map(|place| self.names[members[place] as usize].clone()),
            match_weight: Bits(weights[one][other]),
        };
        let by_evidence = |&&(one, other): &&(usize, usize)| weights[one][other] != i32::MAX;
        edges.iter().filter(by_evidence).filter(|edge| alone(edge)).map(bridge).collect()
    }
}

/// Whether the ends of an edge are connected without it.
fn connected(nodes: usize, edges: &[(usize, usize)], without: (usize, usize)) -> bool {
    let mut parent: Vec<usize> = (0..nodes).collect();
    for &(one, other) in edges.iter().filter(|edge| **edge != without) {
        let roots = [one, other].map(|node| crate::matching::cluster::root(&mut parent, node));
        parent[roots[0].max(roots[1])] = roots[0].min(roots[1]);
    }
    [without.0, without.1]
        .map(|node| crate::matching::cluster::root(&mut parent, node))
        .windows(2)
        .all(|two| two[0] == two[1])
}

impl Nodes {
    /// Greedy average linkage of some of the nodes: merges in order, and what
    /// is left.
    fn linkage(&self, places: &[usize], cut: Cut) -> (Vec<Joined>, Vec<Vec<usize>>) {
        let mut clusters: Vec<Vec<usize>> = places.iter().map(|&place| vec![place]).collect();
        let mut merges = Vec::new();
        while let Some(Next { places: (one, other), sum, .. }) = self.next(&clusters, cut) {
            let moved = clusters.remove(other);
            merges.push(Joined { sides: [clusters[one].clone(), moved.clone()], sum });
            clusters[one].extend(moved);
        }
        (merges, clusters)
    }

    /// The largest mean that reaches the cut, ties by least hashes.
    fn next(&self, clusters: &[Vec<usize>], cut: Cut) -> Option<Next> {
        let mut best: Option<Next> = None;
        for one in 0..clusters.len() {
            for other in one + 1..clusters.len() {
                let sum = self.between(&clusters[one], &clusters[other]);
                let hashes = self.hashes(&clusters[one], &clusters[other]);
                let next = Next { places: (one, other), sum, hashes };
                if sum.reaches(cut) && best.as_ref().is_none_or(|best| next.is_before(best)) {
                    best = Some(next);
                }
            }
        }
        best
    }

    fn between(&self, one: &[usize], other: &[usize]) -> Sum {
        let mut sum = Sum::default();
        one.iter().flat_map(|&a| other.iter().map(move |&b| self.sums[a][b])).for_each(|pairs| sum.add(pairs));
        sum
    }

    fn hashes(&self, one: &[usize], other: &[usize]) -> (u64, u64) {
        let least = |cluster: &[usize]| cluster.iter().map(|&place| self.hashes[place]).min().unwrap_or_default();
        let (one, other) = (least(one), least(other));
        (one.min(other), one.max(other))
    }
}
