//! Levels of a bundle that lack a part.
//!
//! Where training has seen few pairs that lack a part of an address, or none, the
//! probabilities of such levels are what is left of how they were smoothed: they may
//! say anything, and equal values have spoken against a match by them. So a level that
//! lacks a part starts from the marginal, in its class, of the levels that lack less,
//! the sum over what is not seen; what pairs show beside that counts by how many they
//! are. And a part is lacking as often in every class: what a record lacks of a bundle
//! is no evidence, what it has speaks as it does beside the rest.

use super::super::Measure;
use super::super::model::{Class, radix};
use super::{Counted, Trainer};

/// Pairs at a level that are thought to come about as its marginal has it, beside those
/// seen. Few, as what lacks less may be rarer than what lacks more, and then says less;
/// but more than levels that were never seen are given by chance.
const PRIOR_PAIRS: f64 = 0.2;

impl Trainer {
    /// Mends the levels that lack a part. `classes` end with chance, which is learned from
    /// `random` pairs; `seen` are the pairs that the others have each bundle from.
    pub(super) fn mend_partly(&self, classes: &mut [Class], mut seen: Vec<Vec<f64>>, random: &Counted) {
        let by_chance = self.by_chance(random, classes);
        let pairs_with = |bundle: usize| -> f64 {
            let has = |pattern: &[u8]| self.bundles[bundle].iter().any(|&field| pattern[field] > 0);
            by_chance.iter().filter(|(pattern, _)| has(pattern)).map(|(_, pairs)| pairs).sum()
        };
        if let Some(last) = seen.last_mut() {
            *last = (0..self.bundles.len()).map(pairs_with).collect();
        }
        let parts: Vec<Parts> = self.bundles.iter().map(|bundle| Parts::of(bundle, &self.measures)).collect();
        mend(classes, &parts, &seen);
    }
}

/// Mends levels of bundles that consist of these `parts`, learned in each class from so
/// many `pairs` each.
fn mend(classes: &mut [Class], parts: &[Parts], pairs: &[Vec<f64>]) {
    for (bundle, parts) in parts.iter().enumerate().filter(|(_, parts)| parts.radices.len() > 1) {
        let Some(shares) = classes.last().map(|chance| parts.shares(&chance.probabilities[bundle])) else { return };
        for (class, pairs) in classes.iter_mut().zip(pairs) {
            parts.mend(&mut class.probabilities[bundle], &shares, pairs[bundle]);
        }
    }
}

/// The fields of a bundle, and which of them each of its levels has.
struct Parts {
    radices: Vec<usize>,
    /// By level, the fields that are there, as bits: the last field is the lowest.
    present: Vec<usize>,
}

impl Parts {
    fn of(bundle: &[usize], measures: &[Measure]) -> Self {
        let radices: Vec<usize> = bundle.iter().map(|&field| radix(measures[field])).collect();
        let with = |present: Vec<usize>, &radix: &usize| -> Vec<usize> {
            let of_field = |bits: usize| (0..radix).map(move |digit| bits << 1 | usize::from(digit > 0));
            present.into_iter().flat_map(of_field).collect()
        };
        let present = radices.iter().fold(vec![0], with);
        Self { radices, present }
    }

    /// By fields that are there, as bits, how often exactly they are.
    fn shares(&self, levels: &[f64]) -> Vec<f64> {
        let mut shares = vec![0.0; 1 << self.radices.len()];
        self.present.iter().zip(levels).for_each(|(&present, share)| shares[present] += share);
        shares
    }

    /// Makes levels that lack a part of those that lack less, learned from so many
    /// `pairs`; by fields that are there, exactly they are in one of `shares`.
    fn mend(&self, levels: &mut [f64], shares: &[f64], pairs: f64) {
        let mut kinds: Vec<usize> = (1..shares.len()).collect();
        kinds.sort_by_key(|kind| std::cmp::Reverse(kind.count_ones()));
        for kind in kinds {
            let marginal = self.marginal(levels, kind);
            let scale = shares[kind] / marginal.iter().sum::<f64>().max(f64::MIN_POSITIVE);
            let of_kind: Vec<usize> = (1..levels.len()).filter(|&level| self.present[level] == kind).collect();
            if kind + 1 < shares.len() {
                for &level in &of_kind {
                    let expected = marginal[level] * scale;
                    let seen = pairs * levels[level];
                    levels[level] = expected * (seen + PRIOR_PAIRS) / (pairs * expected + PRIOR_PAIRS);
                }
            }
            let found: f64 = of_kind.iter().map(|&level| levels[level]).sum();
            let scale = shares[kind] / found.max(f64::MIN_POSITIVE);
            for level in of_kind {
                levels[level] *= scale;
            }
        }
    }

    /// Sums of the levels that have more than the fields of a `kind` over those others:
    /// at the levels that have exactly these.
    fn marginal(&self, levels: &[f64], kind: usize) -> Vec<f64> {
        let mut sums = vec![0.0; levels.len()];
        for (level, &present) in self.present.iter().enumerate() {
            if present != kind && present & kind == kind {
                sums[self.of_kind(level, kind)] += levels[level];
            }
        }
        sums
    }

    /// The level that has of another only the fields of a `kind`.
    fn of_kind(&self, level: usize, kind: usize) -> usize {
        let (mut left, mut place, mut found) = (level, 1, 0);
        for (field, radix) in self.radices.iter().rev().enumerate() {
            found += if kind >> field & 1 == 1 { left % radix * place } else { 0 };
            left /= radix;
            place *= radix;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Levels of two fields, each missing, different or equal: `[one][other]`.
    const EXACT: [Measure; 2] = [Measure::Exact; 2];

    fn class(name: &str, lacking: f64, [different, other, one, both]: [f64; 4]) -> Class {
        let levels = vec![1.0, lacking, lacking, lacking, different, other, lacking, one, both];
        Class { name: name.into(), pairs: 1.0, probabilities: vec![levels] }
    }

    fn mended(matches: Class, chance: Class, pairs: f64) -> Vec<Vec<f64>> {
        let mut classes = [matches, chance];
        mend(&mut classes, &[Parts::of(&[0, 1], &EXACT)], &[vec![pairs], vec![pairs]]);
        classes.map(|class| class.probabilities[0].clone()).to_vec()
    }

    #[test]
    fn what_was_never_seen_without_a_part_is_the_marginal_and_no_evidence_for_lacking_it() {
        let matches = class("match", 1e-12, [0.05, 0.05, 0.1, 0.8]);
        let of = mended(matches, class("chance", 1e-4, [0.9, 0.06, 0.03, 0.01]), 0.0);
        let odds = |level: usize| of[0][level] / of[1][level];
        let near = |found: f64, expected: f64| assert!((found / expected - 1.0).abs() < 1e-9, "{found} {expected}");
        near(odds(6), 0.9 / 0.04 * odds_of_whole(&of));
        near(odds(2), 0.85 / 0.07 * odds_of_whole(&of));
        near(of[0][3] + of[0][6], of[1][3] + of[1][6]);
        assert!(odds(8) > odds(6) && odds(8) > odds(2), "{of:?}");
    }

    /// What having both fields is evidence for.
    fn odds_of_whole(of: &[Vec<f64>]) -> f64 {
        let whole = |levels: &Vec<f64>| levels[4] + levels[5] + levels[7] + levels[8];
        whole(&of[0]) / whole(&of[1])
    }

    #[test]
    fn what_many_pairs_show_without_a_part_stays() {
        let found = |pairs: f64| {
            let mut matches = class("match", 0.0, [0.05, 0.05, 0.1, 0.8]);
            (matches.probabilities[0][3], matches.probabilities[0][6]) = (6e-4, 4e-4);
            let mut chance = class("chance", 0.0, [0.9, 0.06, 0.03, 0.01]);
            (chance.probabilities[0][3], chance.probabilities[0][6]) = (9.6e-4, 0.4e-4);
            let of = mended(matches, chance, pairs);
            of[0][6] / (of[0][3] + of[0][6])
        };
        assert!((found(1.0) - 0.9).abs() < 0.01, "the marginal: {}", found(1.0));
        assert!((found(1e7) - 0.4).abs() < 0.01, "what was seen: {}", found(1e7));
    }
}
