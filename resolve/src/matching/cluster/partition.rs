//! Records parted into clusters: what the clusters are, and where two ways to
//! part the same records differ.

use crate::matching::Outcome;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

impl Outcome {
    /// The clusters by what their rows are called, `names` by row; each cluster
    /// and the list of them sorted.
    #[must_use]
    pub fn groups<N: Copy + Ord>(&self, names: &[N]) -> Vec<Vec<N>> {
        let mut by_cluster: BTreeMap<u32, Vec<N>> = BTreeMap::new();
        for (&name, &cluster) in names.iter().zip(&self.clusters) {
            by_cluster.entry(cluster).or_default().push(name);
        }
        let mut groups: Vec<Vec<N>> = by_cluster.into_values().collect();
        for group in &mut groups {
            group.sort_unstable();
        }
        groups.sort_unstable();
        groups
    }
}

/// Pairs that are together in only one of two partitions of the same records.
#[must_use]
pub fn differing_pairs<N: Copy + Eq + Hash>(one: &[Vec<N>], other: &[Vec<N>]) -> usize {
    pairs_apart(one, other) + pairs_apart(other, one)
}

/// Pairs of one group that are of two in `other`, or not in it.
fn pairs_apart<N: Copy + Eq + Hash>(groups: &[Vec<N>], other: &[Vec<N>]) -> usize {
    let named = |(place, group): (usize, &Vec<N>)| group.iter().map(|&name| (name, place)).collect::<Vec<_>>();
    let group_of: HashMap<N, usize> = other.iter().enumerate().flat_map(named).collect();
    let apart = |group: &Vec<N>| {
        let mut sizes: HashMap<Option<usize>, usize> = HashMap::new();
        for name in group {
            *sizes.entry(group_of.get(name).copied()).or_default() += 1;
        }
        let together = |(of, &size): (&Option<usize>, &usize)| if of.is_some() { pairs(size) } else { 0 };
        pairs(group.len()) - sizes.iter().map(together).sum::<usize>()
    };
    groups.iter().map(apart).sum()
}

fn pairs(size: usize) -> usize {
    size * size.saturating_sub(1) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_sorted_and_named() {
        let outcome = Outcome {
            recognised: Vec::new(),
            generic_values: Vec::new(),
            model: None,
            clusters: vec![3, 1, 3, 1, 4],
            probabilities: vec![1.0; 5],
            pairs: Vec::new(),
        };
        assert_eq!(outcome.groups(&['e', 'b', 'a', 'd', 'c']), [vec!['a', 'e'], vec!['b', 'd'], vec!['c']]);
    }

    #[test]
    fn pairs_together_in_one_partition_alone_are_counted_once() {
        let check = |one: &[Vec<u8>], other: &[Vec<u8>], expected| {
            assert_eq!(differing_pairs(one, other), expected, "{one:?} {other:?}");
            assert_eq!(differing_pairs(other, one), expected, "{other:?} {one:?}");
        };
        check(&[vec![1, 2, 3], vec![4]], &[vec![1, 2, 3], vec![4]], 0);
        check(&[vec![1, 2, 3], vec![4]], &[vec![1, 2], vec![3, 4]], 3);
        check(&[vec![1, 2, 3]], &[vec![1], vec![2], vec![3]], 3);
        check(&[vec![1, 2, 3]], &[], 3);
        check(&[], &[], 0);
    }
}
