//! `tributary identity train`: a model from the records of files, without
//! labels or refined by them.

use crate::args::TrainArgs;
use crate::config::Config;
use crate::input::Input;
use crate::labels::read_labels;
use crate::output::check_folder;
use crate::run::{begin_report, load_model, resolve};
use crate::{Error, Result, report};
use std::io::Write;
use tributary_resolve::matching::{Label, MISSING, Options, Outcome, Table, choose};

/// Which of the pairs worth asking about are asked; any number would do.
const SEED: u64 = 1;

/// Carries out `tributary identity train` and reports on `out`. The same
/// records give the same bytes, in any order and on any number of threads.
///
/// # Errors
/// Every variant of [`Error`].
pub fn train(args: &TrainArgs, threads: usize, out: &mut impl Write) -> Result<()> {
    check_folder(&args.out)?;
    let config = Config::load(args.input.config.as_deref())?;
    let settings = args.splink.as_deref();
    let given = settings.map(load_model).transpose()?;
    let truth = args.labels_against.as_deref();
    let mut input = config.read(&args.input.files, &args.input.key, truth, &args.input.ignore)?;
    let labels = read_labels(args.labels.as_deref(), &mut input)?;
    let filled = begin_report(out, &input)?;
    let table = truth.map(|_| input.table.clone());
    let mut options = Options { labels, ..config.options(threads, given) };
    let mut outcome = resolve(&mut input, &options, settings)?;
    report::columns(out, &outcome.recognised, &filled)?;
    if let Some(table) = table {
        options.labels = answered(&input, &outcome, args.labels_count);
        let matching = options.labels.iter().filter(|label| label.is_match).count();
        writeln!(
            out,
            "\n{} pairs labelled by {:?}, {matching} of them matches",
            options.labels.len(),
            truth.unwrap_or_default()
        )?;
        outcome = refined(&mut input, table, &mut options, outcome)?;
    }
    let model = outcome.model.ok_or(Error::NothingToTrain { records: input.keys.len() })?;
    std::fs::write(&args.out, model.to_json()?).map_err(Error::write(&args.out))?;
    writeln!(out, "\nmodel of {} records in {}", model.records, args.out.display())?;
    Ok(())
}

/// Labels the pairs most worth asking about by the column of right answers.
fn answered(input: &Input, outcome: &Outcome, count: usize) -> Vec<Label> {
    let truth = |row: u32| {
        let code = input.truth.as_ref().and_then(|truth| truth.codes.get(row as usize)).copied();
        code.filter(|&code| code != MISSING)
    };
    let label = |one: u32, other: u32| {
        let is_match = truth(one)? == truth(other)?;
        let [one, other] = [one, other].map(|row| input.record_hash(row as usize));
        Some(Label { one, other, is_match })
    };
    choose(outcome, &[], count, SEED).iter().filter_map(|pair| label(pair.one, pair.other)).collect()
}

/// Runs again, with the labels, over the same table.
fn refined(input: &mut Input, table: Table, options: &mut Options, unrefined: Outcome) -> Result<Outcome> {
    input.table = table;
    options.model = unrefined.model;
    resolve(input, options, None)
}
