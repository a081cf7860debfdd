//! Other people's readers: the tables, deletion vectors and all, count and sum
//! the same in `deltalake` and polars as in our SQL; segments count what DuckDB
//! works out from the input files.

use anyhow::{Context as _, ensure};
use rand::rngs::SmallRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use tokio::process::Command;
use tributary_tests::{Server, ServerOptions, install_test_deps, python, repository, tributary};

const SEED: u64 = 7;
const USERS: usize = 1_500;
/// Waves of events, each flushed: rows of the first are replaced by the later ones.
const WAVES: usize = 4;
const AS_OF: &str = "2026-04-10T12:00:00";
const ZONE: &str = "Europe/Berlin";
const TABLES: [&str; 6] = ["events", "failed_events", "profiles", "identities", "objects", "profile_changes"];
/// Tables whose rows are replaced.
const REPLACED: [&str; 2] = ["profiles", "objects"];
/// Sums of times are taken modulo this prime, so that they fit.
const PRIME: u64 = 1_000_000_007;

/// No compaction: the vectors are to stay. By identifiers alone, as `segments.py` works out who is who.
const CONFIG: &str = r#"
sources:
  - {name: web, type: http, write_key: wk}
  - {name: crm, type: file, path: contacts.csv, record: identify, key: Id, timestamp: Updated,
     identifiers: {email: Email}, traits: {industry: Industry}}
  - {name: sales, type: file, path: deals.csv, record: object, key: Id, timestamp: Updated,
     object: {type: deals, fields: {stage: Stage, amount: Amount}, associations: {"crm:contacts": Contact}}}
identity: {mode: deterministic}
tables: {commit_interval_seconds: 1, compact_files: 1000, dead_rows_max: 1.0}
"#;

#[tokio::test]
async fn other_readers_agree() -> anyhow::Result<()> {
    install_test_deps()?;
    let input = Input::generate();
    let mut server = Server::prepare(ServerOptions::with_config(CONFIG))?;
    fs::write(server.dir().join("events.jsonl"), input.events.concat().join("\n"))?;
    fs::write(server.dir().join("contacts.csv"), &input.contacts)?;
    fs::write(server.dir().join("deals.csv"), "Id,Contact,Stage,Amount,Updated\n")?;
    server.restart().await?;
    for (wave, events) in input.events.iter().enumerate() {
        write_deals(server.dir(), wave)?;
        send(&server, events).await?;
        let broken = server.post("/v1/track", &json!({ "anonymousId": "a", "note": wave })).await?;
        ensure!(broken.status == 400, "an event without a name was answered {}", broken.status);
        await_rows(&server, "sales", (wave + 1) * 40).await?;
        server.flush().await?;
    }
    await_rows(&server, "crm", input.contacts.lines().count() - 1).await?;
    server.flush().await?;

    segments_agree(&server).await?;
    let ours = sums(&server).await?;
    server.stop().await?;
    for table in REPLACED {
        let log = server.data_dir().join("tables").join(table).join("_delta_log");
        ensure!(holds(&log, "deletionVector")?, "no file of {table} has a deletion vector: nothing is shown");
    }
    tables_agree(&server, &ours).await
}

/// What is sent, as it is also given to DuckDB.
struct Input {
    /// One JSON line an event, in waves.
    events: Vec<Vec<String>>,
    contacts: String,
}

impl Input {
    fn generate() -> Self {
        let mut random = SmallRng::seed_from_u64(SEED);
        let mut lines = Vec::new();
        for user in 0..USERS {
            let visits = random.random_range(1..4);
            for visit in 0..visits {
                person(&mut random, user, visit, &mut lines);
            }
        }
        lines.shuffle(&mut random);
        let lines: Vec<String> = lines.iter().enumerate().map(|(number, event)| line(number, event)).collect();
        let events = lines.chunks(lines.len().div_ceil(WAVES)).map(<[_]>::to_vec).collect();
        Self { events, contacts: contacts(&mut random) }
    }
}

/// One browser of a person: some events, and mostly an identify among them.
fn person(random: &mut SmallRng, user: usize, visit: usize, events: &mut Vec<Map<String, Value>>) {
    let visitor = format!("visitor-{user}-{visit}");
    let known = random.random_bool(0.8);
    for _ in 0..random.random_range(1..12) {
        let name = ["Product Viewed", "Checkout Started", "Order Completed"].choose(random).unwrap_or(&"");
        let mut event = object(json!({ "type": "track", "event": name, "anonymousId": visitor }));
        if known && random.random_bool(0.3) {
            event.insert("userId".to_owned(), json!(format!("user-{user}")));
        }
        events.push(event);
    }
    if known {
        let identify = json!({ "type": "identify", "userId": format!("user-{user}"), "anonymousId": visitor });
        let mut identify = object(identify);
        identify.insert("traits".to_owned(), traits(random, user));
        events.push(identify);
    }
}

/// Some traits with values of several types, `null` among them.
fn traits(random: &mut SmallRng, user: usize) -> Value {
    let mut traits = Map::new();
    traits.insert("email".to_owned(), json!(format!("User{user}@Example.com")));
    let choices = [
        ("plan", vec![json!("free"), json!("pro"), json!("Pro"), json!(null)]),
        ("age", vec![json!(29), json!(30), json!(36), json!(40.0), json!(40.5), json!("35"), json!(null)]),
        ("vip", vec![json!(true), json!(false)]),
        ("city", vec![json!("Łódź"), json!("Zürich"), json!("東京")]),
    ];
    for (name, values) in choices {
        if random.random_bool(0.7) {
            traits.insert(name.to_owned(), values.choose(random).cloned().unwrap_or_default());
        }
    }
    Value::Object(traits)
}

/// The event's line, with an id and a time that no other event has.
fn line(number: usize, event: &Map<String, Value>) -> String {
    let mut event = event.clone();
    // 100 days from 2026-01-01, many of them twice as dense as others, and both sides of the windows' ends.
    let seconds = (number * 7_919) % 8_640_000;
    let start: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().expect("the constant is a time");
    let offset = jiff::SignedDuration::from_millis(i64::try_from(seconds * 1000 + number % 1000).unwrap_or(0));
    event.insert("timestamp".to_owned(), json!((start + offset).to_string()));
    event.insert("messageId".to_owned(), json!(format!("m-{number}")));
    Value::Object(event).to_string()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Contacts of some users, and of people who never came.
fn contacts(random: &mut SmallRng) -> String {
    let mut csv = "Id,Email,Industry,Updated\n".to_owned();
    for number in 0..400 {
        let user = number * 5;
        let industry = ["Retail", "Energy", "Health", ""].choose(random).unwrap_or(&"");
        let _ = writeln!(csv, "{number}, user{user}@EXAMPLE.com ,{industry},2026-03-{:02}T08:00:00Z", 1 + number % 28);
    }
    csv
}

/// The same forty deals with each wave, every one changed.
fn write_deals(folder: &Path, wave: usize) -> anyhow::Result<()> {
    let mut csv = "Id,Contact,Stage,Amount,Updated\n".to_owned();
    for deal in 0..40 {
        writeln!(csv, "{deal},{deal},Stage {wave},{},2026-03-{:02}T09:00:00Z", deal * 10 + wave, wave + 1)?;
    }
    fs::write(folder.join("deals.csv.new"), csv)?;
    fs::rename(folder.join("deals.csv.new"), folder.join("deals.csv")).context("replace the deals")
}

async fn send(server: &Server, events: &[String]) -> anyhow::Result<()> {
    for batch in events.chunks(250) {
        let answer = server.post_bytes("/v1/batch", format!(r#"{{"batch":[{}]}}"#, batch.join(","))).await?;
        ensure!(answer.body == json!({ "success": true, "errors": [] }), "answered {}", answer.text);
    }
    Ok(())
}

/// Files are read by themselves: waits until a source has delivered its rows.
async fn await_rows(server: &Server, source: &str, rows: usize) -> anyhow::Result<()> {
    let started = std::time::Instant::now();
    let query = format!("SELECT count(*) FROM events WHERE source = '{source}'");
    while server.count(&query).await? < rows as u64 {
        ensure!(started.elapsed().as_secs() < 60, "source {source} does not deliver {rows} rows");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Whether a commit of a table names `what`.
fn holds(log: &Path, what: &str) -> anyhow::Result<bool> {
    for entry in fs::read_dir(log).with_context(|| format!("read {}", log.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") && fs::read_to_string(&path)?.contains(what) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The questions of `tests/readers/segments.py`, in our language.
fn segments() -> BTreeMap<&'static str, Value> {
    let trait_is = |path: &str, op: &str, value: Value| json!({ "trait": { "path": path }, "op": op, "value": value });
    let event = |names: &[&str], window: Value, op: &str, count: u32| json!({ "event": { "names": names }, "window": window, "having": { "agg": "count", "op": op, "value": count } });
    let last = |n: u32, unit: &str| json!({ "last": { "n": n, "unit": unit } });
    let pro = trait_is("plan", "eq", json!("pro"));
    let number = trait_is("age", "between", json!([30, 40]));
    let orders = event(&["Order Completed"], last(30, "day"), "gte", 2);
    let between =
        event(&["Product Viewed", "Checkout Started"], json!({ "between": ["2026-02-01", "2026-02-15"] }), "gte", 3);
    let mixed = json!({ "any": [{ "all": [pro, orders] }, { "all": [number, { "not": between }] }] });
    BTreeMap::from([
        ("differs", trait_is("plan", "ne", json!("pro"))),
        ("is_not", json!({ "not": pro })),
        ("industry", trait_is("industry", "in", json!(["Retail", "Energy"]))),
        ("few_orders", event(&["Order Completed"], last(2, "month"), "lte", 1)),
        ("trait", pro),
        ("number", number),
        ("orders", orders),
        ("between", between),
        ("mixed", mixed),
    ])
}

async fn segments_agree(server: &Server) -> anyhow::Result<()> {
    let dir = server.dir();
    let counted = run_python("segments.py", &[&dir.join("events.jsonl"), &dir.join("contacts.csv")]).await?;
    let data_dir = server.data_dir().to_string_lossy().into_owned();
    for (name, include) in segments() {
        let segment = json!({ "v": 1, "entity": "profile", "tz": ZONE, "as_of": AS_OF, "include": include });
        let path = dir.join(format!("{name}.json"));
        fs::write(&path, segment.to_string())?;
        let file = path.to_string_lossy().into_owned();
        let count = tributary(&["segment", "count", "--data-dir", &data_dir, &file]).await?;
        let answer = server.admin_post("/v1/segments/count", &segment).await?;
        let members = tributary(&["segment", "members", "--data-dir", &data_dir, &file]).await?;
        let expected = counted[name].as_u64().with_context(|| format!("DuckDB did not count {name}"))?;
        ensure!(expected > 0, "segment {name} is empty: nothing is shown");
        ensure!(count.trim() == expected.to_string(), "segment {name}: {} and not {expected}", count.trim());
        ensure!(answer.body["count"] == expected, "segment {name}: the API says {} and not {expected}", answer.text);
        ensure!(members.lines().count() as u64 == expected, "segment {name}: another number of members");
    }
    Ok(())
}

/// For each table the count of rows, and for each column how many values it has and their sum.
type Sums = BTreeMap<String, (u64, BTreeMap<String, (u64, Value)>)>;

async fn sums(server: &Server) -> anyhow::Result<Sums> {
    let mut sums = Sums::new();
    for table in TABLES {
        let answer =
            server.admin_post("/v1/query", &json!({ "sql": format!("SELECT * FROM {table} LIMIT 0") })).await?;
        let columns =
            answer.body["columns"].as_array().with_context(|| format!("columns of {table}: {}", answer.text))?;
        let mut of_columns = BTreeMap::new();
        for column in columns {
            let (name, kind) = (text(&column["name"]), text(&column["type"]));
            let sum = sum_of(&name, &kind);
            let query = format!("SELECT count(\"{name}\"), {sum} FROM {table}");
            let row = server.sql(&query).await?.pop().with_context(|| format!("{query} yields nothing"))?;
            of_columns.insert(name, (row[0].as_u64().unwrap_or(0), row[1].clone()));
        }
        sums.insert(table.to_owned(), (server.count(&format!("SELECT count(*) FROM {table}")).await?, of_columns));
    }
    Ok(sums)
}

/// A sum that changes if any value does; none for types that no reader sums.
fn sum_of(column: &str, kind: &str) -> String {
    match kind {
        "TIMESTAMP" => format!("sum(CAST(\"{column}\" AS BIGINT) % {PRIME})"),
        "VARCHAR" => format!("sum(character_length(\"{column}\"))"),
        kind if kind.contains("INT") => format!("sum(\"{column}\")"),
        _ => "NULL".to_owned(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Compares what the other readers say with our sums, column by column of theirs.
async fn tables_agree(server: &Server, ours: &Sums) -> anyhow::Result<()> {
    let folder = server.data_dir().join("tables");
    let names = TABLES.map(Path::new);
    let arguments: Vec<&Path> = std::iter::once(folder.as_path()).chain(names).collect();
    let theirs = run_python("tables.py", &arguments).await?;
    for (table, (rows, columns)) in ours {
        for reader in ["deltalake", "polars"] {
            let read = &theirs[table][reader];
            ensure!(*rows > 0 && read["rows"] == *rows, "{reader}: {table} has {} rows and not {rows}", read["rows"]);
            for (column, sums) in read["columns"].as_object().with_context(|| format!("{reader} read no {table}"))? {
                let (values, sum) = columns.get(column).with_context(|| format!("our {table} has no {column}"))?;
                // Trait columns are shown as numbers and stored as texts; of those only the values are counted.
                let same =
                    sums[0] == *values && (sum.is_null() || is_shown_otherwise(table, column) || sums[1] == *sum);
                ensure!(same, "{reader}: {table}.{column} is {sums} and not [{values}, {sum}]");
            }
        }
    }
    Ok(())
}

/// Trait columns that are whole numbers in our SQL and texts in the table.
fn is_shown_otherwise(table: &str, column: &str) -> bool {
    table == "profiles" && column == "age"
}

async fn run_python<A: AsRef<std::ffi::OsStr>>(script: &str, arguments: &[A]) -> anyhow::Result<Value> {
    let script = repository().join("tests/readers").join(script);
    let mut command = Command::new(python());
    command.arg(&script).args(arguments).env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.with_context(|| format!("run {}", script.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{} ended with {}: {said}", script.display(), output.status);
    serde_json::from_slice(&output.stdout).with_context(|| format!("read what {} printed", script.display()))
}
