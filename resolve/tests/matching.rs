//! Matching as a whole: known sets, order, threads, and files nobody would
//! want to be given.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "counts of rows are small"
)]

mod shared;

use rand::{Rng as _, SeedableRng as _, rngs::SmallRng, seq::SliceRandom as _};
use shared::{Rows, quality};
use std::collections::{HashMap, HashSet};
use tributary_resolve::matching::{Error, Ignored, Model, Options, Outcome, Role, Rules, Table, record_hash, run};

fn matched(table: Table) -> Outcome {
    run(table, &Options::default()).unwrap()
}

#[test]
fn febrl3_is_found_as_good_as_whole() {
    let rows = Rows::read("febrl3.csv").shuffled(1);
    let outcome = matched(rows.table(&["rec_id"]));
    let people: Vec<String> =
        rows.column("rec_id").iter().map(|id| id.splitn(3, '-').take(2).collect::<Vec<_>>().join("-")).collect();
    let truths: Vec<&str> = people.iter().map(String::as_str).collect();
    let (precision, recall, f1, largest) = quality(&outcome.clusters, &truths);
    assert!(f1 >= 0.999, "precision {precision} recall {recall} F1 {f1} largest {largest}");
}

#[test]
fn fake_1000_is_found_without_set_up() {
    let rows = Rows::read("fake_1000.csv").shuffled(2);
    let outcome = matched(rows.table(&["unique_id", "cluster"]));
    let (precision, recall, f1, largest) = quality(&outcome.clusters, &rows.column("cluster"));
    assert!(f1 >= 0.96, "precision {precision} recall {recall} F1 {f1} largest {largest}");
}

#[test]
fn order_and_threads_change_nothing() {
    let rows = Rows::read("fake_1000.csv");
    let base = rows.table(&["unique_id", "cluster"]);
    let expected = matched(base.clone());
    for seed in 0..4 {
        let mut order: Vec<usize> = (0..base.records.len()).collect();
        order.shuffle(&mut SmallRng::seed_from_u64(seed));
        let mut table = base.clone();
        table.records = order.iter().map(|&row| base.records[row]).collect();
        for column in &mut table.columns {
            column.codes = order.iter().map(|&row| column.codes[row]).collect();
        }
        table.columns.reverse();
        let options = Options { threads: 1 + seed as usize, ..Options::default() };
        let outcome = run(table, &options).unwrap();
        assert_eq!(outcome.model, expected.model, "seed {seed}");
        let renamed: Vec<usize> = outcome.clusters.iter().map(|&cluster| order[cluster as usize]).collect();
        let wanted: Vec<usize> = order.iter().map(|&row| expected.clusters[row] as usize).collect();
        assert_eq!(renamed, wanted, "seed {seed}");
    }
}

#[test]
fn a_model_kept_as_json_gives_the_same_clusters() {
    let rows = Rows::read("fake_1000.csv");
    let trained = matched(rows.table(&["unique_id", "cluster"]));
    let text = trained.model.as_ref().unwrap().to_json().unwrap();
    let options = Options { model: Some(Model::from_json(&text).unwrap()), ..Options::default() };
    let again = run(rows.table(&["unique_id", "cluster"]), &options).unwrap();
    assert_eq!((again.clusters, again.pairs), (trained.clusters, trained.pairs));
}

#[test]
fn only_pairs_that_the_rules_given_propose_are_looked_at() {
    let rows = Rows::read("fake_1000.csv");
    let found = |keys: &[Vec<&str>]| {
        let options = Options { rules: Some(Rules::new(keys).unwrap()), ..Options::default() };
        let outcome = run(rows.table(&["unique_id", "cluster"]), &options).unwrap();
        assert_eq!(Some(outcome.model.unwrap().rules), options.rules);
        outcome.pairs.iter().map(|pair| (pair.one, pair.other)).collect::<Vec<_>>()
    };
    let (by_email, by_date) = (found(&[vec!["email"]]), found(&[vec!["birth_date"]]));
    for (pairs, others, name) in [(&by_email, &by_date, "email"), (&by_date, &by_email, "dob")] {
        let texts = rows.column(name);
        let share = |&(one, other): &(u32, u32)| texts[one as usize].eq_ignore_ascii_case(texts[other as usize]);
        assert!(pairs.len() > 100 && pairs.iter().all(share), "{name}");
        assert!(pairs.iter().any(|pair| !others.contains(pair)), "{name} finds none that the other does not");
    }
    assert!(found(&[vec!["phone"]]).is_empty(), "no record has a phone");
}

#[test]
fn what_a_pair_is_worth_rests_on_the_model_not_on_the_table() {
    let mut rows = people(1500, 500, 11);
    for row in &mut rows.rows {
        row[2] = format!("{}/{}/{}", &row[2][5..7], &row[2][8..], &row[2][..4]);
    }
    let all = matched(rows.table(&["person"]));
    let early = |row: &usize| rows.rows[*row][2][3..5].parse::<u32>().unwrap() <= 12;
    let kept: Vec<usize> = (0..rows.rows.len()).filter(early).collect();
    let mut part = rows.table(&["person"]);
    part.records = kept.iter().map(|&row| part.records[row]).collect();
    part.columns.iter_mut().for_each(|column| column.codes = kept.iter().map(|&row| column.codes[row]).collect());
    let outcome = run(part, &Options { model: all.model, ..Options::default() }).unwrap();
    let of_all: HashMap<(u32, u32), _> = all.pairs.iter().map(|pair| ((pair.one, pair.other), pair.score)).collect();
    let known: Vec<_> = outcome
        .pairs
        .iter()
        .filter_map(|pair| {
            let place = (kept[pair.one as usize] as u32, kept[pair.other as usize] as u32);
            of_all.get(&place).map(|score| (pair.score, *score))
        })
        .collect();
    assert!(known.len() > 200, "{}", known.len());
    assert!(known.iter().all(|(part, all)| part == all));
}

/// People, each told apart by all columns, a share of them twice.
fn people(count: usize, twice: usize, seed: u64) -> Rows {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut word =
        |length: usize| (0..length).map(|_| char::from(random.random_range(b'a'..=b'z'))).collect::<String>();
    let (given, family): (Vec<String>, Vec<String>) = (0..60).map(|_| (word(6), word(7))).unzip();
    let mut rows = Vec::new();
    for person in 0..count {
        let digits = |salt: u64| record_hash(&format!("{seed} {person} {salt}"));
        let dob = format!("{}-{:02}-{:02}", 1930 + digits(1) % 70, 1 + digits(2) % 12, 1 + digits(3) % 28);
        let phone = format!("{:010}", digits(4) % 10_000_000_000);
        let name = |names: &[String], salt| names[digits(salt) as usize % names.len()].clone();
        let row = vec![name(&given, 5), name(&family, 6), dob, phone, person.to_string()];
        rows.extend(std::iter::repeat_n(row, if person < twice { 2 } else { 1 }));
    }
    Rows::new(&["first_name", "last_name", "dob", "phone", "person"], rows)
}

fn largest(outcome: &Outcome) -> usize {
    quality(&outcome.clusters, &vec![""; outcome.clusters.len()]).3
}

#[test]
fn small_files_and_files_without_duplicates() {
    for (count, twice) in [(1, 0), (2, 0), (200, 0), (160, 40), (1500, 0), (1500, 300)] {
        let rows = people(count, twice, 7);
        let outcome = matched(rows.table(&["person"]));
        let (precision, recall, ..) = quality(&outcome.clusters, &rows.column("person"));
        let alone = largest(&outcome) == 1;
        assert!(
            if twice == 0 { alone } else { precision >= 0.95 && recall >= 0.95 },
            "{count} {twice}: {precision} {recall}"
        );
    }
}

#[test]
fn placeholders_join_nobody() {
    let mut rows = people(2000, 0, 3);
    for (index, row) in rows.rows.iter_mut().enumerate() {
        if index % 20 == 0 {
            row[2] = "1900-01-01".into();
        }
        if index % 3 == 0 {
            row[3] = "555 123 4567".into();
        }
    }
    let outcome = matched(rows.table(&["person"]));
    assert!(largest(&outcome) <= 2, "{}", largest(&outcome));
    let cleared: usize = outcome.generic_values.iter().map(|(_, values)| values).sum();
    assert_eq!(cleared, 2, "{:?}", outcome.generic_values);
}

#[test]
fn the_answer_is_not_read_and_constants_say_nothing() {
    let mut rows = people(300, 60, 4);
    rows.header[4] = "cluster".into();
    let sorted = matched(rows.table(&[]));
    let role =
        |outcome: &Outcome, name: &str| outcome.recognised.iter().find(|found| found.column == name).unwrap().role;
    assert_eq!(role(&sorted, "cluster"), Role::Ignored(Ignored::Answer));
    rows.header[4] = "x7".into();
    assert_eq!(role(&matched(rows.table(&[])), "x7"), Role::Ignored(Ignored::UnknownCode));
    rows.rows.iter_mut().for_each(|row| row[0] = "ann".into());
    assert_eq!(role(&matched(rows.table(&[])), "first_name"), Role::Ignored(Ignored::Constant));
}

#[test]
fn names_in_one_column_are_enough_of_a_name() {
    let rows = people(400, 80, 5);
    let whole =
        rows.rows.iter().map(|row| vec![format!("{} {}", row[0], row[1]), row[2].clone(), row[4].clone()]).collect();
    let rows = Rows::new(&["name", "born", "person"], whole);
    let outcome = matched(rows.table(&["person"]));
    let (precision, recall, ..) = quality(&outcome.clusters, &rows.column("person"));
    assert!(precision >= 0.95 && recall >= 0.95, "{precision} {recall}");
}

#[test]
fn fields_missing_in_most_rows_merge_nobody() {
    let mut rows = people(1000, 0, 6);
    for (index, row) in rows.rows.iter_mut().enumerate() {
        (0..4).filter(|column| (index * 7 + column * 3) % 10 != 0).for_each(|column| row[column].clear());
    }
    assert!(largest(&matched(rows.table(&["person"]))) <= 2);
}

#[test]
fn files_that_cannot_be_matched_say_why() {
    let empty = Rows::new(&["first_name", "dob"], Vec::new());
    assert_eq!(matched(empty.table(&[])).clusters, Vec::<u32>::new());
    let rows = (0..50).map(|row| vec![(row % 5).to_string(), format!("{row}")]).collect();
    let useless = Rows::new(&["x", "y"], rows);
    assert!(matches!(run(useless.table(&[]), &Options::default()), Err(Error::NothingToCompare { columns: 2 })));
    let mut repeated = people(3, 0, 1).table(&["person"]);
    repeated.records[2] = repeated.records[0];
    assert!(matches!(run(repeated, &Options::default()), Err(Error::RepeatedKey { first: 0, second: 2 })));
}

#[test]
fn one_user_id_is_one_profile_and_two_are_never_one() {
    let mut rows = people(200, 100, 8);
    rows.header.push("user_id".into());
    for (index, row) in rows.rows.iter_mut().enumerate() {
        row.push(match index {
            0 => "u0".into(),
            1 => "u1".into(),
            10 | 150 => "same".into(),
            _ => String::new(),
        });
    }
    let outcome = matched(rows.table(&["person"]));
    assert_ne!(outcome.clusters[0], outcome.clusters[1], "equal rows of two user ids");
    assert_eq!(outcome.clusters[10], outcome.clusters[150], "different rows of one user id");
}

#[test]
fn every_pair_is_scored_once_and_by_row_order() {
    let rows = people(300, 100, 9);
    let outcome = matched(rows.table(&["person"]));
    assert!(!outcome.pairs.is_empty());
    for two in outcome.pairs.windows(2) {
        assert!((two[0].one, two[0].other) < (two[1].one, two[1].other));
    }
    for pair in &outcome.pairs {
        assert!(pair.one < pair.other && (pair.other as usize) < outcome.clusters.len());
        assert_eq!(pair.score.weight >= 0, pair.score.match_probability() >= 0.4999, "{pair:?}");
    }
}

#[test]
fn a_person_of_hundreds_of_records_is_one() {
    let mut rows = people(400, 80, 12);
    let often = rows.rows[5].clone();
    rows.rows.extend(std::iter::repeat_n(often.clone(), 300));
    // Now and then the phone is left out.
    let mut without = often.clone();
    without[3].clear();
    rows.rows.extend(std::iter::repeat_n(without, 100));
    let rows = rows.shuffled(3);
    let outcome = matched(rows.table(&["person"]));
    let (precision, recall, _, largest) = quality(&outcome.clusters, &rows.column("person"));
    assert!(precision >= 0.999 && recall >= 0.999 && largest >= 401, "{precision} {recall} {largest}");
    let copy = rows.rows.iter().rposition(|row| *row == often).unwrap();
    assert!(outcome.probabilities[copy] > 0.9, "{}", outcome.probabilities[copy]);
    let pairs: HashSet<(u32, u32)> = outcome.pairs.iter().map(|pair| (pair.one, pair.other)).collect();
    assert_eq!(pairs.len(), outcome.pairs.len(), "each pair is scored once");
    assert!(outcome.pairs.iter().all(|pair| pair.one < pair.other));
    let apart = Options { copies_apart: true, ..Options::default() };
    assert!(self::largest(&run(rows.table(&["person"]), &apart).unwrap()) < 300, "one by one they are too many");
}

#[test]
fn equal_addresses_are_a_match_however_few_the_names_they_are_made_of() {
    let mut random = SmallRng::seed_from_u64(4);
    let given = ["tom", "mia", "zoe", "max", "eva", "lia"];
    let family: Vec<String> = "abcdefgh"
        .chars()
        .flat_map(|letter| ["son", "man", "ley", "ford"].map(|end| format!("{letter}{letter}{end}")))
        .collect();
    let towns = ["leeds", "york", "bath"];
    let mut rows = Vec::new();
    for person in 0..1500 {
        let (given, family) = (given[random.random_range(0..6)], &family[random.random_range(0..32)]);
        for _ in 0..random.random_range(1..=2) {
            let town = towns[random.random_range(0..3)].to_owned();
            rows.push(vec![
                given.to_owned(),
                family.clone(),
                format!("{given}.{family}{person}@x.org"),
                town,
                person.to_string(),
            ]);
        }
    }
    let rows = Rows::new(&["first_name", "last_name", "email", "city", "person"], rows).shuffled(5);
    let outcome = matched(rows.table(&["person"]));
    let (precision, recall, ..) = quality(&outcome.clusters, &rows.column("person"));
    assert!(precision >= 0.98 && recall >= 0.98, "{precision} {recall}");
}
