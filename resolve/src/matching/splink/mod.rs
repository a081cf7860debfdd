//! Settings of Splink 3, 4 and 5, as their models are saved: comparisons whose
//! levels are those of Splink's comparison library become measures of this
//! program; with their m and u they become a model.
//!
//! What is written as any other SQL is refused by name. Levels are applied to
//! values as this program normalises them: letter case and blanks around them
//! tell nothing. Where a level is adjusted by the frequency of terms, equal
//! values come in bands of a quarter of a bit by how many records carry them.

mod comparison;
mod condition;
mod names;

use self::comparison::{Compared, Comparison};
use super::block::keys::KeyWeights;
use super::compare::levels::Levels;
use super::role::{Role, by_name};
use super::{Class, Error, FieldModel, MODEL_VERSION, Measure, Model, Result, Rules};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// What a file says that may be a model of this program or settings of Splink.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "a program reads one")]
pub enum ModelFile {
    /// A model, or trained settings.
    Trained(Model),
    /// Columns and how to compare them; the rest is to be trained.
    Untrained(Vec<(String, Measure)>),
}

impl ModelFile {
    /// Reads a file of either kind.
    ///
    /// # Errors
    /// Those of [`Model::from_json`] and [`SplinkSettings::from_json`].
    pub fn from_json(text: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Head {
            comparisons: Option<IgnoredAny>,
        }
        let of_splink = serde_json::from_str(text).is_ok_and(|head: Head| head.comparisons.is_some());
        if !of_splink {
            return Model::from_json(text).map(Self::Trained);
        }
        let SplinkSettings { comparisons, model } = SplinkSettings::from_json(text)?;
        Ok(model.map_or(Self::Untrained(comparisons), Self::Trained))
    }

    /// The trained model of the file.
    ///
    /// # Errors
    /// [`Error::NotTrained`] if it is of none.
    pub fn trained(self) -> Result<Model> {
        match self {
            Self::Trained(model) => Ok(model),
            Self::Untrained(_) => Err(Error::NotTrained),
        }
    }
}

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
    /// of other terms than the values it compares.
    pub fn from_json(text: &str) -> Result<Self> {
        let settings: Settings =
            serde_json::from_str(text).map_err(|error| Error::SplinkUnreadable { part: error.to_string() })?;
        if settings.comparisons.is_empty() {
            return Err(Error::SplinkUnreadable { part: "no comparisons".into() });
        }
        let compared = settings.comparisons.iter().map(Compared::read).collect::<Result<Vec<_>>>()?;
        if compared.iter().filter(|of| of.columns.len() > 1).count() > 1 {
            return Err(Error::SplinkUnreadable { part: "more than one comparison of two columns".into() });
        }
        let columns = || compared.iter().flat_map(|of| &of.columns);
        let comparisons = columns().map(|(column, levels)| (column.clone(), Measure::Levels(*levels))).collect();
        let trained = compared.iter().any(Compared::is_trained);
        let share = settings.probability_two_random_records_match.unwrap_or(MATCH_SHARE);
        let model = if trained { Some(model(compared, share)?) } else { None };
        Ok(Self { comparisons, model })
    }
}

/// The model of trained comparisons; levels never seen in training say nothing.
fn model(compared: Vec<Compared>, share: f64) -> Result<Model> {
    let class = |name: &str, pairs: f64, pick: fn((f64, f64)) -> f64| Class {
        name: name.to_owned(),
        pairs,
        probabilities: compared
            .iter()
            .map(|of| of.probabilities.iter().map(|of| of.map_or(1.0, pick)).collect())
            .collect(),
    };
    let classes = vec![class("match", share * PAIRS, |of| of.0), class("chance", (1.0 - share) * PAIRS, |of| of.1)];
    let mut places = 0..;
    let bundles = compared.iter().map(|of| places.by_ref().take(of.columns.len()).collect()).collect();
    let model = Model {
        version: MODEL_VERSION,
        records: 0,
        fields: compared.into_iter().flat_map(|of| of.columns).map(field).collect(),
        bundles,
        classes,
        keys: KeyWeights::default(),
        rules: Rules::default(),
        refinement: None,
    };
    model.check()?;
    Ok(model)
}

fn field((column, levels): (String, Levels)) -> FieldModel {
    let role = by_name(&column).filter(|role| !matches!(role, Role::Ignored(_))).unwrap_or(Role::Text);
    FieldModel::new(column, role, Measure::Levels(levels))
}
