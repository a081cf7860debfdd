//! The records are the same for a seed, and the truth is what a reader of the
//! records would say.

use super::*;
use crate::demo::truth::Agreement;
use std::collections::HashMap;
use tributary_protocol::{Identifier, links};

const PEOPLE: u32 = 300;

/// The file's bytes, by name.
fn written(records: &Records) -> BTreeMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    records.write(folder.path()).unwrap();
    let entries = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let first = written(&Records::generate(1, PEOPLE));
    assert_eq!(first.len(), 8);
    assert!(first.values().all(|bytes| bytes.len() > 100));
    assert_eq!(first, written(&Records::generate(1, PEOPLE)));
    assert_ne!(first["web.jsonl"], written(&Records::generate(2, PEOPLE))["web.jsonl"]);
}

/// The truth as one reads it out of the records, by the rules of identifiers.
#[derive(Default)]
struct Reading {
    truth: Truth,
    events: u64,
    failed: u64,
}

impl Reading {
    fn saw(&mut self, person: u32, source: &str, identifiers: impl IntoIterator<Item = (String, String)>) {
        let pairs = identifiers.into_iter();
        let mut found: Vec<Identifier> = pairs.filter_map(|(kind, value)| Identifier::new(&kind, &value)).collect();
        found.retain(|identifier| links(&identifier.kind));
        found.sort();
        self.events += 1;
        let Some(owner) = tributary_protocol::Record::owner(source, &found) else { return };
        let others = found.iter().filter(|other| **other != owner).map(ToString::to_string);
        self.truth.saw(person, &std::iter::once(owner.to_string()).chain(others).collect::<Vec<_>>());
    }

    /// Checks the counts, and takes the counts of the next source.
    fn counted(&mut self, expected: Expected) {
        let seen = Expected { events: std::mem::take(&mut self.events), failed: std::mem::take(&mut self.failed) };
        assert_eq!(seen, expected);
        assert!(seen.failed > 0);
    }
}

/// The number in ids such as `web-17-3` and `r-nps-2026-h1-17`.
fn person_of(text: &str, part: usize) -> u32 {
    text.split('-').nth(part).unwrap().parse().unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Whether a message keeps the rules of the Segment specification.
fn is_whole(message: &Value) -> bool {
    let named = match message["type"].as_str() {
        Some("track") => message["event"].is_string(),
        Some("identify" | "page" | "screen" | "alias") => true,
        Some("group") => message["groupId"].is_string(),
        _ => false,
    };
    let has_person = message["anonymousId"].is_string() || message["userId"].is_string();
    named && has_person && !message["properties"].is_array()
}

fn read_web(records: &Records, reading: &mut Reading) {
    for message in &records.web {
        if !is_whole(message) {
            reading.failed += 1;
            continue;
        }
        assert!(message["timestamp"].is_string() && message["sentAt"].is_null());
        let device = &message["context"]["device"]["id"];
        let ids = [
            ("user_id", &message["userId"]),
            ("anonymous_id", &message["anonymousId"]),
            ("anonymous_id", &message["previousId"]),
            ("email", &message["traits"]["email"]),
            ("device", device),
        ];
        let person = person_of(&text(&message["messageId"]), 1);
        reading.saw(person, WEB, ids.map(|(kind, value)| (kind.to_owned(), text(value))));
    }
}

fn read_webhooks(records: &Records, reading: &mut Reading) {
    for event in &records.mail {
        if event["event"].is_null() {
            reading.failed += 1;
            continue;
        }
        let ids = ["email", "user_id"].map(|kind| (kind.to_owned(), text(&event[kind])));
        reading.saw(person_of(&text(&event["sg_event_id"]), 1), MAIL, ids);
    }
    reading.counted(records.expected()[MAIL]);
    for answer in &records.surveys {
        if answer["id"].is_null() {
            reading.failed += 1;
            continue;
        }
        let id = text(&answer["id"]);
        let person = id.rsplit('-').next().unwrap().parse().unwrap();
        reading.saw(person, SURVEY, [("email".to_owned(), text(&answer["contact"]["email"]))]);
    }
    reading.counted(records.expected()[SURVEY]);
}

fn read_contacts(records: &Records, reading: &mut Reading) {
    let contacts = records.tables.iter().find(|table| table.source == CRM).unwrap();
    let distinct: BTreeSet<&Vec<String>> = contacts.rows.iter().collect();
    for row in distinct {
        if row.len() != contacts.columns.len() {
            reading.failed += 1;
            continue;
        }
        let ids = [("crm:contacts", 0), ("email", 3), ("user_id", 11)];
        let person = row[0].parse::<u32>().unwrap() % 1_000_000 - 10_000;
        reading.saw(person, CRM, ids.map(|(kind, column)| (kind.to_owned(), row[column].clone())));
    }
    reading.counted(records.expected()[CRM]);
}

#[test]
fn the_truth_is_what_the_records_say() {
    let records = Records::generate(5, 2000);
    let mut reading = Reading::default();
    read_web(&records, &mut reading);
    reading.counted(records.expected()[WEB]);
    read_webhooks(&records, &mut reading);
    read_contacts(&records, &mut reading);
    let named = |record: super::super::truth::SourceRecord<'_>| {
        (record.node.to_owned(), format!("{}/{}", record.person, record.component))
    };
    let profile_of: HashMap<String, String> = reading.truth.source_records().map(named).collect();
    let agreement: Agreement = records.truth.agreement(&profile_of);
    assert_eq!(agreement.source_records, profile_of.len() as u64);
    let Agreement { pairs_joined, pairs_right, pairs_connected, pairs_found, pairs_hidden, .. } = agreement;
    assert_eq!([pairs_joined, pairs_right, pairs_found], [pairs_connected; 3]);
    let by_contents = agreement.pairs_planted - pairs_connected - pairs_hidden;
    assert!(pairs_hidden > 100 && by_contents > 300, "{pairs_hidden} hidden, {by_contents} found by contents at best");
}

#[test]
fn events_keep_within_the_gateways_limits() {
    let records = Records::generate(1, PEOPLE);
    let longest = records.web.iter().map(|message| message.to_string().len()).max().unwrap();
    assert!(longest < 2048, "{longest}");
}
