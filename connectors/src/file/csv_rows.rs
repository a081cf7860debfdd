//! Rows of CSV files. A broken row is kept with its line number and bytes,
//! and reading goes on behind its first line.

use super::opened::At;
use super::{
    BATCH_BYTES, BATCH_ROWS, BrokenRow, End, Opened, PAYLOAD_BYTES_MAX, Position, ROW_BYTES_MAX, Row, Rows, Values,
};
use crate::{Error, Result};
use csv::{ByteRecord, StringRecord};
use serde_json::Value;
use std::io::{BufRead as _, Read, Seek, SeekFrom};
use std::path::Path;
use tributary_config::FileSource;
use tributary_protocol::Json;

/// Bytes that the reader takes at once.
const BUFFER_BYTES: usize = 64 << 10;

fn format_error(path: &Path, reason: impl std::fmt::Display) -> Error {
    Error::Format { path: path.to_owned(), reason: reason.to_string() }
}

/// A file that ends after `left` more bytes: a quote that is never closed
/// must not pull the whole file into memory.
struct Bounded<'a> {
    file: At<'a>,
    left: usize,
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = buffer.len().min(self.left);
        let read = self.file.read(&mut buffer[..most])?;
        self.left -= read;
        Ok(read)
    }
}

impl Seek for Bounded<'_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.file.seek(to)
    }
}

type Reader<'a> = csv::Reader<Bounded<'a>>;

fn open<'a>(settings: &FileSource, opened: &'a Opened) -> Result<Reader<'a>> {
    let mut start = [0; 2];
    let read = opened.at(0).read(&mut start).map_err(|source| opened.wrong(source))?;
    if read == 2 && (start == [0xff, 0xfe] || start == [0xfe, 0xff]) {
        return Err(format_error(opened.path(), "it is UTF-16; save it as UTF-8"));
    }
    let file = opened.at(0);
    let delimiter = u8::try_from(settings.delimiter).unwrap_or(b',');
    let mut builder = csv::ReaderBuilder::new();
    builder.delimiter(delimiter).has_headers(true).flexible(true).buffer_capacity(BUFFER_BYTES);
    Ok(builder.from_reader(Bounded { file, left: ROW_BYTES_MAX + BUFFER_BYTES }))
}

fn header(reader: &mut Reader<'_>, path: &Path) -> Result<Vec<String>> {
    let header = reader.headers().map_err(|error| format_error(path, error))?;
    let name = |text: &str| text.trim_start_matches('\u{feff}').trim().to_owned();
    Ok(header.iter().map(name).collect())
}

/// Columns of the header line.
pub(crate) fn columns(settings: &FileSource, opened: &Opened) -> Result<Vec<String>> {
    header(&mut open(settings, opened)?, opened.path())
}

/// Reads the next rows.
pub(crate) fn read(settings: &FileSource, opened: &Opened, mut position: Position) -> Result<Rows> {
    let path = opened.path();
    let mut reader = open(settings, opened)?;
    let columns = header(&mut reader, path)?;
    // The reader counts a line when it meets `\n`: with `\r\n`, that is in the row after.
    let counts_late =
        reader.position().line() == newlines(reader.byte_headers().map_err(|error| format_error(path, error))?) + 1;
    if position.offset > 0 {
        seek(&mut reader, path, position.offset, position.line)?;
    }
    let begin = position.offset;
    let mut rows: Vec<Row> = Vec::new();
    let mut record = ByteRecord::new();
    while rows.len() < BATCH_ROWS && position.offset - begin < BATCH_BYTES {
        reader.get_mut().left = ROW_BYTES_MAX + BUFFER_BYTES;
        let (start, line) = (reader.position().byte(), reader.position().line());
        let read = reader.read_byte_record(&mut record).map_err(|error| format_error(path, error))?;
        let end = reader.position().byte();
        if !read {
            (position.end, position.offset, position.line) = (End::Reached, end, reader.position().line());
            break;
        }
        let last = end >= position.size();
        let raw = Raw { opened, start, end, line, delimiter: settings.delimiter };
        let ending = if last || reader.get_ref().left == 0 { raw.ending()? } else { Ending::Whole };
        if last && ending != Ending::Whole && !position.settled {
            // It may still be written to: it is looked at again.
            position.end = End::Waiting;
            break;
        }
        match row(&columns, &record, ending, end - start) {
            Ok(values) => {
                let counted = !counts_late && ending != Ending::NoNewline;
                let line = reader.position().line() - newlines(&record) - u64::from(counted);
                rows.push(Ok(Values { place: format!("line {line}"), values }));
            }
            Err(reason) => {
                let (broken, behind, line) = raw.broken(&reason)?;
                rows.push(Err(broken));
                seek(&mut reader, path, behind, line)?;
            }
        }
        if last && ending == Ending::NoNewline {
            // Read now, and again as a whole once the file has grown.
            (position.end, position.offset, position.line) = (End::Reached, start, line);
            break;
        }
        (position.offset, position.line) = (reader.position().byte(), reader.position().line());
    }
    Ok(Rows { rows, position })
}

/// Line ends within the cells of a row.
fn newlines(record: &ByteRecord) -> u64 {
    record.as_slice().split(|byte| *byte == b'\n').count() as u64 - 1
}

fn seek(reader: &mut Reader<'_>, path: &Path, byte: u64, line: u64) -> Result<()> {
    let mut place = csv::Position::new();
    place.set_byte(byte).set_line(line);
    reader.seek(place).map_err(|error| format_error(path, error))
}

fn row(columns: &[String], record: &ByteRecord, ending: Ending, bytes: u64) -> Result<Json, String> {
    if ending == Ending::OpenQuote {
        return Err("a quote is never closed".to_owned());
    }
    if bytes > ROW_BYTES_MAX as u64 {
        return Err(format!("longer than {ROW_BYTES_MAX} bytes"));
    }
    if record.len() != columns.len() {
        return Err(format!("{} columns where the header has {}", record.len(), columns.len()));
    }
    let record = StringRecord::from_byte_record(record.clone()).map_err(|_| "not UTF-8".to_owned())?;
    let value = |text: &str| if text.is_empty() { Value::Null } else { Value::String(text.to_owned()) };
    Ok(columns.iter().cloned().zip(record.iter().map(value)).collect())
}

/// How the bytes of a row end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Whole,
    NoNewline,
    OpenQuote,
}

/// The bytes of a row, in the file.
struct Raw<'a> {
    opened: &'a Opened,
    start: u64,
    end: u64,
    /// Line of `start`, from 1.
    line: u64,
    delimiter: char,
}

impl Raw<'_> {
    fn ending(&self) -> Result<Ending> {
        let mut bytes = Vec::new();
        let mut row = self.opened.at(self.start).take(self.end - self.start);
        row.read_to_end(&mut bytes).map_err(|source| self.opened.wrong(source))?;
        Ok(match bytes.last() {
            _ if has_open_quote(&bytes, self.delimiter) => Ending::OpenQuote,
            Some(b'\n') => Ending::Whole,
            _ => Ending::NoNewline,
        })
    }

    /// The row as a broken one: its first line that is not blank; where the
    /// next line begins, and its number.
    fn broken(&self, reason: &str) -> Result<(BrokenRow, u64, u64)> {
        let wrong = |source| self.opened.wrong(source);
        let mut reader = self.opened.buffered(self.start);
        let (mut payload, mut behind, mut line) = (Vec::new(), self.start, self.line);
        loop {
            let most = PAYLOAD_BYTES_MAX as u64;
            let read = (&mut reader).take(most).read_until(b'\n', &mut payload).map_err(wrong)?;
            behind += read as u64;
            if read as u64 == most && payload.last() != Some(&b'\n') {
                behind += reader.skip_until(b'\n').map_err(wrong)? as u64;
            }
            if read == 0 || !payload.trim_ascii().is_empty() {
                break;
            }
            payload.clear();
            line += 1;
        }
        Ok((BrokenRow { message: format!("line {line}: {reason}"), payload }, behind, line + 1))
    }
}

/// Whether the bytes end within a quoted cell. As the reader sees it, a quote
/// opens a cell only at its beginning.
fn has_open_quote(bytes: &[u8], delimiter: char) -> bool {
    enum At {
        CellStart,
        Plain,
        Quoted,
        QuoteInQuoted,
    }
    let delimiter = u8::try_from(delimiter).unwrap_or(b',');
    let mut at = At::CellStart;
    for &byte in bytes {
        let parts = byte == delimiter || byte == b'\n' || byte == b'\r';
        at = match at {
            At::CellStart | At::QuoteInQuoted if byte == b'"' => At::Quoted,
            At::Quoted if byte == b'"' => At::QuoteInQuoted,
            At::Quoted => At::Quoted,
            _ if parts => At::CellStart,
            _ => At::Plain,
        };
    }
    matches!(at, At::Quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_open_only_at_a_cells_beginning() {
        let cases = [
            ("a,b\n", false),
            ("a,\"b\n", true),
            ("a,\"b\"\n", false),
            ("a,\"b\"\"\n", true),
            ("a,5\" pipe\n", false),
            ("a;\"b", false),
            ("\"a\"b,\"c\"\n", false),
        ];
        for (text, expected) in cases {
            assert_eq!(has_open_quote(text.as_bytes(), ','), expected, "{text:?}");
        }
        assert!(has_open_quote(b"a;\"b", ';'));
    }
}
