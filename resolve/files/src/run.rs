//! `tributary identity run`: which records of files are about one person.

use crate::args::RunArgs;
use crate::config::Config;
use crate::input::Input;
use crate::labels::read_labels;
use crate::linking::Linking;
use crate::plan::dry_run;
use crate::progress::Progress;
use crate::quality::{Calibration, Quality};
use crate::{Error, Result, output, report};
use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::time::Instant;
use tributary_resolve::matching::{self, ModelFile, Options, Outcome};

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Records read.
    pub records: usize,
    /// Profiles found.
    pub profiles: usize,
    /// Records of the largest profile.
    pub largest: usize,
    /// How good it is, if a column to compare with was given.
    pub quality: Option<Quality>,
}

/// Carries out `tributary identity run` and reports on `out`. A dry run counts
/// what would be looked at, and writes nothing.
///
/// # Errors
/// Every variant of [`Error`]; nothing is written unless everything could be read.
pub fn run(args: &RunArgs, threads: usize, out: &mut impl Write) -> Result<Summary> {
    if args.dry_run {
        return dry_run(args, threads, out);
    }
    let begun = Instant::now();
    check_outputs(args)?;
    let config = Config::load(args.input.config.as_deref())?;
    let model = args.model.as_deref().map(load_model).transpose()?;
    let truth = args.evaluate_against.as_deref();
    let mut input = config.read(&args.input.files, &args.input.key, truth, &args.input.ignore)?;
    let labels = read_labels(args.labels.as_deref(), &mut input)?;
    let filled = begin_report(out, &input)?;
    // What is joined between files alone is joined pair by pair.
    let copies_apart = args.link_only || args.one_to_one;
    let options = Options { labels, copies_apart, ..config.options(threads, model) };
    let mut outcome = resolve(&mut input, &options, args.model.as_deref())?;
    let is_nothing_shared = outcome.pairs.is_empty() && outcome.clusters.len() > 1;
    Linking { link_only: args.link_only, one_to_one: args.one_to_one }.apply(&mut outcome, &input);
    report::columns(out, &outcome.recognised, &filled)?;
    if is_nothing_shared {
        writeln!(
            out,
            "\nno pair was looked at: no two records share a blocking key, or too many share each (--dry-run"
        )?;
        writeln!(out, "counts them by rule)")?;
    }
    output::write_clusters(&args.out, &input, &outcome)?;
    if let Some(path) = &args.pairs {
        output::write_pairs(path, &input, &outcome)?;
    }
    let summary = summarise(&input, &outcome);
    end_report(out, &outcome, &summary, begun)?;
    if let (Some(quality), Some(truth)) = (&summary.quality, &input.truth) {
        report::quality(out, quality)?;
        if args.link_only {
            report::within_files(out, within_files(&input.source_of, &truth.codes))?;
        }
        report::calibration(out, &calibration(&outcome, &truth.codes))?;
    }
    Ok(summary)
}

/// Refuses outputs that cannot be written or would write over what is read.
fn check_outputs(args: &RunArgs) -> Result<()> {
    if (args.link_only || args.one_to_one) && args.input.files.len() < 2 {
        let reason = "--link-only and --one-to-one join records of several files: give two or more".to_owned();
        return Err(Error::Usage { reason });
    }
    if args.evaluate_against.as_ref() == Some(&args.input.key) {
        let reason = format!(
            "--evaluate-against {:?} is the column of --key, by which no two records are one person: name another",
            args.input.key
        );
        return Err(Error::Usage { reason });
    }
    for path in std::iter::once(&args.out).chain(&args.pairs) {
        output::check_name(path)?;
        let read = args.input.files.iter().chain(&args.input.config).chain(&args.model).chain(&args.labels);
        let same = |other: &std::path::PathBuf| match (path.canonicalize(), other.canonicalize()) {
            (Ok(one), Ok(other)) => one == other,
            _ => path == other,
        };
        if read.into_iter().any(same) || (args.pairs.as_ref() == Some(&args.out)) {
            let reason = format!("{} would be written over: give the output another name", path.display());
            return Err(Error::Usage { reason });
        }
    }
    Ok(())
}

/// Reads a model, or settings of Splink.
pub(crate) fn load_model(path: &Path) -> Result<ModelFile> {
    let text = std::fs::read_to_string(path).map_err(Error::read(path))?;
    ModelFile::from_json(&text).map_err(|source| Error::Model { path: path.to_owned(), source })
}

/// Prints what was read, and returns how much of each column is filled.
pub(crate) fn begin_report(out: &mut impl Write, input: &Input) -> Result<Vec<(String, f64)>> {
    writeln!(out, "{} records from {}\n", input.keys.len(), input.sources.join(", "))?;
    input.notes.iter().try_for_each(|note| writeln!(out, "note: {note}"))?;
    Ok(input.table.columns.iter().map(|column| (column.name.clone(), column.filled())).collect())
}

/// Matches the records; the table is used up.
pub(crate) fn resolve(input: &mut Input, options: &Options, model: Option<&Path>) -> Result<Outcome> {
    let progress = Progress::begin("match", 0);
    let outcome = matched(matching::run(std::mem::take(&mut input.table), options), model)?;
    progress.end();
    Ok(outcome)
}

/// Names the model of whose file matching complains.
pub(crate) fn matched<T>(result: matching::Result<T>, model: Option<&Path>) -> Result<T> {
    result.map_err(|error| match (error, model) {
        (matching::Error::NothingToCompare { columns }, _) => Error::NothingToCompare { columns },
        (
            source @ (matching::Error::ModelVersion { .. }
            | matching::Error::ModelDamaged { .. }
            | matching::Error::NotCompared { .. }),
            Some(path),
        ) => Error::Model { path: path.to_owned(), source },
        (other, _) => Error::Matching(other),
    })
}

fn summarise(input: &Input, outcome: &Outcome) -> Summary {
    let mut sizes = vec![0; outcome.clusters.len()];
    outcome.clusters.iter().for_each(|&cluster| sizes[cluster as usize] += 1);
    Summary {
        records: outcome.clusters.len(),
        profiles: sizes.iter().filter(|&&size| size > 0).count(),
        largest: sizes.iter().copied().max().unwrap_or_default(),
        quality: input.truth.as_ref().map(|truth| Quality::of(&outcome.clusters, &truth.codes)),
    }
}

fn end_report(out: &mut impl Write, outcome: &Outcome, summary: &Summary, begun: Instant) -> Result<()> {
    writeln!(out)?;
    for (column, values) in outcome.generic_values.iter().filter(|(_, values)| *values > 0) {
        writeln!(out, "{column}: {values} values of many people, read as missing")?;
    }
    if summary.records == 0 {
        writeln!(out, "no records: nothing to match")?;
    }
    let Summary { records, profiles, largest, .. } = summary;
    writeln!(out, "{records} records are {profiles} profiles, the largest of {largest} records")?;
    writeln!(out, "{} pairs scored", outcome.pairs.len())?;
    write!(out, "{:.1} s", begun.elapsed().as_secs_f64())?;
    if let Some((cpu, memory)) = report::usage() {
        write!(out, ", {:.1} s of CPU, {} MB at most", cpu.as_secs_f64(), memory / 1_000_000)?;
    }
    Ok(writeln!(out)?)
}

/// Pairs of records of one person that one file holds.
fn within_files(sources: &[u32], truths: &[u32]) -> u64 {
    let mut records: HashMap<(u32, u32), u64> = HashMap::new();
    let known = sources.iter().zip(truths).filter(|&(_, &truth)| truth != matching::MISSING);
    known.for_each(|(&source, &truth)| *records.entry((source, truth)).or_default() += 1);
    records.values().map(|count| count * (count - 1) / 2).sum()
}

fn calibration(outcome: &Outcome, truths: &[u32]) -> Calibration {
    let mut calibration = Calibration::default();
    for pair in &outcome.pairs {
        let (one, other) = (truths[pair.one as usize], truths[pair.other as usize]);
        if one != matching::MISSING && other != matching::MISSING {
            calibration.add(pair.score.match_probability(), one == other);
        }
    }
    calibration
}
