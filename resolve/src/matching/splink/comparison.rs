//! Comparisons of Splink's library: their columns, levels and probabilities.

use super::super::{Error, Result};
use super::condition::{Condition, read};
use super::names;
use crate::matching::compare::levels::{Bands, Levels, Part, Test};
use crate::matching::field::frequency;
use serde::Deserialize;

/// A comparison as it is saved.
#[derive(Deserialize)]
pub(super) struct Comparison {
    output_column_name: Option<String>,
    /// From the most alike down.
    pub(super) comparison_levels: Vec<Level>,
}

/// A level as it is saved.
#[derive(Deserialize)]
pub(super) struct Level {
    pub(super) sql_condition: String,
    #[serde(default, rename = "is_null_level")]
    pub(super) of_missing: bool,
    m_probability: Option<f64>,
    u_probability: Option<f64>,
    tf_adjustment_column: Option<String>,
    tf_adjustment_weight: Option<f64>,
    tf_minimum_u_value: Option<f64>,
}

/// m and u of a level; none where the file has none.
pub(super) type Probabilities = Option<(f64, f64)>;

/// One comparison, read.
#[derive(Debug)]
pub(super) struct Compared {
    /// Its columns, of which the levels count together.
    pub(super) columns: Vec<(String, Levels)>,
    /// By level of the bundle of columns.
    pub(super) probabilities: Vec<Probabilities>,
}

/// How the weight of equal values is adjusted by the frequency of the term.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Adjustment {
    /// Column of the term.
    pub(super) column: String,
    weight: f64,
    minimum: f64,
}

impl Adjustment {
    /// m and u of equal values in a band of frequencies.
    pub(super) fn of_band(&self, (m, u): (f64, f64), band: u8) -> (f64, f64) {
        let adjusted = |share: f64| u.powf(1.0 - self.weight) * share.max(self.minimum).powf(self.weight);
        (m, frequency::share(band).map_or(u, adjusted).min(1.0))
    }
}

impl Comparison {
    /// The error that names one of its levels.
    pub(super) fn refused(&self, level: &Level, reason: &str) -> Error {
        Error::SplinkRefused {
            comparison: self.output_column_name.clone().unwrap_or_default(),
            sql: level.sql_condition.clone(),
            reason: reason.to_owned(),
        }
    }

    /// The error that names it where it lacks a level.
    pub(super) fn unreadable(&self) -> Error {
        Error::SplinkUnreadable { part: format!("comparison {}", self.output_column_name.as_deref().unwrap_or("")) }
    }

    /// What equal values are told apart by if a level is adjusted: by frequency where
    /// that is trained, else by what training can find.
    pub(super) fn bands(&self, is_adjusted: bool) -> Bands {
        match is_adjusted {
            true if self.comparison_levels.iter().any(|level| level.probabilities().is_some()) => Bands::Frequencies,
            true => Bands::Three,
            false => Bands::One,
        }
    }
}

impl Level {
    pub(super) fn probabilities(&self) -> Probabilities {
        self.m_probability.zip(self.u_probability)
    }

    /// How it is adjusted by the frequency of terms, if it is.
    pub(super) fn adjustment(&self) -> Option<Adjustment> {
        let weight = self.tf_adjustment_weight.unwrap_or(1.0);
        let minimum = self.tf_minimum_u_value.unwrap_or(0.0);
        let column = self.tf_adjustment_column.clone().filter(|_| weight != 0.0)?;
        Some(Adjustment { column, weight, minimum })
    }
}

impl Compared {
    /// Reads one comparison.
    ///
    /// # Errors
    /// [`Error::SplinkRefused`] and [`Error::SplinkUnreadable`].
    pub(super) fn read(comparison: &Comparison) -> Result<Self> {
        let is_joint = |level: &Level| matches!(read(&level.sql_condition), Some(Condition::MissingBoth(..)));
        if comparison.comparison_levels.iter().any(is_joint) { names::read_both(comparison) } else { one(comparison) }
    }

    /// Whether it has probabilities.
    pub(super) fn is_trained(&self) -> bool {
        self.probabilities.iter().any(Option::is_some)
    }
}

/// Reads a comparison of one column.
fn one(comparison: &Comparison) -> Result<Compared> {
    let refused = |level: &Level, reason: &str| comparison.refused(level, reason);
    let mut columns: Vec<String> = Vec::new();
    let (mut tests, mut probabilities, mut different, mut adjusted) = (Vec::new(), Vec::new(), None, None);
    for level in &comparison.comparison_levels {
        let adjustment = level.adjustment();
        match read(&level.sql_condition) {
            Some(Condition::Missing(column)) if level.of_missing => columns.push(column),
            Some(Condition::Passes(column, test)) if !level.of_missing && different.is_none() => {
                if let Some(adjustment) = adjustment {
                    if !tests.is_empty() || test != Test::Equal(Part::Whole) || adjustment.column != column {
                        return Err(refused(level, OTHER_TERMS));
                    }
                    adjusted = Some(adjustment);
                }
                columns.push(column);
                tests.push(test);
                probabilities.push(level.probabilities());
            }
            Some(Condition::Otherwise) if different.is_none() && adjustment.is_none() => {
                different = Some(level.probabilities());
            }
            _ => return Err(refused(level, NOT_OF_THE_LIBRARY)),
        }
    }
    columns.dedup();
    let last = comparison.comparison_levels.last().ok_or_else(|| comparison.unreadable())?;
    probabilities.extend([different.ok_or_else(|| comparison.unreadable())?, None]);
    let bands = comparison.bands(adjusted.is_some());
    let (Some(levels), [column]) = (Levels::new(&tests, bands), columns.as_slice()) else {
        return Err(refused(last, "not 1 to 12 levels of one column"));
    };
    let about_users =
        |test: &Test| matches!(test, Test::Equal(part) | Test::JaroWinkler(part, _) if *part != Part::Whole);
    if tests.first().is_some_and(about_users) {
        return Err(refused(last, "equal values need not pass the first level"));
    }
    probabilities.reverse();
    if let (Some(adjusted), true) = (adjusted, levels.tell_frequencies()) {
        let equal = probabilities.pop().flatten();
        probabilities.extend((0..levels.bands()).map(|band| equal.map(|equal| adjusted.of_band(equal, band))));
    }
    Ok(Compared { columns: vec![(column.clone(), levels)], probabilities })
}

/// Why a level is refused.
pub(super) const NOT_OF_THE_LIBRARY: &str = "not of the comparison library";
pub(super) const OTHER_TERMS: &str = "adjusts by the frequency of other terms than the values it finds equal";
