//! Labels: what answers about one half of a set do for the other half.

#![allow(clippy::unwrap_used, reason = "tests")]

mod shared;

use shared::{Rows, quality};
use tributary_resolve::matching::{Error, Label, Model, Options, Pair, Refinement, Table, choose, record_hash, run};

const HIDDEN: [&str; 2] = ["unique_id", "cluster"];

/// The rows of fake_1000 whose person falls in one half.
fn half(which: u64) -> Rows {
    let rows = Rows::read("fake_1000.csv");
    let kept = rows.rows.iter().filter(|row| record_hash(&format!("half {}", row[6])) & 1 == which).cloned();
    Rows { rows: kept.collect(), header: rows.header }
}

/// A model of one half, and answers to `count` questions about its pairs.
fn labelled(count: usize) -> (Table, Model, Vec<Label>) {
    let rows = half(0);
    let table = rows.table(&HIDDEN);
    let outcome = run(table.clone(), &Options::default()).unwrap();
    let people = rows.column("cluster");
    let answer = |pair: &Pair| {
        let (one, other) = (pair.one as usize, pair.other as usize);
        Label { one: table.records[one], other: table.records[other], is_match: people[one] == people[other] }
    };
    let labels = choose(&outcome, &[], count, 3).iter().map(answer).collect();
    (table, outcome.model.unwrap(), labels)
}

fn refined(table: &Table, model: &Model, labels: Vec<Label>, threads: usize) -> Model {
    let options = Options { model: Some(model.clone()), labels, threads, ..Options::default() };
    run(table.clone(), &options).unwrap().model.unwrap()
}

#[test]
fn answers_about_one_half_do_not_harm_the_other() {
    let (table, model, labels) = labelled(400);
    let rows = half(1);
    let f1 = |model: &Model| {
        let outcome = run(rows.table(&HIDDEN), &Options { model: Some(model.clone()), ..Options::default() }).unwrap();
        quality(&outcome.clusters, &rows.column("cluster")).2
    };
    let refined = refined(&table, &model, labels, 2);
    let (before, after) = (f1(&model), f1(&refined));
    assert!(after >= before - 0.005, "{before} {after} {:?}", refined.refinement);
}

#[test]
fn answers_that_turn_the_model_around_are_believed() {
    let (table, model, mut labels) = labelled(300);
    for label in &mut labels {
        label.is_match = record_hash(&format!("{} {}", label.one, label.other)) & 1 == 0;
    }
    let refinement = refined(&table, &model, labels, 1).refinement.unwrap();
    assert!(refinement.loss_before > 3.0 && refinement.loss_after < 1.3, "{refinement:?}");
}

#[test]
fn order_ways_round_and_threads_change_nothing_and_the_model_is_kept_whole() {
    let (table, model, labels) = labelled(300);
    let expected = refined(&table, &model, labels.clone(), 1);
    let text = expected.to_json().unwrap();
    assert_eq!(Model::from_json(&text).unwrap(), expected);
    let turned = |label: &Label| Label { one: label.other, other: label.one, ..*label };
    let other: Vec<Label> = labels.iter().rev().map(turned).chain(labels.clone()).collect();
    assert_eq!(refined(&table, &model, other, 2).to_json().unwrap(), text);
}

#[test]
fn labels_that_say_nothing_are_left_out() {
    let (table, model, labels) = labelled(200);
    let expected = refined(&table, &model, labels.clone(), 1);
    let own = table.records[0];
    let nowhere = Label { one: own, other: 12345, is_match: true };
    let itself = Label { one: own, other: own, is_match: false };
    let more = labels.iter().copied().chain([nowhere, itself]).collect();
    assert_eq!(refined(&table, &model, more, 1), expected);
    let both_ways = labels.iter().flat_map(|label| [*label, Label { is_match: !label.is_match, ..*label }]).collect();
    assert_eq!(refined(&table, &model, both_ways, 1).refinement, None::<Refinement>);
}

#[test]
fn a_damaged_refinement_is_named() {
    let (table, model, mut labels) = labelled(300);
    for label in &mut labels {
        label.is_match = record_hash(&label.one.to_string()) & 1 == 0;
    }
    let text = refined(&table, &model, labels, 1).to_json().unwrap();
    let damaged = text.replacen("\"scale\":", "\"scale\":-", 1);
    assert!(matches!(Model::from_json(&damaged), Err(Error::ModelDamaged { part: "refinement" })));
}
