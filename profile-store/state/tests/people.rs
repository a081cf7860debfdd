//! The state with the model that ships: people are found by what their records
//! tell, in whatever order these come, and operators can part and join them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use rand::rngs::SmallRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use support::{apply, export, profile, record};
use tributary_protocol::{Identifier, LogValue, Record, RecordKind, Timestamp};
use tributary_resolve::matching::Model;
use tributary_resolve::matching::explain::Held;
use tributary_state::{Action, Decision, Explained, Identity, Mode, ModelMatcher, Options, State};
use uuid::Uuid;

const GIVEN: [&str; 12] = [
    "Leonora",
    "Bartholomew",
    "Philippa",
    "Casimir",
    "Rosalind",
    "Thaddeus",
    "Ottilie",
    "Ignatius",
    "Marguerite",
    "Cornelius",
    "Henrietta",
    "Leopold",
];
const FAMILY: [&str; 12] = [
    "Featherstone",
    "Achterberg",
    "Kowalewski",
    "Montefiore",
    "Dellacroix",
    "Winterbourne",
    "Szymborska",
    "Oyelaran",
    "Hartigan",
    "Lindqvist",
    "Papadakis",
    "Brackenbury",
];

fn options(identity: Identity) -> Options {
    Options { identity, ..Options::default() }
}

fn matcher() -> Box<ModelMatcher> {
    Box::new(ModelMatcher::new(Model::people().clone(), 0.4, 1).unwrap())
}

fn state() -> State {
    State::in_memory_matching(options(Identity::Probabilistic), matcher())
}

/// What a person would fill in.
fn traits_of(person: usize) -> BTreeMap<&'static str, String> {
    let (given, family) = (GIVEN[person % GIVEN.len()], FAMILY[person / GIVEN.len() % FAMILY.len()]);
    BTreeMap::from([
        ("firstName", given.to_owned()),
        ("lastName", family.to_owned()),
        ("birthday", format!("19{:02}-{:02}-{:02}", 40 + person * 17 % 60, 1 + person * 5 % 12, 1 + person * 11 % 28)),
        ("email", format!("{}.{}{person}@example.com", given.to_lowercase(), family.to_lowercase())),
        ("phone", format!("+4417{:08}", 10_000_000 + person * 7919)),
        ("street", format!("{} {} Street", 1 + person % 90, FAMILY[(person * 5) % FAMILY.len()])),
        ("city", "Hereford".to_owned()),
        ("postalCode", format!("HR{} {}BB", 1 + person % 9, person % 10)),
    ])
}

/// Records of people: contacts of a CRM, users of a site, visits without a key;
/// some values left out, some mistyped.
fn records(seed: u64, people: usize) -> Vec<LogValue> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut records = Vec::new();
    for person in 0..people {
        for copy in 0..rng.random_range(1..4) {
            let mut traits: serde_json::Map<String, Value> = traits_of(person)
                .into_iter()
                .filter(|_| rng.random_bool(0.8))
                .map(|(name, value)| (name.to_owned(), Value::String(value)))
                .collect();
            if let Some(Value::String(family)) = traits.get_mut("lastName")
                && rng.random_bool(0.2)
            {
                family.remove(3);
            }
            let (source, key) = match rng.random_range(0..3) {
                0 => ("crm", ("crm:contacts", format!("c{person}-{copy}"))),
                1 => ("web", ("user_id", format!("u{person}"))),
                _ => ("web", ("anonymous_id", format!("a{person}-{copy}"))),
            };
            let identifiers = [(key.0, key.1.as_str())];
            let id = format!("m{person}-{copy}");
            let time = rng.random_range(1000..2000);
            let mut record = record(&id, RecordKind::Identify, time, &identifiers, &Value::Object(traits));
            source.clone_into(&mut record.source);
            record.node = Record::owner(source, &record.identifiers);
            records.push(LogValue::Record(Box::new(record)));
        }
    }
    records.shuffle(&mut rng);
    records
}

#[test]
fn profiles_do_not_depend_on_order_and_a_state_made_again_is_the_same() {
    let records = records(1, 140);
    let expected = {
        let state = state();
        apply(&state, records.clone());
        export(&state)
    };
    assert!((120..160).contains(&expected.0.len()), "{} profiles of 140 people", expected.0.len());
    for shuffle in 0..4 {
        let mut rng = SmallRng::seed_from_u64(shuffle);
        let mut shuffled = records.clone();
        shuffled.extend((0..20).map(|_| records.choose(&mut rng).unwrap().clone()));
        shuffled.shuffle(&mut rng);
        let state = state();
        for batch in shuffled.chunks(rng.random_range(1..40)) {
            apply(&state, batch.to_vec());
        }
        assert_eq!(export(&state), expected, "shuffle {shuffle}");
    }
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("state");
    let open = || State::open(&folder, Uuid::nil(), options(Identity::Probabilistic), Some(matcher())).unwrap();
    let (made_again, count) = (open(), records.len() as u64);
    made_again.apply(0, count, (0..).zip(records).collect(), Mode::Rebuild).unwrap();
    drop(made_again);
    assert_eq!(export(&open()), expected);
}

fn contact(id: &str, traits: &Value) -> LogValue {
    let mut record = record(id, RecordKind::Identify, 1, &[("crm:contacts", id)], traits);
    "crm".clone_into(&mut record.source);
    record.node = Record::owner("crm", &record.identifiers);
    LogValue::Record(Box::new(record))
}

#[test]
fn what_the_model_joined_an_operator_parts_and_what_it_left_one_joins() {
    let state = state();
    let whole = traits_of(7);
    let known: BTreeMap<&str, &String> =
        whole.iter().filter(|(name, _)| **name != "street").map(|(name, value)| (*name, value)).collect();
    apply(&state, vec![contact("1", &json!(whole)), contact("2", &json!(known)), contact("3", &json!(traits_of(20)))]);
    let of = |id: &str| profile(&state, "crm:contacts", id).profile_id;
    let item = |id: &str| state.items_of(&Identifier::new("crm:contacts", id).unwrap()).unwrap()[0].id;
    assert!(of("1") == of("2") && of("1") != of("3"));
    let explained = |other: &str| state.explain(item("1"), item(other)).unwrap().unwrap();
    assert!(matches!(explained("2"), Explained::Together(path) if path.steps.len() == 1));
    assert!(matches!(explained("3"), Explained::Apart(_)) && !explained("3").to_text().is_empty());
    assert_eq!(state.how(of("1")).unwrap().unwrap().merges.len(), 1);
    let before = export(&state);
    let parts = Action::NeverTogether { one: vec![item("1")], other: vec![item("2")] };
    let joins = Action::Assert { one: item("1"), other: item("3") };
    for (id, action, (same, joined)) in [("d1", parts, (false, false)), ("d2", joins, (true, true))] {
        let decision = Decision { id: id.into(), action, author: "ada".into(), reason: "known".into(), made_at: 1 };
        let told = |undone, at| LogValue::Record(Box::new(decision.record(undone, Timestamp(at))));
        let foreseen = state.preview(told(false, 2)).unwrap();
        assert_eq!(export(&state), before, "a preview changes nothing");
        assert_eq!(apply(&state, vec![told(false, 2)]).changes, foreseen);
        assert_eq!((of("1") == of("2"), of("1") == of("3")), (same, joined), "{id}");
        apply(&state, vec![told(true, 3)]);
        assert_eq!(export(&state), before, "{id} undone");
    }
}

fn decided(state: &State, id: &str, action: Action) {
    let decision = Decision { id: id.into(), action, author: "ada".into(), reason: "she called".into(), made_at: 1 };
    apply(state, vec![LogValue::Record(Box::new(decision.record(false, Timestamp(2))))]);
}

#[test]
fn explanations_go_by_what_operators_decided() {
    let state = state();
    let (whole, mut visit) = (traits_of(7), traits_of(7));
    visit.retain(|name, _| ["firstName", "lastName", "phone"].contains(name));
    apply(&state, vec![contact("1", &json!(whole)), contact("2", &json!(visit)), contact("3", &json!(traits_of(20)))]);
    let item = |id: &str| state.items_of(&Identifier::new("crm:contacts", id).unwrap()).unwrap()[0].id;
    let explained = |one: &str, other: &str| state.explain(item(one), item(other)).unwrap().unwrap();

    let asserted = Action::Assert { one: item("1"), other: item("3") };
    decided(&state, "d1", asserted);
    let Explained::Together(path) = explained("3", "1") else { panic!("apart") };
    assert_eq!(path.weakest, None, "no evidence is asked for");
    assert!(path.to_text(false).contains("joined by decision d1 by ada: she called"), "{}", path.to_text(false));
    let how = state.how(profile(&state, "crm:contacts", "1").profile_id).unwrap().unwrap();
    assert_eq!((how.groups.len(), how.joined.len(), how.merges.len()), (1, 1, 1));
    assert!(!how.to_text(false).contains("would be apart"), "{}", how.to_text(false));

    let Explained::Together(path) = explained("1", "2") else { panic!("apart") };
    let before = path.weakest.unwrap();
    let taken = Action::Detach { item: item("2"), field: "phone".into(), value: whole["phone"].clone() };
    decided(&state, "d2", taken);
    let after = match explained("1", "2") {
        Explained::Together(path) => path.weakest.unwrap(),
        Explained::Apart(why_not) => why_not.pair.match_weight,
    };
    assert!(after.0 < before.0 - 256, "{before:?} {after:?}");
}

#[test]
fn a_source_that_holds_nobody_twice_is_named_as_what_keeps_two_apart() {
    let unique_sources = ["crm".to_owned()].into();
    let state = State::in_memory_matching(Options { unique_sources, ..options(Identity::Probabilistic) }, matcher());
    apply(&state, vec![contact("1", &json!(traits_of(7))), contact("2", &json!(traits_of(7)))]);
    let item = |id: &str| state.items_of(&Identifier::new("crm:contacts", id).unwrap()).unwrap()[0].id;
    let Explained::Apart(why_not) = state.explain(item("1"), item("2")).unwrap().unwrap() else {
        panic!("one profile")
    };
    let limit = "crm holds nobody twice: crm:contacts:1 and crm:contacts:2".to_owned();
    assert_eq!(why_not.held, [Held::Limit { limit }]);
}

#[test]
fn a_search_finds_who_it_is_about_and_keeps_nothing() {
    let state = state();
    apply(&state, records(2, 60));
    let before = export(&state);
    let wanted: BTreeMap<String, Value> = ["firstName", "lastName", "birthday"]
        .into_iter()
        .map(|name| (name.to_owned(), json!(traits_of(11)[name])))
        .collect();
    let found = state.search(&wanted).unwrap();
    assert!(
        found.first().is_some_and(|best| best.item.values["given_name"] == ["Ignatius"] || best.match_weight > 0.0)
    );
    assert_eq!(export(&state), before);
    let asked = BTreeMap::from([("phone".to_owned(), json!("+441790000000")), ("shoe".to_owned(), json!(44))]);
    assert_eq!(state.not_compared(&asked), ["shoe"]);
    for (field, known) in [("user_id", true), ("birth_date", true), ("crm:contacts", true), ("phon", false)] {
        assert_eq!(state.knows_field(field, "1").unwrap(), known, "{field}");
    }
    assert_eq!(state.forecast(matcher()).unwrap().merges, 0, "the same model changes nothing");
}
