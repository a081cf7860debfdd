//! Questions about the records of files: explain, how, search.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Folder, Person, USUAL, csv, people};
use tributary_identity_files::{ExplainArgs, HowArgs, RecordsArgs, SearchArgs, explain, how, search};

struct Asked {
    folder: Folder,
    people: Vec<Person>,
}

impl Asked {
    fn new() -> Self {
        let (folder, people) = (Folder::new(), people(300, 0.4, 3));
        folder.write("people.csv", csv(&people, &USUAL));
        Self { folder, people }
    }

    fn records(&self, json: bool) -> RecordsArgs {
        RecordsArgs {
            files: vec![self.folder.path("people.csv")],
            key: "id".into(),
            model: None,
            config: None,
            ignore: vec!["truth".into()],
            json,
        }
    }

    /// Two records of one person who has kept everything, and one of another.
    fn chosen(&self) -> (usize, usize, usize) {
        let whole = |person: &&Person| !person.email.is_empty() && !person.phone.is_empty() && !person.birth.is_empty();
        let mut whole = self.people.iter().filter(whole);
        let (one, again) = whole
            .clone()
            .find_map(|one| {
                whole.clone().find(|other| other.truth == one.truth && other.id != one.id).map(|two| (one, two))
            })
            .unwrap();
        let other = whole.find(|other| other.truth != one.truth && other.family != one.family).unwrap();
        (one.id, again.id, other.id)
    }

    fn explain(&self, one: usize, other: usize, json: bool) -> String {
        let (one, other) = (one.to_string(), other.to_string());
        let svg = Some(self.folder.path("why.svg"));
        let mut out = Vec::new();
        explain(&ExplainArgs { one, other, records: self.records(json), svg }, 2, false, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }
}

#[test]
fn two_records_of_a_person_and_of_two_are_explained() {
    let asked = Asked::new();
    let (one, again, other) = asked.chosen();
    let text = asked.explain(one, again, false);
    for part in ["match weight", "same person", "nothing known", "last_name", "exact"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    assert!(!text.contains("truth") && !text.contains('\u{1b}'), "{text}");
    let svg = asked.folder.read("why.svg");
    assert!(svg.starts_with("<svg") && svg.contains("are one person"), "{svg}");
    let text = asked.explain(one, other, false);
    assert!(text.contains("are two profiles") && text.contains("The evidence speaks against it"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&asked.explain(one, other, true)).unwrap();
    assert_eq!(json["same_profile"], false);
    assert!(json["why_not"]["held"].as_array().unwrap().iter().any(|held| held["reason"] == "weight_below_zero"));
}

#[test]
fn a_profile_tells_how_it_came_about() {
    let asked = Asked::new();
    let (one, again, _) = asked.chosen();
    let mut out = Vec::new();
    how(&HowArgs { record: one.to_string(), records: asked.records(true) }, 2, false, &mut out).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
    let records: Vec<&str> = json["records"].as_array().unwrap().iter().filter_map(|name| name.as_str()).collect();
    assert!(records.contains(&again.to_string().as_str()), "{json}");
    assert_eq!(json["merges"].as_array().unwrap().len(), records.len() - 1);
}

#[test]
fn a_description_finds_its_person_and_says_what_it_did_not_use() {
    let asked = Asked::new();
    let (one, ..) = asked.chosen();
    let person = &asked.people[one];
    let attributes = serde_json::json!({
        "name": format!("{} {}", person.given, person.family), "phone": person.phone, "shoe": 44,
    });
    let args = |attributes: &str| SearchArgs { attributes: attributes.into(), records: asked.records(false), limit: 3 };
    let mut out = Vec::new();
    search(&args(&attributes.to_string()), 2, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("not compared: shoe"), "{text}");
    assert!(text.lines().any(|line| line.ends_with(&format!(" {one}"))), "{one} in\n{text}");
    let mut out = Vec::new();
    search(&args(&serde_json::json!({ "phone": ["555 1", person.phone] }).to_string()), 2, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.lines().any(|line| line.ends_with(&format!(" {one}"))), "{one} in\n{text}");
    for (attributes, expected) in [("[1]", "no JSON object"), ("{\"shoe\": 44}", "what is compared is")] {
        let error = search(&args(attributes), 2, &mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_record_that_is_not_there_is_named() {
    let asked = Asked::new();
    let args = ExplainArgs { one: "0".into(), other: "nobody".into(), records: asked.records(false), svg: None };
    let error = explain(&args, 2, false, &mut Vec::new()).unwrap_err().to_string();
    assert!(error.contains("no record has the key \"nobody\""), "{error}");
}
