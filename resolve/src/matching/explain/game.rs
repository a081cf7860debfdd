//! What bundles of a pair are worth together and each by itself.

use crate::matching::compare::comparer::Pattern;
use crate::matching::field::FIELDS_MAX;
use crate::matching::model::{Model, Score, Scorer};

/// Most players: the scores of all their coalitions are computed.
pub(super) const PLAYERS_MAX: usize = 12;

/// The bundles of a pair about which something is known, and the score of
/// every set of them, by bits; all else missing.
pub(super) struct Game {
    /// Bundles of each player: one, but for the last where there are too many.
    pub(super) players: Vec<Vec<usize>>,
    pub(super) scores: Vec<Score>,
}

impl Game {
    pub(super) fn new(model: &Model, scorer: &mut Scorer<'_>, pattern: &Pattern) -> Self {
        let players = players(model, scorer, pattern);
        let fields: Vec<u16> = players.iter().map(|bundles| fields_of(model, bundles)).collect();
        let score = |coalition: usize| {
            let known = members(coalition).fold(0, |known, player| known | fields[player]);
            scorer.score(restricted(pattern, known))
        };
        let of_all = (0..1 << players.len()).map(score).collect();
        Self { players, scores: of_all }
    }

    /// The score of nothing known.
    pub(super) fn start(&self) -> Score {
        self.scores[0]
    }

    /// The score of all that is known.
    pub(super) fn whole(&self) -> Score {
        self.scores[self.scores.len() - 1]
    }

    /// What each player contributes, in 1/256 bit.
    pub(super) fn contributions(&self) -> Vec<i32> {
        let weights: Vec<i32> = self.scores.iter().map(|score| score.weight).collect();
        shapley(&weights)
    }
}

/// Bundles with a level; those past the limit, which change the weight the
/// least when they are left out, are one player together.
fn players(model: &Model, scorer: &mut Scorer<'_>, pattern: &Pattern) -> Vec<Vec<usize>> {
    let known = |bundle: &usize| model.bundles[*bundle].iter().any(|&field| pattern[field] != 0);
    let mut bundles: Vec<usize> = (0..model.bundles.len()).filter(known).collect();
    if bundles.len() <= PLAYERS_MAX {
        return bundles.into_iter().map(|bundle| vec![bundle]).collect();
    }
    let whole = scorer.score(*pattern).weight;
    bundles.sort_by_cached_key(|&bundle| {
        let without = restricted(pattern, !fields_of(model, &[bundle]));
        (std::cmp::Reverse((whole - scorer.score(without).weight).unsigned_abs()), bundle)
    });
    let rest = bundles.split_off(PLAYERS_MAX - 1);
    bundles.sort_unstable();
    bundles.into_iter().map(|bundle| vec![bundle]).chain([rest]).collect()
}

/// Fields of bundles, by bits.
fn fields_of(model: &Model, bundles: &[usize]) -> u16 {
    bundles.iter().flat_map(|&bundle| &model.bundles[bundle]).fold(0, |fields, &field| fields | 1 << field)
}

/// The pattern with all fields but these missing.
pub(super) fn restricted(pattern: &Pattern, fields: u16) -> Pattern {
    let mut known = [0; FIELDS_MAX];
    for field in (0..FIELDS_MAX).filter(|field| fields >> field & 1 == 1) {
        known[field] = pattern[field];
    }
    known
}

/// Members of a set by bits.
pub(super) fn members(set: usize) -> impl Iterator<Item = usize> {
    (0..usize::BITS as usize).filter(move |member| set >> member & 1 == 1)
}

/// Shapley values of a game given by the value of each coalition, in whole
/// units that sum to `values[all] - values[none]`. The exact values are
/// fractions of players!; they are rounded down, and the units left go to the
/// largest remainders, the first of equals.
///
/// `values` has one entry for each set of at most [`PLAYERS_MAX`] players.
pub(super) fn shapley(values: &[i32]) -> Vec<i32> {
    let players = values.len().trailing_zeros() as usize;
    let mut factorials = vec![1i64];
    (1..=12).zip(0..players).for_each(|(next, place)| factorials.push(factorials[place] * next));
    let exact = |player: usize| {
        let without = (0..values.len()).filter(|set| set >> player & 1 == 0);
        without.fold(0, |sum, set| {
            let gain = i64::from(values[set | 1 << player]) - i64::from(values[set]);
            let size = set.count_ones() as usize;
            sum + factorials[size] * factorials[players - 1 - size] * gain
        })
    };
    let exact: Vec<i64> = (0..players).map(exact).collect();
    rounded(&exact, factorials[players])
}

/// Fractions of one denominator, whose sum is whole, as whole numbers of the
/// same sum.
fn rounded(numerators: &[i64], denominator: i64) -> Vec<i32> {
    let mut whole: Vec<i32> = numerators.iter().map(|part| part.div_euclid(denominator) as i32).collect();
    let remainder = |place: &usize| numerators[*place].rem_euclid(denominator);
    let left = (0..numerators.len()).map(|place| remainder(&place)).sum::<i64>() / denominator;
    let mut order: Vec<usize> = (0..numerators.len()).collect();
    order.sort_by_key(|place| (std::cmp::Reverse(remainder(place)), *place));
    order.into_iter().take(left as usize).for_each(|place| whole[place] += 1);
    whole
}
