//! How often strangers carry one identifier by chance, from candidate pairs.
//!
//! Random pairs show too few such agreements to count: with none among some
//! hundred thousand, the share is only known to be small, and many pairs times
//! a small share can still outnumber all matches. But an identifier that two
//! records share is a key, so nearly all pairs that agree on one are
//! candidates, and other fields tell which of these are matches.

use super::em::Sample;
use crate::matching::model::Class;
use crate::matching::role::Role;

/// Rounds of counting; each starts from the shares the last one found.
const ROUNDS: usize = 8;

/// The bundle of one identifier.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Identifier {
    /// Its place among the bundles.
    pub(crate) bundle: usize,
    /// Level of equal values.
    pub(crate) exact: usize,
    /// Share of random pairs in which both records have one.
    pub(crate) present: f64,
}

/// Whether a value of this role is given to one person, as a rule.
pub(crate) fn is_identifier(role: Role) -> bool {
    matches!(role, Role::Email | Role::Phone | Role::NationalId | Role::UserId | Role::Device | Role::SourceId)
}

/// Lowers the probability that chance gives equal identifiers to what the
/// sampled candidates show, each standing for `scale` of them. `classes` end
/// with chance; what is higher already stays.
pub(crate) fn sharpen(classes: &mut [Class], identifiers: &[Identifier], sample: &Sample, scale: f64) {
    let telling: Vec<&(Vec<usize>, f64)> = sample
        .patterns
        .iter()
        .filter(|(levels, _)| identifiers.iter().any(|of| levels[of.bundle] == of.exact))
        .collect();
    for _ in 0..ROUNDS {
        let mut by_chance = vec![0.0; identifiers.len()];
        for (levels, pairs) in &telling {
            let strangers = pairs * scale * chance_of(classes, levels);
            for (count, of) in by_chance.iter_mut().zip(identifiers) {
                *count += if levels[of.bundle] == of.exact { strangers } else { 0.0 };
            }
        }
        let Some(chance) = classes.last_mut() else { return };
        for (count, of) in by_chance.into_iter().zip(identifiers) {
            let both_have_one = (chance.pairs * of.present).max(1.0);
            let levels = &mut chance.probabilities[of.bundle];
            let share = (f64::max(count, 1.0) / both_have_one).min(levels[of.exact]);
            levels[1] += levels[of.exact] - share;
            levels[of.exact] = share;
        }
    }
}

/// Probability that a pair of these levels came about by chance.
pub(crate) fn chance_of(classes: &[Class], levels: &[usize]) -> f64 {
    let mass = |class: &Class| class.mass(levels);
    let all: f64 = classes.iter().map(mass).sum();
    classes.last().map_or(0.0, mass) / all.max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Matches agree on a name and an identifier; chance is thought to give
    /// equal identifiers in one pair of ten thousand.
    fn sharpened(strangers_sharing: f64) -> f64 {
        let class = |name: &str, pairs, name_equal: f64, id_equal: f64| Class {
            name: name.into(),
            pairs,
            probabilities: vec![vec![1.0, 1.0 - name_equal, name_equal], vec![1.0, 1.0 - id_equal, id_equal]],
        };
        let mut classes = [class("match", 1e3, 0.95, 0.9), class("chance", 1e8, 1e-3, 1e-4)];
        let patterns =
            vec![(vec![0, 2], 100.0), (vec![1, 2], 45.0 + strangers_sharing), (vec![2, 1], 95.0), (vec![2, 2], 855.0)];
        let identifiers = [Identifier { bundle: 1, exact: 2, present: 1.0 }];
        sharpen(&mut classes, &identifiers, &Sample { patterns }, 1.0);
        let sums: f64 = classes[1].probabilities[1][1..].iter().sum();
        assert!((sums - 1.0).abs() < 1e-9);
        classes[1].probabilities[1][2] * 1e8
    }

    #[test]
    fn identifiers_that_only_matches_share_are_no_chance() {
        assert!(sharpened(0.0) < 60.0, "{}", sharpened(0.0));
    }

    #[test]
    fn identifiers_that_strangers_share_stay_so() {
        let found = sharpened(2000.0);
        assert!((1900.0..2300.0).contains(&found), "{found}");
    }
}
