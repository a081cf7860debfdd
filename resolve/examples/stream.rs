//! Trains a model on a CSV file, loads most of its records into the engine and
//! streams the others: how fast, in how many bytes, and whether the clusters
//! are those of a run.
//!
//! `stream FILE --key COLUMN [--drop COLUMN]... [--stream N] [--batch N] [--threads N] [--model FILE] [--check]`
//!
//! A model file that is not there yet is written. Times are of the processor as
//! well, where the system counts them: they hold on a busy machine.

#![allow(clippy::cast_precision_loss, reason = "counts of rows are small")]

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tributary_resolve::matching::{
    Change, Column, ColumnBuilder, Cut, Engine, Item, Model, Options, Role, Table, record_hash, run,
};

struct Arguments {
    file: String,
    key: String,
    drop: Vec<String>,
    stream: usize,
    batch: usize,
    threads: usize,
    model: Option<String>,
    check: bool,
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let mut given = std::env::args().skip(1);
    let file = given.next().ok_or("stream FILE --key COLUMN")?;
    let (key, drop, model) = (String::new(), Vec::new(), None);
    let mut arguments = Arguments { file, key, drop, stream: 20_000, batch: 1, threads: 2, model, check: false };
    while let Some(name) = given.next() {
        let mut value = || given.next().ok_or_else(|| format!("{name} needs a value"));
        match name.as_str() {
            "--key" => arguments.key = value()?,
            "--drop" => arguments.drop.push(value()?),
            "--stream" => arguments.stream = value()?.parse()?,
            "--batch" => arguments.batch = value()?.parse::<usize>()?.max(1),
            "--threads" => arguments.threads = value()?.parse()?,
            "--model" => arguments.model = Some(value()?),
            "--check" => arguments.check = true,
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    Ok(arguments)
}

fn read(arguments: &Arguments) -> Result<Table, Box<dyn Error>> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(&arguments.file)?;
    let header: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
    let key = header.iter().position(|name| *name == arguments.key).ok_or("no such key column")?;
    let kept: Vec<usize> =
        (0..header.len()).filter(|&place| place != key && !arguments.drop.contains(&header[place])).collect();
    let mut builders: Vec<ColumnBuilder> =
        kept.iter().map(|&place| ColumnBuilder::new(header[place].clone())).collect();
    let mut records = Vec::new();
    let mut row = csv::StringRecord::new();
    while reader.read_record(&mut row)? {
        records.push(record_hash(&row[key]));
        for (&place, builder) in kept.iter().zip(&mut builders) {
            builder.push(&row[place]);
        }
    }
    Ok(Table { records, columns: builders.into_iter().map(ColumnBuilder::finish).collect() })
}

/// The items of a table, by a model's fields; those of one user id are one node,
/// and a cluster has one.
fn items(table: &Table, model: &Model) -> Vec<Item> {
    let column = |name: &str| table.columns.iter().find(|column| column.name == name);
    let columns: Vec<Option<&Column>> = model.fields.iter().map(|field| column(&field.name)).collect();
    let users = model.fields.iter().zip(&columns).find(|(field, _)| field.role == Role::UserId);
    let item = |(row, &id): (usize, &u64)| {
        let cell = |column: Option<&Column>| column.and_then(|column| column.get(row)).map(str::to_owned);
        let user = users.and_then(|(_, column)| cell(*column)).map(|user| record_hash(&format!("user {user}")));
        Item {
            id,
            values: columns.iter().copied().map(cell).collect(),
            node: user.unwrap_or(id),
            limits: user.map(|user| (0, user)).into_iter().collect(),
        }
    };
    table.records.iter().enumerate().map(item).collect()
}

fn model(arguments: &Arguments, table: &Table) -> Result<Model, Box<dyn Error>> {
    if let Some(file) = arguments.model.as_ref().filter(|file| std::path::Path::new(file).exists()) {
        return Ok(Model::from_json(&std::fs::read_to_string(file)?)?);
    }
    let options = Options { threads: arguments.threads, ..Options::default() };
    let model = run(table.clone(), &options)?.model.ok_or("nothing to train on")?;
    if let Some(file) = &arguments.model {
        std::fs::write(file, model.to_json()?)?;
    }
    Ok(model)
}

/// Time this thread was on a processor; zero where the system does not say.
fn on_processor() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(told.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or_default())
}

/// Says how many clusters are not those of a run with the same model.
fn check(engine: &Engine, table: Table, arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let records = table.records.clone();
    let options =
        Options { model: Some(Model::clone(engine.model())), threads: arguments.threads, ..Options::default() };
    let outcome = run(table, &options)?;
    let mut by_name: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    for (&id, &name) in records.iter().zip(&outcome.clusters) {
        by_name.entry(name).or_default().push(id);
    }
    let mut expected: Vec<Vec<u64>> = by_name.into_values().collect();
    for cluster in &mut expected {
        cluster.sort_unstable();
    }
    expected.sort();
    let found = engine.clusters();
    let differ = found.iter().filter(|cluster| expected.binary_search(cluster).is_err()).count();
    println!("{} clusters, {differ} of them not in the run's", found.len());
    Ok(())
}

/// Applies changes in batches; prints how long they took.
fn stream(engine: &mut Engine, changes: &[Change], batch: usize) {
    let mut latencies = Vec::new();
    let (started, share) = (Instant::now(), on_processor());
    for batch in changes.chunks(batch) {
        let at = Instant::now();
        engine.apply(batch);
        latencies.push(at.elapsed());
    }
    let a_second = |time: Duration| changes.len() as f64 / time.as_secs_f64();
    let (elapsed, share) = (started.elapsed(), on_processor().saturating_sub(share));
    println!("streamed {} items, {:.0} a second, {:.0} of a core", changes.len(), a_second(elapsed), a_second(share));
    latencies.sort_unstable();
    let quantile = |share: usize| latencies.get(latencies.len() * share / 100).copied().unwrap_or_default();
    println!("batches of {batch}: p50 {:?}, p99 {:?}", quantile(50), quantile(99));
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = arguments()?;
    let table = read(&arguments)?;
    let model = Arc::new(model(&arguments, &table)?);
    let mut loaded = items(&table, &model);
    let streamed = loaded.split_off(loaded.len().saturating_sub(arguments.stream));
    let mut engine = Engine::new(Arc::clone(&model), Cut::default())?;
    let (count, started) = (loaded.len(), Instant::now());
    engine.load(loaded, Vec::new(), arguments.threads);
    let seconds = started.elapsed().as_secs_f64();
    let stats = engine.stats();
    println!("loaded {count} items in {seconds:.1} s on {} threads", arguments.threads);
    let each = |total: usize| total as f64 / count.max(1) as f64;
    println!("{:.0} bytes and {:.1} keys an item", each(stats.bytes), each(stats.keys));
    let changes: Vec<Change> = streamed.into_iter().map(Change::Put).collect();
    stream(&mut engine, &changes, arguments.batch);
    let (before, after) = (stats.work, engine.stats().work);
    let each = |total: u64| total as f64 / changes.len().max(1) as f64;
    println!(
        "an item: {:.1} pairs scored, {:.2} lists found afresh, {:.1} items in units solved",
        each(after.pairs - before.pairs),
        each(after.lists - before.lists),
        each(after.unit_items - before.unit_items)
    );
    if arguments.check {
        check(&engine, table, &arguments)?;
    }
    Ok(())
}
