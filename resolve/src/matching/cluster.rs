//! Clusters: bounded units of candidates, and inside each greedy average
//! linkage over all pairs, in integers, ties by hash.

use super::hash::FastSet;
use super::model::Score;
use super::threads::map_parts;

/// Most members of a unit.
pub(crate) const UNIT_MAX: usize = 64;
/// Items that stand for a node of items joined beforehand.
pub(crate) const NODE_ITEMS: usize = 16;
/// Least weight, in bits, that holds a unit together, step by step.
const LADDER: [i32; 9] = [0, 2, 4, 6, 8, 10, 12, 15, 20];

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

/// One node: items joined beforehand, or a single item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// At most [`NODE_ITEMS`] items, those of the smallest hash.
    pub(crate) items: Vec<u32>,
    /// Least hash of its items.
    pub(crate) hash: u64,
    /// Its user id, of which a cluster has at most one.
    pub(crate) user: Option<u32>,
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
pub(crate) fn units(nodes: &[Node], edges: &[NodeEdge]) -> Vec<Vec<u32>> {
    let mut left: Vec<NodeEdge> = edges.to_vec();
    let mut units = Vec::new();
    for step in LADDER {
        left.retain(|edge| edge.weight >= step * 256);
        let components = components(&left);
        let mut too_large: FastSet<u32> = FastSet::default();
        for component in components {
            if component.iter().map(|&node| nodes[node as usize].items.len()).sum::<usize>() <= UNIT_MAX {
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
    let mut linkage = Linkage::new(nodes, unit, score);
    while let Some((one, other)) = linkage.best(cut) {
        linkage.merge(one, other);
    }
    linkage.clusters.into_iter().map(|cluster| cluster.nodes).collect()
}

fn sum_of_pairs(one: &Node, other: &Node, score: &mut impl FnMut(u32, u32) -> Score) -> u64 {
    let pairs = one.items.iter().flat_map(|&item| other.items.iter().map(move |&other| (item, other)));
    pairs.map(|(item, other)| u64::from(score(item, other).probability)).sum()
}

struct Cluster {
    nodes: Vec<u32>,
    items: u64,
    hash: u64,
    user: Option<u32>,
}

/// Clusters in the making, and the sums of probabilities between them.
struct Linkage {
    clusters: Vec<Cluster>,
    sums: Vec<Vec<u64>>,
}

impl Linkage {
    fn new(nodes: &[Node], unit: &[u32], score: &mut impl FnMut(u32, u32) -> Score) -> Self {
        let clusters: Vec<Cluster> = unit
            .iter()
            .map(|&place| {
                let node = &nodes[place as usize];
                Cluster { nodes: vec![place], items: node.items.len() as u64, hash: node.hash, user: node.user }
            })
            .collect();
        let mut sums = vec![vec![0; unit.len()]; unit.len()];
        for (one, &node) in unit.iter().enumerate() {
            for (other, &other_node) in unit.iter().enumerate().skip(one + 1) {
                let sum = sum_of_pairs(&nodes[node as usize], &nodes[other_node as usize], score);
                (sums[one][other], sums[other][one]) = (sum, sum);
            }
        }
        Self { clusters, sums }
    }

    /// The two clusters to merge next: the largest mean at or above the cut.
    fn best(&self, cut: Cut) -> Option<(usize, usize)> {
        let mut best: Option<(usize, usize)> = None;
        for one in 0..self.clusters.len() {
            for other in one + 1..self.clusters.len() {
                let reaches = self.sums[one][other] >= u64::from(cut.0) * self.pairs(one, other);
                if reaches && self.may_merge(one, other) && best.is_none_or(|best| self.before((one, other), best)) {
                    best = Some((one, other));
                }
            }
        }
        best
    }

    fn pairs(&self, one: usize, other: usize) -> u64 {
        self.clusters[one].items * self.clusters[other].items
    }

    fn may_merge(&self, one: usize, other: usize) -> bool {
        let (one, other) = (self.clusters[one].user, self.clusters[other].user);
        one.is_none() || other.is_none() || one == other
    }

    /// Larger mean first, compared by cross multiplication; then by hashes.
    fn before(&self, this: (usize, usize), that: (usize, usize)) -> bool {
        let mean = |of: (usize, usize), over: (usize, usize)| {
            u128::from(self.sums[of.0][of.1]) * u128::from(self.pairs(over.0, over.1))
        };
        let (left, right) = (mean(this, that), mean(that, this));
        let hashes = |of: (usize, usize)| {
            let (one, other) = (self.clusters[of.0].hash, self.clusters[of.1].hash);
            (one.min(other), one.max(other))
        };
        left > right || (left == right && hashes(this) < hashes(that))
    }

    fn merge(&mut self, one: usize, other: usize) {
        let moved = self.clusters.swap_remove(other);
        let row = self.sums.swap_remove(other);
        for sums in &mut self.sums {
            sums.swap_remove(other);
        }
        let kept = &mut self.clusters[one];
        kept.nodes.extend(moved.nodes);
        kept.items += moved.items;
        kept.hash = kept.hash.min(moved.hash);
        kept.user = kept.user.or(moved.user);
        let mut row = row;
        row.swap_remove(other);
        for (index, sum) in row.into_iter().enumerate().filter(|(index, _)| *index != one) {
            self.sums[one][index] += sum;
            self.sums[index][one] += sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(count: u32) -> Vec<Node> {
        (0..count)
            .map(|item| Node { items: vec![item], hash: super::super::hash::mix(u64::from(item)), user: None })
            .collect()
    }

    fn solved(nodes: &[Node], probability: impl Fn(u32, u32) -> u16) -> Vec<Vec<u32>> {
        let unit: Vec<u32> = (0..nodes.len() as u32).collect();
        let mut score =
            |one: u32, other: u32| Score { weight: 0, probability: probability(one.min(other), one.max(other)) };
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
    fn two_user_ids_are_never_one_profile() {
        let mut nodes = nodes(3);
        (nodes[0].user, nodes[2].user) = (Some(1), Some(2));
        let clusters = solved(&nodes, |one, _| 60_000 + one as u16);
        assert_eq!(clusters, [vec![0], vec![1, 2]]);
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
        let sizes: Vec<usize> = units(&nodes(200), &edges).iter().map(Vec::len).collect();
        assert_eq!(sizes, [50; 4]);
        let chain: Vec<NodeEdge> = (0..199).map(|one| NodeEdge { one, other: one + 1, weight: 30 * 256 }).collect();
        assert!(units(&nodes(200), &chain).is_empty());
    }
}
