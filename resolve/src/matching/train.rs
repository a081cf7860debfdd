//! Training without labels: chance from random pairs, bundles from what hangs
//! together in them, classes from candidate pairs.

mod classes;
mod counts;
pub(crate) mod em;
pub(crate) mod identifiers;
mod information;
mod partly;

use super::block::keys::KeyWeights;
use super::block::rules::Rules;
use super::compare::comparer::{Comparer, Fields, Pattern};
use super::copies::Twin;
use super::field::Field;
use super::field::generic::Limits;
use super::hash::{FastMap, mix, pair};
use super::model::absence::weigh_missing;
use super::model::{BUNDLE_LEVELS_MAX, Class, FieldModel, MODEL_VERSION, Model, bundle_level, radix};
use super::role::Role;
use super::threads::map_parts;
use super::{Measure, table::MISSING};
use counts::Counts;
use em::{Sample, fit, seen};
use identifiers::{Identifier, chance_of, is_identifier, sharpen};
use information::information;

/// Random pairs taken.
const RANDOM_PAIRS: u64 = 400_000;
/// Candidate pairs taken.
const CANDIDATES: usize = 300_000;
/// Normalised mutual information from which two fields are one bundle.
const BUNDLE_INFORMATION: f64 = 0.1;
/// First-pass probability from which a random pair is left out of chance.
const NO_MATCH: f64 = 0.02;
/// Rounds of telling chance from what else strangers have in common; each round
/// takes away most of what the last one left.
const CHANCE_ROUNDS: usize = 8;
/// Values on fewer records than this are rare, however few records there are.
const RARE_RECORDS: usize = 12;

type Counted = Vec<(Pattern, f64)>;

/// Sets each value's band by how many records carry it, and returns what a
/// model freezes: the common values.
pub(crate) fn set_bands(fields: &mut [Field]) -> Vec<FieldModel> {
    fields.iter_mut().map(set_field_bands).collect()
}

fn set_field_bands(field: &mut Field) -> FieldModel {
    let filled = field.codes.iter().filter(|&&code| code != MISSING).count();
    let limits = match field.measure.bands() {
        3 => vec![filled / 150, filled / 3000],
        2 => vec![filled / 3000],
        _ => Vec::new(),
    };
    let mut common = Vec::new();
    for (code, count) in field.counts().into_iter().enumerate() {
        let band = limits.iter().position(|&limit| count as usize >= limit.max(RARE_RECORDS));
        if let Some(band) = band {
            field.bands[code] = band as u8;
            common.push((field.value_hash(code), band as u8));
        }
    }
    common.sort_unstable();
    FieldModel {
        name: field.name.clone(),
        role: field.role,
        measure: field.measure,
        day_order: (field.role == Role::BirthDate).then_some(field.day_order),
        house_number: field.house_number.clone(),
        generic: Limits::default(),
        common,
    }
}

/// What a model is trained on: pairs of rows that may match, and rows that stand for
/// others that say the same.
pub(crate) struct Candidates<'a> {
    pub(crate) pairs: &'a [(u32, u32)],
    pub(crate) twins: &'a [(u32, Twin)],
}

/// Trains a model on `candidates` of `fields`.
pub(crate) fn train(
    fields: &Fields,
    models: Vec<FieldModel>,
    keys: &KeyWeights,
    candidates: &Candidates<'_>,
    threads: usize,
) -> Model {
    let counts = Counts::of(candidates, fields.records.len());
    let sampled = candidates.sample(&fields.records);
    let random = patterns(fields, &random_pairs(&fields.records), &Counts::default(), threads);
    let observed = patterns(fields, &sampled.pairs, &counts, threads);
    let observed = with_twins(observed, fields, &sampled.twins, &counts);
    let mut trainer = Trainer::new(models, counts.records, counts.pairs(candidates));
    trainer.bundle_by_role();
    let (first, _) = trainer.model(&observed, &random, &random, keys);
    let (strangers, by_chance) = (without_matches(&random, &first), trainer.by_chance(&random, &first.classes));
    trainer.bundle_by_information(&strangers);
    let (mut model, sample) = trainer.model(&observed, &by_chance, &strangers, keys);
    let random = random.iter().map(|(pattern, pairs)| (trainer.levels(pattern), *pairs));
    weigh_missing(&mut model.classes, random, &sample);
    model
}

/// Candidates that are taken.
struct Taken {
    pairs: Vec<(u32, u32)>,
    twins: Vec<(u32, Twin)>,
}

impl Candidates<'_> {
    /// Takes some by hash of the pair, so that the sample is one of the set.
    fn sample(&self, records: &[u64]) -> Taken {
        let share = CANDIDATES as f64 / (self.pairs.len() + self.twins.len()).max(1) as f64;
        let limit = if share >= 1.0 { u64::MAX } else { (share * 2f64.powi(64)) as u64 };
        let taken = |one: u32, other: u32| mix(pair(records[one as usize], records[other as usize])) <= limit;
        Taken {
            pairs: self.pairs.iter().filter(|&&(one, other)| taken(one, other)).copied().collect(),
            twins: self.twins.iter().filter(|&&(row, _)| taken(row, row)).copied().collect(),
        }
    }
}

/// Pairs of rows, whose hashes `records` are. Drawn in the order of hashes, any
/// rule is random, and says the same of records in any order.
fn random_pairs(records: &[u64]) -> Vec<(u32, u32)> {
    let count = records.len() as u64;
    if count * count.saturating_sub(1) / 2 <= RANDOM_PAIRS {
        return (0..count as u32).flat_map(|one| (one + 1..count as u32).map(move |other| (one, other))).collect();
    }
    let mut rows: Vec<(u64, u32)> = records.iter().copied().zip(0..).collect();
    rows.sort_unstable();
    let draw = |index: u64| rows[(mix(index) % count) as usize].1;
    let pairs = (0..RANDOM_PAIRS).map(|index| (draw(2 * index), draw(2 * index + 1)));
    pairs.filter(|(one, other)| one != other).collect()
}

/// Counts the patterns of pairs, sorted.
fn patterns(fields: &Fields, pairs: &[(u32, u32)], counts: &Counts, threads: usize) -> Counted {
    let parts = map_parts(threads, pairs, |pairs| {
        let mut comparer = Comparer::new(fields);
        let mut patterns: FastMap<Pattern, u32> = FastMap::default();
        for &(one, other) in pairs {
            *patterns.entry(comparer.pattern(one, other)).or_default() += counts.pair(one, other);
        }
        patterns
    });
    summed(parts.into_iter().flatten())
}

/// Adds the patterns of records that say the same.
fn with_twins(observed: Counted, fields: &Fields, twins: &[(u32, Twin)], counts: &Counts) -> Counted {
    let mut comparer = Comparer::new(fields);
    let of_twins = twins.iter().map(|&(row, twin)| (twin.pattern(&mut comparer, row), counts.twins(row)));
    summed(observed.into_iter().map(|(pattern, pairs)| (pattern, pairs as u32)).chain(of_twins))
}

fn summed(patterns: impl Iterator<Item = (Pattern, u32)>) -> Counted {
    let mut counts: FastMap<Pattern, u32> = FastMap::default();
    patterns.for_each(|(pattern, count)| *counts.entry(pattern).or_default() += count);
    let mut counted: Counted = counts.into_iter().map(|(pattern, count)| (pattern, f64::from(count))).collect();
    counted.sort_unstable_by_key(|(pattern, _)| *pattern);
    counted
}

struct Trainer {
    fields: Vec<FieldModel>,
    measures: Vec<Measure>,
    bundles: Vec<Vec<usize>>,
    records: usize,
    candidates: usize,
}

impl Trainer {
    fn new(fields: Vec<FieldModel>, records: usize, candidates: usize) -> Self {
        let measures: Vec<Measure> = fields.iter().map(|field| field.measure).collect();
        let bundles = (0..fields.len()).map(|field| vec![field]).collect();
        Self { fields, measures, bundles, records, candidates }
    }

    /// All pairs of records.
    fn pairs(&self) -> f64 {
        self.records as f64 * (self.records as f64 - 1.0) / 2.0
    }

    /// Share of each of a field's levels; missing apart, as a share of all.
    fn field_shares(&self, field: usize, counted: &Counted) -> Vec<f64> {
        let mut counts = vec![0.2; radix(self.measures[field])];
        for (pattern, pairs) in counted {
            counts[usize::from(pattern[field])] += pairs;
        }
        let (all, present): (f64, f64) = (counts.iter().sum(), counts[1..].iter().sum());
        let share = |(level, count): (usize, &f64)| if level == 0 { count / all } else { count / present };
        counts.iter().enumerate().map(share).collect()
    }

    /// Joins fields that tell one thing: names told twice, parts of an address.
    fn bundle_by_role(&mut self) {
        for one in 0..self.fields.len() {
            for other in one + 1..self.fields.len() {
                if self.belong_together(one, other) {
                    self.join(one, other);
                }
            }
        }
    }

    /// Joins fields that hang together among pairs that are surely no match. Two
    /// bundles stay: by one no class is told from another.
    fn bundle_by_information(&mut self, strangers: &Counted) {
        for one in 0..self.fields.len() {
            for other in one + 1..self.fields.len() {
                if self.bundles.len() > 2 && information(one, other, strangers) >= BUNDLE_INFORMATION {
                    self.join(one, other);
                }
            }
        }
    }

    fn belong_together(&self, one: usize, other: usize) -> bool {
        let (one, other) = (self.fields[one].role, self.fields[other].role);
        let name = |role| matches!(role, Role::GivenName | Role::FamilyName | Role::FullName);
        let place = |role| matches!(role, Role::Street | Role::City | Role::Postcode | Role::Region);
        let told_twice = one == Role::FullName || other == Role::FullName;
        (name(one) && name(other) && told_twice) || (place(one) && place(other))
    }

    /// Joins the bundles of two fields unless the levels would be too many.
    fn join(&mut self, one: usize, other: usize) {
        let place = |field: usize| self.bundles.iter().position(|bundle| bundle.contains(&field));
        let (Some(into), Some(from)) = (place(one), place(other)) else { return };
        let levels = |bundle: &[usize]| bundle.iter().map(|&field| radix(self.measures[field])).product::<usize>();
        if into == from || levels(&self.bundles[into]) * levels(&self.bundles[from]) > BUNDLE_LEVELS_MAX {
            return;
        }
        let moved = self.bundles.remove(from.max(into));
        let kept = &mut self.bundles[from.min(into)];
        kept.extend(moved);
        kept.sort_unstable();
    }

    /// Probabilities of a bundle's levels as if its fields were independent,
    /// scaled so that the levels other than all missing sum to one.
    fn product(&self, bundle: &[usize], missing: &[Vec<f64>], levels: &[Vec<f64>]) -> Vec<f64> {
        let mut joint = vec![1.0];
        for &field in bundle {
            let absent = missing[field][0];
            let of_level = |level: usize| if level == 0 { absent } else { (1.0 - absent) * levels[field][level] };
            joint = joint
                .iter()
                .flat_map(|&mass| (0..radix(self.measures[field])).map(move |level| mass * of_level(level)))
                .collect();
        }
        let sum: f64 = joint[1..].iter().sum::<f64>().max(f64::MIN_POSITIVE);
        for mass in &mut joint {
            *mass /= sum;
        }
        joint[0] = 1.0;
        joint
    }

    /// Level frequencies among strangers, thinly spread over levels not seen.
    fn chance(&self, strangers: &Counted) -> Chance {
        let fields: Vec<Vec<f64>> = (0..self.fields.len()).map(|field| self.field_shares(field, strangers)).collect();
        let bundle = |bundle: &Vec<usize>| {
            let spread = self.product(bundle, &fields, &fields);
            let mut counts: Vec<f64> = spread.iter().map(|share| 0.05 + 50.0 * share).collect();
            for (pattern, pairs) in strangers {
                counts[bundle_level(bundle, &self.measures, pattern)] += pairs;
            }
            let sum: f64 = counts[1..].iter().sum();
            for count in &mut counts {
                *count /= sum;
            }
            counts[0] = 1.0;
            counts
        };
        Chance { bundles: self.bundles.iter().map(bundle).collect(), fields }
    }

    /// Identifiers that are bundles of their own.
    fn identifiers(&self, chance: &Chance) -> Vec<Identifier> {
        let of_bundle = |(bundle, fields): (usize, &Vec<usize>)| match fields.as_slice() {
            &[field] if is_identifier(self.fields[field].role) => Some(Identifier {
                bundle,
                exact: 1 + usize::from(self.measures[field].exact()),
                present: 1.0 - chance.fields[field][0],
            }),
            _ => None,
        };
        self.bundles.iter().enumerate().filter_map(of_bundle).collect()
    }

    /// Sets chance to what random pairs have in common by chance alone. Relatives
    /// and others who share something are among them, and have classes of their
    /// own: counted twice, they would outweigh matches.
    fn chance_alone(&self, random: &Counted, classes: &mut [Class]) -> Chance {
        let mut chance = self.chance(random);
        for _ in 0..CHANCE_ROUNDS {
            chance = self.chance(&self.by_chance(random, classes));
            if let Some(last) = classes.last_mut() {
                last.probabilities.clone_from(&chance.bundles);
            }
        }
        chance
    }

    /// Random pairs, each counted for as much of it as is chance.
    fn by_chance(&self, random: &Counted, classes: &[Class]) -> Counted {
        random.iter().map(|(pattern, pairs)| (*pattern, pairs * chance_of(classes, &self.levels(pattern)))).collect()
    }

    fn levels(&self, pattern: &Pattern) -> Vec<usize> {
        self.bundles.iter().map(|bundle| bundle_level(bundle, &self.measures, pattern)).collect()
    }

    /// The model of the candidates observed, and these: its classes start from what
    /// pairs have in common `by_chance`, and chance ends as what `random` ones have.
    fn model(&self, observed: &Counted, by_chance: &Counted, random: &Counted, keys: &KeyWeights) -> (Model, Sample) {
        let chance = self.chance(by_chance);
        let (names, prior) = self.prior(&chance);
        let patterns = observed.iter().map(|(pattern, pairs)| (self.levels(pattern), *pairs)).collect();
        let sample = Sample { patterns: telling(patterns) };
        let sampled: f64 = sample.patterns.iter().map(|(_, pairs)| pairs).sum();
        let mut fitted = fit(&sample, &prior);
        let seen = seen(&sample, &fitted);
        if let Some(last) = fitted.probabilities.last_mut() {
            last.clone_from(&chance.bundles);
        }
        let mut pairs: Vec<f64> = fitted.shares.iter().map(|share| share * self.candidates as f64).collect();
        let not_by_chance: f64 = pairs[..pairs.len() - 1].iter().sum();
        if let Some(last) = pairs.last_mut() {
            *last = (self.pairs() - not_by_chance).max(1.0);
        }
        let class = |((name, pairs), probabilities)| Class { name, pairs, probabilities };
        let mut classes: Vec<Class> = names.into_iter().zip(pairs).zip(fitted.probabilities).map(class).collect();
        let chance = self.chance_alone(random, &mut classes);
        sharpen(&mut classes, &self.identifiers(&chance), &sample, self.candidates as f64 / sampled.max(1.0));
        self.mend_partly(&mut classes, seen, random);
        let model = Model {
            version: MODEL_VERSION,
            records: self.records as u64,
            fields: self.fields.clone(),
            bundles: self.bundles.clone(),
            classes,
            keys: keys.clone(),
            rules: Rules::default(),
            refinement: None,
        };
        (model, sample)
    }
}

/// Patterns by which classes can be told apart, those of two bundles or more; all
/// if there are none. Records that have but one bundle to compare, and are alike
/// in it, look the same whether they match or are strangers who share that: where
/// most values are missing, all of them would be taken for matches.
fn telling(mut patterns: Vec<(Vec<usize>, f64)>) -> Vec<(Vec<usize>, f64)> {
    let tells = |levels: &[usize]| levels.iter().filter(|&&level| level > 0).count() > 1;
    if patterns.iter().any(|(levels, _)| tells(levels)) {
        patterns.retain(|(levels, _)| tells(levels));
    }
    patterns
}

/// Random pairs that a model calls no match.
fn without_matches(random: &Counted, model: &Model) -> Counted {
    let mut scorer = super::model::Scorer::new(model);
    let mut stranger = |pattern: &Pattern| scorer.score(*pattern).match_probability() < NO_MATCH;
    random.iter().filter(|(pattern, _)| stranger(pattern)).copied().collect()
}

/// What strangers have in common.
struct Chance {
    fields: Vec<Vec<f64>>,
    bundles: Vec<Vec<f64>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pattern of two fields.
    pub(super) fn pattern(levels: [u8; 2]) -> Pattern {
        let mut pattern = Pattern::default();
        pattern[..2].copy_from_slice(&levels);
        pattern
    }

    #[test]
    fn what_another_class_explains_is_not_chance() {
        let field = |name: &str| FieldModel::new(name, Role::Text, Measure::Exact);
        let trainer = Trainer::new(vec![field("street"), field("name")], 1000, 1000);
        let random: Counted = vec![(pattern([1, 1]), 99_000.0), (pattern([1, 2]), 900.0), (pattern([2, 1]), 100.0)];
        let chance_of_street = |household: f64| {
            let class = |name: &str, pairs, street: f64, equal: f64| Class {
                name: name.into(),
                pairs,
                probabilities: vec![vec![1.0, 1.0 - street, street], vec![1.0, 1.0 - equal, equal]],
            };
            let mut classes = [
                class("match", 1.0, 0.9, 0.9),
                class("household", household, 0.99, 0.01),
                class("chance", 100_000.0, 0.001, 0.01),
            ];
            trainer.chance_alone(&random, &mut classes);
            classes[2].probabilities[0][2]
        };
        assert!((chance_of_street(0.0) - 0.001).abs() < 1e-4, "{}", chance_of_street(0.0));
        assert!(chance_of_street(1000.0) < 1e-5, "{}", chance_of_street(1000.0));
    }

    #[test]
    fn random_pairs_are_all_or_many_and_never_of_a_record_with_itself() {
        let records: Vec<u64> = (0..5000).map(mix).collect();
        assert_eq!(random_pairs(&[]), []);
        assert_eq!(random_pairs(&records[..1]), []);
        assert_eq!(random_pairs(&records[..3]), [(0, 1), (0, 2), (1, 2)]);
        let pairs = random_pairs(&records);
        assert!(pairs.len() > 399_000 && pairs.iter().all(|(one, other)| one != other && one.max(other) < &5000));
        let backwards: Vec<u64> = records.iter().rev().copied().collect();
        let turned = random_pairs(&backwards).into_iter().map(|(one, other)| (4999 - one, 4999 - other));
        assert!(turned.eq(pairs));
    }
}
