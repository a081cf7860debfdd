//! What scripts rely on: commands and their exit codes, shapes of answers, columns of tables, forms of output.

use anyhow::ensure;
use serde_json::{Value, json};
use std::fs;
use tributary_tests::{Server, ServerOptions, tributary, tributary_in};

/// A server with two people: `u-1` with five events, one in each month, and an anonymous one.
async fn filled() -> anyhow::Result<Server> {
    let server = Server::start(ServerOptions::default()).await?;
    let traits = json!({ "email": "Ann+1@Example.com", "First Name": "Ann", "age": 41, "a": null });
    let mut events = vec![json!({ "type": "identify", "userId": "u-1", "anonymousId": "a/1:x", "messageId": "m-0",
        "timestamp": "2026-01-01T00:00:00Z", "traits": traits })];
    events.extend((1..=5).map(|month| {
        json!({ "type": "track", "userId": "u-1", "event": "Order Completed", "messageId": format!("m-{month}"),
            "timestamp": format!("2026-0{month}-15T12:00:00.123456Z"), "properties": { "z": month, "a": { "c": 1, "b": 2 } } })
    }));
    events
        .push(json!({ "type": "page", "anonymousId": "a-2", "messageId": "m-9", "timestamp": "2026-01-02T00:00:00Z" }));
    let answer = server.post("/v1/batch", &json!({ "batch": events })).await?;
    ensure!(answer.status == 200 && answer.body["errors"] == json!([]), "{}", answer.text);
    server.flush().await?;
    Ok(server)
}

fn column_names(answer: &Value) -> Vec<&str> {
    answer["columns"]
        .as_array()
        .map_or(Vec::new(), |columns| columns.iter().filter_map(|column| column["name"].as_str()).collect())
}

#[tokio::test]
async fn tables_have_their_columns() {
    let server = filled().await.unwrap();
    let events = "message_id source type event user_id anonymous_id group_id previous_id identifiers timestamp \
        original_timestamp sent_at received_at properties traits context consent node log_partition log_offset";
    for (table, columns) in [
        ("events", events),
        ("identities", "node kind value profile_id"),
        ("profiles", "profile_id identifiers created_at updated_at traits"),
        ("objects", "source type id fields associations deleted updated_at"),
        ("failed_events", "source reason message payload received_at log_partition log_offset"),
        ("profile_changes", "change profile_id other_profile_id cause edges changed_at"),
    ] {
        let query = json!({ "sql": format!("SELECT * FROM {table}") });
        let answer = server.admin_post("/v1/query", &query).await.unwrap();
        assert_eq!(answer.status, 200, "{table}: {}", answer.text);
        let names = column_names(&answer.body);
        let missing: Vec<&str> = columns.split_whitespace().filter(|column| !names.contains(column)).collect();
        assert!(missing.is_empty(), "{table} lacks {missing:?}: {names:?}");
        let by_name = format!("SELECT {} FROM {table}", columns.split_whitespace().collect::<Vec<_>>().join(", "));
        server.sql(&by_name).await.unwrap();
    }
    assert_eq!(server.count("SELECT count(profile_id) FROM events").await.unwrap(), 7);
    assert_eq!(server.count("SELECT count(object) FROM events").await.unwrap(), 0);
    let folders = ["events", "profiles", "identities"]
        .map(|table| server.data_dir().join("tables").join(table).join("_delta_log"));
    assert!(folders.iter().all(|folder| folder.is_dir()), "{folders:?}");
}

#[tokio::test]
async fn query_answers_columns_rows_and_truncated() {
    let server = filled().await.unwrap();
    let sql = "SELECT message_id, timestamp, properties, user_id FROM events ORDER BY timestamp";
    let answer = server.admin_post("/v1/query", &json!({ "sql": sql, "limit": 3 })).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.body["truncated"], true);
    assert_eq!(column_names(&answer.body), ["message_id", "timestamp", "properties", "user_id"]);
    assert!(answer.body["columns"].as_array().unwrap().iter().all(|column| column["type"].is_string()));
    let rows = answer.body["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[1], json!(["m-9", "2026-01-02T00:00:00.000000Z", "{}", null]));
    assert_eq!(rows[2], json!(["m-1", "2026-01-15T12:00:00.123456Z", "{\"a\":{\"b\":2,\"c\":1},\"z\":1}", "u-1"]));
    let all = server.admin_post("/v1/query", &json!({ "sql": sql })).await.unwrap();
    assert_eq!((all.body["rows"].as_array().unwrap().len(), &all.body["truncated"]), (7, &json!(false)));
}

#[tokio::test]
async fn only_a_single_select_is_run() {
    let server = filled().await.unwrap();
    let file = server.dir().join("out.csv");
    let copy = format!("COPY (SELECT 1) TO '{}'", file.display());
    let external = format!("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '{}'", server.config_path().display());
    for sql in [
        "DROP TABLE events",
        "DELETE FROM events",
        "UPDATE events SET event = 'x'",
        "INSERT INTO events (message_id) VALUES ('x')",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE events",
        "CREATE VIEW v AS SELECT 1",
        "SET datafusion.execution.batch_size = 1",
        "SELECT * INTO t FROM events",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_csv('/etc/passwd')",
        &copy,
        &external,
        "nonsense",
        "",
    ] {
        let answer = server.admin_post("/v1/query", &json!({ "sql": sql })).await.unwrap();
        assert_eq!(answer.status, 400, "{sql}: {}", answer.text);
        assert!(!answer.code().is_empty() && answer.body["message"].is_string(), "{sql}: {}", answer.text);
    }
    assert!(!file.exists());
    assert_eq!(server.count("SELECT count(*) FROM events").await.unwrap(), 7);
}

#[tokio::test]
async fn profiles_are_found_by_every_key() {
    let server = filled().await.unwrap();
    let profile = server.profile("user_id:u-1").await.unwrap().unwrap();
    let keys: Vec<&String> = profile.as_object().unwrap().keys().collect();
    for key in ["profile_id", "traits", "identifiers", "provenance", "created_at", "updated_at"] {
        assert!(keys.iter().any(|found| *found == key), "{key} is missing: {profile}");
    }
    let identifiers = json!([
        { "kind": "anonymous_id", "value": "a/1:x" },
        { "kind": "email", "value": "ann+1@example.com" },
        { "kind": "user_id", "value": "u-1" },
    ]);
    assert_eq!(profile["identifiers"], identifiers);
    assert_eq!(profile["traits"], json!({ "email": "Ann+1@Example.com", "first_name": "Ann", "age": 41 }));
    let provenance = json!({ "source": "web", "node": "user_id:u-1", "event_time": "2026-01-01T00:00:00.000000Z", "message_id": "m-0" });
    assert_eq!(profile["provenance"]["first_name"], provenance);
    assert_eq!(profile["created_at"], "2026-01-01T00:00:00.000000Z");
    let by_id = format!("profile_id:{}", profile["profile_id"].as_str().unwrap());
    for key in ["email:ann+1@example.com", "email:Ann+1@Example.COM", "anonymous_id:a/1:x", &by_id] {
        assert_eq!(server.profile(key).await.unwrap().as_ref(), Some(&profile), "{key}");
    }
    let missing = server.admin_get("/v1/profiles/user_id:nobody").await.unwrap();
    assert_eq!((missing.status, missing.code()), (404, "not_found"));
    let columns = server.sql("SELECT first_name, age, email FROM profiles WHERE age > 40").await.unwrap();
    assert_eq!(columns, [[json!("Ann"), json!(41), json!("Ann+1@Example.com")]]);

    let events = server.admin_get("/v1/profiles/user_id:u-1/events").await.unwrap();
    let ids: Vec<&str> =
        events.body["events"].as_array().unwrap().iter().map(|event| event["message_id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["m-5", "m-4", "m-3", "m-2", "m-1", "m-0"], "newest first");
    assert_eq!(server.admin_get("/v1/profiles/user_id:nobody/events").await.unwrap().status, 404);
}

#[tokio::test]
async fn segments_count_and_list() {
    let server = filled().await.unwrap();
    let orders = |from: &str, least: u32| {
        json!({ "v": 1, "entity": "profile", "tz": "UTC", "as_of": "2026-06-15T12:00:00.123456Z", "include": { "all": [
            { "trait": { "path": "age", "type": "number" }, "op": "gte", "value": 40 },
            { "event": { "name": "Order Completed" }, "window": { "last": { "n": 2, "unit": "month" } },
              "having": { "agg": "count", "op": from, "value": least } },
        ] } })
    };
    let data = server.data_dir().to_string_lossy().into_owned();
    let file = server.dir().join("segment.json");
    // [15 April, 15 June): both ends at the same moment of the day, the first counts and the last does not.
    for (segment, expected) in [
        (orders("gte", 2), 1),
        (orders("gte", 3), 0),
        (orders("eq", 2), 1),
        (json!({"v":1,"entity":"profile","include":{"all":[]}}), 2),
    ] {
        fs::write(&file, segment.to_string()).unwrap();
        let answer = server.admin_post("/v1/segments/count", &segment).await.unwrap();
        assert_eq!((answer.status, &answer.body["count"]), (200, &json!(expected)), "{segment}: {}", answer.text);
        let count = tributary(&["segment", "count", "--data-dir", &data, &file.to_string_lossy()]).await.unwrap();
        assert_eq!(count.trim(), expected.to_string());
        let members = tributary(&["segment", "members", "--data-dir", &data, &file.to_string_lossy()]).await.unwrap();
        assert_eq!(members.lines().count(), expected);
    }
    let unknown =
        server.admin_post("/v1/segments/count", &json!({ "v": 1, "entity": "profile", "includes": {} })).await.unwrap();
    assert_eq!(unknown.status, 400);
    assert!(unknown.body["message"].as_str().unwrap().contains("includes"), "{}", unknown.text);
}

#[tokio::test]
async fn sql_prints_every_format_with_and_without_a_server() {
    let mut server = filled().await.unwrap();
    let data = server.data_dir().to_string_lossy().into_owned();
    let sql =
        "SELECT message_id, user_id, timestamp FROM events WHERE message_id IN ('m-1', 'm-9') ORDER BY message_id";
    let csv = "message_id,user_id,timestamp\nm-1,u-1,2026-01-15T12:00:00.123456Z\nm-9,,2026-01-02T00:00:00.000000Z\n";
    for runs in [true, false] {
        if !runs {
            server.stop().await.unwrap();
        }
        let run = async |arguments: &[&str]| {
            let all = [&["sql", "--data-dir", &data], arguments, &[sql]].concat();
            tributary(&all).await.unwrap()
        };
        assert_eq!(run(&["--format", "csv"]).await, csv, "server runs: {runs}");
        assert_eq!(run(&["--format", "csv", "--limit", "1"]).await.lines().count(), 2);
        let table = run(&[]).await;
        assert!(table.contains("message_id") && table.contains("2026-01-15T12:00:00.123456Z"), "{table}");
        let text = run(&["--format", "json"]).await;
        assert!(text.contains("\"m-9\"") && text.contains("null"), "{text}");
    }
    let all =
        tributary(&["sql", "--data-dir", &data, "--format", "csv", "SELECT count(*) AS n FROM events"]).await.unwrap();
    assert_eq!(all, "n\n7\n");
}

#[tokio::test]
async fn without_a_server_sql_says_what_the_tables_lack() {
    let config = "tables: {commit_interval_seconds: 3600}\nsources: [{name: web, type: http, write_key: wk}]\n";
    let mut server = Server::start(ServerOptions::with_config(config)).await.unwrap();
    let event = |number: u32| json!({ "userId": "u", "event": "E", "messageId": number.to_string() });
    for number in 0..7 {
        assert_eq!(server.post("/v1/track", &event(number)).await.unwrap().status, 200);
    }
    server.kill9().unwrap();
    let data = server.data_dir().to_string_lossy().into_owned();
    let arguments = ["sql", "--data-dir", &data, "--format", "csv", "SELECT count(*) AS n FROM events"];
    let output = tributary_in(server.dir(), &arguments).await.unwrap();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert_eq!(output.stdout, "n\n0\n");
    assert!(output.stderr.contains('7'), "standard error does not say that 7 are lacking: {}", output.stderr);
    // With a server, rows that are accepted and not committed are seen.
    server.restart().await.unwrap();
    let started = std::time::Instant::now();
    while server.count("SELECT count(*) FROM events").await.unwrap() < 7 {
        assert!(started.elapsed().as_secs() < 20, "fresh rows are not seen");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn exit_codes_tell_failure_from_wrong_usage() {
    let server = Server::prepare(ServerOptions::default()).unwrap();
    let config = server.config_path().to_string_lossy().into_owned();
    for (arguments, expected) in [
        (vec!["config", "check", &config], 0),
        (vec!["config", "schema"], 0),
        (vec!["--version"], 0),
        (vec!["--help"], 0),
        (vec!["config", "check", "nothing.yaml"], 1),
        (vec!["flush", "--admin", "127.0.0.1:1", "--timeout", "1"], 1),
        (vec!["sql", "--data-dir", "nowhere", "SELECT 1 FROM events"], 1),
        (vec!["run", "--data-dir", "d", "--listen", "127.0.0.1:0", "--admin", "0.0.0.0:0"], 1),
        (vec![], 2),
        (vec!["nonsense"], 2),
        (vec!["sql"], 2),
        (vec!["sql", "--format", "xml", "SELECT 1"], 2),
        (vec!["run", "--listen", "here"], 2),
    ] {
        let output = tributary_in(server.dir(), &arguments).await.unwrap();
        assert_eq!(output.code, Some(expected), "{arguments:?}: {}", output.stderr);
        assert!(expected == 0 || !output.stderr.is_empty(), "{arguments:?} says nothing");
        assert!(!output.stderr.contains("panicked"), "{arguments:?}: {}", output.stderr);
    }
}

#[tokio::test]
async fn no_configuration_is_enough() {
    let mut server = Server::start(ServerOptions::with_config("")).await.unwrap();
    let printed =
        |log: &str| log.lines().find_map(|line| line.strip_prefix("write key of source web: ").map(str::to_owned));
    let key = printed(&server.log_text()).expect("a write key is printed");
    let event = json!({ "userId": "u", "event": "E", "writeKey": key });
    assert_eq!(server.post_with("/v1/track", &[], event.to_string()).await.unwrap().status, 200);
    server.restart().await.unwrap();
    assert_eq!(server.log_text().matches("write key of source").count(), 1, "it is printed once");
    assert_eq!(server.post_with("/v1/track", &[], event.to_string()).await.unwrap().status, 200);
    server.flush().await.unwrap();
    assert_eq!(server.count("SELECT count(*) FROM events").await.unwrap(), 2);
}

#[tokio::test]
async fn metrics_and_health_are_served_and_name_nobody() {
    let server = filled().await.unwrap();
    assert_eq!(server.admin_get("/health").await.unwrap().status, 200);
    assert_eq!(server.admin_get("/ready").await.unwrap().status, 200);
    let page = server.admin_get("/metrics").await.unwrap().text;
    for name in ["tributary_ingest_records_received_total", "tributary_ingest_records_accepted_total"] {
        assert!(page.contains(name), "{name} is missing");
    }
    let seen = page.to_lowercase() + &server.log_text().to_lowercase();
    for personal in ["ann+1@example.com", "a/1:x", "u-1"] {
        assert!(!seen.contains(personal), "{personal} is in metrics or logs");
    }
}
