//! `tributary identity label`: answers a line each, kept as a file that
//! training reads, gone on with where it was left.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Folder, Person, USUAL, csv, people, ran};
use std::collections::{BTreeMap, BTreeSet};
use tributary_identity_files::{Answers, InputArgs, LabelArgs, TrainArgs, label, train};

fn args(folder: &Folder, files: &[&str], count: usize) -> LabelArgs {
    LabelArgs {
        input: InputArgs { ignore: vec!["truth".into()], ..folder.input(files) },
        out: folder.path("labels.csv"),
        model: None,
        count,
        seed: 1,
    }
}

/// A folder with a file of people, half of them twice.
fn folder(seed: u64) -> (Folder, Vec<Person>) {
    let folder = Folder::new();
    let records = people(400, 0.5, seed);
    folder.write("people.csv", csv(&records, &USUAL));
    (folder, records)
}

fn labelled(args: &LabelArgs, replies: &str) -> (Answers, String) {
    let mut out = Vec::new();
    let answers = label(args, 2, false, &mut replies.as_bytes(), &mut out).unwrap();
    (answers, String::from_utf8(out).unwrap())
}

/// The lines of the labels but the first, cell by cell.
fn lines(folder: &Folder) -> Vec<Vec<String>> {
    let text = folder.read("labels.csv");
    text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

#[test]
fn answers_of_several_sessions_are_those_of_one_and_no_pair_comes_twice() {
    let (folder, _) = folder(31);
    let once = args(&folder, &["people.csv"], 30);
    let (answers, _) = labelled(&once, &"y\nn\nu\n".repeat(10));
    assert_eq!(answers, Answers { same: 10, different: 10, unsure: 10 });
    let expected = lines(&folder);
    let pairs: BTreeSet<[&String; 2]> =
        expected.iter().map(|line| [(&line[0]).min(&line[1]), (&line[0]).max(&line[1])]).collect();
    assert_eq!(pairs.len(), 30);

    std::fs::remove_file(folder.path("labels.csv")).unwrap();
    let (answers, printed) = labelled(&once, "YES\n no \nu\ny\nq\n");
    assert_eq!((answers.count(), lines(&folder).len()), (4, 4));
    assert!(printed.contains("26 pairs were not asked about: the same command goes on"), "{printed}");
    let (_, printed) = labelled(&args(&folder, &["people.csv"], 26), &"n\nu\ny\n".repeat(9));
    assert_eq!(lines(&folder), expected);
    assert!(printed.contains("so far 2 same, 1 different, 1 unsure"), "{printed}");
}

#[test]
fn answers_are_taken_back_and_what_is_no_answer_is_asked_again() {
    let (folder, _) = folder(32);
    let (answers, printed) = labelled(&args(&folder, &["people.csv"], 3), "b\nperhaps\n\ny\nn\nb\nb\nn\ny\nu\n");
    assert_eq!(answers, Answers { same: 1, different: 1, unsure: 1 });
    assert_eq!(lines(&folder).iter().map(|line| line[2].as_str()).collect::<Vec<_>>(), ["0", "1", "unsure"]);
    assert_eq!(printed.matches("this is the first pair").count(), 1, "{printed}");
    let again = ["pair 1 of 3", "pair 2 of 3", "pair 3 of 3"].map(|pair| printed.matches(pair).count());
    assert_eq!(again, [3, 3, 2], "{printed}");
}

#[test]
fn both_records_are_shown_and_what_differs_is_marked() {
    let (folder, records) = folder(33);
    let (_, printed) = labelled(&args(&folder, &["people.csv"], 12), &"u\n".repeat(12));
    for line in lines(&folder) {
        let [one, other] =
            [0, 1].map(|cell| records.iter().find(|person| person.id.to_string() == line[cell]).unwrap());
        let row = printed.lines().find(|row| {
            let words: Vec<&str> = row.split_whitespace().collect();
            words.starts_with(&["last_name", &one.family, &other.family])
        });
        let row = row.unwrap_or_else(|| panic!("no row of {} and {}: {printed}", one.family, other.family));
        assert_eq!(row.trim_end().ends_with('='), one.family == other.family, "{row}");
        assert!(row.contains(['=', '~', '≠']), "{row}");
    }
    let hidden = printed.lines().find(|row| row.trim_start().starts_with("truth") || row.contains("match weight"));
    assert_eq!(hidden, None, "an answer is given without it");
}

#[test]
fn a_model_is_trained_with_the_answers() {
    let (folder, records) = folder(34);
    let asked = args(&folder, &["people.csv"], 60);
    labelled(&asked, &"u\n".repeat(60));
    let person: BTreeMap<String, usize> = records.iter().map(|person| (person.id.to_string(), person.truth)).collect();
    let answered = lines(&folder).into_iter().map(|line| {
        let same = person[&line[0]] == person[&line[1]];
        if same { "y\n" } else { "n\n" }
    });
    let replies: String = answered.collect();
    assert!(replies.matches('y').count() >= 10 && replies.matches('n').count() >= 10, "{replies}");
    std::fs::remove_file(folder.path("labels.csv")).unwrap();
    let (answers, printed) = labelled(&asked, &replies);
    assert_eq!(answers.same, replies.matches('y').count());
    assert!(printed.contains("tributary identity train ") && printed.contains("--labels "), "{printed}");
    let trained = TrainArgs {
        input: asked.input.clone(),
        out: folder.path("model.json"),
        splink: None,
        labels: Some(asked.out.clone()),
        labels_against: None,
        labels_count: 0,
    };
    let mut out = Vec::new();
    train(&trained, 2, &mut out).unwrap();
    assert!(!String::from_utf8(out).unwrap().contains("note"), "every answer is of known records");
}

#[test]
fn records_of_several_files_are_named_by_file_and_undecided_pairs_left_out_of_a_run() {
    let folder = Folder::new();
    let records = people(300, 0.5, 35);
    let (ours, theirs): (Vec<Person>, Vec<Person>) = records.into_iter().partition(|person| person.id % 2 == 0);
    folder.write("ours.csv", csv(&ours, &USUAL));
    folder.write("theirs.csv", csv(&theirs, &USUAL));
    let (_, printed) = labelled(&args(&folder, &["ours.csv", "theirs.csv"], 8), "u\ny\nn\ny\nn\ny\nn\nu\n");
    assert!(folder.read("labels.csv").starts_with("record_key_l,record_key_r,is_match,source_l,source_r\n"));
    assert!(printed.contains(" ours:") && printed.contains(" theirs:"), "{printed}");
    let mut run = folder.args(&["ours.csv", "theirs.csv"]);
    run.labels = Some(folder.path("labels.csv"));
    let (_, printed) = ran(&run);
    assert!(printed.contains("labels.csv: 2 pairs are not decided: left out"), "{printed}");
    assert!(!printed.contains("not in the files"), "{printed}");
}

#[test]
fn nothing_is_written_over_and_a_file_without_pairs_asks_nothing() {
    let (folder, _) = folder(36);
    let mut wrong = args(&folder, &["people.csv"], 3);
    wrong.out = folder.path("people.csv");
    let error = label(&wrong, 1, false, &mut "y\n".as_bytes(), &mut Vec::new()).unwrap_err().to_string();
    assert!(error.contains("would be written over"), "{error}");
    folder.write("one.csv", "id,email,truth\n1,a@b.com,1\n");
    let (answers, printed) = labelled(&args(&folder, &["one.csv"], 3), "y\n");
    assert_eq!(answers.count(), 0);
    assert!(printed.contains("no pair is left to ask about"), "{printed}");
}
