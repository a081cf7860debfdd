//! Files resolved to be asked about: their records, profiles and model.

use crate::args::RecordsArgs;
use crate::config::Config;
use crate::input::Input;
use crate::run::{load_model, resolve};
use crate::{Error, Result};
use std::io::Write;
use tributary_resolve::matching::explain::Items;
use tributary_resolve::matching::{Cut, Model, Outcome, Table};

/// Records of files and what a run made of them.
pub(crate) struct Resolved {
    table: Table,
    cut: Cut,
    names: Vec<String>,
    model: Model,
    pub(crate) outcome: Outcome,
}

impl Resolved {
    /// Reads the files and runs over them.
    ///
    /// # Errors
    /// Those of a run; [`Error::NothingToTrain`] of fewer than two records.
    pub(crate) fn new(args: &RecordsArgs, threads: usize) -> Result<Self> {
        let config = Config::load(args.config.as_deref())?;
        let model = args.model.as_deref().map(load_model).transpose()?;
        let mut input = config.read(&args.files, &args.key, None, &args.ignore)?;
        let (table, cut) = (input.table.clone(), config.cut);
        let options = config.options(threads, model);
        let mut outcome = resolve(&mut input, &options, args.model.as_deref())?;
        let model = outcome.model.take().ok_or(Error::NothingToTrain { records: table.records.len() })?;
        Ok(Self { table, cut, names: names(&input), model, outcome })
    }

    pub(crate) fn model(&self) -> &Model {
        &self.model
    }

    /// The records, ready to be explained.
    pub(crate) fn items(&self) -> Result<Items<'_>> {
        let recognised = &self.outcome.recognised;
        Ok(Items::of_table(&self.model, self.cut, self.table.clone(), recognised, self.names.clone())?)
    }

    /// The row of a record a reader calls so.
    pub(crate) fn row(&self, name: &str) -> Result<u32> {
        let row = self.names.iter().position(|known| known == name);
        row.and_then(|row| u32::try_from(row).ok()).ok_or_else(|| {
            let like = self.names.first().map(|first| format!(": keys are such as {first:?}")).unwrap_or_default();
            Error::Usage { reason: format!("no record has the key {name:?}{like}") }
        })
    }

    /// All rows of the profile of a row.
    pub(crate) fn members(&self, row: u32) -> Vec<u32> {
        let cluster = self.outcome.clusters[row as usize];
        (0..).zip(&self.outcome.clusters).filter(|&(_, &of)| of == cluster).map(|(row, _)| row).collect()
    }
}

/// What a reader calls the records: their keys, after the stem of their file
/// where there are several.
fn names(input: &Input) -> Vec<String> {
    let name = |(row, key): (usize, &str)| {
        if input.sources.len() > 1 { format!("{}:{key}", input.source(row)) } else { key.to_owned() }
    };
    input.keys.iter().enumerate().map(name).collect()
}

/// Prints an answer as JSON of several lines.
pub(crate) fn print_json(out: &mut impl Write, answer: &impl serde::Serialize) -> Result<()> {
    serde_json::to_writer_pretty(&mut *out, answer).map_err(std::io::Error::from)?;
    Ok(writeln!(out)?)
}
