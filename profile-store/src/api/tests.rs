//! The API as a client sees it.

use super::{ApiState, router};
use crate::fixture::{Fixture, event, profile};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode},
};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use tributary_protocol::{Identifier, LogValue, Record, RecordKind, Timestamp, Timestamps};
use tributary_state::{Mode, Options, State};

fn identify(number: u32, identifiers: &[(&str, &str)], traits: &Value) -> LogValue {
    let mut identifiers: Vec<Identifier> =
        identifiers.iter().filter_map(|(kind, value)| Identifier::new(kind, value)).collect();
    identifiers.sort();
    let time = Timestamp::parse(&format!("2026-01-{:02}T00:00:00Z", number + 1)).unwrap();
    let timestamps = Timestamps { timestamp: time, original_timestamp: Some(time), sent_at: None, received_at: time };
    let bare = Record::new("web", format!("m-{number}"), RecordKind::Identify, timestamps, identifiers);
    LogValue::Record(Box::new(Record { traits: traits.as_object().cloned().unwrap_or_default(), ..bare }))
}

/// Two people: one with identifiers that need care in a URL, one without events.
fn people() -> State {
    let state = State::in_memory(Options::default());
    let jane = [
        ("user_id", "a:b/c d+e%f?g#h"),
        ("email", "jane+x@example.com"),
        ("crm:contacts", "4:2"),
        ("phone", "+49 30 901820"),
    ];
    let values = vec![
        (0, identify(0, &jane, &json!({"First Name": "Jane", "vip": true, "score": 1.5}))),
        (1, identify(1, &jane[..2], &json!({"First Name": "Janet"}))),
        (2, identify(2, &[("user_id", "bob")], &json!({}))),
    ];
    state.apply(0, 3, values, Mode::Live).unwrap();
    state
}

fn api() -> Router {
    let mut viewed = event(0, "Viewed", "2026-01-02T00:00:00.5Z");
    viewed["node"] = json!("user_id:a:b/c d+e%f?g#h");
    viewed["properties"] = json!(r#"{"a":[1,{"b":"ü"}]}"#);
    let mut opened = event(0, "Opened", "2026-01-03T00:00:00Z");
    opened["node"] = json!("crm:contacts:4:2");
    let same_time = |offset: i64| {
        let mut event = event(0, "Tied", "2026-01-01T00:00:00Z");
        event["node"] = json!("email:jane+x@example.com");
        event["log_offset"] = json!(offset);
        event
    };
    let rows = [viewed, opened, same_time(7), same_time(8), event(5, "Other", "2026-01-04T00:00:00Z")];
    let fixture = Fixture::new()
        .file("events", &rows, &[])
        .tail("profiles", &[profile(1, &json!({"n": 1})), profile(2, &json!({"n": 2}))]);
    let source_names = vec!["crm".to_owned(), "web".to_owned()];
    router(ApiState { engine: fixture.engine(), state: people(), source_names })
}

async fn send(request: Request<Body>) -> (StatusCode, Value) {
    let response = api().oneshot(request).await.unwrap();
    let status = response.status();
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

async fn get(path: &str) -> (StatusCode, Value) {
    send(Request::get(path).body(Body::empty()).unwrap()).await
}

async fn post(path: &str, body: impl Into<Body>) -> (StatusCode, Value) {
    send(Request::post(path).body(body.into()).unwrap()).await
}

fn is_error((status, body): &(StatusCode, Value), expected: StatusCode, code: &str) {
    assert_eq!((*status, body["code"].as_str()), (expected, Some(code)), "{body}");
    assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
}

const JANE: &str = "/v1/profiles/user_id:a%3Ab%2Fc%20d%2Be%25f%3Fg%23h";

#[tokio::test]
async fn a_profile_is_found_by_any_identifier() {
    let (status, jane) = get(JANE).await;
    assert_eq!(status, StatusCode::OK, "{jane}");
    for key in [
        "email:jane+x@example.com",
        "email:jane%2Bx%40example.com",
        "email%3AJANE%2Bx@EXAMPLE.com",
        "crm:contacts:4:2",
        "crm%3Acontacts%3A4%3A2",
        "phone:%2B4930901820",
        "phone:+49 30 901820".replace(' ', "%20").as_str(),
        &format!("profile_id:{}", jane["profile_id"].as_str().unwrap()),
    ] {
        assert_eq!(get(&format!("/v1/profiles/{key}")).await, (StatusCode::OK, jane.clone()), "{key}");
    }
}

#[tokio::test]
async fn a_profile_has_the_documented_shape() {
    let (_, jane) = get(JANE).await;
    let keys: Vec<&str> = jane.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["created_at", "identifiers", "profile_id", "provenance", "traits", "updated_at"]);
    assert_eq!(jane["traits"], json!({"first_name": "Janet", "score": 1.5, "vip": true}));
    let identifiers = json!([
        {"kind": "crm:contacts", "value": "4:2"},
        {"kind": "email", "value": "jane+x@example.com"},
        {"kind": "phone", "value": "+4930901820"},
        {"kind": "user_id", "value": "a:b/c d+e%f?g#h"},
    ]);
    assert_eq!(jane["identifiers"], identifiers);
    assert_eq!(jane["created_at"], "2026-01-01T00:00:00.000000Z");
    assert_eq!(jane["updated_at"], "2026-01-02T00:00:00.000000Z");
    let first_name = json!({
        "source": "web", "node": "user_id:a:b/c d+e%f?g#h", "event_time": "2026-01-02T00:00:00.000000Z",
        "message_id": "m-1",
    });
    assert_eq!(jane["provenance"]["first_name"], first_name);
}

#[tokio::test]
async fn unknown_profiles_are_not_found() {
    for key in [
        "user_id:nobody",
        "email:nobody@example.com",
        "email:not-an-email",
        "crm:contacts",
        "crm:contacts:43",
        "profile_id:00000000-0000-0000-0000-000000000001",
        "profile_id:xyz",
        "user_id:null",
        "a:b",
    ] {
        is_error(&get(&format!("/v1/profiles/{key}")).await, StatusCode::NOT_FOUND, "not_found");
        is_error(&get(&format!("/v1/profiles/{key}/events")).await, StatusCode::NOT_FOUND, "not_found");
    }
    is_error(&get("/v1/profiles/nobody").await, StatusCode::BAD_REQUEST, "invalid_request");
    is_error(&get("/v1/profiles/user_id:%ff").await, StatusCode::BAD_REQUEST, "invalid_request");
}

#[tokio::test]
async fn events_come_newest_first() {
    let (status, answer) = get(&format!("{JANE}/events")).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let events = answer["events"].as_array().unwrap();
    let order: Vec<Value> = events.iter().map(|event| json!([event["event"], event["log_offset"]])).collect();
    assert_eq!(json!(order), json!([["Opened", 0], ["Viewed", 0], ["Tied", 8], ["Tied", 7]]));
    assert_eq!(events[1]["timestamp"], "2026-01-02T00:00:00.500000Z");
    assert_eq!(events[1]["properties"], json!({"a": [1, {"b": "ü"}]}));
    assert_eq!(events[1]["traits"], Value::Null);
    assert_eq!(events[1]["profile_id"], get(JANE).await.1["profile_id"]);

    let (_, two) = get("/v1/profiles/crm:contacts:4:2/events?limit=2").await;
    assert_eq!(two["events"].as_array().unwrap()[..], events[..2]);
    assert_eq!(get("/v1/profiles/user_id:bob/events").await, (StatusCode::OK, json!({"events": []})));
    for query in ["limit=1001", "limit=-1", "limit=x", "size=1"] {
        is_error(&get(&format!("{JANE}/events?{query}")).await, StatusCode::BAD_REQUEST, "invalid_request");
    }
}

#[tokio::test]
async fn a_profile_has_a_household_and_accounts() {
    let (_, jane) = get(JANE).await;
    let jane_id = jane["profile_id"].as_str().unwrap();
    let row = |id: &str, street: &str| {
        let traits = json!({"last_name": "Doe", "street": street, "zip": "10115"});
        let identifiers = json!([{"kind": "group_id", "value": "g1"}]).to_string();
        json!({"profile_id": id, "identifiers": identifiers, "traits": traits.to_string()})
    };
    let other = crate::fixture::id(7);
    let rows = [row(jane_id, "Weg 1"), row(&other, "Weg 1"), row(&crate::fixture::id(8), "Weg 2")];
    let state = ApiState {
        engine: Fixture::new().tail("profiles", &rows).engine(),
        state: people(),
        source_names: vec!["crm".to_owned(), "web".to_owned()],
    };
    let get = async |path: String| {
        let response = router(state.clone()).oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        serde_json::from_slice::<Value>(&bytes).unwrap()
    };
    let household = get(format!("{JANE}/household")).await;
    assert!(household["household_id"].is_string(), "{household}");
    let members: Vec<&Value> = household["members"].as_array().unwrap().iter().collect();
    assert_eq!(members.len(), 2);
    assert!(members.contains(&&json!({"profile_id": other, "evidence": "address"})), "{household}");
    let accounts = get(format!("{JANE}/accounts")).await;
    assert_eq!(accounts, json!({"accounts": [{"account_id": "group_id:g1", "name": null, "evidence": "group"}]}));
    let alone = get("/v1/profiles/user_id:bob/household".to_owned()).await;
    assert_eq!(alone, json!({"household_id": null, "members": []}));
    let nobody = get("/v1/profiles/user_id:nobody/accounts".to_owned()).await;
    assert_eq!(nobody["code"], "not_found");
}

#[tokio::test]
async fn queries_answer_with_columns_and_rows() {
    let sql = json!({"sql": "SELECT n, updated_at AS at FROM profiles ORDER BY n", "limit": 1}).to_string();
    let expected = json!({
        "columns": [{"name": "n", "type": "BIGINT"}, {"name": "at", "type": "TIMESTAMP"}],
        "rows": [[1, "2026-01-31T12:00:00.000000Z"]],
        "truncated": true,
    });
    assert_eq!(post("/v1/query", sql).await, (StatusCode::OK, expected));
    let sql = json!({"sql": "SELECT profile_id FROM profiles WHERE n > 5"}).to_string();
    let expected = json!({"columns": [{"name": "profile_id", "type": "VARCHAR"}], "rows": [], "truncated": false});
    assert_eq!(post("/v1/query", sql).await, (StatusCode::OK, expected));
}

#[tokio::test]
async fn queries_that_are_not_allowed_say_why() {
    for (body, code) in [
        (json!({"sql": "DROP TABLE events"}), "query_refused"),
        (json!({"sql": "SELECT * FROM '/etc/passwd'"}), "query_refused"),
        (json!({"sql": "SELECT nothing FROM events"}), "invalid_query"),
        (json!({"sql": "SELECT 1", "limit": -1}), "invalid_request"),
        (json!({"sql": "SELECT 1", "format": "csv"}), "invalid_request"),
        (json!({"query": "SELECT 1"}), "invalid_request"),
        (json!([]), "invalid_request"),
    ] {
        is_error(&post("/v1/query", body.to_string()).await, StatusCode::BAD_REQUEST, code);
    }
    is_error(&post("/v1/query", "{").await, StatusCode::BAD_REQUEST, "invalid_request");
    let large = vec![b' '; 3 << 20];
    is_error(&post("/v1/query", large).await, StatusCode::PAYLOAD_TOO_LARGE, "invalid_request");
}

#[tokio::test]
async fn segments_are_counted() {
    let segment = json!({"v": 1, "entity": "profile", "include": {"trait": {"path": "n"}, "op": "gt", "value": 1}});
    assert_eq!(post("/v1/segments/count", segment.to_string()).await, (StatusCode::OK, json!({"count": 1})));
    let members = json!({"count": 1, "members": [crate::fixture::id(2)]});
    assert_eq!(post("/v1/segments/members", segment.to_string()).await, (StatusCode::OK, members));
    let wrong = json!({"include": {"trait": {"path": "n"}, "op": "gt", "value": 1, "vlaue": 2}});
    let answer = post("/v1/segments/count", wrong.to_string()).await;
    is_error(&answer, StatusCode::BAD_REQUEST, "invalid_segment");
    assert!(answer.1["message"].as_str().unwrap().contains("$.include.vlaue"), "{}", answer.1);
    is_error(&post("/v1/segments/count", "nonsense").await, StatusCode::BAD_REQUEST, "invalid_segment");
}
