//! `tributary identity evaluate`: clusters and pairs against the right answers.

use crate::args::EvaluateArgs;
use crate::input::{Columns, FileTable, Keys, Selection, Sink, append, read, record_hash_in, stem};
use crate::quality::{Calibration, Quality, Ranking};
use crate::{Error, Result, charts, report};
use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use tributary_resolve::matching::{Column, MISSING};

/// Weights at which pairs are judged, in bits.
const THRESHOLDS: [f64; 13] = [-10.0, -5.0, -2.0, 0.0, 1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 15.0, 20.0, 25.0];

/// Carries out `tributary identity evaluate` and reports on `out`.
///
/// # Errors
/// If a file cannot be read, lacks a column, repeats a key, or no record of
/// the clusters has a right answer.
pub fn evaluate(args: &EvaluateArgs, out: &mut impl Write) -> Result<Quality> {
    let (records, clusters, by_source) = read_clusters(&args.clusters)?;
    let answers = Answers::read(args, by_source)?;
    let truths: Vec<u32> = records.iter().map(|&record| answers.of(record)).collect();
    let unknown = truths.iter().filter(|&&truth| truth == MISSING).count();
    if unknown == truths.len() && unknown > 0 {
        let reason = format!(
            "no record of {} has a right answer: is {:?} the column of the same keys?",
            args.clusters.display(),
            args.key
        );
        return Err(Error::Usage { reason });
    }
    if unknown > 0 {
        writeln!(out, "note: {unknown} records have no right answer and are left out")?;
    }
    let quality = Quality::of(&clusters, &truths);
    report::quality(out, &quality)?;
    if let Some(path) = &args.pairs {
        let judged = Judged::read(path, &answers)?;
        report::calibration(out, &judged.calibration)?;
        let found = judged.ranking.at(&THRESHOLDS, quality.true_pairs);
        report::thresholds(out, &THRESHOLDS, &found)?;
        if let Some(folder) = &args.charts {
            charts::write(folder, &THRESHOLDS, &found, &judged.calibration)?;
        }
        let recall = judged.ranking.matching() as f64 / quality.true_pairs.max(1) as f64;
        writeln!(out, "\n{} pairs scored, {recall:.4} of the true pairs among them", judged.ranking.len())?;
    }
    Ok(quality)
}

/// The records of clusters, their clusters, and whether files are told apart.
fn read_clusters(path: &Path) -> Result<(Vec<u64>, Vec<u32>, bool)> {
    let hidden = ["probability".to_owned()];
    let mut file = FileTable::read(path, Selection { key: "record_key", columns: Columns::AllBut(&hidden) })?;
    let profiles = file.take("profile_id").ok_or_else(|| file.no_column("profile_id"))?;
    let sources = file.take("source");
    let source = |row| sources.as_ref().and_then(|sources: &Column| sources.get(row));
    let records = file.keys.iter().enumerate().map(|(row, key)| record_hash_in(source(row), key)).collect();
    // A record without a profile would be one of its own.
    if let Some(row) = profiles.codes.iter().position(|&code| code == MISSING) {
        return Err(Error::row(path, row + 1, "no profile_id: every record has one"));
    }
    Ok((records, profiles.codes, sources.is_some()))
}

/// The right answer of each record.
struct Answers {
    by_record: HashMap<u64, u32>,
    by_source: bool,
}

impl Answers {
    fn read(args: &EvaluateArgs, by_source: bool) -> Result<Self> {
        let mut all = Column::default();
        let mut records = Vec::new();
        for path in &args.truth {
            let columns = Columns::Only(&[args.truth_column.as_str()]);
            let mut file = FileTable::read(path, Selection { key: &args.key, columns })?;
            file.keys.check_unique(path, &args.key)?;
            let source = by_source.then(|| stem(path));
            records.extend(file.keys.iter().map(|key| record_hash_in(source.as_deref(), key)));
            append(&mut all, file.columns.remove(0));
        }
        Ok(Self { by_record: records.into_iter().zip(all.codes).collect(), by_source })
    }

    /// The answer of a record, or [`MISSING`].
    fn of(&self, record: u64) -> u32 {
        self.by_record.get(&record).copied().unwrap_or(MISSING)
    }
}

/// Scored pairs beside their right answers.
struct Judged<'a> {
    path: &'a Path,
    answers: &'a Answers,
    /// Place in `batch` of each column of the file.
    places: Vec<Option<usize>>,
    batch: Vec<Keys>,
    calibration: Calibration,
    ranking: Ranking,
}

/// Columns of a file of pairs; the last two only where there are several files.
const PAIR_COLUMNS: [&str; 6] =
    ["record_key_l", "record_key_r", "match_weight", "match_probability", "source_l", "source_r"];

impl<'a> Judged<'a> {
    fn read(path: &'a Path, answers: &'a Answers) -> Result<Self> {
        let (places, calibration, ranking) = (Vec::new(), Calibration::default(), Ranking::default());
        let batch = (0..PAIR_COLUMNS.len()).map(|_| Keys::default()).collect();
        let mut judged = Self { path, answers, places, batch, calibration, ranking };
        read(path, &mut judged)?;
        Ok(judged)
    }

    fn add(&mut self, row: usize) -> Result<()> {
        let answer = |key: usize, source: usize| {
            let source = self.answers.by_source.then(|| self.batch[source].get(row));
            self.answers.of(record_hash_in(source, self.batch[key].get(row)))
        };
        let number = |column: usize| {
            let text = self.batch[column].get(row);
            let wrong =
                || Error::format(self.path, format!("{text:?} in column {:?} is no number", PAIR_COLUMNS[column]));
            text.parse::<f64>().map_err(|_| wrong())
        };
        let (one, other) = (answer(0, 4), answer(1, 5));
        let (weight, probability) = (number(2)?, number(3)?);
        if one != MISSING && other != MISSING {
            self.calibration.add(probability, one == other);
            self.ranking.add(weight, one == other);
        }
        Ok(())
    }
}

impl Sink for Judged<'_> {
    fn header(&mut self, names: &[String]) -> Result<Vec<bool>> {
        let needed = if self.answers.by_source { 6 } else { 4 };
        if let Some(absent) = PAIR_COLUMNS[..needed].iter().find(|needed| !names.iter().any(|name| name == *needed)) {
            return Err(Error::NoColumn {
                path: self.path.to_owned(),
                column: (*absent).to_owned(),
                known: names.to_vec(),
            });
        }
        let place = |name: &String| PAIR_COLUMNS[..needed].iter().position(|needed| needed == name);
        self.places = names.iter().map(place).collect();
        Ok(self.places.iter().map(Option::is_some).collect())
    }

    fn cell(&mut self, column: usize, _row: usize, text: &str) -> Result<()> {
        if let Some(place) = self.places[column] {
            self.batch[place].push(text);
        }
        Ok(())
    }

    fn batch_end(&mut self) -> Result<()> {
        for row in 0..self.batch[0].len() {
            self.add(row)?;
        }
        self.batch.iter_mut().for_each(Keys::clear);
        Ok(())
    }
}
