//! Measures the tables on this machine: rows taken and committed, profiles
//! replaced, views, start.
//!
//! `cargo run --release -p tributary-tables --example measure [EVENTS] [PEOPLE]`

use serde_json::json;
use std::error::Error;
use std::time::{Duration, Instant};
use tributary_protocol::{Identifier, JsonText, LogValue, Record, RecordKind, Timestamp, Timestamps};
use tributary_state::{Mode, Options, State};
use tributary_tables::{TableSettings, Tables};
use uuid::Uuid;

const BATCH: u64 = 5_000;
const WAIT: Duration = Duration::from_mins(10);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = std::env::args().skip(1).map(|number| number.parse::<u64>());
    let events = numbers.next().transpose()?.unwrap_or(200_000);
    let people = numbers.next().transpose()?.unwrap_or(50_000);
    let folder = tempfile::tempdir()?;
    let state = State::open(&folder.path().join("state"), Uuid::nil(), Options::default(), None)?;
    let tables = open(&folder, &state).await?;
    let mut run = Run { state, tables, next: 0 };

    let begun = Instant::now();
    run.take(people, |n| record(n, n, RecordKind::Identify)).await?;
    run.flush("profiles made", people, begun).await?;
    let begun = Instant::now();
    run.take(events, |n| record(people + n, n % people, RecordKind::Track)).await?;
    run.flush("events", events, begun).await?;
    for round in 0..10 {
        let begun = Instant::now();
        let first = people + events + round * BATCH;
        run.take(BATCH, |n| record(first + n, (n * 7 + round) % people, RecordKind::Identify)).await?;
        run.flush("profiles replaced", BATCH, begun).await?;
    }

    let begun = Instant::now();
    let view = run.tables.read_view();
    println!("view of {} tables: {:?}", view.tables.len(), begun.elapsed());
    drop(run.tables);
    let begun = Instant::now();
    let tables = open(&folder, &run.state).await?;
    println!("open: {:?}", begun.elapsed());
    println!("recorded: {:?}", tables.recorded());
    Ok(())
}

async fn open(folder: &tempfile::TempDir, state: &State) -> Result<std::sync::Arc<Tables>, Box<dyn Error>> {
    let registry = prometheus::Registry::new();
    let dir = folder.path().join("tables");
    Ok(Tables::open(&dir, state.clone(), Uuid::nil(), 1, TableSettings::default(), &registry).await?)
}

struct Run {
    state: State,
    tables: std::sync::Arc<Tables>,
    next: u64,
}

impl Run {
    /// Applies records in batches, and says how long state and tables took.
    async fn take(&mut self, count: u64, record: impl Fn(u64) -> Record) -> Result<(), Box<dyn Error>> {
        let (mut applying, mut accepting) = (Duration::ZERO, Duration::ZERO);
        for first in (0..count).step_by(usize::try_from(BATCH)?) {
            let values = (first..count.min(first + BATCH)).map(|n| LogValue::Record(Box::new(record(n))));
            let values: Vec<(u64, LogValue)> = (self.next..).zip(values).collect();
            self.next += values.len() as u64;
            let begun = Instant::now();
            let applied = self.state.apply(0, self.next, values, Mode::Live)?;
            applying += begun.elapsed();
            let begun = Instant::now();
            self.tables.accept(0, self.next, applied).await?;
            accepting += begun.elapsed();
        }
        println!("  {count} records: state {applying:?}, tables {accepting:?}");
        Ok(())
    }

    async fn flush(&self, what: &str, count: u64, begun: Instant) -> Result<(), Box<dyn Error>> {
        let flushing = Instant::now();
        self.tables.flush(&[self.next], WAIT).await?;
        println!("{what}: {count}, flushed in {:?}, {:?} in all", flushing.elapsed(), begun.elapsed());
        Ok(())
    }
}

/// A record of about 1 KB.
fn record(number: u64, person: u64, kind: RecordKind) -> Record {
    let identifiers: Vec<Identifier> = [
        ("anonymous_id", format!("anonymous-{person}")),
        ("email", format!("person{person}@example.com")),
        ("user_id", format!("user-{person}")),
    ]
    .into_iter()
    .filter_map(|(kind, value)| Identifier::new(kind, &value))
    .collect();
    let stamp = Timestamp(1_700_000_000_000_000 + number.cast_signed() * 1_000);
    let traits = json!({ "plan": number % 5, "city": format!("city {}", number % 97), "score": number % 1_000 });
    let properties = json!({ "sku": number % 10_000, "revenue": number % 500, "note": "x".repeat(400) });
    let context =
        json!({ "page": { "url": format!("https://example.com/{number}") }, "library": { "name": "measure" } });
    let is_track = kind == RecordKind::Track;
    let timestamps =
        Timestamps { timestamp: stamp, original_timestamp: Some(stamp), sent_at: None, received_at: stamp };
    Record {
        user_id: Some(format!("user-{person}")),
        anonymous_id: Some(format!("anonymous-{person}")),
        event: is_track.then(|| "Order Completed".to_owned()),
        properties: properties.as_object().filter(|_| is_track).map(JsonText::from).unwrap_or_default(),
        traits: traits.as_object().cloned().filter(|_| !is_track).unwrap_or_default(),
        context: context.as_object().map(JsonText::from).unwrap_or_default(),
        ..Record::new("web", format!("message-{number}"), kind, timestamps, identifiers)
    }
}
