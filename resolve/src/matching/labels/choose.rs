//! Which pairs to ask about: those whose answers teach most.
//!
//! Pairs of one comparison pattern have one weight, and their answers teach the
//! same: so patterns take turns, those that stand for more pairs sooner.

use super::super::batch::{Outcome, Pair};
use super::super::hash::{ordered, pair as pair_hash};
use std::collections::HashSet;

/// Upper bounds of bands of the match weight, in bits, and the share of the
/// questions that goes to each. Most questions go where the model wavers; some
/// go to where it is sure, for that is where it can be surely wrong.
const BANDS: [(i32, usize); 8] =
    [(-12, 4), (-7, 10), (-4, 14), (-1, 20), (2, 20), (5, 14), (9, 10), (i32::MAX / 256, 8)];

/// Chooses `count` of an outcome's candidate pairs to be judged, fewer if it
/// has no more, the most worth asking about first. Pairs in `asked`, two rows
/// each, are not asked again, but count: with those first chosen asked, what is
/// chosen is what would have come next. The same outcome, pairs asked, count
/// and seed give the same pairs.
#[must_use]
pub fn choose(outcome: &Outcome, asked: &[(u32, u32)], count: usize, seed: u64) -> Vec<Pair> {
    let asked: HashSet<(u32, u32)> = asked.iter().map(|&(one, other)| (one.min(other), one.max(other))).collect();
    let mut by_band: Vec<Vec<Pair>> = vec![Vec::new(); BANDS.len()];
    for pair in &outcome.pairs {
        let band = BANDS.partition_point(|&(bound, _)| pair.score.weight >= bound * 256);
        by_band[band.min(BANDS.len() - 1)].push(*pair);
    }
    let mut bands: Vec<Band> = by_band.into_iter().map(|pairs| Band::new(pairs, &asked, count, seed)).collect();
    std::iter::from_fn(|| {
        let open = bands.iter_mut().zip(BANDS).filter(|(band, _)| !band.left.is_empty());
        // The band that would be the furthest behind its share.
        let next = open.min_by(|(one, (_, share)), (other, (_, other_share))| {
            ((one.taken + 1) * other_share).cmp(&((other.taken + 1) * share))
        });
        let (band, _) = next?;
        band.taken += 1;
        band.left.pop()
    })
    .take(count)
    .collect()
}

/// The pairs of one band of weights.
struct Band {
    /// Pairs asked about.
    taken: usize,
    /// Pairs that can be, the last one next.
    left: Vec<Pair>,
}

impl Band {
    /// Puts pairs in the order in which they are asked: the first of each
    /// pattern, the second of each, and so on, no more than `count`.
    fn new(mut pairs: Vec<Pair>, asked: &HashSet<(u32, u32)>, count: usize, seed: u64) -> Self {
        pairs.sort_by_cached_key(|pair| (pair.score.weight, shuffled(pair, seed)));
        let mut taken = 0;
        let mut left: Vec<(usize, f64, Pair)> = Vec::new();
        for alike in pairs.chunk_by(|one, other| one.score.weight == other.score.weight) {
            let is_asked = |pair: &&Pair| asked.contains(&(pair.one, pair.other));
            let known = alike.iter().filter(is_asked).count();
            taken += known;
            let turn = turn(alike, seed);
            let open = alike.iter().filter(|pair| !is_asked(pair)).take(count);
            left.extend((known..).zip(open).map(|(round, pair)| (round, turn, *pair)));
        }
        left.sort_by(|one, other| other.0.cmp(&one.0).then(other.1.total_cmp(&one.1)));
        Self { taken, left: left.into_iter().map(|(.., pair)| pair).collect() }
    }
}

/// A number that puts pairs in an order of no meaning.
fn shuffled(pair: &Pair, seed: u64) -> u64 {
    ordered(seed, pair_hash(u64::from(pair.one), u64::from(pair.other)))
}

/// When it is the turn of a pattern: patterns in this order are a draw without
/// replacement in which each counts for its number of pairs (Efraimidis and
/// Spirakis 2006).
fn turn(alike: &[Pair], seed: u64) -> f64 {
    let weight = alike.first().map_or(0, |pair| pair.score.weight);
    let hash = ordered(seed, u64::from(weight.cast_unsigned()));
    let uniform = ((hash >> 11) as f64 + 1.0) / (1u64 << 53) as f64;
    -uniform.ln() / alike.len() as f64
}

#[cfg(test)]
mod tests {
    use super::super::super::model::Score;
    use super::*;

    /// Pairs at every weight from -20 to 20 bits, most of them at the ends.
    fn outcome(count: u32) -> Outcome {
        let weight = |index: u32| match index % 4 {
            0 => -20 * 256 + i32::try_from(index % 512).unwrap(),
            1 => 20 * 256,
            _ => i32::try_from(index * 37 % 10240).unwrap() - 5120,
        };
        let pair = |index: u32| Pair {
            one: index,
            other: index + 1,
            score: Score { weight: weight(index), probability: 0, telling: true },
        };
        Outcome {
            recognised: Vec::new(),
            generic_values: Vec::new(),
            model: None,
            clusters: Vec::new(),
            probabilities: Vec::new(),
            pairs: (0..count).map(pair).collect(),
        }
    }

    #[test]
    fn questions_are_many_where_the_model_wavers_and_some_everywhere() {
        let chosen = choose(&outcome(20_000), &[], 200, 1);
        assert_eq!(chosen.len(), 200);
        for head in [&chosen[..], &chosen[..50]] {
            let within = |from: i32, to: i32| {
                head.iter().filter(|pair| (from * 256..to * 256).contains(&pair.score.weight)).count()
            };
            assert!(within(-4, 5) * 2 > head.len(), "{} of {}", within(-4, 5), head.len());
            assert!(within(-40, -7) * 20 >= head.len() && within(9, 40) * 20 >= head.len());
        }
    }

    #[test]
    fn no_pattern_is_asked_again_before_the_others_of_its_band() {
        let weights = |index: u32| [100, 300, 300, 300, 300, 300, 400, 700, 3000][index as usize % 9];
        let mut outcome = outcome(900);
        outcome.pairs.iter_mut().zip(0..).for_each(|(pair, index)| pair.score.weight = weights(index));
        for (seed, count) in (0..20).flat_map(|seed| [4, 8, 40].map(|count| (seed, count))) {
            let chosen = choose(&outcome, &[], count, seed);
            let times = |weight: i32| chosen.iter().filter(|pair| pair.score.weight == weight).count();
            let of_band = [100, 300, 400].map(times);
            assert!(of_band.iter().max().unwrap() - of_band.iter().min().unwrap() <= 1, "{of_band:?}");
        }
        let first = (0..200).map(|seed| choose(&outcome, &[], 1, seed)[0].score.weight);
        let common = first.filter(|&weight| weight == 300).count();
        assert!(
            (110..170).contains(&common),
            "5 of 7 pairs are of one pattern, which comes first {common} of 200 times"
        );
    }

    #[test]
    fn each_pair_is_asked_once_and_the_seed_decides() {
        for (pairs, count) in [(0, 10), (3, 10), (500, 499), (5000, 100)] {
            let chosen = choose(&outcome(pairs), &[], count, 7);
            assert_eq!(chosen.len(), count.min(pairs as usize));
            let mut rows: Vec<u32> = chosen.iter().map(|pair| pair.one).collect();
            rows.sort_unstable();
            rows.dedup();
            assert_eq!(rows.len(), chosen.len());
        }
        assert_eq!(choose(&outcome(5000), &[], 100, 7), choose(&outcome(5000), &[], 100, 7));
        assert_ne!(choose(&outcome(5000), &[], 100, 7), choose(&outcome(5000), &[], 100, 8));
    }

    #[test]
    fn with_the_first_asked_the_next_are_those_that_would_have_come() {
        for (pairs, count) in [(60, 60), (5000, 300)] {
            let outcome = outcome(pairs);
            let all = choose(&outcome, &[], count, 5);
            for first in [1, 17, count / 2, count - 1] {
                let asked: Vec<(u32, u32)> = all[..first].iter().map(|pair| (pair.other, pair.one)).collect();
                assert_eq!(choose(&outcome, &asked, count - first, 5), all[first..], "{first} of {count}");
            }
        }
    }
}
