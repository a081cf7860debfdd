//! The state with a matcher: which records are one person is a function of
//! the records, whatever their order, batches and repeats.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use rand::rngs::SmallRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde_json::json;
use support::{SameEmail, apply, apply_in_batches, export, identify, profile, record, shuffled};
use tributary_protocol::{Identifier, LogValue, RecordKind, Timestamp};
use tributary_state::{Action, Decision, Identity, ItemId, Mode, Options, State};
use uuid::Uuid;

fn options(identity: Identity) -> Options {
    Options { identity, generic_after: 3, ..Options::default() }
}

fn probabilistic() -> State {
    State::in_memory_matching(options(Identity::Probabilistic), Box::new(SameEmail::default()))
}

/// Records of a few people, with and without keys, deletes among them.
fn random_records(seed: u64) -> Vec<LogValue> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut records = Vec::new();
    for n in 0..120 {
        let person = rng.random_range(0..12);
        let texts = [
            ("user_id", format!("u{}", person % 7)),
            ("crm:contacts", format!("c{}", rng.random_range(0..9))),
            ("email", format!("p{}@example.com", rng.random_range(0..10))),
            ("anonymous_id", format!("a{}", rng.random_range(0..20))),
            ("loyalty_id", format!("l{}", rng.random_range(0..5))),
            ("phone", "+4930901820".to_owned()),
        ];
        let some: Vec<(&str, &str)> = texts
            .iter()
            .filter(|(kind, _)| rng.random_bool(if matches!(*kind, "loyalty_id" | "user_id") { 0.2 } else { 0.4 }))
            .map(|(kind, value)| (*kind, value.as_str()))
            .collect();
        let kind = match rng.random_range(0..10) {
            0 => RecordKind::Delete,
            1..4 => RecordKind::Track,
            _ => RecordKind::Identify,
        };
        let traits = json!({ "firstName": format!("n{}", rng.random_range(0..4)), "city": "Ulm" });
        let mut record = record(&format!("m{n}"), kind, rng.random_range(1000..1060), &some, &traits);
        if some.iter().any(|(kind, _)| *kind == "crm:contacts") {
            "crm".clone_into(&mut record.source);
            record.node = tributary_protocol::Record::owner("crm", &record.identifiers);
        }
        records.push(LogValue::Record(Box::new(record)));
    }
    records
}

#[test]
fn profiles_do_not_depend_on_order_batches_or_repeats() {
    for seed in 0..20 {
        let records = random_records(seed);
        let expected = {
            let state = probabilistic();
            apply(&state, records.clone());
            export(&state)
        };
        for shuffle in 0..10 {
            let mut rng = SmallRng::seed_from_u64(seed * 100 + shuffle);
            let (shuffled, _) = shuffled(&records, &mut rng);
            let state = probabilistic();
            apply_in_batches(&state, shuffled, &mut rng);
            assert_eq!(export(&state), expected, "seed {seed} shuffle {shuffle}");
        }
    }
}

#[test]
fn a_state_made_again_is_the_same() {
    for seed in 0..5 {
        let records = random_records(seed);
        let live = probabilistic();
        for batch in records.chunks(7) {
            apply(&live, batch.to_vec());
        }
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("state");
        let open = || {
            let matcher = Box::new(SameEmail::default());
            State::open(&folder, Uuid::nil(), options(Identity::Probabilistic), Some(matcher)).unwrap()
        };
        let made_again = open();
        let values = (0..).zip(records).collect();
        made_again.apply(0, 120, values, Mode::Rebuild).unwrap();
        drop(made_again);
        let made_again = open();
        assert_eq!(export(&made_again), export(&live), "seed {seed}");
        assert!(made_again.outbox().unwrap().is_empty());
        drop(made_again);
        assert_eq!(export(&open()), export(&live), "seed {seed}, opened again");
    }
}

#[test]
fn records_without_a_common_identifier_that_match_are_one_profile() {
    let state = probabilistic();
    apply(
        &state,
        vec![
            identify("1", 1, &[("anonymous_id", "a1")], &json!({})),
            identify("2", 2, &[("user_id", "u1")], &json!({ "email": "jane@example.com", "city": "Ulm" })),
        ],
    );
    let lone = profile(&state, "anonymous_id", "a1").profile_id;
    let applied = apply(
        &state,
        vec![identify("3", 3, &[("anonymous_id", "a1"), ("email", "jane@example.com")], &json!({ "plan": "pro" }))],
    );
    assert_eq!(applied.changes, [], "the set of both is new and was nobody's");
    let jane = profile(&state, "user_id", "u1");
    assert_eq!(profile(&state, "email", "jane@example.com").profile_id, jane.profile_id);
    assert_eq!((&jane.traits["city"], &jane.traits["plan"]), (&json!("Ulm"), &json!("pro")));
    assert_eq!(profile(&state, "anonymous_id", "a1").profile_id, lone, "the double matches emails only");
}

#[test]
fn a_merge_by_contents_is_history_and_a_deletion_undoes_it() {
    let state = probabilistic();
    let contact = |id: &str, message: &str, kind, time| {
        let mut record =
            record(message, kind, time, &[("crm:contacts", id)], &json!({ "email": "j@example.com", "city": id }));
        "crm".clone_into(&mut record.source);
        record.node = tributary_protocol::Record::owner("crm", &record.identifiers);
        LogValue::Record(Box::new(record))
    };
    apply(&state, vec![contact("1", "1", RecordKind::Identify, 1)]);
    let first = profile(&state, "crm:contacts", "1");
    let merged = apply(&state, vec![contact("2", "2", RecordKind::Identify, 2)]);
    assert_eq!(merged.changes, [], "a new record joins a profile without a change of ids");
    assert_eq!(profile(&state, "crm:contacts", "2").profile_id, first.profile_id);
    let parted = apply(&state, vec![contact("2", "3", RecordKind::Delete, 3)]);
    assert_eq!(parted.changes.iter().map(|change| change.change.as_str()).collect::<Vec<_>>(), ["split"]);
    assert_eq!(parted.changes[0].cause, "matched");
    assert_eq!(profile(&state, "crm:contacts", "1"), first);
}

#[test]
fn observed_matches_are_only_suggested() {
    let observing = State::in_memory_matching(options(Identity::Observe), Box::new(SameEmail::default()));
    let deterministic = State::in_memory(options(Identity::Deterministic));
    for seed in 0..5 {
        for batch in random_records(seed).chunks(11) {
            apply(&observing, batch.to_vec());
            apply(&deterministic, batch.to_vec());
        }
    }
    assert_eq!(export(&observing), export(&deterministic));
}

fn contact(id: &str, message: &str, more: &[(&str, &str)], traits: &serde_json::Value) -> LogValue {
    let identifiers: Vec<(&str, &str)> = [("crm:contacts", id)].into_iter().chain(more.iter().copied()).collect();
    let mut record = record(message, RecordKind::Identify, 1, &identifiers, traits);
    "crm".clone_into(&mut record.source);
    record.node = tributary_protocol::Record::owner("crm", &record.identifiers);
    LogValue::Record(Box::new(record))
}

fn items(state: &State, kind: &str, value: &str) -> Vec<ItemId> {
    state.items_of(&Identifier::new(kind, value).unwrap()).unwrap().iter().map(|item| item.id).collect()
}

fn decision(id: &str, action: Action) -> Decision {
    let (author, reason) = ("ada".to_owned(), "known to be so".to_owned());
    Decision { id: id.to_owned(), action, author, reason, made_at: 5_000_000 }
}

fn decide(state: &State, decision: &Decision, undone: bool) -> Vec<tributary_state::ProfileChange> {
    let at = Timestamp(decision.made_at + i64::from(undone) * 1_000_000);
    let value = LogValue::Record(Box::new(decision.record(undone, at)));
    let foreseen = state.preview(value.clone()).unwrap();
    let applied = apply(state, vec![value]);
    assert_eq!(foreseen, applied.changes, "a preview is what happens");
    foreseen
}

/// Two contacts that share a user id and an email, and one that shares the email only.
fn three_contacts() -> Vec<LogValue> {
    let email = json!({ "email": "j@example.com" });
    vec![
        contact("1", "1", &[("user_id", "u1")], &email),
        contact("2", "2", &[("user_id", "u1")], &email),
        contact("3", "3", &[], &email),
    ]
}

#[test]
fn what_an_item_does_not_hold_is_told_from_what_it_holds() {
    let state = probabilistic();
    apply(&state, three_contacts());
    let first = items(&state, "crm:contacts", "1")[0];
    let check = |field: &str, value: &str, expected: Option<&[&str]>| {
        let instead = state.held_instead(first, field, value).unwrap();
        let instead = instead.as_ref().map(|held| held.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(instead.as_deref(), expected, "{field} {value:?}");
    };
    check("email", "j@example.com", None);
    check("email", " J@Example.COM ", None);
    check("email", "k@example.com", Some(&["j@example.com"]));
    check("user_id", "u1", None);
    check("user_id", "u2", Some(&["u1"]));
    check("crm:contacts", "1", Some(&[]));
}

#[test]
fn every_decision_takes_effect_and_its_undo_restores() {
    let state = probabilistic();
    apply(&state, three_contacts());
    let before = export(&state);
    let profile_of = |id: &str| profile(&state, "crm:contacts", id).profile_id;
    assert!(profile_of("1") == profile_of("2") && profile_of("2") == profile_of("3"));
    let of = |id: &str| items(&state, "crm:contacts", id);
    let field = |field: &str, value: &str| (field.to_owned(), value.to_owned());
    let ((user, u1), (email, address)) = (field("user_id", "u1"), field("email", "j@example.com"));
    let cases = [
        (Action::NeverTogether { one: of("1"), other: of("3") }, (true, false)),
        (Action::NeverTogether { one: of("1"), other: [of("2"), of("3")].concat() }, (false, false)),
        (Action::Detach { item: of("3")[0], field: email.clone(), value: address.clone() }, (true, false)),
        (Action::Detach { item: of("2")[0], field: user.clone(), value: u1.clone() }, (true, true)),
        (Action::Generic { field: email, value: address }, (true, false)),
        (Action::Generic { field: user, value: u1 }, (true, true)),
    ];
    for (number, (action, (with_second, with_third))) in cases.into_iter().enumerate() {
        let decision = decision(&format!("d{number}"), action);
        decide(&state, &decision, false);
        assert_eq!(state.decisions(), std::slice::from_ref(&decision));
        let together = (profile_of("1") == profile_of("2"), profile_of("1") == profile_of("3"));
        assert_eq!(together, (with_second, with_third), "{:?}", decision.action);
        decide(&state, &decision, true);
        assert_eq!(state.decisions(), []);
        assert_eq!(export(&state), before, "{:?}", decision.action);
    }
}

#[test]
fn decisions_do_not_depend_on_order() {
    let known = probabilistic();
    apply(&known, three_contacts());
    let of = |id: &str| items(&known, "crm:contacts", id);
    let made = [
        decision("a", Action::NeverTogether { one: of("1"), other: of("2") }),
        decision("b", Action::NeverTogether { one: of("1"), other: of("3") }),
        decision("c", Action::Detach { item: of("3")[0], field: "email".into(), value: "j@example.com".into() }),
    ];
    let told = |decision: &Decision, undone: bool| {
        let at = Timestamp(decision.made_at + i64::from(undone) * 1_000_000);
        LogValue::Record(Box::new(decision.record(undone, at)))
    };
    let mut values = three_contacts();
    values.extend(made.iter().map(|decision| told(decision, false)));
    values.push(told(&made[2], true));
    apply(&known, values[3..].to_vec());
    let expected = export(&known);
    for seed in 0..50 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut shuffled = values.clone();
        shuffled.shuffle(&mut rng);
        let state = probabilistic();
        apply_in_batches(&state, shuffled, &mut rng);
        assert_eq!(export(&state), expected, "seed {seed}");
        assert_eq!(state.decisions(), known.decisions(), "seed {seed}");
    }
}

#[test]
fn a_detached_or_generic_exclusive_identifier_joins_nothing() {
    let state = probabilistic();
    let contacts = ["1", "2"].map(|id| contact(id, id, &[("user_id", "u1")], &json!({})));
    apply(&state, contacts.to_vec());
    let before = export(&state);
    let second = items(&state, "crm:contacts", "2")[0];
    let (field, value) = ("user_id".to_owned(), "u1".to_owned());
    let detach = Action::Detach { item: second, field: field.clone(), value: value.clone() };
    for (id, action, profiles) in [("d1", detach, 2), ("d2", Action::Generic { field, value }, 3)] {
        let decision = decision(id, action);
        decide(&state, &decision, false);
        assert_eq!(export(&state).0.len(), profiles, "{:?}", decision.action);
        decide(&state, &decision, true);
        assert_eq!(export(&state), before);
    }
}
