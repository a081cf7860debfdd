//! The rules by which an event becomes a record, one short case each.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use serde_json::{Value, json};
use tributary_ingest::normalise::{BatchDefaults, Failure, Normaliser};
use tributary_ingest::{Frames, Limits};
use tributary_protocol::{LogValue, Record, RecordKind, Timestamp};

fn now() -> Timestamp {
    Timestamp::parse("2026-01-01T12:00:00Z").unwrap()
}

/// Encodes texts of one request and decodes them as the worker does.
fn all<'a>(texts: &[&'a str], batch: &'a BatchDefaults<'a>, kind: Option<RecordKind>) -> Vec<Result<Record, Failure>> {
    let mut normaliser = Normaliser::new("web", Limits::default(), batch, now());
    let read = |text: &&'a str| {
        let mut frames = Frames::default();
        normaliser.encode(text, kind, &mut frames)?;
        let entries = frames.into_entries();
        assert_eq!(entries.len(), 1);
        let LogValue::Record(record) = LogValue::decode(&entries[0].value).unwrap() else { panic!("{text}") };
        assert_eq!(entries[0].key, record.partition_key().as_bytes(), "{text}");
        let again = LogValue::Record(record.clone()).encode();
        assert_eq!(LogValue::decode(&again).unwrap(), LogValue::Record(record.clone()), "{text}");
        Ok(*record)
    };
    texts.iter().map(read).collect()
}

fn one<'a>(text: &'a str, batch: &'a BatchDefaults<'a>, kind: Option<RecordKind>) -> Result<Record, Failure> {
    all(&[text], batch, kind).remove(0)
}

fn record(event: &Value) -> Record {
    one(&event.to_string(), &BatchDefaults::default(), None).unwrap_or_else(|failure| panic!("{event}: {failure}"))
}

fn refused(event: &Value, code: &str, message: &str) {
    let failure = one(&event.to_string(), &BatchDefaults::default(), None).unwrap_err();
    assert_eq!(failure.code, code, "{event}");
    assert!(failure.message.contains(message), "{event}: {}", failure.message);
}

/// A tracked event with further members.
fn track(more: Value) -> Value {
    let mut event = json!({ "type": "track", "event": "E", "userId": "u" });
    let Value::Object(more) = more else { panic!("{more}") };
    event.as_object_mut().unwrap().extend(more);
    event
}

#[test]
fn every_field_arrives() {
    let record = record(&json!({
        "type": "track", "event": "Order Completed", "messageId": "m1", "userId": "u", "anonymousId": "a",
        "groupId": "g", "previousId": "p", "timestamp": "2026-01-01T10:00:00Z", "sentAt": "2026-01-01T10:00:30Z",
        "properties": { "revenue": 9.99, "products": [{ "sku": "x" }] }, "traits": { "email": "J@X.co", "n": null },
        "context": { "ip": "1.2.3.4", "consent": { "categoryPreferences": { "Ads": true } } },
        "integrations": { "All": false }, "channel": "server",
    }));
    let expected = json!({
        "source": "web", "message_id": "m1", "type": "track",
        "timestamp": Timestamp::parse("2026-01-01T11:59:30Z"), "received_at": now(),
        "original_timestamp": Timestamp::parse("2026-01-01T10:00:00Z"),
        "sent_at": Timestamp::parse("2026-01-01T10:00:30Z"),
        "user_id": "u", "anonymous_id": "a", "group_id": "g", "previous_id": "p",
        "identifiers": [{ "kind": "anonymous_id", "value": "a" }, { "kind": "email", "value": "j@x.co" },
                        { "kind": "group_id", "value": "g" }, { "kind": "user_id", "value": "u" }],
        "node": { "kind": "user_id", "value": "u" }, "event": "Order Completed",
        "properties": { "revenue": 9.99, "products": [{ "sku": "x" }] }, "traits": { "email": "J@X.co", "n": null },
        "context": { "ip": "1.2.3.4", "integrations": { "All": false },
                     "consent": { "categoryPreferences": { "Ads": true } } },
        "consent": { "Ads": true },
    });
    assert_eq!(serde_json::to_value(record).unwrap(), expected);
}

#[test]
fn what_is_required_is_asked_for() {
    refused(&json!([]), "invalid", "no object");
    refused(&json!(7), "invalid", "no object");
    refused(&json!("{\"type\":\"track\"}"), "invalid", "encoded twice");
    refused(&json!({ "userId": "u" }), "invalid", "`type` is missing");
    refused(&json!({ "type": 1, "userId": "u" }), "invalid", "`type` is no text");
    for ours in ["dance", "object", "delete", "Track", ""] {
        refused(&json!({ "type": ours, "userId": "u" }), "invalid", "`type` is none of");
    }
    refused(&json!({ "type": "track", "event": "x" }), "invalid", "`userId` or `anonymousId`");
    refused(&json!({ "type": "track", "event": "x", "userId": null, "anonymousId": " " }), "invalid", "`userId` or");
    for event in [json!(null), json!(""), json!(" ")] {
        refused(&json!({ "type": "track", "userId": "u", "event": event }), "invalid", "`event` is needed");
    }
    refused(&json!({ "type": "track", "userId": "u", "event": {} }), "invalid", "`event` is no text");
    refused(&json!({ "type": "group", "userId": "u", "groupId": "" }), "invalid", "`groupId` is needed");
    refused(&json!({ "type": "alias", "userId": "u" }), "invalid", "`previousId` is needed");
    for key in ["userId", "anonymousId", "groupId", "previousId", "messageId"] {
        for wrong in [json!([]), json!({}), json!(true)] {
            refused(&track(json!({ key: wrong })), "invalid", &format!("`{key}` is neither"));
        }
    }
    for key in ["properties", "traits", "context", "integrations"] {
        for wrong in [json!([1]), json!("{\"a\":1}"), json!(0)] {
            refused(&track(json!({ key: wrong })), "invalid", &format!("`{key}` is no object"));
        }
        for empty in [json!(null), json!([]), json!({})] {
            let event = track(json!({ "messageId": "m", key: empty }));
            assert_eq!(record(&event), record(&track(json!({ "messageId": "m" }))), "{event}");
        }
    }
    refused(&track(json!({ "messageId": "é".repeat(256) })), "invalid", "255");
    record(&track(json!({ "messageId": "é".repeat(255) })));
}

#[test]
fn limits_are_held() {
    let long = "x".repeat(32 * 1024);
    refused(&track(json!({ "properties": { "a": long } })), "too_large", "32768 are allowed");
    let nested = |levels: usize| {
        let text = format!(
            r#"{{"type":"track","event":"E","userId":"u","properties":{{"a":{}1{}}}}}"#,
            "[".repeat(levels),
            "]".repeat(levels)
        );
        one(&text, &BatchDefaults::default(), None)
    };
    nested(62).unwrap();
    assert_eq!(nested(63).unwrap_err().code, "too_deep");
    assert_eq!(nested(5000).unwrap_err().code, "too_deep");
}

#[test]
fn identifiers_are_found_and_the_owner_chosen() {
    let check = |event: Value, expected: &[&str], node: Option<&str>| {
        let record = record(&event);
        let shown: Vec<String> = record.identifiers.iter().map(ToString::to_string).collect();
        assert_eq!(shown, expected, "{event}");
        assert_eq!(record.node.map(|node| node.to_string()).as_deref(), node, "{event}");
    };
    check(
        json!({ "type": "identify", "userId": 7, "anonymousId": "a", "traits": { "email": "A@B.co", "phone": "+4930901820" },
            "context": { "device": { "id": "d" }, "groupId": "g", "traits": { "email": "a@b.co" }, "externalIds": [
                { "id": "x", "type": "Loyalty", "collection": "users", "encoding": "none" }, { "id": 5, "type": "n" },
                { "id": "y", "type": "crm:contacts" }, { "id": "z", "type": "other", "collection": "accounts" }, 7] } }),
        &[
            "anonymous_id:a",
            "device:d",
            "email:a@b.co",
            "group_id:g",
            "loyalty:x",
            "n:5",
            "phone:+4930901820",
            "user_id:7",
        ],
        Some("user_id:7"),
    );
    check(
        json!({ "type": "group", "anonymousId": "a", "groupId": 42, "traits": { "email": "info@firm.example" } }),
        &["anonymous_id:a", "group_id:42"],
        Some("anonymous_id:a"),
    );
    check(
        json!({ "type": "alias", "userId": "u", "previousId": "a" }),
        &["anonymous_id:a", "user_id:u"],
        Some("user_id:u"),
    );
    let nobody = json!({ "type": "page", "userId": "null", "anonymousId": "undefined" });
    check(nobody, &[], None);
    let big = json!({ "type": "page", "userId": 9_007_199_254_740_993_u64 });
    check(big, &["user_id:9007199254740993"], Some("user_id:9007199254740993"));
    check(
        json!({ "type": "page", "userId": "e\u{301}\u{0}x", "anonymousId": "  b " }),
        &["anonymous_id:b", "user_id:éx"],
        Some("user_id:éx"),
    );
    let odd = json!({ "type": "page", "userId": "u", "context": { "traits": [{ "email": "a@b.co" }], "device": "d",
                      "externalIds": { "id": 1 }, "groupId": [] }, "traits": { "email": { "x": 1 }, "phone": null } });
    check(odd, &["user_id:u"], Some("user_id:u"));
}

#[test]
fn names_and_categories_of_pages() {
    let check = |more: Value, name: Option<&str>, properties: Value| {
        let mut event = json!({ "type": "page", "userId": "u" });
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let record = record(&event);
        assert_eq!(record.event.as_deref(), name, "{event}");
        assert_eq!(Value::Object(record.properties.to_json()), properties, "{event}");
    };
    check(json!({ "name": "Home", "category": "C" }), Some("Home"), json!({ "category": "C" }));
    check(json!({ "properties": { "name": "Home" } }), Some("Home"), json!({ "name": "Home" }));
    check(json!({ "name": "A", "properties": { "name": "B" } }), Some("A"), json!({ "name": "B" }));
    check(
        json!({ "category": "C", "properties": { "category": "D", "x": 1 } }),
        None,
        json!({ "category": "D", "x": 1 }),
    );
    check(json!({ "category": "", "properties": { "x": 1 } }), None, json!({ "x": 1 }));
    check(json!({ "category": "C", "properties": { "x": 1 } }), None, json!({ "category": "C", "x": 1 }));
    check(json!({ "category": null, "name": null }), None, json!({}));
}

#[test]
fn a_clock_may_be_years_wrong() {
    let check = |more: Value, timestamp: &str, unreadable: Option<&str>| {
        let record = record(&track(more.clone()));
        assert_eq!(record.timestamps.timestamp, Timestamp::parse(timestamp).unwrap(), "{more}");
        let raw = record.context.object("tributary").map(|mut ours| ours["unreadable_timestamp"].take());
        assert_eq!(raw.as_ref().and_then(Value::as_str), unreadable, "{more}");
    };
    let at = "2026-01-01T12:00:00Z";
    check(json!({}), at, None);
    check(json!({ "timestamp": "2024-05-06T07:08:09Z" }), "2024-05-06T07:08:09Z", None);
    check(
        json!({ "timestamp": "2036-01-01T11:00:00Z", "sentAt": "2036-01-01T11:00:01Z" }),
        "2026-01-01T11:59:59Z",
        None,
    );
    check(
        json!({ "timestamp": "2016-01-01T00:00:00Z", "sentAt": "2016-01-01T01:00:00Z" }),
        "2026-01-01T11:00:00Z",
        None,
    );
    check(json!({ "originalTimestamp": "2026-01-01T10:00:00Z" }), "2026-01-01T10:00:00Z", None);
    let both = json!({ "timestamp": "2024-01-01T00:00:00Z", "originalTimestamp": "2026-01-01T10:00:00Z" });
    check(both, "2024-01-01T00:00:00Z", None);
    check(json!({ "timestamp": null, "originalTimestamp": "2026-01-01T10:00:00Z" }), "2026-01-01T10:00:00Z", None);
    check(json!({ "timestamp": 1_767_265_200 }), "2026-01-01T11:00:00Z", None);
    check(json!({ "timestamp": 1_767_265_200_000_u64 }), "2026-01-01T11:00:00Z", None);
    check(json!({ "timestamp": "soon" }), at, Some("soon"));
    check(json!({ "timestamp": "1066-10-14T09:00:00Z", "context": { "a": 1 } }), at, Some("1066-10-14T09:00:00Z"));
    check(json!({ "timestamp": { "a": [1] } }), at, Some("{\"a\":[1]}"));
    check(json!({ "timestamp": "", "sentAt": "nonsense" }), at, None);
}

#[test]
fn what_the_batch_says_comes_after_what_the_event_says() {
    let batch = BatchDefaults {
        sent_at: Some(json!("2026-01-01T10:00:10Z")),
        timestamp: Some(json!("2026-01-01T10:00:00Z")),
        context: r#"{ "ip":"1.1.1.1","traits":{"email":"a@b.co"},"app":{"n":1}, "consent":{"categoryPreferences":{"A":false}} }"#.into(),
        integrations: r#"{"All":true,"X":1}"#.into(),
    };
    let read = |event: &Value| one(&event.to_string(), &batch, None).unwrap();
    let bare = read(&track(json!({})));
    let consent = json!({ "categoryPreferences": { "A": false } });
    assert_eq!(
        Value::Object(bare.context.to_json()),
        json!({ "ip": "1.1.1.1", "traits": { "email": "a@b.co" }, "app": { "n": 1 }, "consent": consent,
                "integrations": { "All": true, "X": 1 } })
    );
    assert_eq!(bare.consent.as_str(), r#"{"A":false}"#);
    assert!(bare.identifiers.iter().any(|id| id.kind == "email"));
    assert_eq!(bare.timestamps.timestamp, Timestamp::parse("2026-01-01T11:59:50Z").unwrap());

    let own = read(&track(
        json!({ "context": { "ip": "2.2.2.2", "traits": {}, "consent": null }, "sentAt": "2026-01-01T10:00:05Z",
        "timestamp": "2026-01-01T10:00:04Z", "integrations": { "All": false } }),
    ));
    assert_eq!(
        Value::Object(own.context.to_json()),
        json!({ "ip": "2.2.2.2", "traits": {}, "app": { "n": 1 }, "consent": null, "integrations": { "All": false, "X": 1 } })
    );
    assert!(own.consent.is_empty());
    assert!(own.identifiers.iter().all(|id| id.kind != "email"));
    assert_eq!(own.timestamps.timestamp, Timestamp::parse("2026-01-01T11:59:59Z").unwrap());
    let kept = read(&track(json!({ "context": { "integrations": { "Y": 2 } } })));
    assert_eq!(kept.context.to_json()["integrations"], json!({ "Y": 2 }));
}

#[test]
fn ids_are_made_where_there_are_none() {
    let timed =
        r#"{"type":"track","event":"E","userId":"u","timestamp":"2026-01-01T10:00:00Z","properties":{"b":1,"a":2}}"#;
    let ids = |texts: &[&str]| -> Vec<String> {
        all(texts, &BatchDefaults::default(), None).into_iter().map(|record| record.unwrap().message_id).collect()
    };
    let first = ids(&[timed, timed, timed]);
    assert_ne!(first[0], first[1]);
    assert_ne!(first[1], first[2]);
    assert_eq!(ids(&[timed, timed, timed]), first, "the same request again gives the same ids");
    let variants = [
        r#"{"userId":"u","event":"E","type":"track","timestamp":"2026-01-01T10:00:00Z","properties":{"a":2,"b":1}}"#,
        r#"{"type":"track","event":"E","userId":"u","timestamp":"2026-01-01T10:00:00Z","properties":{"b":1,"a":2},"sentAt":"2026-01-02T00:00:00Z"}"#,
        r#"{"type":"track","event":"E","userId":"u","timestamp":"2026-01-01T10:00:00Z","properties":{"b":1,"a":2},"messageId":null,"writeKey":"k"}"#,
    ];
    for variant in variants {
        assert_eq!(ids(&[variant])[0], first[0], "{variant}");
    }
    let others = [timed.replace("T10", "T11"), timed.replace("\"E\"", "\"F\""), timed.replace("\"a\":2", "\"a\":3")];
    for other in &others {
        assert_ne!(ids(&[other])[0], first[0], "{other}");
    }
    let untimed = r#"{"type":"track","event":"E","userId":"u"}"#;
    assert_ne!(ids(&[untimed])[0], ids(&[untimed])[0], "without a time each is its own");
    assert_eq!(ids(&[r#"{"type":"page","userId":"u","messageId":12}"#]), ["12"]);
}

#[test]
fn peculiar_json_is_read_as_it_is_meant() {
    let read = |text: &str| one(text, &BatchDefaults::default(), None);
    let twice =
        read(r#"{"type":"page","type":"track","event":"E","userId":"a","userId":"u","properties":{"x":1,"x":2}}"#)
            .unwrap();
    assert_eq!((twice.kind, twice.user_id.as_deref()), (RecordKind::Track, Some("u")));
    assert_eq!(twice.properties.to_json()["x"], 2, "of repeated keys the last counts");
    let half = read(r#"{"type":"page","userId":"u\ud83d","properties":{"t":"\ud83d\ude00 \ude00"}}"#).unwrap();
    assert_eq!(half.user_id.as_deref(), Some("u\u{fffd}"));
    assert_eq!(half.properties.to_json()["t"], "\u{1f600} \u{fffd}");
    let escaped = read(r#"{"\u0074ype":"page","user\u0049d":"u"}"#).unwrap();
    assert_eq!(escaped.user_id.as_deref(), Some("u"));
    let null = read(r#"{"type":"page","userId":"u\u0000","properties":{"t":"\u0000"}}"#).unwrap();
    assert_eq!(null.node.unwrap().to_string(), "user_id:u");
    assert_eq!(null.properties.to_json()["t"], "\0");
    for infinite in ["1e999", "-1E+999", &"9".repeat(400)] {
        let failure = read(&format!(r#"{{"type":"page","userId":"u","properties":{{"t":{infinite}}}}}"#)).unwrap_err();
        assert_eq!(failure.code, "malformed", "{infinite}");
    }
    let small = read(r#"{"type":"page","userId":1e3,"properties":{"t":1e-7}}"#).unwrap();
    assert_eq!((small.user_id.as_deref(), &small.properties.to_json()["t"]), (Some("1000.0"), &json!(1e-7)));
}

#[test]
fn the_path_goes_before_the_type() {
    let read = |kind| one(r#"{"type":"page","event":"E","userId":"u"}"#, &BatchDefaults::default(), Some(kind));
    assert_eq!(read(RecordKind::Track).unwrap().kind, RecordKind::Track);
    assert_eq!(read(RecordKind::Identify).unwrap().kind, RecordKind::Identify);
}

/// Any JSON, with the names that mean something among its keys.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1_000_000_i32..1_000_000).prop_map(|number| Value::from(f64::from(number) / 64.0)),
        any::<String>().prop_map(Value::from),
        "(u1|a@b\\.co|\\+4930901820|null|2026-01-01T10:00:00Z)".prop_map(Value::from),
    ];
    let key = prop_oneof![
        3 => "(userId|anonymousId|traits|context|properties|integrations|email|phone|device|id|consent|timestamp|name)",
        1 => any::<String>(),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// What goes in as text comes out as the same values; nothing panics.
    #[test]
    fn texts_survive(properties in any_json(), traits in any_json(), context in any_json(), user in any_json(), pretty in any::<bool>()) {
        let event = json!({ "type": "page", "anonymousId": "a", "userId": user, "properties": properties, "traits": traits, "context": context });
        let text = if pretty { serde_json::to_string_pretty(&event).unwrap() } else { event.to_string() };
        if let Ok(record) = one(&text, &BatchDefaults::default(), None) {
            let object = |value: &Value| value.as_object().cloned().unwrap_or_default();
            let reread = |value: &Value| object(&serde_json::from_str(&value.to_string()).unwrap());
            prop_assert_eq!(record.properties, reread(&properties).into());
            prop_assert_eq!(record.traits, reread(&traits));
            prop_assert_eq!(record.context, reread(&context).into());
            prop_assert!(record.identifiers.is_sorted());
        }
    }
}
