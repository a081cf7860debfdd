//! Measures the worker's core: records applied a second, durable, in one
//! thread; the bytes that are written for each; and what is kept in the end, by
//! kind of key (`keys.rs` lists them).
//! `cargo run --release -p tributary-state --example throughput [deterministic|observe|probabilistic]`
#![allow(clippy::cast_precision_loss, reason = "figures are printed, not computed with")]

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};
use tributary_protocol::{Identifier, Json, JsonText, LogValue, Record, RecordKind, Timestamp, Timestamps};
use tributary_resolve::matching::Model;
use tributary_state::{FjallStore, Identity, Matcher, Mode, ModelMatcher, Options, State, Store as _};
use uuid::Uuid;

const RECORDS: u32 = 200_000;
const PEOPLE: u32 = 20_000;
/// Records of a batch: about 4 MiB of events of 1 KB.
const BATCH: usize = 4_000;
/// One record in so many is an identify call; the others are events.
const IDENTIFY_EVERY: u32 = 10;

fn record(n: u32, rng: &mut SmallRng) -> LogValue {
    let person = rng.random_range(0..PEOPLE);
    let is_identify = n.is_multiple_of(IDENTIFY_EVERY);
    let mut given = vec![("anonymous_id", format!("anonymous-{person}-{}", rng.random_range(0..3)))];
    let mut traits = Json::new();
    if is_identify {
        given.push(("user_id", format!("user-{person}")));
        given.push(("email", format!("person{person}@example.com")));
        traits =
            json!({ "email": format!("person{person}@example.com"), "first_name": "Ada", "plan": "pro", "visits": n })
                .as_object()
                .cloned()
                .unwrap_or_default();
    }
    let mut identifiers: Vec<Identifier> =
        given.iter().filter_map(|(kind, value)| Identifier::new(kind, value)).collect();
    identifiers.sort();
    let timestamp = Timestamp(1_760_000_000_000_000 + i64::from(n));
    let timestamps = Timestamps { timestamp, original_timestamp: None, sent_at: None, received_at: timestamp };
    let properties = json!({ "page": "/pricing", "filler": "x".repeat(500) });
    let properties = properties.as_object().map(JsonText::from).unwrap_or_default();
    let kind = if is_identify { RecordKind::Identify } else { RecordKind::Track };
    let bare = Record::new("web", format!("message-{n}"), kind, timestamps, identifiers);
    LogValue::Record(Box::new(Record { event: Some("Page Viewed".to_owned()), properties, traits, ..bare }))
}

/// Bytes that this process gave to write until now; 0 where that is not told.
fn written() -> u64 {
    let told = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    told.lines().find_map(|line| line.strip_prefix("wchar: ")?.parse().ok()).unwrap_or_default()
}

/// Prints what the store in `folder` holds by kind of key.
fn print_kept(folder: &Path) -> Result<(), tributary_state::Error> {
    let mut kept: BTreeMap<u8, [usize; 3]> = BTreeMap::new();
    FjallStore::open(folder)?.0.for_each(b"", &mut |key, value| {
        let kind = kept.entry(key.first().copied().unwrap_or_default()).or_default();
        *kind = [kind[0] + 1, kind[1] + key.len(), kind[2] + value.len()];
        Ok(())
    })?;
    println!("kind    keys/record  bytes of keys  bytes of values, each a record");
    for (kind, counts) in kept {
        let [keys, of_keys, of_values] = counts.map(|count| count as f64 / f64::from(RECORDS));
        println!("{:4} {keys:14.3} {of_keys:14.1} {of_values:16.1}", char::from(kind));
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("tributary-throughput-{}", std::process::id()));
    let identity = match std::env::args().nth(1).as_deref() {
        None | Some("deterministic") => Identity::Deterministic,
        Some("observe") => Identity::Observe,
        Some("probabilistic") => Identity::Probabilistic,
        Some(other) => return Err(format!("unknown mode {other}").into()),
    };
    let options = Options { identity, ..Options::default() };
    let matcher: Option<Box<dyn Matcher>> = match identity {
        Identity::Deterministic => None,
        Identity::Observe | Identity::Probabilistic => {
            Some(Box::new(ModelMatcher::new(Model::people().clone(), 0.4, 1)?))
        }
    };
    let state = State::open(&folder, Uuid::from_u128(1), options, matcher)?;
    let mut rng = SmallRng::seed_from_u64(1);
    let values: Vec<LogValue> = (0..RECORDS).map(|n| record(n, &mut rng)).collect();
    let (mut slowest, mut matching) = (Duration::ZERO, Duration::ZERO);
    let (started, written_before) = (Instant::now(), written());
    let mut offset = 0;
    for batch in values.chunks(BATCH) {
        let of_batch = Instant::now();
        let numbered: Vec<(u64, LogValue)> = (offset..).zip(batch.iter().cloned()).collect();
        offset += batch.len() as u64;
        matching += state.apply(0, offset, numbered, Mode::Live)?.matching;
        slowest = slowest.max(of_batch.elapsed());
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{identity:?}: {RECORDS} records of {PEOPLE} people, 1 in {IDENTIFY_EVERY} identify, batches of {BATCH}: {:.0} records/s, slowest batch {:.0} ms, matching {:.1} of {seconds:.1} s",
        f64::from(RECORDS) / seconds,
        slowest.as_secs_f64() * 1000.0,
        matching.as_secs_f64()
    );
    println!("{:.0} bytes written a record", (written() - written_before) as f64 / f64::from(RECORDS));
    drop(state);
    print_kept(&folder)?;
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
