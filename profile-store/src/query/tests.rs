//! Queries over small tables: what counts, what is refused, what is bounded.

use super::{Error, Format, Kind, QueryLimits, QueryResult, answer_json, write_result};
use crate::fixture::{Fixture, event, id, identity, profile, schema, shown};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use serde_json::{Value, json};
use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

async fn check(fixture: &Fixture, sql: &str, expected: &str) {
    let result = fixture.engine().sql(sql, None).await;
    let result = result.unwrap_or_else(|error| panic!("{sql}: {}", error.chain()));
    assert_eq!(shown(&result), expected, "{sql}");
}

async fn fails(fixture: &Fixture, sql: &str) -> Error {
    let result = fixture.engine().sql(sql, None).await;
    result.map(|result| shown(&result)).expect_err(sql)
}

/// The result as the API answers it.
fn answer(result: &QueryResult) -> Value {
    serde_json::from_slice(&answer_json(result).unwrap()).unwrap()
}

/// Ten profiles: two files with dead rows, one of them all dead, and a tail
/// that replaces the rows of profiles 2 and 9.
fn profiles() -> Fixture {
    let row = |n: u32| profile(n, &json!({"n": n, "city": if n.is_multiple_of(2) { "Berlin" } else { "Rome" }}));
    let rows: Vec<Value> = (0..10).map(row).collect();
    let stale: Vec<Value> = (20..23).map(row).collect();
    let moved = [profile(2, &json!({"n": 2, "city": "Oslo"})), profile(9, &json!({"n": 9, "city": "Oslo"}))];
    Fixture::new()
        .file("profiles", &rows, &[2, 9])
        .file("profiles", &stale, &[0, 1, 2])
        .tail("profiles", &moved)
        .tail("identities", &(0..10).map(identity).collect::<Vec<_>>())
        .file("events", &(0..12).map(|n| event(n % 6, "Viewed", "2026-01-01T00:00:00Z")).collect::<Vec<_>>(), &[5, 11])
}

#[tokio::test]
async fn dead_rows_never_show() {
    let fixture = profiles();
    for (sql, expected) in [
        ("SELECT count(*) AS n FROM profiles", "n|10"),
        ("SELECT count(profile_id) AS n, min(n) AS a, max(n) AS b, sum(n) AS s FROM profiles", "n,a,b,s|10,0,9,45"),
        ("SELECT max(profile_id) AS m FROM profiles", &format!("m|{}", id(9))),
        ("SELECT count(*) AS n FROM profiles WHERE city = 'Berlin'", "n|4"),
        ("SELECT count(*) AS n FROM profiles WHERE n >= 20", "n|0"),
        ("SELECT city, count(*) AS n FROM profiles GROUP BY city ORDER BY city", "city,n|Berlin,4|Oslo,2|Rome,4"),
        ("SELECT n FROM profiles WHERE n IN (2, 9, 20) ORDER BY n", "n|2|9"),
        ("SELECT n FROM profiles ORDER BY n DESC LIMIT 2", "n|9|8"),
        ("SELECT count(*) AS n FROM (SELECT profile_id FROM profiles LIMIT 100)", "n|10"),
        ("SELECT count(*) AS n FROM (SELECT profile_id FROM profiles LIMIT 9)", "n|9"),
        ("SELECT count(*) AS n FROM events", "n|10"),
        ("SELECT count(*) AS n FROM profiles a JOIN profiles b ON a.profile_id = b.profile_id", "n|10"),
        ("SELECT count(*) AS n FROM events e JOIN identities i ON e.node = i.node", "n|10"),
        (
            "SELECT count(*) AS n FROM profiles p WHERE NOT EXISTS
          (SELECT 1 FROM events e WHERE e.profile_id = p.profile_id)",
            "n|5",
        ),
    ] {
        check(&fixture, sql, expected).await;
    }
    let one = format!("SELECT city FROM profiles WHERE profile_id = '{}'", id(2));
    check(&fixture, &one, "city|Oslo").await;
}

#[tokio::test]
async fn counts_are_exact_without_dead_rows() {
    let rows: Vec<Value> = (0..9).map(identity).collect();
    let fixture = Fixture::new().file("identities", &rows, &[]).file("identities", &rows[..3], &[]);
    check(&fixture, "SELECT count(*) AS n FROM identities", "n|12").await;
    let fixture = fixture.tail("identities", &rows[..1]);
    check(&fixture, "SELECT count(*) AS n FROM identities", "n|13").await;
    check(&Fixture::new().tail("objects", &[]), "SELECT count(*) AS n FROM objects", "n|0").await;
}

#[tokio::test]
async fn columns_that_a_file_lacks_are_null() {
    let old = Arc::new(Schema::new(vec![Field::new("node", DataType::Utf8, true)]));
    let fixture = Fixture::new().file_of("identities", &old, &[json!({"node": "user_id:old"})], &[]);
    let fixture = fixture.file("identities", &[identity(1)], &[]);
    check(&fixture, "SELECT node, value FROM identities ORDER BY node", "node,value|user_id:old,|user_id:u1,u1").await;
    check(&fixture, "SELECT node FROM identities WHERE value IS NULL", "node|user_id:old").await;
}

#[tokio::test]
async fn a_query_reads_one_view_and_the_next_the_newest() {
    let fixture = Fixture::new().tail("profiles", &[profile(1, &json!({"n": 1}))]);
    let engine = fixture.engine();
    let types = async |sql| shown(&engine.sql(sql, None).await.unwrap());
    assert_eq!(types("SELECT n, arrow_typeof(n) AS t FROM profiles").await, "n,t|1,Int64");
    let fixture = fixture.file("profiles", &[profile(2, &json!({"n": 0.5}))], &[]);
    assert_eq!(types("SELECT n, arrow_typeof(n) AS t FROM profiles ORDER BY n").await, "n,t|0.5,Float64|1.0,Float64");
    // The row goes again: the type is a function of the rows that are there.
    let mut table = fixture.table("profiles");
    table.files[0].dead = Some(Arc::new([0].into_iter().collect()));
    fixture.set(table);
    assert_eq!(types("SELECT n, arrow_typeof(n) AS t FROM profiles").await, "n,t|1,Int64");
}

#[tokio::test]
async fn profile_ids_are_looked_up_only_when_selected() {
    let fixture = profiles();
    for sql in ["SELECT count(*) FROM events", "SELECT node, event FROM events WHERE event = 'Viewed'"] {
        fixture.engine().sql(sql, None).await.unwrap();
        assert_eq!(fixture.lookups.load(Ordering::Relaxed), 0, "{sql}");
    }
    let by_profile = "SELECT profile_id, count(*) AS n FROM events GROUP BY profile_id ORDER BY profile_id LIMIT 2";
    check(&fixture, by_profile, &format!("profile_id,n|{},2|{},2", id(0), id(1))).await;
    let asked = fixture.lookups.load(Ordering::Relaxed);
    assert!((1..=6).contains(&asked), "each node once: {asked}");

    let every = fixture.engine().sql("SELECT * FROM events", Some(1)).await.unwrap();
    let names: Vec<String> = every.schema.fields().iter().map(|field| field.name().clone()).collect();
    let mut expected: Vec<String> = schema("events").fields().iter().map(|field| field.name().clone()).collect();
    expected.push("profile_id".to_owned());
    assert_eq!(names, expected);
}

#[tokio::test]
async fn trait_columns_have_types_and_an_order() {
    let fixture = Fixture::new()
        .file("profiles", &[profile(1, &json!({"zip": "01234", "vip": true, "age": 42, "score": 1, "mixed": 1}))], &[])
        .tail("profiles", &[profile(2, &json!({"score": 0.5, "mixed": "x", "tags": ["a"], "created_at": "then"}))]);
    let result = fixture.engine().sql("SELECT * FROM profiles ORDER BY profile_id", None).await.unwrap();
    let expected = json!([
        {"name": "profile_id", "type": "VARCHAR"}, {"name": "identifiers", "type": "VARCHAR"},
        {"name": "created_at", "type": "TIMESTAMP"}, {"name": "updated_at", "type": "TIMESTAMP"},
        {"name": "traits", "type": "VARCHAR"}, {"name": "age", "type": "BIGINT"}, {"name": "mixed", "type": "VARCHAR"},
        {"name": "score", "type": "DOUBLE"}, {"name": "tags", "type": "VARCHAR"},
        {"name": "trait_created_at", "type": "VARCHAR"}, {"name": "vip", "type": "BOOLEAN"},
        {"name": "zip", "type": "VARCHAR"},
    ]);
    let answer = answer(&result);
    assert_eq!(answer["columns"], expected);
    let traits = |row: usize| json!(answer["rows"][row].as_array().unwrap()[5..]);
    assert_eq!(traits(0), json!([42, "1", 1.0, null, null, true, "01234"]));
    assert_eq!(traits(1), json!([null, "x", 0.5, "[\"a\"]", "then", null, null]));
    check(&fixture, "SELECT sum(age + score) AS s FROM profiles WHERE vip AND zip LIKE '0%'", "s|43.0").await;
}

/// Each `NAME.sql` below `tests/golden` over [`golden_tables`] gives what
/// `NAME.csv`, `.json` and `.table` beside it say.
#[tokio::test]
async fn golden() {
    let fixture = golden_tables();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut checked = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "sql") {
            continue;
        }
        let sql = std::fs::read_to_string(&path).unwrap();
        let result = fixture.engine().sql(&sql, None).await;
        let result = result.unwrap_or_else(|error| panic!("{}: {}", path.display(), error.chain()));
        for name in ["csv", "json", "table"] {
            let mut bytes = Vec::new();
            write_result(&result, name.parse().unwrap(), &mut bytes).unwrap();
            let shown = String::from_utf8(bytes).unwrap();
            let expected = path.with_extension(name);
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                std::fs::write(&expected, &shown).unwrap();
            }
            assert_eq!(shown, std::fs::read_to_string(&expected).unwrap(), "{}", expected.display());
            checked += 1;
        }
    }
    assert!(checked >= 12, "{checked} files");
}

fn golden_tables() -> Fixture {
    let failed = json!({
        "source": "web", "reason": "invalid_json", "message": "expected \",\"", "payload": "00ff7b22",
        "received_at": "2026-01-31T12:00:00.000001Z", "log_partition": 0, "log_offset": 7,
    });
    let deal = json!({
        "source": "crm", "type": "deals", "id": "d-1", "fields": r#"{"amount":12.5,"stage":"won"}"#,
        "associations": "[]", "deleted": false, "updated_at": "2026-02-28T23:59:59.999999Z",
    });
    let change = json!({
        "change": "merge", "profile_id": id(1), "other_profile_id": id(3), "cause": "email", "edges": "[]",
        "changed_at": "2026-01-31T12:00:00Z",
    });
    profiles().tail("failed_events", &[failed]).tail("objects", &[deal]).tail("profile_changes", &[change])
}

#[tokio::test]
async fn values_of_every_kind_are_shown() {
    let fixture = Fixture::new();
    for (sql, csv, json) in [
        ("SELECT CAST('NaN' AS DOUBLE)", "NaN", json!(null)),
        ("SELECT CAST('Infinity' AS DOUBLE)", "inf", json!(null)),
        ("SELECT -0.0e0", "-0.0", json!(-0.0)),
        ("SELECT 9223372036854775807", "9223372036854775807", json!(i64::MAX)),
        ("SELECT CAST(18446744073709551615 AS BIGINT UNSIGNED)", "18446744073709551615", json!(u64::MAX)),
        ("SELECT NULL", "\"\"", json!(null)),
        ("SELECT ''", "\"\"", json!("")),
        ("SELECT 'a,\"b\"'", "\"a,\"\"b\"\"\"", json!("a,\"b\"")),
        ("SELECT X'00ff'", "00ff", json!("00ff")),
        ("SELECT DATE '2026-02-28'", "2026-02-28", json!("2026-02-28")),
        ("SELECT TIMESTAMP '2026-01-31T12:00:00'", "2026-01-31T12:00:00.000000Z", json!("2026-01-31T12:00:00.000000Z")),
        ("SELECT CAST(1.25 AS DECIMAL(5, 2))", "1.25", json!("1.25")),
        ("SELECT [1, NULL, 3]", "\"[1,null,3]\"", json!([1, null, 3])),
        ("SELECT true", "true", json!(true)),
    ] {
        let result = fixture.engine().sql(sql, None).await.unwrap_or_else(|error| panic!("{sql}: {}", error.chain()));
        assert_eq!(shown(&result).split_once('|').unwrap().1, csv, "{sql}");
        assert_eq!(answer(&result)["rows"], json!([[json]]), "{sql}");
    }
    let long_ago = "SELECT to_timestamp_micros(-1) AS t";
    check(&fixture, long_ago, "t|1969-12-31T23:59:59.999999Z").await;
}

#[tokio::test]
async fn values_that_cannot_be_computed_are_the_callers_fault() {
    let fixture = profiles();
    for sql in [
        "SELECT 1 / 0",
        "SELECT CAST('x' AS BIGINT)",
        "SELECT CAST(city AS BIGINT) FROM profiles",
        "SELECT n / (n - n) FROM profiles",
        "SELECT nothing FROM profiles",
        "SELECT city + 1 FROM",
        "SELECT no_such_function(1)",
        "SELECT profile_of_node('user_id:u1')",
        "SELECT sum(city, n) FROM profiles",
        "SELECT a.n FROM profiles b",
    ] {
        let error = fails(&fixture, sql).await;
        assert_eq!(error.kind(), Kind::Data, "{sql}: {}", error.chain());
    }
}

#[tokio::test]
async fn results_are_cut_at_the_limit() {
    let engine = profiles().engine();
    for (limit, rows, truncated) in [(None, 10, false), (Some(0), 0, true), (Some(9), 9, true), (Some(10), 10, false)] {
        let result = engine.sql("SELECT n FROM profiles ORDER BY n", limit).await.unwrap();
        let answer = answer(&result);
        assert_eq!(answer["rows"].as_array().unwrap().len(), rows, "{limit:?}");
        assert_eq!(answer["truncated"], truncated, "{limit:?}");
    }
    let unlimited = engine.sql("SELECT n FROM profiles", Some(usize::MAX)).await.unwrap();
    assert!(!unlimited.truncated);
}

#[tokio::test]
async fn parquet_reads_back() {
    let result = profiles().engine().sql("SELECT * FROM profiles ORDER BY n", None).await.unwrap();
    let mut bytes = Vec::new();
    write_result(&result, Format::Parquet, &mut bytes).unwrap();
    let reader =
        datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReader::try_new(bytes::Bytes::from(bytes), 1024);
    let batches: Vec<_> = reader.unwrap().collect::<Result<_, _>>().unwrap();
    let again = QueryResult { schema: batches[0].schema(), batches, truncated: false };
    assert_eq!(shown(&again), shown(&result));
}

#[test]
fn formats_have_names() {
    for (name, format) in
        [("table", Format::Table), ("csv", Format::Csv), ("json", Format::Json), ("parquet", Format::Parquet)]
    {
        assert_eq!(name.parse::<Format>().unwrap(), format);
    }
    assert_eq!("xml".parse::<Format>().unwrap_err().code(), "invalid_format");
}

#[tokio::test]
async fn nesting_never_overflows_the_stack() {
    let fixture = profiles();
    let nested = |open: &str, inner: &str, close: &str, depth: usize| {
        format!("SELECT {}{inner}{}", open.repeat(depth), close.repeat(depth))
    };
    let from = |open: &str, inner: &str, close: &str, depth: usize| {
        format!("SELECT 1 FROM {}{inner}{}", open.repeat(depth), close.repeat(depth))
    };
    for sql in [
        nested("(", "1", ")", 5000),
        nested("NOT ", "true", "", 5000),
        nested("- ", "1", "", 5000),
        nested("[", "1", "]", 5000),
        nested("CAST(", "1", " AS INT)", 4000),
        nested("abs(", "1", ")", 5000),
        nested("CASE WHEN true THEN ", "1", " END", 2000),
        nested("(SELECT ", "1", ")", 5000),
        nested("1+", "1", "", 30_000),
        nested("'a'||", "'a'", "", 10_000),
        nested("true AND ", "true", "", 7000),
        nested("1 UNION SELECT ", "1", "", 4000),
        from("(", "events", ")", 5000),
        from("(SELECT * FROM ", "events", ")", 3000),
        from("events JOIN (", "events", ") ON true", 2500),
        format!("SELECT CAST(1 AS {}INT{})", "ARRAY<".repeat(5000), ">".repeat(5000)),
        format!("SELECT arrow_cast(NULL, '{}Int8{}')", "List(".repeat(500), ")".repeat(500)),
        format!("{}SELECT 1{}", "WITH a AS (".repeat(3000), ") SELECT 1".repeat(3000)),
    ] {
        let shown: String = sql.chars().take(60).collect();
        let error = fails(&fixture, &sql).await;
        assert_eq!(error.kind(), Kind::Data, "{shown}: {}", error.chain());
    }
    check(&fixture, &format!("SELECT {}1 AS n", "1+".repeat(200)), "n|201").await;
    check(&fixture, &format!("SELECT count(*) AS n FROM ({}SELECT 1)", "SELECT 1 UNION ALL ".repeat(50)), "n|51").await;
}

/// The parser tries several readings of what is in brackets, each of which
/// tries several of what is inside.
#[tokio::test]
async fn mistakes_deep_inside_are_found_soon() {
    let fixture = profiles();
    for (open, close) in [
        ("CAST(", " AS INT)"),
        ("POSITION(", " IN 'a')"),
        ("SUBSTRING(", " FROM 1)"),
        ("CEIL(", ")"),
        ("ARRAY[", "]"),
        ("INTERVAL ", ""),
        ("1 + (SELECT * FROM ", ")"),
    ] {
        for depth in [4, 8, 12, 16, 24, 48] {
            let sql = format!("SELECT {}1 1 1{}", open.repeat(depth), close.repeat(depth));
            let started = Instant::now();
            let error = fails(&fixture, &sql).await;
            assert_eq!(error.code(), "query_refused", "{sql}: {}", error.chain());
            assert!(started.elapsed() < Duration::from_secs(10), "{sql} took {:?}", started.elapsed());
        }
    }
    let fine = format!("SELECT {}n{} AS n FROM profiles WHERE n = 3", "abs(".repeat(12), ")".repeat(12));
    check(&fixture, &fine, "n|3").await;
}

#[tokio::test]
async fn long_lists_are_fine() {
    let fixture = profiles();
    let numbers: Vec<String> = (0..10_000).map(|n| n.to_string()).collect();
    let sql = format!("SELECT count(*) AS n FROM profiles WHERE n IN ({})", numbers.join(","));
    check(&fixture, &sql, "n|10").await;
    let terms = vec!["n = 3"; 200].join(" OR ");
    check(&fixture, &format!("SELECT count(*) AS n FROM profiles WHERE {terms}"), "n|1").await;
}

/// `SELECT` of ten rows to the power of `times`.
fn bomb(select: &str, times: usize) -> String {
    let tables: Vec<String> = (0..times).map(|n| format!("profiles p{n}")).collect();
    format!("SELECT {select} FROM {}", tables.join(", "))
}

#[tokio::test]
async fn a_bomb_stops_at_the_time_limit_and_the_engine_goes_on() {
    let time = Some(Duration::from_millis(300));
    let engine = profiles().engine_within(QueryLimits { time, threads: 2, ..QueryLimits::default() });
    for select in ["count(*)", "sum(p0.n * p7.n)", "count(DISTINCT p0.city || p9.city)"] {
        let started = Instant::now();
        let error = engine.sql(&bomb(select, 14), None).await.map(|result| shown(&result)).unwrap_err();
        assert_eq!(error.code(), "time_limit", "{select}: {}", error.chain());
        assert!(started.elapsed() < Duration::from_secs(5), "{select} took {:?}", started.elapsed());
    }
    let after = engine.sql("SELECT count(*) AS n FROM profiles", None).await.unwrap();
    assert_eq!(shown(&after), "n|10");
}

#[tokio::test]
async fn memory_is_bounded_and_comes_back() {
    let limits = QueryLimits { memory_bytes: 8 << 20, threads: 2, ..QueryLimits::default() };
    let engine = profiles().engine_within(limits);
    let wide = bomb("lpad(p0.traits, 200) AS k", 5);
    let join = format!("SELECT count(*) FROM ({wide}) a JOIN ({wide}) b ON a.k = b.k");
    for sql in [join, bomb("p0.traits", 6)] {
        let error = engine.sql(&sql, None).await.map(|result| shown(&result)).unwrap_err();
        assert_eq!((error.code(), error.kind()), ("memory_limit", Kind::Transient), "{}", error.chain());
        let after = engine.sql(&bomb("count(*) AS n", 5), None).await.unwrap();
        assert_eq!(shown(&after), "n|100000");
    }
}

#[tokio::test]
async fn queries_wait_for_a_turn() {
    let bomb = bomb("count(*)", 14);
    let engine = profiles().engine_within(QueryLimits { time: None, concurrent: 1, ..QueryLimits::default() });
    let mut running = Box::pin(engine.sql(&bomb, None));
    assert!(futures::poll!(&mut running).is_pending());
    let mut waiting = Box::pin(engine.sql("SELECT 1 AS n", None));
    assert!(tokio::time::timeout(Duration::from_millis(50), &mut waiting).await.is_err());
    // A query whose caller goes away gives its turn back.
    drop(running);
    assert_eq!(shown(&waiting.await.unwrap()), "n|1");

    let time = Some(Duration::from_millis(50));
    let engine = profiles().engine_within(QueryLimits { time, concurrent: 1, ..QueryLimits::default() });
    let mut running = Box::pin(engine.sql(&bomb, None));
    assert!(futures::poll!(&mut running).is_pending());
    let busy = engine.sql("SELECT 1", None).await.unwrap_err();
    assert_eq!((busy.code(), busy.kind()), ("busy", Kind::Transient));
}

#[tokio::test]
async fn a_damaged_file_is_named_and_not_the_callers_fault() {
    for damage in [&b""[..], b"PAR1", b"no parquet at all, but long enough to hold a footer"] {
        let fixture = profiles();
        let path = fixture.table("events").files[0].path.clone();
        std::fs::write(&path, damage).unwrap();
        let error = fails(&fixture, "SELECT count(node) FROM events").await;
        assert_eq!(error.kind(), Kind::Internal, "{}", error.chain());
        check(&fixture, "SELECT count(*) AS n FROM profiles", "n|10").await;
    }
    let fixture = profiles();
    std::fs::remove_file(&fixture.table("events").files[0].path).unwrap();
    let error = fails(&fixture, "SELECT count(node) FROM events").await;
    assert_eq!(error.kind(), Kind::Internal);
    assert!(error.chain().contains("events-0.parquet"), "{}", error.chain());
}

/// A function that a new DataFusion brings is looked at before people may call it.
#[tokio::test]
async fn every_function_is_known() {
    let context = profiles().engine().shared().empty_session();
    let state = context.state();
    let mut names: Vec<&str> = state.scalar_functions().keys().map(String::as_str).collect();
    names.extend(state.aggregate_functions().keys().map(String::as_str));
    names.extend(state.window_functions().keys().map(String::as_str));
    names.extend(state.table_functions().keys().map(String::as_str));
    names.extend(state.higher_order_functions().keys().map(String::as_str));
    names.sort_unstable();
    names.dedup();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/functions.txt");
    let shown = names.join("\n") + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &shown).unwrap();
    }
    assert_eq!(shown, std::fs::read_to_string(&path).unwrap());
}
