//! What must hold for every identifier, time and record, not only for the
//! ones somebody thought of.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Value, json};
use tributary_protocol::{
    ClientTimes, FailedEvent, Identifier, Json, JsonText, KIND_EMAIL, KIND_PHONE, LogValue, Object, Record, RecordKind,
    Timestamp, Timestamps, kind_rank,
};

/// 1970 to 2100 in microseconds: the times that are believed.
const BELIEVED: std::ops::Range<i64> = 0..4_102_444_800_000_000;

fn kind() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("user_id".to_owned()),
        Just("email".to_owned()),
        Just("anonymous_id".to_owned()),
        Just("device".to_owned()),
        Just("phone".to_owned()),
        Just("crm:contacts".to_owned()),
        "[a-z]{1,8}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["\\PC{0,24}", "[a-zA-Z0-9.+_-]{1,12}@[a-z0-9-]{1,8}\\.[a-z]{2,4}", "[+0-9 ()-]{5,18}", any::<String>()]
}

fn identifier() -> impl Strategy<Value = Identifier> {
    (kind(), text()).prop_filter_map("means something", |(kind, value)| Identifier::new(&kind, &value))
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e15..1e15_f64).prop_map(Value::from),
        proptest::num::f64::NORMAL.prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            btree_map(".{0,8}", inner, 0..5).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn json_object() -> impl Strategy<Value = Json> {
    btree_map(".{0,12}", json_value(), 0..5).prop_map(|map| map.into_iter().collect())
}

/// A text that may be JSON: white space anywhere, keys in any order and again, numbers and escapes in any form.
fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "null|true|false",
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,18})?([eE][+-]?[0-9]{1,2})?",
        any::<String>().prop_map(|text| Value::from(text).to_string()),
        r#""[a-c]{0,3}(\\\\u[0-9a-f]{4}|\\\\[n/])?""#,
    ];
    let spaced = |inner: BoxedStrategy<String>| ("[ \n\t]{0,2}", inner, "[ \r]{0,1}").prop_map(|(a, b, c)| a + &b + &c);
    leaf.boxed().prop_recursive(4, 48, 6, move |inner| {
        let inner = spaced(inner).boxed();
        let member =
            (r#"[ \n]?"([a-d]|\\\\u006[1-4]|é)?"[ \n]?"#, inner.clone()).prop_map(|(key, value)| key + ":" + &value);
        let list = vec(inner, 0..5).prop_map(|values| format!("[{}]", values.join(",")));
        prop_oneof![list, vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(",")))]
    })
}

fn timestamp() -> impl Strategy<Value = Timestamp> {
    BELIEVED.prop_map(Timestamp)
}

fn timestamps() -> impl Strategy<Value = Timestamps> {
    let times = (timestamp(), proptest::option::of(timestamp()), proptest::option::of(timestamp()), timestamp());
    times.prop_map(|(timestamp, original_timestamp, sent_at, received_at)| Timestamps {
        timestamp,
        original_timestamp,
        sent_at,
        received_at,
    })
}

prop_compose! {
    fn object()(kind in "[a-z]{1,8}", id in any::<String>(), fields in json_object(),
                associations in vec(identifier(), 0..3), deleted in any::<bool>()) -> Object {
        Object { kind, id, fields, associations, deleted }
    }
}

prop_compose! {
    fn record()(
        (source, message_id, kind) in ("[a-z0-9_-]{1,8}", any::<String>(), proptest::sample::select(&RecordKind::ALL[..])),
        timestamps in timestamps(),
        ids in vec(proptest::option::of(any::<String>()), 4),
        mut identifiers in vec(identifier(), 0..5),
        event in proptest::option::of(any::<String>()),
        objects in vec(json_object(), 4),
        object in proptest::option::of(object()),
    ) -> Record {
        identifiers.sort();
        identifiers.dedup();
        let mut ids = ids.into_iter();
        let mut objects = objects.into_iter();
        let mut json = || objects.next().unwrap_or_default();
        let mut id = || ids.next().flatten();
        Record {
            node: Record::owner(&source, &identifiers),
            source, message_id, kind, timestamps,
            user_id: id(), anonymous_id: id(), group_id: id(), previous_id: id(),
            identifiers, event,
            properties: json().into(), traits: json(), context: json().into(), consent: json().into(),
            object,
        }
    }
}

proptest! {
    #[test]
    fn normalising_twice_changes_nothing(kind in kind(), value in text()) {
        if let Some(once) = Identifier::new(&kind, &value) {
            prop_assert!(!once.value.is_empty());
            let twice = Identifier::new(&once.kind, &once.value);
            prop_assert_eq!(twice.as_ref(), Some(&once));
        }
    }

    #[test]
    fn what_is_printed_is_parsed_back(identifier in identifier()) {
        let is_source = |name: &str| name == "crm";
        prop_assert_eq!(Identifier::parse(&identifier.to_string(), is_source).unwrap(), identifier);
    }

    #[test]
    fn emails_do_not_depend_on_case_and_space(local in "[a-z0-9.+_-]{1,12}", domain in "[a-z0-9-]{1,8}\\.[a-z]{2,4}") {
        let plain = Identifier::new(KIND_EMAIL, &format!("{local}@{domain}"));
        let shouted = Identifier::new(KIND_EMAIL, &format!("  {}@{} ", local.to_uppercase(), domain.to_uppercase()));
        prop_assert_eq!(plain, shouted);
    }

    #[test]
    fn international_phones_do_not_depend_on_punctuation(number in 200_000_000..999_999_999_u32) {
        let digits = number.to_string();
        let plain = Identifier::new(KIND_PHONE, &format!("+49{digits}"));
        let spaced = Identifier::new(KIND_PHONE, &format!("0049 ({}) {}-{}", &digits[..3], &digits[3..6], &digits[6..]));
        prop_assert_eq!(plain, spaced);
    }

    #[test]
    fn the_owner_is_an_identifier_of_the_record_and_none_is_stronger(identifiers in vec(identifier(), 0..6)) {
        match Record::owner("crm", &identifiers) {
            None => prop_assert!(identifiers.is_empty()),
            Some(owner) => {
                prop_assert!(identifiers.contains(&owner));
                let own_key = owner.kind.starts_with("crm:");
                let best = identifiers.iter().map(|identifier| kind_rank(&identifier.kind)).min();
                prop_assert!(own_key || Some(kind_rank(&owner.kind)) == best);
            }
        }
    }

    #[test]
    fn canonical_text_is_what_sorted_maps_print(text in json_text()) {
        let expected = serde_json::from_str::<Json>(&text).map(|object| serde_json::to_string(&object).unwrap());
        let found = JsonText::of(&text).map(|found| found.as_str().to_owned());
        prop_assert_eq!(found.ok(), expected.ok());
    }

    #[test]
    fn a_record_survives_the_log(record in record()) {
        let value = LogValue::Record(Box::new(record));
        prop_assert_eq!(LogValue::decode(&value.encode()).unwrap(), value);
    }

    #[test]
    fn a_failed_event_survives_the_log(source in "[a-z]{1,8}", message in any::<String>(), payload in vec(any::<u8>(), 0..64),
                                       received_at in timestamp()) {
        let failed = FailedEvent { source, reason: "malformed".to_owned(), message, payload, received_at };
        let value = LogValue::Failed(failed);
        prop_assert_eq!(LogValue::decode(&value.encode()).unwrap(), value);
    }

    #[test]
    fn damaged_log_values_are_errors(mut bytes in record().prop_map(|record| LogValue::Record(Box::new(record)).encode()),
                                     cut in any::<proptest::sample::Index>()) {
        bytes.truncate(cut.index(bytes.len()));
        prop_assert!(LogValue::decode(&bytes).is_err());
    }

    #[test]
    fn the_hash_of_a_record_forgets_how_it_came(record in record(), times in timestamps()) {
        let original_timestamp = record.timestamps.original_timestamp;
        let again = Record { timestamps: Timestamps { original_timestamp, ..times }, ..record.clone() };
        prop_assert_eq!(again.hash(), record.hash());
        let other = Record { message_id: format!("{}x", record.message_id), ..record.clone() };
        prop_assert_ne!(other.hash(), record.hash());
    }

    #[test]
    fn times_are_printed_and_read_back(time in timestamp()) {
        let text = time.to_string();
        prop_assert_eq!(Timestamp::parse(&text), Some(time));
        prop_assert!(text.ends_with('Z') && text.len() == "2026-01-31T12:00:00.000000Z".len(), "{}", text);
    }

    #[test]
    fn a_wrong_client_clock_cancels_out(happened in BELIEVED, wait in 0..86_400_000_000_i64, skew in -300_000_000_000_000..300_000_000_000_000_i64) {
        let received_at = Timestamp(happened + wait);
        let client = |instant: i64| Timestamp(instant + skew);
        let (original, sent) = (client(happened), client(happened + wait));
        prop_assume!(BELIEVED.contains(&original.0) && BELIEVED.contains(&sent.0));
        let (original, sent) = (json!(original.to_string()), json!(sent.to_string()));
        let times = ClientTimes { timestamp: Some(&original), sent_at: Some(&sent), ..ClientTimes::default() };
        let (times, unreadable) = Timestamps::at_edge(times, received_at);
        prop_assert_eq!((times.timestamp, unreadable), (Timestamp(happened), None));
    }

    #[test]
    fn no_client_time_is_ever_outside_what_is_believed(value in json_value(), sent_at in json_value(), received_at in timestamp()) {
        let client = ClientTimes { timestamp: Some(&value), sent_at: Some(&sent_at), ..ClientTimes::default() };
        let (times, _) = Timestamps::at_edge(client, received_at);
        prop_assert!(BELIEVED.contains(&times.timestamp.0));
    }
}
