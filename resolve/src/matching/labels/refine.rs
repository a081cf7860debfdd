//! Learns a refinement, no stronger than labels held back bear out.

use super::super::hash::{FastMap, FastSet, mix};
use super::super::model::{Model, Scorer};
use super::Label;
use super::boost::{Boosting, Example, logistic};
use super::refinement::{Refinement, RefinementKind, Refiner, Tree, WEIGHT};
use crate::matching::compare::comparer::{Comparer, Fields, Pattern};

/// Labels below which nothing is learned.
const LABELS_MIN: usize = 20;
/// Labels of either answer below which no trees are grown.
const TREE_ANSWERS_MIN: usize = 50;
/// Trees at most.
const TREES_MAX: usize = 150;
/// Parts that labels are held back in.
const FOLDS: u64 = 5;
/// Standard errors by which a stronger refinement must do better.
const SURELY: f64 = 1.0;
/// Weight, in labels of curvature 1, of the prior that the model is right.
const TRUST: f64 = 2.0;
/// Steps of Newton's method, and how far one goes at most: where a model is
/// surely wrong, the curve is flat and a whole step leads far off.
const ROUNDS: usize = 60;
const SCALE_STEP: f64 = 0.2;
const SHIFT_STEP: f64 = 1.0;
/// Weights beyond this many natural units are all the same to a loss.
const MARGIN_MAX: f64 = 12.0;
/// Natural log odds of one 1/256 bit.
const NATS: f64 = std::f64::consts::LN_2 / 256.0;

/// Returns `model` refined by the labels of records it knows; the labels may
/// come in any order and either way round. Labels of records not in `fields`,
/// of a record with itself, and answers that contradict each other are left out.
/// `weights` are those of all candidates, in any order, before refinement.
pub(crate) fn refine(model: Model, fields: &Fields, labels: &[Label], weights: &mut [i32]) -> Model {
    let model = Model { refinement: None, ..model };
    let (mut examples, folds) = examples(&model, fields, labels);
    stand_for(&mut examples, weights);
    let refinement = learn(&examples, &folds);
    Model { refinement, ..model }
}

/// The labelled pairs in a fixed order, and the part each is held back in:
/// pairs that hang together by a record are held back together.
fn examples(model: &Model, fields: &Fields, labels: &[Label]) -> (Vec<Example>, Vec<u64>) {
    let rows = rows(fields, labels);
    let mut pairs: Vec<(u64, u64, bool)> = labels
        .iter()
        .filter(|label| label.one != label.other && rows.contains_key(&label.one) && rows.contains_key(&label.other))
        .map(|label| (label.one.min(label.other), label.one.max(label.other), label.is_match))
        .collect();
    pairs.sort_unstable();
    pairs.dedup();
    let agreed: Vec<_> = pairs
        .chunk_by(|one, other| (one.0, one.1) == (other.0, other.1))
        .filter(|answers| answers.len() == 1)
        .map(|answers| answers[0])
        .collect();
    let group_of = groups(&agreed);
    let (mut comparer, mut scorer, refiner) = (Comparer::new(fields), Scorer::new(model), Refiner::new(model));
    let mut example = |(one, other, is_match): &(u64, u64, bool)| {
        let pattern: Pattern = comparer.pattern(rows[one], rows[other]);
        Example { features: scorer.features(&pattern, &refiner), is_match: *is_match, counts: 1.0 }
    };
    let folds = agreed.iter().map(|(one, ..)| mix(group_of[one]) % FOLDS).collect();
    (agreed.iter().map(&mut example).collect(), folds)
}

/// The rows of the records that labels name.
fn rows(fields: &Fields, labels: &[Label]) -> FastMap<u64, u32> {
    let named: FastSet<u64> = labels.iter().flat_map(|label| [label.one, label.other]).collect();
    fields.records.iter().copied().zip(0..).filter(|(record, _)| named.contains(record)).collect()
}

/// The least record of the labelled records that each hangs together with.
fn groups(pairs: &[(u64, u64, bool)]) -> FastMap<u64, u64> {
    let mut group_of: FastMap<u64, u64> = FastMap::default();
    let mut changed = true;
    while changed {
        changed = false;
        for &(one, other, _) in pairs {
            let least = [one, other].map(|record| group_of.get(&record).copied().unwrap_or(record)).into_iter().min();
            for record in [one, other] {
                let least = least.unwrap_or(record);
                changed |= group_of.insert(record, least) != Some(least);
            }
        }
    }
    group_of
}

/// Labels next to each other by weight that stand for as many candidates each.
const NEIGHBOURS: usize = 25;

/// Sets how many candidates each example stands for, on average 1: labels are
/// asked for where they teach most, which is not where most candidates are.
fn stand_for(examples: &mut [Example], weights: &mut [i32]) {
    let mut order: Vec<usize> = (0..examples.len()).collect();
    order.sort_by_key(|&place| examples[place].features[WEIGHT]);
    weights.sort_unstable();
    let groups: Vec<&[usize]> = order.chunks(NEIGHBOURS).collect();
    let mut start = 0;
    for (index, group) in groups.iter().enumerate() {
        let next = groups.get(index + 1).map(|next| examples[next[0]].features[WEIGHT]);
        let end = next.map_or(weights.len(), |next| weights.partition_point(|&weight| weight < next));
        let candidates = end.saturating_sub(start).max(group.len());
        for &place in *group {
            examples[place].counts = candidates as f64 / group.len() as f64;
        }
        start = end;
    }
    let mean = examples.iter().map(|example| example.counts).sum::<f64>() / examples.len().max(1) as f64;
    for example in examples {
        example.counts /= mean;
    }
}

/// The strongest refinement that labels held back bear out, if any.
fn learn(examples: &[Example], folds: &[u64]) -> Option<Refinement> {
    let matches = examples.iter().filter(|example| example.is_match).count();
    if examples.len() < LABELS_MIN || matches == 0 || matches == examples.len() {
        return None;
    }
    let trees_max = if matches.min(examples.len() - matches) < TREE_ANSWERS_MIN { 0 } else { TREES_MAX };
    let held = HeldBack::measure(examples, folds, trees_max);
    let (kind, trees, after) = held.strongest()?;
    let line = Line::fit(examples);
    let trees = grow(examples, line, trees);
    let bits = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64 / std::f64::consts::LN_2;
    Some(Refinement {
        kind,
        labels: examples.len(),
        matches,
        loss_before: bits(&held.before),
        loss_after: bits(after),
        scale: (line.scale * 65536.0).round() as i32,
        shift: (line.shift / NATS).round() as i32,
        trees,
    })
}

/// Grows trees on what the line leaves to correct.
fn grow(examples: &[Example], line: Line, count: usize) -> Vec<Tree> {
    let mut boosting = Boosting::new(examples, examples.iter().map(|example| line.margin(example)).collect());
    (0..count).map_while(|_| boosting.grow()).collect()
}

/// Losses of each label by refinements that did not learn from it.
struct HeldBack {
    before: Vec<f64>,
    recalibrated: Vec<f64>,
    /// By number of trees, from one.
    trees: Vec<Vec<f64>>,
}

impl HeldBack {
    fn measure(examples: &[Example], folds: &[u64], trees_max: usize) -> Self {
        let before = examples.iter().map(|example| loss(Line::UNCHANGED.margin(example), example)).collect();
        let mut held =
            Self { before, recalibrated: vec![0.0; examples.len()], trees: vec![vec![0.0; examples.len()]; trees_max] };
        for fold in 0..FOLDS {
            let learned: Vec<Example> =
                examples.iter().zip(folds).filter(|(_, of)| **of != fold).map(|(example, _)| *example).collect();
            let line = Line::fit(&learned);
            let trees = grow(&learned, line, trees_max);
            for (place, example) in examples.iter().enumerate().filter(|(place, _)| folds[*place] == fold) {
                let mut margin = line.margin(example);
                held.recalibrated[place] = loss(margin, example);
                for count in 0..trees_max {
                    margin += trees.get(count).map_or(0.0, |tree| f64::from(tree.leaf(&example.features)) * NATS);
                    held.trees[count][place] = loss(margin, example);
                }
            }
        }
        held
    }

    /// What is surely better than anything weaker, and its losses.
    fn strongest(&self) -> Option<(RefinementKind, usize, &[f64])> {
        let best_count = (0..self.trees.len()).min_by(|&one, &other| {
            let sum = |count: usize| self.trees[count].iter().sum::<f64>();
            sum(one).total_cmp(&sum(other))
        });
        let recalibrates = surely_better(&self.recalibrated, &self.before);
        let weaker = if recalibrates { &self.recalibrated } else { &self.before };
        if let Some(count) = best_count.filter(|&count| surely_better(&self.trees[count], weaker)) {
            return Some((RefinementKind::Trees, count + 1, &self.trees[count]));
        }
        recalibrates.then_some((RefinementKind::Recalibrated, 0, self.recalibrated.as_slice()))
    }
}

/// Whether the mean of paired losses is lower by more than chance would make it.
fn surely_better(losses: &[f64], than: &[f64]) -> bool {
    let count = losses.len() as f64;
    let gains: Vec<f64> = than.iter().zip(losses).map(|(than, loss)| than - loss).collect();
    let mean = gains.iter().sum::<f64>() / count;
    let variance = gains.iter().map(|gain| (gain - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
    mean > SURELY * (variance / count).sqrt()
}

/// Surprise at a label, in natural units, by the candidates it stands for.
fn loss(margin: f64, example: &Example) -> f64 {
    let bounded = margin.clamp(-MARGIN_MAX, MARGIN_MAX);
    let toward = if example.is_match { bounded } else { -bounded };
    -logistic(toward).ln() * example.counts
}

/// A weight scaled and shifted, in natural log odds (Platt 1999).
#[derive(Clone, Copy, Debug)]
struct Line {
    scale: f64,
    shift: f64,
}

impl Line {
    const UNCHANGED: Self = Self { scale: 1.0, shift: 0.0 };

    fn margin(self, example: &Example) -> f64 {
        self.shift + self.scale * f64::from(example.features[WEIGHT]) * NATS
    }

    /// Fits by Newton's method, held to the unchanged weight by a prior.
    fn fit(examples: &[Example]) -> Self {
        let mut line = Self::UNCHANGED;
        for _ in 0..ROUNDS {
            let mut slope = [-TRUST * (line.scale - 1.0), -TRUST * line.shift];
            let mut curve = [TRUST, 0.0, TRUST];
            for example in examples {
                let weight = (f64::from(example.features[WEIGHT]) * NATS).clamp(-MARGIN_MAX, MARGIN_MAX);
                let probability = logistic(line.shift + line.scale * weight);
                let missed = example.counts * (f64::from(u8::from(example.is_match)) - probability);
                let curvature = example.counts * probability * (1.0 - probability);
                slope = [slope[0] + missed * weight, slope[1] + missed];
                curve = [curve[0] + curvature * weight * weight, curve[1] + curvature * weight, curve[2] + curvature];
            }
            let determinant = curve[0] * curve[2] - curve[1] * curve[1];
            let steps = [curve[2] * slope[0] - curve[1] * slope[1], curve[0] * slope[1] - curve[1] * slope[0]];
            let [scale, shift] = steps.map(|step| step / determinant);
            line.scale += scale.clamp(-SCALE_STEP, SCALE_STEP);
            line.shift += shift.clamp(-SHIFT_STEP, SHIFT_STEP);
            line.scale = line.scale.clamp(0.1, 10.0);
            line.shift = line.shift.clamp(-MARGIN_MAX, MARGIN_MAX);
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::super::refinement::{ABSENT, FEATURES};
    use super::*;

    /// Pairs of any weight; `is_match` decides from the weight in bits, a
    /// level and a number that looks random.
    fn examples(count: u64, is_match: impl Fn(f64, i32, f64) -> bool) -> (Vec<Example>, Vec<u64>) {
        let unit = |index: u64, space: u64| (mix(index * 4 + space) >> 11) as f64 / (1u64 << 53) as f64;
        let example = |index: u64| {
            let (weight, level) = (unit(index, 0) * 16.0 - 8.0, (unit(index, 1) * 4.0) as i32);
            let mut features = [ABSENT; FEATURES];
            (features[0], features[WEIGHT]) = (level, (weight * 256.0) as i32);
            Example { features, is_match: is_match(weight, level, unit(index, 2)), counts: 1.0 }
        };
        ((0..count).map(example).collect(), (0..count).map(|index| index % FOLDS).collect())
    }

    fn true_odds(bits: f64, random: f64) -> bool {
        random < 1.0 / (1.0 + (-bits).exp2())
    }

    fn learned(count: u64, is_match: impl Fn(f64, i32, f64) -> bool) -> Option<Refinement> {
        let (examples, folds) = examples(count, is_match);
        learn(&examples, &folds)
    }

    #[test]
    fn a_model_that_is_right_is_left_alone() {
        for count in [0, 1, 19, 60, 300, 1000] {
            let found = learned(count, |weight, _, random| true_odds(weight, random));
            assert_eq!(found, None, "{count} labels");
        }
        assert_eq!(learned(500, |_, _, _| true), None, "all of one answer");
    }

    #[test]
    fn a_model_too_sure_of_itself_is_recalibrated() {
        for count in [200, 1000] {
            let found = learned(count, |weight, _, random| true_odds(0.3 * weight - 1.0, random)).unwrap();
            assert_eq!(found.kind, RefinementKind::Recalibrated, "{count} labels");
            assert!((f64::from(found.scale) / 65536.0 - 0.3).abs() < 0.12, "{}", found.scale);
            assert!((f64::from(found.shift) / 256.0 + 1.0).abs() < 0.6, "{}", found.shift);
            assert!(found.loss_after < found.loss_before);
        }
    }

    #[test]
    fn a_level_worth_less_than_the_model_has_it_is_found_by_trees() {
        let shifted = |weight, level, random| true_odds(if level == 2 { weight - 6.0 } else { weight }, random);
        let found = learned(600, shifted).unwrap();
        assert_eq!(found.kind, RefinementKind::Trees);
        let weight = |level: i32| {
            let mut features = [ABSENT; FEATURES];
            (features[0], features[WEIGHT]) = (level, 256);
            found.weight(&features)
        };
        assert!(weight(1) - weight(2) > 2 * 256, "{} {}", weight(1), weight(2));
    }

    #[test]
    fn labels_stand_for_the_candidates_around_their_weight() {
        let example = |weight: i32| {
            let mut features = [ABSENT; FEATURES];
            features[WEIGHT] = weight;
            Example { features, is_match: true, counts: 1.0 }
        };
        let mut examples: Vec<Example> = (0..50).rev().map(|weight| example(weight * 10)).collect();
        let mut weights: Vec<i32> = std::iter::repeat_n(5, 900).chain(std::iter::repeat_n(400, 100)).collect();
        stand_for(&mut examples, &mut weights);
        let counts = |place: usize| (examples[place].counts * 100.0).round() / 100.0;
        assert_eq!((counts(49), counts(0)), (1.8, 0.2));
        stand_for(&mut examples, &mut []);
        assert!(examples.iter().all(|example| (example.counts - 1.0).abs() < 1e-9));
    }

    #[test]
    fn labels_that_hang_together_are_held_back_together() {
        let groups = groups(&[(5, 9, true), (2, 3, false), (1, 9, true), (3, 7, true)]);
        for (row, least) in [(5, 1), (9, 1), (1, 1), (7, 2), (3, 2), (2, 2)] {
            assert_eq!(groups[&row], least, "{row}");
        }
    }
}
