//! What matches lack more often than other pairs.
//!
//! Records that repeat a person are often written in haste: of two of them one
//! lacks a value more often than of two drawn at random. Taken to say nothing,
//! that leaves matches with little to compare less than their odds. How often
//! matches lack a bundle is told by how likely pairs match by all others, since
//! a pair that is a candidate by the bundle itself has it.
//!
//! Only an excess counts: what a record lacks never speaks against a match.

use super::Class;
use crate::matching::train::em::Sample;
use std::collections::BTreeMap;

/// Rounds; each judges by what the last one found of the other bundles.
const ROUNDS: usize = 2;
/// Matches of which some lack a bundle, and as many of which some have it, that
/// are thought to do so as often as all pairs, beside those seen.
const PRIOR_PAIRS: f64 = 100.0;
/// Rounds of fitting what matches lack, bundle by bundle.
const FITS: usize = 20;

/// Gives *missing*, until now 1 in every class, a share where matches lack a
/// bundle more often than `random` pairs do, each the levels of its bundles and
/// how many pairs show them: among matches as `sample` shows it, as random pairs
/// in every other class. The levels of such a bundle then sum to one with
/// *missing*. `classes` start with matches.
pub(crate) fn weigh_missing(classes: &mut [Class], random: impl Iterator<Item = (Vec<usize>, f64)>, sample: &Sample) {
    let bundles = classes.first().map_or(0, |class| class.probabilities.len());
    let lacking = Lacking::of(random);
    let missing: Vec<f64> = (0..bundles).map(|bundle| lacking.share(bundle)).collect();
    for _ in 0..ROUNDS {
        let odds = lacking.odds_of(&missing, &lacking_matches(classes, &missing, sample));
        for (bundle, (&odds, &missing)) in odds.iter().zip(&missing).enumerate() {
            let is_known = classes.first().is_some_and(|matches| matches.probabilities[bundle][0] < 1.0);
            if odds > 1.0 || is_known {
                let of_matches = odds * missing / (odds * missing + 1.0 - missing);
                let shares = std::iter::once(of_matches).chain(std::iter::repeat(missing));
                for (class, share) in classes.iter_mut().zip(shares) {
                    set_missing(&mut class.probabilities[bundle], share);
                }
            }
        }
    }
}

/// Random pairs by the bundles they lack, as bits.
struct Lacking(Vec<(u32, f64)>);

impl Lacking {
    fn of(pairs: impl Iterator<Item = (Vec<usize>, f64)>) -> Self {
        let mut counts: BTreeMap<u32, f64> = BTreeMap::new();
        for (levels, pairs) in pairs {
            let lacking = levels.iter().rev().fold(0, |lacking, &level| lacking << 1 | u32::from(level == 0));
            *counts.entry(lacking).or_default() += pairs;
        }
        Self(counts.into_iter().collect())
    }

    /// Share of the pairs that lack a bundle, never none nor all.
    fn share(&self, bundle: usize) -> f64 {
        let [lacking, all] = self.weighed(bundle, &[]);
        (lacking + 1.0) / (all + 2.0)
    }

    /// Pairs that lack a bundle, and all, each counted for the product of the
    /// `odds` of the bundles it lacks.
    fn weighed(&self, bundle: usize, odds: &[f64]) -> [f64; 2] {
        self.0.iter().fold([0.0, 0.0], |[lacking, all], &(bits, pairs)| {
            let lacked = odds.iter().enumerate().filter(|(other, _)| bits >> other & 1 == 1);
            let pairs = lacked.fold(pairs, |pairs, (_, odds)| pairs * odds);
            [if bits >> bundle & 1 == 1 { lacking + pairs } else { lacking }, all + pairs]
        })
    }

    /// How many times likelier than a random pair a match is to lack each bundle,
    /// so that the share that does is `of_matches`, where that is more than the
    /// `missing` of all. Records that lack one thing often lack another, in all
    /// pairs alike; so these odds are not those of each bundle by itself, but of
    /// the distribution nearest to that of random pairs with such shares, found by
    /// iterative scaling (Deming and Stephan 1940).
    fn odds_of(&self, missing: &[f64], of_matches: &[f64]) -> Vec<f64> {
        let mut odds = vec![1.0; missing.len()];
        for _ in 0..FITS {
            for (bundle, (&missing, &wanted)) in missing.iter().zip(of_matches).enumerate() {
                if wanted <= missing {
                    continue;
                }
                let [lacking, all] = self.weighed(bundle, &odds);
                if lacking > 0.0 && lacking < all {
                    odds[bundle] = f64::max(1.0, odds[bundle] * wanted / (1.0 - wanted) * (all - lacking) / lacking);
                }
            }
        }
        odds
    }
}

/// Makes `missing` the share of level 0, unless no pair of the class lacks the
/// bundle; the others share the rest as before.
fn set_missing(levels: &mut [f64], missing: f64) {
    let others: f64 = levels.iter().skip(1).sum();
    let scale = (1.0 - missing) / others.max(f64::MIN_POSITIVE);
    for level in levels.iter_mut().skip(1) {
        *level *= scale;
    }
    levels[0] = if levels[0] > 0.0 { missing } else { 0.0 };
}

/// Share of matches that lack each bundle; of all pairs, `missing` do.
fn lacking_matches(classes: &[Class], missing: &[f64], sample: &Sample) -> Vec<f64> {
    let mut seen = vec![Seen::default(); missing.len()];
    for (levels, pairs) in &sample.patterns {
        let masses: Vec<f64> = classes.iter().map(|class| class.mass(levels)).collect();
        for (bundle, &level) in levels.iter().enumerate() {
            let by_others =
                |(class, mass): (&Class, &f64)| mass / class.probabilities[bundle][level].max(f64::MIN_POSITIVE);
            let all: f64 = classes.iter().zip(&masses).map(by_others).sum();
            let matching = classes.first().zip(masses.first()).map_or(0.0, by_others);
            let expected = pairs * matching / all.max(f64::MIN_POSITIVE);
            *(if level == 0 { &mut seen[bundle].lacking } else { &mut seen[bundle].having }) += expected;
        }
    }
    seen.iter().zip(missing).map(|(seen, &missing)| seen.share(missing)).collect()
}

/// Matches that lack a bundle and that have it.
#[derive(Clone, Default)]
struct Seen {
    lacking: f64,
    having: f64,
}

impl Seen {
    /// The share of matches that lack it, where `missing` of all pairs do.
    fn share(&self, missing: f64) -> f64 {
        let all = self.lacking + self.having;
        let excess = |seen: f64, share: f64| (seen + PRIOR_PAIRS) / (all * share + PRIOR_PAIRS);
        let lacking = missing * excess(self.lacking, missing);
        lacking / (lacking + (1.0 - missing) * excess(self.having, 1.0 - missing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: f64 = 0.95;
    const EQUAL: f64 = 0.9;

    /// Two bundles, name and identifier: matches agree in both as a rule.
    fn classes() -> [Class; 2] {
        let class = |name: &str, pairs, name_equal: f64, id_equal: f64| Class {
            name: name.into(),
            pairs,
            probabilities: vec![vec![1.0, 1.0 - name_equal, name_equal], vec![1.0, 1.0 - id_equal, id_equal]],
        };
        [class("match", 1e4, NAMES, EQUAL), class("chance", 1e8, 1e-7, 1e-9)]
    }

    /// Matches of which `lacking` lack an identifier, and strangers who share a
    /// name part: they are candidates for that, and have an identifier.
    fn sample(lacking: f64) -> Sample {
        let having = 1.0 - lacking;
        let patterns = vec![
            (vec![1, 1], 5000.0),
            (vec![2, 0], 1e4 * NAMES * lacking),
            (vec![2, 1], 1e4 * NAMES * having * (1.0 - EQUAL)),
            (vec![2, 2], 1e4 * NAMES * having * EQUAL),
        ];
        Sample { patterns }
    }

    /// Random pairs of which a share lacks an identifier.
    fn random(lacking: f64) -> impl Iterator<Item = (Vec<usize>, f64)> {
        [(vec![1, 0], 1e5 * lacking), (vec![1, 1], 1e5 * (1.0 - lacking))].into_iter()
    }

    #[test]
    fn what_matches_lack_more_often_speaks_for_a_match() {
        let mut classes = classes();
        weigh_missing(&mut classes, random(0.1), &sample(0.4));
        let [matches, chance] = &classes;
        assert!((matches.probabilities[1][0] - 0.4).abs() < 0.03, "{matches:?}");
        assert!((chance.probabilities[1][0] - 0.1).abs() < 1e-3, "{chance:?}");
        for class in [matches, chance] {
            assert!((class.probabilities[1].iter().sum::<f64>() - 1.0).abs() < 1e-9);
            assert!((class.probabilities[0][0] - 1.0).abs() < 1e-9, "names are never missing");
        }
        assert!((matches.probabilities[1][2] / matches.probabilities[1][1] - 9.0).abs() < 1e-6);
    }

    #[test]
    fn what_matches_lack_less_often_says_nothing() {
        let mut found = classes();
        weigh_missing(&mut found, random(0.5), &sample(0.4));
        assert_eq!(found, classes());
        weigh_missing(&mut found, random(0.5), &Sample { patterns: Vec::new() });
        assert_eq!(found, classes());
        weigh_missing(&mut found, std::iter::empty(), &sample(0.0));
        assert_eq!(found, classes());
    }

    #[test]
    fn what_is_lacking_together_counts_once() {
        let pairs = |together: f64| {
            let alone = 0.2 - together;
            let rest = 1.0 - together - 2.0 * alone;
            [(vec![0, 0], together), (vec![0, 1], alone), (vec![1, 0], alone), (vec![1, 1], rest)]
        };
        let odds = |together: f64| {
            let lacking = Lacking::of(pairs(together).into_iter());
            lacking.odds_of(&[0.2, 0.2], &[0.5, 0.5])
        };
        let product = |odds: Vec<f64>| odds.iter().product::<f64>();
        assert!((product(odds(0.04)) - 16.0).abs() < 1e-6, "each by itself: {:?}", odds(0.04));
        assert!((product(odds(0.2)) - 4.0).abs() < 1e-6, "always together: {:?}", odds(0.2));
        assert!((4.0..16.0).contains(&product(odds(0.1))), "{:?}", odds(0.1));
    }
}
