//! Clusters: bounded units of candidates, and inside each greedy average
//! linkage over all pairs that tell something, in integers, ties by hash.

pub(crate) mod partition;

use super::bounds::Bounds;
use super::hash::FastSet;
use super::model::Score;
use super::threads::map_parts;
use std::cmp::Ordering;

/// The least mean probability at which two clusters are merged, in 1/65535.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut(u16);

impl Cut {
    /// Makes a cut of a probability, clamped to 0..=1.
    #[must_use]
    pub fn new(probability: f64) -> Self {
        Self((probability.clamp(0.0, 1.0) * 65535.0).round() as u16)
    }

    /// The probability, 0..=1.
    #[must_use]
    pub fn probability(self) -> f64 {
        f64::from(self.0) / 65535.0
    }
}

impl Default for Cut {
    fn default() -> Self {
        Self::new(0.4)
    }
}

/// What pairs are worth together: those that tell nothing do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    /// Of their probabilities, in 1/65535.
    probability: u64,
    /// How many they are.
    pairs: u64,
}

impl Sum {
    /// The pairs of all items of one side with all of the other.
    pub(crate) fn between(one: &[u32], other: &[u32], mut score: impl FnMut(u32, u32) -> Score) -> Self {
        let pairs = one.iter().flat_map(|&item| other.iter().map(move |&other| (item, other)));
        let mut sum = Self::default();
        pairs.for_each(|(item, other)| sum.add_pair(score(item, other)));
        sum
    }

    pub(crate) fn add_pair(&mut self, score: Score) {
        let pair = Self { probability: u64::from(score.probability), pairs: 1 };
        self.add(if score.telling { pair } else { Self::default() });
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.probability += other.probability;
        self.pairs += other.pairs;
    }

    /// Whether the mean is at or above a cut; no mean is.
    pub(crate) fn reaches(self, cut: Cut) -> bool {
        self.pairs > 0 && self.probability >= u64::from(cut.0) * self.pairs
    }

    /// The mean probability, in 1/65535; 0 without pairs.
    fn mean(self) -> u16 {
        self.probability.checked_div(self.pairs).unwrap_or_default() as u16
    }

    /// The mean probability, 0..=1; `None` without pairs.
    pub(crate) fn mean_probability(self) -> Option<f64> {
        (self.pairs > 0).then(|| self.probability as f64 / 65535.0 / self.pairs as f64)
    }

    /// Compares means by cross multiplication.
    pub(crate) fn cmp_mean(self, other: Self) -> Ordering {
        let product = |of: Self, over: Self| u128::from(of.probability) * u128::from(over.pairs);
        product(self, other).cmp(&product(other, self))
    }
}

/// One node: items joined beforehand, or a single item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// The items of the smallest hash, at most [`Bounds::node`].
    pub(crate) items: Vec<u32>,
    /// Least hash of its items.
    pub(crate) hash: u64,
    /// Kinds of which a cluster has at most one value, and its values, sorted.
    /// More than one of a kind count as one.
    pub(crate) limits: Vec<(u64, u64)>,
}

/// An edge between two nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeEdge {
    pub(crate) one: u32,
    pub(crate) other: u32,
    /// In 1/256 bit.
    pub(crate) weight: i32,
}

/// Parts the nodes that have edges into units: a node's unit is its component
/// at the least step of the ladder where that is small enough.
pub(crate) fn units(nodes: &[Node], edges: &[NodeEdge], bounds: &Bounds) -> Vec<Vec<u32>> {
    let mut left: Vec<NodeEdge> = edges.to_vec();
    let mut units = Vec::new();
    for step in bounds.ladder {
        left.retain(|edge| edge.weight >= step * 256);
        let components = components(&left);
        let mut too_large: FastSet<u32> = FastSet::default();
        for component in components {
            if component.iter().map(|&node| nodes[node as usize].items.len()).sum::<usize>() <= bounds.unit {
                units.push(component);
            } else {
                too_large.extend(component);
            }
        }
        left.retain(|edge| too_large.contains(&edge.one));
    }
    units
}

/// Connected components of the nodes named by edges, each sorted.
fn components(edges: &[NodeEdge]) -> Vec<Vec<u32>> {
    let mut names: Vec<u32> = edges.iter().flat_map(|edge| [edge.one, edge.other]).collect();
    names.sort_unstable();
    names.dedup();
    let place = |node: u32| names.binary_search(&node).unwrap_or_default();
    let mut parent: Vec<usize> = (0..names.len()).collect();
    for edge in edges {
        let (one, other) = (root(&mut parent, place(edge.one)), root(&mut parent, place(edge.other)));
        parent[one.max(other)] = one.min(other);
    }
    let mut components: Vec<Vec<u32>> = vec![Vec::new(); names.len()];
    for (index, &name) in names.iter().enumerate() {
        components[root(&mut parent, index)].push(name);
    }
    components.retain(|component| !component.is_empty());
    components
}

/// Root of a node in a forest of parents, halving the path to it.
pub(crate) fn root(parent: &mut [usize], mut node: usize) -> usize {
    while parent[node] != node {
        parent[node] = parent[parent[node]];
        node = parent[node];
    }
    node
}

/// Merges the nodes of each unit; `scorer` makes what scores two items, one
/// per thread. Returns clusters of nodes, those of one node included.
pub(crate) fn solve_all<S: FnMut(u32, u32) -> Score>(
    nodes: &[Node],
    units: &[Vec<u32>],
    cut: Cut,
    threads: usize,
    scorer: impl Fn() -> S + Sync,
) -> Vec<Vec<u32>> {
    let parts = map_parts(threads, units, |units| {
        let mut score = scorer();
        units.iter().flat_map(|unit| solve(nodes, unit, cut, &mut score)).collect::<Vec<_>>()
    });
    parts.concat()
}

/// Greedy average linkage of one unit.
pub(crate) fn solve(
    nodes: &[Node],
    unit: &[u32],
    cut: Cut,
    score: &mut impl FnMut(u32, u32) -> Score,
) -> Vec<Vec<u32>> {
    let linkage = Linkage::new(nodes, unit, score).merged(cut);
    linkage.clusters.into_iter().map(|cluster| cluster.nodes).collect()
}

#[derive(Debug)]
pub(crate) struct Cluster {
    /// Its nodes, as the unit names them.
    pub(crate) nodes: Vec<u32>,
    /// Least hash of its items.
    pub(crate) hash: u64,
    limits: Vec<(u64, u64)>,
    /// Places in the unit of its nodes, and of nodes it is never together with.
    places: u64,
    apart: u64,
}

/// Why two clusters were not merged although much speaks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// They have different values of a kind of which a profile has one.
    Limit,
    /// What belongs together could not be told apart in groups small enough.
    TooLarge,
    /// Their mean probability is at least half the cut, and below it.
    Likely,
}

/// Clusters in the making, and what the pairs between them are worth.
#[derive(Debug)]
pub(crate) struct Linkage {
    pub(crate) clusters: Vec<Cluster>,
    sums: Vec<Vec<Sum>>,
}

impl Linkage {
    pub(crate) fn new(nodes: &[Node], unit: &[u32], score: &mut impl FnMut(u32, u32) -> Score) -> Self {
        let cluster = |(place, &name): (usize, &u32)| {
            let node = &nodes[name as usize];
            let (limits, places) = (node.limits.clone(), 1u64 << (place & 63));
            Cluster { nodes: vec![name], hash: node.hash, limits, places, apart: 0 }
        };
        let clusters: Vec<Cluster> = unit.iter().enumerate().map(cluster).collect();
        let mut sums = vec![vec![Sum::default(); unit.len()]; unit.len()];
        for (one, &node) in unit.iter().enumerate() {
            for (other, &other_node) in unit.iter().enumerate().skip(one + 1) {
                let (node, other_node) = (&nodes[node as usize], &nodes[other_node as usize]);
                let sum = Sum::between(&node.items, &other_node.items, &mut *score);
                (sums[one][other], sums[other][one]) = (sum, sum);
            }
        }
        Self { clusters, sums }
    }

    /// Keeps apart two clusters for good; places in the unit, below 64.
    pub(crate) fn keep_apart(&mut self, one: usize, other: usize) {
        self.clusters[one].apart |= 1 << other;
        self.clusters[other].apart |= 1 << one;
    }

    /// Merges whatever may be and reaches the cut.
    pub(crate) fn merged(mut self, cut: Cut) -> Self {
        while let Some((one, other)) = self.best(cut) {
            self.merge(one, other);
        }
        self
    }

    /// Pairs of clusters held back, by their places, with their mean
    /// probability in 1/65535.
    pub(crate) fn held(&self, cut: Cut) -> Vec<(usize, usize, Reason, u16)> {
        let mut held = Vec::new();
        for one in 0..self.clusters.len() {
            for other in one + 1..self.clusters.len() {
                let mean = self.sums[one][other].mean();
                if mean < cut.0 / 2 || self.are_apart(one, other) {
                    continue;
                }
                let reason = if self.reaches(one, other, cut) { Reason::Limit } else { Reason::Likely };
                held.push((one, other, reason, mean));
            }
        }
        held
    }

    fn reaches(&self, one: usize, other: usize, cut: Cut) -> bool {
        self.sums[one][other].reaches(cut)
    }

    /// The two clusters to merge next: the largest mean at or above the cut.
    fn best(&self, cut: Cut) -> Option<(usize, usize)> {
        let mut best: Option<(usize, usize)> = None;
        for one in 0..self.clusters.len() {
            for other in one + 1..self.clusters.len() {
                if self.reaches(one, other, cut)
                    && self.may_merge(one, other)
                    && best.is_none_or(|best| self.before((one, other), best))
                {
                    best = Some((one, other));
                }
            }
        }
        best
    }

    fn may_merge(&self, one: usize, other: usize) -> bool {
        !self.are_apart(one, other) && !conflict(&self.clusters[one].limits, &self.clusters[other].limits)
    }

    fn are_apart(&self, one: usize, other: usize) -> bool {
        self.clusters[one].apart & self.clusters[other].places != 0
    }

    /// Larger mean first; then by hashes.
    fn before(&self, this: (usize, usize), that: (usize, usize)) -> bool {
        let means = self.sums[this.0][this.1].cmp_mean(self.sums[that.0][that.1]);
        let hashes = |of: (usize, usize)| {
            let (one, other) = (self.clusters[of.0].hash, self.clusters[of.1].hash);
            (one.min(other), one.max(other))
        };
        means.is_gt() || (means.is_eq() && hashes(this) < hashes(that))
    }

    fn merge(&mut self, one: usize, other: usize) {
        let moved = self.clusters.swap_remove(other);
        let row = self.sums.swap_remove(other);
        for sums in &mut self.sums {
            sums.swap_remove(other);
        }
        let kept = &mut self.clusters[one];
        kept.nodes.extend(moved.nodes);
        kept.hash = kept.hash.min(moved.hash);
        kept.limits.extend(moved.limits);
        kept.limits.sort_unstable();
        kept.limits.dedup();
        kept.places |= moved.places;
        kept.apart |= moved.apart;
        let mut row = row;
        row.swap_remove(other);
        for (index, sum) in row.into_iter().enumerate().filter(|(index, _)| *index != one) {
            self.sums[one][index].add(sum);
            self.sums[index][one].add(sum);
        }
    }
}

/// Whether two clusters have values of one kind and none in common.
fn conflict(one: &[(u64, u64)], other: &[(u64, u64)]) -> bool {
    let mut kinds = one.chunk_by(|a, b| a.0 == b.0);
    kinds.any(|values| {
        let mut same_kind = other.iter().filter(|(kind, _)| *kind == values[0].0).peekable();
        same_kind.peek().is_some() && !same_kind.any(|limit| values.contains(limit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(count: u32) -> Vec<Node> {
        (0..count)
            .map(|item| Node { items: vec![item], hash: super::super::hash::mix(u64::from(item)), limits: Vec::new() })
            .collect()
    }

    fn scored(probability: u16) -> Score {
        Score { weight: 0, probability, telling: true }
    }

    fn solved(nodes: &[Node], probability: impl Fn(u32, u32) -> u16) -> Vec<Vec<u32>> {
        let unit: Vec<u32> = (0..nodes.len() as u32).collect();
        let mut score = |one: u32, other: u32| scored(probability(one.min(other), one.max(other)));
        let mut clusters = solve(nodes, &unit, Cut::default(), &mut score);
        for cluster in &mut clusters {
            cluster.sort_unstable();
        }
        clusters.sort();
        clusters
    }

    #[test]
    fn a_weak_bridge_does_not_join_two_groups() {
        let strong = |one: u32, other: u32| if one / 3 == other / 3 { 60_000 } else { 0 };
        let bridged = |one, other| if (one, other) == (2, 3) { 60_000 } else { strong(one, other) };
        assert_eq!(solved(&nodes(6), bridged), [vec![0, 1, 2], vec![3, 4, 5]]);
    }

    #[test]
    fn pairs_that_tell_nothing_neither_join_nor_part() {
        let unit = [0, 1, 2];
        let clusters = |telling: fn(u32) -> bool| {
            let mut score = |one: u32, other: u32| Score {
                telling: telling(one + other),
                ..scored(if one + other == 2 { 0 } else { 50_000 })
            };
            solve(&nodes(3), &unit, Cut::default(), &mut score).len()
        };
        assert_eq!(clusters(|_| true), 2);
        assert_eq!(clusters(|names| names != 2), 1);
        assert_eq!(clusters(|_| false), 3);
    }

    #[test]
    fn two_user_ids_are_never_one_profile() {
        let mut nodes = nodes(3);
        (nodes[0].limits, nodes[2].limits) = (vec![(0, 1)], vec![(0, 2)]);
        let clusters = solved(&nodes, |one, _| 60_000 + one as u16);
        assert_eq!(clusters, [vec![0], vec![1, 2]]);
    }

    #[test]
    fn values_asserted_to_be_one_conflict_with_neither_and_with_others() {
        let conflicts = [(vec![(0, 1)], vec![(0, 2)]), (vec![(0, 1), (0, 2)], vec![(0, 3)])];
        assert!(conflicts.iter().all(|(one, other)| conflict(one, other) && conflict(other, one)));
        let none = [(vec![], vec![(0, 2)]), (vec![(0, 1), (0, 2)], vec![(0, 2)]), (vec![(0, 1)], vec![(1, 2)])];
        assert!(!none.iter().any(|(one, other)| conflict(one, other) || conflict(other, one)));
    }

    #[test]
    fn what_is_kept_apart_stays_so_through_others_and_what_is_held_back_is_named() {
        let nodes = nodes(3);
        let mut score = |one: u32, other: u32| scored(50_000 + (one + other) as u16);
        let mut linkage = Linkage::new(&nodes, &[0, 1, 2], &mut score);
        linkage.keep_apart(0, 2);
        let linkage = linkage.merged(Cut::default());
        assert_eq!(linkage.clusters.len(), 2);
        assert_eq!(linkage.held(Cut::default()), []);
        let mut limited = nodes.clone();
        (limited[0].limits, limited[2].limits) = (vec![(0, 1)], vec![(0, 2)]);
        let linkage = Linkage::new(&limited, &[0, 1, 2], &mut score).merged(Cut::default());
        assert_eq!(linkage.held(Cut::default()).len(), 1);
        assert_eq!(linkage.held(Cut::default())[0].2, Reason::Limit);
    }

    #[test]
    fn a_node_joined_beforehand_counts_all_its_items() {
        let mut nodes = nodes(2);
        nodes[0].items = vec![0, 2, 3];
        let clusters = solved(&nodes, |one, other| if (one, other) == (0, 1) { 65_535 } else { 0 });
        assert_eq!(clusters, [vec![0], vec![1]]);
    }

    #[test]
    fn large_components_are_parted_by_the_ladder() {
        let edges: Vec<NodeEdge> = (0..199)
            .map(|one| NodeEdge { one, other: one + 1, weight: if one % 50 == 49 { 256 } else { 3 * 256 } })
            .collect();
        let sizes: Vec<usize> = units(&nodes(200), &edges, &Bounds::REAL).iter().map(Vec::len).collect();
        assert_eq!(sizes, [50; 4]);
        let chain: Vec<NodeEdge> = (0..199).map(|one| NodeEdge { one, other: one + 1, weight: 30 * 256 }).collect();
        assert!(units(&nodes(200), &chain, &Bounds::REAL).is_empty());
    }
}
