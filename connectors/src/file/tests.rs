//! Tests of the file source: broken rows, files that grow or are replaced.

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

/// Reads to the end; a row is its node and city, a failed one its message and bytes.
fn rows(reader: &FileReader, cursor: Option<Cursor>) -> (Vec<String>, Cursor) {
    let mut seen = Vec::new();
    let mut at = cursor;
    loop {
        let batch = reader.read_batch(at, Timestamp(5)).unwrap();
        seen.extend(batch.records.iter().map(|value| match value {
            LogValue::Record(record) => format!("{} {:?}", record.node.clone().unwrap(), record.traits.get("city")),
            LogValue::Failed(failed) => format!("{} | {}", failed.message, String::from_utf8_lossy(&failed.payload)),
        }));
        if !batch.more {
            return (seen, batch.cursor);
        }
        at = Some(batch.cursor);
    }
}

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
    assert!(seen[3].starts_with("no key in column \"Id\" | {"));
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
fn a_missing_column_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.csv");
    std::fs::write(&path, "Id,Mail\n1,a\n").unwrap();
    let error = reader(&path, PERSON).read_batch(None, Timestamp(5)).unwrap_err();
    assert!(error.to_string().contains("c.csv has no column \"At\"; it has: Id, Mail"), "{error}");
}

#[test]
fn json_lines_become_objects() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.jsonl");
    std::fs::write(&path, "{\"Id\":1,\"Amount\":9.5,\"Contact\":42}\n{oops\n").unwrap();
    let reader = reader(&path, "record: object, object: {type: deals, associations: {\"crm:contacts\": Contact}}");
    let batch = reader.read_batch(None, Timestamp(5)).unwrap();
    let LogValue::Record(record) = &batch.records[0] else { panic!("failed") };
    let object = record.object.as_ref().unwrap();
    assert_eq!((object.kind.as_str(), object.id.as_str(), &object.fields["Amount"]), ("deals", "1", &9.5.into()));
    assert_eq!(object.associations[0].to_string(), "crm:contacts:42");
    assert_eq!(record.node, None);
    assert!(matches!(&batch.records[1], LogValue::Failed(failed) if failed.payload == b"{oops\n"));
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
