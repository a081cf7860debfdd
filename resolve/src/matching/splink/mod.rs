//! Settings of Splink 3, 4 and 5, as their models are saved: comparisons whose
//! levels are those of Splink's comparison library become measures of this
//! program; with their m and u they become a model.
//!
//! What is written as any other SQL is refused by name. Levels are applied to
//! values as this program normalises them: letter case and blanks around them
//! tell nothing.

mod condition;

use self::condition::{Condition, read};
use super::keys::KeyWeights;
use super::levels::{Levels, Part, Test};
use super::role::{Role, by_name};
use super::{Class, Error, FieldModel, MODEL_VERSION, Measure, Model, Result, Rules};
use serde::Deserialize;

/// What a Splink settings file says.
#[derive(Clone, Debug, PartialEq)]
pub struct SplinkSettings {
    /// Columns compared and how, in the order of the file.
    pub comparisons: Vec<(String, Measure)>,
    /// The model, if the file is of a trained one.
    pub model: Option<Model>,
}

#[derive(Deserialize)]
struct Settings {
    probability_two_random_records_match: Option<f64>,
    comparisons: Vec<Comparison>,
}

#[derive(Deserialize)]
struct Comparison {
    output_column_name: Option<String>,
    comparison_levels: Vec<Level>,
}

#[derive(Deserialize)]
struct Level {
    sql_condition: String,
    #[serde(default, rename = "is_null_level")]
    of_missing: bool,
    m_probability: Option<f64>,
    u_probability: Option<f64>,
    tf_adjustment_column: Option<String>,
}

/// One comparison, read.
struct Compared {
    column: String,
    levels: Levels,
    /// m and u by level, *different* first, where the file has them.
    probabilities: Vec<Option<(f64, f64)>>,
}

/// Pairs the classes of a model without a size are shares of.
const PAIRS: f64 = 1e9;
/// Splink's default for two records drawn at random.
const MATCH_SHARE: f64 = 1e-4;

impl SplinkSettings {
    /// Reads a settings file.
    ///
    /// # Errors
    /// [`Error::SplinkUnreadable`] if it is none, [`Error::SplinkRefused`] for a
    /// level that is not of the comparison library or adjusts by the frequency
    /// of terms.
    pub fn from_json(text: &str) -> Result<Self> {
        let settings: Settings =
            serde_json::from_str(text).map_err(|error| Error::SplinkUnreadable { part: error.to_string() })?;
        if settings.comparisons.is_empty() {
            return Err(Error::SplinkUnreadable { part: "no comparisons".into() });
        }
        let compared = settings.comparisons.iter().map(compared).collect::<Result<Vec<_>>>()?;
        let comparisons = compared.iter().map(|of| (of.column.clone(), Measure::Levels(of.levels))).collect();
        let trained = compared.iter().any(|of| of.probabilities.iter().any(Option::is_some));
        let share = settings.probability_two_random_records_match.unwrap_or(MATCH_SHARE);
        let model = if trained { Some(model(compared, share)?) } else { None };
        Ok(Self { comparisons, model })
    }
}

/// Reads one comparison, its levels from the most alike to *different*.
fn compared(comparison: &Comparison) -> Result<Compared> {
    let name = comparison.output_column_name.clone().unwrap_or_default();
    let refused = |level: &Level, reason: &str| Error::SplinkRefused {
        comparison: name.clone(),
        sql: level.sql_condition.clone(),
        reason: reason.to_owned(),
    };
    let mut columns: Vec<String> = Vec::new();
    let (mut tests, mut probabilities, mut different) = (Vec::new(), Vec::new(), None);
    for level in &comparison.comparison_levels {
        if level.tf_adjustment_column.is_some() {
            return Err(refused(level, "adjusts by the frequency of terms"));
        }
        let of_level = level.m_probability.zip(level.u_probability);
        match read(&level.sql_condition) {
            Some(Condition::Missing(column)) if level.of_missing => columns.push(column),
            Some(Condition::Passes(column, test)) if !level.of_missing && different.is_none() => {
                columns.push(column);
                tests.push(test);
                probabilities.push(of_level);
            }
            Some(Condition::Otherwise) if different.is_none() => different = Some(of_level),
            _ => return Err(refused(level, "not of the comparison library")),
        }
    }
    columns.dedup();
    let last = comparison.comparison_levels.last();
    let unreadable = || Error::SplinkUnreadable { part: format!("comparison {name}") };
    let different = different.ok_or_else(unreadable)?;
    let (Some(levels), [column], Some(last)) = (Levels::new(&tests), columns.as_slice(), last) else {
        return Err(last.map_or_else(unreadable, |last| refused(last, "not 1 to 12 levels of one column")));
    };
    let about_users =
        |test: &Test| matches!(test, Test::Equal(part) | Test::JaroWinkler(part, _) if *part != Part::Whole);
    if tests.first().is_some_and(about_users) {
        return Err(refused(last, "equal values need not pass the first level"));
    }
    probabilities.push(different);
    probabilities.reverse();
    Ok(Compared { column: column.clone(), levels, probabilities })
}

/// The model of trained comparisons; levels never seen in training say nothing.
fn model(compared: Vec<Compared>, share: f64) -> Result<Model> {
    let class = |name: &str, pairs: f64, pick: fn((f64, f64)) -> f64| Class {
        name: name.to_owned(),
        pairs,
        probabilities: compared
            .iter()
            .map(|of| std::iter::once(1.0).chain(of.probabilities.iter().map(|of| of.map_or(1.0, pick))).collect())
            .collect(),
    };
    let classes = vec![class("match", share * PAIRS, |of| of.0), class("chance", (1.0 - share) * PAIRS, |of| of.1)];
    let bundles = (0..compared.len()).map(|field| vec![field]).collect();
    let model = Model {
        version: MODEL_VERSION,
        records: 0,
        fields: compared.into_iter().map(field).collect(),
        bundles,
        classes,
        keys: KeyWeights::default(),
        rules: Rules::default(),
        refinement: None,
    };
    model.check()?;
    Ok(model)
}

fn field(compared: Compared) -> FieldModel {
    let role = by_name(&compared.column).filter(|role| !matches!(role, Role::Ignored(_))).unwrap_or(Role::Text);
    FieldModel::new(compared.column, role, Measure::Levels(compared.levels))
}
