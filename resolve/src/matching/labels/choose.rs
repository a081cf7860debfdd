//! Which pairs to ask about: those whose answers teach most.

use super::super::batch::{Outcome, Pair};
use super::super::hash::{ordered, pair as pair_hash};

/// Upper bounds of bands of the match weight, in bits, and the share of the
/// questions that goes to each. Most questions go where the model wavers; some
/// go to where it is sure, for that is where it can be surely wrong.
const BANDS: [(i32, usize); 8] =
    [(-12, 4), (-7, 10), (-4, 14), (-1, 20), (2, 20), (5, 14), (9, 10), (i32::MAX / 256, 8)];
/// Questions about pairs of one weight, as a part of all: pairs of the same
/// levels have the same weight, and their answers teach the same.
const SAME_PART: usize = 20;

/// Chooses `count` of an outcome's candidate pairs to be labelled, fewer if it
/// has no more. The same outcome, count and seed give the same pairs; they come
/// in an order in which every head of the list is spread over the bands too.
#[must_use]
pub fn choose(outcome: &Outcome, count: usize, seed: u64) -> Vec<Pair> {
    let mut bands: Vec<Vec<Pair>> = vec![Vec::new(); BANDS.len()];
    for pair in &outcome.pairs {
        let band = BANDS.partition_point(|&(bound, _)| pair.score.weight >= bound * 256);
        bands[band.min(BANDS.len() - 1)].push(*pair);
    }
    let wanted = quotas(&bands.iter().map(Vec::len).collect::<Vec<_>>(), count);
    let mut chosen: Vec<(u64, Pair)> = Vec::with_capacity(count);
    for (mut band, wanted) in bands.into_iter().zip(wanted) {
        band.sort_unstable_by_key(|pair| (pair.score.weight, shuffled(pair, seed)));
        chosen.extend(spread(&band, wanted, count / SAME_PART + 1).map(|pair| (shuffled(&pair, seed), pair)));
    }
    chosen.sort_unstable_by_key(|(hash, pair)| (*hash, pair.one, pair.other));
    chosen.into_iter().map(|(_, pair)| pair).collect()
}

/// A number that puts pairs in an order of no meaning.
fn shuffled(pair: &Pair, seed: u64) -> u64 {
    ordered(seed, pair_hash(u64::from(pair.one), u64::from(pair.other)))
}

/// Questions of each band: its share, what bands lack going to the others.
fn quotas(available: &[usize], count: usize) -> Vec<usize> {
    let mut quotas = vec![0; available.len()];
    let mut left = count.min(available.iter().sum());
    while left > 0 {
        let open = |quotas: &[usize], band: usize| quotas[band] < available[band];
        let shares: usize = (0..available.len()).filter(|&band| open(&quotas, band)).map(|band| BANDS[band].1).sum();
        let round = left;
        for band in 0..available.len() {
            if open(&quotas, band) {
                let share = (round * BANDS[band].1).div_ceil(shares.max(1));
                let taken = share.min(available[band] - quotas[band]).min(left);
                quotas[band] += taken;
                left -= taken;
            }
        }
    }
    quotas
}

/// `wanted` of a band's pairs, at equal steps along their weights, at most
/// `same` of one weight unless there are no others.
fn spread(band: &[Pair], wanted: usize, same: usize) -> impl Iterator<Item = Pair> {
    let mut first: Vec<Pair> = Vec::new();
    let mut rest: Vec<Pair> = Vec::new();
    for alike in band.chunk_by(|one, other| one.score.weight == other.score.weight) {
        let (kept, left) = alike.split_at(alike.len().min(same));
        first.extend(kept);
        rest.extend(left);
    }
    let steps = |pairs: Vec<Pair>, wanted: usize| {
        let length = pairs.len();
        (0..wanted.min(length)).map(move |step| pairs[step * length / wanted.min(length)])
    };
    let missing = wanted.saturating_sub(first.len());
    steps(first, wanted).chain(steps(rest, missing))
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
        let pair =
            |index: u32| Pair { one: index, other: index + 1, score: Score { weight: weight(index), probability: 0 } };
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
        let chosen = choose(&outcome(20_000), 200, 1);
        assert_eq!(chosen.len(), 200);
        let within = |from: i32, to: i32| {
            chosen.iter().filter(|pair| (from * 256..to * 256).contains(&pair.score.weight)).count()
        };
        assert!(within(-4, 5) > 100, "{}", within(-4, 5));
        assert!(within(-40, -7) >= 10 && within(9, 40) >= 10);
        let of_one_weight = chosen.iter().filter(|pair| pair.score.weight == 20 * 256).count();
        assert!(of_one_weight <= 200 / SAME_PART + 1, "{of_one_weight}");
    }

    #[test]
    fn each_pair_is_asked_once_and_the_seed_decides() {
        for (pairs, count) in [(0, 10), (3, 10), (500, 499), (5000, 100)] {
            let chosen = choose(&outcome(pairs), count, 7);
            assert_eq!(chosen.len(), count.min(pairs as usize));
            let mut rows: Vec<u32> = chosen.iter().map(|pair| pair.one).collect();
            rows.sort_unstable();
            rows.dedup();
            assert_eq!(rows.len(), chosen.len());
        }
        assert_eq!(choose(&outcome(5000), 100, 7), choose(&outcome(5000), 100, 7));
        assert_ne!(choose(&outcome(5000), 100, 7), choose(&outcome(5000), 100, 8));
    }
}
