//! Rows of CSV and JSON Lines files. A broken row is kept with its line
//! number and bytes, and reading goes on behind it.

use super::{BATCH_BYTES, BATCH_ROWS, BrokenRow, Position, Row, Rows};
use crate::{Error, Result};
use csv::{ByteRecord, StringRecord};
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use tributary_config::FileSource;
use tributary_protocol::Json;

fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(|source| Error::File { path: path.to_owned(), source })
}

fn csv_reader(settings: &FileSource) -> Result<csv::Reader<File>> {
    let delimiter = u8::try_from(settings.delimiter).unwrap_or(b',');
    let mut builder = csv::ReaderBuilder::new();
    Ok(builder.delimiter(delimiter).has_headers(true).flexible(true).from_reader(open(&settings.path)?))
}

fn format_error(path: &Path, reason: &dyn std::fmt::Display) -> Error {
    Error::Format { path: path.to_owned(), reason: reason.to_string() }
}

fn header(reader: &mut csv::Reader<File>, path: &Path) -> Result<Vec<String>> {
    let header = reader.headers().map_err(|error| format_error(path, &error))?;
    let name = |text: &str| text.trim_start_matches('\u{feff}').trim().to_owned();
    Ok(header.iter().map(name).collect())
}

/// Columns of the header line.
pub(crate) fn csv_columns(settings: &FileSource) -> Result<Vec<String>> {
    header(&mut csv_reader(settings)?, &settings.path)
}

/// Reads the next rows of a CSV file.
pub(crate) fn read_csv(settings: &FileSource, mut position: Position) -> Result<Rows> {
    let wrong = |error: csv::Error| format_error(&settings.path, &error);
    let mut reader = csv_reader(settings)?;
    let columns = header(&mut reader, &settings.path)?;
    if position.offset > 0 {
        let mut start = csv::Position::new();
        start.set_byte(position.offset).set_line(position.rows + 2);
        reader.seek(start).map_err(wrong)?;
    }
    let begin = position.offset;
    let mut rows: Vec<Row> = Vec::new();
    let mut record = ByteRecord::new();
    let mut last = position.offset;
    while rows.len() < BATCH_ROWS && position.offset - begin < BATCH_BYTES {
        let start = reader.position().clone();
        if !reader.read_byte_record(&mut record).map_err(wrong)? {
            position.done = true;
            position.offset = if ends_whole(&settings.path)? { reader.position().byte() } else { last };
            break;
        }
        last = start.byte();
        // The reader skips blank lines: the record tells where it began.
        let line = record.position().map_or(start.line(), csv::Position::line);
        match csv_row(&columns, record.clone()) {
            Ok(row) => rows.push(Ok(row)),
            Err(reason) => {
                let first = record.position().map_or(start.byte(), csv::Position::byte);
                let payload = first_line(&settings.path, first, reader.position().byte())?;
                let mut behind = csv::Position::new();
                behind.set_byte(first + payload.len() as u64).set_line(line + 1);
                // A quote that is never closed swallows what follows: go on behind its first line.
                reader.seek(behind).map_err(wrong)?;
                rows.push(Err(BrokenRow { message: format!("line {line}: {reason}"), payload }));
            }
        }
        position.rows += 1;
        position.offset = reader.position().byte();
    }
    Ok(Rows { rows, position })
}

/// Whether the last line is whole. One without its end may still be written
/// to: it is read now, and again once the file has grown.
fn ends_whole(path: &Path) -> Result<bool> {
    let wrong = |source| Error::File { path: path.to_owned(), source };
    let mut file = open(path)?;
    if file.metadata().map_err(wrong)?.len() == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1)).map_err(wrong)?;
    let mut byte = [0];
    file.read_exact(&mut byte).map_err(wrong)?;
    Ok(byte[0] == b'\n')
}

fn csv_row(columns: &[String], record: ByteRecord) -> Result<Json, String> {
    if record.len() != columns.len() {
        return Err(format!("{} columns where the header has {}", record.len(), columns.len()));
    }
    let record = StringRecord::from_byte_record(record).map_err(|_| "not UTF-8".to_owned())?;
    let value = |text: &str| if text.is_empty() { Value::Null } else { Value::String(text.to_owned()) };
    Ok(columns.iter().cloned().zip(record.iter().map(value)).collect())
}

fn first_line(path: &Path, from: u64, to: u64) -> Result<Vec<u8>> {
    let wrong = |source| Error::File { path: path.to_owned(), source };
    let mut file = open(path)?;
    file.seek(SeekFrom::Start(from)).map_err(wrong)?;
    let mut line = Vec::new();
    BufReader::new(file.take(to - from)).read_until(b'\n', &mut line).map_err(wrong)?;
    Ok(line)
}

/// Keys of the first line.
pub(crate) fn jsonl_columns(path: &Path) -> Result<Vec<String>> {
    let mut line = Vec::new();
    let read = BufReader::new(open(path)?).read_until(b'\n', &mut line);
    read.map_err(|source| Error::File { path: path.to_owned(), source })?;
    Ok(serde_json::from_slice::<Json>(&line)
        .map(|row| row.into_iter().map(|(key, _)| key).collect())
        .unwrap_or_default())
}

/// Reads the next lines of a JSON Lines file.
pub(crate) fn read_jsonl(path: &Path, mut position: Position) -> Result<Rows> {
    let wrong = |source| Error::File { path: path.to_owned(), source };
    let mut file = open(path)?;
    file.seek(SeekFrom::Start(position.offset)).map_err(wrong)?;
    let mut reader = BufReader::new(file);
    let begin = position.offset;
    let mut rows: Vec<Row> = Vec::new();
    let mut line = Vec::new();
    while rows.len() < BATCH_ROWS && position.offset - begin < BATCH_BYTES {
        line.clear();
        if reader.read_until(b'\n', &mut line).map_err(wrong)? == 0 {
            position.done = true;
            break;
        }
        let number = position.rows + 1;
        if !line.trim_ascii().is_empty() {
            let row = serde_json::from_slice::<Json>(line.trim_ascii());
            let broken = |error| BrokenRow { message: format!("line {number}: {error}"), payload: line.clone() };
            rows.push(row.map_err(broken));
        }
        if !line.ends_with(b"\n") {
            position.done = true;
            break;
        }
        position.rows = number;
        position.offset += line.len() as u64;
    }
    Ok(Rows { rows, position })
}
