//! The state: dedupe, resolution and fold do not depend on order.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use support::{apply, apply_in_batches, export, identify, profile, record, shuffled};
use tributary_protocol::{LogValue, Object, Record, RecordKind};
use tributary_state::{Error, Mode, Options, Rule, State, Table};
use uuid::Uuid;

/// Records of a few people with overlapping identifiers, deletes among them.
fn random_records(seed: u64) -> Vec<LogValue> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut records = Vec::new();
    for n in 0..120 {
        let person = rng.random_range(0..12);
        let (user, email) = (format!("u{}", person % 7), format!("p{}@example.com", rng.random_range(0..10)));
        let anonymous = format!("a{}", rng.random_range(0..20));
        let all = [
            ("user_id", user.as_str()),
            ("email", email.as_str()),
            ("anonymous_id", anonymous.as_str()),
            ("phone", "+4930901820"),
        ];
        let some: Vec<(&str, &str)> = all.into_iter().filter(|_| rng.random_bool(0.5)).collect();
        let traits = json!({ "plan": rng.random_range(0..4), "firstName": format!("n{person}"), "gone": null });
        let kind = if rng.random_bool(0.05) { RecordKind::Delete } else { RecordKind::Identify };
        let record = record(&format!("m{n}"), kind, rng.random_range(1000..1060), &some, &traits);
        records.push(LogValue::Record(Box::new(record)));
    }
    records
}

/// Settings under which few user ids make a value generic, and traits have rules in turn.
fn options(seed: u64) -> Options {
    let rules = [Rule::MostRecent, Rule::First, Rule::MostFrequent, Rule::Union, Rule::Min, Rule::Longest];
    let rule = |skip: usize| rules.iter().cycle().nth(usize::try_from(seed).unwrap() + skip).cloned().unwrap();
    let survivorship = BTreeMap::from([("plan".to_owned(), rule(0)), ("first_name".to_owned(), rule(1))]);
    Options { generic_after: 3, survivorship, ..Options::default() }
}

#[test]
fn rows_do_not_depend_on_order_batches_or_repeats() {
    for seed in 0..20 {
        let records = random_records(seed);
        let expected = {
            let state = State::in_memory(options(seed));
            apply(&state, records.clone());
            export(&state)
        };
        for shuffle in 0..10 {
            let mut rng = SmallRng::seed_from_u64(seed * 100 + shuffle);
            let (shuffled, repeats) = shuffled(&records, &mut rng);
            let state = State::in_memory(options(seed));
            assert_eq!(apply_in_batches(&state, shuffled, &mut rng), repeats, "seed {seed}");
            assert_eq!(export(&state), expected, "seed {seed} shuffle {shuffle}");
        }
    }
}

/// More devices and telephones than a node holds within itself, most of them of one of
/// two people, some of both: edges come, grow stronger, and join or not.
#[test]
fn a_person_of_many_devices_and_telephones_is_as_any_other() {
    let user = |n: i64| ["u0", "u1"][usize::from(n % 5 == 0)];
    let seen = |n: i64| {
        let (device, phone) = (format!("d{}", n % 37), format!("+49309018{}", 20 + n % 41));
        let identifiers = [("user_id", user(n)), ("device", device.as_str()), ("phone", phone.as_str())];
        identify(&n.to_string(), n * 7 % 60, &identifiers, &json!({ "plan": n }))
    };
    let records: Vec<LogValue> = (0..120).map(seen).collect();
    let expected = {
        let state = State::in_memory(Options::default());
        apply(&state, records.clone());
        export(&state)
    };
    let identifiers: BTreeSet<&str> =
        expected.0.iter().flat_map(|row| &row.identifiers).map(|known| known.value.as_str()).collect();
    assert_eq!(identifiers.len(), 2 + 37 + 41);
    assert_eq!(expected.1.len(), 2 + 37 + 41, "every identifier has its row");
    for seed in 0..10 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let (shuffled, repeats) = shuffled(&records, &mut rng);
        let state = State::in_memory(Options::default());
        assert_eq!(apply_in_batches(&state, shuffled, &mut rng), repeats, "seed {seed}");
        assert_eq!(export(&state), expected, "seed {seed}");
    }
}

#[test]
fn one_user_id_a_profile_and_old_ids_resolve() {
    let state = State::in_memory(Options::default());
    apply(&state, vec![identify("1", 1, &[("email", "a@b.co")], &json!({ "city": "Ulm" }))]);
    let anonymous = profile(&state, "email", "a@b.co").profile_id;
    let changed =
        apply(&state, vec![identify("2", 2, &[("email", "a@b.co"), ("user_id", "u1")], &json!({ "city": "Bonn" }))]);
    assert_eq!(changed.changes[0].change, "assign");
    let named = profile(&state, "user_id", "u1");
    assert_ne!(named.profile_id, anonymous);
    assert_eq!(state.resolve_id(anonymous).unwrap(), Some(named.profile_id));
    assert_eq!(named.traits["city"], "Bonn");
    assert_eq!(named.provenance["city"].message_id, "2");
    apply(&state, vec![identify("3", 3, &[("email", "a@b.co"), ("user_id", "u2")], &json!({}))]);
    assert_ne!(profile(&state, "user_id", "u2").profile_id, named.profile_id);
    assert_eq!(profile(&state, "email", "a@b.co").profile_id, named.profile_id);
}

#[test]
fn merges_are_history() {
    let state = State::in_memory(Options::default());
    apply(
        &state,
        vec![
            identify("1", 1, &[("user_id", "u1")], &json!({})),
            identify("2", 2, &[("anonymous_id", "a1")], &json!({})),
        ],
    );
    let applied = apply(&state, vec![identify("3", 3, &[("user_id", "u1"), ("anonymous_id", "a1")], &json!({}))]);
    assert_eq!(applied.changes.len(), 1);
    assert_eq!(applied.changes[0].change, "merge");
    assert_eq!(state.outbox().unwrap().len(), 1);
    let sequences: Vec<u64> = state.outbox().unwrap().iter().map(|(sequence, _)| *sequence).collect();
    state.clear_outbox(&sequences).unwrap();
    assert!(state.outbox().unwrap().is_empty());
}

#[test]
fn a_value_that_too_many_share_joins_nothing() {
    let state = State::in_memory(Options::default());
    let shared =
        |n: usize| identify(&n.to_string(), 5, &[("user_id", &format!("u{n}")), ("device", "kiosk")], &json!({}));
    apply(&state, (0..25).map(shared).collect());
    let joined = profile(&state, "device", "kiosk");
    assert_eq!(joined.identifiers.len(), 2);
    apply(&state, vec![shared(25)]);
    assert_eq!(profile(&state, "device", "kiosk").identifiers.len(), 1);
}

#[test]
fn survivorship_and_deletion() {
    let rule = Rule::SourcePriority(vec!["crm".to_owned()]);
    let survivorship = BTreeMap::from([("city".to_owned(), rule)]);
    let state = State::in_memory(Options { survivorship, ..Options::default() });
    let mut crm =
        record("c", RecordKind::Identify, 1, &[("user_id", "u")], &json!({ "city": "Rome", "Lead Status": "new" }));
    crm.source = "crm".to_owned();
    apply(
        &state,
        vec![
            identify("w", 9, &[("user_id", "u")], &json!({ "city": "Oslo", "lead_status": "open" })),
            LogValue::Record(Box::new(crm)),
        ],
    );
    let row = profile(&state, "user_id", "u");
    assert_eq!(row.traits, json!({ "city": "Rome", "lead_status": "open" }).as_object().cloned().unwrap());
    let delete = record("d", RecordKind::Delete, 9, &[("user_id", "u")], &json!({}));
    apply(&state, vec![LogValue::Record(Box::new(delete))]);
    assert_eq!(profile(&state, "user_id", "u").traits["lead_status"], "new");
}

#[test]
fn rules_that_look_at_every_value_see_every_record() {
    let rules = [("city", Rule::MostFrequent), ("tags", Rule::Union), ("email", Rule::VerifiedFirst)];
    let survivorship = rules.map(|(name, rule)| (name.to_owned(), rule)).into();
    let state = State::in_memory(Options { survivorship, ..Options::default() });
    let said = [
        json!({ "city": "Ulm", "tags": ["a"], "email": "old@b.co", "emailVerified": true }),
        json!({ "city": "Ulm", "tags": ["c", "a"], "email": "new@b.co" }),
        json!({ "city": "Bonn", "tags": "b" }),
    ];
    let records = (1..).zip(&said).map(|(n, traits)| identify(&n.to_string(), n, &[("user_id", "u")], traits));
    apply(&state, records.collect());
    let traits = profile(&state, "user_id", "u").traits;
    assert_eq!((&traits["city"], &traits["email"]), (&json!("Ulm"), &json!("old@b.co")));
    assert_eq!(traits["tags"], json!(["a", "b", "c"]));
    let delete = record("d", RecordKind::Delete, 2, &[("user_id", "u")], &json!({}));
    apply(&state, vec![LogValue::Record(Box::new(delete))]);
    let traits = profile(&state, "user_id", "u").traits;
    assert_eq!((&traits["city"], &traits["tags"]), (&json!("Bonn"), &json!(["b"])));
}

#[test]
fn the_newest_snapshot_of_an_object_counts() {
    let state = State::in_memory(Options::default());
    let deal = |message: &str, time: i64, amount: i64| {
        let fields = json!({ "amount": amount }).as_object().cloned().unwrap();
        let object =
            Object { kind: "deals".to_owned(), id: "D1".to_owned(), fields, associations: Vec::new(), deleted: false };
        let bare = record(message, RecordKind::Object, time, &[], &json!({}));
        LogValue::Record(Box::new(Record { object: Some(object), ..bare }))
    };
    apply(&state, vec![deal("new", 9, 2), deal("old", 3, 1)]);
    let (row, _) = state.dirty(Table::Objects)[0];
    assert_eq!(state.object_row(row).unwrap().unwrap().fields["amount"], 2);
}

#[test]
fn the_state_survives_reopening_and_skips_what_it_applied() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("state");
    let log_id = Uuid::from_u128(7);
    let state = State::open(&folder, log_id, Options::default(), None).unwrap();
    assert!(state.is_new());
    apply(&state, random_records(1));
    let (expected, dirty) = (export(&state), state.dirty(Table::Profiles));
    drop(state);
    let state = State::open(&folder, log_id, Options::default(), None).unwrap();
    assert!(!state.is_new());
    assert_eq!(state.position(0).unwrap(), 120);
    let again: Vec<(u64, LogValue)> = (0..).zip(random_records(1)).collect();
    assert!(state.apply(0, 120, again, Mode::Live).unwrap().counted.is_empty());
    assert_eq!(export(&state), expected);
    state.clear_dirty(Table::Profiles, &dirty).unwrap();
    assert!(state.dirty(Table::Profiles).is_empty());
    let ids: BTreeSet<Uuid> = expected.0.iter().map(|row| row.profile_id).collect();
    assert_eq!(ids.len(), expected.0.len());
    drop(state);
    let other = Options { survivorship_default: Rule::First, ..Options::default() };
    assert!(matches!(State::open(&folder, log_id, other, None), Err(Error::OtherRules)));
    assert!(State::open(&folder, Uuid::from_u128(8), Options::default(), None).is_err());
}
