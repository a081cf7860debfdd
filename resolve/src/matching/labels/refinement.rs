//! What labels add to a model: a correction of the match weight that is a
//! function of a pair's levels, in whole numbers.

use super::super::field::FIELDS_MAX;
use super::super::model::Model;
use crate::matching::compare::comparer::Pattern;
use serde::{Deserialize, Serialize};

/// What a model learned from labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refinement {
    /// How far the labels carried.
    pub kind: RefinementKind,
    /// Labels it was learned from.
    pub labels: usize,
    /// How many of them were matches.
    pub matches: usize,
    /// Mean loss on labels not learned from, each counting as many candidates as
    /// it stands for, without refinement, in bits a pair.
    pub loss_before: f64,
    /// The same with refinement.
    pub loss_after: f64,
    /// What the weight is multiplied by, in 1/65536.
    pub(crate) scale: i32,
    /// What is added to it, in 1/256 bit.
    pub(crate) shift: i32,
    /// Trees whose leaves are added to it.
    pub(crate) trees: Vec<Tree>,
}

/// How far labels carried; the more of them agree, the further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefinementKind {
    /// The weight is scaled and shifted.
    Recalibrated,
    /// Trees over the levels correct it as well.
    Trees,
}

/// A decision tree; node 0 is its root.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tree {
    pub(crate) nodes: Vec<Node>,
}

/// A node of a tree; both branches of a split come after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Node {
    /// Goes to `above` where the feature is at least this, else to `below`.
    Split { feature: u8, at_least: i32, missing_above: bool, below: u16, above: u16 },
    /// What is added to the weight, in 1/256 bit.
    Leaf(i32),
}

impl Tree {
    /// The leaf that features reach.
    pub(crate) fn leaf(&self, features: &Features) -> i32 {
        let mut place = 0;
        loop {
            match self.nodes.get(place) {
                Some(&Node::Split { feature, at_least, missing_above, below, above }) => {
                    let value = features[usize::from(feature)];
                    let goes_above = if value == ABSENT { missing_above } else { value >= at_least };
                    place = usize::from(if goes_above { above } else { below });
                }
                Some(&Node::Leaf(added)) => return added,
                None => return 0,
            }
        }
    }

    /// Whether every branch leads on to a leaf.
    fn holds_together(&self) -> bool {
        let leads_on = |(place, node): (usize, &Node)| match node {
            Node::Split { feature, below, above, .. } => {
                let ahead = |branch: u16| (place + 1..self.nodes.len()).contains(&usize::from(branch));
                usize::from(*feature) < FEATURES && ahead(*below) && ahead(*above)
            }
            Node::Leaf(_) => true,
        };
        !self.nodes.is_empty() && self.nodes.iter().enumerate().all(leads_on)
    }
}

impl Refinement {
    /// Whether every part fits the others.
    pub(crate) fn holds_together(&self) -> bool {
        self.scale > 0
            && self.loss_before.is_finite()
            && self.loss_after.is_finite()
            && self.trees.iter().all(Tree::holds_together)
    }

    /// Refines the weight, in 1/256 bit, of a pair with these features.
    pub(crate) fn weight(&self, features: &Features) -> i32 {
        let scaled = (i64::from(features[WEIGHT]) * i64::from(self.scale)) >> 16;
        let added: i64 = self.trees.iter().map(|tree| i64::from(tree.leaf(features))).sum();
        (scaled + i64::from(self.shift) + added).clamp(-WEIGHT_MAX, WEIGHT_MAX) as i32
    }
}

/// Bound of a refined weight, far beyond any that a model gives.
const WEIGHT_MAX: i64 = 1 << 24;

/// What trees look at: the level of each field, the bits of each bundle
/// against chance, and the weight.
pub(crate) const FEATURES: usize = 2 * FIELDS_MAX + 1;
/// Place of the weight.
pub(crate) const WEIGHT: usize = FEATURES - 1;
/// A feature of a field or bundle that is missing.
pub(crate) const ABSENT: i32 = i32::MIN;

/// The features of one pair.
pub(crate) type Features = [i32; FEATURES];

/// Makes features of levels. One per thread; holds the bits of each bundle.
#[derive(Debug)]
pub(crate) struct Refiner {
    bits: Vec<Vec<i32>>,
}

impl Refiner {
    pub(crate) fn new(model: &Model) -> Self {
        let of_bundle = |bundle: usize| {
            let [matching, chance] = [model.classes.first(), model.classes.last()]
                .map(|class| class.map(|class| &class.probabilities[bundle]));
            let pairs = matching.into_iter().flatten().zip(chance.into_iter().flatten());
            let bits = |(matching, chance): (&f64, &f64)| {
                ((matching.max(f64::MIN_POSITIVE) / chance.max(f64::MIN_POSITIVE)).log2() * 256.0).round() as i32
            };
            pairs.map(bits).collect()
        };
        Self { bits: (0..model.bundles.len()).map(of_bundle).collect() }
    }

    /// The features of a pair of this pattern, levels of bundles and weight.
    pub(crate) fn features(&self, pattern: &Pattern, levels: &[usize], weight: i32) -> Features {
        let mut features = [ABSENT; FEATURES];
        for (feature, &level) in features.iter_mut().zip(pattern).filter(|(_, level)| **level > 0) {
            *feature = i32::from(level);
        }
        let bundles = features[FIELDS_MAX..WEIGHT].iter_mut().zip(self.bits.iter().zip(levels));
        for (feature, (bits, &level)) in bundles.filter(|(_, (_, level))| **level > 0) {
            *feature = bits[level];
        }
        features[WEIGHT] = weight;
        features
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refinement() -> Refinement {
        let split = |missing_above| Node::Split { feature: 1, at_least: 3, missing_above, below: 1, above: 2 };
        let tree = |missing_above| Tree { nodes: vec![split(missing_above), Node::Leaf(-100), Node::Leaf(256)] };
        Refinement {
            kind: RefinementKind::Trees,
            labels: 10,
            matches: 5,
            loss_before: 1.0,
            loss_after: 0.5,
            scale: 1 << 15,
            shift: 7,
            trees: vec![tree(true), tree(false)],
        }
    }

    #[test]
    fn weights_are_scaled_shifted_and_added_to() {
        let mut features = [ABSENT; FEATURES];
        for (level, weight, expected) in [(3, 512, 256 + 7 + 512), (2, -512, -256 + 7 - 200), (ABSENT, 0, 7 + 156)] {
            (features[1], features[WEIGHT]) = (level, weight);
            assert_eq!(refinement().weight(&features), expected);
        }
    }

    #[test]
    fn branches_that_lead_back_or_nowhere_are_found() {
        assert!(refinement().holds_together());
        for (below, feature) in [(0, 1), (3, 1), (1, 200)] {
            let mut damaged = refinement();
            damaged.trees[0].nodes[0] = Node::Split { feature, at_least: 3, missing_above: true, below, above: 2 };
            assert!(!damaged.holds_together(), "{below} {feature}");
        }
        assert!(!Refinement { scale: 0, ..refinement() }.holds_together());
    }
}
