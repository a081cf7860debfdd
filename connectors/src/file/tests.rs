//! Tests of the file source: broken rows, files that grow or are replaced, mappings.

use super::*;
use std::path::Path;
use tributary_config::{Config, Source as Settings};

fn reader(path: &Path, rest: &str) -> FileReader {
    let path = path.display();
    let text = format!("sources: [{{name: crm, type: file, path: \"{path}\", stream: contacts, key: Id, {rest}}}]");
    let config = Config::parse(&text, "t").unwrap();
    let Settings::File(settings) = &config.sources[0] else { panic!("no file") };
    FileReader::new(settings).unwrap()
}

const PERSON: &str = "record: identify, timestamp: At, identifiers: {email: Email}, traits: {city: City, email: Email}";

/// A time by which every file of a test has been left alone for long.
const LATER: Timestamp = Timestamp(4_000_000_000_000_000);
/// A time by which none has.
const EARLY: Timestamp = Timestamp(5);

/// A row is its node and city, a failed one its message and bytes.
fn shown(value: &LogValue) -> String {
    match value {
        LogValue::Record(record) => format!("{} {:?}", record.node.clone().unwrap(), record.traits.get("city")),
        LogValue::Failed(failed) => format!("{} | {}", failed.message, String::from_utf8_lossy(&failed.payload)),
    }
}

/// Reads to the end, as it would be read at `now`.
fn rows_at(reader: &FileReader, cursor: Option<Cursor>, now: Timestamp) -> (Vec<String>, Cursor) {
    let mut seen = Vec::new();
    let mut at = cursor;
    loop {
        let batch = reader.read_batch(at, now).unwrap();
        seen.extend(batch.records.iter().map(shown));
        if !batch.more {
            return (seen, batch.cursor);
        }
        at = Some(batch.cursor);
    }
}

fn rows(reader: &FileReader, cursor: Option<Cursor>) -> (Vec<String>, Cursor) {
    rows_at(reader, cursor, LATER)
}

/// What the rows of a file become.
fn check(content: &str, expected: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.csv");
    std::fs::write(&path, content).unwrap();
    assert_eq!(rows(&reader(&path, PERSON), None).0, expected, "{content:?}");
}

fn people(from: u32, to: u32) -> String {
    (from..to).map(|n| format!("{n},p{n}@x.co,,\n")).collect::<Vec<_>>().concat()
}

fn nodes(from: u32, to: u32) -> Vec<String> {
    (from..to).map(|n| format!("crm:contacts:{n} None")).collect()
}

const HEADER: &str = "Id,Email,City,At\n";

#[test]
fn csv_rows_are_read_and_broken_ones_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.csv");
    std::fs::write(
        &path,
        "Id,Email,City,At\n1,a@x.co,Oslo,2026-01-01\n2,b\n3,c@x.co,\"Op\nen\",\n,d@x.co,,\n4,\"e,f,g\n5,h@x.co,,\n",
    )
    .unwrap();
    let (seen, _) = rows(&reader(&path, PERSON), None);
    assert_eq!(seen[0], "crm:contacts:1 Some(String(\"Oslo\"))");
    assert_eq!(seen[1], "line 3: 2 columns where the header has 4 | 2,b\n");
    assert_eq!(seen[2], "crm:contacts:3 Some(String(\"Op\\nen\"))");
    assert!(seen[3].starts_with("line 6: no key in column \"Id\" | {"), "{}", seen[3]);
    assert!(seen[4].ends_with(" | 4,\"e,f,g\n"), "{}", seen[4]);
    assert_eq!(seen[5..], ["crm:contacts:5 None"]);
}

#[test]
fn a_file_that_grows_or_is_replaced_is_read_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.csv");
    let reader = reader(&path, PERSON);
    let many = (0..5000).map(|n| format!("{n},p{n}@x.co,,\n")).collect::<Vec<_>>().concat();
    std::fs::write(&path, format!("Id,Email,City,At\n{many}")).unwrap();
    let (seen, cursor) = rows(&reader, None);
    assert_eq!(seen.len(), 5000);
    assert_eq!(rows(&reader, Some(cursor.clone())).0.len(), 0);
    std::fs::write(&path, format!("Id,Email,City,At\n{many}a,b@x.co,,\n")).unwrap();
    let (seen, cursor) = rows(&reader, Some(cursor));
    assert_eq!(seen, ["crm:contacts:a None"]);
    std::fs::write(&path, "Id,Email,City,At\nz,b@x.co,,\n").unwrap();
    assert_eq!(rows(&reader, Some(cursor)).0, ["crm:contacts:z None"]);
}

#[test]
fn a_row_that_is_not_finished_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.csv");
    let reader = reader(&path, PERSON);
    for unfinished in ["2,b@x.co,Os", "2,\"b@x.co\nmore"] {
        std::fs::write(&path, format!("{HEADER}1,a@x.co,,\n{unfinished}")).unwrap();
        let (seen, cursor) = rows_at(&reader, None, EARLY);
        assert_eq!(seen, ["crm:contacts:1 None"], "{unfinished}");
        std::fs::write(&path, format!("{HEADER}1,a@x.co,,\n2,b@x.co,Oslo,\n")).unwrap();
        assert_eq!(rows_at(&reader, Some(cursor), EARLY).0, ["crm:contacts:2 Some(String(\"Oslo\"))"]);
    }
    std::fs::write(&path, format!("{HEADER}1,a@x.co,,\n2,b@x.co,Oslo,")).unwrap();
    let (_, cursor) = rows_at(&reader, None, EARLY);
    let (seen, cursor) = rows_at(&reader, Some(cursor), EARLY);
    assert_eq!(seen, ["crm:contacts:2 Some(String(\"Oslo\"))"], "nobody wrote on: it is the last row");
    assert!(rows_at(&reader, Some(cursor.clone()), EARLY).0.is_empty());
    std::fs::write(&path, format!("{HEADER}1,a@x.co,,\n2,b@x.co,Oslo,\n3,c@x.co,,\n")).unwrap();
    let seen = rows(&reader, Some(cursor)).0;
    assert_eq!(seen, ["crm:contacts:2 Some(String(\"Oslo\"))", "crm:contacts:3 None"]);
}

#[test]
fn a_file_that_grows_while_it_is_read_is_read_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.csv");
    let reader = reader(&path, PERSON);
    std::fs::write(&path, format!("{HEADER}{}", people(0, 5000))).unwrap();
    let first = reader.read_batch(None, LATER).unwrap();
    assert!(first.more);
    std::fs::write(&path, format!("{HEADER}{}", people(0, 6000))).unwrap();
    let (seen, cursor) = rows(&reader, Some(first.cursor));
    assert_eq!(first.records.len() + seen.len(), 6000);
    assert!(rows(&reader, Some(cursor)).0.is_empty());
}

#[test]
fn a_file_that_is_replaced_while_it_is_read_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.csv");
    let reader = reader(&path, PERSON);
    std::fs::write(&path, format!("{HEADER}{}", people(0, 5000))).unwrap();
    let first = reader.read_batch(None, LATER).unwrap();
    // In place, with as many bytes before the place where reading stands.
    std::fs::write(&path, format!("{HEADER}{}", people(0, 6000).replace("p1@x", "q1@x"))).unwrap();
    assert_eq!(rows(&reader, Some(first.cursor)).0.len(), 6000);
}

/// However a file changes between the moment a batch begins and the moment
/// its place is remembered, what it then is counts as read only if it was.
#[test]
fn a_file_that_is_replaced_within_a_batch_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let (path, other) = (folder.path().join("c.csv"), folder.path().join("other.csv"));
    let reader = reader(&path, PERSON);
    let (old, new) = (format!("{HEADER}{}", people(1, 50)), format!("{HEADER}{}", people(100, 200)));
    let written_over = |text: &str| std::fs::write(&path, text).unwrap();
    let renamed_over = |text: &str| {
        std::fs::write(&other, text).unwrap();
        std::fs::rename(&other, &path).unwrap();
    };
    for replace in [&written_over as &dyn Fn(&str), &renamed_over] {
        std::fs::write(&path, &old).unwrap();
        let mut file = reader.open().unwrap();
        let position = Position::at_start_of_read(&mut file, None, LATER.0, true).unwrap();
        replace(&new);
        let batch = reader.read_at(&file, position, LATER).unwrap();
        assert_eq!(batch.records.iter().map(shown).collect::<Vec<_>>(), nodes(1, 50));
        let (seen, cursor) = rows(&reader, Some(batch.cursor));
        assert_eq!(seen, nodes(100, 200));
        replace(&format!("{new}{}", people(200, 201)));
        assert_eq!(rows(&reader, Some(cursor)).0, nodes(200, 201));
    }
}

#[test]
fn a_change_far_behind_the_place_of_reading_is_found_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.csv");
    let reader = reader(&path, PERSON);
    let wide = |from: u32, to: u32| -> String {
        let row = |n: u32| format!("{n},p{n}@x.co,{},\n", "y".repeat(1000));
        (from..to).map(row).collect::<Vec<_>>().concat()
    };
    std::fs::write(&path, format!("{HEADER}{}", wide(0, 5000))).unwrap();
    let first = reader.read_batch(None, LATER).unwrap();
    assert!(first.more && first.records.len() == 2000);
    std::fs::write(&path, format!("{HEADER}{}", wide(0, 5001).replace("p1@x", "q1@x"))).unwrap();
    let (seen, cursor) = rows(&reader, Some(first.cursor));
    assert_eq!(seen.len(), 3001 + 5001, "read on, and then again as a whole");
    assert!(rows(&reader, Some(cursor)).0.is_empty());
}

#[test]
fn equal_rows_have_equal_message_ids() {
    let folder = tempfile::tempdir().unwrap();
    let ids = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let records = reader(&path, PERSON).read_batch(None, LATER).unwrap().records;
        records.iter().map(LogValue::dedup_key).collect::<Vec<_>>()
    };
    let first = ids("a.csv", &format!("{HEADER}1,a@x.co,,\n2,b@x.co,,\n"));
    let second = ids("b.csv", &format!("{HEADER}2,b@x.co,,\n1,a@x.co,Oslo,\n"));
    assert_eq!(first[1], second[0]);
    assert_ne!(first[0], second[1]);
}

#[test]
fn forms_of_csv_are_read() {
    let ada = "crm:contacts:1 Some(String(\"Oslo\"))";
    check("\u{feff}Id,Email,City,At\r\n1,a@x.co,Oslo,\r\n", &[ada]);
    check("\u{feff}\"Id\",\"Email\",\"City\",\"At\"\n\"1\",\"a@x.co\",\"Oslo\",\n", &[ada]);
    check("Id,Email,City,At\n1,a@x.co,Oslo,", &[ada]);
    check("Id , Email,City,At\n1,a@x.co,Oslo,2026\n", &[ada]);
    check(
        "Id,Email,City,At\n1,a@x.co,\"a \"\"b\"\"\r\nc\",\r\n",
        &["crm:contacts:1 Some(String(\"a \\\"b\\\"\\r\\nc\"))"],
    );
    check("Id,Email,City,At\n1,,5\" pipe,", &["crm:contacts:1 Some(String(\"5\\\" pipe\"))"]);
    check("Id,Email,City,At\n", &[]);
    check("", &[]);
}

#[test]
fn broken_rows_take_nothing_with_them() {
    let (one, three) = ("crm:contacts:1 None", "crm:contacts:3 None");
    // The last column would swallow what follows it.
    let open = "line 3: a quote is never closed | 2,b@x.co,,\"\n";
    check(&format!("{HEADER}1,,,\n2,b@x.co,,\"\n3,,,\n"), &[one, open, three]);
    check(
        &format!("{HEADER}1,,,\r\n\r\n2,b\r\n3,,,\r\n"),
        &[one, "line 4: 2 columns where the header has 4 | 2,b\r\n", three],
    );
    check(
        &format!("{HEADER}1,,,\n2,,\"a\nb\"\n3,,,\n"),
        &[
            one,
            "line 3: 3 columns where the header has 4 | 2,,\"a\n",
            "line 4: 1 columns where the header has 4 | b\"\n",
            three,
        ],
    );
    let long = "x".repeat(3 * ROW_BYTES_MAX);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.csv");
    for long in [long.clone(), format!("\"{long}")] {
        std::fs::write(&path, format!("{HEADER}1,,,\n2,,{long},\n3,,,\n")).unwrap();
        let (seen, _) = rows(&reader(&path, PERSON), None);
        assert_eq!((seen.len(), seen[0].as_str(), seen[2].as_str()), (3, one, three));
        assert!(seen[1].starts_with("line 3: ") && seen[1].len() < 2 * PAYLOAD_BYTES_MAX, "{}", &seen[1][..60]);
    }
    std::fs::write(&path, [HEADER.as_bytes(), b"1,,,\n2,,\xff,\n3,,,\n"].concat()).unwrap();
    assert!(rows(&reader(&path, PERSON), None).0[1].starts_with("line 3: not UTF-8 | 2,,"));
}

#[test]
fn a_row_without_a_key_is_named_by_its_line() {
    let message = |line: u32| format!("line {line}: no key in column \"Id\" | ");
    for (content, line) in [
        ("Id,Email,City,At\n1,,,\n,b@x.co,,\n", 3),
        ("Id,Email,City,At\r\n1,,,\r\n,b@x.co,,\r\n", 3),
        ("Id,Email,City,At\n1,,\"a\nb\",\n\n,b@x.co,,", 5),
        ("Id,Email,City,At\r\n1,b\r\n,b@x.co,,\r\n", 3),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.csv");
        std::fs::write(&path, content).unwrap();
        let seen = rows(&reader(&path, PERSON), None).0.pop().unwrap();
        assert!(seen.starts_with(&message(line)), "{content:?}: {seen}");
    }
}

#[test]
fn files_that_cannot_be_meant_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.csv");
    for (content, expected) in [
        (b"\xff\xfeI\0d\0".as_slice(), "UTF-16"),
        (b"Id,Email,City,At,Email\n1,a@x.co,,,b@x.co\n", "2 columns are called \"Email\""),
        (b"Id,Mail\n1,a\n", "c.csv has no column \"At\"; it has: Id, Mail"),
    ] {
        std::fs::write(&path, content).unwrap();
        let error = reader(&path, PERSON).read_batch(None, LATER).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn times_are_of_the_sources_zone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.csv");
    let person = format!("{PERSON}, timezone: Europe/Berlin");
    for (given, expected) in [
        ("2026-07-01 12:00:00", "2026-07-01T10:00:00.000000Z"),
        ("2026-01-01T12:00", "2026-01-01T11:00:00.000000Z"),
        ("2026-07-01T12:00:00Z", "2026-07-01T12:00:00.000000Z"),
        ("1782900000", "2026-07-01T10:00:00.000000Z"),
        ("", "2096-10-02T07:06:40.000000Z"),
        ("soon", "2096-10-02T07:06:40.000000Z"),
    ] {
        std::fs::write(&path, format!("{HEADER}1,,,{given}\n")).unwrap();
        let batch = reader(&path, &person).read_batch(None, LATER).unwrap();
        let LogValue::Record(record) = &batch.records[0] else { panic!("failed") };
        assert_eq!(record.timestamps.timestamp.to_string(), expected, "{given}");
        let unreadable = record.context.object("tributary").map(|ours| ours["unreadable_timestamp"].clone());
        assert_eq!(unreadable, (given == "soon").then(|| "soon".into()));
    }
}

#[test]
fn rows_become_companies_and_events() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.csv");
    std::fs::write(&path, "Id,Name,Mail\n7,Acme,a@x.co\n").unwrap();
    let record = |rest: &str| match reader(&path, rest).read_batch(None, LATER).unwrap().records.remove(0) {
        LogValue::Record(record) => record,
        LogValue::Failed(failed) => panic!("{}", failed.message),
    };
    let company = record("record: group, traits: {name: Name}");
    assert_eq!((company.group_id.as_deref(), company.node.clone()), (Some("7"), None));
    assert_eq!(company.traits["name"], "Acme");
    let event = record("record: track, event: Signed Up, identifiers: {email: Mail}, properties: {firm: Name}");
    assert_eq!(event.node.as_ref().unwrap().to_string(), "email:a@x.co", "an event's key is nobody's");
    assert_eq!((event.event.as_deref(), event.properties.as_str()), (Some("Signed Up"), r#"{"firm":"Acme"}"#));
}

#[test]
fn json_lines_become_objects() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.jsonl");
    std::fs::write(&path, "{\"Id\":1,\"Amount\":9.5,\"Contact\":42}\n{oops\n").unwrap();
    let reader = reader(&path, "record: object, object: {type: deals, associations: {\"crm:contacts\": Contact}}");
    let batch = reader.read_batch(None, LATER).unwrap();
    let LogValue::Record(record) = &batch.records[0] else { panic!("failed") };
    let object = record.object.as_ref().unwrap();
    assert_eq!((object.kind.as_str(), object.id.as_str(), &object.fields["Amount"]), ("deals", "1", &9.5.into()));
    assert_eq!(object.associations[0].to_string(), "crm:contacts:42");
    assert_eq!(record.node, None);
    assert!(matches!(&batch.records[1], LogValue::Failed(failed) if failed.payload == b"{oops\n"));
}

#[test]
fn json_lines_grow_and_break() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.jsonl");
    let reader = reader(&path, "record: identify, traits: {city: City}");
    let long = format!("{{\"Id\":2,\"City\":\"{}\"}}", "x".repeat(ROW_BYTES_MAX));
    std::fs::write(&path, format!("\u{feff}{{\"Id\":1}}\r\n\n{long}\n[1]\n{{\"City\":\"a\"}}\n{{\"Id\":5")).unwrap();
    let (seen, cursor) = rows_at(&reader, None, EARLY);
    assert_eq!(seen[0], "crm:contacts:1 None");
    assert!(seen[1].starts_with("line 3: longer than") && seen[1].len() < 2 * PAYLOAD_BYTES_MAX);
    assert!(seen[2].starts_with("line 4: ") && seen[2].ends_with(" | [1]\n"), "{}", seen[2]);
    assert_eq!(seen[3..], ["line 5: no key in column \"Id\" | {\"City\":\"a\"}"]);
    let whole = std::fs::read_to_string(&path).unwrap() + "}\n";
    std::fs::write(&path, whole).unwrap();
    assert_eq!(rows_at(&reader, Some(cursor), EARLY).0, ["crm:contacts:5 None"]);
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_rows_are_read() {
    use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.parquet");
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(1..3001));
    let cities: ArrayRef = Arc::new(StringArray::from_iter_values((1..3001).map(|n| format!("c{n}"))));
    let batch = RecordBatch::try_from_iter([("Id", ids), ("City", cities)]).unwrap();
    let file = std::fs::File::create(&path).unwrap();
    let mut writer = ::parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let reader = reader(&path, "record: identify, traits: {city: City}");
    let (seen, cursor) = rows(&reader, None);
    assert_eq!((seen.len(), seen[2999].as_str()), (3000, "crm:contacts:3000 Some(String(\"c3000\"))"));
    assert!(rows(&reader, Some(cursor)).0.is_empty());
}
