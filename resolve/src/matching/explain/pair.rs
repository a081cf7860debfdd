//! One pair: its comparisons, what each bundle contributes, what else it may be.

use super::counterfactual::{self, Counterfactual, reaches};
use super::game::Game;
use super::items::{Items, Scoring, Shown};
use super::levels::level_name;
use crate::matching::Measure;
use crate::matching::compare::comparer::Pattern;
use crate::matching::compare::{HALF_SWAPPED, SWAPPED};
use crate::matching::field::FIELDS_MAX;
use crate::matching::model::{Model, Score, bundle_level};
use serde::{Serialize, Serializer};
use std::borrow::Cow;

/// An amount of evidence in 1/256 bit; written as bits, which is exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bits(pub i32);

impl Bits {
    /// In bits.
    #[must_use]
    pub fn bits(self) -> f64 {
        f64::from(self.0) / 256.0
    }
}

impl Serialize for Bits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.bits())
    }
}

/// Why two records are worth what they are.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// Names of the two records.
    pub records: [String; 2],
    /// Prior and contributions together.
    pub match_weight: Bits,
    /// Probability that they are one person, 0..=1.
    pub match_probability: f64,
    /// Least mean probability of a merge, 0..=1.
    pub cut: f64,
    /// Whether this pair by itself reaches the cut.
    pub reaches_cut: bool,
    /// The weight of two records of which nothing is known.
    pub prior: Bits,
    /// What each bundle of fields adds to the prior, the most first.
    pub contributions: Vec<Contribution>,
    /// Every field, in the order of the model.
    pub comparisons: Vec<Comparison>,
    /// What the two may be to each other, the most likely first.
    pub classes: Vec<ClassShare>,
    /// The least change that would turn it.
    pub counterfactual: Counterfactual,
}

/// What a bundle of fields adds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Contribution {
    /// Names of its fields.
    pub name: String,
    /// Places of its fields in the comparisons.
    pub fields: Vec<usize>,
    /// Its Shapley value.
    pub match_weight: Bits,
}

/// The comparison of one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Name of the field.
    pub field: String,
    /// Values of the two records.
    pub values: [Vec<Shown>; 2],
    /// Name of the level; `missing` where either has nothing to compare.
    pub level: Cow<'static, str>,
    /// Whether either has nothing to compare.
    pub missing: bool,
}

/// How likely one way for a pair to come about is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassShare {
    /// Name of the class in the model.
    pub class: String,
    /// The same in words.
    pub meaning: String,
    /// Its probability, 0..=1.
    pub probability: f64,
}

impl Items<'_> {
    /// Explains a pair of items.
    #[must_use]
    pub fn pair(&self, one: u32, other: u32) -> Explanation {
        self.pair_with(&mut self.scoring(), one, other)
    }

    pub(super) fn pair_with(&self, scoring: &mut Scoring<'_>, one: u32, other: u32) -> Explanation {
        let pattern = scoring.pattern(one, other);
        let game = Game::new(self.model, &mut scoring.scorer, &pattern);
        let score = game.whole();
        let counterfactual = self.counterfactual(scoring, (one, other), &pattern, &game);
        Explanation {
            records: [one, other].map(|item| self.names[item as usize].clone()),
            match_weight: Bits(score.weight),
            match_probability: score.match_probability(),
            cut: self.cut.probability(),
            reaches_cut: reaches(score, self.cut),
            prior: Bits(game.start().weight),
            contributions: contributions(self.model, &game),
            comparisons: (0..self.model.fields.len())
                .map(|place| self.comparison(one, other, place, &pattern))
                .collect(),
            classes: classes(self.model, &pattern, score),
            counterfactual,
        }
    }

    fn comparison(&self, one: u32, other: u32, place: usize, pattern: &Pattern) -> Comparison {
        let values = [one, other].map(|item| self.shown(item, place));
        let field = &self.model.fields[place];
        let level = match pattern[place].checked_sub(1) {
            None if values.iter().flatten().any(|value| value.generic) => {
                Cow::Borrowed("missing: says nothing of a person")
            }
            None => Cow::Borrowed("missing"),
            Some(level) => self.named(one, other, place, level),
        };
        Comparison { field: field.name.clone(), values, level, missing: pattern[place] == 0 }
    }

    /// The level's name; names that were swapped, and accents left out, show
    /// only in the values.
    fn named(&self, one: u32, other: u32, place: usize, level: u8) -> Cow<'static, str> {
        let field = &self.fields.all[place];
        let value = |item: u32| {
            let code = field.values_of(&field.codes[item as usize]).first();
            code.and_then(|&code| field.values.get(code as usize))
        };
        let (Some(a), Some(b)) = (value(one), value(other)) else { return level_name(field.measure, level) };
        let is_name = matches!(field.measure, Measure::Given | Measure::Family);
        let foreign = matches!(field.measure, Measure::Levels(_));
        let several = [one, other].iter().any(|&item| field.values_of(&field.codes[item as usize]).len() > 1);
        if a == b || several {
            return level_name(field.measure, level);
        }
        match (is_name && field.measure.level(a, b) != level, level) {
            (true, SWAPPED) => Cow::Borrowed("given and family name swapped"),
            (true, HALF_SWAPPED) => Cow::Borrowed("one name is the other's other name"),
            _ if level >= field.measure.exact() && !foreign => Cow::Borrowed("exact but for accents"),
            _ => level_name(field.measure, level),
        }
    }

    fn counterfactual(
        &self,
        scoring: &mut Scoring<'_>,
        (one, other): (u32, u32),
        pattern: &Pattern,
        game: &Game,
    ) -> Counterfactual {
        let name = |bundles: &[usize]| bundles.iter().map(|&bundle| bundle_name(self.model, bundle)).collect();
        let (match_weight, match_probability) =
            (|score: Score| Bits(score.weight), |score: Score| score.match_probability());
        if reaches(game.whole(), self.cut) {
            let Some((set, score)) = counterfactual::without(game, self.cut) else { return Counterfactual::None };
            let bundles: Vec<usize> =
                super::game::members(set).flat_map(|player| game.players[player].clone()).collect();
            let (match_weight, match_probability) = (match_weight(score), match_probability(score));
            return Counterfactual::Without { names: name(&bundles), match_weight, match_probability };
        }
        let equal = self.were_equal(one, other);
        match counterfactual::were_equal(self.model, &mut scoring.scorer, pattern, &equal, self.cut) {
            Some((bundles, score)) => Counterfactual::WereEqual {
                names: name(&bundles),
                match_weight: match_weight(score),
                match_probability: match_probability(score),
            },
            None => Counterfactual::None,
        }
    }

    /// The pattern of both records if the second had what the first has, and
    /// the first what it lacks; fields that neither has stay missing.
    fn were_equal(&self, one: u32, other: u32) -> Pattern {
        let mut equal = [0; FIELDS_MAX];
        for (place, field) in self.fields.all.iter().enumerate() {
            let value = |item: u32| field.values_of(&field.codes[item as usize]).first();
            if let Some(&code) = value(one).or_else(|| value(other)) {
                equal[place] = 1 + field.measure.exact() + field.bands[code as usize];
            }
        }
        equal
    }
}

/// Names of a bundle's fields.
pub(super) fn bundle_name(model: &Model, bundle: usize) -> String {
    let names: Vec<&str> = model.bundles[bundle].iter().map(|&field| model.fields[field].name.as_str()).collect();
    names.join(" + ")
}

fn contributions(model: &Model, game: &Game) -> Vec<Contribution> {
    let contribution = |(bundles, weight): (&Vec<usize>, i32)| Contribution {
        name: bundles.iter().map(|&bundle| bundle_name(model, bundle)).collect::<Vec<_>>().join(", "),
        fields: bundles.iter().flat_map(|&bundle| model.bundles[bundle].clone()).collect(),
        match_weight: Bits(weight),
    };
    let mut all: Vec<Contribution> = game.players.iter().zip(game.contributions()).map(contribution).collect();
    all.sort_by_key(|contribution| std::cmp::Reverse(contribution.match_weight));
    all
}

/// Shares of the classes; the match's is the score's, which labels may have
/// refined, the others share the rest.
fn classes(model: &Model, pattern: &Pattern, score: Score) -> Vec<ClassShare> {
    let measures: Vec<Measure> = model.fields.iter().map(|field| field.measure).collect();
    let levels: Vec<usize> = model.bundles.iter().map(|bundle| bundle_level(bundle, &measures, pattern)).collect();
    let mut masses = Vec::new();
    model.class_masses(&levels, &mut masses);
    let others: f64 = masses.iter().skip(1).sum();
    let rest = 1.0 - score.match_probability();
    let share = |(place, class): (usize, &crate::matching::Class)| {
        let of_rest = if others > 0.0 { masses[place] / others * rest } else { 0.0 };
        let probability = if place == 0 { score.match_probability() } else { of_rest };
        ClassShare { class: class.name.clone(), meaning: meaning(place, &class.name), probability }
    };
    let mut classes: Vec<ClassShare> = model.classes.iter().enumerate().map(share).collect();
    classes.sort_by(|one, other| other.probability.total_cmp(&one.probability));
    classes
}

fn meaning(place: usize, class: &str) -> String {
    match (place, class) {
        (0, _) => "same person".to_owned(),
        (_, "household") => "same household".to_owned(),
        (_, "chance") => "two people with nothing in common".to_owned(),
        (_, shared) => format!("two people who share {shared}"),
    }
}
