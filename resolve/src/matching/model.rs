//! The model: what levels are worth, frozen under a version.
//!
//! Fellegi and Sunter (1969) with more than one way not to match: beside the
//! matches there is a class of pairs for each bundle that two strangers may
//! share, one for households, and one for chance. With `n_k` pairs in class k
//! and `theta_k` the probabilities of bundle levels in it,
//! `p = n_0 prod theta_0 / sum_k n_k prod theta_k`, and the match weight is
//! `log2(p / (1 - p))` in bits.

pub(crate) mod absence;
pub(crate) mod people;

use super::block::keys::KeyWeights;
use super::block::rules::Rules;
use super::compare::comparer::Pattern;
use super::field::Field;
use super::field::generic::Limits;
use super::hash::FastMap;
use super::labels::{Features, Refinement, Refiner};
use super::normalise::DayOrder;
use super::role::Role;
use super::{Error, Measure, Result};
use serde::{Deserialize, Serialize};

/// The version of model this program writes and reads.
pub const MODEL_VERSION: u32 = 2;

/// Most levels of a bundle.
pub(crate) const BUNDLE_LEVELS_MAX: usize = 1 << 14;

/// In a pattern: a field that one record lacks, and one in which both differ.
const MISSING: u8 = 0;
const DIFFERENT: u8 = 1;

/// A trained model; see the head of this file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// [`MODEL_VERSION`] of the program that wrote it.
    pub version: u32,
    /// Records it was trained on.
    pub records: u64,
    /// What is compared, in order.
    pub fields: Vec<FieldModel>,
    /// Fields whose levels count together, by their places.
    pub bundles: Vec<Vec<usize>>,
    /// The match class first, chance last.
    pub classes: Vec<Class>,
    /// What keys weigh when candidates are ranked.
    pub(crate) keys: KeyWeights,
    /// Which pairs are looked at; not written where they are the usual ones.
    #[serde(default, skip_serializing_if = "Rules::are_default")]
    pub rules: Rules,
    /// What labels taught, if there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refinement: Option<Refinement>,
}

/// One compared field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldModel {
    /// Name of its column.
    pub name: String,
    /// What the column was taken for.
    pub role: Role,
    /// How its values are compared.
    pub measure: Measure,
    /// How its dates are written; as each table shows where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) day_order: Option<DayOrder>,
    /// Column of the house number that is written before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) house_number: Option<String>,
    /// From when on its values say nothing of a person.
    #[serde(default)]
    pub(crate) generic: Limits,
    /// Hashes of common values and their bands, sorted; all others are rare.
    pub(crate) common: Vec<(u64, u8)>,
}

impl FieldModel {
    /// A field without limits or common values, whose dates are written as each table shows.
    pub(crate) fn new(name: impl Into<String>, role: Role, measure: Measure) -> Self {
        let (generic, common) = (Limits::default(), Vec::new());
        Self { name: name.into(), role, measure, day_order: None, house_number: None, generic, common }
    }

    /// The bands of common values, by their hashes.
    pub(crate) fn bands(&self) -> FastMap<u64, u8> {
        self.common.iter().copied().collect()
    }
}

/// One way for a pair to come about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Class {
    /// `match`, `chance`, `household` or the columns that strangers share.
    pub name: String,
    /// Pairs of this class among all pairs of the records.
    pub pairs: f64,
    /// Probability of each level of each bundle, that of missing first: 1 in every
    /// class where it says nothing, else the levels sum to one with it.
    pub probabilities: Vec<Vec<f64>>,
}

impl Class {
    /// Pairs of this class that show these levels of the bundles.
    pub(crate) fn mass(&self, levels: &[usize]) -> f64 {
        self.probabilities.iter().zip(levels).fold(self.pairs, |mass, (levels, &level)| mass * levels[level])
    }
}

/// What a pair is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// Match weight in 1/256 bit.
    pub weight: i32,
    /// Match probability in 1/65535.
    pub probability: u16,
    /// Whether the pair tells anything: two records are compared in something
    /// else than ways to reach somebody, or are alike in one of these. People
    /// have several of those, so that two records know different ones, and
    /// nothing else in common to compare, speaks neither for nor against.
    pub telling: bool,
}

impl Score {
    /// Match weight in bits.
    #[must_use]
    pub fn match_weight(self) -> f64 {
        f64::from(self.weight) / 256.0
    }

    /// Match probability, 0..=1.
    #[must_use]
    pub fn match_probability(self) -> f64 {
        f64::from(self.probability) / 65535.0
    }

    /// Of a pair that matches with odds `matching : other`.
    fn new(matching: f64, other: f64) -> Self {
        let bits = (matching.max(f64::MIN_POSITIVE) / other.max(f64::MIN_POSITIVE)).log2();
        let probability = matching / (matching + other).max(f64::MIN_POSITIVE);
        let (weight, probability) = ((bits * 256.0).round() as i32, (probability * 65535.0).round() as u16);
        Self { weight, probability, telling: true }
    }

    /// Of a match weight in 1/256 bit.
    fn of_weight(weight: i32) -> Self {
        let probability = 1.0 / (1.0 + (-f64::from(weight) / 256.0).exp2());
        Self { weight, probability: (probability * 65535.0).round() as u16, telling: true }
    }
}

/// The radix of each field of a bundle, missing included.
pub(crate) fn radix(measure: Measure) -> usize {
    usize::from(measure.levels()) + 1
}

/// Level of a bundle: its fields' levels as digits; 0 if all are missing.
pub(crate) fn bundle_level(bundle: &[usize], measures: &[Measure], pattern: &Pattern) -> usize {
    bundle.iter().fold(0, |level, &field| level * radix(measures[field]) + usize::from(pattern[field]))
}

impl Model {
    /// Returns the probability of `pattern` in each class, times its pairs.
    pub(crate) fn class_masses(&self, levels: &[usize], masses: &mut Vec<f64>) {
        masses.clear();
        masses.extend(self.classes.iter().map(|class| class.mass(levels)));
    }

    /// Reads a model.
    ///
    /// # Errors
    /// [`Error::ModelVersion`], [`Error::ModelDamaged`].
    pub fn from_json(text: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        let head: Head = serde_json::from_str(text).map_err(|_| Error::ModelDamaged { part: "version" })?;
        if head.version != MODEL_VERSION {
            return Err(Error::ModelVersion { found: head.version, expected: MODEL_VERSION });
        }
        let model: Self = serde_json::from_str(text).map_err(|_| Error::ModelDamaged { part: "json" })?;
        model.check()?;
        Ok(model)
    }

    /// Writes the model; the same model is always the same text.
    ///
    /// # Errors
    /// [`Error::ModelDamaged`] if a probability is no number.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|_| Error::ModelDamaged { part: "probabilities" })
    }

    /// Whether every part fits the others.
    pub(crate) fn check(&self) -> Result<()> {
        let measures: Vec<Measure> = self.fields.iter().map(|field| field.measure).collect();
        if self.fields.len() > super::field::FIELDS_MAX || self.fields.is_empty() {
            return Err(Error::ModelDamaged { part: "fields" });
        }
        let mut seen: Vec<usize> = self.bundles.concat();
        seen.sort_unstable();
        if seen != (0..measures.len()).collect::<Vec<_>>() {
            return Err(Error::ModelDamaged { part: "bundles" });
        }
        let sizes: Vec<usize> =
            self.bundles.iter().map(|bundle| bundle.iter().map(|&field| radix(measures[field])).product()).collect();
        let fits = |class: &Class| {
            class.pairs.is_finite()
                && class.pairs >= 0.0
                && class.probabilities.iter().map(Vec::len).eq(sizes.iter().copied())
                && class.probabilities.iter().flatten().all(|share| (0.0..=1.0).contains(share))
        };
        if self.classes.len() < 2 || !self.classes.iter().all(fits) {
            return Err(Error::ModelDamaged { part: "classes" });
        }
        if self.fields.iter().any(|field| field.common.iter().any(|&(_, band)| band >= field.measure.bands())) {
            return Err(Error::ModelDamaged { part: "bands" });
        }
        if self.refinement.as_ref().is_some_and(|refinement| !refinement.holds_together()) {
            return Err(Error::ModelDamaged { part: "refinement" });
        }
        Ok(())
    }

    /// The model with the frequencies of its terms counted in `fields`, those of this
    /// model; `None` if it tells no frequencies or has counted them already.
    pub(crate) fn counted(&self, fields: &[Field]) -> Option<Self> {
        let of_terms =
            |field: &FieldModel| matches!(field.measure, Measure::Levels(levels) if levels.tell_frequencies());
        if !self.fields.iter().any(|field| of_terms(field) && field.common.is_empty()) {
            return None;
        }
        let mut counted = self.clone();
        counted.records = fields.first().map_or(0, |field| field.codes.len() as u64);
        for (model, field) in counted.fields.iter_mut().zip(fields) {
            if of_terms(model) && model.common.is_empty() {
                model.common = field.frequencies();
            }
        }
        Some(counted)
    }

    /// Writes the model's frozen bands into a field's values.
    pub(crate) fn set_bands(&self, place: usize, field: &mut Field) {
        let common = self.fields[place].bands();
        if common.is_empty() {
            return;
        }
        for code in 0..field.values.len() {
            if let Some(&band) = common.get(&field.value_hash(code)) {
                field.bands[code] = band;
            }
        }
    }
}

/// What a scorer remembers of its model.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) seen: FastMap<Pattern, Score>,
    refiner: Option<Refiner>,
}

/// Scores patterns, remembering those it has seen. One per thread.
pub(crate) struct Scorer<'a> {
    model: &'a Model,
    measures: Vec<Measure>,
    seen: FastMap<Pattern, Score>,
    masses: Vec<f64>,
    refiner: Option<(&'a Refinement, Refiner)>,
}

impl<'a> Scorer<'a> {
    pub(crate) fn new(model: &'a Model) -> Self {
        Self::with(model, Memory::default())
    }

    /// Goes on with what another scorer of this model remembers.
    pub(crate) fn with(model: &'a Model, memory: Memory) -> Self {
        let measures = model.fields.iter().map(|field| field.measure).collect();
        let refiner = model.refinement.as_ref();
        let refiner = refiner.map(|refinement| (refinement, memory.refiner.unwrap_or_else(|| Refiner::new(model))));
        Self { model, measures, seen: memory.seen, masses: Vec::new(), refiner }
    }

    /// Returns what it remembers.
    pub(crate) fn into_memory(self) -> Memory {
        Memory { seen: self.seen, refiner: self.refiner.map(|(_, refiner)| refiner) }
    }

    pub(crate) fn score(&mut self, pattern: Pattern) -> Score {
        if let Some(&score) = self.seen.get(&pattern) {
            return score;
        }
        let levels = self.levels(&pattern);
        let mut score = self.unrefined(&levels);
        if let Some((refinement, refiner)) = &self.refiner {
            score = Score::of_weight(refinement.weight(&refiner.features(&pattern, &levels, score.weight)));
        }
        score.telling = self.is_telling(&pattern);
        self.seen.insert(pattern, score);
        score
    }

    /// See [`Score::telling`].
    fn is_telling(&self, pattern: &Pattern) -> bool {
        let mut fields = self.model.fields.iter().zip(pattern);
        fields.any(|(field, &level)| {
            let reaches = matches!(field.role, Role::Email | Role::Phone | Role::Device);
            level > if reaches { DIFFERENT } else { MISSING }
        })
    }

    /// What a refinement looks at in a pattern.
    pub(crate) fn features(&mut self, pattern: &Pattern, refiner: &Refiner) -> Features {
        let levels = self.levels(pattern);
        let weight = self.unrefined(&levels).weight;
        refiner.features(pattern, &levels, weight)
    }

    fn levels(&self, pattern: &Pattern) -> Vec<usize> {
        self.model.bundles.iter().map(|bundle| bundle_level(bundle, &self.measures, pattern)).collect()
    }

    /// The score by classes alone.
    fn unrefined(&mut self, levels: &[usize]) -> Score {
        self.model.class_masses(levels, &mut self.masses);
        Score::new(self.masses[0], self.masses[1..].iter().sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model {
        let field = FieldModel::new("id", Role::SourceId, Measure::Exact);
        let class = |name: &str, pairs, exact| Class {
            name: name.into(),
            pairs,
            probabilities: vec![vec![1.0, 1.0 - exact, exact]],
        };
        Model {
            version: MODEL_VERSION,
            records: 10,
            fields: vec![field],
            bundles: vec![vec![0]],
            classes: vec![class("match", 1.0, 0.5), class("chance", 1.0, 0.25)],
            keys: KeyWeights::default(),
            rules: Rules::default(),
            refinement: None,
        }
    }

    #[test]
    fn weight_is_log_odds_and_missing_says_nothing() {
        let model = model();
        let mut scorer = Scorer::new(&model);
        let mut score = |level| {
            let mut pattern = Pattern::default();
            pattern[0] = level;
            scorer.score(pattern)
        };
        assert_eq!(score(0).weight, 0);
        assert_eq!(score(2).weight, 256);
        assert!((score(2).match_probability() - 2.0 / 3.0).abs() < 1e-4);
        assert_eq!([0, 1, 2].map(|level| score(level).telling), [false, true, true]);
        assert!(score(1).match_weight() < 0.0);
    }

    #[test]
    fn other_ways_to_reach_somebody_tell_nothing() {
        let mut model = model();
        for (role, telling) in [(Role::Email, false), (Role::Phone, false), (Role::Device, false), (Role::City, true)] {
            model.fields[0].role = role;
            let mut pattern = Pattern::default();
            pattern[0] = DIFFERENT;
            assert_eq!(Scorer::new(&model).score(pattern).telling, telling, "{role:?}");
            pattern[0] = DIFFERENT + 1;
            assert!(Scorer::new(&model).score(pattern).telling, "{role:?}");
        }
    }

    #[test]
    fn json_round_trips_and_damage_is_named() {
        let text = model().to_json().unwrap();
        assert_eq!(Model::from_json(&text).unwrap(), model());
        let other = text.replacen("\"version\":2", "\"version\":7", 1);
        assert!(matches!(Model::from_json(&other), Err(Error::ModelVersion { found: 7, .. })));
        for (from, to, part) in
            [("[[0]]", "[[1]]", "bundles"), ("0.25", "9.0", "classes"), ("\"records\"", "\"x\"", "json")]
        {
            let damaged = text.replacen(from, to, 1);
            assert!(
                matches!(Model::from_json(&damaged), Err(Error::ModelDamaged { part: found }) if found == part),
                "{part}"
            );
        }
    }
}
