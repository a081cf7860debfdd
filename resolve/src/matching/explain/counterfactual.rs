//! What would have to change for a pair to fall below the cut, or to reach it.

use super::game::{Game, members, restricted};
use super::pair::Bits;
use crate::matching::cluster::Cut;
use crate::matching::compare::comparer::Pattern;
use crate::matching::model::{Model, Score, Scorer};
use serde::Serialize;

/// The least change that turns what a pair says by itself: fewest bundles
/// first, then those that change the weight the most.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Counterfactual {
    /// Were these unknown, the pair would be below the cut.
    Without {
        /// Names of the bundles.
        names: Vec<String>,
        /// The weight left.
        match_weight: Bits,
        /// The probability left, 0..=1.
        match_probability: f64,
    },
    /// Were these equal, the pair would reach the cut.
    WereEqual {
        /// Names of the bundles.
        names: Vec<String>,
        /// The weight it would have.
        match_weight: Bits,
        /// The probability it would have, 0..=1.
        match_probability: f64,
    },
    /// No such change is enough.
    None,
}

/// Whether a score by itself is enough for a merge.
pub(super) fn reaches(score: Score, cut: Cut) -> bool {
    score.match_probability() >= cut.probability()
}

/// Sets of `of` members, the smallest first, the first of a size by bits.
fn by_size(of: usize) -> impl Iterator<Item = Vec<usize>> {
    (1..=of as u32).map(move |size| (1..1usize << of).filter(move |set| set.count_ones() == size).collect())
}

/// The fewest players without whom the pair is below the cut; of as many, the
/// set that leaves the least weight.
pub(super) fn without(game: &Game, cut: Cut) -> Option<(usize, Score)> {
    let all = game.scores.len() - 1;
    by_size(game.players.len()).find_map(|sets| {
        let below = sets.into_iter().map(|set| (set, game.scores[all & !set]));
        below.filter(|&(_, score)| !reaches(score, cut)).min_by_key(|&(set, score)| (score.weight, set))
    })
}

/// The fewest bundles that, if they were equal, would lift the pair to the
/// cut; of as many, the set that gives the most weight. `equal` is the pattern
/// of both records were all their values equal.
pub(super) fn were_equal(
    model: &Model,
    scorer: &mut Scorer<'_>,
    pattern: &Pattern,
    equal: &Pattern,
    cut: Cut,
) -> Option<(Vec<usize>, Score)> {
    let differs = |bundle: &usize| model.bundles[*bundle].iter().any(|&field| pattern[field] != equal[field]);
    let mut bundles: Vec<usize> = (0..model.bundles.len()).filter(differs).collect();
    bundles.truncate(super::game::PLAYERS_MAX);
    by_size(bundles.len()).find_map(|sets| {
        let lifted = |set: usize| {
            let mut changed = *pattern;
            for field in members(set).flat_map(|member| &model.bundles[bundles[member]]) {
                changed[*field] = equal[*field];
            }
            (set, scorer.score(restricted(&changed, u16::MAX)))
        };
        let enough = sets.into_iter().map(lifted).filter(|&(_, score)| reaches(score, cut));
        let best = enough.max_by_key(|&(set, score)| (score.weight, std::cmp::Reverse(set)))?;
        Some((members(best.0).map(|member| bundles[member]).collect(), best.1))
    })
}
