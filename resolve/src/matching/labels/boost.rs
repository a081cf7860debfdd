//! Small boosted trees (Friedman 2001; second order as by Chen and Guestrin
//! 2016) that correct a margin: few labels, so shallow trees, small steps and
//! a strong pull of leaves to zero. Sums are taken in the order of the
//! examples, so the same examples give the same trees.

use super::refinement::{ABSENT, FEATURES, Features, Node, Tree};

/// Splits from the root to a leaf.
const DEPTH_MAX: usize = 3;
/// How far each tree goes of the way it finds best.
const STEP: f64 = 0.1;
/// Pull of leaves to zero, in units of curvature: an undecided label has 1/4.
const LEAF_PULL: f64 = 2.0;
/// Least curvature on either side of a split.
const CURVATURE_MIN: f64 = 1.0;
/// Least gain of a split.
const GAIN_MIN: f64 = 1e-6;
/// Different values a feature is told apart by.
const BINS_MAX: usize = 48;
/// Bits in 1/256 of one natural unit of log odds.
const PER_NAT: f64 = 256.0 / std::f64::consts::LN_2;

/// A labelled pair, as trees see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Example {
    pub(crate) features: Features,
    pub(crate) is_match: bool,
    /// How many candidates it stands for; 1 on average.
    pub(crate) counts: f64,
}

/// Probability of a margin in natural log odds.
pub(crate) fn logistic(margin: f64) -> f64 {
    1.0 / (1.0 + (-margin).exp())
}

/// Grows trees on examples, one at a time.
pub(crate) struct Boosting {
    cuts: Vec<Vec<i32>>,
    binned: Vec<[u8; FEATURES]>,
    answers: Vec<(bool, f64)>,
    margins: Vec<f64>,
}

impl Boosting {
    /// Starts from `margins`, the natural log odds of each example so far.
    pub(crate) fn new(examples: &[Example], margins: Vec<f64>) -> Self {
        let cuts: Vec<Vec<i32>> = (0..FEATURES).map(|feature| cuts(examples, feature)).collect();
        let bin = |example: &Example| std::array::from_fn(|feature| bin(&cuts[feature], example.features[feature]));
        let binned = examples.iter().map(bin).collect();
        let answers = examples.iter().map(|example| (example.is_match, example.counts)).collect();
        Self { cuts, binned, answers, margins }
    }

    /// Grows the next tree; `None` once nothing can be split.
    pub(crate) fn grow(&mut self) -> Option<Tree> {
        let slopes: Vec<(f64, f64)> = self.margins.iter().zip(&self.answers).map(slope).collect();
        let mut tree = Tree::default();
        let all: Vec<u32> = (0..self.binned.len() as u32).collect();
        self.grow_node(&mut tree, all, DEPTH_MAX, &slopes);
        (tree.nodes.len() > 1).then_some(tree)
    }

    fn grow_node(&mut self, tree: &mut Tree, members: Vec<u32>, depth: usize, slopes: &[(f64, f64)]) {
        let place = tree.nodes.len();
        let total = members.iter().fold((0.0, 0.0), |sum, &member| add(sum, slopes[member as usize]));
        let split = (depth > 0).then(|| self.best_split(&members, slopes, total)).flatten();
        let Some(split) = split else {
            let added = (leaf(total) * STEP * PER_NAT).round() as i32;
            tree.nodes.push(Node::Leaf(added));
            for member in members {
                self.margins[member as usize] += f64::from(added) / PER_NAT;
            }
            return;
        };
        let (above, below): (Vec<u32>, Vec<u32>) =
            members.into_iter().partition(|&member| split.goes_above(&self.binned[member as usize]));
        tree.nodes.push(Node::Leaf(0));
        self.grow_node(tree, below, depth - 1, slopes);
        let above_place = tree.nodes.len() as u16;
        self.grow_node(tree, above, depth - 1, slopes);
        tree.nodes[place] = Node::Split {
            feature: split.feature as u8,
            at_least: self.cuts[split.feature][split.bin - 1],
            missing_above: split.missing_above,
            below: place as u16 + 1,
            above: above_place,
        };
    }

    /// The split of greatest gain; the first of equals.
    fn best_split(&self, members: &[u32], slopes: &[(f64, f64)], total: (f64, f64)) -> Option<Split> {
        let mut best: Option<Split> = None;
        for feature in (0..FEATURES).filter(|&feature| !self.cuts[feature].is_empty()) {
            let mut bins = [(0.0, 0.0); BINS_MAX + 2];
            for &member in members {
                let bin = usize::from(self.binned[member as usize][feature]);
                bins[bin] = add(bins[bin], slopes[member as usize]);
            }
            let missing = bins[0];
            let mut below = (0.0, 0.0);
            for bin in 2..=self.cuts[feature].len() + 1 {
                below = add(below, bins[bin - 1]);
                for missing_above in [false, true] {
                    let below = if missing_above { below } else { add(below, missing) };
                    let above = (total.0 - below.0, total.1 - below.1);
                    let gain = worth(below) + worth(above) - worth(total);
                    let enough = below.1 >= CURVATURE_MIN && above.1 >= CURVATURE_MIN;
                    if enough && gain > best.as_ref().map_or(GAIN_MIN, |best| best.gain) {
                        best = Some(Split { feature, bin: bin - 1, missing_above, gain });
                    }
                }
            }
        }
        best
    }
}

/// A split between the bins up to `bin` and those above it.
struct Split {
    feature: usize,
    bin: usize,
    missing_above: bool,
    gain: f64,
}

impl Split {
    fn goes_above(&self, binned: &[u8; FEATURES]) -> bool {
        match usize::from(binned[self.feature]) {
            0 => self.missing_above,
            bin => bin > self.bin,
        }
    }
}

/// Slope and curvature of the log likelihood at a margin.
fn slope((margin, &(is_match, counts)): (&f64, &(bool, f64))) -> (f64, f64) {
    let probability = logistic(*margin);
    (counts * (f64::from(u8::from(is_match)) - probability), counts * probability * (1.0 - probability))
}

fn add(one: (f64, f64), other: (f64, f64)) -> (f64, f64) {
    (one.0 + other.0, one.1 + other.1)
}

fn leaf((slope, curvature): (f64, f64)) -> f64 {
    slope / (curvature + LEAF_PULL)
}

fn worth((slope, curvature): (f64, f64)) -> f64 {
    slope * slope / (curvature + LEAF_PULL)
}

/// Least values of the bins of a feature but the lowest: all its different
/// values, or as many at equal shares of the examples.
fn cuts(examples: &[Example], feature: usize) -> Vec<i32> {
    let mut values: Vec<i32> =
        examples.iter().map(|example| example.features[feature]).filter(|&value| value != ABSENT).collect();
    values.sort_unstable();
    let mut distinct = values.clone();
    distinct.dedup();
    if distinct.len() > BINS_MAX {
        distinct = (0..BINS_MAX).map(|bin| values[bin * values.len() / BINS_MAX]).collect();
        distinct.dedup();
    }
    distinct.into_iter().skip(1).collect()
}

/// 0 if missing, else 1 and up.
fn bin(cuts: &[i32], value: i32) -> u8 {
    if value == ABSENT { 0 } else { 1 + cuts.partition_point(|&cut| cut <= value) as u8 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Matches where two features are high at once, or a third is missing.
    fn examples() -> Vec<Example> {
        let example = |index: i32| {
            let mut features = [ABSENT; FEATURES];
            (features[0], features[1]) = (index % 2, index / 2 % 2);
            features[2] = if index % 7 == 0 { ABSENT } else { index % 5 };
            Example { features, is_match: index % 4 == 3 || index % 7 == 0, counts: 1.0 }
        };
        (0..400).map(example).collect()
    }

    #[test]
    fn trees_learn_what_levels_tell_together_and_what_is_missing() {
        let examples = examples();
        let mut boosting = Boosting::new(&examples, vec![0.0; examples.len()]);
        let trees: Vec<Tree> = (0..100).map_while(|_| boosting.grow()).collect();
        for (example, margin) in examples.iter().zip(&boosting.margins) {
            let sum: i32 = trees.iter().map(|tree| tree.leaf(&example.features)).sum();
            assert!((f64::from(sum) / PER_NAT - margin).abs() < 1e-6, "binned and unbinned ways part");
            assert_eq!(sum > 0, example.is_match, "{:?}", &example.features[..3]);
        }
    }

    #[test]
    fn nothing_to_learn_grows_nothing() {
        assert!(Boosting::new(&[], Vec::new()).grow().is_none());
        let constant = [Example { features: [1; FEATURES], is_match: true, counts: 1.0 }; 20];
        assert!(Boosting::new(&constant, vec![0.0; 20]).grow().is_none());
    }
}
