//! `Record -> row -> Record` is the identity.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value};
use tributary_protocol::{Identifier, Json, Object, Record, RecordKind, Timestamp, Timestamps};
use tributary_tables::{events_to_rows, rows_to_events};

/// Texts with what tends to break: quotes, nulls, other scripts, nothing.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), Just(String::new()), Just("\"\\\n\u{0}é漢😀".to_owned())]
}

fn json() -> impl Strategy<Value = Value> {
    // Eighths are exact in binary and in decimal.
    let number = any::<i32>().prop_map(|n| Value::from(f64::from(n) / 8.0));
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        number,
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((text(), inner), 0..4).prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn object_json() -> impl Strategy<Value = Json> {
    vec((text(), json()), 0..4).prop_map(|members| members.into_iter().collect())
}

fn identifiers() -> impl Strategy<Value = Vec<Identifier>> {
    let kind = prop_oneof![
        Just("user_id"),
        Just("email"),
        Just("crm:contacts"),
        Just("web:a"),
        Just("web"),
        Just("group_id"),
        Just("custom")
    ];
    let value = "[a-c:]{1,4}";
    let identifier = (kind, value).prop_map(|(kind, value)| Identifier { kind: kind.to_owned(), value });
    btree_set(identifier, 0..5).prop_map(|identifiers| identifiers.into_iter().collect())
}

fn time() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp)
}

fn object() -> impl Strategy<Value = Object> {
    (text(), text(), object_json(), identifiers(), any::<bool>())
        .prop_map(|(kind, id, fields, associations, deleted)| Object { kind, id, fields, associations, deleted })
}

prop_compose! {
    fn record()(
        source in prop_oneof![Just("web".to_owned()), Just("crm".to_owned()), text()],
        message_id in text(),
        kind in proptest::sample::select(RecordKind::ALL.to_vec()),
        times in (time(), option::of(time()), option::of(time()), time()),
        ids in (option::of(text()), option::of(text()), option::of(text()), option::of(text())),
        identifiers in identifiers(),
        event in option::of(text()),
        json in (object_json(), object_json(), object_json(), object_json()),
        object in option::of(object()),
    ) -> Record {
        let (timestamp, original_timestamp, sent_at, received_at) = times;
        let (user_id, anonymous_id, group_id, previous_id) = ids;
        let (properties, traits, context, consent) = json;
        let node = Record::owner(&source, &identifiers);
        let timestamps = Timestamps { timestamp, original_timestamp, sent_at, received_at };
        Record {
            source, message_id, kind, timestamps, user_id, anonymous_id, group_id, previous_id, identifiers, node,
            event, traits, object,
            properties: properties.into(), context: context.into(), consent: consent.into(),
        }
    }
}

proptest! {
    #[test]
    fn a_record_is_its_row(records in vec(record(), 1..5), partition in 0..u32::MAX / 2, first in 0..u64::MAX / 4) {
        let placed: Vec<(u64, &Record)> = (first..).zip(&records).collect();
        let rows = events_to_rows(partition, &placed).unwrap();
        let read = rows_to_events(&rows).unwrap();
        let expected: Vec<(u32, u64, Record)> =
            placed.iter().map(|(offset, record)| (partition, *offset, (*record).clone())).collect();
        prop_assert_eq!(read, expected);
    }
}
