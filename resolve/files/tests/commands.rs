//! The commands on files that are as they should be: formats, several files,
//! models, judging.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Folder, Person, Texts, USUAL, csv, people, ran, refused};
use std::collections::BTreeMap;
use std::path::Path;
use tributary_identity_files::{EvaluateArgs, InputArgs, TrainArgs, evaluate, train};

/// Profile of each record key.
fn profiles(text: &str) -> BTreeMap<String, String> {
    let cells = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<_>>();
    text.lines().skip(1).map(cells).map(|cells| (cells[0].clone(), cells[1].clone())).collect()
}

#[test]
fn profiles_have_one_name_in_any_order_of_rows_and_columns() {
    let folder = Folder::new();
    let mut records = people(400, 0.5, 21);
    folder.run(&csv(&records, &USUAL));
    let expected = profiles(&folder.read("clusters.csv"));
    records.sort_by(|one, other| one.email.cmp(&other.email));
    let mut columns = USUAL;
    columns.reverse();
    folder.run(&csv(&records, &columns));
    assert_eq!(profiles(&folder.read("clusters.csv")), expected);
    assert!(expected.values().all(|profile| profile.len() == 16), "{expected:?}");
}

#[test]
fn every_scored_pair_is_written_once_and_parquet_says_what_csv_says() {
    let folder = Folder::new();
    folder.write("people.csv", csv(&people(300, 0.5, 22), &USUAL[..8]));
    let mut args = folder.args(&["people.csv"]);
    ran(&args);
    let pairs = folder.read("pairs.csv");
    let mut named: Vec<&str> =
        pairs.lines().skip(1).map(|line| &line[..line.match_indices(',').nth(1).unwrap().0]).collect();
    let count = named.len();
    named.sort_unstable();
    named.dedup();
    assert!(count > 100 && named.len() == count, "{count} pairs");
    args.out = folder.path("clusters.parquet");
    args.pairs = Some(folder.path("pairs.parquet"));
    ran(&args);
    // Parquet is read back as input: its columns are what was written.
    let mut again = folder.args(&["clusters.parquet"]);
    again.input.key = "record_key".into();
    again.pairs = None;
    again.out = folder.path("again.csv");
    // Columns of what a run wrote are no people: it is refused, after reading.
    let printed = refused(&again).to_string();
    assert!(printed.contains("of 2 columns none was recognised"), "{printed}");
}

#[test]
fn several_files_are_matched_by_name_and_role_and_told_apart() {
    let folder = Folder::new();
    let records = people(400, 0.5, 23);
    let (ours, theirs): (Vec<Person>, Vec<Person>) = records.into_iter().partition(|person| person.id % 2 == 0);
    // Keys are unique only within a file.
    let halved: Texts = ("id", |person| (person.id / 2).to_string());
    let mut columns = USUAL;
    columns[0] = halved;
    folder.write("ours.csv", csv(&ours, &columns));
    for (place, name) in [(1, "Vorname"), (2, "Nachname"), (3, "Geburtsdatum"), (5, "Handynr")] {
        columns[place].0 = name;
    }
    folder.write("theirs.csv", csv(&theirs, &columns));
    let mut args = folder.args(&["ours.csv", "theirs.csv"]);
    args.evaluate_against = Some("truth".into());
    let (summary, printed) = ran(&args);
    assert!(summary.quality.unwrap().pairs.f1() >= 0.95, "{printed}");
    assert!(!printed.contains("Vorname"), "{printed}");
    let clusters = folder.read("clusters.csv");
    assert!(clusters.starts_with("record_key,profile_id,probability,source\n"), "{clusters}");
    assert!(clusters.contains(",ours\n") && clusters.contains(",theirs\n"));
    let pairs = folder.read("pairs.csv");
    assert!(pairs.starts_with("record_key_l,record_key_r,match_weight,match_probability,source_l,source_r\n"));
    let judged = judge(&folder, &["ours.csv", "theirs.csv"]);
    assert!(judged.contains("F1 0.9") || judged.contains("F1 1.0"), "{judged}");
}

fn judge(folder: &Folder, truth: &[&str]) -> String {
    let mut out = Vec::new();
    let args = EvaluateArgs {
        truth: truth.iter().map(|name| folder.path(name)).collect(),
        key: "id".into(),
        truth_column: "truth".into(),
        clusters: folder.path("clusters.csv"),
        pairs: Some(folder.path("pairs.csv")),
        charts: Some(folder.path("charts")),
    };
    evaluate(&args, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Three records of one person in one file and one in the other.
fn two_files(folder: &Folder) -> tributary_identity_files::RunArgs {
    let mut records = people(300, 0.0, 28);
    let again: Vec<Person> = records[..100].to_vec();
    let twice: Vec<Person> =
        records[..50].iter().cloned().map(|person| Person { id: person.id + 1000, ..person }).collect();
    records.extend(twice);
    folder.write("ours.csv", csv(&records, &USUAL));
    folder.write("theirs.csv", csv(&again, &USUAL));
    let mut args = folder.args(&["ours.csv", "theirs.csv"]);
    args.evaluate_against = Some("truth".into());
    args
}

/// Of each profile, how many records each file has.
fn by_file(folder: &Folder) -> Vec<(usize, usize)> {
    let text = folder.read("clusters.csv");
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for cells in text.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>()) {
        let (ours, theirs) = counts.entry(cells[1]).or_default();
        *if cells[3] == "ours" { ours } else { theirs } += 1;
    }
    counts.into_values().collect()
}

#[test]
fn one_to_one_puts_one_record_of_a_file_into_a_profile() {
    let folder = Folder::new();
    let mut args = two_files(&folder);
    ran(&args);
    assert!(by_file(&folder).iter().filter(|&&counts| counts == (2, 1)).count() >= 45);
    args.one_to_one = true;
    ran(&args);
    let counts = by_file(&folder);
    assert!(counts.iter().all(|&(ours, theirs)| ours <= 1 && theirs <= 1), "{counts:?}");
    assert!(counts.iter().filter(|&&counts| counts == (1, 1)).count() >= 95, "{counts:?}");
}

#[test]
fn link_only_makes_no_pair_within_a_file() {
    let folder = Folder::new();
    let mut args = two_files(&folder);
    args.link_only = true;
    args.evaluate_against = Some("truth".into());
    let (_, printed) = ran(&args);
    assert!(printed.contains(" of the true pairs are within one file"), "{printed}");
    let pairs = folder.read("pairs.csv");
    assert!(pairs.lines().skip(1).all(|line| !line.ends_with("ours,ours") && !line.ends_with("theirs,theirs")));
    let counts = by_file(&folder);
    assert!(counts.iter().all(|&(ours, theirs)| (ours <= 1 && theirs <= 1) || (ours > 0 && theirs > 0)), "{counts:?}");
    args.input.files.pop();
    args.out = folder.path("other.csv");
    assert!(common::refused(&args).to_string().contains("give two or more"));
}

#[test]
fn files_that_tell_the_same_in_other_columns_are_linked() {
    const WHOLE: [common::Texts; 4] = [
        ("id", |person| person.id.to_string()),
        ("Vor- und Nachname", |person| format!("{} {}", person.given, person.family)),
        ("Geburtsdatum", |person| {
            let date: Vec<&str> = person.birth.split('-').rev().collect();
            date.join(".")
        }),
        ("truth", |person| person.truth.to_string()),
    ];
    const PARTED: [common::Texts; 7] = [
        ("id", |person| person.id.to_string()),
        ("truth", |person| person.truth.to_string()),
        ("lname", |person| person.family.clone()),
        ("birth_day", |person| person.birth.split('-').nth(2).unwrap_or_default().to_owned()),
        ("birth_year", |person| person.birth.split('-').next().unwrap_or_default().to_owned()),
        ("birth_month", |person| person.birth.split('-').nth(1).unwrap_or_default().to_owned()),
        ("fname", |person| person.given.clone()),
    ];
    let records = people(800, 0.0, 41);
    for swapped in [false, true] {
        let folder = Folder::new();
        folder.write("whole.csv", csv(&records[..500], &WHOLE));
        folder.write("parted.csv", csv(&records[300..], &PARTED));
        let files = if swapped { ["parted.csv", "whole.csv"] } else { ["whole.csv", "parted.csv"] };
        let mut args = folder.args(&files);
        (args.link_only, args.evaluate_against) = (true, Some("truth".into()));
        let (summary, printed) = ran(&args);
        let pairs = summary.quality.unwrap().pairs;
        assert!(pairs.precision >= 0.99 && pairs.recall >= 0.95, "{printed}");
        assert!(printed.contains("birth date") && printed.contains("whole name"), "{printed}");
    }
}

#[test]
fn files_of_one_stem_are_refused() {
    let folder = Folder::new();
    folder.write("a.csv", "id,email\n1,a@b.com\n");
    folder.write("a.txt", "id,email\n1,a@b.com\n");
    let message = common::refused(&folder.args(&["a.csv", "a.txt"])).to_string();
    assert!(message.contains("have the same stem"), "{message}");
}

#[test]
fn judging_agrees_with_the_run_and_draws_charts() {
    let folder = Folder::new();
    let (summary, printed) = folder.run(&csv(&people(500, 0.5, 24), &USUAL));
    let judged = judge(&folder, &["people.csv"]);
    let pairs = format!("F1 {:.4}", summary.quality.unwrap().pairs.f1());
    assert!(judged.contains(&pairs) && printed.contains(&pairs), "{judged}");
    for chart in ["charts/thresholds.svg", "charts/calibration.svg"] {
        assert!(folder.read(chart).starts_with("<svg"), "{chart}");
    }
}

#[test]
fn a_trained_model_is_the_same_bytes_on_any_threads_and_gives_the_same_profiles() {
    let folder = Folder::new();
    let (_, _) = folder.run(&csv(&people(500, 0.5, 25), &USUAL));
    let trained = profiles(&folder.read("clusters.csv"));
    let mut args = TrainArgs {
        input: InputArgs { ignore: vec!["truth".into()], ..folder.input(&["people.csv"]) },
        out: folder.path("one.json"),
        splink: None,
        labels: None,
        labels_against: None,
        labels_count: 100,
    };
    train(&args, 1, &mut Vec::new()).unwrap();
    args.out = folder.path("two.json");
    train(&args, 2, &mut Vec::new()).unwrap();
    assert_eq!(folder.read("one.json"), folder.read("two.json"));
    let mut again = folder.args(&["people.csv"]);
    again.model = Some(folder.path("one.json"));
    again.evaluate_against = Some("truth".into());
    ran(&again);
    assert_eq!(profiles(&folder.read("clusters.csv")), trained);
}

#[test]
fn labels_refine_a_model_and_those_of_unknown_records_are_left_out() {
    let folder = Folder::new();
    folder.write("people.csv", csv(&people(500, 0.5, 26), &USUAL));
    folder.write("labels.csv", "record_key_l,record_key_r,is_match\n1,2,0\n3,4,no\n7,unheard,1\n5,5,1\n");
    let mut args = folder.args(&["people.csv"]);
    args.evaluate_against = Some("truth".into());
    args.labels = Some(folder.path("labels.csv"));
    let (_, printed) = ran(&args);
    assert!(printed.contains("labels.csv: 1 pairs are of records that are not in the files"), "{printed}");
    assert!(printed.contains("labels.csv: 1 pairs are of a record and itself"), "{printed}");
    assert!(!printed.contains("both match and non-match"), "{printed}");
    let twice = "record_key_l,record_key_r,is_match\n1,2,0\n3,4,no\n2,1,yes\n5,6,1\n5,6,unsure\n1,2,0\n";
    folder.write("labels.csv", twice);
    args.out = folder.path("twice.csv");
    let (_, printed) = ran(&args);
    let said = "labels.csv: 1 pairs are labelled both match and non-match and left out, in rows 1 and 3 and 6";
    assert!(printed.contains(said), "{printed}");
    assert!(printed.contains("labels.csv: 1 pairs are not decided: left out"), "{printed}");
    folder.write("labels.csv", "record_key_l,record_key_r,is_match\n1,2,perhaps\n");
    args.out = folder.path("other.csv");
    let message = common::refused(&args).to_string();
    assert!(message.contains("labels.csv, row 1: is_match is neither true nor false"), "{message}");
}

#[test]
fn a_dry_run_counts_pairs_by_rule_and_writes_nothing() {
    let folder = Folder::new();
    folder.write("people.csv", csv(&people(300, 0.5, 29), &USUAL));
    let mut args = folder.args(&["people.csv"]);
    args.evaluate_against = Some("truth".into());
    args.dry_run = true;
    let (summary, printed) = ran(&args);
    assert!(summary.records > 400 && summary.quality.is_none());
    assert!(!folder.path("clusters.csv").exists() && !folder.path("pairs.csv").exists());
    let pairs = |text: &str| text.lines().skip(1).count();
    let row = printed.lines().find(|row| row.ends_with("  the email")).unwrap();
    let shared: usize = row.split_whitespace().next().unwrap().parse().unwrap();
    assert!((50..200).contains(&shared), "{row}");
    let most: usize = printed.split("at most ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    args.dry_run = false;
    ran(&args);
    let scored = pairs(&folder.read("pairs.csv"));
    assert!(scored <= most && most <= 4 * scored, "{scored} pairs were scored, {most} foretold: {printed}");
}

#[test]
fn a_configuration_says_which_pairs_are_looked_at() {
    let folder = Folder::new();
    folder.write("people.csv", csv(&people(300, 0.5, 30), &USUAL));
    let mut args = folder.args(&["people.csv"]);
    args.evaluate_against = Some("truth".into());
    args.input.config = Some(folder.path("keys.yaml"));
    let mut found = Vec::new();
    for (keys, rules) in [
        ("[[phone]]", vec!["the phone"]),
        ("[[family_name, birth_date.year], [phone]]", vec!["the phone", "a name and the birth year"]),
    ] {
        folder.write("keys.yaml", format!("keys: {keys}\n"));
        args.dry_run = true;
        let (_, counted) = ran(&args);
        let named: Vec<&str> = counted
            .lines()
            .filter_map(|row| rules.iter().find(|rule| row.ends_with(&format!("  {rule}"))).copied())
            .collect();
        let table =
            counted.lines().skip_while(|row| !row.contains("blocking rule")).skip(1).take_while(|row| !row.is_empty());
        assert_eq!((named.len(), table.count()), (rules.len(), rules.len()), "{counted}");
        args.dry_run = false;
        let (summary, _) = ran(&args);
        found.push((folder.read("pairs.csv").lines().count(), summary.quality.unwrap().pairs.recall));
    }
    assert!(found[0].0 > 50 && found[0].0 < found[1].0 && found[0].1 < found[1].1, "{found:?}");
    folder.write("keys.yaml", "cut: 0.4\nkeys:\n- [email]\n- [birth_date.yaer]\n");
    args.out = folder.path("other.csv");
    let message = common::refused(&args).to_string();
    assert!(
        message.contains("keys.yaml:4: keys[1][0]: unknown variant `birth_date.yaer`, expected one of"),
        "{message}"
    );
}

#[test]
fn a_configuration_says_what_columns_are() {
    let folder = Folder::new();
    let mut columns = USUAL;
    columns[1].0 = "q1";
    columns[2].0 = "q2";
    folder.write("people.csv", csv(&people(400, 0.5, 27), &columns));
    folder.write("roles.yaml", "columns:\n  q1: given_name\n  q2: family_name\n  city: ignore\n");
    let mut args = folder.args(&["people.csv"]);
    args.evaluate_against = Some("truth".into());
    args.input.config = Some(folder.path("roles.yaml"));
    let (summary, printed) = ran(&args);
    assert!(summary.quality.unwrap().pairs.f1() >= 0.95, "{printed}");
    assert!(printed.contains("q2") && !printed.contains("city"), "{printed}");
    folder.write("roles.yaml", "columns:\n  q9: given_name\n");
    args.out = folder.path("other.csv");
    let message = common::refused(&args).to_string();
    assert!(message.contains("names column \"q9\", which no file has"), "{message}");
}

#[test]
fn outputs_are_not_written_over_inputs_nor_under_unknown_names() {
    let folder = Folder::new();
    folder.write("people.csv", "id,email\n1,a@b.com\n");
    let mut args = folder.args(&["people.csv"]);
    args.out = folder.path("people.csv");
    assert!(common::refused(&args).to_string().contains("would be written over"));
    args.out = folder.path("clusters.xlsx");
    assert!(common::refused(&args).to_string().contains("call the output .parquet or .csv"));
}

#[test]
fn settings_of_splink_are_taken_as_a_model_or_trained() {
    let folder = Folder::new();
    let carried = |path: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::copy(carried("../tests/data/identity/fake_1000.csv"), folder.path("people.csv")).unwrap();
    let mut args = folder.args(&["people.csv"]);
    args.input.key = "unique_id".into();
    args.evaluate_against = Some("cluster".into());
    args.model = Some(carried("tests/splink/terms.json"));
    let f1 = ran(&args).0.quality.unwrap().pairs.f1();
    assert!(f1 >= 0.8, "{f1}");

    // Comparisons without probabilities are trained; `run` does so by itself.
    let trained = std::fs::read_to_string(carried("tests/splink/terms.json")).unwrap();
    let is_trained = |line: &str| ["\"m_prob", "\"u_prob"].iter().any(|name| line.trim_start().starts_with(name));
    let lines: Vec<&str> = trained.lines().filter(|line| !is_trained(line)).collect();
    let untrained = lines.join("\n");
    let settings = folder.write("settings.json", &untrained);
    args.model = Some(settings.clone());
    let by_settings = ran(&args).0;
    let clusters = profiles(&folder.read("clusters.csv"));
    let training = TrainArgs {
        input: InputArgs { ignore: vec!["cluster".into()], ..args.input.clone() },
        splink: Some(settings),
        out: folder.path("model.json"),
        labels: None,
        labels_against: None,
        labels_count: 0,
    };
    train(&training, 2, &mut Vec::new()).unwrap();
    args.model = Some(training.out);
    assert_eq!(ran(&args).0, by_settings);
    assert_eq!(profiles(&folder.read("clusters.csv")), clusters);
    let f1 = by_settings.quality.unwrap().pairs.f1();
    assert!(f1 >= 0.87, "{f1}");

    // A column that the file lacks is named.
    args.model = Some(folder.write("other.json", untrained.replace("surname", "family")));
    (args.out, args.pairs) = (folder.path("refused.csv"), None);
    let printed = refused(&args).to_string();
    assert!(printed.contains("other.json"), "{printed}");
}
