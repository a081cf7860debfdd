//! Measures the worker with the people of a CSV file: most of its records are
//! loaded into a state folder, the others are applied as the worker does, each
//! batch durable: how fast, and in how many bytes.
//!
//! `people FILE --key COLUMN --state FOLDER [--drop COLUMN]... [--load N] [--stream N] [--batch N] [--threads N] [--model FILE]`
//!
//! A folder that is there goes on where it ended. Times are of the processor as
//! well, where the system counts them: they hold on a busy machine.
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "figures are printed, not computed with, and batches are small"
)]

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};
use tributary_protocol::{Identifier, Json, LogValue, Record, RecordKind, Timestamp, Timestamps};
use tributary_resolve::matching::Model;
use tributary_state::{Applied, Identity, Mode, ModelMatcher, Options, State};
use uuid::Uuid;

/// That of the program, so that it allocates as fast.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SOURCE: &str = "people";
const KEY_KIND: &str = "people:customers";
/// Columns that hold identifiers, besides the key.
const IDENTIFIERS: [&str; 4] = ["user_id", "anonymous_id", "email", "phone"];
/// Records that are loaded at once.
const LOADED_AT_ONCE: usize = 20_000;
/// Least mean probability of a merge: the default of the configuration.
const CUT: f64 = 0.4;

struct Arguments {
    file: String,
    key: String,
    drop: Vec<String>,
    state: String,
    load: usize,
    stream: usize,
    batch: usize,
    threads: usize,
    model: Option<String>,
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let mut given = std::env::args().skip(1);
    let file = given.next().ok_or("people FILE --key COLUMN --state FOLDER")?;
    let (key, drop, state, model) = Default::default();
    let mut arguments = Arguments { file, key, drop, state, load: 0, stream: 20_000, batch: 2_000, threads: 2, model };
    while let Some(name) = given.next() {
        let mut value = || given.next().ok_or_else(|| format!("{name} needs a value"));
        match name.as_str() {
            "--key" => arguments.key = value()?,
            "--drop" => arguments.drop.push(value()?),
            "--state" => arguments.state = value()?,
            "--load" => arguments.load = value()?.parse()?,
            "--stream" => arguments.stream = value()?.parse()?,
            "--batch" => arguments.batch = value()?.parse::<usize>()?.max(1),
            "--threads" => arguments.threads = value()?.parse()?,
            "--model" => arguments.model = Some(value()?),
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    Ok(arguments)
}

/// The records of a file, as identify calls of one source.
fn records(arguments: &Arguments) -> Result<Vec<LogValue>, Box<dyn Error>> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(&arguments.file)?;
    let header: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
    let (mut records, mut row) = (Vec::new(), csv::StringRecord::new());
    let most = arguments.load + arguments.stream;
    while records.len() < most && reader.read_record(&mut row)? {
        let cells = header.iter().map(String::as_str).zip(row.iter());
        records
            .push(record(cells.filter(|(name, _)| !arguments.drop.iter().any(|dropped| dropped == name)), arguments));
    }
    Ok(records)
}

fn record<'a>(cells: impl Iterator<Item = (&'a str, &'a str)>, arguments: &Arguments) -> LogValue {
    let (mut identifiers, mut traits, mut key) = (Vec::new(), Json::new(), "");
    for (name, cell) in cells.filter(|(_, cell)| !cell.is_empty()) {
        if name == arguments.key {
            key = cell;
            identifiers.extend(Identifier::new(KEY_KIND, &format!("c{cell}")));
        } else if IDENTIFIERS.contains(&name) {
            identifiers.extend(Identifier::new(name, cell));
        } else {
            traits.insert(name.to_owned(), cell.into());
        }
    }
    identifiers.sort();
    let timestamp = Timestamp(1_760_000_000_000_000);
    let timestamps = Timestamps { timestamp, original_timestamp: None, sent_at: None, received_at: timestamp };
    let bare = Record::new(SOURCE, format!("message-{key}"), RecordKind::Identify, timestamps, identifiers);
    LogValue::Record(Box::new(Record { traits, ..bare }))
}

fn open(arguments: &Arguments) -> Result<State, Box<dyn Error>> {
    let model = match &arguments.model {
        Some(file) => Model::from_json(&std::fs::read_to_string(file)?)?,
        None => Model::people().clone(),
    };
    let matcher = Box::new(ModelMatcher::new(model, CUT, arguments.threads)?);
    let options = Options { identity: Identity::Probabilistic, ..Options::default() };
    Ok(State::open(Path::new(&arguments.state), Uuid::from_u128(1), options, Some(matcher))?)
}

/// Records from the state's position on, each with its place.
fn numbered(state: &State, records: &[LogValue]) -> Result<Vec<(u64, LogValue)>, Box<dyn Error>> {
    Ok((state.position(0)?..).zip(records.iter().cloned()).collect())
}

/// Applies records at once.
fn apply(state: &State, values: Vec<(u64, LogValue)>, mode: Mode) -> Result<Applied, Box<dyn Error>> {
    let next = values.last().map_or(0, |(place, _)| place + 1);
    Ok(state.apply(0, next, values, mode)?)
}

/// Time on processors: of this thread, and of all others; zero where the system
/// does not say.
fn on_processor() -> [Duration; 2] {
    let of_thread = |told: &str| {
        let nanoseconds = told.split(' ').next().and_then(|first| first.parse().ok());
        Duration::from_nanos(nanoseconds.unwrap_or_default())
    };
    let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
    let this = of_thread(&read(Path::new("/proc/thread-self/schedstat")));
    let all = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let all: Duration = all.map(|thread| of_thread(&read(&thread.path().join("schedstat")))).sum();
    [this, all.saturating_sub(this)]
}

/// Bytes of memory that the process holds; 0 where that is not told.
fn resident() -> f64 {
    let told = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = told.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kilobytes.unwrap_or_default() * 1024.0
}

/// Waits until the store has put in order what was loaded.
fn rest() {
    let mut before = on_processor()[1];
    loop {
        std::thread::sleep(Duration::from_secs(1));
        let now = on_processor()[1];
        if now.saturating_sub(before) < Duration::from_millis(20) {
            return;
        }
        before = now;
    }
}

fn stream(state: &State, records: &[LogValue], batch: usize) -> Result<(), Box<dyn Error>> {
    let (mut of_batches, mut matching) = (Vec::new(), Duration::ZERO);
    let (mut elapsed, mut busy, others) = (Duration::ZERO, Duration::ZERO, on_processor()[1]);
    for batch in records.chunks(batch) {
        // The worker reads its batches elsewhere.
        let values = numbered(state, batch)?;
        let (of_batch, before) = (Instant::now(), on_processor()[0]);
        let applied = apply(state, values, Mode::Live)?;
        of_batches.push((of_batch.elapsed(), batch.len() as u32));
        elapsed += of_batch.elapsed();
        busy += on_processor()[0].saturating_sub(before);
        matching += applied.matching;
    }
    let count = records.len() as f64;
    let each = |time: Duration| time.as_secs_f64() * 1e6 / count;
    println!("streamed {count} records, batches of {batch}: {:.0} records/s", count / elapsed.as_secs_f64());
    println!(
        "a record: {:.0} us, on a processor {:.0} us, and {:.0} us of other threads; the matcher {:.0} us",
        each(elapsed),
        each(busy),
        each(on_processor()[1].saturating_sub(others)),
        each(matching)
    );
    of_batches.sort_unstable_by_key(|(time, records)| *time / *records);
    let quantile = |share: usize| of_batches.get(of_batches.len() * share / 100).copied().unwrap_or_default();
    for (name, (time, records)) in
        [("p50", quantile(50)), ("p99", quantile(99)), ("longest", of_batches.last().copied().unwrap_or_default())]
    {
        println!("  {name}: batch {time:.1?}, {:.1?} a record", time / records.max(1));
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = arguments()?;
    let records = records(&arguments)?;
    let (loaded, streamed) = records.split_at(records.len().min(arguments.load));
    let mut state = open(&arguments)?;
    let known = usize::try_from(state.position(0)?)?;
    if known < loaded.len() {
        let started = Instant::now();
        for batch in loaded[known..].chunks(LOADED_AT_ONCE) {
            apply(&state, numbered(&state, batch)?, Mode::Rebuild)?;
        }
        println!("took in {} records in {:.0?}", loaded.len() - known, started.elapsed());
        let started = Instant::now();
        drop(state);
        state = open(&arguments)?;
        println!("opened, and every profile regrouped, in {:.0?}", started.elapsed());
    }
    rest();
    println!("{:.0} MB resident", resident() / 1e6);
    stream(&state, streamed, arguments.batch)?;
    println!("{:.0} MB resident", resident() / 1e6);
    Ok(())
}
