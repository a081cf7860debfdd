//! Explanations of the records of a set against what a run did with them.

#![allow(clippy::unwrap_used, reason = "tests")]
#![allow(clippy::cast_possible_truncation, reason = "counts of rows are small")]

mod shared;

use shared::Rows;
use std::time::{Duration, Instant};
use tributary_resolve::matching::explain::{Counterfactual, Held, Items, Query, Situation};
use tributary_resolve::matching::{Cut, Model, Options, Outcome, run};

const HIDDEN: [&str; 2] = ["unique_id", "cluster"];

/// The set, what a run made of it, and its model.
fn known() -> (Rows, Outcome, Model) {
    let rows = Rows::read("fake_1000.csv");
    let outcome = run(rows.table(&HIDDEN), &Options::default()).unwrap();
    let model = outcome.model.clone().unwrap();
    (rows, outcome, model)
}

fn items<'m>(rows: &Rows, outcome: &Outcome, model: &'m Model) -> Items<'m> {
    let names = (0..rows.rows.len()).map(|row| row.to_string()).collect();
    Items::of_table(model, Cut::default(), rows.table(&HIDDEN), &outcome.recognised, names).unwrap()
}

fn clusters(outcome: &Outcome) -> Vec<Vec<u32>> {
    let rows: Vec<u32> = (0..outcome.clusters.len() as u32).collect();
    outcome.groups(&rows)
}

#[test]
fn every_scored_pair_is_explained_to_the_last_bit_either_way() {
    let (rows, outcome, model) = known();
    let items = items(&rows, &outcome, &model);
    let mut times: Vec<Duration> = Vec::new();
    for pair in outcome.pairs.iter().step_by(7) {
        let started = Instant::now();
        let explained = items.pair(pair.one, pair.other);
        times.push(started.elapsed());
        assert_eq!(explained.match_weight.0, pair.score.weight, "{explained:?}");
        let parts: i32 = explained.contributions.iter().map(|part| part.match_weight.0).sum();
        assert_eq!(explained.prior.0 + parts, pair.score.weight);
        let shares: f64 = explained.classes.iter().map(|share| share.probability).sum();
        assert!((shares - 1.0).abs() < 1e-9, "{shares}");
        let mut turned = items.pair(pair.other, pair.one);
        assert_eq!(turned.contributions, explained.contributions);
        turned.comparisons.iter_mut().for_each(|comparison| comparison.values.reverse());
        assert_eq!(turned.comparisons, explained.comparisons);
        let json: serde_json::Value = serde_json::to_value(&explained).unwrap();
        let sum: f64 =
            json["contributions"].as_array().unwrap().iter().map(|part| part["match_weight"].as_f64().unwrap()).sum();
        assert!((json["prior"].as_f64().unwrap() + sum - json["match_weight"].as_f64().unwrap()).abs() < 1e-12);
    }
    times.sort_unstable();
    let p99 = times[times.len() * 99 / 100];
    println!("{} explanations, median {:?}, p99 {p99:?}", times.len(), times[times.len() / 2]);
    assert!(p99 < Duration::from_millis(50), "{p99:?}");
}

#[test]
fn the_history_of_every_profile_ends_in_that_profile() {
    let (rows, outcome, model) = known();
    let items = items(&rows, &outcome, &model);
    for members in clusters(&outcome).iter().filter(|members| members.len() > 1) {
        let history = items.how(members);
        assert_eq!(history.groups.len(), 1, "{history:?}");
        assert_eq!(history.merges.len(), members.len() - 1);
        assert!(history.merges.iter().all(|merge| merge.mean_probability >= 0.4 - 1e-4));
        assert!((0.0..=1.0).contains(&history.density));
        let path = items.path(members, members[0], members[members.len() - 1]);
        assert!(!path.steps.is_empty());
        let text = history.to_text(false) + &path.to_text(false);
        assert!(text.chars().all(|character| character == '\n' || !character.is_control()), "{text:?}");
    }
}

#[test]
fn every_pair_of_two_profiles_is_held_apart_by_something() {
    let (rows, outcome, model) = known();
    let items = items(&rows, &outcome, &model);
    let clusters = clusters(&outcome);
    let of = |row: u32| clusters.iter().find(|members| members.contains(&row)).unwrap();
    let apart = outcome
        .pairs
        .iter()
        .filter(|pair| outcome.clusters[pair.one as usize] != outcome.clusters[pair.other as usize]);
    let mut seen = 0;
    for pair in apart.step_by(50) {
        let situation = Situation { candidate: Some(true), ..Situation::default() };
        let why = items.why_not((pair.one, pair.other), [of(pair.one), of(pair.other)], &situation);
        assert!(!why.held.contains(&Held::TooLarge), "{why:?}");
        assert!(why.mean_probability < 0.4);
        if !why.pair.reaches_cut {
            assert!(!matches!(why.pair.counterfactual, Counterfactual::Without { .. }));
        }
        assert!(why.to_text(false).contains("two profiles"));
        seen += 1;
    }
    assert!(seen > 10, "{seen}");
}

#[test]
fn keys_two_records_share_are_named_and_counted() {
    let (rows, outcome, model) = known();
    let items = items(&rows, &outcome, &model);
    for pair in outcome.pairs.iter().step_by(600) {
        let shared = items.shared_keys(pair.one, pair.other);
        assert!(shared.iter().any(|key| key.open), "a candidate shares an open key: {shared:?}");
        assert!(shared.iter().all(|key| key.carriers >= 2 && key.open == (key.carriers <= 40)), "{shared:?}");
        assert_eq!(shared, items.shared_keys(pair.other, pair.one));
    }
}

#[test]
fn a_description_finds_the_records_it_was_taken_from() {
    let (rows, outcome, model) = known();
    let place = |name: &str| rows.header.iter().position(|column| column == name).unwrap();
    let mut items = items(&rows, &outcome, &model);
    let (mut asked, mut first) = (0, 0);
    for (row, texts) in rows.rows.iter().enumerate().step_by(40) {
        let told = ["first_name", "surname", "dob"].map(|name| (name, texts[place(name)].as_str()));
        if told.iter().any(|(_, text)| text.is_empty()) {
            continue;
        }
        let query = Query::new(&model, told);
        assert_eq!(query.unknown, Vec::<String>::new());
        let place = items.push(&query.view());
        let found = items.search(place, 5);
        asked += 1;
        first += usize::from(found.iter().any(|found| found.name == row.to_string()));
        assert!(found.windows(2).all(|two| two[0].match_weight >= two[1].match_weight));
    }
    assert!(first * 10 >= asked * 9 && asked > 5, "{first} of {asked}");
}
