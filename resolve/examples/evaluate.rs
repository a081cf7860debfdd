//! Matches the records of a CSV file and compares with a truth column that
//! matching never reads.
//!
//! `evaluate FILE --key COLUMN --truth COLUMN [--drop COLUMN]... [--threads N] [--cut P] [--model FILE]`
//!
//! With `--labels N [--seed S]`, people are parted in halves at random: the
//! model is trained on the one, N of its pairs are chosen and answered from the
//! truth column, and what is reported is the other half, matched with the model
//! before and after these answers.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of rows are small"
)]

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::time::Instant;
use tributary_resolve::matching::{
    Column, ColumnBuilder, Cut, Label, Model, Options, Outcome, Pair, Table, choose, record_hash, run,
};

struct Arguments {
    file: String,
    key: String,
    truth: String,
    drop: Vec<String>,
    options: Options,
    verbose: bool,
    labels: usize,
    seed: u64,
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let mut given = std::env::args().skip(1);
    let file = given.next().ok_or("evaluate FILE --key COLUMN --truth COLUMN")?;
    let (key, truth, drop) = (String::new(), String::new(), Vec::new());
    let mut arguments =
        Arguments { file, key, truth, drop, options: Options::default(), verbose: false, labels: 0, seed: 1 };
    while let Some(name) = given.next() {
        let mut value = || given.next().ok_or_else(|| format!("{name} needs a value"));
        match name.as_str() {
            "--key" => arguments.key = value()?,
            "--truth" => arguments.truth = value()?,
            "--drop" => arguments.drop.push(value()?),
            "--threads" => arguments.options.threads = value()?.parse()?,
            "--cut" => arguments.options.cut = Cut::new(value()?.parse()?),
            "--labels" => arguments.labels = value()?.parse()?,
            "--seed" => arguments.seed = value()?.parse()?,
            "--model" => arguments.options.model = Some(Model::from_json(&std::fs::read_to_string(value()?)?)?),
            "--verbose" => arguments.verbose = true,
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    Ok(arguments)
}

fn read(arguments: &Arguments) -> Result<(Table, Vec<String>), Box<dyn Error>> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::Headers).from_path(&arguments.file)?;
    let header = reader.headers()?.clone();
    let place = |name: &str| header.iter().position(|column| column == name).ok_or_else(|| format!("no column {name}"));
    let (key, truth) = (place(&arguments.key)?, place(&arguments.truth)?);
    let compared = |name: &str| {
        name != arguments.key && name != arguments.truth && !arguments.drop.iter().any(|drop| drop == name)
    };
    let mut columns: Vec<Option<ColumnBuilder>> =
        header.iter().map(|name| compared(name).then(|| ColumnBuilder::new(name))).collect();
    let (mut table, mut truths) = (Table::default(), Vec::new());
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record)? {
        table.records.push(record_hash(&record[key]));
        truths.push(record[truth].to_owned());
        for (column, cell) in columns.iter_mut().zip(&record) {
            if let Some(column) = column {
                column.push(cell);
            }
        }
    }
    table.columns = columns.into_iter().flatten().map(ColumnBuilder::finish).collect();
    Ok((table, truths))
}

/// The rows of a table whose person falls in one half.
fn half(table: &Table, truths: &[String], seed: u64, which: u64) -> (Table, Vec<String>) {
    let of = |truth: &String| record_hash(&format!("{seed} {truth}")) & 1;
    let rows: Vec<usize> = (0..truths.len()).filter(|&row| of(&truths[row]) == which).collect();
    let records = rows.iter().map(|&row| table.records[row]).collect();
    let column = |column: &Column| {
        let texts = rows.iter().map(|&row| column.get(row).unwrap_or_default());
        Column::from_texts(&column.name, texts)
    };
    let columns = table.columns.iter().map(column).collect();
    (Table { records, columns }, rows.iter().map(|&row| truths[row].clone()).collect())
}

/// Reports the one half of people, matched with a model of the other half,
/// before and after some of its pairs were labelled.
fn report_labelled(arguments: &Arguments, table: &Table, truths: &[String]) -> Result<(), Box<dyn Error>> {
    let (learned, learned_truths) = half(table, truths, arguments.seed, 0);
    let (held, held_truths) = half(table, truths, arguments.seed, 1);
    let options = &arguments.options;
    let unlabelled = run(learned.clone(), options)?;
    let answer = |pair: &Pair| {
        let (one, other) = (pair.one as usize, pair.other as usize);
        let is_match = learned_truths[one] == learned_truths[other];
        Label { one: learned.records[one], other: learned.records[other], is_match }
    };
    let labels: Vec<Label> = choose(&unlabelled, &[], arguments.labels, arguments.seed).iter().map(answer).collect();
    let refined = run(learned.clone(), &Options { model: unlabelled.model.clone(), labels, ..options.clone() })?;
    for (name, model) in [("without labels", unlabelled.model), ("with labels", refined.model)] {
        if let Some(refinement) = model.as_ref().and_then(|model| model.refinement.as_ref()) {
            println!(
                "{:?} by {} labels, {} of them matches: {:.3} bits a pair, before {:.3}",
                refinement.kind, refinement.labels, refinement.matches, refinement.loss_after, refinement.loss_before
            );
        }
        println!("the other half, {name}:");
        report(&run(held.clone(), &Options { model, ..options.clone() })?, &held_truths);
    }
    Ok(())
}

fn pairs_of(count: usize) -> f64 {
    count as f64 * (count as f64 - 1.0) / 2.0
}

fn report(outcome: &Outcome, truths: &[String]) {
    let mut sizes: HashMap<u32, usize> = HashMap::new();
    let mut true_sizes: HashMap<&str, usize> = HashMap::new();
    let mut both: BTreeMap<(u32, &str), usize> = BTreeMap::new();
    for (&cluster, truth) in outcome.clusters.iter().zip(truths) {
        *sizes.entry(cluster).or_default() += 1;
        *true_sizes.entry(truth).or_default() += 1;
        *both.entry((cluster, truth)).or_default() += 1;
    }
    let right: f64 = both.values().map(|&count| pairs_of(count)).sum();
    let found: f64 = sizes.values().map(|&count| pairs_of(count)).sum();
    let wanted: f64 = true_sizes.values().map(|&count| pairs_of(count)).sum();
    let (mut cubed_precision, mut cubed_recall) = (0.0, 0.0);
    for (&(cluster, truth), &count) in &both {
        let squared = (count * count) as f64;
        cubed_precision += squared / sizes[&cluster] as f64;
        cubed_recall += squared / true_sizes[truth] as f64;
    }
    let rows = truths.len().max(1) as f64;
    let (cubed_precision, cubed_recall) = (cubed_precision / rows, cubed_recall / rows);
    let f1 = |precision: f64, recall: f64| 2.0 * precision * recall / (precision + recall).max(f64::MIN_POSITIVE);
    let (precision, recall) = (right / found.max(1.0), right / wanted.max(1.0));
    println!("cluster  precision {precision:.4}  recall {recall:.4}  F1 {:.4}", f1(precision, recall));
    println!(
        "B-cubed  precision {cubed_precision:.4}  recall {cubed_recall:.4}  F1 {:.4}",
        f1(cubed_precision, cubed_recall)
    );
    let exact = both
        .iter()
        .filter(|((cluster, truth), count)| sizes[cluster] == **count && true_sizes[truth] == **count)
        .count();
    println!(
        "clusters {} of {} true, {exact} exact, largest {}, false pairs {}",
        sizes.len(),
        true_sizes.len(),
        sizes.values().max().unwrap_or(&0),
        found - right
    );
    let blocked = outcome.pairs.iter().filter(|pair| truths[pair.one as usize] == truths[pair.other as usize]).count();
    println!(
        "candidates {} ({:.1} a record), recall of candidates {:.4}",
        outcome.pairs.len(),
        outcome.pairs.len() as f64 / rows,
        blocked as f64 / wanted.max(1.0)
    );
    for (from, to) in [(0.0, 0.5), (0.5, 0.7), (0.7, 0.9), (0.9, 0.95), (0.95, 0.99), (0.99, 1.01)] {
        let in_bin: Vec<_> =
            outcome.pairs.iter().filter(|pair| (from..to).contains(&pair.score.match_probability())).collect();
        let claimed: f64 = in_bin.iter().map(|pair| pair.score.match_probability()).sum();
        let true_pairs = in_bin.iter().filter(|pair| truths[pair.one as usize] == truths[pair.other as usize]).count();
        let count = in_bin.len().max(1) as f64;
        println!(
            "  p {from:.2}..{to:.2}: {} pairs, claimed {:.3}, true {:.3}",
            in_bin.len(),
            claimed / count,
            true_pairs as f64 / count
        );
    }
}

/// One number for clusters, probabilities and pairs: equal outcomes have equal
/// ones, so that a change for speed alone can be seen to be that.
fn digest(outcome: &Outcome) -> u64 {
    let mut sum = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |word: u64| sum = (sum.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    outcome.clusters.iter().for_each(|&cluster| add(u64::from(cluster)));
    outcome.probabilities.iter().for_each(|probability| add(probability.to_bits()));
    for pair in &outcome.pairs {
        add(u64::from(pair.one) << 32 | u64::from(pair.other));
        add(pair.score.weight as u64);
    }
    sum
}

/// CPU seconds of this process, from the kernel's clock of 100 ticks a second.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some(ticks / 100.0)
}

fn peak_megabytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = arguments()?;
    let started = Instant::now();
    let (table, truths) = read(&arguments)?;
    let loaded = started.elapsed();
    if arguments.labels > 0 {
        return report_labelled(&arguments, &table, &truths);
    }
    let outcome = run(table, &arguments.options)?;
    println!(
        "{} records, load {:.1} s, wall {:.1} s, CPU {:.2} s, peak {:.0} MB",
        truths.len(),
        loaded.as_secs_f64(),
        started.elapsed().as_secs_f64(),
        cpu_seconds().unwrap_or_default(),
        peak_megabytes().unwrap_or_default()
    );
    if arguments.verbose {
        outcome.recognised.iter().for_each(|found| println!("  {}: {:?}", found.column, found.role));
        println!("  generic: {:?}", outcome.generic_values);
        if let Some(model) = &outcome.model {
            println!("  bundles: {:?}", model.bundles);
            model.classes.iter().for_each(|class| println!("  class {}: {:.0} pairs", class.name, class.pairs));
        }
    }
    if arguments.verbose {
        for pair in outcome
            .pairs
            .iter()
            .filter(|pair| {
                (outcome.clusters[pair.one as usize] == outcome.clusters[pair.other as usize])
                    != (truths[pair.one as usize] == truths[pair.other as usize])
            })
            .take(20)
        {
            println!("  wrong: rows {} {} weight {:.1}", pair.one, pair.other, pair.score.match_weight());
        }
    }
    println!("digest {:016x}", digest(&outcome));
    report(&outcome, &truths);
    Ok(())
}
