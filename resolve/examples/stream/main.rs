//! Trains a model on a CSV file, loads most of its records into the engine and
//! streams the others: how fast, in how many bytes, and whether the clusters
//! are those of a run.
//!
//! `stream FILE --key COLUMN [--drop COLUMN]... [--stream N] [--batch N] [--threads N] [--model FILE] [--check]`
//! `stream FILE ... --orders N`: the records in so many orders, see `orders.rs`
//!
//! A model file that is not there yet is written. Times are of the processor as
//! well, where the system counts them: they hold on a busy machine.

#![allow(clippy::cast_precision_loss, reason = "counts of rows are small")]

mod input;
mod orders;

use input::{items, read};
use orders::clusters_of_run;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tributary_resolve::matching::{Change, Cut, Engine, Item, Model, Options, Table, differing_pairs, run};

/// That of the program, so that it allocates as fast.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct Arguments {
    file: String,
    key: String,
    drop: Vec<String>,
    stream: usize,
    batch: usize,
    threads: usize,
    model: Option<String>,
    check: bool,
    orders: u64,
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let mut given = std::env::args().skip(1);
    let file = given.next().ok_or("stream FILE --key COLUMN")?;
    let (key, drop, model) = (String::new(), Vec::new(), None);
    let mut arguments =
        Arguments { file, key, drop, stream: 20_000, batch: 1, threads: 2, model, check: false, orders: 0 };
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
            "--orders" => arguments.orders = value()?.parse()?,
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    Ok(arguments)
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
    let longest = latencies.last().copied().unwrap_or_default();
    println!("batches of {batch}: p50 {:?}, p99 {:?}, longest {longest:?}", quantile(50), quantile(99));
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = arguments()?;
    let table = read(&arguments)?;
    let model = Arc::new(model(&arguments, &table)?);
    let all = items(&table, &model);
    if arguments.orders > 0 {
        let expected = clusters_of_run(table, &model, arguments.threads)?;
        return orders::try_all(arguments.orders, &all, &model, &expected);
    }
    let mut engine = Engine::new(Arc::clone(&model), Cut::default())?;
    measure(&mut engine, all, &arguments);
    if arguments.check {
        let expected = clusters_of_run(table, &model, arguments.threads)?;
        let found = engine.clusters();
        let differing = differing_pairs(&found, &expected);
        println!("{} clusters, {differing} pairs differ from the run's", found.len());
    }
    Ok(())
}

/// Loads most items and streams the others; prints what that took.
fn measure(engine: &mut Engine, mut loaded: Vec<Item>, arguments: &Arguments) {
    let streamed = loaded.split_off(loaded.len().saturating_sub(arguments.stream));
    let (count, started) = (loaded.len(), Instant::now());
    engine.load(loaded, Vec::new(), arguments.threads);
    let seconds = started.elapsed().as_secs_f64();
    let stats = engine.stats();
    println!("loaded {count} items in {seconds:.1} s on {} threads", arguments.threads);
    let each = |total: usize| total as f64 / count.max(1) as f64;
    println!("{:.0} bytes and {:.1} keys an item", each(stats.bytes), each(stats.keys));
    for (part, bytes) in engine.held() {
        println!("  {:>5.1} bytes: {part}", each(bytes));
    }
    let changes: Vec<Change> = streamed.into_iter().map(Change::Put).collect();
    stream(engine, &changes, arguments.batch);
    let (before, after) = (stats.work, engine.stats().work);
    let each = |total: u64| total as f64 / changes.len().max(1) as f64;
    println!(
        "an item: {:.0} partners met, {:.2} keys closed, {:.2} lists found afresh",
        each(after.met - before.met),
        each(after.closed - before.closed),
        each(after.lists - before.lists)
    );
    println!(
        "an item: {:.1} pairs scored for edges, {:.1} items in {:.1} units solved",
        each(after.pairs - before.pairs),
        each(after.unit_items - before.unit_items),
        each(after.units - before.units)
    );
}
